//! Operating points: which threshold keeps false alarms below a promised rate, and what it then catches.

use std::fmt;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::interval::{Interval, clopper_pearson, clopper_pearson_upper};
use crate::probability::cuts;

/// Confidence with which a promised false-positive rate is judged.
const PROMISE_LEVEL: f64 = 0.95;

/// A threshold with what it catches and what it costs, on the rows it was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Rows with at least this score are called positive.
    pub threshold: f64,
    /// Share of the positives at or above the threshold, with its Clopper–Pearson interval.
    pub tpr: Interval,
    /// Share of the negatives at or above the threshold, with its Clopper–Pearson interval.
    pub fpr: Interval,
    /// Number of positive rows.
    pub positives: u64,
    /// Number of negative rows.
    pub negatives: u64,
}

/// [`OperatingPoint`] chosen to keep the false-positive rate at or below `alpha`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TprAtFpr {
    /// The highest false-positive rate allowed.
    pub alpha: f64,
    /// The lowest threshold that keeps it on these rows.
    pub point: OperatingPoint,
    /// Negatives without a single false alarm that it takes to claim `alpha` with 95% confidence:
    /// ⌈ln 0.05 / ln(1 − α)⌉, about 3/α. `None` for α = 0, which no number of rows supports.
    pub negatives_needed: Option<u64>,
    /// Whether there are that many negatives. If not, these rows cannot support a promise of `alpha`, whatever the
    /// scores.
    pub enough_data: bool,
    /// Whether the promise holds beyond these rows: the one-sided 95% Clopper–Pearson bound of the false-positive
    /// rate is at most `alpha`.
    pub supported: bool,
}

/// The true-positive rate at the lowest threshold whose false-positive rate is at most `alpha`.
///
/// The threshold τ is the lowest score with |{negatives: s ≥ τ}| ≤ α·|negatives|; where even the highest score lets
/// too many negatives pass, it is the next number above, and nothing is called positive. Set it on validation rows
/// and measure it on others with [`operating_point`].
///
/// Reference: the last point of scikit-learn 1.9.1 `roc_curve(drop_intermediate=False)` with `fpr <= alpha`;
/// bounds SciPy 1.17.1 `binomtest`.
///
/// ```
/// use prompt_metrics::threshold::tpr_at_fpr;
/// let truth = [false, false, false, false, true, true, true];
/// let found = tpr_at_fpr(&truth, &[0.1, 0.2, 0.3, 0.9, 0.4, 0.8, 0.95], 0.25, 0.95)?;
/// assert_eq!((found.point.threshold, found.point.tpr.estimate, found.point.fpr.estimate), (0.4, 1.0, 0.25));
/// assert!(!found.enough_data); // 4 negatives cannot promise 25%: it takes 11
/// assert_eq!(found.negatives_needed, Some(11));
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, scores that are not finite, rows of one class only, `alpha` outside [0, 1), `level`
/// outside (0, 1).
pub fn tpr_at_fpr(is_positive: &[bool], scores: &[f64], alpha: f64, level: f64) -> Result<TprAtFpr> {
    if !(0.0..1.0).contains(&alpha) {
        return Err(Error::param("tpr_at_fpr", "alpha", "a number in [0, 1)", alpha));
    }
    let cuts = cuts(is_positive, scores, None)?;
    let negatives = cuts.last().map_or(0.0, |all| all.fp);
    let threshold = cuts.iter().rev().find(|cut| cut.fp / negatives <= alpha).or(cuts.first()).map_or(
        f64::INFINITY,
        |cut| {
            if cut.fp / negatives <= alpha { cut.threshold } else { cut.threshold.next_up() }
        },
    );
    let point = operating_point(is_positive, scores, threshold, level)?;
    let false_alarms = (point.fpr.estimate * point.negatives as f64).round() as u64;
    let bound = clopper_pearson_upper(false_alarms, point.negatives, PROMISE_LEVEL)?;
    let negatives_needed = negatives_needed(alpha);
    Ok(TprAtFpr {
        alpha,
        point,
        negatives_needed,
        enough_data: negatives_needed.is_some_and(|needed| point.negatives >= needed),
        supported: bound <= alpha,
    })
}

