//! Tests that look at ranks alone, so that no single row or data set decides.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};
use statrs::function::gamma::gamma_ur;

use super::studentized::{range_cdf, range_quantile};
use crate::check;
use crate::stats::{normal_two_sided, ranks};

/// Pairs up to which the distribution of Wilcoxon's statistic is counted out.
const EXACT_PAIRS: usize = 50;

/// Wilcoxon's signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Wilcoxon {
    /// Rank sum of the pairs in which the first is larger.
    pub w_plus: f64,
    /// Rank sum of those in which it is smaller.
    pub w_minus: f64,
    /// Pairs that differ; the others say nothing.
    pub pairs: usize,
    /// Two-sided p-value; 1 where no pair differs.
    pub p_value: f64,
    /// Whether it was counted out (up to 50 pairs without ties) instead of taken from the normal approximation.
    pub exact: bool,
    /// Rank-biserial correlation (w₊ − w₋) / (w₊ + w₋), in [−1, 1]: the effect size.
    pub rank_biserial: f64,
}

/// Wilcoxon's signed-rank test of pairs: is a − b spread evenly around 0?
///
/// Pairs without difference are dropped, ties share their rank; the normal approximation has the tie correction and no
/// continuity correction. Reference: SciPy 1.17.1 `wilcoxon(method="exact" | "asymptotic")`.
///
/// ```
/// use prompt_metrics::significance::wilcoxon;
/// let test = wilcoxon(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.5, 1.4, 2.3, 3.2, 4.1])?;
/// assert!((test.p_value - 0.0625).abs() < 1e-12 && test.rank_biserial == 1.0);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No pairs, lengths that differ, numbers that are not finite.
pub fn wilcoxon(a: &[f64], b: &[f64]) -> Result<Wilcoxon> {
    check::not_empty(a.len())?;
    check::same_length("the second model's numbers", a.len(), b.len())?;
    check::finite("the first model's numbers", a)?;
    check::finite("the second model's numbers", b)?;
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).filter(|d| *d != 0.0).collect();
    let sizes: Vec<f64> = d.iter().map(|d| d.abs()).collect();
    let rank = ranks(&sizes);
    let side =
        |positive: bool| d.iter().zip(&rank).filter(|(d, _)| (**d > 0.0) == positive).map(|(_, r)| r).sum();
    let (w_plus, w_minus): (f64, f64) = (side(true), side(false));
    let ties = tie_sum(&sizes);
    let exact = d.len() <= EXACT_PAIRS && ties == 0.0;
    let n = d.len() as f64;
    let p_value = if d.is_empty() {
        1.0
    } else if exact {
        exact_p(d.len(), w_plus.min(w_minus) as usize)
    } else {
        let deviation = ((n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0).sqrt();
        normal_two_sided((w_plus - n * (n + 1.0) / 4.0) / deviation)
    };
    let total = w_plus + w_minus;
    Ok(Wilcoxon {
        w_plus,
        w_minus,
        pairs: d.len(),
        p_value,
        exact,
        rank_biserial: if total > 0.0 { (w_plus - w_minus) / total } else { 0.0 },
    })
}

/// Σ (t³ − t) over runs of equal values.
fn tie_sum(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|run| (run.len() as f64).powi(3) - run.len() as f64).sum()
}

/// 2·P(W ≤ w) for signed ranks 1, …, n, at most 1.
fn exact_p(n: usize, w: usize) -> f64 {
    // The number of sign patterns with each rank sum, as shares so that 2⁵⁰ does not matter.
    let mut share = vec![0.0; n * (n + 1) / 2 + 1];
    share[0] = 1.0;
    for rank in 1..=n {
        for sum in (0..share.len()).rev() {
            let without = share[sum];
            let with = sum.checked_sub(rank).map_or(0.0, |s| share[s]);
            share[sum] = 0.5 * (without + with);
        }
    }
    (2.0 * share[..=w].iter().sum::<f64>()).min(1.0)
}

/// Friedman's test of many models over many data sets (or folds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Friedman {
    /// χ² statistic, corrected for ties.
    pub statistic: f64,
    /// p-value with k − 1 degrees of freedom.
    pub p_value: f64,
    /// Mean rank of each model, 1 the best (highest score).
    pub mean_ranks: Vec<f64>,
    /// Data sets.
    pub blocks: usize,
}

