//! The rows of a node, grouped by their codes in a column.

use super::super::bins::{Binned, Bins, Code};
use super::objective::{Objective, narrow};
use super::split::Groups;

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
    /// Narrow cells of several columns.
    pub(super) narrow: Vec<narrow::Cells>,
    pub(super) memory: narrow::Memory,
    /// Code and place of few rows, for sorting.
    keys: Vec<u64>,
    /// What the rows of stored codes of a sparse column sum up to, and the others of the node.
    sum: Vec<N>,
    pub(super) rest: Vec<N>,
    pub(super) groups: Groups<N>,
}

/// Codes row after row, at most [`CODES`] in any column.
#[derive(Default)]
pub(crate) struct Lines<C> {
    blocks: Vec<[C; BLOCK]>,
    /// Blocks a row.
    width: usize,
    /// The row of the table that each line was brought from.
    originals: Vec<u32>,
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
        if few { Self::wide(codes) } else { None }
    }

    /// The lines of dense codes of few columns, for splits that are drawn, which need no cells; `None` for others.
    pub(crate) fn wide(codes: &Binned<C>) -> Option<Self> {
        if codes.cols() > NARROW {
            return None;
        }
        let width = codes.cols().div_ceil(BLOCK);
        let blocks = codes.by_rows(width * BLOCK)?.as_chunks().0.to_vec();
        Some(Self { blocks, width, originals: (0..codes.rows() as u32).collect() })
    }

    /// Copies the lines of these rows to the places from `first` on, and names the rows by these.
    pub(super) fn bring(&mut self, first: usize, from: &Self, rows: &mut [u32]) {
        self.width = from.width;
        let end = (first + rows.len()) * from.width;
        if self.blocks.len() < end {
            self.blocks.resize(end, [C::default(); BLOCK]);
        }
        let rows_end = first + rows.len();
        if self.originals.len() < rows_end {
            self.originals.resize(rows_end, 0);
        }
        for (original, row) in self.originals[first..rows_end].iter_mut().zip(&*rows) {
            *original = from.originals[*row as usize];
        }
        if self.width == 1 {
            for ((to, row), at) in self.blocks[first..end].iter_mut().zip(rows).zip(first..) {
                *to = from.blocks[*row as usize];
                *row = at as u32;
            }
            return;
        }
        let to = self.blocks[first * from.width..end].chunks_exact_mut(from.width);
        for ((to, row), at) in to.zip(rows).zip(first..) {
            let start = *row as usize * from.width;
            to.copy_from_slice(&from.blocks[start..start + from.width]);
            *row = at as u32;
        }
    }

    /// The codes of one row in these columns.
    #[inline(always)]
    pub(super) fn codes<const K: usize>(&self, row: u32, columns: [u32; K]) -> [usize; K] {
        let mut codes = [0; K];
        if self.width == 1 {
            let line = &self.blocks[row as usize];
            for (code, j) in codes.iter_mut().zip(columns) {
                *code = line[j as usize % BLOCK].bin();
            }
        } else {
            let line = self.of(row);
            for (code, j) in codes.iter_mut().zip(columns) {
                *code = line[j as usize].bin();
            }
        }
        codes
    }

    /// Copies the codes of these rows in these columns, one after the other.
    pub(super) fn gather<const K: usize>(&self, rows: &[u32], columns: [u32; K], out: &mut [C]) {
        let n = rows.len();
        // A few rows at a time into arrays, whose places need no check.
        const ROWS: usize = 64;
        for (step, rows) in rows.chunks(ROWS).enumerate() {
            let mut held = [[C::default(); ROWS]; K];
            for (at, row) in rows.iter().enumerate() {
                let line = self.of(*row);
                for k in 0..K {
                    held[k][at % ROWS] = line[columns[k] as usize];
                }
            }
            for (k, held) in held.iter().enumerate() {
                let start = k * n + step * ROWS;
                out[start..start + rows.len()].copy_from_slice(&held[..rows.len()]);
            }
        }
    }

    /// The code of one row in one column.
    #[inline(always)]
    pub(super) fn code(&self, row: u32, column: usize) -> C {
        if self.width == 1 { self.blocks[row as usize][column % BLOCK] } else { self.of(row)[column] }
    }

    /// The row of the table that this one is.
    #[inline]
    pub(super) fn original(&self, row: u32) -> u32 {
        self.originals[row as usize]
    }

    /// The codes of one row.
    #[inline]
    fn of(&self, row: u32) -> &[C] {
        let start = row as usize * self.width;
        self.blocks[start..start + self.width].as_flattened()
    }
}

/// The most columns whose cells are filled in one pass over the rows.
pub(super) const SEVERAL: usize = 6;

/// Runs a block for each [`SEVERAL`] of the columns, as an array, with the next of `$hists`.
macro_rules! several {
    ($columns:expr, $hists:expr, |$now:ident, $mine:ident| $body:expr) => {
        for (columns, $mine) in $columns.chunks(SEVERAL).zip($hists) {
            several!(columns, $now, $body, [a] [a b] [a b c] [a b c d] [a b c d e] [a b c d e f]);
        }
    };
    ($columns:ident, $now:ident, $body:expr, $([$($j:ident)*])*) => {
        match *$columns {
            $([$($j),*] => {
                let $now = [$($j),*];
                $body;
            })*
            _ => {}
        }
    };
}

pub(super) use several;

/// Rows up to which the codes that a node holds are noted one by one instead of looking at all cells.
pub(super) const SMALL: usize = 64;

