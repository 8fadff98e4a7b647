//! The rows of a node, grouped by their codes in a column.

use super::super::bins::{Code, CodeColumn, SparseCodes};
use super::objective::Objective;
use super::split::{Groups, add};

/// The rows of a tree in the order of its nodes: each node is a range.
pub(super) struct Bag<I> {
    pub(super) rows: Vec<u32>,
    pub(super) items: Vec<I>,
}

/// Memory for grouping.
#[derive(Default)]
pub(super) struct Buffers<N> {
    /// Cells by code.
    hist: Vec<N>,
    /// Code and place of few rows, for sorting.
    keys: Vec<u64>,
    pub(super) groups: Groups<N>,
}

/// So many rows are grouped by sorting them when there are more than [`SPARE`] codes for each.
const FEW: usize = 40;
const SPARE: usize = 6;

impl<N: Copy + Default + std::ops::AddAssign> Buffers<N> {
    /// Groups the rows of a dense column, `codes` of them at most.
    pub(super) fn dense<C: Code, O: Objective<Num = N>>(
        &mut self,
        by: &O,
        column: &[C],
        codes: usize,
        (rows, items): (&[u32], &[O::Item]),
    ) {
        let w = by.width();
        if rows.len() <= FEW || rows.len() * SPARE < codes {
            self.keys.clear();
            let key = |(place, row): (usize, &u32)| (column[*row as usize].bin() as u64) << 32 | place as u64;
            self.keys.extend(rows.iter().enumerate().map(key));
            self.sorted(by, 0, items);
            return;
        }
        self.hist.clear();
        self.hist.resize(codes * w, N::default());
        for (row, item) in rows.iter().zip(items) {
            let at = column[*row as usize].bin() * w;
            by.add(&mut self.hist[at..at + w], *item);
        }
        self.compact(by);
    }

    /// Groups by the keys from number `from` on: code above, place in `items` below.
    fn sorted<O: Objective<Num = N>>(&mut self, by: &O, from: usize, items: &[O::Item]) {
        let w = by.width();
        let Groups { codes, cells } = &mut self.groups;
        codes.clear();
        cells.clear();
        let keys = &mut self.keys[from..];
        keys.sort_unstable();
        let mut last = u64::MAX;
        for key in keys.iter() {
            let code = *key >> 32;
            if code != last {
                codes.push(code as u16);
                cells.resize(cells.len() + w, N::default());
                last = code;
            }
            let start = cells.len() - w;
            by.add(&mut cells[start..], items[(*key & 0xffff_ffff) as usize]);
        }
    }

    /// Keeps the codes that occur.
    fn compact<O: Objective<Num = N>>(&mut self, by: &O) {
        let w = by.width();
        let Groups { codes, cells } = &mut self.groups;
        codes.clear();
        cells.clear();
        for (code, cell) in self.hist.chunks_exact(w).enumerate() {
            if by.rows(cell) > 0 {
                codes.push(code as u16);
                cells.extend_from_slice(cell);
            }
        }
    }

    /// Groups stored codes (with the places of their rows in `items`); the rows that are not among them have the code
    /// `zero`.
    pub(super) fn sparse<O: Objective<Num = N>>(
        &mut self,
        by: &O,
        (stored, zero, codes): (&[(u16, u32)], usize, usize),
        items: &[O::Item],
        total: &[N],
    ) where
        N: std::ops::Sub<Output = N>,
    {
        let w = by.width();
        if stored.len() <= FEW || stored.len() * SPARE < codes {
            self.keys.clear();
            self.keys.extend(stored.iter().map(|(code, place)| u64::from(*code) << 32 | u64::from(*place)));
            self.sorted(by, 0, items);
        } else {
            self.hist.clear();
            self.hist.resize(codes * w, N::default());
            for (code, place) in stored {
                let at = usize::from(*code) * w;
                by.add(&mut self.hist[at..at + w], items[*place as usize]);
            }
            self.compact(by);
        }
        if stored.len() < items.len() {
            let Groups { codes, cells } = &mut self.groups;
            let mut sum = vec![N::default(); w];
            cells.chunks_exact(w).for_each(|cell| add(&mut sum, cell));
            let rest: Vec<N> = total.iter().zip(&sum).map(|(t, s)| *t - *s).collect();
            let at = codes.partition_point(|c| usize::from(*c) < zero);
            codes.insert(at, zero as u16);
            cells.splice(at * w..at * w, rest);
        }
    }
}

/// The codes other than zero's that some columns have among the rows of a node, gathered in whichever way has to look
/// at fewer.
#[derive(Default)]
pub(super) struct Gathered {
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

impl Gathered {
    /// The stored codes of the drawn columns in the node that holds the bag's rows from `start` on.
    pub(super) fn gather<C: Code>(
        &mut self,
        codes: &SparseCodes<C>,
        drawn: &[u32],
        (start, rows): (usize, &[u32]),
        place: &[u32],
    ) {
        self.stored.clear();
        self.starts.clear();
        self.starts.push(0);
        let by_columns: usize = drawn.iter().map(|j| codes.stored(*j as usize)).sum();
        let by_rows: usize = rows.iter().map(|i| codes.row_len(*i as usize)).sum();
        if by_columns <= by_rows {
            let end = start + rows.len();
            for j in drawn {
                if let CodeColumn::Sparse { rows, codes, .. } = codes.column(*j as usize) {
                    for (row, code) in rows.iter().zip(codes) {
                        let at = place[*row as usize] as usize;
                        if at >= start && at < end {
                            self.stored.push((code.bin() as u16, (at - start) as u32));
                        }
                    }
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

    /// The stored codes of the drawn column number `slot`.
    pub(super) fn of(&self, slot: usize) -> &[(u16, u32)] {
        &self.stored[self.starts[slot] as usize..self.starts[slot + 1] as usize]
    }
}
