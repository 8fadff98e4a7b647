//! The codes that the columns of a sparse table store among the rows of a node.
//!
//! A column of the whole table stores codes of all rows, of which a small node holds few, and a row stores codes of all
//! columns, of which a node draws few. So whenever a node has less than a part of the rows whose columns are at hand,
//! the stored codes of its own rows are sorted into columns of their own, which serve all nodes below it; and where a
//! node is small enough, it becomes a [`Block`].

use super::super::bins::{Code, CodeColumn, SparseCodes};
use super::block::{self, Block};

/// Rows from which columns of their own are worth making.
const LEAST: usize = 64;
/// The part of the rows at hand, one in so many, from which on they are made.
const PART: usize = 4;

/// A row and its code in one number.
trait Packed: Copy + Default {
    fn of(row: u32, code: usize) -> Self;
    fn row(self) -> u32;
    fn code(self) -> usize;
}

/// Rows and codes of one byte that fit half the memory.
impl Packed for u32 {
    #[inline(always)]
    fn of(row: u32, code: usize) -> Self {
        row << u8::BITS | code as Self
    }

    #[inline(always)]
    fn row(self) -> u32 {
        self >> u8::BITS
    }

    #[inline(always)]
    fn code(self) -> usize {
        (self & 0xff) as usize
    }
}

impl Packed for u64 {
    #[inline(always)]
    fn of(row: u32, code: usize) -> Self {
        Self::from(row) << u32::BITS | code as Self
    }

    #[inline(always)]
    fn row(self) -> u32 {
        (self >> u32::BITS) as u32
    }

    #[inline(always)]
    fn code(self) -> usize {
        (self & 0xffff_ffff) as usize
    }
}

/// The stored codes of some rows, column after column.
struct Part {
    rows: usize,
    /// Where each column starts, and the last ends.
    starts: Vec<u32>,
    stored: Stored,
}

enum Stored {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Part {
    fn new<C: Code>(codes: &SparseCodes<C>) -> Self {
        let narrow = size_of::<C>() == 1 && codes.rows() <= 1 << (u32::BITS - u8::BITS);
        let stored = if narrow { Stored::Narrow(Vec::new()) } else { Stored::Wide(Vec::new()) };
        Self { rows: 0, starts: Vec::new(), stored }
    }

    fn fill<C: Code>(&mut self, codes: &SparseCodes<C>, rows: &[u32]) {
        self.rows = rows.len();
        self.starts.clear();
        self.starts.resize(codes.zero().len() + 2, 0);
        // Counted two places later, so that after the sum each column's start is one place later, and moves to its own
        // end, which is the next one's start, as the column is filled.
        codes.each_of(rows, |_, columns, _| columns.iter().for_each(|j| self.starts[*j as usize + 2] += 1));
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        match &mut self.stored {
            Stored::Narrow(stored) => put(stored, &mut self.starts, codes, rows),
            Stored::Wide(stored) => put(stored, &mut self.starts, codes, rows),
        }
    }

    fn range(&self, j: usize) -> std::ops::Range<usize> {
        self.starts[j] as usize..self.starts[j + 1] as usize
    }

