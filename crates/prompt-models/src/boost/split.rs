//! The best split of a node, from its histograms.
//!
//! ```text
//! value of a leaf   w = −S(G) / (H + λ₂)          S(G) = sign(G)·max(|G| − λ₁, 0)
//! gain of a split   S(G_l)²/(H_l + λ₂) + S(G_r)²/(H_r + λ₂) − S(G)²/(H + λ₂)
//! ```
//!
//! Where a monotone column or one above it bounds the values, gains are those of the bounded values.

use super::columns::Column;
use super::histogram::Bin;

/// What limits splits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rules {
    pub(super) l1: f64,
    pub(super) l2: f64,
    pub(super) min_child_weight: f64,
    pub(super) min_samples_leaf: f64,
    pub(super) min_gain: f64,
    pub(super) cat_smooth: f64,
    pub(super) cat_l2: f64,
    pub(super) max_cat_threshold: usize,
    pub(super) max_cat_to_onehot: usize,
    pub(super) min_data_per_group: f64,
}

impl Default for Rules {
    /// No penalty, and leaves of any size.
    fn default() -> Self {
        Self {
            l1: 0.0,
            l2: 0.0,
            min_child_weight: 0.0,
            min_samples_leaf: 1.0,
            min_gain: 0.0,
            cat_smooth: 10.0,
            cat_l2: 10.0,
            max_cat_threshold: 32,
            max_cat_to_onehot: 4,
            min_data_per_group: 100.0,
        }
    }
}

/// What is known of a node before it is split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// Σ gradient, Σ second derivative.
    pub(super) total: Bin,
    pub(super) rows: usize,
    /// The smallest and largest value that monotone columns above allow.
    pub(super) bounds: (f64, f64),
}

/// Which codes go left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Test {
    /// Bins up to this one.
    UpTo(usize),
    /// These bins, as bits.
    Among([u64; 4]),
}

/// A way to split a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) gain: f64,
    pub(super) column: usize,
    pub(super) test: Test,
    /// Whether missing numbers go left; `None` where there were none to tell.
    pub(super) missing_left: Option<bool>,
    pub(super) left: Bin,
    pub(super) right: Bin,
    /// Values of the two leaves.
    pub(super) values: (f64, f64),
}

/// Gains that differ by less than this share count as equal, so that the order of sums decides nothing.
const SAME: f64 = 1e-10;

/// The better of two; of equals the one of the lower column.
pub(super) fn better(a: Option<Split>, b: Option<Split>) -> Option<Split> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let same = (a.gain - b.gain).abs() <= SAME * a.gain.abs().max(b.gain.abs());
            let first = if same { a.column <= b.column } else { a.gain > b.gain };
            Some(if first { a } else { b })
        }
        (a, b) => a.or(b),
    }
}

impl Rules {
    fn soft(&self, g: f64) -> f64 {
        if self.l1 == 0.0 { g } else { g.signum() * (g.abs() - self.l1).max(0.0) }
    }

    /// The value of a leaf with these sums.
    pub(super) fn value(&self, sums: Bin, l2: f64, (low, high): (f64, f64)) -> f64 {
        let h = sums[1] + l2;
        if h > 0.0 { (-self.soft(sums[0]) / h).clamp(low, high) } else { 0.0f64.clamp(low, high) }
    }

    /// Twice the fall of the loss that this value brings.
    fn gain_of(&self, sums: Bin, l2: f64, value: f64) -> f64 {
        -(2.0 * self.soft(sums[0]) * value + (sums[1] + l2) * value * value)
    }

    /// What the node has gained as a leaf.
    fn before(&self, node: &Node) -> f64 {
        self.gain_of(node.total, self.l2, self.value(node.total, self.l2, node.bounds))
    }

    /// Second derivatives that a child needs at least. Rows are counted by their share of the node's second
    /// derivatives: exact where all rows have the same.
    pub(super) fn least(&self, node: &Node) -> f64 {
        let each = node.total[1] / node.rows.max(1) as f64;
        self.min_child_weight.max((self.min_samples_leaf - 0.5) * each).max(1e-15)
    }

