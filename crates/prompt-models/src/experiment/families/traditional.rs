//! Learners of columns.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::model::{Model, Models};

/// Learners on a matrix of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traditional {
    /// Whether any of them is trained.
    pub enabled: bool,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Most seconds for one model, search and final fit together.
    pub timeout_s: f64,
    /// Which models, with what.
    pub models: Models,
}

impl Default for Traditional {
    fn default() -> Self {
        let on = [
            "logistic_regression",
            "linear_svm",
            "multinomial_nb",
            "complement_nb",
            "majority",
            "stratified",
        ];
        Self {
            enabled: true,
            folds: 10,
            timeout_s: 1200.0,
            models: Models(on.into_iter().map(|name| (name.to_owned(), Model::default())).collect()),
        }
    }
}

impl Traditional {
    pub(in crate::experiment) fn validate(&self) -> Result<()> {
        if self.folds < 2 {
            return Err(Error::param("configuration", "traditional.folds", "a whole number ≥ 2", self.folds));
        }
        if self.timeout_s.is_nan() || self.timeout_s <= 0.0 {
            return Err(Error::param(
                "configuration",
                "traditional.timeout_s",
                "a number > 0",
                self.timeout_s,
            ));
        }
        Ok(())
    }
}
