//! From batches to hidden states: what an engine is, the dedicated one, and what runs whichever there is.
//!
//! ```text
//! texts ─> windows ─> batches of whole sequences, end to end, no padding (plan.rs)
//!                         └─> an engine (contract.rs): hidden states
//!                              └─> pooling and heads (head.rs)
//!
//! the dedicated engine (dedicated.rs): embeddings ─> layers (post_norm.rs, deberta.rs, modernbert.rs)
//! ```
//!
//! In the dedicated engine every number of a sequence is computed by the same operations in the same order, whatever else
//! is in its batch and however many threads work.

mod albert;
mod bert;
mod contract;
mod deberta;
mod dedicated;
mod distilbert;
mod embedding;
mod head;
mod layer;
mod linear;
mod modernbert;
mod plan;
mod post_norm;
mod roberta;

pub use contract::{Engine, OpenEngine, Packed};
pub(crate) use contract::{hidden_states, pooled};
pub(crate) use dedicated::Dedicated;
use dedicated::{Workspace, kernel, room};
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
    /// one hundredth. The dedicated engine alone has it.
    Int8,
}
