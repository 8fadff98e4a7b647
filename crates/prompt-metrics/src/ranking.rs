//! Whether what is relevant stands at the top of a list.

use prompt_core::{Error, Result};

use crate::check::{self, Weights};
use crate::probability::average_precision;

/// One ranked list: how relevant each item is (0 is not at all) and the score that ranks it, highest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Query<'a> {
    /// Relevance of each item, not negative.
    pub relevance: &'a [f64],
    /// Score of each item.
    pub scores: &'a [f64],
}

/// Normalised discounted cumulative gain of the first `k` places (all without `k`), in [0, 1], averaged over queries.
///
/// DCG = Σ relevance(place) / log₂(place + 1), divided by that of the best order; tied scores share the mean of their
/// places. A query without relevant items counts 0.0. Reference: scikit-learn 1.9.1 `ndcg_score`.
///
/// ```
/// use prompt_metrics::ranking::{Query, ndcg};
/// let query = Query { relevance: &[3.0, 2.0, 0.0], scores: &[0.9, 0.5, 0.1] };
/// assert_eq!(ndcg(&[query], None, None)?, 1.0);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No queries, an empty one, lengths that differ, numbers that are not finite, negative relevance, `k` = 0, bad weights,
/// no relevant item in any query.
pub fn ndcg(queries: &[Query<'_>], k: Option<usize>, weights: Option<&[f64]>) -> Result<f64> {
    let k = places("ndcg", k)?;
    mean_over("NDCG", queries, weights, |q| {
        let best = discounted(q.relevance, q.relevance, k);
        if best > 0.0 { Ok(discounted(q.relevance, q.scores, k) / best) } else { Ok(0.0) }
    })
}

/// Mean reciprocal rank, in [0, 1]: 1 / (place of the first relevant item), averaged over queries.
///
/// An item counts as relevant when its relevance is above 0. Ties count against the ranking: an item stands behind those
/// with its score. A query without relevant items counts 0.0. Reference: 1 / `scipy.stats.rankdata(-scores, "max")`.
///
/// # Errors
/// As [`ndcg`].
pub fn mrr(queries: &[Query<'_>], weights: Option<&[f64]>) -> Result<f64> {
    mean_over("MRR", queries, weights, |q| {
        let relevant = q.relevance.iter().zip(q.scores).filter(|(r, _)| **r > 0.0).map(|(_, s)| *s);
        let best = relevant.fold(f64::NEG_INFINITY, f64::max);
        let place = q.scores.iter().filter(|&&s| s >= best).count();
        Ok(if best.is_finite() { 1.0 / place as f64 } else { 0.0 })
    })
}

/// Mean average precision, in [0, 1]: [`average_precision`] of each query's relevant items, averaged over queries.
///
/// A query without relevant items counts 0.0. Reference: the mean of scikit-learn 1.9.1 `average_precision_score`.
///
/// # Errors
/// As [`ndcg`].
pub fn mean_average_precision(queries: &[Query<'_>], weights: Option<&[f64]>) -> Result<f64> {
    mean_over("mean average precision", queries, weights, |q| {
        let relevant: Vec<bool> = q.relevance.iter().map(|&r| r > 0.0).collect();
        if relevant.contains(&true) { average_precision(&relevant, q.scores, None) } else { Ok(0.0) }
    })
}

fn places(owner: &str, k: Option<usize>) -> Result<usize> {
    match k {
        Some(0) => Err(Error::param(owner, "k", "a whole number ≥ 1", 0)),
        Some(k) => Ok(k),
        None => Ok(usize::MAX),
    }
}

fn discounted(relevance: &[f64], scores: &[f64], k: usize) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let (mut sum, mut place) = (0.0, 0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let gain = tied.iter().map(|&i| relevance[i]).sum::<f64>() / tied.len() as f64;
        for _ in tied {
            if place < k {
                sum += gain / (place as f64 + 2.0).log2();
            }
            place += 1;
        }
    }
    sum
}

fn mean_over(
    metric: &str,
    queries: &[Query<'_>],
    weights: Option<&[f64]>,
    of_query: impl Fn(&Query<'_>) -> Result<f64>,
) -> Result<f64> {
    if queries.is_empty() {
        return Err(Error::input(format!("{metric} of no queries is undefined"), "give at least one query"));
    }
    let weights = Weights::new(weights, queries.len())?;
    for (i, query) in queries.iter().enumerate() {
        let of = |what: &str| format!("{what} of query {i}");
        if query.relevance.is_empty() {
            return Err(Error::input(format!("query {i} has no items"), "give each query at least one item"));
        }
        check::same_length(&of("the scores"), query.relevance.len(), query.scores.len())?;
        check::finite(&of("the relevance"), query.relevance)?;
        check::finite(&of("the scores"), query.scores)?;
        if let Some(item) = query.relevance.iter().position(|&r| r < 0.0) {
            return Err(Error::input(
                format!("relevance {} of item {item} of query {i}", query.relevance[item]),
                "relevance starts at 0",
            ));
        }
    }
    if queries.iter().all(|q| q.relevance.iter().all(|&r| r == 0.0)) {
        return Err(Error::input(
            format!("{metric} is undefined: no query has a relevant item"),
            "give queries with relevant items",
        ));
    }
    let values: Vec<f64> = queries.iter().map(of_query).collect::<Result<_>>()?;
    Ok(weights.mean(values.len(), |i| values[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_queries_say_which() {
        let query = |relevance, scores| Query { relevance, scores };
        let message = |q: &[Query<'_>], k| ndcg(q, k, None).unwrap_err().to_string();
        assert!(message(&[], None).contains("no queries"));
        assert!(message(&[query(&[], &[])], None).contains("query 0 has no items"));
        assert!(
            message(&[query(&[1.0], &[1.0, 2.0])], None).contains("the scores of query 0: expected 1, got 2")
        );
        assert!(message(&[query(&[-1.0], &[1.0])], None).contains("relevance -1 of item 0 of query 0"));
        assert!(message(&[query(&[1.0], &[f64::NAN])], None).contains("the scores of query 0 holds NaN"));
        assert!(message(&[query(&[0.0], &[1.0])], None).contains("no query has a relevant item"));
        assert!(message(&[query(&[1.0], &[1.0])], Some(0)).contains("`k`"));
        assert!(mrr(&[query(&[1.0], &[1.0])], Some(&[0.0])).is_err());
        let mixed = [query(&[1.0, 0.0], &[1.0, 0.0]), query(&[0.0], &[1.0])];
        assert_eq!(
            mean_average_precision(&mixed, None).unwrap(),
            0.5,
            "a query without relevant items counts 0"
        );
    }
}
