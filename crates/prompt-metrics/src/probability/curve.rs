//! What happens at every threshold: the one sorted pass that ROC, precision–recall and operating points share.

use prompt_core::{Error, FitContext, Result};
use serde::{Deserialize, Serialize};

use crate::check::{self, Weights};
use crate::sort::{descending, from_descending, sort_keys};

/// Weight of the positive and negative rows whose score is at least `threshold`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    pub(crate) threshold: f64,
    pub(crate) tp: f64,
    pub(crate) fp: f64,
}

/// Rows from which the two classes are sorted side by side.
const MANY: usize = 50_000;

/// One cut for each distinct score, highest first. Rows without weight are not there.
///
/// Reference: scikit-learn 1.9.1 `confusion_matrix_at_thresholds`.
pub(crate) fn cuts(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<Cut>> {
    let mut cuts = Vec::new();
    each_cut(is_positive, scores, weights, |cut| cuts.push(cut))?;
    Ok(cuts)
}

/// Shows `see` the cuts without keeping them.
pub(crate) fn each_cut(
    is_positive: &[bool],
    scores: &[f64],
    weights: Option<&[f64]>,
    see: impl FnMut(Cut),
) -> Result<()> {
    check::scores(is_positive, scores)?;
    let weights = Weights::new(weights, scores.len())?;
    if weights.given().is_some() {
        weighted(is_positive, scores, weights, see);
    } else {
        counted(is_positive, scores, see);
    }
    Ok(())
}

/// Without weights rows of a score are alike, so that scores of either class are sorted alone and then merged.
fn counted(is_positive: &[bool], scores: &[f64], mut see: impl FnMut(Cut)) {
    let ctx = FitContext::default();
    let ctx = if scores.len() < MANY { ctx.serial() } else { ctx };
    let of_class = ctx.map(2, |class| {
        let rows = is_positive.iter().zip(scores);
        let mut keys: Vec<u64> =
            rows.filter(|(p, _)| **p == (class == 1)).map(|(_, &s)| descending(s)).collect();
        sort_keys(&mut keys);
        keys
    });
    let (negative, positive) = (&of_class[0], &of_class[1]);
    let (mut tp, mut fp) = (0, 0);
    loop {
        let key = match (positive.get(tp), negative.get(fp)) {
            (Some(&p), Some(&n)) => p.min(n),
            (Some(&key), None) | (None, Some(&key)) => key,
            (None, None) => return,
        };
        while positive.get(tp) == Some(&key) {
            tp += 1;
        }
        while negative.get(fp) == Some(&key) {
            fp += 1;
        }
        see(Cut { threshold: from_descending(key), tp: tp as f64, fp: fp as f64 });
    }
}

fn weighted(is_positive: &[bool], scores: &[f64], weights: Weights<'_>, mut see: impl FnMut(Cut)) {
    // Equal scores stay in row order, so that weighted sums are taken in the order of the reference.
    let mut order: Vec<(u64, usize)> =
        (0..scores.len()).filter(|&i| weights.get(i) > 0.0).map(|i| (descending(scores[i]), i)).collect();
    order.sort_unstable();
    let (mut tp, mut fp) = (0.0, 0.0);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        for &(_, i) in tied {
            if is_positive[i] {
                tp += weights.get(i);
            } else {
                fp += weights.get(i);
            }
        }
        see(Cut { threshold: scores[tied[0].1], tp, fp });
    }
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

/// The positives, where there are any.
pub(super) fn some_positives(cuts: &[Cut], metric: &str) -> Result<f64> {
    let (positives, _) = totals(cuts);
    some_there(positives, metric)?;
    Ok(positives)
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
