//! The report of a classifier.

use std::fmt;

use prompt_core::{Dense, Error, Result};
use serde::{Deserialize, Serialize};

use super::{number, or_note, width};
use crate::classify::{Average, Averages, ClassScores, Confusion};
use crate::probability;

/// Every number about a classifier's predictions.
///
/// The JSON form has scikit-learn's names at the top level (`accuracy`, `f1_macro`, `roc_auc_ovr`, …); those that
/// need probabilities are `null` without them. What is undefined on these rows is `null` too, and `notes` says why.
/// `Display` prints a table like scikit-learn 1.9.1 `classification_report`, with the other numbers below it.
///
/// ```
/// use prompt_core::Dense;
/// use prompt_metrics::ClassificationReport;
/// let proba = Dense::from_rows(&[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]]);
/// let report = ClassificationReport::new(&[0, 0, 1, 1], &[0, 0, 1, 0], &["ham", "spam"], Some(&proba), None)?;
/// assert_eq!(report.accuracy, 0.75);
/// assert_eq!(report.probabilities.roc_auc_ovr, Some(0.75));
/// let json = serde_json::to_value(&report).unwrap();
/// assert_eq!(json["per_class"][1]["recall"], 0.5);
/// assert_eq!(json["roc_auc_ovr"], 0.75);
/// assert!(report.to_string().contains("spam"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// Number of rows.
    pub rows: usize,
    /// Weight of all rows; their number without weights.
    pub weight: f64,
    /// Share of rows that got their class.
    pub accuracy: f64,
    /// Mean recall of the classes that occur.
    pub balanced_accuracy: f64,
    /// Mean precision over classes.
    pub precision_macro: f64,
    /// Mean recall over classes.
    pub recall_macro: f64,
    /// Mean F1 over classes.
    pub f1_macro: f64,
    /// F1 over all decisions together.
    pub f1_micro: f64,
    /// Precision, weighted by the classes' share of the truth.
    pub precision_weighted: f64,
    /// Recall, weighted likewise.
    pub recall_weighted: f64,
    /// F1, weighted likewise.
    pub f1_weighted: f64,
    /// Matthews' correlation.
    pub matthews_corrcoef: f64,
    /// Cohen's kappa; `None` where one class is all there is.
    pub cohen_kappa: Option<f64>,
    /// What follows from probabilities; all `None` without them.
    #[serde(flatten)]
    pub probabilities: ProbabilityScores,
    /// The numbers of every class, in class order.
    pub per_class: Vec<ClassReport>,
    /// Weighted counts: true class, then predicted class.
    pub confusion_matrix: Vec<Vec<f64>>,
    /// What could not be computed, and why.
    pub notes: Vec<String>,
}

/// The numbers that need probabilities. `None` without them, and where they are undefined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbabilityScores {
    /// Mean negative log-likelihood of the true class, in nats.
    pub log_loss: Option<f64>,
    /// Mean squared distance of the probabilities from the truth.
    pub brier: Option<f64>,
    /// Macro-averaged one-vs-rest ROC AUC.
    pub roc_auc_ovr: Option<f64>,
    /// Macro-averaged average precision.
    pub average_precision_macro: Option<f64>,
    /// Share of rows whose true class is among the two most probable.
    pub top_2_accuracy: Option<f64>,
    /// Expected calibration error of the first choice, 15 equal-mass bins.
    pub ece: Option<f64>,
}

/// The numbers of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// The class's name.
    pub class: String,
    /// Precision, recall, F1 and support.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// ROC AUC against the rest.
    pub roc_auc: Option<f64>,
    /// Average precision against the rest.
    pub average_precision: Option<f64>,
}

