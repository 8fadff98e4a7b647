//! Which models are trained, family by family, and what each is told.
//!
//! The families of networks and encoders are part of the configuration before their trainers are part of a build:
//! a model that this build cannot train is reported as unavailable in the results, never skipped in silence.

use std::collections::BTreeMap;
use std::fmt;

use prompt_core::{Error, Estimator, Result, Task};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::learners;

/// Learners on a matrix of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traditional {
    /// Whether any of them is trained.
    pub enabled: bool,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// Most seconds for one model, search and final fit together.
    pub timeout_s: f64,
    /// Which models, with what.
    pub models: Models,
}

impl Default for Traditional {
    fn default() -> Self {
        let on = [
            "logistic_regression",
            "linear_svm",
            "multinomial_nb",
            "complement_nb",
            "majority",
            "stratified",
        ];
        Self {
            enabled: true,
            folds: 10,
            timeout_s: 1200.0,
            models: Models(on.into_iter().map(|name| (name.to_owned(), Model::default())).collect()),
        }
    }
}

impl Traditional {
    pub(super) fn validate(&self) -> Result<()> {
        if self.folds < 2 {
            return Err(Error::param("configuration", "traditional.folds", "a whole number ≥ 2", self.folds));
        }
        if self.timeout_s.is_nan() || self.timeout_s <= 0.0 {
            return Err(Error::param(
                "configuration",
                "traditional.timeout_s",
                "a number > 0",
                self.timeout_s,
            ));
        }
        Ok(())
    }
}

/// Models by name, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Models(pub Vec<(String, Model)>);

/// What one model is told. In configurations also `true` (all defaults) or `false` (not trained).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// Whether it is trained.
    pub enabled: bool,
    /// Parameters other than the defaults.
    pub params: BTreeMap<String, Value>,
    /// What is searched: `builtin`, `none`, or values by parameter.
    pub grid: Grid,
    /// Folds, where they differ from the family's.
    pub folds: Option<usize>,
    /// Time limit in seconds, where it differs from the family's.
    pub timeout_s: Option<f64>,
}

impl Default for Model {
    fn default() -> Self {
        Self { enabled: true, params: BTreeMap::new(), grid: Grid::Builtin, folds: None, timeout_s: None }
    }
}

/// What a grid search searches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grid {
    /// The learner's own grid.
    #[default]
    Builtin,
    /// Nothing: the parameters as they are.
    None,
    /// Every combination of these values.
    #[serde(untagged)]
    Explicit(BTreeMap<String, Vec<Value>>),
}

/// Learners that this build has not; naming one is no error, and the results say so.
pub const PLANNED: &[&str] = &["xgboost", "lightgbm", "sgd"];

/// Whether a name is promised but not in this build.
pub(super) fn is_planned(name: &str) -> bool {
    PLANNED.contains(&name) && !learners::is_known(name)
}

/// The name of a learner as this workspace spells it.
fn canonical(name: &str) -> &str {
    match name {
        "naive_bayes" => "multinomial_nb",
        "linear_svc" => "linear_svm",
        other => other,
    }
}

impl Model {
    /// The learner with these parameters; `None` when this build has no such learner.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Param`] for a parameter.
    pub fn estimator(&self, name: &str) -> Result<Option<Box<dyn Estimator>>> {
        if is_planned(name) {
            return Ok(None);
        }
        let mut estimator = learners::estimator(Task::Classification, name)?;
        for (param, value) in &self.params {
            estimator = estimator.with_param(param, value)?;
        }
        if let Grid::Explicit(grid) = &self.grid {
            for (param, values) in grid {
                if values.is_empty() {
                    return Err(Error::param(name, format!("grid.{param}"), "at least one value", "none"));
                }
                for value in values {
                    estimator.with_param(param, value)?;
                }
            }
        }
        Ok(Some(estimator))
    }
}

impl Serialize for Models {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, model)| (name, model)))
    }
}

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ModelsVisitor)
    }
}

struct ModelsVisitor;

impl<'de> Visitor<'de> for ModelsVisitor {
    type Value = Models;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of model name → true, false or parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Models, A::Error> {
        let mut models: Vec<(String, Model)> = Vec::new();
        while let Some(given) = map.next_key::<String>()? {
            let name = canonical(&given).to_owned();
            if models.iter().any(|(n, _)| *n == name) {
                return Err(A::Error::custom(format!("model `{name}` is named twice")));
            }
            let model = map.next_value_seed(ModelSeed(&name))?;
            models.push((name, model));
        }
        Ok(Models(models))
    }
}

/// Reads one entry and checks it against the learner of that name, so that the error carries the place.
struct ModelSeed<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for ModelSeed<'_> {
    type Value = Model;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Model, D::Error> {
        deserializer.deserialize_any(ModelVisitor(self.0))
    }
}

struct ModelVisitor<'a>(&'a str);

impl<'de> Visitor<'de> for ModelVisitor<'_> {
    type Value = Model;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or a table with params, grid, folds, timeout_s")
    }

    fn visit_bool<E: serde::de::Error>(self, enabled: bool) -> Result<Model, E> {
        let model = Model { enabled, ..Model::default() };
        model.estimator(self.0).map_err(E::custom)?;
        Ok(model)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Model, A::Error> {
        let model = Model::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        model.estimator(self.0).map_err(A::Error::custom)?;
        if model.timeout_s.is_some_and(|t| t.is_nan() || t <= 0.0) {
            return Err(A::Error::custom(format!("{}: timeout_s must be a number > 0", self.0)));
        }
        if model.folds.is_some_and(|f| f < 2) {
            return Err(A::Error::custom(format!("{}: folds must be at least 2", self.0)));
        }
        Ok(model)
    }
}

