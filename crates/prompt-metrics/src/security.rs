//! The security score: one number for a guard that must catch attacks without bothering ordinary users.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::classify::Confusion;

/// Which class index means what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityClasses {
    /// Ordinary prompts.
    pub benign: usize,
    /// Borderline prompts.
    pub suspicious: usize,
    /// Attacks.
    pub malicious: usize,
}

impl SecurityClasses {
    /// Finds `benign`, `suspicious` and `malicious` in a class list; case does not matter.
    ///
    /// # Errors
    /// [`Error::Unknown`] names the class that is missing.
    pub fn find<S: AsRef<str>>(classes: &[S]) -> Result<Self> {
        let index = |name: &str| {
            classes.iter().position(|c| c.as_ref().eq_ignore_ascii_case(name)).ok_or_else(|| {
                Error::unknown("security class", name, classes.iter().map(|c| c.as_ref().to_owned()))
            })
        };
        Ok(Self {
            benign: index("benign")?,
            suspicious: index("suspicious")?,
            malicious: index("malicious")?,
        })
    }
}

/// The security score and its parts, all in [0, 1].
///
/// `score` = (0.5·recall(malicious) + 0.3·precision(suspicious) + 0.2·F1(benign))
///         · exp(−5·(P(benign→malicious) + P(malicious→benign)))
///
/// where P(a→b) is the share of the rows of true class a that were called b. Defined by this workspace; the rates
/// are those of scikit-learn 1.9.1 `confusion_matrix(normalize="true")`.
///
/// ```
/// use prompt_metrics::{Confusion, SecurityClasses, SecurityScore};
/// let classes = SecurityClasses::find(&["benign", "suspicious", "malicious"])?;
/// let c = Confusion::new(&[0, 0, 1, 2, 2], &[0, 0, 1, 2, 0], 3, None)?;
/// let s = SecurityScore::new(&c, classes)?;
/// assert_eq!(s.missed_threat_rate, 0.5);
/// let expected = (0.5 * 0.5 + 0.3 * 1.0 + 0.2 * 0.8) * (-5.0_f64 * 0.5).exp();
/// assert!((s.score - expected).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SecurityScore {
    /// The score; 1 is perfect.
    pub score: f64,
    /// The weighted sum, before the penalty for confusing attacks with ordinary prompts.
    pub unpenalised: f64,
    /// Share of the attacks that were caught as such.
    pub recall_malicious: f64,
    /// Of the prompts called suspicious, the share that is. 0.0 where none was called so.
    pub precision_suspicious: f64,
    /// Whether anything was called suspicious.
    pub precision_suspicious_defined: bool,
    /// F1 of the ordinary prompts.
    pub f1_benign: f64,
    /// P(benign→malicious): ordinary prompts taken for attacks.
    pub false_alarm_rate: f64,
    /// P(malicious→benign): attacks taken for ordinary prompts.
    pub missed_threat_rate: f64,
}

impl SecurityScore {
    /// The score of these decisions.
    ///
    /// # Errors
    /// When the truth holds no benign or no malicious row, because its rates are then undefined; when a class index
    /// lies beyond the matrix.
    pub fn new(confusion: &Confusion, classes: SecurityClasses) -> Result<Self> {
        let SecurityClasses { benign, suspicious, malicious } = classes;
        let highest = benign.max(suspicious).max(malicious);
        if highest >= confusion.n_classes() {
            return Err(Error::shape(
                "classes of the confusion matrix (at least)",
                highest + 1,
                confusion.n_classes(),
            ));
        }
        let missing = |class: &str| {
            Error::input(
                format!("the security score is undefined: no row is {class}"),
                format!("evaluate on rows that hold {class} prompts"),
            )
        };
        let recall_malicious = confusion.recall(malicious).ok_or_else(|| missing("malicious"))?;
        let missed_threat_rate = confusion.rate(malicious, benign).ok_or_else(|| missing("malicious"))?;
        let false_alarm_rate = confusion.rate(benign, malicious).ok_or_else(|| missing("benign"))?;
        let f1_benign = confusion.class(benign).f1;
        let suspicious = confusion.class(suspicious);
        let unpenalised = 0.5 * recall_malicious + 0.3 * suspicious.precision + 0.2 * f1_benign;
        Ok(Self {
            score: unpenalised * (-5.0 * (false_alarm_rate + missed_threat_rate)).exp(),
            unpenalised,
            recall_malicious,
            precision_suspicious: suspicious.precision,
            precision_suspicious_defined: suspicious.precision_defined,
            f1_benign,
            false_alarm_rate,
            missed_threat_rate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_that_is_missing_is_named() {
        let error = SecurityClasses::find(&["safe", "suspicious", "malicious"]).unwrap_err();
        assert_eq!(error.to_string(), "unknown security class `benign`; known: safe, suspicious, malicious");
        let classes = SecurityClasses::find(&["Malicious", "BENIGN", "suspicious"]).unwrap();
        assert_eq!(classes, SecurityClasses { benign: 1, suspicious: 2, malicious: 0 });
    }

    #[test]
    fn truth_without_attacks_has_no_score() {
        let classes = SecurityClasses { benign: 0, suspicious: 1, malicious: 2 };
        let c = Confusion::new(&[0, 1], &[0, 2], 3, None).unwrap();
        let message = SecurityScore::new(&c, classes).unwrap_err().to_string();
        assert!(message.starts_with("the security score is undefined: no row is malicious"), "{message}");
        let c = Confusion::new(&[0, 1], &[0, 1], 2, None).unwrap();
        assert!(SecurityScore::new(&c, classes).unwrap_err().to_string().contains("expected 3, got 2"));
    }

    #[test]
    fn a_perfect_guard_scores_one_and_an_inverted_one_almost_nothing() {
        let classes = SecurityClasses { benign: 0, suspicious: 1, malicious: 2 };
        let score = |pred: &[u32]| {
            let c = Confusion::new(&[0, 0, 1, 2], pred, 3, None).unwrap();
            SecurityScore::new(&c, classes).unwrap()
        };
        assert_eq!(score(&[0, 0, 1, 2]).score, 1.0);
        let inverted = score(&[2, 2, 1, 0]);
        assert_eq!((inverted.false_alarm_rate, inverted.missed_threat_rate), (1.0, 1.0));
        assert!((inverted.score - 0.3 * (-10.0_f64).exp()).abs() < 1e-18);
        let silent = score(&[0, 0, 0, 2]);
        assert!(!silent.precision_suspicious_defined && silent.precision_suspicious == 0.0);
    }
}
