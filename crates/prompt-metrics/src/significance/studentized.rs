//! The studentized range with infinitely many degrees of freedom: the spread of k standard normal numbers.

use crate::stats::normal_cdf;

/// P(range of `k` standard normal numbers ≤ q) = k·∫ φ(z)·(Φ(z) − Φ(z − q))ᵏ⁻¹ dz.
///
/// The trapezoid rule on a smooth function that vanishes at both ends is exact to rounding.
pub(super) fn range_cdf(q: f64, k: usize) -> f64 {
    if q <= 0.0 {
        return 0.0;
    }
    const STEP: f64 = 0.0625;
    let steps = ((18.0 + q) / STEP).ceil() as usize;
    let power = k as f64 - 1.0;
    let sum: f64 = (0..=steps)
        .map(|i| {
            let z = -9.0 + i as f64 * STEP;
            let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            density * (normal_cdf(z) - normal_cdf(z - q)).max(0.0).powf(power)
        })
        .sum();
    (k as f64 * sum * STEP).clamp(0.0, 1.0)
}

/// The q with P(range ≤ q) = `p`, by bisection.
pub(super) fn range_quantile(p: f64, k: usize) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if range_cdf(middle, k) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}
