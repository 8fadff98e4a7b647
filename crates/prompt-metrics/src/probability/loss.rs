//! What the probabilities cost, row by row.

use prompt_core::{Dense, Error, Result};

use crate::check::{self, Weights};

/// The mean negative log-likelihood of the true class, in nats; 0 is perfect.
///
/// −mean ln p(true class), p clipped to [ε, 1 − ε] with ε = 2⁻⁵² and rows taken as they are, not renormalised.
/// Reference: scikit-learn 1.9.1 `log_loss`.
///
/// ```
/// use prompt_core::Dense;
/// use prompt_metrics::probability::log_loss;
/// let p = Dense::from_rows(&[[0.9, 0.1], [0.2, 0.8]]);
/// let expected = -(0.9_f64.ln() + 0.8_f64.ln()) / 2.0;
/// assert!((log_loss(&[0, 1], &p, None)? - expected).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, labels beyond the columns, rows that are not probabilities, bad weights.
pub fn log_loss(y_true: &[u32], proba: &Dense, weights: Option<&[f64]>) -> Result<f64> {
    check::probabilities(y_true, proba)?;
    let weights = Weights::new(weights, y_true.len())?;
    Ok(weights.mean(y_true.len(), |i| {
        -proba.row(i)[y_true[i] as usize].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    }))
}

/// The mean squared distance of a binary probability from the truth, in [0, 1]; 0 is perfect.
///
/// mean (y − p)². Reference: scikit-learn 1.9.1 `brier_score_loss`.
///
/// # Errors
/// No rows, lengths that differ, numbers outside [0, 1], bad weights.
pub fn brier_binary(is_positive: &[bool], p: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    check::binary_probabilities(is_positive, p)?;
    let weights = Weights::new(weights, p.len())?;
    Ok(weights.mean(p.len(), |i| (f64::from(u8::from(is_positive[i])) - p[i]).powi(2)))
}

/// The mean squared distance of the probabilities from the truth over all classes; 0 is perfect.
///
/// mean Σ_c (y_c − p_c)², in [0, 2]; with two classes half of it, in [0, 1], so that it equals [`brier_binary`].
/// Reference: scikit-learn 1.9.1 `brier_score_loss(scale_by_half="auto")`.
///
/// ```
/// use prompt_core::Dense;
/// use prompt_metrics::probability::brier;
/// let p = Dense::from_rows(&[[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]]);
/// assert!((brier(&[0, 1, 2], &p, None)? - 0.44 / 3.0).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`log_loss`].
pub fn brier(y_true: &[u32], proba: &Dense, weights: Option<&[f64]>) -> Result<f64> {
    check::probabilities(y_true, proba)?;
    let weights = Weights::new(weights, y_true.len())?;
    let scale = if proba.cols() < 3 { 0.5 } else { 1.0 };
    Ok(scale
        * weights.mean(y_true.len(), |i| {
            let truth = y_true[i] as usize;
            let distance = |(c, p): (usize, &f64)| (f64::from(u8::from(c == truth)) - p).powi(2);
            proba.row(i).iter().enumerate().map(distance).sum()
        }))
}

/// The share of rows whose true class is among the `k` with the highest probability, in [0, 1].
///
/// Among equal probabilities the higher class index comes first; with two classes and `k` = 1 the second class
/// needs more than 0.5. From `k` = number of classes on it is 1.0.
/// Reference: scikit-learn 1.9.1 `top_k_accuracy_score`, which has the same rules.
///
/// ```
/// use prompt_core::Dense;
/// use prompt_metrics::probability::top_k_accuracy;
/// let p = Dense::from_rows(&[[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]);
/// assert_eq!(top_k_accuracy(&[1, 2], &p, 2, None)?, 0.5);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`log_loss`]; `k` = 0.
pub fn top_k_accuracy(y_true: &[u32], proba: &Dense, k: usize, weights: Option<&[f64]>) -> Result<f64> {
    if k == 0 {
        return Err(Error::param("top_k_accuracy", "k", "a whole number ≥ 1", k));
    }
    check::probabilities(y_true, proba)?;
    let weights = Weights::new(weights, y_true.len())?;
    let is_hit = |i: usize| {
        let (row, truth) = (proba.row(i), y_true[i] as usize);
        if let ([_, second], 1) = (row, k) {
            return (*second > 0.5) == (truth == 1);
        }
        let above = |(c, p): (usize, &f64)| *p > row[truth] || (*p == row[truth] && c > truth);
        row.iter().enumerate().filter(|&cp| above(cp)).count() < k
    };
    Ok(weights.mean(y_true.len(), |i| f64::from(u8::from(is_hit(i)))))
}
