//! Small statistics that several modules need.

use statrs::distribution::{ContinuousCDF, Normal};

/// Where the `q`-quantile (0 ≤ q ≤ 1) of sorted numbers lies: between two ranks, at a share of the way.
///
/// Written operation for operation as NumPy 2.4's `numpy.quantile` (`method="linear"`), because bins that are cut
/// at quantiles move whole rows when the last bit differs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) below: usize,
    pub(crate) above: usize,
    share: f64,
}

impl Place {
    /// Among `n` ≥ 1 numbers.
    pub(crate) fn of(n: usize, q: f64) -> Self {
        let last = n.saturating_sub(1);
        let position = last as f64 * q;
        let below = (position.floor() as usize).min(last);
        Self { below, above: (below + 1).min(last), share: position - position.floor() }
    }

    /// The quantile, from the numbers of the two ranks.
    pub(crate) fn between(self, a: f64, b: f64) -> f64 {
        let t = self.share;
        if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
    }
}

/// The `q`-quantile (0 ≤ q ≤ 1) of `sorted` numbers, linear between neighbours; NaN when there are none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = Place::of(sorted.len(), q);
    place.between(sorted[place.below], sorted[place.above])
}

/// The value at `x` of the line through `points`, which are sorted by their first number; flat beyond the ends.
pub(crate) fn interpolate(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|p| p.0 < x);
    match (after.checked_sub(1).and_then(|b| points.get(b)), points.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
        (Some(end), None) | (None, Some(end)) => end.1,
        (None, None) => f64::NAN,
    }
}

/// As numbers: −0.0 and 0.0 are a tie. The inputs are finite.
pub(crate) fn order(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
}

/// Ranks from 1; equal values share the mean of theirs.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<usize> = (0..values.len()).collect();
    sorted.sort_by(|&a, &b| order(values[a], values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for run in sorted.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = first as f64 + (run.len() as f64 + 1.0) / 2.0;
        run.iter().for_each(|&i| ranks[i] = mean);
        first += run.len();
    }
    ranks
}

/// P(Z ≤ z) of a standard normal number.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The z with P(Z ≤ z) = `p`.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// P(|Z| ≥ |z|).
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
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
