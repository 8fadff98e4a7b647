//! How far predictions lie from the truth. All take sample weights.

use prompt_core::{Error, Result};

use crate::check::{self, Weights};

/// Mean absolute error, in the target's unit. Reference: scikit-learn 1.9.1 `mean_absolute_error`.
///
/// ```
/// use prompt_metrics::regress::mae;
/// assert_eq!(mae(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0], None)?, 0.5);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, numbers that are not finite, bad weights.
pub fn mae(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    Ok(w.mean(y_true.len(), |i| (y_pred[i] - y_true[i]).abs()))
}

/// Mean squared error. Reference: scikit-learn 1.9.1 `mean_squared_error`.
///
/// # Errors
/// As [`mae`].
pub fn mse(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    Ok(w.mean(y_true.len(), |i| (y_pred[i] - y_true[i]).powi(2)))
}

/// √[`mse`], in the target's unit. Reference: scikit-learn 1.9.1 `root_mean_squared_error`.
///
/// # Errors
/// As [`mae`].
pub fn rmse(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    mse(y_true, y_pred, weights).map(f64::sqrt)
}

/// Mean absolute error relative to the truth, a fraction (0.1 is 10%).
///
/// mean |y − ŷ| / max(|y|, 2⁻⁵²), so that a truth of zero gives an enormous number rather than none.
/// Reference: scikit-learn 1.9.1 `mean_absolute_percentage_error`.
///
/// # Errors
/// As [`mae`].
pub fn mape(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    Ok(w.mean(y_true.len(), |i| (y_pred[i] - y_true[i]).abs() / y_true[i].abs().max(f64::EPSILON)))
}

/// Symmetric relative error, in [0, 2]: mean 2·|y − ŷ| / (|y| + |ŷ|); a row where both are 0 counts 0.
///
/// ```
/// use prompt_metrics::regress::smape;
/// assert_eq!(smape(&[100.0, 0.0], &[300.0, 0.0], None)?, 0.5);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`mae`].
pub fn smape(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    Ok(w.mean(y_true.len(), |i| {
        let size = y_true[i].abs() + y_pred[i].abs();
        if size > 0.0 { 2.0 * (y_pred[i] - y_true[i]).abs() / size } else { 0.0 }
    }))
}

/// The pinball loss of a predicted `quantile`: mean of q·(y − ŷ) where ŷ is too low, (1 − q)·(ŷ − y) where too high.
///
/// Reference: scikit-learn 1.9.1 `mean_pinball_loss(alpha=quantile)`.
///
/// # Errors
/// As [`mae`]; `quantile` outside [0, 1].
pub fn pinball(y_true: &[f64], y_pred: &[f64], quantile: f64, weights: Option<&[f64]>) -> Result<f64> {
    if !(0.0..=1.0).contains(&quantile) {
        return Err(Error::param("pinball", "quantile", "a number in [0, 1]", quantile));
    }
    let w = checked(y_true, y_pred, weights)?;
    Ok(w.mean(y_true.len(), |i| {
        let below = y_true[i] - y_pred[i];
        if below >= 0.0 { quantile * below } else { (quantile - 1.0) * below }
    }))
}

/// R² less what `n_features` features gain by chance: 1 − (1 − R²)·(n − 1) / (n − p − 1).
///
/// Reference: statsmodels 0.15.0 `OLS(…).fit().rsquared_adj`.
///
/// # Errors
/// As [`r2`]; unless there are at least two rows more than features.
pub fn r2_adjusted(
    y_true: &[f64],
    y_pred: &[f64],
    n_features: usize,
    weights: Option<&[f64]>,
) -> Result<f64> {
    let plain = r2(y_true, y_pred, weights)?;
    let n = y_true.len();
    if n < n_features + 2 {
        return Err(Error::input(
            format!("adjusted R² of {n} rows and {n_features} features is undefined"),
            "it takes at least two rows more than features",
        ));
    }
    Ok(1.0 - (1.0 - plain) * (n as f64 - 1.0) / (n as f64 - n_features as f64 - 1.0))
}

