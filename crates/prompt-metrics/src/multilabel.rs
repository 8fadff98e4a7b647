//! Rows with any number of labels each.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check::{self, Weights};
use crate::classify::{Average, Averages};

/// Counts of one label, and what follows from them. What has no denominator is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Weight of the rows that have the label and were given it.
    pub tp: f64,
    /// Weight of the rows that were given it wrongly.
    pub fp: f64,
    /// Weight of the rows that have it and were not given it.
    pub fn_: f64,
}

impl LabelCounts {
    /// tp / (tp + fp).
    pub fn precision(&self) -> Option<f64> {
        quotient(self.tp, self.tp + self.fp)
    }

    /// tp / (tp + fn).
    pub fn recall(&self) -> Option<f64> {
        quotient(self.tp, self.tp + self.fn_)
    }

    /// 2·tp / (2·tp + fp + fn).
    pub fn f1(&self) -> Option<f64> {
        quotient(2.0 * self.tp, 2.0 * self.tp + self.fp + self.fn_)
    }

    fn scores(&self) -> Averages {
        Averages {
            precision: self.precision().unwrap_or(0.0),
            recall: self.recall().unwrap_or(0.0),
            f1: self.f1().unwrap_or(0.0),
        }
    }
}

fn quotient(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Metrics of predicted label sets. Reference: scikit-learn 1.9.1 with `zero_division=0`.
///
/// `y_true` and `y_pred` hold row after row, `n_labels` flags each.
///
/// ```
/// use prompt_metrics::{Average, MultiLabel};
/// let truth = [true, false, true, /**/ false, true, false];
/// let found = [true, false, false, /**/ false, true, true];
/// let m = MultiLabel::new(&truth, &found, 3, None)?;
/// assert_eq!((m.hamming_loss, m.subset_accuracy), (2.0 / 6.0, 0.0));
/// assert_eq!(m.average(Average::Micro).recall, 2.0 / 3.0);
/// assert_eq!(m.samples.precision, 0.75); // the mean over rows of 1 and ½
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiLabel {
    /// Share of single decisions that are wrong (`hamming_loss`).
    pub hamming_loss: f64,
    /// Share of rows whose whole set is right (`accuracy_score`).
    pub subset_accuracy: f64,
    /// Mean over rows of |both| / |either|; a row without labels on both sides counts 0 (`jaccard_score`).
    pub jaccard_samples: f64,
    /// Precision, recall and F1 of each row, averaged over rows; what has no denominator counts 0
    /// (`average="samples"`).
    pub samples: Averages,
    /// The counts of every label.
    pub labels: Vec<LabelCounts>,
}

impl MultiLabel {
    /// Counts the rows.
    ///
    /// # Errors
    /// No labels, no rows, flags that are not a whole number of rows, lengths that differ, bad weights.
    pub fn new(y_true: &[bool], y_pred: &[bool], n_labels: usize, weights: Option<&[f64]>) -> Result<Self> {
        if n_labels == 0 {
            return Err(Error::param("multi-label metrics", "n_labels", "a whole number ≥ 1", n_labels));
        }
        check::not_empty(y_true.len())?;
        check::same_length("y_pred", y_true.len(), y_pred.len())?;
        if !y_true.len().is_multiple_of(n_labels) {
            return Err(Error::input(
                format!("{} flags are no whole number of rows of {n_labels} labels", y_true.len()),
                "give n_labels flags for each row",
            ));
        }
        let rows = y_true.len() / n_labels;
        let weights = Weights::new(weights, rows)?;
        let mut labels = vec![LabelCounts::default(); n_labels];
        let (mut total, mut wrong, mut whole, mut jaccard) = (0.0, 0.0, 0.0, 0.0);
        let mut samples = Averages { precision: 0.0, recall: 0.0, f1: 0.0 };
        for (i, (truth, pred)) in y_true.chunks(n_labels).zip(y_pred.chunks(n_labels)).enumerate() {
            let w = weights.get(i);
            let mut row = LabelCounts::default();
            for (label, (&t, &p)) in labels.iter_mut().zip(truth.iter().zip(pred)) {
                for (counts, w) in [(label, w), (&mut row, 1.0)] {
                    match (t, p) {
                        (true, true) => counts.tp += w,
                        (false, true) => counts.fp += w,
                        (true, false) => counts.fn_ += w,
                        (false, false) => {}
                    }
                }
            }
            total += w;
            wrong += w * (row.fp + row.fn_);
            whole += if row.fp + row.fn_ == 0.0 { w } else { 0.0 };
            jaccard += w * quotient(row.tp, row.tp + row.fp + row.fn_).unwrap_or(0.0);
            let scores = row.scores();
            samples.precision += w * scores.precision;
            samples.recall += w * scores.recall;
            samples.f1 += w * scores.f1;
        }
        Ok(Self {
            hamming_loss: wrong / (total * n_labels as f64),
            subset_accuracy: whole / total,
            jaccard_samples: jaccard / total,
            samples: Averages {
                precision: samples.precision / total,
                recall: samples.recall / total,
                f1: samples.f1 / total,
            },
            labels,
        })
    }

    /// Precision, recall and F1 over labels; what has no denominator counts 0, as scikit-learn's `zero_division=0`.
    /// `Weighted` weighs labels by the rows that have them; where no row has any label it is 0.
    pub fn average(&self, average: Average) -> Averages {
        if average == Average::Micro {
            let sum = self.labels.iter().fold(LabelCounts::default(), |a, b| LabelCounts {
                tp: a.tp + b.tp,
                fp: a.fp + b.fp,
                fn_: a.fn_ + b.fn_,
            });
            return sum.scores();
        }
        let mut sum = Averages { precision: 0.0, recall: 0.0, f1: 0.0 };
        let mut total = 0.0;
        for label in &self.labels {
            let weight = if average == Average::Macro { 1.0 } else { label.tp + label.fn_ };
            let scores = label.scores();
            sum.precision += weight * scores.precision;
            sum.recall += weight * scores.recall;
            sum.f1 += weight * scores.f1;
            total += weight;
        }
        let share = if total > 0.0 { 1.0 / total } else { 0.0 };
        Averages { precision: sum.precision * share, recall: sum.recall * share, f1: sum.f1 * share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_says_which() {
        let message = |r: Result<MultiLabel>| r.unwrap_err().to_string();
        assert!(message(MultiLabel::new(&[true], &[true], 0, None)).contains("`n_labels`"));
        assert!(message(MultiLabel::new(&[], &[], 2, None)).contains("no rows"));
        assert!(message(MultiLabel::new(&[true; 4], &[true; 2], 2, None)).contains("expected 4, got 2"));
        assert!(message(MultiLabel::new(&[true; 3], &[true; 3], 2, None)).contains("3 flags are no whole"));
        assert!(
            message(MultiLabel::new(&[true; 2], &[true; 2], 2, Some(&[0.0]))).contains("all sample weights")
        );
    }

    #[test]
    fn a_label_nobody_has_is_undefined_on_its_own() {
        let m = MultiLabel::new(&[true, false], &[true, false], 2, None).unwrap();
        assert_eq!((m.labels[1].precision(), m.labels[1].recall(), m.labels[1].f1()), (None, None, None));
        assert_eq!(m.average(Average::Macro).f1, 0.5);
    }
}
