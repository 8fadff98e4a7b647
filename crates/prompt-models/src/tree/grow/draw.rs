//! Splits that are drawn: one number of each drawn column, evenly between the smallest and the largest of the node.
//!
//! ```text
//! codes of the node in a few columns, gathered once   → smallest and largest → draw → sums of the left side
//! those of the column that is taken                   → which rows go left
//! ```
//!
//! Codes tell which rows may hold the smallest and the largest number, and on which side of the drawn one most rows lie.
//! Where a bin holds several numbers, the rows in the bins of these three are looked up as numbers, so that a split is
//! drawn among all numbers, not among the borders of bins.

use prompt_core::{Dense, Matrix, RowView, Seed};

use super::super::bins::{Bins, Code, ColumnBins, Lookup, all_rows_are_read};
use super::Growth;
use super::find::judge;
use super::gather::{Lines, SEVERAL, several};
use super::objective::Objective;
use super::split::{Found, Judge, Side};
use crate::simd::vectorised;

/// A number of the table.
fn number(x: &Matrix, row: u32, column: u32) -> f64 {
    match x.row(row as usize) {
        RowView::Dense(row) => row[column as usize],
        RowView::Sparse { indices, values } => {
            indices.binary_search(&column).map_or(0.0, |at| f64::from(values[at]))
        }
    }
}

/// A table whose splits are drawn.
pub(crate) struct Numbers<'a> {
    x: &'a Matrix,
    /// Finds the bin of a number, for each column.
    bins: Vec<Lookup<'a>>,
    /// Whether the bins know every number.
    known: bool,
    /// Whether there is nothing but numbers, none of them missing.
    plain: bool,
}

impl<'a> Numbers<'a> {
    pub(crate) fn new(x: &'a Matrix, bins: &'a Bins) -> Self {
        let known = all_rows_are_read(x);
        let plain = known && !bins.columns().iter().any(|c| c.is_categorical() || c.has_missing());
        Self { x, bins: bins.columns().iter().map(Lookup::new).collect(), known, plain }
    }

    /// The table, if it is known to be dense and to hold nothing but numbers, none of them missing.
    pub(super) fn plain(&self) -> Option<&'a Dense> {
        match self.x {
            Matrix::Dense(x) if self.plain => Some(x),
            _ => None,
        }
    }

    /// The same table, as if it were not [`plain`](Self::plain).
    #[cfg(test)]
    pub(super) fn not_plain(self) -> Self {
        Self { plain: false, ..self }
    }

    /// The bin of a number.
    pub(super) fn bin(&self, column: usize, number: f64) -> usize {
        self.bins[column].code(number)
    }
}

/// The number at this share of the way from the smallest to the largest, so that neither side is empty.
pub(super) fn between((low, high): (f64, f64), unit: f64) -> f64 {
    let drawn = low * (1.0 - unit) + high * unit;
    if drawn >= low && drawn < high { drawn } else { low }
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
    fn draw(of: &Asked<'_>, ends: (f64, f64), unit: f64) -> Self {
        let at = between(ends, unit);
        let bin = of.numbers.bin(of.column as usize, at);
        let (low, high) = of.bins.range(bin);
        if of.numbers.known && low == high {
            return Self { at, bin: bin + usize::from(low <= at), within: false };
        }
        Self { at, bin, within: true }
    }

    fn side(self) -> Side {
        if self.within { Side::Within(self.bin, self.at) } else { Side::Below(self.bin, self.at) }
    }
}

/// The codes of a node in some columns.
#[derive(Default)]
pub(super) struct Drawing<C> {
    /// Column after column.
    now: Vec<C>,
    /// Those of the best column so far.
    best: Vec<C>,
    /// The node and the column that `best` holds.
    of: (usize, usize, usize),
    /// Places of rows whose numbers are looked up.
    asked: Vec<u32>,
}

/// The rows of a node, and how to find their numbers.
#[derive(Clone, Copy)]
struct Rows<'a, C> {
    x: &'a Matrix,
    rows: &'a [u32],
    near: Option<&'a Lines<C>>,
}

impl<C> Rows<'_, C>
where
    C: Code,
{
    /// The number of the row at a place of the node.
    fn number(&self, place: u32, column: u32) -> f64 {
        let row = self.rows[place as usize];
        number(self.x, self.near.map_or(row, |near| near.original(row)), column)
    }

    /// Copies the codes of these columns, one after the other.
    fn gather<'b, const K: usize>(
        &self,
        columns: [u32; K],
        column: impl Fn(u32) -> &'b [C],
        out: &mut Vec<C>,
    ) {
        let n = self.rows.len();
        if n == 0 {
            return;
        }
        let out = room(out, n * K);
        match self.near {
            Some(near) => near.gather(self.rows, columns, out),
            None => {
                for (out, j) in out.chunks_exact_mut(n).zip(columns) {
                    let column = column(j);
                    if column.len() == n {
                        // Rows rise, so these are all of them.
                        out.copy_from_slice(column);
                    } else {
                        out.iter_mut().zip(self.rows).for_each(|(out, row)| *out = column[*row as usize]);
                    }
                }
            }
        }
    }
}