/// The same where the cells are narrow, which takes less to look at.
pub(super) const SMALLER: usize = 24;

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
        self.grouped(by, rows.iter().map(|row| column[*row as usize]), codes, items);
    }

    /// Groups rows by their codes, `codes` different ones at most.
    pub(super) fn grouped<C: Code, O: Objective<Num = N>>(
        &mut self,
        by: &O,
        of: impl ExactSizeIterator<Item = C>,
        codes: usize,
        items: &[O::Item],
    ) {
        let w = by.width();
        if of.len() <= FEW || of.len() * SPARE < codes {
            self.keys.clear();
            self.keys.extend(of.enumerate().map(|(place, code)| (code.bin() as u64) << 32 | place as u64));
            self.sorted(by, 0, items);
            return;
        }
        self.hist.clear();
        self.hist.resize(codes * w, N::default());
        for (code, item) in of.zip(items) {
            let at = code.bin() * w;
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
        node: (&[u32], &[O::Item]),
    ) {
        let slot = CODES * by.width();
        self.hists.clear();
        self.hists.resize(columns.len() * slot, N::default());
        several!(columns, self.hists.chunks_mut(SEVERAL * slot), |now, hists| {
            let columns = now.map(|j| codes.dense_column(j as usize).unwrap_or_default());
            fill(by, hists, node, |row| {
                let mut codes = now.map(|_| 0);
                for (code, column) in codes.iter_mut().zip(columns) {
                    *code = column[row as usize].bin();
                }
                codes
            });
        });
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
        several!(columns, self.hists.chunks_mut(SEVERAL * slot), |now, hists| {
            fill(by, hists, node, |row| lines.codes(row, now));
        });
    }

    /// Fills `narrow` with the cells of these columns.
    pub(super) fn narrow<C: Code, O: Objective<Num = N>>(
        &mut self,
        by: &O,
        lines: &Lines<C>,
        columns: &[u32],
        node: (&[u32], &[O::Item]),
    ) {
        self.narrow.clear();
        self.narrow.resize(columns.len(), [0; CODES]);
        several!(columns, self.narrow.chunks_mut(SEVERAL), |now, hists| {
            fill_narrow(by, hists, node, |row| lines.codes(row, now));
        });
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
            let code = lines.code(*row, column as usize).bin();
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

    /// Groups what `narrow` holds of the column number `slot`.
    pub(super) fn of_narrow<O: Objective<Num = N>>(&mut self, by: &O, slot: usize) {
        let Groups { codes, cells } = &mut self.groups;
        codes.clear();
        cells.clear();
        for code in 0..CODES {
            let cell = narrow::at(&self.narrow[slot], code);
            if cell > 0 {
                codes.push(code as u16);
                cells.push(by.widened(cell));
            }
        }
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

    /// Groups stored codes (with the places of their rows in `items`) that were just summed up; the rows that are not
    /// among them have the code `zero`.
    pub(super) fn sparse<O: Objective<Num = N>>(
        &mut self,
        by: &O,
        (stored, zero, codes): (&[(u16, u32)], usize, usize),
        items: &[O::Item],
    ) {
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
            let at = codes.partition_point(|c| usize::from(*c) < zero);
            codes.insert(at, zero as u16);
            cells.splice(at * w..at * w, self.rest.iter().copied());
        }
    }

    /// Sums up the rows of stored codes, and what the other rows of the node sum up to; returns the first.
    pub(super) fn sum_stored<O: Objective<Num = N>>(
        &mut self,
        by: &O,
        stored: &[(u16, u32)],
        items: &[O::Item],
        total: &[N],
    ) -> &[N]
    where
        N: std::ops::Sub<Output = N>,
    {
        self.sum.clear();
        self.sum.resize(by.width(), N::default());
        stored.iter().for_each(|(_, place)| by.add(&mut self.sum, items[*place as usize]));
        self.rest.clear();
        self.rest.extend(total.iter().zip(&self.sum).map(|(t, s)| *t - *s));
        &self.sum
    }
}

/// Adds rows to the cells of `K` columns.
#[inline(always)]
fn fill<O: Objective, const K: usize>(
    by: &O,
    hists: &mut [O::Num],
    (rows, items): (&[u32], &[O::Item]),
    codes: impl Fn(u32) -> [usize; K],
) {
    let w = by.width();
    if w == 1 {
        // Cells of one number are found without a multiplication and without a check.
        let (hists, _) = hists.as_chunks_mut::<CODES>();
        let Some(hists) = hists.first_chunk_mut::<K>() else { return };
        for (row, item) in rows.iter().zip(items) {
            for (hist, code) in hists.iter_mut().zip(codes(*row)) {
                by.add(std::slice::from_mut(&mut hist[code % CODES]), *item);
            }
        }
        return;
    }
    let mut of = hists.chunks_exact_mut(CODES * w);
    let mut hists: [&mut [O::Num]; K] = std::array::from_fn(|_| of.next().unwrap_or_default());
    for (row, item) in rows.iter().zip(items) {
        for (hist, code) in hists.iter_mut().zip(codes(*row)) {
            by.add(&mut hist[code * w..(code + 1) * w], *item);
        }
    }
}

/// The same for narrow cells.
#[inline(always)]
fn fill_narrow<O: Objective, const K: usize>(
    by: &O,
    hists: &mut [narrow::Cells],
    (rows, items): (&[u32], &[O::Item]),
    codes: impl Fn(u32) -> [usize; K],
) {
    let Some(hists) = hists.first_chunk_mut::<K>() else { return };
    for (row, item) in rows.iter().zip(items) {
        let item = by.narrow(*item);
        for (hist, code) in hists.iter_mut().zip(codes(*row)) {
            hist[narrow::place(code as u8)] += item;
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
