//! Quantiles of a column.

/// Quantile `q` of rising numbers, linear between neighbours (NumPy's default). `None` of none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q * last as f64;
    let below = (at.floor() as usize).min(last);
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    let share = at - below as f64;
    if (b - a).is_infinite() {
        return Some(a * (1.0 - share) + b * share);
    }
    // From the nearer neighbour, so that the ends come out exactly.
    Some(if share < 0.5 { a + (b - a) * share } else { b - (b - a) * (1.0 - share) })
}

/// The numbers that are there, rising.
pub(crate) fn present(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut present: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
    present.sort_unstable_by(f64::total_cmp);
    present
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        // NumPy's quantile([1, 2, 4, 8], [0, .25, .5, .9, 1]).
        let v = [1.0, 2.0, 4.0, 8.0];
        let of = |q| quantile(&v, q).unwrap();
        assert_eq!([of(0.0), of(0.25), of(0.5), of(1.0)], [1.0, 1.75, 3.0, 8.0]);
        assert!((of(0.9) - 6.8).abs() < 1e-12);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(present([2.0, f64::NAN, 1.0]), [1.0, 2.0]);
    }
}
