//! The binned columns as the grower reads them: packs of four dense columns, and blocks of sparse ones.
//!
//! A pack holds the codes of four columns of a row side by side, so that one load serves four histograms which fit the
//! first-level cache together. A sparse block holds for each row the places in the block's histogram that its stored
//! values add to; the bin of zero is what the others leave of the node's total.

use crate::tree::bins::{Binned, Bins, CodeColumn, SparseCodes, Storage};

use super::blocks::Blocks;

/// Columns of a pack.
pub(super) const LANES: usize = 4;

/// One column as the split finder sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    /// Its position in the matrix.
    pub(super) index: usize,
    /// Where its bins start in the histogram of its group.
    pub(super) offset: usize,
    /// Number of bins, without that of missing numbers.
    pub(super) bins: usize,
    /// Whether there are missing numbers; their bin comes after the last.
    pub(super) missing: bool,
    pub(super) categorical: bool,
    /// −1, 0 or 1: how the prediction must go with the column.
    pub(super) monotone: i8,
    /// For a sparse column the bin of zero, which is not stored.
    pub(super) zero: Option<usize>,
}

/// Columns whose histograms are made together.
pub(super) struct Group {
    pub(super) columns: Vec<Column>,
    pub(super) codes: Codes,
    /// Bins of the group's histogram.
    pub(super) width: usize,
}

/// How a group's codes are kept.
pub(super) enum Codes {
    /// Four codes a row; each lane has `stride` bins in the histogram.
    Packed { rows: Vec<[u8; LANES]>, stride: usize },
    /// For row `i` the histogram places `places[starts[i]..starts[i + 1]]`, rising.
    Sparse { starts: Vec<u32>, places: Vec<u32> },
}

/// All groups, and where each column is.
pub(super) struct Columns {
    pub(super) groups: Vec<Group>,
    /// Group and position in the group of the columns that can be split at all.
    place: Vec<Option<(u32, u32)>>,
    rows: usize,
}

