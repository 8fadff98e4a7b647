//! The networks that a configuration asks for, and whether this build can train them.

use std::collections::BTreeMap;

use prompt_core::{Classes, Error, Result};
use serde_json::{Value, json};

use super::super::{ExperimentConfig, Task, data_path};
use super::CLASS_WEIGHTS;
use super::network::NetworkModel;
use crate::neural::{self, ENCODER, Network};

/// A network that the configuration asks for.
pub(in crate::experiment) struct Asked<'a> {
    /// In the results.
    pub(in crate::experiment) name: &'static str,
    pub(in crate::experiment) model: &'a NetworkModel,
    /// In [`neural`].
    kind: &'static str,
    /// What the section says of all its networks.
    section: Vec<(&'static str, Value)>,
    class_weights: &'a [f64],
    pub(in crate::experiment) folds: Option<usize>,
    pub(in crate::experiment) timeout_s: f64,
}

impl Asked<'_> {
    /// The network with its parameters, for these classes.
    ///
    /// # Errors
    /// A parameter that it has not or that is out of range; weights for another number of classes.
    pub(in crate::experiment) fn network(&self, classes: &Classes) -> Result<Network> {
        let mut network = Network::named(self.kind)?;
        for (name, value) in &self.section {
            network = network.with_param(name, value)?;
        }
        if !self.class_weights.is_empty() {
            if self.class_weights.len() != classes.len() {
                let legal = format!("{} numbers, one a class, or none", classes.len());
                return Err(Error::param("configuration", "class_weights", legal, self.class_weights.len()));
            }
            let weights = classes.names().iter().zip(self.class_weights);
            let weights: BTreeMap<&String, &f64> = weights.collect();
            network = network.with_param("class_weight", &json!(weights))?;
        }
        if let Some(from) = &self.model.from {
            network = network.with_param("from", &data_path(from).to_string_lossy().into())?;
        }
        self.model.params.iter().try_fold(network, |n, (name, value)| n.with_param(name, value))
    }

    /// Why it cannot be trained, where it cannot.
    pub(super) fn missing(&self) -> Option<String> {
        let name = self.name;
        if !neural::AVAILABLE {
            let what = if self.kind == ENCODER { "encoders" } else { "neural networks" };
            return Some(format!("this build has no {what} (build with the feature `neural`)"));
        }
        (self.kind == ENCODER && self.model.from.is_none())
            .then(|| format!("no folder to begin with (encoders.models.{name}.from)"))
    }
}

/// Every network that the configuration switches on.
pub(super) fn asked(config: &ExperimentConfig) -> Vec<Asked<'_>> {
    let mut out = Vec::new();
    let (deep, encoders) = (&config.deep, &config.encoders);
    let security = config.task == Task::Security;
    if deep.enabled {
        for (model, told) in deep.models.iter().filter(|(_, told)| told.enabled) {
            out.push(Asked {
                name: model.name(),
                model: told,
                kind: model.name(),
                section: vec![
                    ("max_epochs", json!(deep.max_epochs)),
                    ("batch_size", json!(deep.batch)),
                    ("patience", json!(deep.patience)),
                    ("max_length", json!(deep.max_length)),
                    ("max_vocabulary", json!(deep.max_features)),
                    ("focal_gamma", json!(deep.focal_gamma)),
                    ("loss", json!("focal")),
                ],
                class_weights: weights(security, &deep.class_weights),
                folds: deep.folds,
                timeout_s: told.timeout_s.unwrap_or(deep.timeout_s),
            });
        }
    }
    if encoders.enabled {
        for (model, told) in encoders.models.iter().filter(|(_, told)| told.enabled) {
            out.push(Asked {
                name: model.name(),
                model: told,
                kind: ENCODER,
                section: vec![
                    ("max_epochs", json!(encoders.max_epochs)),
                    ("batch_size", json!(encoders.batch)),
                    ("patience", json!(encoders.patience)),
                    ("max_length", json!(encoders.max_length)),
                    ("warmup", json!(encoders.warmup)),
                    ("weight_decay", json!(encoders.weight_decay)),
                    ("clip_norm", json!(encoders.clip)),
                    ("saved_as", json!(encoders.saved_as)),
                    ("focal_gamma", json!(encoders.focal_gamma)),
                    ("loss", json!("focal")),
                ],
                class_weights: weights(security, &encoders.class_weights),
                folds: encoders.folds,
                timeout_s: told.timeout_s.unwrap_or(encoders.timeout_s),
            });
        }
    }
    out
}

/// The networks that this build can train, in the order in which they are trained.
pub(in crate::experiment) fn networks(config: &ExperimentConfig) -> Vec<Asked<'_>> {
    asked(config).into_iter().filter(|a| a.missing().is_none()).collect()
}

/// The weights of the classes; those of the default are the security task's and say nothing of others.
fn weights(security: bool, given: &[f64]) -> &[f64] {
    if !security && given == CLASS_WEIGHTS { &[] } else { given }
}
