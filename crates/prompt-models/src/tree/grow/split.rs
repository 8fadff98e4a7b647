//! The best split of a node over one column, from its rows grouped by code.

use prompt_core::{Rng, Seed};

use super::super::bins::ColumnBins;
use super::super::nodes::Split;
use super::objective::Objective;

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
    pub(super) threshold: f64,
    pub(super) missing_left: bool,
}

/// Which codes go left, missing apart.
#[derive(Debug, Clone)]
pub(super) enum Side {
    /// Those up to this one.
    UpTo(usize),
    /// Those that are marked.
    Marked(Vec<bool>),
}

impl<N> Found<N> {
    /// Whether a code goes left.
    #[inline]
    pub(super) fn goes_left(&self, code: usize, missing_code: usize) -> bool {
        if code == missing_code {
            return self.missing_left;
        }
        match &self.side {
            Side::UpTo(last) => code <= *last,
            Side::Marked(marked) => marked.get(code).copied().unwrap_or(self.missing_left),
        }
    }

    /// The split over raw numbers.
    pub(super) fn split(&self, bins: &ColumnBins) -> Split {
        let (column, missing_left) = (self.column, self.missing_left);
        match &self.side {
            Side::UpTo(_) => Split::Numeric { column, threshold: self.threshold, missing_left },
            Side::Marked(marked) => {
                let left = bins.level_set(|b| marked.get(b).copied().unwrap_or(missing_left), missing_left);
                Split::Categories { column, left, missing_left }
            }
        }
    }
}

/// How much better, relative to the best so far, a later split must be: two that differ by rounding alone count as
/// equal, and the earlier one stays.
pub(super) const MARGIN: f64 = 1e-12;

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
        let cell = |g: usize| {
            let g = order.as_ref().map_or(g, |o| o[g]);
            &groups.cells[g * w..(g + 1) * w]
        };
        let floor = best.as_ref().map_or(f64::NEG_INFINITY, |b| b.parted + MARGIN * b.parted.abs());
        let found = if self.random {
            self.drawn(bins, groups, (count, missing, order.is_some()), cell, &mut seed.rng(), floor)
        } else {
            self.tried(count, missing, cell, floor)
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
        let (side, threshold) = match &order {
            Some(order) => {
                let mut marked = vec![missing_left; bins.bins()];
                order.iter().enumerate().for_each(|(at, &g)| {
                    marked[usize::from(groups.codes[g])] = at <= place.after;
                });
                (Side::Marked(marked), 0.0)
            }
            None => {
                let last = usize::from(groups.codes[place.after]);
                let next = groups.codes[..count].get(place.after + 1);
                (Side::UpTo(last), threshold(bins, last, next.map(|c| usize::from(*c)), place.drawn))
            }
        };
        Some(Found { column, parted, left, side, threshold, missing_left })
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

    /// The best of all splits, if it is worth more than `floor`.
    fn tried<'c>(
        &self,
        count: usize,
        missing: Option<&'c [O::Num]>,
        cell: impl Fn(usize) -> &'c [O::Num],
        mut floor: f64,
    ) -> Option<(f64, Place)>
    where
        O::Num: 'c,
    {
        let mut left = vec![O::Num::default(); self.by.width()];
        let mut with_missing = left.clone();
        let mut best = None;
        let last = if missing.is_some() { count } else { count.saturating_sub(1) };
        for after in 0..last {
            add(&mut left, cell(after));
            if self.is_legal(&left) {
                let parted = self.by.parted(&left, self.total);
                if parted > floor {
                    floor = parted + MARGIN * parted.abs();
                    best = Some((parted, Place { after, missing_left: false, drawn: None }));
                }
            }
            if let (Some(missing), true) = (missing, after + 1 < count) {
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
    fn drawn<'c>(
        &self,
        bins: &ColumnBins,
        groups: &Groups<O::Num>,
        (count, missing, ranked): (usize, Option<&'c [O::Num]>, bool),
        cell: impl Fn(usize) -> &'c [O::Num],
        rng: &mut Rng,
        floor: f64,
    ) -> Option<(f64, Place)>
    where
        O::Num: 'c,
    {
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
        (0..=place.after).for_each(|g| add(&mut left, cell(g)));
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

/// The number that parts code `last` from code `next`; without a next one it lies above every number.
fn threshold(bins: &ColumnBins, last: usize, next: Option<usize>, drawn: Option<f64>) -> f64 {
    let Some(next) = next else { return f64::INFINITY };
    match drawn {
        Some(drawn) if bins.range(last).1 <= drawn && drawn < bins.range(next).0 => drawn,
        _ => bins.threshold(last, next),
    }
}

#[inline]
pub(super) fn add<N: Copy + std::ops::AddAssign>(to: &mut [N], from: &[N]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += *f);
}
