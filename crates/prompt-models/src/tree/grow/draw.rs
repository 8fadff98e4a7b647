//! Splits that are drawn: one number of each drawn column, evenly between the smallest and the largest of the node.
//!
//! Codes tell which rows may hold the smallest and the largest number, and on which side of the drawn one most rows lie.
//! The rows in the bins of these three are looked up as numbers, so that a split is drawn among all numbers, not among
//! the borders of bins.

use prompt_core::{Matrix, RowView, Seed};

use super::super::bins::{Code, ColumnBins, all_rows_are_read};
use super::Growth;
use super::find::judge;
use super::gather::{SEVERAL, several};
use super::objective::Objective;
use super::split::{Found, Judge, Side};

/// A number of the table.
pub(super) fn number(x: &Matrix, row: u32, column: u32) -> f64 {
    match x.row(row as usize) {
        RowView::Dense(row) => row[column as usize],
        RowView::Sparse { indices, values } => {
            indices.binary_search(&column).map_or(0.0, |at| f64::from(values[at]))
        }
    }
}

/// Where a column is parted: codes below `bin` go left, those above it right.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: f64,
    bin: usize,
    /// Whether numbers of the bin lie on either side; otherwise they go right.
    within: bool,
}

impl Cut {
    /// Of no row.
    const NONE: Self = Self { at: f64::INFINITY, bin: usize::MAX, within: false };

    /// `known` says whether the bins know every number.
    fn draw((bins, known): (&ColumnBins, bool), (low, high): (f64, f64), seed: Seed) -> Self {
        let unit = seed.rng().unit();
        let drawn = low * (1.0 - unit) + high * unit;
        let at = if drawn >= low && drawn < high { drawn } else { low };
        let bin = bins.code(at);
        let (low, high) = bins.range(bin);
        if known && low == high {
            return Self { at, bin: bin + usize::from(low <= at), within: false };
        }
        Self { at, bin, within: true }
    }
}

/// The smallest and the largest codes of some columns in a node.
type Ends<const K: usize> = ([usize; K], [usize; K]);

/// What was drawn of a column.
#[derive(Debug, Clone, Copy)]
enum Drawn {
    /// All rows are the same.
    Nothing,
    Cut(Cut),
    /// The column holds categories, or a number is missing.
    Other,
}

/// The rows of a node, with the codes of some columns and the numbers of the table.
struct Rows<'a, I, F, G> {
    rows: &'a [u32],
    items: &'a [I],
    codes: F,
    /// The row of the table.
    original: G,
}

impl<'a, I: Copy, F, G: Fn(u32) -> u32> Rows<'a, I, F, G> {
    fn new((rows, items): (&'a [u32], &'a [I]), codes: F, original: G) -> Self {
        Self { rows, items, codes, original }
    }

    /// Room for about as many numbers as are looked up.
    fn expected(&self) -> usize {
        self.rows.len() / 4 + 8
    }

    /// Draws a split of each of these columns, unless all rows are the same in it, or it is no plain one. The sums of
    /// both sides of each lie in `sides` one after the other. `ends` are the smallest and the largest codes, where they
    /// are known.
    fn cut<O: Objective<Item = I>, const K: usize>(
        &self,
        (by, x): (&O, &Matrix),
        (columns, bins, seeds): ([u32; K], &[&ColumnBins; K], &[Seed]),
        ends: Option<Ends<K>>,
        sides: &mut [O::Num],
    ) -> [Drawn; K]
    where
        F: Fn(u32) -> [usize; K],
    {
        let known = all_rows_are_read(x);
        let spans = self.spans(x, columns, bins, ends.unwrap_or_else(|| self.ends()));
        let mut drawn = [Drawn::Other; K];
        let mut cuts = [Cut::NONE; K];
        for k in 0..K {
            let Some((low, high)) = spans[k] else { continue };
            drawn[k] = Drawn::Nothing;
            if low < high {
                cuts[k] = Cut::draw((bins[k], known), (low, high), seeds[k]);
                drawn[k] = Drawn::Cut(cuts[k]);
            }
        }
        self.part(by, (x, columns), &cuts, sides);
        drawn
    }

