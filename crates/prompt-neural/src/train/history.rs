//! What a training run did, evaluation by evaluation.

use serde::{Deserialize, Serialize};

/// One evaluation; with the default `eval_steps` that is one epoch. The names are those of the JSON lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Steps of the optimiser so far.
    pub step: usize,
    /// Mean loss over the steps since the last evaluation.
    pub train_loss: f64,
    /// Mean loss on the held-out rows.
    pub validation_loss: Option<f64>,
    /// Macro F1 on the held-out rows, for classes.
    pub metric: Option<f64>,
    /// The rate of the last step.
    pub learning_rate: f64,
    /// The gradient's norm before clipping, averaged over the steps.
    pub gradient_norm: f64,
    /// Steps since the last evaluation whose gradient overflowed f16 and left the numbers as they were; 0 in other types.
    #[serde(default)]
    pub skipped_steps: usize,
    /// Tokens learned from per second.
    pub tokens_per_second: f64,
    /// Wall time since the last evaluation.
    pub seconds: f64,
}

impl EpochRecord {
    /// Whether two runs did the same: all but the times.
    pub fn same_numbers(&self, other: &Self) -> bool {
        let timeless = |r: &Self| Self { tokens_per_second: 0.0, seconds: 0.0, ..r.clone() };
        timeless(self) == timeless(other)
    }
}