    /// Calls this for each row with a stored code in a column.
    #[inline]
    fn each(&self, j: usize, mut f: impl FnMut(u32, usize)) {
        match &self.stored {
            Stored::Narrow(stored) => stored[self.range(j)].iter().for_each(|e| f(e.row(), e.code())),
            Stored::Wide(stored) => stored[self.range(j)].iter().for_each(|e| f(e.row(), e.code())),
        }
    }
}

/// Writes the codes of these rows to their columns, whose starts move to their ends.
fn put<C: Code, P: Packed>(stored: &mut Vec<P>, starts: &mut [u32], codes: &SparseCodes<C>, rows: &[u32]) {
    let n = starts.last().map_or(0, |n| *n as usize);
    if stored.len() < n {
        stored.resize(n, P::default());
    }
    for row in rows {
        let (columns, row_codes) = codes.row(*row as usize);
        for (j, code) in columns.iter().zip(row_codes) {
            let at = &mut starts[*j as usize + 1];
            stored[*at as usize] = P::of(*row, code.bin());
            *at += 1;
        }
    }
}

/// The parts of the table that are at hand, each of the rows of a node below that of the one before it.
#[derive(Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
    /// How many of them hold the rows of the node at hand.
    used: usize,
    /// The block that holds them, if it is of use.
    block: Block,
    in_block: bool,
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

impl Parts {
    /// Goes on with a node of these rows below a node of `above` rows, which the first `used` parts hold; returns how
    /// many hold them from then on.
    pub(super) fn enter<C: Code>(
        &mut self,
        codes: &SparseCodes<C>,
        (rows, above): (&[u32], usize),
        used: usize,
    ) -> usize {
        self.used = used;
        self.in_block = rows.len() <= block::ROWS;
        if self.in_block {
            if above > block::ROWS {
                self.block.fill(codes, rows);
            }
            self.block.enter(rows);
            return used;
        }
        let held = self.parts[..used].last().map_or(codes.rows(), |part| part.rows);
        if rows.len() >= LEAST && rows.len() * PART <= held {
            if self.parts.len() == used {
                self.parts.push(Part::new(codes));
            }
            self.parts[used].fill(codes, rows);
            self.used += 1;
        }
        self.used
    }

    /// The block that holds the node at hand.
    pub(super) fn block(&self) -> Option<&Block> {
        self.in_block.then_some(&self.block)
    }

    /// Calls this for each row with a stored code in a column of the last part that holds the node at hand; whether
    /// there is one.
    pub(super) fn each(&self, j: usize, f: impl FnMut(u32, usize)) -> bool {
        self.parts[..self.used].last().map(|part| part.each(j, f)).is_some()
    }

    /// Gathers the stored codes of the drawn columns in the node that holds the bag's rows from `start` on, in
    /// whichever way has to look at fewer.
    pub(super) fn gather<C: Code>(
        &mut self,
        codes: &SparseCodes<C>,
        drawn: &[u32],
        (start, rows): (usize, &[u32]),
        place: &[u32],
    ) {
        self.starts.clear();
        self.starts.push(0);
        if self.in_block {
            self.stored.clear();
            for j in drawn {
                let add = |place: usize, code: usize| self.stored.push((code as u16, place as u32));
                self.block.each(codes, *j as usize, add);
                self.starts.push(self.stored.len() as u32);
            }
            return;
        }
        let part = self.parts[..self.used].last();
        let of =
            |j: &u32| part.map_or_else(|| codes.stored(*j as usize), |part| part.range(*j as usize).len());
        let by_columns: usize = drawn.iter().map(of).sum();
        let by_rows = rows.len() * (codes.len() / codes.rows().max(1));
        if by_columns + drawn.len() <= by_rows {
            let n = rows.len() as u32;
            // Each is written and counts where its row is here: a branch that is guessed wrong too often costs more.
            if self.stored.len() < by_columns {
                self.stored.resize(by_columns, (0, 0));
            }
            let (stored, mut held) = (&mut self.stored[..by_columns], 0);
            for j in drawn {
                let mut add = |row: u32, code: usize| {
                    let at = place[row as usize].wrapping_sub(start as u32);
                    stored[held] = (code as u16, at);
                    held += usize::from(at < n);
                };
                match part {
                    Some(part) => part.each(*j as usize, add),
                    None => {
                        if let CodeColumn::Sparse { rows, codes, .. } = codes.column(*j as usize) {
                            rows.iter().zip(codes).for_each(|(row, code)| add(*row, code.bin()));
                        }
                    }
                }
                self.starts.push(held as u32);
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
        if self.stored.len() < self.met.len() {
            self.stored.resize(self.met.len(), (0, 0));
        }
        // Filled from the back, so that each start ends up where its column starts.
        for (slot, code, at) in self.met.iter().rev() {
            let end = &mut self.starts[*slot as usize + 1];
            *end -= 1;
            self.stored[*end as usize] = (*code, *at);
        }
        self.starts.rotate_left(1);
        if let Some(last) = self.starts.last_mut() {
            *last = self.met.len() as u32;
        }
    }

    /// The stored codes of the drawn column number `slot`, each with the place of its row in the node.
    pub(super) fn of(&self, slot: usize) -> &[(u16, u32)] {
        &self.stored[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}
