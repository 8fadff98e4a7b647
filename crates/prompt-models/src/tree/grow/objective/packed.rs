//! Three to five classes whose weights are whole numbers.

use super::super::super::bins::Code;
use super::{BITS, Criterion, MARGIN, MASK, Objective, scale, x_ln_x};

/// As [`Counts`](super::Counts) for up to [`CLASSES`](Self::CLASSES) classes: the weight of every class, and the rows, in
/// one `u128`.
pub(crate) struct PackedCounts {
    pub(crate) criterion: Criterion,
    pub(crate) classes: usize,
}

/// Where the rows lie: above the classes.
const ROWS: u32 = BITS * PackedCounts::CLASSES as u32;

/// The weight of every class, 0 for those that are not there.
type Weights = [u64; PackedCounts::CLASSES];

impl PackedCounts {
    /// The most classes that fit beside the rows.
    pub(crate) const CLASSES: usize = (u128::BITS / BITS - 1) as usize;

    /// What a row of this class and whole weight brings along.
    pub(crate) fn item(class: u32, weight: u64) -> u128 {
        1 << ROWS | u128::from(weight) << (BITS * class)
    }

    #[inline(always)]
    fn weights(cell: u128) -> Weights {
        let mut weights = [0; Self::CLASSES];
        for (class, weight) in (0..).zip(&mut weights) {
            *weight = (cell >> (BITS * class)) as u64 & MASK;
        }
        weights
    }

    #[inline(always)]
    fn of(&self, weights: &Weights) -> f64 {
        let weight = weights.iter().sum::<u64>() as f64;
        match self.criterion {
            Criterion::Gini => {
                // Squares of numbers below 2²¹ add up to less than 2⁵³, so that nothing is rounded before the division.
                weights.iter().map(|w| w * w).sum::<u64>() as f64 / weight.max(f64::MIN_POSITIVE)
            }
            Criterion::Entropy => weights.iter().map(|w| x_ln_x(*w as f64)).sum::<f64>() - x_ln_x(weight),
        }
    }

    /// The purity of both parts, added up in the order in which [`ClassWeights`](super::ClassWeights) does.
    #[inline(always)]
    fn both(&self, left: u128, total: u128) -> f64 {
        let (left, right) = (Self::weights(left), Self::weights(total - left));
        match self.criterion {
            Criterion::Gini => self.of(&left) + self.of(&right),
            Criterion::Entropy => {
                let parts = |weights: &Weights| weights.iter().map(|w| x_ln_x(*w as f64)).sum::<f64>();
                let whole = |weights: &Weights| x_ln_x(weights.iter().sum::<u64>() as f64);
                parts(&left) - whole(&left) + parts(&right) - whole(&right)
            }
        }
    }
}

impl Objective for PackedCounts {
    type Num = u128;
    type Item = u128;

    #[inline]
    fn width(&self) -> usize {
        1
    }

    #[inline]
    fn add(&self, cell: &mut [u128], item: u128) {
        cell[0] += item;
    }

    fn add_below<C: Code>(&self, cells: &mut [u128], items: &[u128], codes: &[C], below: C) {
        let kept = |item: &u128, code: &C| item & 0u128.wrapping_sub(u128::from(*code < below));
        cells[0] = items.iter().zip(codes).fold(cells[0], |sum, (item, code)| sum + kept(item, code));
    }

    #[inline]
    fn rows(&self, cell: &[u128]) -> usize {
        (cell[0] >> ROWS) as usize
    }

    fn weight(&self, cell: &[u128]) -> f64 {
        Self::weights(cell[0]).iter().sum::<u64>() as f64
    }

    fn most(&self, cell: &[u128]) -> f64 {
        self.criterion.of_pure(self.weight(cell))
    }

    fn purity(&self, cell: &[u128]) -> f64 {
        self.of(&Self::weights(cell[0]))
    }

    #[inline]
    fn parted(&self, left: &[u128], total: &[u128]) -> f64 {
        self.both(left[0], total[0])
    }

    fn best_cut(
        &self,
        cells: &[u128],
        total: &[u128],
        min_leaf: usize,
        mut floor: f64,
    ) -> Option<(f64, usize)> {
        let (total, least) = (total[0], (min_leaf as u128) << ROWS);
        let (mut left, mut best) = (0, None);
        for (at, cell) in cells.iter().enumerate() {
            left += cell;
            if *cell == 0 || left < least || total - left < least {
                continue;
            }
            let parted = self.both(left, total);
            if parted > floor {
                floor = parted + MARGIN * parted.abs();
                best = Some((parted, at));
            }
        }
        best
    }

    /// The share of the node's most frequent class.
    fn rank(&self, cell: &[u128], total: &[u128]) -> f64 {
        let (weights, total) = (Self::weights(cell[0]), Self::weights(total[0]));
        let most = (1..self.classes).fold(0, |best, c| if total[c] > total[best] { c } else { best });
        weights[most] as f64 / self.weight(cell).max(f64::MIN_POSITIVE)
    }

    fn is_pure(&self, total: &[u128], _: &[u128]) -> bool {
        Self::weights(total[0]).iter().filter(|w| **w > 0).count() < 2
    }

    fn value(&self, cell: &[u128]) -> Vec<f64> {
        let weight = self.weight(cell).max(f64::MIN_POSITIVE);
        Self::weights(cell[0])[..self.classes].iter().map(|w| *w as f64 / weight).collect()
    }

    fn scale(&self) -> f64 {
        scale(self.criterion)
    }
}
