//! Whether predictions rise with the truth.

use prompt_core::{Error, Result};

use crate::check;
use crate::stats::{order, ranks};

/// Pearson's correlation, in [−1, 1]. Reference: SciPy 1.17.1 `pearsonr`.
///
/// ```
/// use prompt_metrics::regress::pearson;
/// assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0])? - 1.0).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// Fewer than two rows, lengths that differ, numbers that are not finite, a side that is constant.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<f64> {
    checked("Pearson's correlation", x, y)?;
    Ok(correlation(x, y))
}

/// Spearman's rank correlation, in [−1, 1]: Pearson's of the ranks, ties sharing their mean rank.
///
/// Reference: SciPy 1.17.1 `spearmanr`.
///
/// ```
/// use prompt_metrics::regress::spearman;
/// assert!((spearman(&[1.0, 2.0, 3.0], &[1.0, 10.0, 100.0])? - 1.0).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`pearson`].
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64> {
    checked("Spearman's correlation", x, y)?;
    Ok(correlation(&ranks(x), &ranks(y)))
}

/// Kendall's τ-b, in [−1, 1]: concordant less discordant pairs, corrected for ties. O(n log n) (Knight, 1966).
///
/// Reference: SciPy 1.17.1 `kendalltau`.
///
/// ```
/// use prompt_metrics::regress::kendall;
/// assert!((kendall(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0])? - 4.0 / 6.0).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`pearson`].
pub fn kendall(x: &[f64], y: &[f64]) -> Result<f64> {
    checked("Kendall's τ", x, y)?;
    let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    pairs.sort_by(|a, b| order(a.0, b.0).then(order(a.1, b.1)));
    let tied_x = tied_pairs(&pairs, |a, b| a.0 == b.0);
    let tied_both = tied_pairs(&pairs, |a, b| a == b);
    let mut ys: Vec<f64> = pairs.iter().map(|p| p.1).collect();
    // With x in order, the discordant pairs are the swaps that sort y.
    let discordant = sort_counting_swaps(&mut ys) as f64;
    let tied_y = tied_pairs(&ys, |a, b| a == b);
    let all = pairs.len() as f64 * (pairs.len() as f64 - 1.0) / 2.0;
    let concordant_less_discordant = all - tied_x - tied_y + tied_both - 2.0 * discordant;
    Ok((concordant_less_discordant / (all - tied_x).sqrt() / (all - tied_y).sqrt()).clamp(-1.0, 1.0))
}

fn checked(metric: &str, x: &[f64], y: &[f64]) -> Result<()> {
    check::same_length("y_pred", x.len(), y.len())?;
    check::finite("y_true", x)?;
    check::finite("y_pred", y)?;
    if x.len() < 2 {
        return Err(Error::input(
            format!("{metric} of {} row(s) is undefined", x.len()),
            "give at least two rows",
        ));
    }
    for (what, values) in [("y_true", x), ("y_pred", y)] {
        if values.iter().all(|&v| v == values[0]) {
            return Err(Error::input(
                format!("{metric} is undefined: {what} is constant"),
                "evaluate on rows that differ",
            ));
        }
    }
    Ok(())
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
}

/// Pairs within runs of equal neighbours.
fn tied_pairs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> f64 {
    sorted.chunk_by(equal).map(|run| run.len() as f64 * (run.len() as f64 - 1.0) / 2.0).sum()
}

/// Merge sort, counting the pairs that were out of order.
fn sort_counting_swaps(values: &mut [f64]) -> u64 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(n / 2);
    let mut swaps = sort_counting_swaps(left) + sort_counting_swaps(right);
    let mut merged = Vec::with_capacity(n);
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            swaps += (left.len() - i) as u64;
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_side_is_refused_by_name() {
        let message = pearson(&[1.0, 2.0], &[3.0, 3.0]).unwrap_err().to_string();
        assert!(message.starts_with("Pearson's correlation is undefined: y_pred is constant"), "{message}");
        assert!(kendall(&[1.0], &[1.0]).unwrap_err().to_string().contains("1 row(s)"));
        assert!(spearman(&[1.0, 2.0], &[1.0]).unwrap_err().to_string().contains("expected 2, got 1"));
    }

    #[test]
    fn swaps_are_the_pairs_out_of_order() {
        let mut values = [3.0, 1.0, 2.0, 2.0];
        assert_eq!(sort_counting_swaps(&mut values), 3);
        assert_eq!(values, [1.0, 2.0, 2.0, 3.0]);
    }
}
