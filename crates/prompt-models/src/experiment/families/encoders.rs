//! Pre-trained encoders.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CLASS_WEIGHTS;
use super::network::NetworkModel;

/// Pre-trained encoders, fine-tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encoders {
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
    /// Share of the steps in which the rate rises.
    pub warmup: f64,
    /// Decay of the weights.
    pub weight_decay: f64,
    /// Largest norm of a step's gradient.
    pub clip: f64,
    /// Taken over from older configurations, without effect: a model's parameter `precision` says in which type its products are
    /// computed, bf16 where none is said and a GPU has it.
    pub fp16: bool,
    /// The type of the saved numbers: `f32`, `f16` (half the file) or `int8` (a quarter).
    pub saved_as: String,
    /// Focusing of the loss on hard rows.
    pub focal_gamma: f64,
    /// Weight of each class in the loss; empty for none. The default is the security task's and counts for it alone.
    pub class_weights: Vec<f64>,
    /// Taken over from older configurations, without effect: there is a log line an evaluation.
    pub logging_steps: usize,
    /// Which encoders.
    pub models: BTreeMap<EncoderModel, NetworkModel>,
}

impl Default for Encoders {
    fn default() -> Self {
        use EncoderModel as E;
        Self {
            enabled: false,
            folds: None,
            max_epochs: 8,
            batch: 16,
            patience: 3,
            max_length: 512,
            timeout_s: 1200.0,
            warmup: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            fp16: false,
            saved_as: "f32".to_owned(),
            focal_gamma: 3.0,
            class_weights: CLASS_WEIGHTS.to_vec(),
            logging_steps: 100,
            models: [E::Bert, E::Distilbert, E::Roberta, E::Albert, E::Distilroberta, E::XlmRoberta]
                .into_iter()
                .map(|m| (m, true.into()))
                .collect(),
        }
    }
}

/// A pre-trained encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum EncoderModel {
    Bert,
    Distilbert,
    Roberta,
    Albert,
    Distilroberta,
    #[serde(alias = "xlm_roberta")]
    XlmRoberta,
    Minilm,
    Deberta,
    Modernbert,
}

impl EncoderModel {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Distilbert => "distilbert",
            Self::Roberta => "roberta",
            Self::Albert => "albert",
            Self::Distilroberta => "distilroberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Minilm => "minilm",
            Self::Deberta => "deberta",
            Self::Modernbert => "modernbert",
        }
    }
}
