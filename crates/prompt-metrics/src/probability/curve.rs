//! What happens at every threshold: the one sorted pass that ROC, precision–recall and operating points share.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::scan::{PartView, Scan};
use crate::check::{self, Weights};
use crate::sort::descending;

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
    Ok(cut_parts(is_positive, scores, weights)?.concat())
}

/// The cuts in parts, as they were found: no second copy of many.
fn cut_parts(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<Vec<Cut>>> {
    Ok(match checked(is_positive, scores, weights)? {
        Some(weights) => vec![weighted(is_positive, scores, weights)],
        None => Scan::new(is_positive, scores).map(|part| {
            let mut cuts = Vec::with_capacity(part.rows());
            part.each(|cut| cuts.push(cut));
            cuts
        }),
    })
}

/// The weights, where some were given.
pub(super) fn checked<'w>(
    is_positive: &[bool],
    scores: &[f64],
    weights: Option<&'w [f64]>,
) -> Result<Option<Weights<'w>>> {
    check::scores(is_positive, scores)?;
    let weights = Weights::new(weights, scores.len())?;
    Ok(weights.given().is_some().then_some(weights))
}

/// The sum of what `step` makes of each cut and the positives and negatives above it; and all positives and negatives.
pub(super) fn sum_over_cuts(
    is_positive: &[bool],
    scores: &[f64],
    weights: Option<&[f64]>,
    step: impl Fn(Cut, (f64, f64)) -> f64 + Sync + Send,
) -> Result<(f64, (f64, f64))> {
    let mut sum = 0.0;
    let mut before = (0.0, 0.0);
    match checked(is_positive, scores, weights)? {
        Some(weights) => {
            for cut in weighted(is_positive, scores, weights) {
                sum += step(cut, before);
                before = (cut.tp, cut.fp);
            }
        }
        None => {
            let of_part = |part: PartView<'_>| {
                let (mut sum, mut before) = (0.0, part.before());
                part.each(|cut| {
                    sum += step(cut, before);
                    before = (cut.tp, cut.fp);
                });
                (sum, before)
            };
            for (part, end) in Scan::new(is_positive, scores).map(of_part) {
                sum += part;
                before = end;
            }
        }
    }
    Ok((sum, before))
}

fn weighted(is_positive: &[bool], scores: &[f64], weights: Weights<'_>) -> Vec<Cut> {
    // Equal scores stay in row order, so that weighted sums are taken in the order of the reference.
    let mut order: Vec<(u64, usize)> =
        (0..scores.len()).filter(|&i| weights.get(i) > 0.0).map(|i| (descending(scores[i]), i)).collect();
    order.sort_unstable();
    let (mut tp, mut fp) = (0.0, 0.0);
    let tied = order.chunk_by(|a, b| a.0 == b.0);
    tied.map(|rows| {
        for &(_, i) in rows {
            if is_positive[i] {
                tp += weights.get(i);
            } else {
                fp += weights.get(i);
            }
        }
        Cut { threshold: scores[rows[0].1], tp, fp }
    })
    .collect()
}

/// The last cut takes in every row: the weight of all positives and of all negatives.
pub(crate) fn totals(cuts: &[Cut]) -> (f64, f64) {
    cuts.last().map_or((0.0, 0.0), |all| (all.tp, all.fp))
}

/// The totals, where both kinds occur.
pub(super) fn both_classes(cuts: &[Cut], metric: &str) -> Result<(f64, f64)> {
    let (positives, negatives) = totals(cuts);
    both_there(positives, negatives, metric)?;
    Ok((positives, negatives))
}

/// Whether there is weight on either side.
pub(super) fn both_there(positives: f64, negatives: f64, metric: &str) -> Result<()> {
    if positives > 0.0 && negatives > 0.0 {
        return Ok(());
    }
    let absent = if positives > 0.0 { "negative" } else { "positive" };
    Err(Error::input(
        format!("{metric} is undefined: there are no {absent} rows"),
        "evaluate on rows of both classes",
    ))
}

/// Whether there is a positive row with weight.
pub(super) fn some_there(positives: f64, metric: &str) -> Result<()> {
    if positives > 0.0 {
        return Ok(());
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
    let parts = cut_parts(is_positive, scores, weights)?;
    let (positives, negatives) = both_classes(parts.last().map_or(&[], Vec::as_slice), "the ROC curve")?;
    let point = |c: &Cut| RocPoint { fpr: c.fp / negatives, tpr: c.tp / positives, threshold: c.threshold };
    let mut points = vec![RocPoint { fpr: 0.0, tpr: 0.0, threshold: f64::INFINITY }];
    let (mut before, mut here): (Option<&Cut>, Option<&Cut>) = (None, None);
    for next in parts.iter().flatten() {
        points.extend(here.filter(|cut| before.is_none_or(|before| bends(before, cut, next))).map(point));
        (before, here) = (here, Some(next));
    }
    points.extend(here.map(point));
    Ok(points)
}

/// Whether the curve bends at `b` (its second difference is not zero).
fn bends(a: &Cut, b: &Cut, c: &Cut) -> bool {
    let second = |a: f64, b: f64, c: f64| (c - b) - (b - a) != 0.0;
    second(a.fp, b.fp, c.fp) || second(a.tp, b.tp, c.tp)
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
    let parts = cut_parts(is_positive, scores, weights)?;
    let (positives, _) = totals(parts.last().map_or(&[], Vec::as_slice));
    some_there(positives, "the precision–recall curve")?;
    let point = |c: &Cut| PrPoint {
        precision: c.tp / (c.tp + c.fp),
        recall: c.tp / positives,
        threshold: c.threshold,
    };
    let mut points = Vec::with_capacity(parts.iter().map(Vec::len).sum::<usize>() + 1);
    // The highest scores are first and come last; a part that was read is given back at once.
    for part in parts.into_iter().rev() {
        points.extend(part.iter().rev().map(point));
    }
    points.push(PrPoint { precision: 1.0, recall: 0.0, threshold: f64::INFINITY });
    Ok(points)
}
