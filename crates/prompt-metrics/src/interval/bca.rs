//! Bounds that are corrected for bias and for a spread that changes with the value (Efron, 1987).

use crate::stats::{normal_cdf, normal_quantile, quantile};

/// The bounds of `sorted` resampled values. `jackknife` holds the metric without each unit, and how many units are alike.
///
/// Reference: SciPy 1.17.1 `bootstrap(method="BCa")`. Where all resampled values lie on one side of the estimate, half a
/// resample is taken to lie on the other, which SciPy answers with NaN.
pub(super) fn bounds(sorted: &[f64], estimate: f64, jackknife: &[(f64, f64)], level: f64) -> (f64, f64) {
    let b = sorted.len() as f64;
    let below = sorted.partition_point(|&v| v < estimate) as f64;
    let at_most = sorted.partition_point(|&v| v <= estimate) as f64;
    let bias = normal_quantile(((below + at_most) / (2.0 * b)).clamp(0.5 / b, 1.0 - 0.5 / b));
    let n: f64 = jackknife.iter().map(|u| u.1).sum();
    let mean = jackknife.iter().map(|(v, count)| v * count).sum::<f64>() / n;
    let moment = |power: i32| {
        jackknife.iter().map(|(v, count)| count * ((n - 1.0) * (mean - v)).powi(power)).sum::<f64>()
            / n.powi(power)
    };
    let spread = 6.0 * moment(2).powf(1.5);
    let acceleration = if spread > 0.0 { moment(3) / spread } else { 0.0 };
    let bound = |z: f64| {
        let shifted = bias + z;
        quantile(sorted, normal_cdf(bias + shifted / (1.0 - acceleration * shifted)))
    };
    let z = normal_quantile((1.0 - level) / 2.0);
    (bound(z), bound(-z))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_equal_scipy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/metrics/bca.json");
        let fixture: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = fixture["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let numbers = |key: &str| -> Vec<f64> {
                case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
            };
            let number = |key: &str| case[key].as_f64().unwrap();
            let mut values = numbers("resampled");
            values.sort_by(f64::total_cmp);
            let jackknife: Vec<(f64, f64)> = numbers("jackknife").into_iter().map(|v| (v, 1.0)).collect();
            let (low, high) = bounds(&values, number("estimate"), &jackknife, number("level"));
            assert!((low - number("low")).abs() < 1e-10, "{}: {low}", case["name"]);
            assert!((high - number("high")).abs() < 1e-10, "{}: {high}", case["name"]);
        }
    }

    #[test]
    fn a_constant_metric_has_constant_bounds() {
        assert_eq!(bounds(&[2.0; 9], 2.0, &[(2.0, 5.0)], 0.95), (2.0, 2.0));
        let (low, high) = bounds(&[1.0, 2.0, 3.0], 9.0, &[(9.0, 3.0)], 0.95);
        assert!(low.is_finite() && high.is_finite());
    }
}
