//! Small statistics that several modules need.

/// The `q`-quantile (0 ≤ q ≤ 1) of `sorted` numbers, linear between neighbours; NaN when there are none.
///
/// Written operation for operation as NumPy 2.4's `numpy.quantile` (`method="linear"`), because bins that are cut
/// at quantiles move whole rows when the last bit differs.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = last as f64 * q;
    let below = (position.floor() as usize).min(last);
    let t = position - position.floor();
    let (a, b) = (sorted[below], sorted[(below + 1).min(last)]);
    if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
}

/// The index of the largest value, the first of several.
pub(crate) fn argmax(row: &[f64]) -> usize {
    let mut best = 0;
    for (j, &v) in row.iter().enumerate() {
        if v > row[best] {
            best = j;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_neighbours() {
        let x = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&x, 0.0), 1.0);
        assert_eq!(quantile(&x, 0.5), 3.0);
        assert_eq!(quantile(&x, 0.9), 6.800000000000001);
        assert_eq!(quantile(&x, 1.0), 8.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(argmax(&[0.2, 0.4, 0.4]), 1);
    }
}
