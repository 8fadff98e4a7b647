//! What happens at every threshold: the one sorted pass that ROC, precision–recall and operating points share.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check::{self, Weights};

/// Weight of the positive and negative rows whose score is at least `threshold`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    pub(crate) threshold: f64,
    pub(crate) tp: f64,
    pub(crate) fp: f64,
}

/// One cut for each distinct score, highest first. Rows without weight are not there.
///
/// Reference: scikit-learn 1.9.1 `confusion_matrix_at_thresholds`.
pub(crate) fn cuts(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<Cut>> {
    check::scores(is_positive, scores)?;
    let weights = Weights::new(weights, scores.len())?;
    // Equal scores stay in row order, so that weighted sums are taken in the order of the reference.
    let mut order: Vec<(u64, usize)> =
        (0..scores.len()).filter(|&i| weights.get(i) > 0.0).map(|i| (descending(scores[i]), i)).collect();
    order.sort_unstable();
    let mut cuts: Vec<Cut> = Vec::new();
    let (mut tp, mut fp) = (0.0, 0.0);
    for (_, i) in order {
        if is_positive[i] {
            tp += weights.get(i);
        } else {
            fp += weights.get(i);
        }
        match cuts.last_mut() {
            Some(last) if last.threshold == scores[i] => (last.tp, last.fp) = (tp, fp),
            _ => cuts.push(Cut { threshold: scores[i], tp, fp }),
        }
    }
    Ok(cuts)
}

/// A finite number as an integer that falls as the number rises: integers are quicker to sort. −0.0 and 0.0 are one.
fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    // Positive numbers rise with their bits, negative ones fall.
    if bits >> 63 == 0 { !bits & (u64::MAX >> 1) } else { bits }
}

/// The last cut takes in every row: the weight of all positives and of all negatives.
pub(crate) fn totals(cuts: &[Cut]) -> (f64, f64) {
    cuts.last().map_or((0.0, 0.0), |all| (all.tp, all.fp))
}

/// The totals, where both kinds occur.
pub(super) fn both_classes(cuts: &[Cut], metric: &str) -> Result<(f64, f64)> {
    let (positives, negatives) = totals(cuts);
    if positives > 0.0 && negatives > 0.0 {
        return Ok((positives, negatives));
    }
    let absent = if positives > 0.0 { "negative" } else { "positive" };
    Err(Error::input(
        format!("{metric} is undefined: there are no {absent} rows"),
        "evaluate on rows of both classes",
    ))
}

/// The positives, where there are any.
pub(super) fn some_positives(cuts: &[Cut], metric: &str) -> Result<f64> {
    let (positives, _) = totals(cuts);
    if positives > 0.0 {
        return Ok(positives);
    }
    Err(Error::input(
        format!("{metric} is undefined: there are no positive rows"),
        "evaluate on rows that hold the positive class",
    ))
}

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Share of the negatives with a score ≥ `threshold`.
    pub fpr: f64,
    /// Share of the positives with a score ≥ `threshold`.
    pub tpr: f64,
    /// Rows with at least this score are called positive; +∞ at the first point, where none is.
    pub threshold: f64,
}

/// The receiver operating characteristic, from (0, 0) to (1, 1); points on a straight line between their neighbours
/// are left out.
///
/// Reference: scikit-learn 1.9.1 `roc_curve`.
///
/// ```
/// use prompt_metrics::probability::roc_curve;
/// let curve = roc_curve(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// let points: Vec<_> = curve.iter().map(|p| (p.fpr, p.tpr)).collect();
/// assert_eq!(points, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, scores that are not finite, bad weights, or rows of one class only.
pub fn roc_curve(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<RocPoint>> {
    let cuts = cuts(is_positive, scores, weights)?;
    let (positives, negatives) = both_classes(&cuts, "the ROC curve")?;
    let mut points = vec![RocPoint { fpr: 0.0, tpr: 0.0, threshold: f64::INFINITY }];
    points.extend(cuts.iter().enumerate().filter(|&(i, _)| is_corner(&cuts, i)).map(|(_, c)| RocPoint {
        fpr: c.fp / negatives,
        tpr: c.tp / positives,
        threshold: c.threshold,
    }));
    Ok(points)
}

/// Whether the curve bends at cut `i` (its second difference is not zero). The ends always stay.
fn is_corner(cuts: &[Cut], i: usize) -> bool {
    let (Some(before), Some(after)) = (i.checked_sub(1).and_then(|b| cuts.get(b)), cuts.get(i + 1)) else {
        return true;
    };
    let bends = |a: f64, b: f64, c: f64| (c - b) - (b - a) != 0.0;
    bends(before.fp, cuts[i].fp, after.fp) || bends(before.tp, cuts[i].tp, after.tp)
}

/// A point of the precision–recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrPoint {
    /// Of the rows with a score ≥ `threshold`, the share that is positive.
    pub precision: f64,
    /// Of the positives, the share with a score ≥ `threshold`.
    pub recall: f64,
    /// Rows with at least this score are called positive; +∞ at the last point, where none is.
    pub threshold: f64,
}

/// Precision and recall at every threshold, lowest threshold first; the last point is (recall 0, precision 1).
///
/// Reference: scikit-learn 1.9.1 `precision_recall_curve`.
///
/// ```
/// use prompt_metrics::probability::precision_recall_curve;
/// let curve = precision_recall_curve(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// let points: Vec<_> = curve.iter().map(|p| (p.recall, p.precision)).collect();
/// assert_eq!(points, [(1.0, 0.5), (1.0, 2.0 / 3.0), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)]);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`roc_curve`]; rows of the positive class alone are fine.
pub fn precision_recall_curve(
    is_positive: &[bool],
    scores: &[f64],
    weights: Option<&[f64]>,
) -> Result<Vec<PrPoint>> {
    let cuts = cuts(is_positive, scores, weights)?;
    let positives = some_positives(&cuts, "the precision–recall curve")?;
    let mut points: Vec<PrPoint> = cuts
        .iter()
        .rev()
        .map(|c| PrPoint {
            precision: c.tp / (c.tp + c.fp),
            recall: c.tp / positives,
            threshold: c.threshold,
        })
        .collect();
    points.push(PrPoint { precision: 1.0, recall: 0.0, threshold: f64::INFINITY });
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fall_as_scores_rise() {
        let rising = [-1e300, -2.0, -1e-310, 0.0, 1e-310, 0.5, 0.75, 1e300];
        assert!(rising.windows(2).all(|pair| descending(pair[0]) > descending(pair[1])));
        assert_eq!(descending(-0.0), descending(0.0));
    }
}
