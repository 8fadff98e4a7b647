//! The report of a regressor.

use std::fmt;

use prompt_core::Result;
use serde::{Deserialize, Serialize};

use super::{number, or_note};
use crate::regress;

/// Every number about predicted numbers, under scikit-learn's and SciPy's names.
///
/// What is undefined on these rows (a correlation with a constant) is `None`, and `notes` says why.
///
/// ```
/// use prompt_metrics::RegressionReport;
/// let report = RegressionReport::new(&[10.0, 50.0, 90.0], &[13.0, 44.0, 90.0], None)?;
/// assert_eq!((report.mae, report.within_5), (3.0, 2.0 / 3.0));
/// assert!(report.spearman.is_some_and(|rho| (rho - 1.0).abs() < 1e-12));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegressionReport {
    /// Number of rows.
    pub rows: usize,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean squared error.
    pub mse: f64,
    /// Root mean squared error.
    pub rmse: f64,
    /// Mean absolute error relative to the truth, a fraction.
    pub mape: f64,
    /// Share of the variance that is explained.
    pub r2: Option<f64>,
    /// The same, a constant error forgiven.
    pub explained_variance: f64,
    /// Median absolute error.
    pub median_absolute_error: f64,
    /// Pearson's correlation (weights do not enter).
    pub pearson: Option<f64>,
    /// Spearman's rank correlation (weights do not enter).
    pub spearman: Option<f64>,
    /// Kendall's τ-b (weights do not enter).
    pub kendall: Option<f64>,
    /// Share of predictions at most 5 from the truth.
    pub within_5: f64,
    /// Share of predictions at most 10 from the truth.
    pub within_10: f64,
    /// What could not be computed, and why.
    pub notes: Vec<String>,
}

impl RegressionReport {
    /// Measures the predictions of one row each.
    ///
    /// # Errors
    /// As [`regress::mae`].
    pub fn new(y_true: &[f64], y_pred: &[f64], weights: Option<&[f64]>) -> Result<Self> {
        let mut notes = Vec::new();
        let report = Self {
            rows: y_true.len(),
            mae: regress::mae(y_true, y_pred, weights)?,
            mse: regress::mse(y_true, y_pred, weights)?,
            rmse: regress::rmse(y_true, y_pred, weights)?,
            mape: regress::mape(y_true, y_pred, weights)?,
            r2: or_note("r2", regress::r2(y_true, y_pred, weights), &mut notes),
            explained_variance: regress::explained_variance(y_true, y_pred, weights)?,
            median_absolute_error: regress::median_absolute_error(y_true, y_pred, weights)?,
            pearson: or_note("pearson", regress::pearson(y_true, y_pred), &mut notes),
            spearman: or_note("spearman", regress::spearman(y_true, y_pred), &mut notes),
            kendall: or_note("kendall", regress::kendall(y_true, y_pred), &mut notes),
            within_5: regress::within_k(y_true, y_pred, 5.0, weights)?,
            within_10: regress::within_k(y_true, y_pred, 10.0, weights)?,
            notes: Vec::new(),
        };
        Ok(Self { notes, ..report })
    }
}

impl fmt::Display for RegressionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>21}  {:>10}", "rows", self.rows)?;
        for (name, value) in [
            ("MAE", Some(self.mae)),
            ("RMSE", Some(self.rmse)),
            ("median absolute error", Some(self.median_absolute_error)),
            ("MAPE", Some(self.mape)),
            ("R²", self.r2),
            ("explained variance", Some(self.explained_variance)),
            ("Pearson", self.pearson),
            ("Spearman", self.spearman),
            ("Kendall", self.kendall),
            ("within 5", Some(self.within_5)),
            ("within 10", Some(self.within_10)),
        ] {
            writeln!(f, "{name:>21}  {:>10}", number(value))?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_has_the_promised_keys() {
        let report = RegressionReport::new(&[1.0, 2.0, 4.0], &[1.5, 2.0, 3.0], None).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        for key in [
            "mae",
            "mse",
            "rmse",
            "mape",
            "r2",
            "explained_variance",
            "median_absolute_error",
            "pearson",
            "spearman",
            "kendall",
            "within_5",
            "within_10",
        ] {
            assert!(json[key].is_f64(), "{key} is {}", json[key]);
        }
        assert_eq!(serde_json::from_value::<RegressionReport>(json).unwrap(), report);
    }

    #[test]
    fn a_constant_prediction_is_told() {
        let report = RegressionReport::new(&[1.0, 2.0], &[3.0, 3.0], None).unwrap();
        assert_eq!((report.pearson, report.notes.len()), (None, 3));
        assert!(report.to_string().contains("              Pearson           –\n"), "{report}");
    }
}
