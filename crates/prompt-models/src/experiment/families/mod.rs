//! Which models are trained, family by family, and what each is told.
//!
//! Networks and encoders are part of every configuration, their trainers are part of a build with the feature `neural`:
//! a model that this build cannot train is reported as unavailable in the results, never skipped in silence.

mod asked;
mod deep;
mod encoders;
mod model;
mod network;
mod traditional;

use serde::{Deserialize, Serialize};

pub(super) use self::asked::{Asked, networks};
pub use self::deep::{Deep, DeepModel};
pub use self::encoders::{EncoderModel, Encoders};
pub(super) use self::model::is_planned;
pub use self::model::{Grid, Model, Models, PLANNED};
pub use self::network::NetworkModel;
pub use self::traditional::Traditional;
use super::ExperimentConfig;

/// What the classes of the security task weigh in the losses of networks.
const CLASS_WEIGHTS: [f64; 3] = [1.0, 1.0, 1.5];

/// Combinations of the trained models.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ensembles {
    /// The mean of the models' probabilities.
    pub voting_soft: bool,
    /// A learner on the models' out-of-fold probabilities.
    pub stacking: bool,
}

/// A model that the configuration asks for and this build cannot train, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unavailable {
    pub(super) name: String,
    pub(super) reason: String,
}

/// Everything that the configuration asks for and this build cannot train.
pub(super) fn unavailable(config: &ExperimentConfig) -> Vec<Unavailable> {
    let mut out = Vec::new();
    if config.traditional.enabled {
        for (name, model) in &config.traditional.models.0 {
            if model.enabled && is_planned(name) {
                let reason = "unavailable: this build has no such learner".to_owned();
                out.push(Unavailable { name: name.clone(), reason });
            }
        }
    }
    for network in asked::asked(config) {
        if let Some(why) = network.missing() {
            out.push(Unavailable { name: network.name.to_owned(), reason: format!("unavailable: {why}") });
        }
    }
    out
}