/// Networks trained from scratch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deep {
    /// Whether any of them is trained.
    pub enabled: bool,
    /// Folds of the cross-validation; absent: one fit.
    pub folds: Option<usize>,
    /// Most passes over the data.
    pub max_epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// Epochs without improvement before it ends.
    pub patience: usize,
    /// Longest text in tokens.
    pub max_length: usize,
    /// Most seconds for one model.
    pub timeout_s: f64,
    /// Focusing of the loss on hard rows.
    pub focal_gamma: f64,
    /// Weight of each class in the loss.
    pub class_weights: Vec<f64>,
    /// Largest vocabulary.
    pub max_features: usize,
    /// Steps between two log lines.
    pub logging_steps: usize,
    /// Threads that tokenise.
    pub tokenizer_workers: usize,
    /// Threads that build batches.
    pub loader_workers: usize,
    /// Whether texts are tokenised in parallel.
    pub parallel_tokenizing: bool,
    /// Which networks.
    pub models: BTreeMap<DeepModel, bool>,
}

impl Default for Deep {
    fn default() -> Self {
        Self {
            enabled: false,
            folds: None,
            max_epochs: 15,
            batch: 64,
            patience: 3,
            max_length: 1024,
            timeout_s: 1200.0,
            focal_gamma: 3.0,
            class_weights: vec![1.0, 1.0, 1.5],
            max_features: 10_000,
            logging_steps: 100,
            tokenizer_workers: 4,
            loader_workers: 4,
            parallel_tokenizing: true,
            models: [
                DeepModel::Cnn,
                DeepModel::Lstm,
                DeepModel::Bilstm,
                DeepModel::Transformer,
                DeepModel::Hybrid,
            ]
            .into_iter()
            .map(|m| (m, true))
            .collect(),
        }
    }
}

/// A network trained from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum DeepModel {
    Cnn,
    Lstm,
    Bilstm,
    Transformer,
    Hybrid,
}

impl DeepModel {
    fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::Lstm => "lstm",
            Self::Bilstm => "bilstm",
            Self::Transformer => "transformer",
            Self::Hybrid => "hybrid",
        }
    }
}

/// Pre-trained encoders, fine-tuned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encoders {
    /// Whether any of them is trained.
    pub enabled: bool,
    /// Folds of the cross-validation; absent: one fit.
    pub folds: Option<usize>,
    /// Most passes over the data.
    pub max_epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// Epochs without improvement before it ends.
    pub patience: usize,
    /// Longest text in tokens.
    pub max_length: usize,
    /// Most seconds for one model.
    pub timeout_s: f64,
    /// Share of the steps in which the rate rises.
    pub warmup: f64,
    /// Decay of the weights.
    pub weight_decay: f64,
    /// Largest norm of a step's gradient.
    pub clip: f64,
    /// Half precision where the device has it.
    pub fp16: bool,
    /// Focusing of the loss on hard rows.
    pub focal_gamma: f64,
    /// Weight of each class in the loss.
    pub class_weights: Vec<f64>,
    /// Steps between two log lines.
    pub logging_steps: usize,
    /// Which encoders.
    pub models: BTreeMap<EncoderModel, bool>,
}

impl Default for Encoders {
    fn default() -> Self {
        use EncoderModel as E;
        Self {
            enabled: false,
            folds: None,
            max_epochs: 8,
            batch: 16,
            patience: 3,
            max_length: 512,
            timeout_s: 1200.0,
            warmup: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            fp16: false,
            focal_gamma: 3.0,
            class_weights: vec![1.0, 1.0, 1.5],
            logging_steps: 100,
            models: [E::Bert, E::Distilbert, E::Roberta, E::Albert, E::Distilroberta, E::XlmRoberta]
                .into_iter()
                .map(|m| (m, true))
                .collect(),
        }
    }
}

/// A pre-trained encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum EncoderModel {
    Bert,
    Distilbert,
    Roberta,
    Albert,
    Distilroberta,
    #[serde(alias = "xlm_roberta")]
    XlmRoberta,
}

impl EncoderModel {
    fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Distilbert => "distilbert",
            Self::Roberta => "roberta",
            Self::Albert => "albert",
            Self::Distilroberta => "distilroberta",
            Self::XlmRoberta => "xlm-roberta",
        }
    }
}

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
pub(super) fn unavailable(config: &super::ExperimentConfig) -> Vec<Unavailable> {
    let mut out = Vec::new();
    let mut add = |name: &str, what: &str| {
        let reason = format!("unavailable: this build has no {what}");
        out.push(Unavailable { name: name.to_owned(), reason });
    };
    if config.traditional.enabled {
        for (name, model) in &config.traditional.models.0 {
            if model.enabled && is_planned(name) {
                add(name, "such learner");
            }
        }
    }
    if config.deep.enabled {
        for model in config.deep.models.iter().filter(|(_, on)| **on).map(|(m, _)| *m) {
            add(model.name(), "neural networks");
        }
    }
    if config.encoders.enabled {
        for model in config.encoders.models.iter().filter(|(_, on)| **on).map(|(m, _)| *m) {
            add(model.name(), "encoders");
        }
    }
    out
}
