//! How well scores put positives above negatives.

use prompt_core::{Dense, Error, Result};

use super::curve::{Cut, both_there, some_there, sum_over_cuts};
use crate::Average;
use crate::check::{self, Weights};

/// The area under the ROC curve, in [0, 1]: the chance that a positive row scores above a negative one, ties
/// counting half.
///
/// Reference: scikit-learn 1.9.1 `roc_auc_score`.
///
/// ```
/// use prompt_metrics::probability::roc_auc;
/// let auc = roc_auc(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// assert_eq!(auc, 0.75);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, scores that are not finite, bad weights, or rows of one class only.
pub fn roc_auc(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let area = |cut: Cut, (tp, fp): (f64, f64)| (cut.fp - fp) * (cut.tp + tp) / 2.0;
    let (sum, (tp, fp)) = sum_over_cuts(is_positive, scores, weights, area)?;
    both_there(tp, fp, "ROC AUC")?;
    Ok(sum / (tp * fp))
}

/// ROC AUC of each class against the rest; `None` for a class that holds no row, or every row.
///
/// Reference: scikit-learn 1.9.1 `roc_auc_score(multi_class="ovr", average=None)`, which calls these NaN.
///
/// # Errors
/// No rows, lengths that differ, labels beyond the columns, rows that are not probabilities, bad weights.
pub fn roc_auc_per_class(y_true: &[u32], proba: &Dense, weights: Option<&[f64]>) -> Result<Vec<Option<f64>>> {
    per_class(y_true, proba, weights, roc_auc)
}

/// One-vs-rest ROC AUC, averaged over classes; `Weighted` weighs by the classes' share of the truth.
///
/// Reference: scikit-learn 1.9.1 `roc_auc_score(multi_class="ovr", average="macro" | "weighted")`.
///
/// ```
/// use prompt_core::Dense;
/// use prompt_metrics::{Average, probability::roc_auc_ovr};
/// let p = Dense::from_rows(&[[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]]);
/// assert_eq!(roc_auc_ovr(&[0, 1, 2, 2], &p, Average::Macro, None)?, 1.0);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`roc_auc_per_class`]; a class without rows (the message names it); `Average::Micro`.
pub fn roc_auc_ovr(y_true: &[u32], proba: &Dense, average: Average, weights: Option<&[f64]>) -> Result<f64> {
    let areas = roc_auc_per_class(y_true, proba, weights)?;
    let share = match average {
        Average::Macro => vec![1.0; areas.len()],
        Average::Weighted => class_weights(y_true, proba.cols(), weights)?,
        Average::Micro => {
            return Err(Error::unsupported(
                "roc_auc_ovr",
                "the micro average",
                "use Average::Macro or Average::Weighted",
            ));
        }
    };
    averaged("ROC AUC", &areas, &share)
}

/// The mean precision over the steps of recall, in [0, 1]: Σ (Rᵢ − Rᵢ₋₁)·Pᵢ, not interpolated.
///
/// Reference: scikit-learn 1.9.1 `average_precision_score`.
///
/// ```
/// use prompt_metrics::probability::average_precision;
/// let ap = average_precision(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// assert!((ap - 0.8333333333333333).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, scores that are not finite, bad weights, or no positive row (scikit-learn warns
/// and answers 0.0 there).
pub fn average_precision(is_positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let gained = |cut: Cut, (tp, _): (f64, f64)| (cut.tp - tp) * (cut.tp / (cut.tp + cut.fp));
    let (sum, (tp, _)) = sum_over_cuts(is_positive, scores, weights, gained)?;
    some_there(tp, "average precision")?;
    Ok(sum / tp)
}

/// Average precision of each class against the rest; `None` for a class that holds no row.
///
/// Reference: scikit-learn 1.9.1 `average_precision_score(average=None)` on binarised labels.
///
/// # Errors
/// As [`roc_auc_per_class`].
pub fn average_precision_per_class(
    y_true: &[u32],
    proba: &Dense,
    weights: Option<&[f64]>,
) -> Result<Vec<Option<f64>>> {
    per_class(y_true, proba, weights, average_precision)
}

/// The mean of [`average_precision_per_class`] over all classes, with two classes too.
///
/// Reference: scikit-learn 1.9.1 `average_precision_score(average="macro")` on binarised labels.
///
/// # Errors
/// As [`roc_auc_ovr`].
pub fn average_precision_macro(y_true: &[u32], proba: &Dense, weights: Option<&[f64]>) -> Result<f64> {
    let all = average_precision_per_class(y_true, proba, weights)?;
    averaged("average precision", &all, &vec![1.0; all.len()])
}

fn per_class(
    y_true: &[u32],
    proba: &Dense,
    weights: Option<&[f64]>,
    metric: impl Fn(&[bool], &[f64], Option<&[f64]>) -> Result<f64>,
) -> Result<Vec<Option<f64>>> {
    check::probabilities(y_true, proba)?;
    Weights::new(weights, y_true.len())?;
    (0..proba.cols())
        .map(|class| {
            let is_class: Vec<bool> = y_true.iter().map(|&t| t as usize == class).collect();
            // What is left to fail is a class without rows, or without others.
            Ok(metric(&is_class, &proba.column(class), weights).ok())
        })
        .collect()
}

fn class_weights(y_true: &[u32], n_classes: usize, weights: Option<&[f64]>) -> Result<Vec<f64>> {
    let weights = Weights::new(weights, y_true.len())?;
    let mut sums = vec![0.0; n_classes];
    y_true.iter().enumerate().for_each(|(i, &t)| sums[t as usize] += weights.get(i));
    Ok(sums)
}

fn averaged(metric: &str, values: &[Option<f64>], weights: &[f64]) -> Result<f64> {
    let (mut sum, mut total) = (0.0, 0.0);
    for (class, (value, weight)) in values.iter().zip(weights).enumerate() {
        let value = value.ok_or_else(|| {
            Error::input(
                format!("{metric} is undefined for class {class}: it holds no row, or every row"),
                "drop the class from labels and probabilities, or average the classes that are defined yourself",
            )
        })?;
        sum += weight * value;
        total += weight;
    }
    Ok(sum / total)
}