    /// The best split of the node on this column, whose bins these are.
    pub(super) fn best(&self, node: &Node, column: Column, bins: &[Bin]) -> Option<Split> {
        // The side of a split that lacks the zeros has stored values alone: where those are too few, none is possible.
        if let Some(zero) = column.zero
            && node.total[1] - bins[zero][1] < self.least(node)
        {
            return None;
        }
        if column.categorical {
            return self.best_set(node, column, bins);
        }
        let free = node.bounds == (f64::NEG_INFINITY, f64::INFINITY);
        let found = if self.l1 == 0.0 && free && column.monotone == 0 {
            self.scan_free(node, column, bins)
        } else {
            self.scan_bounded(node, column, bins)
        };
        let (at, missing_left, left) = found?;
        self.finish(node, column, (Test::UpTo(at), missing_left), left, self.l2)
    }

    /// The split as a whole, if it gains enough.
    pub(super) fn finish(
        &self,
        node: &Node,
        column: Column,
        (test, missing_left): (Test, Option<bool>),
        left: Bin,
        l2: f64,
    ) -> Option<Split> {
        let right = [node.total[0] - left[0], node.total[1] - left[1]];
        let values = (self.value(left, l2, node.bounds), self.value(right, l2, node.bounds));
        let gain = self.gain_of(left, l2, values.0) + self.gain_of(right, l2, values.1) - self.before(node);
        (gain > self.min_gain && gain > 1e-10 * self.before(node).abs().max(1e-6)).then_some(Split {
            gain,
            column: column.index,
            test,
            missing_left,
            left,
            right,
            values,
        })
    }

    /// Without bounds and L1, where gains are compared crosswise and so without a division.
    fn scan_free(&self, node: &Node, column: Column, bins: &[Bin]) -> Option<(usize, Option<bool>, Bin)> {
        let least = self.least(node);
        let [g, h] = node.total;
        let (mut top, mut under) = (0.0, 1.0);
        let mut best = None;
        let l2 = self.l2;
        let mut look = |at: usize, left: Bin, right: Bin, missing: Option<bool>| {
            let (l, r) = (left[1] + l2, right[1] + l2);
            let over = left[0] * left[0] * r + right[0] * right[0] * l;
            let den = l * r;
            if over * under > top * den * (1.0 + SAME) {
                (top, under) = (over, den);
                best = Some((at, missing, left));
            }
        };
        let mut right = [0.0; 2];
        for at in (1..column.bins).rev() {
            right = [right[0] + bins[at][0], right[1] + bins[at][1]];
            if right[1] < least {
                continue;
            }
            let left = [g - right[0], h - right[1]];
            if left[1] < least {
                break;
            }
            look(at - 1, left, right, column.missing.then_some(true));
        }
        if column.missing {
            let mut left = [0.0; 2];
            for at in 0..column.bins {
                left = [left[0] + bins[at][0], left[1] + bins[at][1]];
                if left[1] < least {
                    continue;
                }
                let right = [g - left[0], h - left[1]];
                if right[1] < least {
                    break;
                }
                look(at, left, right, Some(false));
            }
        }
        best
    }

    fn scan_bounded(&self, node: &Node, column: Column, bins: &[Bin]) -> Option<(usize, Option<bool>, Bin)> {
        let least = self.least(node);
        let mut top = f64::NEG_INFINITY;
        let mut best = None;
        let missing = if column.missing { bins[column.bins] } else { [0.0; 2] };
        let sides: &[Option<bool>] = if column.missing { &[Some(true), Some(false)] } else { &[None] };
        for &side in sides {
            let mut left = if side == Some(true) { missing } else { [0.0; 2] };
            for at in 0..column.bins {
                left = [left[0] + bins[at][0], left[1] + bins[at][1]];
                let right = [node.total[0] - left[0], node.total[1] - left[1]];
                if left[1] < least || right[1] < least {
                    continue;
                }
                let values =
                    (self.value(left, self.l2, node.bounds), self.value(right, self.l2, node.bounds));
                if f64::from(column.monotone) * (values.1 - values.0) < 0.0 {
                    continue;
                }
                let gain = self.gain_of(left, self.l2, values.0) + self.gain_of(right, self.l2, values.1);
                if best.is_none() || gain > top + SAME * top.abs() {
                    top = gain;
                    best = Some((at, side, left));
                }
            }
        }
        best
    }
}
