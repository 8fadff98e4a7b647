//! What training is given, and what it comes to.

use burn::tensor::{Device, Tensor};
use prompt_core::{ClassWeight, Output, Result, Target};

use super::files::TrainFiles;
use super::history::EpochRecord;
use super::monitor::Monitor;
use super::schedule::Schedule;
use crate::loss::{Loss, LossKind};
use crate::net::{Store, Tape};
use crate::text::Batch;

/// What can be chosen about training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrainOptions {
    pub(crate) max_epochs: usize,
    pub(crate) batch_size: usize,
    pub(crate) accumulation: usize,
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f64,
    /// Each layer below the head learns with this much of the rate of the one above it.
    pub(crate) layer_decay: f64,
    pub(crate) schedule: Schedule,
    pub(crate) warmup: f64,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) loss: LossKind,
    pub(crate) class_weight: ClassWeight,
    pub(crate) validation_fraction: f64,
    pub(crate) patience: usize,
    pub(crate) monitor: Monitor,
    pub(crate) eval_steps: Option<usize>,
    /// Devices that share the batches of a step with the store's own.
    pub(crate) others: Vec<Device>,
}

/// What one head learns.
pub(crate) struct Task<'a> {
    pub(crate) loss: Loss,
    /// How much its loss counts beside the others'.
    pub(crate) weight: f64,
    pub(crate) target: &'a Target,
    pub(crate) output: Output,
    /// Whether its scores are thresholds between levels.
    pub(crate) ordinal: bool,
}

/// The scores of a batch, one tensor a head.
pub(crate) type Forward<'a> = &'a (dyn Fn(&Store, &mut Tape, &Batch) -> Result<Vec<Tensor<2>>> + Sync);

/// A network and its data.
pub(crate) struct Job<'a> {
    pub(crate) forward: Forward<'a>,
    /// Called before each epoch (from 0): freezing and unfreezing.
    pub(crate) before_epoch: &'a (dyn Fn(usize, &mut Store) -> Result<()> + Sync),
    pub(crate) encoded: &'a [Vec<u32>],
    pub(crate) tasks: &'a [Task<'a>],
    pub(crate) train_rows: &'a [usize],
    pub(crate) validation_rows: &'a [usize],
    pub(crate) options: &'a TrainOptions,
    pub(crate) files: &'a TrainFiles,
    /// Digest of data, parameters and seed.
    pub(crate) identity: String,
}

/// What training came to.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The best state's numbers.
    pub(crate) values: Vec<Vec<f32>>,
    pub(crate) history: Vec<EpochRecord>,
}
