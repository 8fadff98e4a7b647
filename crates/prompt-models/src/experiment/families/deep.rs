//! Networks that are trained from scratch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CLASS_WEIGHTS;
use super::network::NetworkModel;

/// Networks trained from scratch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deep {
    /// Whether any of them is trained.
    pub enabled: bool,
    /// Folds of the cross-validation; absent: the first of the other models' folds judges it.
    pub folds: Option<usize>,
    /// Most passes over the data.
    pub max_epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// Epochs without improvement before it ends.
    pub patience: usize,
    /// Longest text in tokens.
    pub max_length: usize,
    /// Most seconds for one model.
    pub timeout_s: f64,
    /// Focusing of the loss on hard rows.
    pub focal_gamma: f64,
    /// Weight of each class in the loss; empty for none. The default is the security task's and counts for it alone.
    pub class_weights: Vec<f64>,
    /// Largest vocabulary.
    pub max_features: usize,
    /// Taken over from older configurations, without effect: there is a log line an evaluation.
    pub logging_steps: usize,
    /// Taken over from older configurations, without effect: all threads tokenise.
    pub tokenizer_workers: usize,
    /// Taken over from older configurations, without effect.
    pub loader_workers: usize,
    /// Taken over from older configurations, without effect: they are.
    pub parallel_tokenizing: bool,
    /// Which networks.
    pub models: BTreeMap<DeepModel, NetworkModel>,
}

impl Default for Deep {
    fn default() -> Self {
        Self {
            enabled: false,
            folds: None,
            max_epochs: 15,
            batch: 64,
            patience: 3,
            max_length: 1024,
            timeout_s: 1200.0,
            focal_gamma: 3.0,
            class_weights: CLASS_WEIGHTS.to_vec(),
            max_features: 10_000,
            logging_steps: 100,
            tokenizer_workers: 4,
            loader_workers: 4,
            parallel_tokenizing: true,
            models: [
                DeepModel::Cnn,
                DeepModel::Lstm,
                DeepModel::Bilstm,
                DeepModel::Transformer,
                DeepModel::Hybrid,
            ]
            .into_iter()
            .map(|m| (m, true.into()))
            .collect(),
        }
    }
}

/// A network trained from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum DeepModel {
    Cnn,
    Lstm,
    Bilstm,
    Transformer,
    Hybrid,
}

impl DeepModel {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::Lstm => "lstm",
            Self::Bilstm => "bilstm",
            Self::Transformer => "transformer",
            Self::Hybrid => "hybrid",
        }
    }
}
