//! What programs call: [`Encoder`] for vectors, [`Classifier`] for classes and numbers.

use std::path::Path;

use prompt_core::{Error, Result};

use crate::checkpoint::Weights;
use crate::config::EncoderConfig;
use crate::engine::Network;
use crate::tokenizer::Tokenizer;

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

/// The two slow parts of opening a folder, on two threads where the options allow more than one.
fn parts(
    folder: &Path,
    config: &EncoderConfig,
    weights: &mut Weights,
    options: &Options,
) -> Result<(Tokenizer, Network)> {
    if options.threads == 1 {
        return Ok((Tokenizer::open(folder, config)?, Network::load(weights, config, options.precision)?));
    }
    std::thread::scope(|scope| {
        let tokenizer = scope.spawn(|| Tokenizer::open(folder, config));
        let network = Network::load(weights, config, options.precision);
        let tokenizer = tokenizer.join().map_err(|_| {
            Error::input("the tokenizer's files stopped their reader", "fetch the tokenizer's files again")
        })?;
        Ok((tokenizer?, network?))
    })
}
