//! Temperature scaling (Guo et al., 2017).

use super::Margins;

/// The inverse temperature s > 0 that minimises the weighted log loss of softmax(s·z), or of σ(s·z) for a single
/// margin.
///
/// The loss is convex in s; Newton's method runs on ln s, which keeps s positive, held within [1e-3, 1e3] (margins
/// without a single error would send s to infinity). Scaling all margins alike never changes which class is the
/// most probable. 1 when there are no rows.
///
/// ```
/// use prompt_models::calibrate::{Margins, fit_temperature};
/// // Three of four rows are right at margin 1: σ(s) = 3/4, so s = ln 3.
/// let m = Margins { z: &[1.0, 1.0, 1.0, 1.0], k: 1, codes: &[1, 1, 0, 1], weights: None };
/// assert!((fit_temperature(&m) - 3f64.ln()).abs() < 1e-9);
/// ```
pub fn fit_temperature(margins: &Margins<'_>) -> f64 {
    let (mut low, mut high) = (1e-3, 1e3);
    let mut s = 1.0;
    for _ in 0..100 {
        let (slope, curvature) = derivatives(margins, s);
        if slope == 0.0 {
            return s;
        }
        *if slope > 0.0 { &mut high } else { &mut low } = s;
        // In u = ln s the slope is s·f′ and the curvature s²·f″ + s·f′.
        let bend = s * curvature + slope;
        let next = if bend > 0.0 { s * (-slope / bend).exp() } else { f64::NAN };
        let next = if next > low && next < high { next } else { f64::sqrt(low * high) };
        if (next / s - 1.0).abs() < 1e-12 {
            return next;
        }
        s = next;
    }
    s
}

/// First and second derivative of the log loss by s.
fn derivatives(margins: &Margins<'_>, s: f64) -> (f64, f64) {
    let (mut slope, mut curvature) = (0.0, 0.0);
    for (z, class, weight) in margins.rows() {
        // Two classes with one margin z are (0, z).
        let own = if margins.k == 1 && class == 0 { 0.0 } else { z[if margins.k == 1 { 0 } else { class }] };
        let zero = (margins.k == 1).then_some(0.0);
        let each = || z.iter().copied().chain(zero);
        let max = each().fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for z in each() {
            let e = (s * (z - max)).exp();
            sum += e;
            first += e * z;
            second += e * z * z;
        }
        let mean = first / sum;
        slope += weight * (mean - own);
        curvature += weight * (second / sum - mean * mean);
    }
    (slope, curvature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_margins_stop_at_the_bound() {
        let m = Margins { z: &[1.0, -1.0], k: 1, codes: &[1, 0], weights: None };
        assert!(fit_temperature(&m) > 20.0);
        assert!(fit_temperature(&m) <= 1e3);
    }

    #[test]
    fn weights_count_as_copies() {
        let copies = Margins { z: &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], k: 2, codes: &[0, 0, 0], weights: None };
        let weighted = Margins { z: &[1.0, 0.0, 0.0, 1.0], k: 2, codes: &[0, 0], weights: Some(&[2.0, 1.0]) };
        assert!((fit_temperature(&copies) - 2f64.ln()).abs() < 1e-9);
        assert!((fit_temperature(&weighted) - 2f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn no_rows_give_no_scaling() {
        assert_eq!(fit_temperature(&Margins { z: &[], k: 3, codes: &[], weights: None }), 1.0);
    }
}
