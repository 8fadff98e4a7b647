//! Who gets how much of a leaf's value.
//!
//! On the way to a leaf each column e is *right* for a row (the row's number goes that way at all its splits) or not.
//! The leaf counts fully when all columns are right. Shapley's value of a column is the mean, over the orders in which
//! columns become known, of what the leaf gains when this one does; a column that is not known yet counts
//!
//! * path-dependent: with the share z_e of training rows that go the leaf's way at its splits;
//! * interventional: as the background rows have it, on average over them.
//!
//! Path-dependent, with m columns, u of them wrong and P = Π z over the wrong ones, the mean over orders is an integral
//! over t in [0, 1] (the share of columns known before):
//!
//! ```text
//! right e:  (1 − z_e) · P · ∫ (1−t)^u     Π_{right i ≠ e} (z_i (1−t) + t) dt
//! wrong e:         −  P · ∫ (1−t)^(u−1)   Π_{right i}     (z_i (1−t) + t) dt
//! ```
//!
//! The integrands are polynomials of degree m − 1, so ⌈m/2⌉ Gauss–Legendre nodes give them without error, and all
//! terms are positive, so nothing cancels, however long the way is.

use std::collections::BTreeMap;

use super::super::quadrature::Rules;

/// A set of columns on a way: bit `e % 64` of word `e / 64`.
pub(super) type Mask = Vec<u64>;

pub(super) fn holds(mask: &[u64], e: usize) -> bool {
    mask[e / 64] >> (e % 64) & 1 == 1
}

/// The game of one leaf.
pub(super) trait Game {
    /// For each column of the way its part of the leaf's value 1, given which are right.
    fn parts(&mut self, right: &[u64], out: &mut [f64]);

    /// What the leaf is worth before anything is known.
    fn base(&self) -> f64;
}

/// Unknown columns follow the training rows.
pub(super) struct PathDependent {
    shares: Vec<f64>,
    /// For each node of the rule: weight, 1 − t, and z_i (1−t) + t for each column.
    weights: Vec<f64>,
    rest: Vec<f64>,
    factors: Vec<f64>,
    reciprocals: Vec<f64>,
}

impl PathDependent {
    pub(super) fn new(shares: Vec<f64>, rules: &mut Rules) -> Self {
        let rule = rules.for_degree(shares.len().saturating_sub(1));
        let rest: Vec<f64> = rule.nodes.iter().map(|t| 1.0 - t).collect();
        let factors: Vec<f64> =
            rule.nodes.iter().flat_map(|t| shares.iter().map(move |z| z * (1.0 - t) + t)).collect();
        let reciprocals = factors.iter().map(|f| 1.0 / f).collect();
        Self { weights: rule.weights.clone(), rest, factors, reciprocals, shares }
    }
}

impl Game for PathDependent {
    fn parts(&mut self, right: &[u64], out: &mut [f64]) {
        let m = self.shares.len();
        out.fill(0.0);
        let (mut wrong_share, mut wrong) = (1.0, 0);
        for e in (0..m).filter(|e| !holds(right, *e)) {
            wrong_share *= self.shares[e];
            wrong += 1;
        }
        if wrong_share == 0.0 {
            return;
        }
        let mut of_wrong = 0.0;
        for (q, weight) in self.weights.iter().enumerate() {
            let factors = &self.factors[q * m..(q + 1) * m];
            let reciprocals = &self.reciprocals[q * m..(q + 1) * m];
            let mut product = weight * wrong_share;
            for e in 0..m {
                if holds(right, e) {
                    product *= factors[e];
                }
            }
            if wrong > 0 {
                product *= self.rest[q].powi(wrong - 1);
                of_wrong += product;
                product *= self.rest[q];
            }
            for e in 0..m {
                out[e] += product * reciprocals[e];
            }
        }
        for e in 0..m {
            out[e] = if holds(right, e) { out[e] * (1.0 - self.shares[e]) } else { -of_wrong };
        }
    }

    fn base(&self) -> f64 {
        self.shares.iter().product()
    }
}

/// Unknown columns are as background rows have them.
pub(super) struct Interventional {
    /// Which columns are right for the background rows, and the share of the rows for which it is so.
    patterns: Vec<(Mask, f64)>,
    /// Columns on the way.
    columns: usize,
}

impl Interventional {
    pub(super) fn new(columns: usize, rows: impl Iterator<Item = Mask>) -> Self {
        let mut seen: BTreeMap<Mask, f64> = BTreeMap::new();
        let mut n = 0.0;
        for mask in rows {
            *seen.entry(mask).or_default() += 1.0;
            n += 1.0;
        }
        Self { columns, patterns: seen.into_iter().map(|(mask, count)| (mask, count / n)).collect() }
    }
}

impl Game for Interventional {
    fn parts(&mut self, right: &[u64], out: &mut [f64]) {
        let m = out.len();
        out.fill(0.0);
        let full = |w: usize| if (w + 1) * 64 <= m { u64::MAX } else { (1u64 << (m % 64)) - 1 };
        for (background, share) in &self.patterns {
            // A column that is right for neither keeps the leaf out of reach.
            let reached = right.iter().zip(background).enumerate().all(|(w, (r, b))| r | b == full(w));
            if !reached {
                continue;
            }
            let count = |of: fn(u64, u64) -> u64| -> u32 {
                right.iter().zip(background).map(|(r, b)| of(*r, *b).count_ones()).sum()
            };
            let (own, theirs) = (count(|r, b| r & !b), count(|r, b| b & !r));
            if own + theirs == 0 {
                continue;
            }
            let (for_own, for_theirs) = weights(own, theirs);
            for e in 0..m {
                match (holds(right, e), holds(background, e)) {
                    (true, false) => out[e] += share * for_own,
                    (false, true) => out[e] -= share * for_theirs,
                    _ => {}
                }
            }
        }
    }

    fn base(&self) -> f64 {
        let right = |mask: &Mask| mask.iter().map(|w| w.count_ones() as usize).sum::<usize>() == self.columns;
        self.patterns.iter().filter(|(mask, _)| right(mask)).map(|(_, share)| share).sum()
    }
}

/// (a−1)! b! / (a+b)! and a! (b−1)! / (a+b)!, of which only those that are asked for mean something.
fn weights(a: u32, b: u32) -> (f64, f64) {
    // a! b! / (a+b)! as a product that neither overflows nor cancels.
    let whole = (1..=b).fold(1.0, |p, i| p * f64::from(i) / f64::from(a + i));
    (whole / f64::from(a.max(1)), whole / f64::from(b.max(1)))
}