/// What it costs to catch a share of the positives: the highest threshold whose true-positive rate is at least `recall`,
/// with the false-positive rate there.
///
/// Reference: the first point of scikit-learn 1.9.1 `roc_curve(drop_intermediate=False)` with `tpr >= recall`.
///
/// ```
/// use prompt_metrics::threshold::fpr_at_recall;
/// let truth = [false, false, false, true, true];
/// let found = fpr_at_recall(&truth, &[0.1, 0.6, 0.3, 0.9, 0.5], 0.9, 0.95)?;
/// assert_eq!((found.threshold, found.fpr.estimate), (0.5, 1.0 / 3.0));
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`tpr_at_fpr`]; `recall` outside (0, 1].
pub fn fpr_at_recall(
    is_positive: &[bool],
    scores: &[f64],
    recall: f64,
    level: f64,
) -> Result<OperatingPoint> {
    if !(recall > 0.0 && recall <= 1.0) {
        return Err(Error::param("fpr_at_recall", "recall", "a number in (0, 1]", recall));
    }
    let cuts = cuts(is_positive, scores, None)?;
    let positives = cuts.last().map_or(0.0, |all| all.tp);
    let threshold =
        cuts.iter().find(|cut| cut.tp / positives >= recall).map_or(f64::INFINITY, |c| c.threshold);
    operating_point(is_positive, scores, threshold, level)
}

impl OperatingPoint {
    /// The precision where a share `prevalence` of the rows is positive, which may differ from the rows at hand:
    /// π·TPR / (π·TPR + (1 − π)·FPR). `None` where nothing is called positive.
    ///
    /// ```
    /// use prompt_metrics::threshold::operating_point;
    /// let point = operating_point(&[true, true, false, false], &[0.9, 0.8, 0.7, 0.1], 0.5, 0.95)?;
    /// assert_eq!(point.precision_at(0.5)?, Some(2.0 / 3.0));
    /// assert!(point.precision_at(0.01)?.is_some_and(|p| p < 0.02)); // one attack in a hundred: mostly false alarms
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `prevalence` outside [0, 1].
    pub fn precision_at(&self, prevalence: f64) -> Result<Option<f64>> {
        if !(0.0..=1.0).contains(&prevalence) {
            return Err(Error::param("precision_at", "prevalence", "a number in [0, 1]", prevalence));
        }
        let (caught, alarms) = (prevalence * self.tpr.estimate, (1.0 - prevalence) * self.fpr.estimate);
        Ok((caught + alarms > 0.0).then(|| caught / (caught + alarms)))
    }
}

/// What a given threshold catches and costs.
///
/// # Errors
/// As [`tpr_at_fpr`]; a threshold that is not a number.
pub fn operating_point(
    is_positive: &[bool],
    scores: &[f64],
    threshold: f64,
    level: f64,
) -> Result<OperatingPoint> {
    check::scores(is_positive, scores)?;
    if threshold.is_nan() {
        return Err(Error::param("operating_point", "threshold", "a number", threshold));
    }
    let (mut tp, mut fp, mut positives) = (0, 0, 0);
    for (&positive, &score) in is_positive.iter().zip(scores) {
        positives += u64::from(positive);
        if score >= threshold {
            tp += u64::from(positive);
            fp += u64::from(!positive);
        }
    }
    let negatives = is_positive.len() as u64 - positives;
    for (kind, n) in [("positive", positives), ("negative", negatives)] {
        if n == 0 {
            return Err(Error::input(
                format!("an operating point is undefined: there are no {kind} rows"),
                "evaluate on rows of both classes",
            ));
        }
    }
    Ok(OperatingPoint {
        threshold,
        tpr: clopper_pearson(tp, positives, level)?,
        fpr: clopper_pearson(fp, negatives, level)?,
        positives,
        negatives,
    })
}

/// The fewest negatives of which none may be a false alarm to claim `alpha` with 95% confidence.
fn negatives_needed(alpha: f64) -> Option<u64> {
    // (1 − α)ⁿ ≤ 0.05.
    (alpha > 0.0).then(|| ((1.0 - PROMISE_LEVEL).ln() / (-alpha).ln_1p()).ceil() as u64)
}

