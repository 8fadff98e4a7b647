//! Published encoders (Hugging Face folders) as networks that learn.
//!
//! The files are read by prompt-encoder, which also predicts faster; here the same layers are built from burn's
//! operations, so that gradients can be taken. Parameters keep their canonical names.

mod body;
mod fine_tune;
mod fused;
mod head;
mod kept;
mod layers;
mod model;
mod modern;
mod relative;
mod saved;
mod scorer;

pub use fine_tune::{FineTune, FittedEncoder};

#[cfg(test)]
mod tests;