/// The median absolute error, in the target's unit.
///
/// With weights: the number up to which half of the weight lies, the mean of two where the half falls between them.
/// Reference: scikit-learn 1.9.1 `median_absolute_error`.
///
/// # Errors
/// As [`mae`].
pub fn median_absolute_error(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    let mut errors: Vec<(f64, f64)> = (0..y_true.len())
        .map(|i| ((y_pred[i] - y_true[i]).abs(), w.get(i)))
        .filter(|&(_, weight)| weight > 0.0)
        .collect();
    errors.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = errors.iter().map(|e| e.1).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (i, &(error, weight)) in errors.iter().enumerate() {
        below += weight;
        if below >= half {
            // Exactly half lies here or below: the next error has as good a claim.
            let next = errors.get(i + 1).map_or(error, |e| e.0);
            return Ok(if below - half > f64::EPSILON { error } else { (error + next) / 2.0 });
        }
    }
    // Rounding alone leads here.
    Ok(errors.last().map_or(f64::NAN, |e| e.0))
}

/// R², the share of the variance that is explained: 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; 1 is perfect, 0 is the mean's.
///
/// Where the truth is constant it is 1.0 for perfect predictions and 0.0 otherwise, scikit-learn's values.
/// Reference: scikit-learn 1.9.1 `r2_score`.
///
/// ```
/// use prompt_metrics::regress::r2;
/// let value = r2(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0], None)?;
/// assert!((value - 0.9486081370449679).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`mae`]; fewer than two rows.
pub fn r2(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    let n = y_true.len();
    if n < 2 {
        return Err(Error::input("R² of one row is undefined", "give at least two rows"));
    }
    let mean = w.mean(n, |i| y_true[i]);
    Ok(explained(w.mean(n, |i| (y_true[i] - y_pred[i]).powi(2)), w.mean(n, |i| (y_true[i] - mean).powi(2))))
}

/// 1 − Var(y − ŷ) / Var(y): as [`r2`], but a constant error costs nothing.
///
/// Reference: scikit-learn 1.9.1 `explained_variance_score`; a constant truth as in [`r2`].
///
/// # Errors
/// As [`mae`].
pub fn explained_variance(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let w = checked(y_true, y_pred, weights)?;
    let n = y_true.len();
    let error = w.mean(n, |i| y_true[i] - y_pred[i]);
    let mean = w.mean(n, |i| y_true[i]);
    Ok(explained(
        w.mean(n, |i| (y_true[i] - y_pred[i] - error).powi(2)),
        w.mean(n, |i| (y_true[i] - mean).powi(2)),
    ))
}

pub(super) fn explained(unexplained: f64, variance: f64) -> f64 {
    if variance > 0.0 {
        1.0 - unexplained / variance
    } else if unexplained == 0.0 {
        1.0
    } else {
        0.0
    }
}

/// The share of predictions at most `k` from the truth, in [0, 1].
///
/// Reference: NumPy 2.4.6 `average(abs(y_true - y_pred) <= k)`.
///
/// ```
/// use prompt_metrics::regress::within_k;
/// assert_eq!(within_k(&[10.0, 50.0, 90.0, 30.0], &[15.0, 44.0, 90.0, 32.0], 5.0, None)?, 0.75);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`mae`]; a negative `k`.
pub fn within_k(y_true: &[f64], y_pred: &[f64], k: f64, weights: Option<&[f64]>) -> Result<f64> {
    if k.is_nan() || k < 0.0 {
        return Err(Error::param("within_k", "k", "a number ≥ 0", k));
    }
    let w = checked(y_true, y_pred, weights)?;
    Ok(w.mean(y_true.len(), |i| f64::from(u8::from((y_true[i] - y_pred[i]).abs() <= k))))
}

fn checked<'a>(y_true: &[f64], y_pred: &[f64], weights: Option<&'a [f64]>) -> Result<Weights<'a>> {
    check::not_empty(y_true.len())?;
    check::same_length("y_pred", y_true.len(), y_pred.len())?;
    check::finite("y_true", y_true)?;
    check::finite("y_pred", y_pred)?;
    Weights::new(weights, y_true.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_says_which() {
        assert!(mae(&[], &[], None).unwrap_err().to_string().contains("no rows"));
        assert!(
            mse(&[1.0], &[f64::NAN], None).unwrap_err().to_string().contains("y_pred holds NaN at row 0")
        );
        assert!(r2(&[1.0], &[1.0], None).unwrap_err().to_string().contains("one row"));
        assert!(pinball(&[1.0], &[1.0], 1.5, None).unwrap_err().to_string().contains("`quantile`"));
        let few = r2_adjusted(&[1.0, 2.0], &[1.0, 2.0], 1, None).unwrap_err().to_string();
        assert!(few.contains("2 rows and 1 features"), "{few}");
        assert!(within_k(&[1.0], &[1.0], -1.0, None).unwrap_err().to_string().contains("`k`"));
    }
}
