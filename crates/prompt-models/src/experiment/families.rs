//! Which models are trained, family by family, and what each is told.
//!
//! Networks and encoders are part of every configuration, their trainers are part of a build with the feature `neural`:
//! a model that this build cannot train is reported as unavailable in the results, never skipped in silence.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use prompt_core::{Classes, Error, Estimator, Result, Task};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::learners;
use crate::neural::{self, ENCODER, Network};

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
pub const PLANNED: &[&str] = &["xgboost", "lightgbm"];

/// Whether a name is promised but not in this build.
pub(super) fn is_planned(name: &str) -> bool {
    PLANNED.contains(&name) && !learners::is_known(name)
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
            let name = learners::canonical(&given).to_owned();
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

/// What one network is told. In configurations also `true` (as the section says) or `false` (not trained).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkModel {
    /// Whether it is trained.
    pub enabled: bool,
    /// The Hugging Face folder that an encoder begins with; without one it is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Parameters of the network other than those of the section; they count last.
    pub params: BTreeMap<String, Value>,
    /// Time limit in seconds, where it differs from the section's.
    pub timeout_s: Option<f64>,
}

impl From<bool> for NetworkModel {
    fn from(enabled: bool) -> Self {
        Self { enabled, from: None, params: BTreeMap::new(), timeout_s: None }
    }
}

impl<'de> Deserialize<'de> for NetworkModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NetworkVisitor)
    }
}

struct NetworkVisitor;

/// The form with keys.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NetworkTable {
    enabled: bool,
    from: Option<PathBuf>,
    params: BTreeMap<String, Value>,
    timeout_s: Option<f64>,
}

impl Default for NetworkTable {
    fn default() -> Self {
        Self { enabled: true, from: None, params: BTreeMap::new(), timeout_s: None }
    }
}

impl<'de> Visitor<'de> for NetworkVisitor {
    type Value = NetworkModel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or a table with params, timeout_s and, for an encoder, from")
    }

    fn visit_bool<E: serde::de::Error>(self, enabled: bool) -> Result<NetworkModel, E> {
        Ok(enabled.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NetworkModel, A::Error> {
        let NetworkTable { enabled, from, params, timeout_s } =
            NetworkTable::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        if timeout_s.is_some_and(|t| t.is_nan() || t <= 0.0) {
            return Err(A::Error::custom("timeout_s must be a number > 0"));
        }
        Ok(NetworkModel { enabled, from, params, timeout_s })
    }
}

/// A network that the configuration asks for.
pub(super) struct Asked<'a> {
    /// In the results.
    pub(super) name: &'static str,
    pub(super) model: &'a NetworkModel,
    /// In [`neural`].
    kind: &'static str,
    /// What the section says of all its networks.
    section: Vec<(&'static str, Value)>,
    class_weights: &'a [f64],
    pub(super) folds: Option<usize>,
    pub(super) timeout_s: f64,
}

impl Asked<'_> {
    /// The network with its parameters, for these classes.
    ///
    /// # Errors
    /// A parameter that it has not or that is out of range; weights for another number of classes.
    pub(super) fn network(&self, classes: &Classes) -> Result<Network> {
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
            network = network.with_param("from", &super::data_path(from).to_string_lossy().into())?;
        }
        self.model.params.iter().try_fold(network, |n, (name, value)| n.with_param(name, value))
    }

    /// Why it cannot be trained, where it cannot.
    fn missing(&self) -> Option<String> {
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
fn asked(config: &super::ExperimentConfig) -> Vec<Asked<'_>> {
    let mut out = Vec::new();
    let (deep, encoders) = (&config.deep, &config.encoders);
    let security = config.task == super::Task::Security;
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

/// The weights of the classes; those of the default are the security task's and say nothing of others.
fn weights(security: bool, given: &[f64]) -> &[f64] {
    if !security && given == CLASS_WEIGHTS { &[] } else { given }
}

/// The networks that this build can train, in the order in which they are trained.
pub(super) fn networks(config: &super::ExperimentConfig) -> Vec<Asked<'_>> {
    asked(config).into_iter().filter(|a| a.missing().is_none()).collect()
}

/// What the classes of the security task weigh in the losses of networks.
const CLASS_WEIGHTS: [f64; 3] = [1.0, 1.0, 1.5];

/// Networks trained from scratch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deep {
    /// Whether any of them is trained.
    pub enabled: bool,
    /// Folds of the cross-validation; absent: the first of the other models' folds judges it.
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
    /// Weight of each class in the loss; empty for none. The default is the security task's and counts for it alone.
    pub class_weights: Vec<f64>,
    /// Largest vocabulary.
    pub max_features: usize,
    /// Taken over from older configurations, without effect: there is a log line an evaluation.
    pub logging_steps: usize,
    /// Taken over from older configurations, without effect: all threads tokenise.
    pub tokenizer_workers: usize,
    /// Taken over from older configurations, without effect.
    pub loader_workers: usize,
    /// Taken over from older configurations, without effect: they are.
    pub parallel_tokenizing: bool,
    /// Which networks.
    pub models: BTreeMap<DeepModel, NetworkModel>,
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
            class_weights: CLASS_WEIGHTS.to_vec(),
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
            .map(|m| (m, true.into()))
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
    /// Folds of the cross-validation; absent: the first of the other models' folds judges it.
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
    /// Taken over from older configurations, without effect: numbers have 32 bits.
    pub fp16: bool,
    /// The type of the saved numbers: `f32`, `f16` (half the file) or `int8` (a quarter).
    pub saved_as: String,
    /// Focusing of the loss on hard rows.
    pub focal_gamma: f64,
    /// Weight of each class in the loss; empty for none. The default is the security task's and counts for it alone.
    pub class_weights: Vec<f64>,
    /// Taken over from older configurations, without effect: there is a log line an evaluation.
    pub logging_steps: usize,
    /// Which encoders.
    pub models: BTreeMap<EncoderModel, NetworkModel>,
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
            saved_as: "f32".to_owned(),
            focal_gamma: 3.0,
            class_weights: CLASS_WEIGHTS.to_vec(),
            logging_steps: 100,
            models: [E::Bert, E::Distilbert, E::Roberta, E::Albert, E::Distilroberta, E::XlmRoberta]
                .into_iter()
                .map(|m| (m, true.into()))
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
    Minilm,
    Deberta,
    Modernbert,
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
            Self::Minilm => "minilm",
            Self::Deberta => "deberta",
            Self::Modernbert => "modernbert",
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
    if config.traditional.enabled {
        for (name, model) in &config.traditional.models.0 {
            if model.enabled && is_planned(name) {
                let reason = "unavailable: this build has no such learner".to_owned();
                out.push(Unavailable { name: name.clone(), reason });
            }
        }
    }
    for network in asked(config) {
        if let Some(why) = network.missing() {
            out.push(Unavailable { name: network.name.to_owned(), reason: format!("unavailable: {why}") });
        }
    }
    out
}
