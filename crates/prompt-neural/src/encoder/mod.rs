//! Published encoders (Hugging Face folders) as networks that learn.
//!
//! The files are read by prompt-encoder, which also predicts faster; here the same layers are built from burn's
//! operations, so that gradients can be taken. Parameters keep their canonical names. The same layers stand behind
//! prompt-encoder's API as another engine (`engine.rs`), for GPUs and for what its own engine refuses.

mod body;
mod engine;
mod fine_tune;
mod fitted;
mod fused;
mod head;
mod kept;
mod layers;
mod model;
mod modern;
mod probe;
mod relative;
mod saved;
mod scorer;
mod surface;
mod task;
mod tuning;

pub use engine::Burn;
pub use fine_tune::FineTune;
pub use fitted::FittedEncoder;
pub use task::TaskSpec;

#[cfg(test)]
mod tests;
