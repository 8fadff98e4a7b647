//! Calibration in one number, and what the Brier score is made of.

use prompt_core::{Dense, Error, Result};
use serde::{Deserialize, Serialize};

use super::binning::Binning;
use super::calibration::{Bins, CalibrationBin, calibration_curve, first_choice};
use crate::check::{self, Weights};

/// How far confidence and truth lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationError {
    /// Σ_b (w_b / w)·|accuracy_b − confidence_b|: the expected error (ECE).
    pub expected: f64,
    /// The largest |accuracy_b − confidence_b| of a bin (MCE).
    pub maximum: f64,
    /// √Σ_b (w_b / w)·(accuracy_b − confidence_b)²: the root of the mean square.
    pub root_mean_square: f64,
}

/// The calibration error of the first choice over `n_bins` bins of the kind you name: [`Bins::EqualWidth`] with 10 or 15
/// is the ECE of most papers, [`Bins::EqualMass`] with 15 is [`ece`](super::ece).
///
/// ```
/// use prompt_metrics::{Bins, Dense, probability::calibration_error};
/// let p = Dense::from_rows(&[[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]]);
/// let error = calibration_error(&[0, 1, 1, 1], &p, Bins::EqualWidth, 10, None)?;
/// assert!((error.expected - 0.4).abs() < 1e-12); // half of the rows are off by 0.4, half by 0.4
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// As [`reliability`](super::reliability).
pub fn calibration_error(
    y_true: &[u32],
    proba: &Dense,
    bins: Bins,
    n_bins: usize,
    weights: Option<&[f64]>,
) -> Result<CalibrationError> {
    let (hit, confidence) = first_choice(y_true, proba)?;
    Ok(error_of(&calibration_curve(&hit, &confidence, bins, n_bins, weights)?))
}

/// The calibration error of a binary probability over `n_bins` bins.
///
/// # Errors
/// As [`calibration_curve`].
pub fn calibration_error_binary(
    is_positive: &[bool],
    p: &[f64],
    bins: Bins,
    n_bins: usize,
    weights: Option<&[f64]>,
) -> Result<CalibrationError> {
    Ok(error_of(&calibration_curve(is_positive, p, bins, n_bins, weights)?))
}

fn error_of(bins: &[CalibrationBin]) -> CalibrationError {
    let total: f64 = bins.iter().map(|b| b.weight).sum();
    let gap = |b: &CalibrationBin| (b.fraction_positive - b.mean_predicted).abs();
    let mean = |f: &dyn Fn(&CalibrationBin) -> f64| bins.iter().map(|b| b.weight / total * f(b)).sum::<f64>();
    CalibrationError {
        expected: mean(&gap),
        maximum: bins.iter().map(gap).fold(0.0, f64::max),
        root_mean_square: mean(&|b| gap(b).powi(2)).sqrt(),
    }
}

/// The adaptive calibration error (Nixon et al., 2019): every class's probability against whether it came true, in
/// `n_bins` bins of equal mass, |share − mean| averaged over classes and bins alike.
///
/// Unlike [`ece`](super::ece) it looks at all probabilities, not at the highest alone. Bins that hold no row (ties) are
/// left out. Reference: `ace` in `tests/reference/metrics/make.py`, on scikit-learn 1.9.1 `calibration_curve`.
///
/// # Errors
/// As [`reliability`](super::reliability).
pub fn ace(y_true: &[u32], proba: &Dense, n_bins: usize, weights: Option<&[f64]>) -> Result<f64> {
    check::probabilities(y_true, proba)?;
    let (mut sum, mut bins) = (0.0, 0.0);
    for class in 0..proba.cols() {
        let is_class: Vec<bool> = y_true.iter().map(|&t| t as usize == class).collect();
        for bin in calibration_curve(&is_class, &proba.column(class), Bins::EqualMass, n_bins, weights)? {
            sum += (bin.fraction_positive - bin.mean_predicted).abs();
            bins += 1.0;
        }
    }
    Ok(sum / bins)
}

/// What a binary Brier score is made of (Murphy, 1973; the last part from Stephenson et al., 2008):
/// brier = reliability − resolution + uncertainty + within.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BrierParts {
    /// The Brier score.
    pub brier: f64,
    /// Σ_b (w_b / w)·(mean probability − share that came true)²: what calibration could save.
    pub reliability: f64,
    /// Σ_b (w_b / w)·(share that came true − base rate)²: what is gained by telling rows apart.
    pub resolution: f64,
    /// base rate·(1 − base rate): what no forecast can change.
    pub uncertainty: f64,
    /// What the bins hide: the spread of the probabilities within them, less twice its covariance with the truth.
    pub within: f64,
}

/// Decomposes the Brier score over `n_bins` bins.
///
/// ```
/// use prompt_metrics::{Bins, probability::brier_decomposition};
/// let parts = brier_decomposition(&[true, false, true, true], &[0.8, 0.3, 0.6, 0.9], Bins::EqualWidth, 5, None)?;
/// let sum = parts.reliability - parts.resolution + parts.uncertainty + parts.within;
/// assert!((parts.brier - sum).abs() < 1e-12);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// As [`calibration_curve`].
pub fn brier_decomposition(
    is_positive: &[bool],
    p: &[f64],
    bins: Bins,
    n_bins: usize,
    weights: Option<&[f64]>,
) -> Result<BrierParts> {
    check::binary_probabilities(is_positive, p)?;
    if n_bins == 0 {
        return Err(Error::param("brier_decomposition", "n_bins", "a whole number ≥ 1", n_bins));
    }
    let w = Weights::new(weights, p.len())?;
    let binning = Binning::new(p, bins, n_bins, w);
    let sums = binning.sums(is_positive, p, w);
    let bins: Vec<usize> = p.iter().map(|&p| binning.bin_of(p)).collect();
    let truth = |i: usize| f64::from(u8::from(is_positive[i]));
    let total: f64 = sums.iter().map(|s| s[0]).sum();
    let base = sums.iter().map(|s| s[2]).sum::<f64>() / total;
    let means: Vec<(f64, f64)> = sums.iter().map(|&[w, p, t]| (p / w, t / w)).collect();
    let mean = |f: &dyn Fn(usize) -> f64| {
        let used = (0..n_bins).filter(|&b| sums[b][0] > 0.0);
        used.map(|b| sums[b][0] / total * f(b)).sum::<f64>()
    };
    let n = p.len();
    Ok(BrierParts {
        brier: w.mean(n, |i| (truth(i) - p[i]).powi(2)),
        reliability: mean(&|b| (means[b].0 - means[b].1).powi(2)),
        resolution: mean(&|b| (means[b].1 - base).powi(2)),
        uncertainty: base * (1.0 - base),
        within: w.mean(n, |i| {
            let (mean_p, share) = means[bins[i]];
            (p[i] - mean_p).powi(2) - 2.0 * (truth(i) - share) * (p[i] - mean_p)
        }),
    })
}
