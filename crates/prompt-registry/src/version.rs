//! What is known about one version, what a caller adds when registering, and how a list is narrowed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{ModelName, ModelRef};
use crate::stage::Stage;

/// One version of a named model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The model's name.
    pub name: ModelName,
    /// Its number: 1, 2, 3, … in the order of registration; never given out twice.
    pub version: u32,
    /// Where it stands.
    pub stage: Stage,
    /// When it was registered, in milliseconds since 1970-01-01 00:00 UTC.
    pub created_ms: i64,
    /// Who registered it.
    pub created_by: String,
    /// Free text.
    pub description: String,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// Numbers measured on held-out rows: the artifact's own, and those given at registration.
    pub metrics: BTreeMap<String, f64>,
    /// Parameters of the model's parts.
    pub params: Value,
    /// The task it serves.
    pub task: String,
    /// Class names in the order of the probabilities.
    pub classes: Vec<String>,
    /// The kind of the outermost part.
    pub kind: String,
    /// Digest of the data it was fitted on.
    pub data_digest: String,
    /// Whether that data was made by a generator.
    pub synthetic: bool,
    /// Size of its artifact in bytes.
    pub bytes: u64,
    /// Digest of its artifact; versions with the same digest share one folder.
    pub digest: String,
    /// The version of the same name that it was made from, where there is one.
    pub parent: Option<u32>,
    /// The run that made it; empty when it has none.
    pub run_id: String,
}

impl Version {
    /// The reference to exactly this version.
    pub fn reference(&self) -> ModelRef {
        ModelRef::version(self.name.clone(), self.version)
    }
}

/// What the caller adds to what the artifact says about itself.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `stage` | staged | where it starts: training or staged; production is reached by promotion |
/// | `by` | empty | who registers |
/// | `description`, `tags` | empty | free text, free labels |
/// | `metrics` | empty | added to the artifact's own, and stronger; finite numbers |
/// | `parent` | none | an existing version of the same name |
/// | `run_id` | empty | the run that made it |
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterInfo {
    /// Where it starts.
    pub stage: Stage,
    /// Who registers it.
    pub by: String,
    /// Free text.
    pub description: String,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// Further numbers; one with the name of the artifact's own takes its place.
    pub metrics: BTreeMap<String, f64>,
    /// The version of the same name that it was made from.
    pub parent: Option<u32>,
    /// The run that made it.
    pub run_id: String,
}

impl Default for RegisterInfo {
    fn default() -> Self {
        Self {
            stage: Stage::Staged,
            by: String::new(),
            description: String::new(),
            tags: BTreeMap::new(),
            metrics: BTreeMap::new(),
            parent: None,
            run_id: String::new(),
        }
    }
}

/// Which versions a list shows; what is not set does not narrow it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only versions of this name.
    pub name: Option<ModelName>,
    /// Only versions in this stage.
    pub stage: Option<Stage>,
    /// Only versions that serve this task.
    pub task: Option<String>,
    /// Only versions with all of these labels.
    pub tags: BTreeMap<String, String>,
}
