//! What a split is judged by: sums over rows that can be added up bin by bin.
//!
//! Every criterion is written as a purity that a good split makes large, and that adds up over the parts:
//!
//! ```text
//! gini            Σ_c w_c² / w              gain = purity(left) + purity(right) − purity(node)
//! entropy         Σ_c w_c·ln w_c − w·ln w        = weight × decrease of the impurity
//! squared error   (Σ w·y)² / w
//! ```

mod cut;
pub(super) mod narrow;
mod packed;

use std::ops::{AddAssign, Sub};

pub(crate) use packed::PackedCounts;

use super::super::bins::Code;
use crate::simd::vectorised;

/// How much better, relative to the best so far, a later split must be: two that differ by rounding alone count as
/// equal, and the earlier one stays.
pub(super) const MARGIN: f64 = 1e-12;

/// Sums over rows, kept in a cell of [`width`](Self::width) numbers.
pub(crate) trait Objective: Sync {
    /// What cells are made of.
    type Num: Copy + Default + AddAssign + Sub<Output = Self::Num> + Send + Sync;
    /// What a row brings along.
    type Item: Copy + Default + Send + Sync;

    /// Numbers a cell.
    fn width(&self) -> usize;
    /// Adds a row to a cell.
    fn add(&self, cell: &mut [Self::Num], item: Self::Item);
    /// Adds the rows whose code is below this one to the first of two cells; the second may be written to.
    fn add_below<C: Code>(&self, cells: &mut [Self::Num], items: &[Self::Item], codes: &[C], below: C) {
        let w = self.width();
        for (item, code) in items.iter().zip(codes) {
            // A place that is worked out, not a branch that would be guessed wrong half of the time.
            let at = usize::from(*code >= below) * w;
            self.add(&mut cells[at..at + w], *item);
        }
    }
    /// Rows in a cell.
    fn rows(&self, cell: &[Self::Num]) -> usize;
    /// Their weight.
    fn weight(&self, cell: &[Self::Num]) -> f64;
    /// The purity of a cell.
    fn purity(&self, cell: &[Self::Num]) -> f64;
    /// More than the rows of a cell are worth together no matter how they are parted; infinite where the cell does not
    /// say.
    fn most(&self, _cell: &[Self::Num]) -> f64 {
        f64::INFINITY
    }
    /// The purity of `left` and of the rest of `total`, together.
    fn parted(&self, left: &[Self::Num], total: &[Self::Num]) -> f64;
    /// Where cells that lie in a row are parted best: the purity of both parts and the last cell of the left one, if that
    /// is worth more than `floor`. Both parts hold at least `min_leaf` rows; cells may be empty.
    fn best_cut(
        &self,
        cells: &[Self::Num],
        total: &[Self::Num],
        min_leaf: usize,
        mut floor: f64,
    ) -> Option<(f64, usize)> {
        let (w, rows) = (self.width(), self.rows(total));
        let mut left = vec![Self::Num::default(); w];
        let mut best = None;
        for (at, cell) in cells.chunks_exact(w).enumerate() {
            if self.rows(cell) == 0 {
                continue;
            }
            left.iter_mut().zip(cell).for_each(|(l, c)| *l += *c);
            let seen = self.rows(&left);
            if seen < min_leaf || rows - seen < min_leaf {
                continue;
            }
            let parted = self.parted(&left, total);
            if parted > floor {
                floor = parted + MARGIN * parted.abs();
                best = Some((parted, at));
            }
        }
        best
    }
    /// Whether the cells of a node of this total may be narrow ones.
    fn is_narrow(&self, _total: &[Self::Num]) -> bool {
        false
    }
    /// What a row brings along, to be added to a narrow cell.
    fn narrow(&self, _item: Self::Item) -> u32 {
        0
    }
    /// A narrow cell as a cell, which is one number where there are narrow ones.
    fn widened(&self, _cell: u32) -> Self::Num {
        Self::Num::default()
    }
    /// As [`best_cut`](Self::best_cut), from narrow cells. Their sums up to each are left in `memory`.
    fn best_narrow_cut(
        &self,
        _cells: &narrow::Cells,
        _total: &[Self::Num],
        _min_leaf: usize,
        _floor: f64,
        _memory: &mut narrow::Memory,
    ) -> Option<(f64, usize)> {
        None
    }
    /// What categories are ordered by before they are parted.
    fn rank(&self, cell: &[Self::Num], total: &[Self::Num]) -> f64;
    /// Whether nothing is left to be told apart.
    fn is_pure(&self, total: &[Self::Num], items: &[Self::Item]) -> bool;
    /// What a leaf says.
    fn value(&self, cell: &[Self::Num]) -> Vec<f64>;
    /// What a gain is divided by to be a decrease of the impurity as scikit-learn defines it, times weight.
    fn scale(&self) -> f64 {
        1.0
    }
}

/// How classes are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Criterion {
    /// Σ p_c².
    Gini,
    /// Σ p_c·log p_c.
    Entropy,
}

impl Criterion {
    /// The purity of rows of one class.
    fn of_pure(self, weight: f64) -> f64 {
        match self {
            Self::Gini => weight,
            Self::Entropy => 0.0,
        }
    }
}

