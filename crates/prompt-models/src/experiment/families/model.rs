//! What a learner of columns is told, and how it stands in a configuration.

use std::collections::BTreeMap;
use std::fmt;

use prompt_core::{Error, Estimator, Result, Task};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::learners;

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
pub(in crate::experiment) fn is_planned(name: &str) -> bool {
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
