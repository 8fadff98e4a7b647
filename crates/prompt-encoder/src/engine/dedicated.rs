//! The engine of this crate: packed layers over buffers that are kept from batch to batch.

use std::sync::{Mutex, PoisonError};

use prompt_core::{Error, Result};
use prompt_kernels::Level;

use super::{Engine, Packed, Precision};
use super::{albert, bert, deberta, distilbert, linear, modernbert, post_norm, roberta};
use crate::checkpoint::Weights;
use crate::config::{Details, EncoderConfig, Family};

/// Layers and spare buffers.
#[derive(Debug)]
pub(crate) struct Dedicated {
    network: Network,
    width: usize,
    spare: Mutex<Vec<Workspace>>,
}

/// Layers of one family, ready to run.
#[derive(Debug)]
enum Network {
    PostNorm(post_norm::PostNorm),
    Deberta(deberta::DebertaNetwork),
    ModernBert(modernbert::ModernBertNetwork),
}

/// Buffers kept between batches. `hidden` holds the result.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(super) hidden: Vec<f32>,
    pub(super) next: Vec<f32>,
    pub(super) qkv: Vec<f32>,
    pub(super) context: Vec<f32>,
    pub(super) inner: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) tables: Vec<f32>,
}

/// Makes a buffer at least this long; what it holds is of no interest.
pub(super) fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}

/// A kernel's refusal as the workspace's error. Shapes were checked when the checkpoint was read, so it names a bug here.
pub(super) fn kernel<T>(result: prompt_kernels::Result<T>) -> Result<T> {
    result.map_err(|e| {
        Error::input(
            format!("the encoder's parts do not fit: {e}"),
            "report this with the checkpoint's config.json",
        )
    })
}

impl Dedicated {
    /// Reads the encoder's tensors.
    pub(crate) fn open(config: &EncoderConfig, weights: &mut Weights, precision: Precision) -> Result<Self> {
        let network = Network::load(config, weights, precision)?;
        Ok(Self { network, width: config.hidden_size, spare: Mutex::new(Vec::new()) })
    }

    /// A buffer is whole whatever happened to a thread that held the lock.
    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Dedicated {
    fn name(&self) -> &'static str {
        "dedicated"
    }

    fn width(&self) -> usize {
        self.width
    }

    fn weight_bytes(&self) -> usize {
        self.network.bytes()
    }

    fn side_by_side(&self) -> bool {
        true
    }

    fn hidden_states(
        &self,
        batch: Packed<'_>,
        threads: usize,
        read: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let mut workspace = self.spare().pop().unwrap_or_default();
        prompt_kernels::team(threads, || self.network.forward(batch, &mut workspace, threads))?;
        let done = read(&workspace.hidden[..batch.tokens() * self.width]);
        self.spare().push(workspace);
        done
    }
}

impl Network {
    fn load(config: &EncoderConfig, weights: &mut Weights, precision: Precision) -> Result<Self> {
        let level = Level::detect();
        let mut loader = linear::Loader { weights, level, precision };
        Ok(match &config.details {
            Details::Albert(sharing) => Self::PostNorm(albert::load(&mut loader, config, sharing)?),
            Details::Deberta(details) => Self::Deberta(deberta::load(&mut loader, config, details)?),
            Details::ModernBert(details) => Self::ModernBert(modernbert::load(&mut loader, config, details)?),
            Details::Plain => Self::PostNorm(match config.family {
                Family::DistilBert => distilbert::load(&mut loader, config)?,
                Family::Roberta | Family::XlmRoberta => roberta::load(&mut loader, config)?,
                _ => bert::load(&mut loader, config)?,
            }),
        })
    }

    /// Hidden states of the last layer into `workspace.hidden`, tokens × hidden size.
    fn forward(&self, batch: Packed<'_>, workspace: &mut Workspace, threads: usize) -> Result<()> {
        match self {
            Self::PostNorm(network) => network.forward(batch, workspace, threads),
            Self::Deberta(network) => network.forward(batch, workspace, threads),
            Self::ModernBert(network) => network.forward(batch, workspace, threads),
        }
    }

    /// Bytes of weights in memory.
    fn bytes(&self) -> usize {
        match self {
            Self::PostNorm(network) => network.bytes(),
            Self::Deberta(network) => network.bytes(),
            Self::ModernBert(network) => network.bytes(),
        }
    }
}