fn x_ln_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

/// Two classes whose weights are whole numbers: rows, weight and weight of the second class in one `u64`, so that
/// adding a row is one addition.
pub(crate) struct Counts {
    pub(crate) criterion: Criterion,
    /// The width of leaves: classes of the target, of which only the first two have rows.
    pub(crate) classes: usize,
}

/// Bits of each of the three numbers of [`Counts`].
const BITS: u32 = 21;
const MASK: u64 = (1 << BITS) - 1;

impl Counts {
    /// The most weight, and rows, that fit.
    pub(crate) const MOST: f64 = MASK as f64;

    /// What a row of this class and whole weight brings along.
    pub(crate) fn item(second: bool, weight: u64) -> u64 {
        1 << (2 * BITS) | weight << BITS | if second { weight } else { 0 }
    }

    fn both(cell: u64) -> (f64, f64) {
        (((cell >> BITS) & MASK) as f64, (cell & MASK) as f64)
    }

    /// The purity of both parts by Gini: both fractions over one denominator, as there is one division then.
    #[inline]
    fn parted_by_gini(left: u64, total: u64) -> f64 {
        let (wl, l) = Self::both(left);
        let (wr, r) = Self::both(total - left);
        let mixed = (wl - l) * l * wr + (wr - r) * r * wl;
        wl + wr - 2.0 * mixed / (wl * wr)
    }

    fn of(&self, weight: f64, second: f64) -> f64 {
        let first = weight - second;
        match self.criterion {
            Criterion::Gini => weight - 2.0 * first * second / weight.max(1.0),
            Criterion::Entropy => x_ln_x(first) + x_ln_x(second) - x_ln_x(weight),
        }
    }
}

impl Objective for Counts {
    type Num = u64;
    type Item = u64;

    #[inline]
    fn width(&self) -> usize {
        1
    }

    #[inline]
    fn add(&self, cell: &mut [u64], item: u64) {
        cell[0] += item;
    }

    fn add_below<C: Code>(&self, cells: &mut [u64], items: &[u64], codes: &[C], below: C) {
        cells[0] += vectorised(
            #[inline(always)]
            || {
                let kept = |item: &u64, code: &C| item & 0u64.wrapping_sub(u64::from(*code < below));
                items.iter().zip(codes).fold(0u64, |sum, (item, code)| sum.wrapping_add(kept(item, code)))
            },
        );
    }

    #[inline]
    fn rows(&self, cell: &[u64]) -> usize {
        (cell[0] >> (2 * BITS)) as usize
    }

    fn weight(&self, cell: &[u64]) -> f64 {
        Self::both(cell[0]).0
    }

    fn most(&self, cell: &[u64]) -> f64 {
        self.criterion.of_pure(self.weight(cell))
    }

    fn purity(&self, cell: &[u64]) -> f64 {
        let (weight, second) = Self::both(cell[0]);
        self.of(weight, second)
    }

    #[inline]
    fn parted(&self, left: &[u64], total: &[u64]) -> f64 {
        match self.criterion {
            Criterion::Gini => Self::parted_by_gini(left[0], total[0]),
            Criterion::Entropy => {
                let ((wl, l), (wr, r)) = (Self::both(left[0]), Self::both(total[0] - left[0]));
                self.of(wl, l) + self.of(wr, r)
            }
        }
    }

    fn best_cut(&self, cells: &[u64], total: &[u64], min_leaf: usize, floor: f64) -> Option<(f64, usize)> {
        cut::best(self, cells, total[0], min_leaf as u64, floor)
    }

    fn is_narrow(&self, total: &[u64]) -> bool {
        self.criterion == Criterion::Gini && narrow::holds(total[0])
    }

    #[inline]
    fn narrow(&self, item: u64) -> u32 {
        narrow::of(item)
    }

    fn widened(&self, cell: u32) -> u64 {
        narrow::widened(cell)
    }

    fn best_narrow_cut(
        &self,
        cells: &narrow::Cells,
        total: &[u64],
        min_leaf: usize,
        floor: f64,
        memory: &mut narrow::Memory,
    ) -> Option<(f64, usize)> {
        narrow::best(cells, total[0], min_leaf, floor, memory)
    }

    fn rank(&self, cell: &[u64], _: &[u64]) -> f64 {
        let (weight, second) = Self::both(cell[0]);
        second / weight
    }

    fn is_pure(&self, total: &[u64], _: &[u64]) -> bool {
        let (weight, second) = Self::both(total[0]);
        second == 0.0 || second == weight
    }

    fn value(&self, cell: &[u64]) -> Vec<f64> {
        let (weight, second) = Self::both(cell[0]);
        let mut value = vec![0.0; self.classes];
        value.iter_mut().zip([(weight - second) / weight, second / weight]).for_each(|(v, p)| *v = p);
        value
    }

    fn scale(&self) -> f64 {
        scale(self.criterion)
    }
}

fn scale(criterion: Criterion) -> f64 {
    match criterion {
        Criterion::Gini => 1.0,
        Criterion::Entropy => std::f64::consts::LN_2,
    }
}