impl fmt::Display for TprAtFpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |x: f64| format!("{:.2}%", 100.0 * x);
        let OperatingPoint { threshold, tpr, fpr, negatives, .. } = &self.point;
        write!(
            f,
            "at threshold {threshold:.6} it catches {} (interval {} to {}) at {} false alarms (interval {} to {})",
            percent(tpr.estimate),
            percent(tpr.low),
            percent(tpr.high),
            percent(fpr.estimate),
            percent(fpr.low),
            percent(fpr.high),
        )?;
        let alpha = percent(self.alpha);
        let Some(needed) = self.negatives_needed else {
            return write!(f, "; no number of rows supports a promise of no false alarms at all");
        };
        if !self.enough_data {
            write!(
                f,
                "; too little data to promise {alpha}: it takes {needed} negative rows without a false alarm, there \
                 are {negatives}"
            )
        } else if !self.supported {
            write!(f, "; {alpha} holds on these rows, but not with 95% confidence beyond them")
        } else {
            write!(f, "; at most {alpha} false alarms with 95% confidence")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_a_percent_takes_three_thousand_clean_negatives() {
        let n = 3100;
        let truth: Vec<bool> = (0..n).map(|i| i >= 3000).collect();
        let scores: Vec<f64> = (0..n).map(f64::from).collect();
        let found = tpr_at_fpr(&truth, &scores, 0.0, 0.95).unwrap();
        assert_eq!((found.point.threshold, found.point.tpr.estimate, found.supported), (3000.0, 1.0, false));
        let found = tpr_at_fpr(&truth, &scores, 0.001, 0.95).unwrap();
        assert_eq!((found.negatives_needed, found.enough_data, found.supported), (Some(2995), true, false));
        assert_eq!(found.point.fpr.estimate, 0.001);
        let few = tpr_at_fpr(&truth[1000..], &scores[1000..], 0.001, 0.95).unwrap();
        assert!(few.to_string().contains("too little data to promise 0.10%: it takes 2995"), "{few}");
        assert!(found.to_string().contains("but not with 95% confidence"), "{found}");
    }

    #[test]
    fn where_the_highest_score_is_a_tie_nothing_is_caught() {
        let found = tpr_at_fpr(&[true, false, false, true], &[1.0, 1.0, 0.0, 0.5], 0.1, 0.95).unwrap();
        assert_eq!((found.point.tpr.estimate, found.point.fpr.estimate), (0.0, 0.0));
        assert!(found.point.threshold > 1.0 && found.point.threshold.is_finite());
    }

    #[test]
    fn bad_input_says_which() {
        let message = |r: Result<TprAtFpr>| r.unwrap_err().to_string();
        assert!(message(tpr_at_fpr(&[true], &[0.5], 0.01, 0.95)).contains("no negative rows"));
        assert!(message(tpr_at_fpr(&[false], &[0.5], 0.01, 0.95)).contains("no positive rows"));
        assert!(message(tpr_at_fpr(&[false, true], &[0.5, 0.1], 1.0, 0.95)).contains("`alpha`"));
        assert!(message(tpr_at_fpr(&[false, true], &[f64::NAN, 0.1], 0.1, 0.95)).contains("NaN at row 0"));
        assert!(message(tpr_at_fpr(&[], &[], 0.1, 0.95)).contains("no rows"));
        assert!(
            fpr_at_recall(&[false, true], &[0.2, 0.1], 0.0, 0.95)
                .unwrap_err()
                .to_string()
                .contains("`recall`")
        );
        let point = fpr_at_recall(&[false, true], &[0.2, 0.1], 1.0, 0.95).unwrap();
        assert_eq!(point.fpr.estimate, 1.0);
        assert!(point.precision_at(1.5).unwrap_err().to_string().contains("`prevalence`"));
        let silent = operating_point(&[false, true], &[0.2, 0.1], 9.0, 0.95).unwrap();
        assert_eq!(silent.precision_at(0.5).unwrap(), None);
    }
}
