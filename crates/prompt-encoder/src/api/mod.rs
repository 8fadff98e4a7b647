//! What programs call: [`Encoder`] for vectors, [`Classifier`] for classes and numbers.

use std::path::Path;

use prompt_core::{Error, Result};

use crate::checkpoint::Weights;
use crate::config::EncoderConfig;
use crate::engine::{Dedicated, Engine};
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
pub use saving::{register, register_with};

/// What a folder is opened into, beside heads.
struct Parts {
    tokenizer: Tokenizer,
    engine: Box<dyn Engine>,
    /// Why another engine runs than the one that was asked for.
    notice: Option<String>,
}

/// The two slow parts of opening a folder, on two threads where the options allow more than one.
fn parts(folder: &Path, config: &EncoderConfig, weights: &mut Weights, options: &Options) -> Result<Parts> {
    if options.threads == 1 {
        let tokenizer = Tokenizer::open(folder, config)?;
        let (engine, notice) = engine(config, weights, options)?;
        return Ok(Parts { tokenizer, engine, notice });
    }
    std::thread::scope(|scope| {
        let tokenizer = scope.spawn(|| Tokenizer::open(folder, config));
        let opened = engine(config, weights, options);
        let tokenizer = tokenizer.join().map_err(|_| {
            Error::input("the tokenizer's files stopped their reader", "fetch the tokenizer's files again")
        })?;
        let (tokenizer, (engine, notice)) = (tokenizer?, opened?);
        Ok(Parts { tokenizer, engine, notice })
    })
}

/// The engine that was asked for: the dedicated one unless another was named, and the fallback where the dedicated one
/// refuses the architecture. A checkpoint that is damaged no other engine would run.
fn engine(
    config: &EncoderConfig,
    weights: &mut Weights,
    options: &Options,
) -> Result<(Box<dyn Engine>, Option<String>)> {
    if let Some(given) = &options.engine {
        return Ok((given.open(config, weights, options.precision)?, None));
    }
    let refusal = match Dedicated::open(config, weights, options.precision) {
        Ok(engine) => return Ok((Box::new(engine), None)),
        Err(refusal) => refusal,
    };
    match (refusal, &options.fallback) {
        (refusal @ Error::Unsupported { .. }, Some(fallback)) => {
            match fallback.open(config, weights, options.precision) {
                Ok(engine) => {
                    let notice = format!("{} runs this encoder, more slowly: {refusal}", engine.name());
                    Ok((engine, Some(notice)))
                }
                // What the second one says is what is left to be changed.
                Err(Error::Unsupported { who, what, help }) => {
                    Err(Error::Unsupported { who, what, help: format!("{help} (before that, {refusal})") })
                }
                Err(other) => Err(other),
            }
        }
        (Error::Unsupported { who, what, help }, None) => {
            let burn = "or run it on burn, which takes more: a build with the feature `neural` does so by itself, and \
                a library gives `Options::fallback` prompt-neural's `Burn`";
            Err(Error::Unsupported { who, what, help: format!("{help}, {burn}") })
        }
        (other, _) => Err(other),
    }
}
