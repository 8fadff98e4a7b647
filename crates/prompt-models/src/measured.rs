//! What was measured of a model's predictions, by what it predicts.

use std::collections::BTreeMap;

use prompt_core::{Prediction, Result, Target};
use prompt_metrics::{ClassificationReport, RegressionReport};
use serde::Serialize;

/// What was measured, by task.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Of classes.
    Classification(Box<ClassificationReport>),
    /// Of numbers.
    Regression(RegressionReport),
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Classification(report) => report.fmt(f),
            Self::Regression(report) => report.fmt(f),
        }
    }
}

impl Report {
    /// Measures a prediction.
    ///
    /// # Errors
    /// A truth of another kind or length than the prediction.
    pub fn new(truth: &Target, prediction: &Prediction) -> Result<Self> {
        if prediction.output().classes().is_none() {
            let report =
                RegressionReport::new(truth.as_regression()?, &prediction.values()?, truth.weights())?;
            return Ok(Self::Regression(report));
        }
        let (p, classes) = prediction.probabilities()?;
        let codes = prediction.codes()?;
        let truth_codes = truth.as_classes()?.0;
        let report =
            ClassificationReport::new(truth_codes, &codes, classes.names(), Some(p), truth.weights())?;
        Ok(Self::Classification(Box::new(report)))
    }

    /// The numbers that a manifest keeps.
    pub(crate) fn kept(&self) -> BTreeMap<String, f64> {
        match self {
            Self::Classification(report) => numbers(report),
            Self::Regression(report) => {
                [("rmse", report.rmse), ("mae", report.mae)].map(|(n, v)| (n.to_owned(), v)).into()
            }
        }
    }
}

/// The numbers of a report that a manifest keeps.
pub(crate) fn numbers(report: &ClassificationReport) -> BTreeMap<String, f64> {
    let optional = [
        ("roc_auc_ovr", report.probabilities.roc_auc_ovr),
        ("log_loss", report.probabilities.log_loss),
        ("ece", report.probabilities.ece),
    ];
    [("accuracy", report.accuracy), ("f1_macro", report.f1_macro)]
        .into_iter()
        .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value?))))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
