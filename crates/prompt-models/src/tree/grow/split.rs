//! The best split of a node over one column, from its rows grouped by code.

use prompt_core::{Rng, Seed};

use super::super::bins::{Bins, ColumnBins};
use super::super::nodes::Split;
use super::objective::{MARGIN, Objective, narrow};

/// Codes that occur in a node, rising, with a cell for each.
#[derive(Default)]
pub(super) struct Groups<N> {
    pub(super) codes: Vec<u16>,
    pub(super) cells: Vec<N>,
}

/// A split that was found, and what it is worth.
#[derive(Debug, Clone)]
pub(super) struct Found<N> {
    pub(super) column: usize,
    /// Purity of both parts together.
    pub(super) parted: f64,
    /// The sums of the left part.
    pub(super) left: Vec<N>,
    pub(super) side: Side,
    pub(super) missing_left: bool,
}

/// Which codes go left, missing apart.
#[derive(Debug, Clone)]
pub(super) enum Side {
    /// Those up to this one; the next one that holds rows, and the number between both that was drawn.
    UpTo(usize, Option<usize>, Option<f64>),
    /// Those below this one.
    Below(usize, f64),
    /// Those below this one, and the numbers up to that one among those of this one.
    Within(usize, f64),
    /// Those that are marked.
    Marked(Vec<bool>),
}

impl<N> Found<N> {
    /// Notes whether each code goes left, up to that of missing numbers.
    pub(super) fn left_codes(&self, missing_code: usize, left: &mut Vec<bool>) {
        left.clear();
        left.resize(missing_code + 1, false);
        match &self.side {
            Side::UpTo(last, ..) => left[..=*last].fill(true),
            Side::Below(bin, _) | Side::Within(bin, _) => left[..*bin].fill(true),
            Side::Marked(marked) => left.iter_mut().zip(marked).for_each(|(left, marked)| *left = *marked),
        }
        left[missing_code] = self.missing_left;
    }

    /// The split over raw numbers, whose threshold is [`Cut::threshold`] where there is a [`cut`](Self::cut).
    pub(super) fn split(&self, bins: &ColumnBins) -> Split {
        let (column, missing_left) = (self.column, self.missing_left);
        let numeric = |threshold| Split::Numeric { column, threshold, missing_left };
        match &self.side {
            Side::UpTo(..) => numeric(f64::INFINITY),
            Side::Below(_, at) | Side::Within(_, at) => numeric(*at),
            Side::Marked(marked) => {
                let left = bins.level_set(|b| marked.get(b).copied().unwrap_or(missing_left), missing_left);
                Split::Categories { column, left, missing_left }
            }
        }
    }

    /// The codes whose numbers the split lies between.
    pub(super) fn cut(&self) -> Option<Cut> {
        let Side::UpTo(last, next, drawn) = self.side else { return None };
        Some(Cut { column: self.column, last, next, drawn })
    }
}

/// A split between two codes of a column.
pub(super) struct Cut {
    column: usize,
    last: usize,
    next: Option<usize>,
    drawn: Option<f64>,
}

impl Cut {
    /// The number that parts both codes; without a second one it lies above every number.
    pub(super) fn threshold(&self, bins: &Bins) -> f64 {
        let Some(next) = self.next else { return f64::INFINITY };
        let bins = bins.column(self.column);
        match self.drawn {
            Some(drawn) if bins.range(self.last).1 <= drawn && drawn < bins.range(next).0 => drawn,
            _ => bins.threshold(self.last, next),
        }
    }
}

/// The node that is split, as far as judging needs it.
pub(super) struct Judge<'a, O: Objective> {
    pub(super) by: &'a O,
    pub(super) total: &'a [O::Num],
    pub(super) min_leaf: usize,
    /// Draw one split instead of trying all.
    pub(super) random: bool,
}

/// Where the best split of a column lies: after which group, in the order tried, and where missing goes.
struct Place {
    after: usize,
    missing_left: bool,
    drawn: Option<f64>,
}