impl ClassificationReport {
    /// Measures the predictions of one row each. Labels are indices into `classes`; `proba` has one column for each
    /// class, in the same order.
    ///
    /// # Errors
    /// As [`Confusion::new`] and, with probabilities, [`probability::log_loss`]. A number that is undefined on these
    /// rows is no error: it is `None`, with a note.
    pub fn new<S: AsRef<str>>(
        y_true: &[u32],
        y_pred: &[u32],
        classes: &[S],
        proba: Option<&Dense>,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        let confusion = Confusion::new(y_true, y_pred, classes.len(), weights)?;
        let mut notes = Vec::new();
        for (name, scores) in classes.iter().zip(confusion.per_class()) {
            if let Some(note) = zero_division(name.as_ref(), &scores) {
                notes.push(note);
            }
        }
        let (mut probabilities, mut roc_auc, mut average_precision) =
            (ProbabilityScores::default(), vec![None; classes.len()], vec![None; classes.len()]);
        if let Some(proba) = proba {
            if proba.cols() != classes.len() {
                return Err(Error::shape("columns of probabilities", classes.len(), proba.cols()));
            }
            roc_auc = probability::roc_auc_per_class(y_true, proba, weights)?;
            average_precision = probability::average_precision_per_class(y_true, proba, weights)?;
            probabilities = ProbabilityScores {
                log_loss: Some(probability::log_loss(y_true, proba, weights)?),
                brier: Some(probability::brier(y_true, proba, weights)?),
                roc_auc_ovr: mean_of_all("roc_auc_ovr", classes, &roc_auc, &mut notes),
                average_precision_macro: mean_of_all(
                    "average_precision_macro",
                    classes,
                    &average_precision,
                    &mut notes,
                ),
                top_2_accuracy: Some(probability::top_k_accuracy(y_true, proba, 2, weights)?),
                ece: Some(probability::ece(y_true, proba, weights)?),
            };
        }
        let cohen_kappa = confusion.cohen_kappa();
        if cohen_kappa.is_none() {
            notes.push("cohen_kappa: undefined, because truth and predictions are of one class".to_owned());
        }
        let (by_class, weighted) = (confusion.average(Average::Macro), confusion.average(Average::Weighted));
        Ok(Self {
            rows: y_true.len(),
            weight: confusion.total(),
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            precision_macro: by_class.precision,
            recall_macro: by_class.recall,
            f1_macro: by_class.f1,
            f1_micro: confusion.average(Average::Micro).f1,
            precision_weighted: weighted.precision,
            recall_weighted: weighted.recall,
            f1_weighted: weighted.f1,
            matthews_corrcoef: confusion.matthews_corrcoef(),
            cohen_kappa,
            probabilities,
            per_class: classes
                .iter()
                .zip(confusion.per_class())
                .zip(roc_auc.into_iter().zip(average_precision))
                .map(|((class, scores), (roc_auc, average_precision))| ClassReport {
                    class: class.as_ref().to_owned(),
                    scores,
                    roc_auc,
                    average_precision,
                })
                .collect(),
            confusion_matrix: confusion.into(),
            notes,
        })
    }
}

/// Says which numbers of a class are a 0.0 that stands for "undefined".
fn zero_division(class: &str, scores: &ClassScores) -> Option<String> {
    let what = match (scores.precision_defined, scores.recall_defined) {
        (true, true) => return None,
        (false, false) => "occurs in neither truth nor predictions and is left out of the averages",
        (false, true) => "was never predicted: its precision counts as 0",
        (true, false) => "is not in the truth: its recall counts as 0",
    };
    Some(format!("class `{class}` {what}"))
}

