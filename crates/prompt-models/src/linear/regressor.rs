//! What every linear learner of numbers becomes.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Model, Output, Result, RowView, Scratch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Summary;
use super::design::add_product;

/// The artifact kind.
pub(crate) const KIND: &str = "linear_regressor";

/// A fitted linear regression: ŷ = b + Σ_j x_j·w_j.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearRegressor {
    learner: String,
    params: Value,
    output: Output,
    weights: Vec<f64>,
    intercept: f64,
    summary: Option<Summary>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    learner: String,
    params: Value,
    features: usize,
    summary: Option<Summary>,
}

/// The output of every regression: one number.
pub(crate) fn one_value() -> Output {
    Output::Values(vec!["value".to_owned()])
}

impl LinearRegressor {
    /// Whether an artifact of this kind is one of these.
    pub(crate) fn is_kind(kind: &str) -> bool {
        kind == KIND
    }

    pub(crate) fn new(learner: &str, params: Value, weights: Vec<f64>, intercept: f64) -> Self {
        Self { learner: learner.to_owned(), params, output: one_value(), weights, intercept, summary: None }
    }

    pub(crate) fn with_summary(mut self, summary: Summary) -> Self {
        self.summary = Some(summary);
        self
    }

    /// The learner that found the weights, by name.
    pub fn learner(&self) -> &str {
        &self.learner
    }

    /// A weight for each feature.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The value where all features are zero.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// How the fit went.
    pub fn summary(&self) -> Option<Summary> {
        self.summary
    }

    /// ŷ of one row.
    pub fn value_of(&self, row: RowView<'_>) -> f64 {
        let mut out = [self.intercept];
        add_product(row, &self.weights, &mut out);
        out[0]
    }
}

impl Model for LinearRegressor {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.weights.len()
    }

    fn is_finite(&self) -> bool {
        self.weights.iter().chain([&self.intercept]).all(|v| v.is_finite())
            && self.summary.is_none_or(|s| s.objective.is_finite())
    }

    fn notes(&self) -> Vec<String> {
        self.summary.map_or_else(Vec::new, |s| s.notes())
    }

    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        if let [out] = out {
            *out = self.value_of(row);
        }
    }

    fn coefficient(&self, column: usize, out: &mut [f64]) -> bool {
        match (self.weights.get(column), out) {
            (Some(w), [out]) => {
                *out = *w;
                true
            }
            _ => false,
        }
    }
}

impl Persist for LinearRegressor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1)
            .meta(&Facts {
                learner: self.learner.clone(),
                params: self.params.clone(),
                features: self.weights.len(),
                summary: self.summary,
            })?
            .f64s("weights", self.weights.clone())
            .f64s("intercept", vec![self.intercept]))
    }
}

impl Artifact for LinearRegressor {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let weights = node.get_f64s("weights", Some(facts.features))?.to_vec();
        let intercept = node.get_f64s("intercept", Some(1))?[0];
        if weights.iter().chain([&intercept]).any(|v| v.is_infinite()) {
            return Err(Error::artifact(
                KIND,
                "a weight is infinite",
                "the file is damaged; save the model again",
            ));
        }
        let mut fitted = Self::new(&facts.learner, facts.params, weights, intercept);
        fitted.summary = facts.summary;
        Ok(fitted)
    }
}
