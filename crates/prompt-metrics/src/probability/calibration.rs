//! Whether a probability of 0.8 comes true in eight cases of ten.

use prompt_core::{Dense, Error, Result};
use serde::{Deserialize, Serialize};

use super::binning::Binning;
use crate::check::{self, Weights};
use crate::stats::argmax;

/// Bins of [`ece`].
pub const ECE_BINS: usize = 15;

/// Where the bins of a calibration curve lie.
///
/// Both put a probability p into the first bin whose upper edge is ≥ p, so that equal probabilities always share a
/// bin and the order of the rows does not matter. Bins without rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bins {
    /// Edges at the k/B quantiles of the probabilities (linear between neighbours, each row with weight counting
    /// once): bins hold equally many rows, up to ties. scikit-learn's `strategy="quantile"`.
    EqualMass,
    /// Edges at k/B. scikit-learn's `strategy="uniform"`.
    EqualWidth,
}

/// One bin of a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The mean probability in the bin.
    pub mean_predicted: f64,
    /// The share of the bin's rows that came true.
    pub fraction_positive: f64,
    /// Weight of the bin's rows.
    pub weight: f64,
}

/// Predicted against observed frequency, bin by bin, lowest probabilities first.
///
/// Reference: scikit-learn 1.9.1 `calibration_curve`; weights, which it lacks, enter the means of the bins.
///
/// ```
/// use prompt_metrics::probability::{Bins, calibration_curve};
/// let came_true = [false, false, true, true];
/// let bins = calibration_curve(&came_true, &[0.1, 0.3, 0.6, 0.8], Bins::EqualWidth, 2, None)?;
/// assert_eq!((bins[0].mean_predicted, bins[0].fraction_positive), (0.2, 0.0));
/// assert_eq!((bins[1].mean_predicted, bins[1].fraction_positive), (0.7, 1.0));
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, numbers outside [0, 1], bad weights, no bins.
pub fn calibration_curve(
    is_positive: &[bool],
    p: &[f64],
    bins: Bins,
    n_bins: usize,
    weights: Option<&[f64]>,
) -> Result<Vec<CalibrationBin>> {
    check::binary_probabilities(is_positive, p)?;
    if n_bins == 0 {
        return Err(Error::param("calibration_curve", "n_bins", "a whole number ≥ 1", n_bins));
    }
    let weights = Weights::new(weights, p.len())?;
    let bins = Binning::new(p, bins, n_bins, weights);
    let sums = bins.sums(is_positive, p, weights);
    Ok(sums
        .into_iter()
        .filter(|&[w, ..]| w > 0.0)
        .map(|[w, p, t]| CalibrationBin { mean_predicted: p / w, fraction_positive: t / w, weight: w })
        .collect())
}

/// The reliability diagram of a classifier's first choice: confidence (its highest probability) against accuracy in
/// `n_bins` bins of equal mass.
///
/// Reference: scikit-learn 1.9.1 `calibration_curve(hit, confidence, strategy="quantile")`.
///
/// # Errors
/// No rows, lengths that differ, labels beyond the columns, rows that are not probabilities, bad weights, no bins.
pub fn reliability(
    y_true: &[u32],
    proba: &Dense,
    n_bins: usize,
    weights: Option<&[f64]>,
) -> Result<Vec<CalibrationBin>> {
    let (hit, confidence) = first_choice(y_true, proba)?;
    calibration_curve(&hit, &confidence, Bins::EqualMass, n_bins, weights)
}

/// Of each row, whether its most probable class is right and how probable it is.
pub(crate) fn first_choice(y_true: &[u32], proba: &Dense) -> Result<(Vec<bool>, Vec<f64>)> {
    check::probabilities(y_true, proba)?;
    Ok(y_true
        .iter()
        .enumerate()
        .map(|(i, &truth)| {
            let row = proba.row(i);
            let choice = argmax(row);
            (choice == truth as usize, row[choice].min(1.0))
        })
        .unzip())
}

/// Expected calibration error of the first choice, in [0, 1]; 0 is honest.
///
/// Σ_b (w_b / w)·|accuracy_b − confidence_b| over the [`ECE_BINS`] = 15 equal-mass bins of [`reliability`]: a row's
/// confidence is its highest probability, its choice the first class that has it, and the bins' edges are the
/// k/15 quantiles of the confidences ([`Bins::EqualMass`]).
///
/// Reference: `ece` in `tests/reference/metrics/make.py`, on scikit-learn 1.9.1 `calibration_curve`.
///
/// ```
/// use prompt_core::Dense;
/// use prompt_metrics::probability::ece;
/// let p = Dense::from_rows(&[[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.25]]);
/// assert_eq!(ece(&[0, 0, 1, 1], &p, None)?, 0.0); // 75% sure, 75% right
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`reliability`].
pub fn ece(y_true: &[u32], proba: &Dense, weights: Option<&[f64]>) -> Result<f64> {
    let bins = reliability(y_true, proba, ECE_BINS, weights)?;
    let total: f64 = bins.iter().map(|b| b.weight).sum();
    Ok(bins.iter().map(|b| b.weight / total * (b.fraction_positive - b.mean_predicted).abs()).sum())
}
