//! What one finds when only the best-scored part of the rows is looked at.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::curve::{both_classes, cuts, some_there, totals};

/// A point of the cumulative gain curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GainPoint {
    /// Rows with at least this score are looked at.
    pub threshold: f64,
    /// Their share of all rows.
    pub fraction: f64,
    /// The share of the positives among them: what was gained.
    pub gain: f64,
    /// `gain` / `fraction`: how many times more positives than by chance.
    pub lift: f64,
}

/// Gain and lift at every distinct score, highest first.
///
/// ```
/// use prompt_metrics::probability::gain_curve;
/// let curve = gain_curve(&[true, false, true, false], &[0.9, 0.8, 0.7, 0.1], None)?;
/// assert_eq!((curve[0].fraction, curve[0].gain, curve[0].lift), (0.25, 0.5, 2.0));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, scores that are not finite, bad weights, no positive row.
pub fn gain_curve(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<GainPoint>> {
    let cuts = cuts(is_positive, scores, weights)?;
    let (positives, _) = totals(&cuts);
    some_there(positives, "the gain curve")?;
    let total = cuts.last().map_or(0.0, |all| all.tp + all.fp);
    Ok(cuts
        .iter()
        .map(|cut| {
            let (fraction, gain) = ((cut.tp + cut.fp) / total, cut.tp / positives);
            GainPoint { threshold: cut.threshold, fraction, gain, lift: gain / fraction }
        })
        .collect())
}

/// The lift of the best-scored `fraction` of the rows (0.1 is the first decile): linear on the gain curve between its
/// points, so that ties are shared out.
///
/// # Errors
/// As [`gain_curve`]; `fraction` outside (0, 1].
pub fn lift_at(is_positive: &[bool], scores: &[f64], fraction: f64, weights: Option<&[f64]>) -> Result<f64> {
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(Error::param("lift_at", "fraction", "a number in (0, 1]", fraction));
    }
    let curve = gain_curve(is_positive, scores, weights)?;
    let points: Vec<(f64, f64)> =
        std::iter::once((0.0, 0.0)).chain(curve.iter().map(|p| (p.fraction, p.gain))).collect();
    Ok(crate::stats::interpolate(&points, fraction) / fraction)
}

/// The area under the ROC curve up to the false-positive rate `max_fpr`, standardised as by McClish (1989): 0.5 is
/// chance, 1 is perfect.
///
/// ½·(1 + (A − m²/2) / (m − m²/2)) with m = `max_fpr` and A the area from 0 to m. Reference: scikit-learn 1.9.1
/// `roc_auc_score(max_fpr=…)`.
///
/// ```
/// use prompt_metrics::probability::roc_auc_partial;
/// let auc = roc_auc_partial(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], 0.5, None)?;
/// assert!((auc - 0.5 * (1.0 + (0.25 - 0.125) / 0.375)).abs() < 1e-12);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// As [`roc_auc`](super::roc_auc); `max_fpr` outside (0, 1].
pub fn roc_auc_partial(
    is_positive: &[bool],
    scores: &[f64],
    max_fpr: f64,
    weights: Option<&[f64]>,
) -> Result<f64> {
    if !(max_fpr > 0.0 && max_fpr <= 1.0) {
        return Err(Error::param("roc_auc_partial", "max_fpr", "a number in (0, 1]", max_fpr));
    }
    let cuts = cuts(is_positive, scores, weights)?;
    let (positives, negatives) = both_classes(&cuts, "partial ROC AUC")?;
    let (mut area, mut before) = (0.0, (0.0, 0.0));
    for cut in &cuts {
        let (x, y) = (cut.fp / negatives, cut.tp / positives);
        if x > max_fpr {
            let share = (max_fpr - before.0) / (x - before.0);
            area += (max_fpr - before.0) * (before.1 + 0.5 * share * (y - before.1));
            break;
        }
        area += (x - before.0) * (y + before.1) / 2.0;
        before = (x, y);
    }
    if max_fpr == 1.0 {
        return Ok(area);
    }
    let chance = max_fpr * max_fpr / 2.0;
    Ok(0.5 * (1.0 + (area - chance) / (max_fpr - chance)))
}
