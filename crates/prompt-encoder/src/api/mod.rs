//! What programs call: [`Encoder`] for vectors, [`Classifier`] for classes and numbers.

mod aggregate;
mod classifier;
mod encoder;
mod options;
mod outputs;
mod saving;

pub use aggregate::Aggregate;
pub use classifier::{Answer, Classifier};
pub use encoder::{Embedding, Encoder};
pub use options::Options;
pub use saving::register;
