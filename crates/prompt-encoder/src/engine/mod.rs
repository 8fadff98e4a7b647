//! The inference engine: a network of packed layers over reused buffers.
//!
//! ```text
//! texts ─> windows ─> batches of whole sequences, end to end, no padding (plan.rs)
//!                         └─> embeddings ─> layers (post_norm.rs, deberta.rs, modernbert.rs) ─> hidden states
//!                                               └─> pooling and heads (head.rs)
//! ```
//!
//! Every number of a sequence is computed by the same operations in the same order, whatever else is in its batch and
//! however many threads work.

mod albert;
mod bert;
mod deberta;
mod distilbert;
mod embedding;
mod head;
mod layer;
mod linear;
mod modernbert;
mod plan;
mod post_norm;
mod roberta;

use prompt_core::{Error, Result};
use prompt_kernels::Level;

use crate::checkpoint::Weights;
use crate::config::{Details, EncoderConfig, Family};
pub use head::Pooling;
pub(crate) use head::{Head, pool_rows, unit};
pub(crate) use plan::Runner;

/// The numbers that products are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floats; the same logits as Python's to 1e-4.
    #[default]
    F32,
    /// Weights of 8 bits, of 7 where the processor lacks VNNI (a scale for each output) and 8-bit activations (a scale for each token), sums exact in 32 bits;
    /// attention, norms and heads stay in f32. Faster, a quarter of the memory, and probabilities that move by about
    /// one hundredth.
    Int8,
}

/// Sequences end to end: which of the input they are, ids, and where each sequence begins (with the number of ids at the
/// end).
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub(crate) sequences: &'a [usize],
    pub(crate) ids: &'a [u32],
    pub(crate) offsets: &'a [usize],
}

impl Packed<'_> {
    pub(crate) fn tokens(&self) -> usize {
        self.ids.len()
    }
}

/// Buffers kept between batches. `hidden` holds the result.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) hidden: Vec<f32>,
    next: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    inner: Vec<f32>,
    gate: Vec<f32>,
    tables: Vec<f32>,
}

/// Makes a buffer at least this long; what it holds is of no interest.
fn room(buffer: &mut Vec<f32>, n: usize) -> &mut [f32] {
    if buffer.len() < n {
        buffer.resize(n, 0.0);
    }
    &mut buffer[..n]
}

/// Layers of one family, ready to run.
#[derive(Debug)]
pub(crate) enum Network {
    PostNorm(post_norm::PostNorm),
    Deberta(deberta::DebertaNetwork),
    ModernBert(modernbert::ModernBertNetwork),
}

impl Network {
    pub(crate) fn load(weights: &mut Weights, config: &EncoderConfig, precision: Precision) -> Result<Self> {
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
    pub(crate) fn forward(&self, batch: Packed<'_>, workspace: &mut Workspace, threads: usize) -> Result<()> {
        match self {
            Self::PostNorm(network) => network.forward(batch, workspace, threads),
            Self::Deberta(network) => network.forward(batch, workspace, threads),
            Self::ModernBert(network) => network.forward(batch, workspace, threads),
        }
    }

    /// Bytes of weights in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::PostNorm(network) => network.bytes(),
            Self::Deberta(network) => network.bytes(),
            Self::ModernBert(network) => network.bytes(),
        }
    }
}

/// A kernel's refusal as the workspace's error. Shapes were checked when the checkpoint was read, so it names a bug here.
fn kernel<T>(result: prompt_kernels::Result<T>) -> Result<T> {
    result.map_err(|e| {
        Error::input(
            format!("the encoder's parts do not fit: {e}"),
            "report this with the checkpoint's config.json",
        )
    })
}
