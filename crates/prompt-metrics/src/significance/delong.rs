//! The variance of ROC AUC (DeLong, DeLong and Clarke-Pearson, 1988), by midranks (Sun and Xu, 2014).

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::interval::Interval;
use crate::stats::{normal_quantile, normal_two_sided, ranks};

/// Two scores' ROC AUC on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AucDifference {
    /// The first score's ROC AUC.
    pub a: f64,
    /// The second score's.
    pub b: f64,
    /// `a` − `b` with its interval.
    pub difference: Interval,
    /// Standard error of the difference.
    pub standard_error: f64,
    /// Difference over its standard error; 0 where both are 0.
    pub z: f64,
    /// Two-sided p-value.
    pub p_value: f64,
}

/// ROC AUC with DeLong's interval: estimate ± z·standard error, cut to [0, 1]. O(n log n).
///
/// Reference: the U-statistic's structural components, in `tests/reference/metrics/make_certainty.py`.
///
/// ```
/// use prompt_metrics::significance::delong;
/// let auc = delong(&[false, false, true, true, true], &[0.1, 0.4, 0.35, 0.8, 0.7], 0.95)?;
/// assert!((auc.estimate - 5.0 / 6.0).abs() < 1e-12 && auc.low < 0.5 && auc.high == 1.0);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, scores that are not finite, fewer than two rows of a class, a level that is not strictly
/// between 0 and 1.
pub fn delong(is_positive: &[bool], scores: &[f64], level: f64) -> Result<Interval> {
    check::level("delong", level)?;
    let parts = Components::new(is_positive, scores)?;
    let half = normal_quantile(0.5 + level / 2.0) * covariance(&parts, &parts).sqrt();
    Ok(Interval {
        estimate: parts.auc,
        low: (parts.auc - half).max(0.0),
        high: (parts.auc + half).min(1.0),
        level,
    })
}

/// DeLong's test of two scores on the same rows.
///
/// # Errors
/// As [`delong`].
pub fn delong_paired(is_positive: &[bool], [a, b]: [&[f64]; 2], level: f64) -> Result<AucDifference> {
    check::level("delong_paired", level)?;
    let (a, b) = (Components::new(is_positive, a)?, Components::new(is_positive, b)?);
    let variance = covariance(&a, &a) + covariance(&b, &b) - 2.0 * covariance(&a, &b);
    // Equal rankings leave rounding dust, never a real variance.
    let standard_error = if variance > 1e-18 { variance.sqrt() } else { 0.0 };
    let difference = a.auc - b.auc;
    if standard_error == 0.0 && difference.abs() > 1e-12 {
        return Err(Error::input(
            format!("the ROC AUCs {} and {} differ without any variance", a.auc, b.auc),
            "DeLong's test needs rows on which the scores rank differently: give more rows",
        ));
    }
    let z = if standard_error > 0.0 { difference / standard_error } else { 0.0 };
    let half = normal_quantile(0.5 + level / 2.0) * standard_error;
    Ok(AucDifference {
        a: a.auc,
        b: b.auc,
        difference: Interval { estimate: difference, low: difference - half, high: difference + half, level },
        standard_error,
        z,
        p_value: normal_two_sided(z),
    })
}

/// How often each positive beats the negatives, and each negative is beaten.
struct Components {
    auc: f64,
    of_positives: Vec<f64>,
    of_negatives: Vec<f64>,
}

impl Components {
    fn new(is_positive: &[bool], scores: &[f64]) -> Result<Self> {
        check::scores(is_positive, scores)?;
        let of = |kind: bool| -> Vec<f64> {
            is_positive.iter().zip(scores).filter(|(p, _)| **p == kind).map(|(_, s)| *s).collect()
        };
        let (positive, negative) = (of(true), of(false));
        for (kind, rows) in [("positive", positive.len()), ("negative", negative.len())] {
            if rows < 2 {
                return Err(Error::input(
                    format!("DeLong's variance is undefined: there are {rows} {kind} rows"),
                    "give at least two rows of each class",
                ));
            }
        }
        let (m, n) = (positive.len() as f64, negative.len() as f64);
        let all = ranks(&[positive.as_slice(), negative.as_slice()].concat());
        let (within_p, within_n) = (ranks(&positive), ranks(&negative));
        let of_positives: Vec<f64> = within_p.iter().zip(&all).map(|(own, all)| (all - own) / n).collect();
        let of_negatives: Vec<f64> =
            within_n.iter().zip(&all[positive.len()..]).map(|(own, all)| 1.0 - (all - own) / m).collect();
        Ok(Self { auc: of_positives.iter().sum::<f64>() / m, of_positives, of_negatives })
    }
}

fn covariance(a: &Components, b: &Components) -> f64 {
    let of = |x: &[f64], y: &[f64]| {
        let n = x.len() as f64;
        x.iter().zip(y).map(|(x, y)| (x - a.auc) * (y - b.auc)).sum::<f64>() / (n - 1.0) / n
    };
    of(&a.of_positives, &b.of_positives) + of(&a.of_negatives, &b.of_negatives)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_rows_and_equal_scores() {
        let few = delong(&[true, false, false], &[0.1, 0.2, 0.3], 0.95).unwrap_err().to_string();
        assert!(few.contains("there are 1 positive rows"), "{few}");
        let (y, s) = ([true, true, false, false], [0.4, 0.9, 0.5, 0.1]);
        let same = delong_paired(&y, [&s, &s], 0.95).unwrap();
        assert_eq!((same.z, same.p_value, same.difference.estimate), (0.0, 1.0, 0.0));
        let apart = delong_paired(&y, [&[0.8, 0.9, 0.2, 0.1], &[0.1, 0.2, 0.8, 0.9]], 0.95);
        assert!(apart.unwrap_err().to_string().contains("without any variance"));
        assert!(delong(&y, &s, 0.0).unwrap_err().to_string().contains("`level`"));
    }
}
