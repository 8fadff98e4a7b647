//! How far two rows are from each other.

use prompt_core::RowView;
use serde::{Deserialize, Serialize};

/// What near means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// √Σ(a_j − b_j)²
    Euclidean,
    /// Σ|a_j − b_j|
    Manhattan,
    /// 1 − a·b/(‖a‖·‖b‖); 1 where one of them is zero.
    Cosine,
}

/// A row that is asked about, with all its numbers, and what the metric needs of it alone.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) values: Vec<f64>,
    pub(crate) own: f64,
}

impl Query {
    pub(crate) fn fill(&mut self, metric: Metric, row: RowView<'_>, cols: usize) {
        self.values.clear();
        self.values.resize(cols, 0.0);
        row.for_each(|j, v| {
            if let Some(slot) = self.values.get_mut(j) {
                *slot = v;
            }
        });
        self.own = metric.own(RowView::Dense(&self.values));
    }
}

impl Metric {
    /// Σv² of a row, or Σ|v|.
    pub(crate) fn own(self, row: RowView<'_>) -> f64 {
        match self {
            Self::Manhattan => {
                let mut sum = 0.0;
                row.for_each(|_, v| sum += v.abs());
                sum
            }
            _ => row.norm2(),
        }
    }

    /// A number that orders rows as their distance from the query does: the distance, its square for
    /// [`Euclidean`](Self::Euclidean).
    pub(crate) fn rank(self, row: RowView<'_>, own: f64, query: &Query) -> f64 {
        let q = &query.values;
        match (self, row) {
            (Self::Euclidean, RowView::Dense(x)) => lanes(x, q, |d| d * d),
            (Self::Manhattan, RowView::Dense(x)) => lanes(x, q, f64::abs),
            (Self::Euclidean, _) => (own + query.own - 2.0 * row.dot(q)).max(0.0),
            (Self::Manhattan, _) => {
                let mut sum = query.own;
                row.for_each(|j, v| sum += q.get(j).map_or(v.abs(), |q| (v - q).abs() - q.abs()));
                sum.max(0.0)
            }
            (Self::Cosine, _) => {
                let lengths = (own * query.own).sqrt();
                if lengths > 0.0 { (1.0 - row.dot(q) / lengths).max(0.0) } else { 1.0 }
            }
        }
    }

    /// The distance that a rank stands for.
    pub(crate) fn distance(self, rank: f64) -> f64 {
        if self == Self::Euclidean { rank.sqrt() } else { rank }
    }
}

/// Σ f(a_j − b_j) in four interleaved chains.
fn lanes(a: &[f64], b: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in a4.iter().zip(b4) {
        for i in 0..4 {
            sums[i] += f(a[i] - b[i]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f(a - b)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_rows_are_as_far_as_dense_ones() {
        let mut query = Query::default();
        let dense = [0.0, 2.0, 0.0, -1.0, 3.0];
        let sparse = RowView::Sparse { indices: &[1, 3, 4], values: &[2.0, -1.0, 3.0] };
        for (metric, expected) in
            [(Metric::Euclidean, 11f64.sqrt()), (Metric::Manhattan, 5.0), (Metric::Cosine, 0.2763794)]
        {
            query.fill(metric, RowView::Dense(&[1.0, 1.0, 0.0, -1.0, 0.0]), 5);
            for row in [RowView::Dense(&dense), sparse] {
                let found = metric.distance(metric.rank(row, metric.own(row), &query));
                let expected =
                    if metric == Metric::Cosine { 1.0 - 3.0 / (14f64 * 3.0).sqrt() } else { expected };
                assert!((found - expected).abs() < 1e-12, "{metric:?}: {found} instead of {expected}");
            }
        }
    }
}
