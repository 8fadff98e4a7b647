//! What stochastic gradient descent comes to: a linear model, and from where to go on.

use std::any::Any;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Matrix, Model, Output, Result, RowView, Scratch};
use serde::{Deserialize, Serialize};

use super::weights::State;
use crate::linear::{LinearClassifier, LinearRegressor};

/// A fitted [`SgdClassifier`](super::SgdClassifier) or [`SgdRegressor`](super::SgdRegressor): the linear model that
/// predicts, and the state from which `partial_fit` goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct SgdModel<M> {
    linear: M,
    /// One for each machine.
    pub(super) states: Vec<State>,
    pub(super) steps: u64,
}

impl<M> SgdModel<M> {
    pub(super) fn new(linear: M, states: Vec<State>, steps: u64) -> Self {
        Self { linear, states, steps }
    }

    pub(super) fn map_linear(self, f: impl FnOnce(M) -> M) -> Self {
        Self { linear: f(self.linear), ..self }
    }

    /// The linear model that predicts.
    pub fn linear(&self) -> &M {
        &self.linear
    }

    /// Steps taken so far, one for each row of each epoch.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

/// The part of a saved model that `partial_fit` needs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    steps: u64,
    machines: usize,
    averaged: bool,
}

/// A linear model under the descent's own kind of artifact.
pub trait Linear: Model + Artifact + 'static {
    /// The kind.
    const KIND: &'static str;
}

impl Linear for LinearClassifier {
    const KIND: &'static str = "sgd_classifier";
}

impl Linear for LinearRegressor {
    const KIND: &'static str = "sgd_regressor";
}

/// Teaches a catalog to read both.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<SgdModel<LinearClassifier>>(LinearClassifier::KIND);
    catalog.model::<SgdModel<LinearRegressor>>(LinearRegressor::KIND);
}

impl<M: Linear> Model for SgdModel<M> {
    fn output(&self) -> &Output {
        self.linear.output()
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn n_features(&self) -> usize {
        self.linear.n_features()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        self.linear.score_row(row, scratch, out);
    }

    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        self.linear.score_rows(x, first, scratch, out);
    }

    fn is_finite(&self) -> bool {
        self.linear.is_finite()
    }

    fn notes(&self) -> Vec<String> {
        self.linear.notes()
    }

    fn coefficient(&self, column: usize, out: &mut [f64]) -> bool {
        self.linear.coefficient(column, out)
    }
}

impl<M: Linear> Persist for SgdModel<M> {
    fn kind(&self) -> &'static str {
        M::KIND
    }

    fn encode(&self) -> Result<Node> {
        let all = |of: &dyn Fn(&State) -> Vec<f64>| self.states.iter().flat_map(of).collect::<Vec<f64>>();
        let averaged = self.states.iter().all(|s| s.mean.is_some());
        let mut node = Node::new(M::KIND, 1)
            .meta(&Facts { steps: self.steps, machines: self.states.len(), averaged })?
            .f64s("weights", all(&|s| s.weights.clone()))
            .f64s("intercept", all(&|s| vec![s.bias]));
        if averaged {
            node = node
                .f64s("mean_weights", all(&|s| s.mean.as_ref().map_or_else(Vec::new, |m| m.0.clone())))
                .f64s("mean_intercept", all(&|s| s.mean.iter().map(|m| m.1).collect()));
        }
        Ok(node.child("linear", self.linear.encode()?))
    }
}

impl<M: Linear> Artifact for SgdModel<M> {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(M::KIND, 1)?;
        let Facts { steps, machines, averaged } = node.get_meta()?;
        let linear = M::decode(node.get_child("linear")?, catalog)?;
        let damaged = |what| Error::artifact(M::KIND, what, "the file is damaged; save the model again");
        let columns = linear.n_features();
        let Some(size) = columns
            .checked_mul(machines)
            .filter(|_| machines > 0 && machines <= linear.output().width().max(1))
        else {
            return Err(damaged("its machines do not fit its outputs"));
        };
        let part = |name: &str, size: usize| {
            let numbers = node.get_f64s(name, Some(size))?;
            if numbers.iter().all(|v| v.is_finite()) {
                Ok(numbers)
            } else {
                Err(damaged("a weight is infinite"))
            }
        };
        let (weights, intercept) = (part("weights", size)?, part("intercept", machines)?);
        let means = if averaged {
            Some((part("mean_weights", size)?, part("mean_intercept", machines)?))
        } else {
            None
        };
        let states = (0..machines)
            .map(|m| {
                let of = |all: &[f64]| all[m * columns..(m + 1) * columns].to_vec();
                State {
                    weights: of(weights),
                    bias: intercept[m],
                    mean: means.map(|(weights, intercept)| (of(weights), intercept[m])),
                }
            })
            .collect();
        Ok(Self { linear, states, steps })
    }
}