/// So much of a buffer that only grows, whatever it held.
pub(super) fn room<T: Copy + Default>(buffer: &mut Vec<T>, n: usize) -> &mut [T] {
    if buffer.len() < n {
        buffer.resize(n, T::default());
    }
    &mut buffer[..n]
}

/// The smallest and the largest code.
fn ends<C: Code>(codes: &[C]) -> (C, C) {
    let first = codes.first().copied().unwrap_or_default();
    vectorised(
        #[inline(always)]
        || codes.iter().fold((first, first), |(least, most), code| (least.min(*code), most.max(*code))),
    )
}

/// The largest code below this one; the default where there is none.
fn largest_below<C: Code>(codes: &[C], end: C) -> C {
    vectorised(
        #[inline(always)]
        || {
            let below = |code: C| if code < end { code } else { C::default() };
            codes.iter().fold(C::default(), |most, code| most.max(below(*code)))
        },
    )
}

/// Notes the places of this code.
fn places<C: Code>(codes: &[C], wanted: C, out: &mut Vec<u32>) {
    // Most codes are others: many are passed at once.
    const STEP: usize = 64;
    out.clear();
    vectorised(
        #[inline(always)]
        || {
            for (step, codes) in codes.chunks(STEP).enumerate() {
                if codes.iter().fold(false, |any, code| any | (*code == wanted)) {
                    let places = codes.iter().enumerate().filter(|(_, code)| **code == wanted);
                    out.extend(places.map(|(at, _)| (step * STEP + at) as u32));
                }
            }
        },
    );
}

/// What a split of one column needs besides its codes.
struct Asked<'a> {
    numbers: &'a Numbers<'a>,
    column: u32,
    bins: &'a ColumnBins,
    seed: Seed,
}

impl<C: Code, O: Objective> Growth<'_, C, O> {
    /// The best of the splits that are drawn, one a column.
    pub(super) fn find_drawn(
        &mut self,
        numbers: &Numbers<'_>,
        (start, end): (usize, usize),
        total: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let judge = judge(self.of, total);
        let (mut best, mut seen, mut from) = (None, false, 0);
        let mut drawing = std::mem::take(&mut self.drawing);
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
                let node = (start, end);
                best = self.drawn_of(numbers, node, &judge, (now, seeds), &mut drawing, best, &mut seen);
            });
            from = to;
        }
        self.drawing = drawing;
        best
    }

    /// The better of `best` and the splits drawn of these columns; notes whether any rows differ in them.
    #[expect(clippy::too_many_arguments, reason = "what is gathered is lent out while it is read")]
    fn drawn_of<const K: usize>(
        &mut self,
        numbers: &Numbers<'_>,
        (start, end): (usize, usize),
        judge: &Judge<'_, O>,
        (columns, seeds): ([u32; K], &[Seed]),
        drawing: &mut Drawing<C>,
        mut best: Option<Found<O::Num>>,
        seen: &mut bool,
    ) -> Option<Found<O::Num>> {
        let of = self.of;
        let near = self.level(end - start).map(|level| &self.near[level]);
        let (rows, items) = (&self.bag.rows[start..end], &self.bag.items[start..end]);
        let rows = Rows { x: numbers.x, rows, near };
        let column = |j: u32| of.codes.dense_column(j as usize).unwrap_or_default();
        rows.gather(columns, column, &mut drawing.now);
        for (k, seed) in seeds.iter().enumerate() {
            let (j, bins) = (columns[k], of.bins.column(columns[k] as usize));
            let codes = &drawing.now[k * (end - start)..(k + 1) * (end - start)];
            if bins.is_categorical() {
                self.buffers.grouped(of.by, codes.iter().copied(), bins.missing_code() + 1, items);
                if self.buffers.groups.codes.len() > 1 {
                    *seen = true;
                    best = judge.better(best, j as usize, bins, &self.buffers.groups, *seed);
                }
            } else {
                self.sides.clear();
                self.sides.resize(2 * of.by.width(), O::Num::default());
                let asked = Asked { numbers, column: j, bins, seed: *seed };
                let parts = (&mut self.sides[..], &mut drawing.asked);
                best = drawn(judge, &rows, (codes, items), &asked, parts, best, seen);
            }
        }
        // Kept for parting the rows, if it stays the best.
        let slot = best.as_ref().and_then(|best| columns.iter().position(|j| *j as usize == best.column));
        if let Some(slot) = slot {
            let n = end - start;
            room(&mut drawing.best, n).copy_from_slice(&drawing.now[slot * n..(slot + 1) * n]);
            drawing.of = (start, end, columns[slot] as usize);
        }
        best
    }

    /// Notes which rows of a node go left by a split that was drawn, or one of categories.
    pub(super) fn part_drawn(
        &mut self,
        numbers: &Numbers<'_>,
        (start, end): (usize, usize),
        found: &Found<O::Num>,
    ) {
        let of = self.of;
        let near = self.level(end - start).map(|level| &self.near[level]);
        let rows = Rows { x: numbers.x, rows: &self.bag.rows[start..end], near };
        let drawing = &mut self.drawing;
        if drawing.of != (start, end, found.column) {
            let column = |j: u32| of.codes.dense_column(j as usize).unwrap_or_default();
            rows.gather([found.column as u32], column, &mut drawing.best);
        }
        // The rows move now: what is noted of them holds no longer.
        drawing.of = (0, 0, 0);
        let codes = &drawing.best[..end - start];
        let goes_left = room(&mut self.goes_left, end - start);
        let missing = of.bins.column(found.column).missing_code();
        let below = match &found.side {
            Side::Marked(_) => {
                let mut left = Vec::new();
                found.left_codes(missing, &mut left);
                goes_left.iter_mut().zip(codes).for_each(|(goes, code)| *goes = left[code.bin()]);
                return;
            }
            Side::UpTo(last, ..) => C::new(last + 1),
            Side::Below(bin, _) | Side::Within(bin, _) => C::new(*bin),
        };
        let (missing, missing_left) = (C::new(missing), found.missing_left);
        vectorised(
            #[inline(always)]
            || {
                for (left, code) in goes_left.iter_mut().zip(codes) {
                    *left = (*code < below) | ((*code == missing) & missing_left);
                }
            },
        );
        if let Side::Within(_, at) = found.side {
            places(codes, below, &mut drawing.asked);
            for place in &drawing.asked {
                goes_left[*place as usize] = rows.number(*place, found.column as u32) <= at;
            }
        }
    }
}

