//! The rows of a node, grouped by their codes in a column.

use super::super::bins::{Binned, Bins, Code, CodeColumn, SparseCodes};
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
    /// Cells by code, all empty between calls.
    empty: Vec<N>,
    /// Cells by code of several columns, [`CODES`] each.
    pub(super) hists: Vec<N>,
    /// Code and place of few rows, for sorting.
    keys: Vec<u64>,
    pub(super) groups: Groups<N>,
}

/// Codes row after row, at most [`CODES`] in any column.
pub(crate) struct Lines<C> {
    blocks: Vec<[C; BLOCK]>,
    /// Blocks a row.
    width: usize,
}

/// Codes that lie together.
const BLOCK: usize = 32;

/// Cells of a column in [`Buffers::hists`].
pub(super) const CODES: usize = 256;

/// The most columns of [`Lines`]: the copy costs little beside the matrix.
const NARROW: usize = 128;

impl<C: Code> Lines<C> {
    /// The lines of dense narrow codes; `None` for others.
    pub(crate) fn new(codes: &Binned<C>, bins: &Bins) -> Option<Self> {
        let few = bins.columns().iter().all(|c| c.missing_code() < CODES);
        if !few || codes.cols() > NARROW {
            return None;
        }
        let width = codes.cols().div_ceil(BLOCK);
        let blocks = codes.by_rows(width * BLOCK)?.as_chunks().0.to_vec();
        Some(Self { blocks, width })
    }

    /// Room for the lines of so many rows.
    pub(super) fn room(&self, rows: usize) -> Self {
        Self { blocks: vec![[C::default(); BLOCK]; rows * self.width], width: self.width }
    }

    /// Copies the line of `row` to place `at`.
    #[inline]
    pub(super) fn bring(&mut self, at: usize, from: &Self, row: u32) {
        for block in 0..self.width {
            self.blocks[at * self.width + block] = from.blocks[row as usize * self.width + block];
        }
    }

    /// The codes of one row.
    #[inline]
    pub(super) fn of(&self, row: u32) -> &[C] {
        let start = row as usize * self.width;
        self.blocks[start..start + self.width].as_flattened()
    }
}

/// Rows up to which the codes that a node holds are noted one by one instead of looking at all cells.
pub(super) const SMALL: usize = 64;

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
        compact(by, &self.hist, &mut self.groups);
    }

    /// Fills `hists` with the cells of these columns, of a node whose rows lie far apart.
    pub(super) fn columns<C: Code, O: Objective<Num = N>>(
        &mut self,
        by: &O,
        codes: &Binned<C>,
        columns: &[u32],
        (rows, items): (&[u32], &[O::Item]),
    ) {
        let w = by.width();
        self.hists.clear();
        self.hists.resize(columns.len() * CODES * w, N::default());
        for (hist, column) in self.hists.chunks_exact_mut(CODES * w).zip(columns) {
            let Some(column) = codes.dense_column(*column as usize) else { continue };
            for (row, item) in rows.iter().zip(items) {
                let at = column[*row as usize].bin() * w;
                by.add(&mut hist[at..at + w], *item);
            }
        }
    }

    /// Fills `hists` with the cells of these columns, from lines that lie near.
    pub(super) fn lines<C: Code, O: Objective<Num = N>>(
        &mut self,
        by: &O,
        lines: &Lines<C>,
        columns: &[u32],
        node: (&[u32], &[O::Item]),
    ) {
        let slot = CODES * by.width();
        self.hists.clear();
        self.hists.resize(columns.len() * slot, N::default());
        let mut hists = self.hists.as_mut_slice();
        let mut columns = columns;
        // As many columns at a time as have a loop of their own.
        while let Some((now, later)) = columns.split_at_checked(columns.len().min(6)) {
            let (mine, others) = hists.split_at_mut(now.len() * slot);
            match *now {
                [] => return,
                [a] => fill(by, lines, [a], mine, node),
                [a, b] => fill(by, lines, [a, b], mine, node),
                [a, b, c] => fill(by, lines, [a, b, c], mine, node),
                [a, b, c, d] => fill(by, lines, [a, b, c, d], mine, node),
                [a, b, c, d, e] => fill(by, lines, [a, b, c, d, e], mine, node),
                [a, b, c, d, e, f, ..] => fill(by, lines, [a, b, c, d, e, f], mine, node),
            }
            (hists, columns) = (others, later);
        }
    }

    /// Groups few rows by their code in one column of the lines.
    pub(super) fn few<C: Code, O: Objective<Num = N>>(
        &mut self,
        by: &O,
        lines: &Lines<C>,
        column: u32,
        (rows, items): (&[u32], &[O::Item]),
    ) {
        let w = by.width();
        self.empty.resize(CODES * w, N::default());
        let mut held = [0u64; CODES / 64];
        for (row, item) in rows.iter().zip(items) {
            let code = lines.of(*row)[column as usize].bin();
            held[code / 64 % held.len()] |= 1 << (code % 64);
            by.add(&mut self.empty[code * w..(code + 1) * w], *item);
        }
        let Groups { codes, cells } = &mut self.groups;
        codes.clear();
        cells.clear();
        for (word, mut bits) in held.into_iter().enumerate() {
            while bits != 0 {
                let code = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                codes.push(code as u16);
                let cell = &mut self.empty[code * w..(code + 1) * w];
                cells.extend_from_slice(cell);
                cell.fill(N::default());
            }
        }
    }

    /// Groups what `hists` holds of the column number `slot`.
    pub(super) fn of_hist<O: Objective<Num = N>>(&mut self, by: &O, slot: usize) {
        let size = CODES * by.width();
        compact(by, &self.hists[slot * size..(slot + 1) * size], &mut self.groups);
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
            compact(by, &self.hist, &mut self.groups);
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

/// Adds rows to the cells of `K` columns.
#[inline(always)]
fn fill<C: Code, O: Objective, const K: usize>(
    by: &O,
    lines: &Lines<C>,
    columns: [u32; K],
    hists: &mut [O::Num],
    (rows, items): (&[u32], &[O::Item]),
) {
    let w = by.width();
    let mut of = hists.chunks_exact_mut(CODES * w);
    let mut hists: [&mut [O::Num]; K] = std::array::from_fn(|_| of.next().unwrap_or_default());
    for (row, item) in rows.iter().zip(items) {
        let line = lines.of(*row);
        for (hist, column) in hists.iter_mut().zip(columns) {
            let at = line[column as usize].bin() * w;
            by.add(&mut hist[at..at + w], *item);
        }
    }
}

/// Keeps the codes that occur.
fn compact<O: Objective>(by: &O, hist: &[O::Num], Groups { codes, cells }: &mut Groups<O::Num>) {
    codes.clear();
    cells.clear();
    for (code, cell) in hist.chunks_exact(by.width()).enumerate() {
        if by.rows(cell) > 0 {
            codes.push(code as u16);
            cells.extend_from_slice(cell);
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
