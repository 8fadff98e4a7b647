//! The codes that the columns of a sparse table store among the rows of a node.
//!
//! A column of the whole table stores codes of all rows, of which a small node holds few, and a row stores codes of all
//! columns, of which a node draws few. So whenever a node has less than a part of the rows whose columns are at hand,
//! the stored codes of its own rows are sorted into columns of their own, which serve all nodes below it.

use super::super::bins::{Code, CodeColumn, SparseCodes};

/// Rows from which columns of their own are worth making.
const LEAST: usize = 128;
/// The part of the rows at hand, one in so many, from which on they are made.
const PART: usize = 3;

/// The stored codes of some rows, column after column.
#[derive(Default)]
pub(super) struct Part<C> {
    rows: usize,
    /// Where each column starts, and the last ends.
    starts: Vec<u32>,
    stored: Vec<(u32, C)>,
}

impl<C: Code> Part<C> {
    fn fill(&mut self, codes: &SparseCodes<C>, rows: &[u32]) {
        self.rows = rows.len();
        self.starts.clear();
        self.starts.resize(codes.zero().len() + 2, 0);
        // Counted two places later, so that after the sum each column's start is one place later, and moves to its own
        // end, which is the next one's start, as the column is filled.
        for row in rows {
            codes.row(*row as usize).0.iter().for_each(|j| self.starts[*j as usize + 2] += 1);
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.stored.resize(sum as usize, (0, C::default()));
        for row in rows {
            let (columns, row_codes) = codes.row(*row as usize);
            for (j, code) in columns.iter().zip(row_codes) {
                let at = &mut self.starts[*j as usize + 1];
                self.stored[*at as usize] = (*row, *code);
                *at += 1;
            }
        }
    }

    fn column(&self, j: usize) -> &[(u32, C)] {
        &self.stored[self.starts[j] as usize..self.starts[j + 1] as usize]
    }
}

/// The parts of the table that are at hand, each of the rows of a node below that of the one before it.
#[derive(Default)]
pub(super) struct Parts<C> {
    parts: Vec<Part<C>>,
    /// How many of them hold the rows of the node at hand.
    used: usize,
    /// For each column its number among the drawn ones plus one, or 0.
    slot: Vec<u32>,
    /// Drawn number, code and place, in the order in which they were met.
    met: Vec<(u32, u16, u32)>,
    starts: Vec<u32>,
    /// Code and place, drawn column after drawn column.
    stored: Vec<(u16, u32)>,
}

/// Where a row lies in the bag; rows that are not in it lie nowhere.
pub(super) const NOWHERE: u32 = u32::MAX;

impl<C: Code> Parts<C> {
    /// Goes on with a node of these rows, which the first `used` parts hold; returns how many hold them from then on.
    pub(super) fn enter(&mut self, codes: &SparseCodes<C>, rows: &[u32], used: usize) -> usize {
        self.used = used;
        let above = self.parts[..used].last().map_or(codes.rows(), |part| part.rows);
        if rows.len() >= LEAST && rows.len() * PART <= above {
            if self.parts.len() == used {
                self.parts.push(Part { rows: 0, starts: Vec::new(), stored: Vec::new() });
            }
            self.parts[used].fill(codes, rows);
            self.used += 1;
        }
        self.used
    }

    /// The stored codes of a column in the last of so many parts; `None` without parts.
    pub(super) fn column(&self, used: usize, j: usize) -> Option<&[(u32, C)]> {
        Some(self.parts[..used].last()?.column(j))
    }

    /// Gathers the stored codes of the drawn columns in the node that holds the bag's rows from `start` on, in
    /// whichever way has to look at fewer.
    pub(super) fn gather(
        &mut self,
        codes: &SparseCodes<C>,
        drawn: &[u32],
        (start, rows): (usize, &[u32]),
        place: &[u32],
    ) {
        self.stored.clear();
        self.starts.clear();
        self.starts.push(0);
        let part = self.parts[..self.used].last();
        let of =
            |j: &u32| part.map_or_else(|| codes.stored(*j as usize), |part| part.column(*j as usize).len());
        let by_columns: usize = drawn.iter().map(of).sum();
        let by_rows = rows.len() * (codes.len() / codes.rows().max(1));
        if by_columns + drawn.len() <= by_rows {
            let n = rows.len() as u32;
            for j in drawn {
                let mut add = |row: u32, code: C| {
                    let at = place[row as usize].wrapping_sub(start as u32);
                    if at < n {
                        self.stored.push((code.bin() as u16, at));
                    }
                };
                match (part, codes.column(*j as usize)) {
                    (Some(part), _) => {
                        part.column(*j as usize).iter().for_each(|(row, code)| add(*row, *code));
                    }
                    (None, CodeColumn::Sparse { rows, codes, .. }) => {
                        rows.iter().zip(codes).for_each(|(row, code)| add(*row, *code));
                    }
                    (None, CodeColumn::Dense(_)) => {}
                }
                self.starts.push(self.stored.len() as u32);
            }
            return;
        }
        self.slot.resize(codes.zero().len(), 0);
        drawn.iter().enumerate().for_each(|(s, j)| self.slot[*j as usize] = s as u32 + 1);
        self.met.clear();
        self.starts.resize(drawn.len() + 1, 0);
        for (at, i) in rows.iter().enumerate() {
            let (columns, row_codes) = codes.row(*i as usize);
            for (j, code) in columns.iter().zip(row_codes) {
                let slot = self.slot[*j as usize];
                if slot > 0 {
                    self.met.push((slot - 1, code.bin() as u16, at as u32));
                    self.starts[slot as usize] += 1;
                }
            }
        }
        drawn.iter().for_each(|j| self.slot[*j as usize] = 0);
        for s in 1..self.starts.len() {
            self.starts[s] += self.starts[s - 1];
        }
        self.stored.resize(self.met.len(), (0, 0));
        // Filled from the back, so that each start ends up where its column starts.
        for (slot, code, at) in self.met.iter().rev() {
            let end = &mut self.starts[*slot as usize + 1];
            *end -= 1;
            self.stored[*end as usize] = (*code, *at);
        }
        self.starts.rotate_left(1);
        if let Some(last) = self.starts.last_mut() {
            *last = self.stored.len() as u32;
        }
    }

    /// The stored codes of the drawn column number `slot`, each with the place of its row in the node.
    pub(super) fn of(&self, slot: usize) -> &[(u16, u32)] {
        &self.stored[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}