/// Any number of classes and any weights: the weight of every class, and the rows.
pub(crate) struct ClassWeights {
    pub(crate) criterion: Criterion,
    pub(crate) classes: usize,
}

impl Objective for ClassWeights {
    type Num = f64;
    /// Weight and class.
    type Item = (f64, u32);

    #[inline]
    fn width(&self) -> usize {
        self.classes + 1
    }

    #[inline]
    fn add(&self, cell: &mut [f64], (weight, class): (f64, u32)) {
        cell[class as usize] += weight;
        cell[self.classes] += 1.0;
    }

    #[inline]
    fn rows(&self, cell: &[f64]) -> usize {
        cell[self.classes] as usize
    }

    fn weight(&self, cell: &[f64]) -> f64 {
        cell[..self.classes].iter().sum()
    }

    fn most(&self, cell: &[f64]) -> f64 {
        self.criterion.of_pure(self.weight(cell))
    }

    fn purity(&self, cell: &[f64]) -> f64 {
        let classes = &cell[..self.classes];
        let weight: f64 = classes.iter().sum();
        match self.criterion {
            Criterion::Gini => classes.iter().map(|w| w * w).sum::<f64>() / weight.max(f64::MIN_POSITIVE),
            Criterion::Entropy => classes.iter().map(|w| x_ln_x(*w)).sum::<f64>() - x_ln_x(weight),
        }
    }

    #[inline]
    fn parted(&self, left: &[f64], total: &[f64]) -> f64 {
        let (mut wl, mut wr, mut l2, mut r2) = (0.0, 0.0, 0.0, 0.0);
        for (l, t) in left[..self.classes].iter().zip(total) {
            // What rounding leaves of a class that is all on the left.
            let r = (t - l).max(0.0);
            wl += l;
            wr += r;
            match self.criterion {
                Criterion::Gini => {
                    l2 += l * l;
                    r2 += r * r;
                }
                Criterion::Entropy => {
                    l2 += x_ln_x(*l);
                    r2 += x_ln_x(r);
                }
            }
        }
        match self.criterion {
            Criterion::Gini => l2 / wl.max(f64::MIN_POSITIVE) + r2 / wr.max(f64::MIN_POSITIVE),
            Criterion::Entropy => l2 - x_ln_x(wl) + r2 - x_ln_x(wr),
        }
    }

    /// The share of the node's most frequent class.
    fn rank(&self, cell: &[f64], total: &[f64]) -> f64 {
        let most = (1..self.classes).fold(0, |best, c| if total[c] > total[best] { c } else { best });
        cell[most] / self.weight(cell).max(f64::MIN_POSITIVE)
    }

    fn is_pure(&self, _: &[f64], items: &[(f64, u32)]) -> bool {
        items.first().is_none_or(|first| items.iter().all(|item| item.1 == first.1))
    }

    fn value(&self, cell: &[f64]) -> Vec<f64> {
        let weight = self.weight(cell).max(f64::MIN_POSITIVE);
        cell[..self.classes].iter().map(|w| w / weight).collect()
    }

    fn scale(&self) -> f64 {
        scale(self.criterion)
    }
}

/// Numbers, judged by their squared distance from the mean of the leaf: Σ w, Σ w·y, and the rows.
pub(crate) struct SquaredError {
    /// Added to every leaf: targets come without it, so that no digits are lost where they are large.
    pub(crate) mean: f64,
}

impl Objective for SquaredError {
    type Num = f64;
    /// Weight and target.
    type Item = (f64, f64);

    #[inline]
    fn width(&self) -> usize {
        3
    }

    #[inline]
    fn add(&self, cell: &mut [f64], (weight, y): (f64, f64)) {
        if let [w, wy, rows] = cell {
            *w += weight;
            *wy += weight * y;
            *rows += 1.0;
        }
    }

    #[inline]
    fn rows(&self, cell: &[f64]) -> usize {
        cell[2] as usize
    }

    fn weight(&self, cell: &[f64]) -> f64 {
        cell[0]
    }

    fn purity(&self, cell: &[f64]) -> f64 {
        cell[1] * cell[1] / cell[0].max(f64::MIN_POSITIVE)
    }

    #[inline]
    fn parted(&self, left: &[f64], total: &[f64]) -> f64 {
        let (wr, r) = (total[0] - left[0], total[1] - left[1]);
        left[1] * left[1] / left[0].max(f64::MIN_POSITIVE) + r * r / wr.max(f64::MIN_POSITIVE)
    }

    fn rank(&self, cell: &[f64], _: &[f64]) -> f64 {
        cell[1] / cell[0].max(f64::MIN_POSITIVE)
    }

    fn is_pure(&self, _: &[f64], items: &[(f64, f64)]) -> bool {
        items.first().is_none_or(|first| items.iter().all(|item| item.1 == first.1))
    }

    fn value(&self, cell: &[f64]) -> Vec<f64> {
        vec![self.mean + cell[1] / cell[0].max(f64::MIN_POSITIVE)]
    }
}

#[cfg(test)]
mod tests;
