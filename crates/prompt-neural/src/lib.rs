#![doc = include_str!("../README.md")]

mod device;
mod encoder;
mod kernel;
mod loss;
mod net;
mod network;
mod outcome;
mod params;
mod products;
mod text;
mod train;

#[cfg(test)]
mod reference;

pub use encoder::{Burn, FineTune, FittedEncoder, TaskSpec};
pub use network::{FittedNetwork, TextNetwork};
pub use params::{BiLstm, Cnn, Hybrid, Lstm, Transformer};
pub use prompt_encoder::SavedAs;
pub use text::Vocabulary;
pub use train::{EpochRecord, TrainFiles};

use prompt_core::artifact::Catalog;

/// Teaches a catalog to read a fitted network.
pub fn register(catalog: &mut Catalog) {
    catalog.scorer::<FittedNetwork>(network::KIND);
}

// The guide's chapter runs here: the workspace's own doctests compile no burn.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/neural.md")]
mod guide {}