    /// The smallest and the largest code of each column.
    fn ends<const K: usize>(&self) -> Ends<K>
    where
        F: Fn(u32) -> [usize; K],
    {
        let (mut least, mut most) = ([usize::MAX; K], [0; K]);
        for row in self.rows {
            let codes = (self.codes)(*row);
            for k in 0..K {
                least[k] = least[k].min(codes[k]);
                most[k] = most[k].max(codes[k]);
            }
        }
        (least, most)
    }

    /// The smallest and the largest number of each column; `None` for categories and where a number is missing.
    fn spans<const K: usize>(
        &self,
        x: &Matrix,
        columns: [u32; K],
        bins: &[&ColumnBins; K],
        (least, most): Ends<K>,
    ) -> [Option<(f64, f64)>; K]
    where
        F: Fn(u32) -> [usize; K],
    {
        let mut spans = [(0.0, 0.0); K];
        // Codes that bins of several numbers have: which of these is the smallest, or largest, the rows must tell.
        let (mut first, mut last) = ([usize::MAX; K], [usize::MAX; K]);
        let plain =
            |k: &usize| !bins[*k].is_categorical() && most[*k] < bins[*k].bins() && least[*k] <= most[*k];
        for k in (0..K).filter(plain) {
            if !all_rows_are_read(x) {
                (first[k], last[k], spans[k]) = (least[k], most[k], (f64::INFINITY, f64::NEG_INFINITY));
                continue;
            }
            let (low, high) = (bins[k].range(least[k]), bins[k].range(most[k]));
            spans[k] = (low.0, high.1);
            if low.0 < low.1 {
                (first[k], spans[k].0) = (least[k], low.1);
            }
            if high.0 < high.1 {
                (last[k], spans[k].1) = (most[k], high.0);
            }
        }
        // Noted first and looked up together, so that the wait for one number hides behind the others.
        let mut asked: Vec<(usize, bool, u32)> = Vec::with_capacity(self.expected());
        for row in self.rows {
            let codes = (self.codes)(*row);
            for k in 0..K {
                if (codes[k] == first[k]) | (codes[k] == last[k]) {
                    let original = (self.original)(*row);
                    if codes[k] == first[k] {
                        asked.push((k, false, original));
                    }
                    if codes[k] == last[k] {
                        asked.push((k, true, original));
                    }
                }
            }
        }
        for (k, is_last, row) in asked {
            let (number, (low, high)) = (number(x, row, columns[k]), &mut spans[k]);
            if is_last {
                *high = number.max(*high);
            } else {
                *low = number.min(*low);
            }
        }
        std::array::from_fn(|k| plain(&k).then_some(spans[k]))
    }

    /// Adds every row on the left of each cut to its left sums in `sides`, which those of its right side follow.
    fn part<O: Objective<Item = I>, const K: usize>(
        &self,
        by: &O,
        (x, columns): (&Matrix, [u32; K]),
        cuts: &[Cut; K],
        sides: &mut [O::Num],
    ) where
        F: Fn(u32) -> [usize; K],
    {
        let w = by.width();
        let side = |k: usize, right: bool| (2 * k + usize::from(right)) * w;
        let (mut bins, mut within) = ([0; K], [usize::MAX; K]);
        for k in 0..K {
            bins[k] = cuts[k].bin;
            if cuts[k].within {
                within[k] = cuts[k].bin;
            }
        }
        let mut asked: Vec<(usize, u32, I)> = Vec::with_capacity(self.expected());
        if w == 1 {
            // Sums of the left sides that stay in registers; what is asked for is added below.
            let mut left = [O::Num::default(); K];
            for (row, item) in self.rows.iter().zip(self.items) {
                let codes = (self.codes)(*row);
                for k in 0..K {
                    by.add_if(&mut left[k], *item, codes[k] < bins[k]);
                    if codes[k] == within[k] {
                        asked.push((k, (self.original)(*row), *item));
                    }
                }
            }
            for k in 0..K {
                sides[side(k, false)] = left[k];
            }
        } else {
            for (row, item) in self.rows.iter().zip(self.items) {
                let codes = (self.codes)(*row);
                for k in 0..K {
                    if codes[k] == within[k] {
                        asked.push((k, (self.original)(*row), *item));
                    } else {
                        let at = side(k, codes[k] >= bins[k]);
                        by.add(&mut sides[at..at + w], *item);
                    }
                }
            }
        }
        for (k, row, item) in asked {
            let at = side(k, number(x, row, columns[k]) > cuts[k].at);
            by.add(&mut sides[at..at + w], item);
        }
    }
}