impl<O: Objective> Judge<'_, O> {
    /// Whether a column can be better whose rows are worth `most` if they are parted as well as can be, and these all
    /// together: no split of the column parts them further.
    pub(super) fn may_be_better(&self, best: Option<&Found<O::Num>>, most: f64, together: &[O::Num]) -> bool {
        let worth = most + self.by.purity(together);
        // Rounding must not decide: it is let pass.
        worth + 1e-9 * worth.abs() > floor(best)
    }

    /// The better of `best` and the best split of this column. `groups` must hold at least two codes.
    pub(super) fn better(
        &self,
        best: Option<Found<O::Num>>,
        column: usize,
        bins: &ColumnBins,
        groups: &Groups<O::Num>,
        seed: Seed,
    ) -> Option<Found<O::Num>> {
        let w = self.by.width();
        let mut count = groups.codes.len();
        let missing_code = bins.missing_code();
        let missing = match groups.codes.last() {
            Some(last) if usize::from(*last) == missing_code => {
                count -= 1;
                Some(&groups.cells[count * w..])
            }
            _ => None,
        };
        let order = if bins.is_categorical() { Some(self.by_rank(groups, count)) } else { None };
        let ranked: Option<Vec<O::Num>> = order
            .as_ref()
            .map(|order| order.iter().flat_map(|g| &groups.cells[g * w..(g + 1) * w]).copied().collect());
        let cells = ranked.as_deref().unwrap_or(&groups.cells[..count * w]);
        let cell = |g: usize| &cells[g * w..(g + 1) * w];
        let floor = floor(best.as_ref());
        let found = match missing {
            _ if self.random => {
                let groups = (groups, count, order.is_some());
                self.drawn(bins, groups, missing, cells, &mut seed.rng(), floor)
            }
            Some(missing) => self.tried(cells, missing, floor),
            None => self
                .by
                .best_cut(cells, self.total, self.min_leaf, floor)
                .map(|(parted, after)| (parted, Place { after, missing_left: false, drawn: None })),
        };
        let Some((parted, place)) = found else { return best };
        let mut left = vec![O::Num::default(); w];
        (0..=place.after).for_each(|g| add(&mut left, cell(g)));
        if let (true, Some(missing)) = (place.missing_left, missing) {
            add(&mut left, missing);
        }
        let missing_left = match missing {
            Some(_) => place.missing_left,
            None => 2 * self.by.rows(&left) > self.by.rows(self.total),
        };
        let side = match &order {
            Some(order) => {
                let mut marked = vec![missing_left; bins.bins()];
                order.iter().enumerate().for_each(|(at, &g)| {
                    marked[usize::from(groups.codes[g])] = at <= place.after;
                });
                Side::Marked(marked)
            }
            None => {
                let last = usize::from(groups.codes[place.after]);
                let next = groups.codes[..count].get(place.after + 1);
                Side::UpTo(last, next.map(|c| usize::from(*c)), place.drawn)
            }
        };
        Some(Found { column, parted, left, side, missing_left })
    }

    /// As [`better`](Self::better) for a numeric column without missing numbers among the rows, from the cells of all
    /// its codes. At least two of them must hold rows.
    pub(super) fn better_of_cells(
        &self,
        best: Option<Found<O::Num>>,
        column: usize,
        cells: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let (w, floor) = (self.by.width(), floor(best.as_ref()));
        let holds = |code: &usize| self.by.rows(&cells[code * w..(code + 1) * w]) > 0;
        let Some((parted, last)) = self.by.best_cut(cells, self.total, self.min_leaf, floor) else {
            return best;
        };
        let mut left = vec![O::Num::default(); w];
        cells[..(last + 1) * w].chunks_exact(w).for_each(|cell| add(&mut left, cell));
        let missing_left = 2 * self.by.rows(&left) > self.by.rows(self.total);
        let next = (last + 1..cells.len() / w).find(holds);
        Some(Found { column, parted, left, side: Side::UpTo(last, next, None), missing_left })
    }

    /// As [`better_of_cells`](Self::better_of_cells), from narrow cells.
    pub(super) fn better_of_narrow(
        &self,
        best: Option<Found<O::Num>>,
        (column, bins): (usize, &ColumnBins),
        cells: &narrow::Cells,
        memory: &mut narrow::Memory,
    ) -> Option<Found<O::Num>> {
        let floor = floor(best.as_ref());
        let Some((parted, last)) = self.by.best_narrow_cut(cells, self.total, self.min_leaf, floor, memory)
        else {
            return best;
        };
        let left = vec![self.by.widened(narrow::at(&memory.sums, last))];
        let missing_left = 2 * self.by.rows(&left) > self.by.rows(self.total);
        let next = (last + 1..bins.bins()).find(|code| narrow::at(cells, *code) > 0);
        Some(Found { column, parted, left, side: Side::UpTo(last, next, None), missing_left })
    }

    /// What a split is worth with these sums of its left side; no number where a part has too few rows.
    pub(super) fn parted(&self, left: &[O::Num]) -> f64 {
        if self.is_legal(left) { self.by.parted(left, self.total) } else { f64::NAN }
    }

    /// The better of `best` and a split that was drawn, with these sums of its left side. `missing_left` is drawn too,
    /// where a number is missing.
    pub(super) fn better_of_drawn(
        &self,
        best: Option<Found<O::Num>>,
        column: usize,
        left: &[O::Num],
        side: Side,
        missing_left: Option<bool>,
    ) -> Option<Found<O::Num>> {
        let parted = self.by.parted(left, self.total);
        if !self.is_legal(left) || parted <= floor(best.as_ref()) {
            return best;
        }
        let missing_left = missing_left.unwrap_or_else(|| 2 * self.by.rows(left) > self.by.rows(self.total));
        Some(Found { column, parted, left: left.to_vec(), side, missing_left })
    }

    /// Groups in the order of what they say about the target.
    fn by_rank(&self, groups: &Groups<O::Num>, count: usize) -> Vec<usize> {
        let w = self.by.width();
        let ranks: Vec<f64> =
            (0..count).map(|g| self.by.rank(&groups.cells[g * w..(g + 1) * w], self.total)).collect();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
        order
    }

    fn is_legal(&self, left: &[O::Num]) -> bool {
        let rows = self.by.rows(left);
        rows >= self.min_leaf && self.by.rows(self.total) - rows >= self.min_leaf
    }

    /// The best of all splits, with missing on either side, if it is worth more than `floor`.
    fn tried(&self, cells: &[O::Num], missing: &[O::Num], mut floor: f64) -> Option<(f64, Place)> {
        let w = self.by.width();
        let count = cells.len() / w;
        let mut left = vec![O::Num::default(); self.by.width()];
        let mut with_missing = left.clone();
        let mut best = None;
        for (after, cell) in cells.chunks_exact(w).enumerate() {
            add(&mut left, cell);
            if self.is_legal(&left) {
                let parted = self.by.parted(&left, self.total);
                if parted > floor {
                    floor = parted + MARGIN * parted.abs();
                    best = Some((parted, Place { after, missing_left: false, drawn: None }));
                }
            }
            if after + 1 < count {
                with_missing.copy_from_slice(&left);
                add(&mut with_missing, missing);
                if self.is_legal(&with_missing) {
                    let parted = self.by.parted(&with_missing, self.total);
                    if parted > floor {
                        floor = parted + MARGIN * parted.abs();
                        best = Some((parted, Place { after, missing_left: true, drawn: None }));
                    }
                }
            }
        }
        best
    }

    /// One split drawn evenly between the smallest and the largest number, if it is worth more than `floor`.
    fn drawn(
        &self,
        bins: &ColumnBins,
        (groups, count, ranked): (&Groups<O::Num>, usize, bool),
        missing: Option<&[O::Num]>,
        cells: &[O::Num],
        rng: &mut Rng,
        floor: f64,
    ) -> Option<(f64, Place)> {
        let (unit, missing_left) = (rng.unit(), missing.is_some() && rng.chance(0.5));
        let mut place = Place { after: 0, missing_left, drawn: None };
        if count == 0 {
            return None;
        }
        if count == 1 {
            place.missing_left = false;
        } else if ranked {
            place.after = ((unit * (count - 1) as f64) as usize).min(count - 2);
        } else {
            let range = |g: usize| bins.range(usize::from(groups.codes[g]));
            let (low, high) = (range(0).0, range(count - 1).1);
            let drawn = low * (1.0 - unit) + high * unit;
            let reached = groups.codes[..count].partition_point(|c| bins.range(usize::from(*c)).1 <= drawn);
            place.after = reached.saturating_sub(1).min(count - 2);
            place.drawn = Some(drawn);
        }
        let mut left = vec![O::Num::default(); self.by.width()];
        let w = self.by.width();
        cells.chunks_exact(w).take(place.after + 1).for_each(|cell| add(&mut left, cell));
        if let (true, Some(missing)) = (place.missing_left, missing) {
            add(&mut left, missing);
        }
        if !self.is_legal(&left) {
            return None;
        }
        let parted = self.by.parted(&left, self.total);
        (parted > floor).then_some((parted, place))
    }
}

/// What a split must be worth more than.
fn floor<N>(best: Option<&Found<N>>) -> f64 {
    best.map_or(f64::NEG_INFINITY, |b| b.parted + MARGIN * b.parted.abs())
}

#[inline]
pub(super) fn add<N: Copy + std::ops::AddAssign>(to: &mut [N], from: &[N]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += *f);
}