/// The mean over all classes, if each has a value.
fn mean_of_all<S: AsRef<str>>(
    metric: &str,
    classes: &[S],
    values: &[Option<f64>],
    notes: &mut Vec<String>,
) -> Option<f64> {
    let mut sum = 0.0;
    for (class, value) in classes.iter().zip(values) {
        let value = value.ok_or_else(|| {
            Error::input(
                format!("undefined, because class `{}` holds no row, or every row", class.as_ref()),
                "see the classes one by one",
            )
        });
        sum += or_note(metric, value, notes)?;
    }
    Some(sum / values.len() as f64)
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.per_class.iter().map(|c| width(&c.class));
        let first = names.max().unwrap_or(0).max("balanced accuracy".len());
        let pad = |text: &str| format!("{}{text}", " ".repeat(first.saturating_sub(width(text))));
        writeln!(f, "{}  precision  recall  f1-score  support\n", pad(""))?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, a: Averages, support: f64| {
            let Averages { precision, recall, f1 } = a;
            writeln!(
                f,
                "{}  {precision:9.4}  {recall:6.4}  {f1:8.4}  {:>7}",
                pad(name),
                support_text(support)
            )
        };
        for ClassReport { class, scores: s, .. } in &self.per_class {
            line(f, class, Averages { precision: s.precision, recall: s.recall, f1: s.f1 }, s.support)?;
        }
        writeln!(f)?;
        writeln!(f, "{}  {:27.4}  {:>7}", pad("accuracy"), self.accuracy, support_text(self.weight))?;
        let (precision, recall, f1) = (self.precision_macro, self.recall_macro, self.f1_macro);
        line(f, "macro avg", Averages { precision, recall, f1 }, self.weight)?;
        let (precision, recall, f1) = (self.precision_weighted, self.recall_weighted, self.f1_weighted);
        line(f, "weighted avg", Averages { precision, recall, f1 }, self.weight)?;
        writeln!(f)?;
        let p = &self.probabilities;
        for (name, value) in [
            ("balanced accuracy", Some(self.balanced_accuracy)),
            ("Matthews corr.", Some(self.matthews_corrcoef)),
            ("Cohen's kappa", self.cohen_kappa),
            ("ROC AUC (ovr)", p.roc_auc_ovr),
            ("average precision", p.average_precision_macro),
            ("log loss", p.log_loss),
            ("Brier", p.brier),
            ("ECE", p.ece),
            ("top-2 accuracy", p.top_2_accuracy),
        ] {
            if value.is_some() {
                writeln!(f, "{}  {:>9}", pad(name), number(value))?;
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

/// Whole numbers without decimals.
fn support_text(support: f64) -> String {
    if support.fract() == 0.0 { format!("{support:.0}") } else { format!("{support:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_the_promised_keys() {
        let proba = Dense::from_rows(&[[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.3, 0.6], [0.4, 0.3, 0.3]]);
        let report =
            ClassificationReport::new(&[0, 1, 2, 1], &[0, 1, 2, 0], &["a", "b", "c"], Some(&proba), None)
                .unwrap();
        let json = serde_json::to_value(&report).unwrap();
        for key in [
            "accuracy",
            "balanced_accuracy",
            "precision_macro",
            "recall_macro",
            "f1_macro",
            "f1_micro",
            "f1_weighted",
            "matthews_corrcoef",
            "cohen_kappa",
            "log_loss",
            "brier",
            "roc_auc_ovr",
            "average_precision_macro",
            "top_2_accuracy",
            "ece",
        ] {
            assert!(json[key].is_f64(), "{key} is {}", json[key]);
        }
        assert_eq!(json["confusion_matrix"][1], serde_json::json!([1.0, 1.0, 0.0]));
        assert_eq!(serde_json::from_value::<ClassificationReport>(json).unwrap(), report);
    }

    #[test]
    fn undefined_numbers_are_null_with_a_reason() {
        let proba = Dense::from_rows(&[[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]]);
        let report =
            ClassificationReport::new(&[0, 1], &[0, 1], &["a", "b", "c"], Some(&proba), None).unwrap();
        assert_eq!(report.probabilities.roc_auc_ovr, None);
        assert_eq!(report.per_class[0].roc_auc, Some(1.0));
        assert_eq!(
            report.notes[0],
            "class `c` occurs in neither truth nor predictions and is left out of the averages"
        );
        assert!(report.notes[1].starts_with("roc_auc_ovr: undefined, because class `c` holds no row"));
        assert!(report.probabilities.log_loss.is_some());
        let single = ClassificationReport::new(&[0, 0], &[0, 0], &["a", "b"], None, None).unwrap();
        assert_eq!(serde_json::to_value(&single).unwrap()["cohen_kappa"], serde_json::Value::Null);
    }

    #[test]
    fn the_table_reads_like_the_one_people_know() {
        let report = ClassificationReport::new(
            &[0, 0, 1, 1, 2, 2],
            &[0, 0, 1, 2, 2, 2],
            &["benign", "suspicious", "malicious"],
            None,
            None,
        )
        .unwrap();
        let expected = "                   precision  recall  f1-score  support

           benign     1.0000  1.0000    1.0000        2
       suspicious     1.0000  0.5000    0.6667        2
        malicious     0.6667  1.0000    0.8000        2

         accuracy                       0.8333        6
        macro avg     0.8889  0.8333    0.8222        6
     weighted avg     0.8889  0.8333    0.8222        6

balanced accuracy     0.8333
   Matthews corr.     0.7833
    Cohen's kappa     0.7500
";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn probabilities_of_other_classes_are_refused() {
        let proba = Dense::from_rows(&[[0.5, 0.5]]);
        let error = ClassificationReport::new(&[0], &[0], &["a", "b", "c"], Some(&proba), None).unwrap_err();
        assert_eq!(error.to_string(), "columns of probabilities: expected 3, got 2");
    }
}