impl<C: Code, O: Objective> Growth<'_, C, O> {
    /// The best of the splits that are drawn, one a column.
    pub(super) fn find_drawn(
        &mut self,
        x: &Matrix,
        (start, end): (usize, usize),
        total: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let judge = judge(self.of, total);
        let (mut best, mut seen, mut from) = (None, false, 0);
        // The columns that are drawn for the node, and, while nothing differs in any of these, one more at a time.
        while from < self.columns.len() && !seen {
            let to =
                if from == 0 { self.of.options.max_features.clamp(1, self.columns.len()) } else { from + 1 };
            let mut seeds = Vec::with_capacity(to - from);
            for at in from..to {
                self.draw(at);
                seeds.push(self.column_seed());
            }
            let columns = self.columns[from..to].to_vec();
            several!(columns, seeds.chunks(SEVERAL), |now, seeds| {
                best = self.drawn_of(x, (start, end), &judge, (now, seeds), best, &mut seen);
            });
            from = to;
        }
        best
    }

    /// The better of `best` and the splits drawn of these columns; notes whether any rows differ in them.
    fn drawn_of<const K: usize>(
        &mut self,
        x: &Matrix,
        (start, end): (usize, usize),
        judge: &Judge<'_, O>,
        (columns, seeds): ([u32; K], &[Seed]),
        mut best: Option<Found<O::Num>>,
        seen: &mut bool,
    ) -> Option<Found<O::Num>> {
        let (of, w) = (self.of, self.of.by.width());
        let near = self.level(end - start).map(|level| &self.near[level]);
        let node = (&self.bag.rows[start..end], &self.bag.items[start..end]);
        let bins: [&ColumnBins; K] = std::array::from_fn(|k| of.bins.column(columns[k] as usize));
        let read: [&[C]; K] =
            std::array::from_fn(|k| of.codes.dense_column(columns[k] as usize).unwrap_or_default());
        self.sides.clear();
        self.sides.resize(2 * K * w, O::Num::default());
        let asked = (columns, &bins, seeds);
        let drawn = match near {
            Some(lines) => {
                let rows = Rows::new(
                    node,
                    #[inline(always)]
                    |row: u32| lines.codes(row, columns),
                    #[inline(always)]
                    |row: u32| lines.original(row),
                );
                rows.cut((of.by, x), asked, lines.ends(node.0, columns), &mut self.sides)
            }
            None => {
                let rows = Rows::new(
                    node,
                    #[inline(always)]
                    |row: u32| {
                        let mut codes = [0; K];
                        for k in 0..K {
                            codes[k] = read[k][row as usize].bin();
                        }
                        codes
                    },
                    #[inline(always)]
                    |row| row,
                );
                rows.cut((of.by, x), asked, None, &mut self.sides)
            }
        };
        for k in 0..K {
            let column = (columns[k] as usize, bins[k]);
            match drawn[k] {
                Drawn::Nothing => {}
                Drawn::Cut(cut) => {
                    *seen = true;
                    let side = if cut.within {
                        Side::Within(cut.bin)
                    } else {
                        Side::UpTo(cut.bin.saturating_sub(1))
                    };
                    best =
                        judge.better_of_drawn(best, column.0, &self.sides[2 * k * w..][..w], (side, cut.at));
                }
                Drawn::Other => {
                    match near {
                        Some(lines) => self.buffers.few(of.by, lines, columns[k], node),
                        None => self.buffers.dense(of.by, read[k], bins[k].missing_code() + 1, node),
                    }
                    if self.buffers.groups.codes.len() > 1 {
                        *seen = true;
                        best = judge.better(best, column.0, column.1, &self.buffers.groups, seeds[k]);
                    }
                }
            }
        }
        best
    }
}