/// The better of `best` and a split drawn of one column of numbers; notes whether any rows differ in it.
fn drawn<C: Code, O: Objective>(
    judge: &Judge<'_, O>,
    rows: &Rows<'_, C>,
    (codes, items): (&[C], &[O::Item]),
    of: &Asked<'_>,
    (sides, asked): (&mut [O::Num], &mut Vec<u32>),
    best: Option<Found<O::Num>>,
    seen: &mut bool,
) -> Option<Found<O::Num>> {
    let (bins, known, w) = (of.bins, of.numbers.known, judge.by.width());
    let missing = C::new(bins.missing_code());
    let (least, mut most) = ends(codes);
    if least == missing {
        return best;
    }
    let is_missing = most == missing;
    if is_missing {
        most = largest_below(codes, missing);
    }
    // Of a bin of several numbers the rows must tell which are the smallest and the largest that are there.
    let mut end = |code: C, better: fn(f64, f64) -> f64| {
        let (low, high) = bins.range(code.bin());
        if known && low == high {
            return low;
        }
        places(codes, code, asked);
        let numbers = asked.iter().map(|place| rows.number(*place, of.column));
        numbers.reduce(better).unwrap_or(low)
    };
    let (low, high) = (end(least, f64::min), end(most, f64::max));
    let mut rng = of.seed.rng();
    let unit = rng.unit();
    let mut missing_left = None;
    let cut = if low < high {
        if is_missing {
            missing_left = Some(rng.chance(0.5));
        }
        Cut::draw(of, (low, high), unit)
    } else if is_missing {
        // The only way to part them: what is missing goes right.
        missing_left = Some(false);
        Cut { at: f64::INFINITY, bin: bins.bins(), within: false }
    } else {
        return best;
    };
    *seen = true;
    let below = C::new(cut.bin);
    judge.by.add_below(sides, items, codes, below);
    let mut move_left = |place: u32| judge.by.add(&mut sides[..w], items[place as usize]);
    if cut.within {
        places(codes, below, asked);
        let goes = |place: &&u32| rows.number(**place, of.column) <= cut.at;
        asked.iter().filter(goes).for_each(|place| move_left(*place));
    }
    if missing_left == Some(true) {
        places(codes, missing, asked);
        asked.iter().for_each(|place| move_left(*place));
    }
    judge.better_of_drawn(best, of.column as usize, &sides[..w], cut.side(), missing_left)
}