/// Friedman's test: do k models rank alike over all blocks? `scores` has one slice for each block (a data set or fold), one
/// score for each model, higher better.
///
/// Reference: SciPy 1.17.1 `friedmanchisquare`.
///
/// ```
/// use prompt_metrics::significance::friedman;
/// let blocks: [&[f64]; 4] = [&[0.9, 0.8, 0.7], &[0.8, 0.7, 0.6], &[0.9, 0.7, 0.8], &[0.7, 0.6, 0.5]];
/// let test = friedman(&blocks)?;
/// assert_eq!(test.mean_ranks, [1.0, 2.25, 2.75]);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Fewer than two blocks or three models, blocks of different lengths, scores that are not finite, models that tie in every
/// block.
pub fn friedman(scores: &[&[f64]]) -> Result<Friedman> {
    let k = scores.first().map_or(0, |block| block.len());
    if scores.len() < 2 || k < 3 {
        return Err(Error::input(
            format!("Friedman's test of {k} models over {} block(s) is undefined", scores.len()),
            "give at least three models and two blocks; two models are for `wilcoxon`",
        ));
    }
    let (mut sums, mut ties) = (vec![0.0; k], 0.0);
    for (b, block) in scores.iter().enumerate() {
        check::same_length(&format!("the scores of block {b}"), k, block.len())?;
        check::finite(&format!("block {b}"), block)?;
        let lower: Vec<f64> = block.iter().map(|s| -s).collect();
        sums.iter_mut().zip(ranks(&lower)).for_each(|(sum, rank)| *sum += rank);
        ties += tie_sum(block);
    }
    let (n, models) = (scores.len() as f64, k as f64);
    let correction = 1.0 - ties / (models * (models * models - 1.0) * n);
    if correction <= 0.0 {
        return Err(Error::input(
            "Friedman's test is undefined: all models tie in every block",
            "give scores that differ",
        ));
    }
    let squares: f64 = sums.iter().map(|s| s * s).sum();
    let statistic = (12.0 / (models * n * (models + 1.0)) * squares - 3.0 * n * (models + 1.0)) / correction;
    let statistic = statistic.max(0.0);
    Ok(Friedman {
        statistic,
        p_value: if statistic > 0.0 { gamma_ur((models - 1.0) / 2.0, statistic / 2.0) } else { 1.0 },
        mean_ranks: sums.iter().map(|s| s / n).collect(),
        blocks: scores.len(),
    })
}

/// Which models differ, after Friedman's test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nemenyi {
    /// Mean ranks that differ by at least this much differ at level α.
    pub critical_difference: f64,
    /// p-value of each pair of models, row after row; 1 on the diagonal.
    pub p_values: Vec<Vec<f64>>,
    /// The α of `critical_difference`.
    pub alpha: f64,
}

/// Nemenyi's test of all pairs of models: CD = q_α·√(k(k + 1) / 6N), q_α the studentized range's quantile over √2 (Demšar,
/// 2006).
///
/// Reference: SciPy 1.17.1 `studentized_range` with infinitely many degrees of freedom.
///
/// # Errors
/// `alpha` outside (0, 1).
pub fn nemenyi(test: &Friedman, alpha: f64) -> Result<Nemenyi> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::param("nemenyi", "alpha", "a number between 0 and 1, both excluded", alpha));
    }
    let k = test.mean_ranks.len();
    let unit = (k as f64 * (k as f64 + 1.0) / (6.0 * test.blocks as f64)).sqrt();
    let root = std::f64::consts::SQRT_2;
    let p = |a: f64, b: f64| 1.0 - range_cdf((a - b).abs() / unit * root, k);
    Ok(Nemenyi {
        critical_difference: range_quantile(1.0 - alpha, k) / root * unit,
        p_values: test
            .mean_ranks
            .iter()
            .map(|&a| test.mean_ranks.iter().map(|&b| p(a, b)).collect())
            .collect(),
        alpha,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_says_which() {
        assert!(wilcoxon(&[], &[]).unwrap_err().to_string().contains("no rows"));
        assert!(wilcoxon(&[1.0], &[]).unwrap_err().to_string().contains("expected 1, got 0"));
        let message = |blocks: &[&[f64]]| friedman(blocks).unwrap_err().to_string();
        assert!(message(&[]).contains("0 models over 0 block(s)"));
        assert!(message(&[&[1.0, 2.0, 3.0], &[1.0, 2.0]]).contains("block 1: expected 3, got 2"));
        assert!(message(&[&[1.0, 2.0, 3.0], &[1.0, f64::NAN, 2.0]]).contains("block 1 holds NaN"));
        assert!(message(&[&[1.0; 3], &[2.0; 3]]).contains("all models tie"));
        let test = friedman(&[&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]]).unwrap();
        assert!(nemenyi(&test, 1.0).unwrap_err().to_string().contains("`alpha`"));
    }

    #[test]
    fn pairs_without_difference_say_nothing() {
        let test = wilcoxon(&[1.0, 2.0], &[1.0, 2.0]).unwrap();
        assert_eq!((test.pairs, test.p_value, test.rank_biserial), (0, 1.0, 0.0));
    }
}