impl Columns {
    /// `least` is how many rows a leaf needs: a sparse column of fewer stored values than that can part nothing.
    pub(super) fn new(
        bins: &Bins,
        codes: &Binned<u8>,
        monotone: &[i8],
        least: usize,
        blocks: Blocks<'_>,
    ) -> Self {
        let mut columns = Self { groups: Vec::new(), place: vec![None; bins.len()], rows: codes.rows() };
        let known = |j: usize| {
            let found = bins.column(j);
            Column {
                index: j,
                offset: 0,
                bins: found.bins(),
                missing: found.has_missing(),
                categorical: found.is_categorical(),
                monotone: monotone.get(j).copied().unwrap_or(0),
                zero: None,
            }
        };
        let useful: Vec<Column> =
            (0..bins.len()).map(known).filter(|c| c.bins + usize::from(c.missing) > 1).collect();
        match codes.storage() {
            Storage::Dense(_) => columns.pack(&useful, codes, blocks),
            Storage::Sparse(sparse) => columns.block(&useful, sparse, (codes.rows(), least), blocks),
        }
        for (g, group) in columns.groups.iter().enumerate() {
            for (at, column) in group.columns.iter().enumerate() {
                columns.place[column.index] = Some((g as u32, at as u32));
            }
        }
        columns
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bins of all histograms together.
    pub(super) fn width(&self) -> usize {
        self.groups.iter().map(|g| g.width).sum()
    }

    /// How many columns can be split.
    pub(super) fn useful(&self) -> usize {
        self.groups.iter().map(|g| g.columns.len()).sum()
    }

    /// The column at this position of the matrix, with its group.
    pub(super) fn find(&self, index: usize) -> Option<(&Group, Column)> {
        let (group, at) = (*self.place.get(index)?)?;
        let group = self.groups.get(group as usize)?;
        Some((group, *group.columns.get(at as usize)?))
    }

    /// Columns of like numbers of bins are packed together, so that a pack of small ones stays small.
    fn pack(&mut self, useful: &[Column], codes: &Binned<u8>, blocks: Blocks<'_>) {
        for (low, stride) in [(0, 16), (16, 64), (64, 256)] {
            let fits = |c: &&Column| {
                let needs = c.bins + usize::from(c.missing);
                needs > low && needs <= stride
            };
            let class: Vec<Column> = useful.iter().filter(fits).copied().collect();
            for four in class.chunks(LANES) {
                let sources: Vec<&[u8]> = four
                    .iter()
                    .filter_map(|c| match codes.column(c.index) {
                        CodeColumn::Dense(codes) => Some(codes),
                        CodeColumn::Sparse { .. } => None,
                    })
                    .collect();
                let mut rows = vec![[0u8; LANES]; codes.rows()];
                blocks.fill(&mut rows, |first, out| {
                    for (lane, source) in sources.iter().enumerate() {
                        for (out, code) in out.iter_mut().zip(&source[first..]) {
                            out[lane] = *code;
                        }
                    }
                });
                let columns =
                    four.iter().enumerate().map(|(l, c)| Column { offset: l * stride, ..*c }).collect();
                let codes = Codes::Packed { rows, stride };
                self.groups.push(Group { columns, codes, width: LANES * stride });
            }
        }
    }

    fn block(
        &mut self,
        useful: &[Column],
        sparse: &SparseCodes<u8>,
        (rows, least): (usize, usize),
        blocks: Blocks<'_>,
    ) {
        let enough = |c: &&Column| sparse.stored(c.index) >= least;
        let kept: Vec<Column> = useful.iter().filter(enough).copied().collect();
        let stored: usize = kept.iter().map(|c| sparse.stored(c.index)).sum();
        // Blocks of about equal work, a fixed number of them, so that threads find something to share.
        const PARTS: usize = 16;
        let share = stored.div_ceil(PARTS).max(1);
        let (mut parts, mut part, mut filled) = (Vec::new(), Vec::new(), 0);
        for column in kept {
            filled += sparse.stored(column.index);
            part.push(column);
            if filled >= share {
                parts.push(std::mem::take(&mut part));
                filled = 0;
            }
        }
        if !part.is_empty() {
            parts.push(part);
        }
        self.groups = blocks.each(parts.len(), |p| sparse_group(&parts[p], sparse, rows));
    }
}

fn sparse_group(part: &[Column], sparse: &SparseCodes<u8>, rows: usize) -> Group {
    let mut columns = part.to_vec();
    let mut width = 0;
    for column in &mut columns {
        column.offset = width;
        column.zero = Some(usize::from(sparse.zero()[column.index]));
        width += column.bins;
    }
    let mut starts = vec![0u32; rows + 1];
    for column in &columns {
        if let CodeColumn::Sparse { rows, .. } = sparse.column(column.index) {
            rows.iter().for_each(|&i| starts[i as usize + 1] += 1);
        }
    }
    for i in 0..rows {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut places = vec![0u32; starts[rows] as usize];
    for column in &columns {
        if let CodeColumn::Sparse { rows, codes, .. } = sparse.column(column.index) {
            for (&i, &code) in rows.iter().zip(codes) {
                let at = &mut next[i as usize];
                places[*at as usize] = (column.offset + usize::from(code)) as u32;
                *at += 1;
            }
        }
    }
    Group { columns, codes: Codes::Sparse { starts, places }, width }
}

impl Group {
    /// The code of a row in the column at this place of the group.
    pub(super) fn reader(&self, column: Column) -> Reader<'_> {
        match &self.codes {
            Codes::Packed { rows, stride } => Reader::Packed { rows, lane: column.offset / stride },
            Codes::Sparse { starts, places } => Reader::Sparse {
                starts,
                places,
                first: column.offset as u32,
                end: (column.offset + column.bins) as u32,
                zero: column.zero.unwrap_or(0),
            },
        }
    }
}

/// Reads the codes of one column.
#[derive(Clone, Copy)]
pub(super) enum Reader<'a> {
    Packed { rows: &'a [[u8; LANES]], lane: usize },
    Sparse { starts: &'a [u32], places: &'a [u32], first: u32, end: u32, zero: usize },
}

impl Reader<'_> {
    /// Puts the rows that `left` holds for to the front of `out` in their order, the others behind them; returns how
    /// many there are in front. `out` is as long as `rows`, and `rest` at least.
    pub(super) fn part(self, rows: &[u32], out: &mut [u32], rest: &mut [u32], left: &[bool; 256]) -> usize {
        match self {
            Self::Packed { rows: codes, lane } => {
                let lane = lane % LANES;
                divide(rows, out, rest, |row| left[usize::from(codes[row as usize][lane])])
            }
            Self::Sparse { starts, places, first, end, zero } => divide(rows, out, rest, |row| {
                let row = row as usize;
                let places = &places[starts[row] as usize..starts[row + 1] as usize];
                let at = places.partition_point(|p| *p < first);
                let code = match places.get(at) {
                    Some(place) if *place < end => (place - first) as usize,
                    _ => zero,
                };
                left[code & 255]
            }),
        }
    }
}

fn divide(rows: &[u32], out: &mut [u32], rest: &mut [u32], left: impl Fn(u32) -> bool) -> usize {
    let (mut front, mut back) = (0, 0);
    for &row in rows {
        // Both are written and one counts: a branch that is guessed wrong half of the time costs more.
        let goes = left(row);
        out[front] = row;
        rest[back] = row;
        front += usize::from(goes);
        back += usize::from(!goes);
    }
    out[front..].copy_from_slice(&rest[..back]);
    front
}
