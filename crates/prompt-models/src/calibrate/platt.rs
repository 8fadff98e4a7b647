//! Platt scaling (Platt, 1999, with the numerics of Lin, Lin and Weng, 2007).

use super::Margins;
use crate::linear::sigmoid;

/// For each margin c the line (a, b) that makes σ(a·z_c + b) the probability of class c against the rest; one line,
/// for the second class, when two classes share a margin.
///
/// Minimises the weighted log loss against targets drawn in from 0 and 1, as scikit-learn's sigmoid calibration
/// does: (n₊+1)/(n₊+2) and 1/(n₋+2), with n₊ and n₋ the weights of the two sides. A slope below zero (margins that
/// point the wrong way) becomes zero with the base rate as offset.
pub fn fit_platt(margins: &Margins<'_>) -> Vec<(f64, f64)> {
    (0..margins.k)
        .map(|column| {
            let class = if margins.k == 1 { 1 } else { column };
            let rows: Vec<(f64, bool, f64)> =
                margins.rows().map(|(z, c, weight)| (z[column], c == class, weight)).collect();
            fit_line(&rows)
        })
        .collect()
}

fn fit_line(rows: &[(f64, bool, f64)]) -> (f64, f64) {
    let mass = |side: bool| rows.iter().filter(|r| r.1 == side).map(|r| r.2).sum::<f64>();
    let (positive, negative) = (mass(true), mass(false));
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
    let base = ((positive + 1.0) / (negative + 1.0)).ln();
    let target = |side: bool| if side { high } else { low };
    let loss = |a: f64, b: f64| -> f64 {
        rows.iter()
            .map(|&(z, side, weight)| {
                let f = a * z + b;
                weight * (f.max(0.0) - target(side) * f + (-f.abs()).exp().ln_1p())
            })
            .sum()
    };
    let (mut a, mut b) = (0.0, base);
    let mut at = loss(a, b);
    for _ in 0..100 {
        let (mut ga, mut gb, mut aa, mut ab, mut bb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
        for &(z, side, weight) in rows {
            let p = sigmoid(a * z + b);
            let (r, h) = (weight * (p - target(side)), weight * p * (1.0 - p));
            ga += r * z;
            gb += r;
            aa += h * z * z;
            ab += h * z;
            bb += h;
        }
        if ga.abs() < 1e-9 && gb.abs() < 1e-9 {
            break;
        }
        let det = aa * bb - ab * ab;
        let (da, db) = ((ab * gb - bb * ga) / det, (ab * ga - aa * gb) / det);
        let slope = ga * da + gb * db;
        let mut t = 1.0;
        while t > 1e-10 && loss(a + t * da, b + t * db) > at + 1e-4 * t * slope {
            t *= 0.5;
        }
        if t <= 1e-10 {
            break;
        }
        (a, b) = (a + t * da, b + t * db);
        at = loss(a, b);
    }
    if a > 0.0 && a.is_finite() && b.is_finite() { (a, b) } else { (0.0, base) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backward_margins_give_the_base_rate() {
        let m = Margins { z: &[1.0, -1.0, -1.0], k: 1, codes: &[0, 1, 1], weights: None };
        let (a, b) = fit_platt(&m)[0];
        assert_eq!(a, 0.0);
        assert!((b - (3.0f64 / 2.0).ln()).abs() < 1e-12);
    }
}
