//! What a run on a table is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result, Task};
use prompt_data::table::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compare::ONCE;
use crate::config;
use crate::learners;
use crate::prepare::Prepare;
use crate::select::Tune;
use crate::tabular::Folding;

/// A run on a table, as `configs/platform.toml` shows it. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlatformConfig {
    /// The version of this format: 1.
    pub version: u32,
    /// The name of the run.
    pub name: String,
    /// `tabular`.
    pub task: String,
    /// Where every random number comes from.
    pub seed: u64,
    /// Most threads; all of the machine's when absent.
    pub threads: Option<usize>,
    /// What is read.
    pub data: Data,
    /// How rows are divided where the file does not say.
    pub split: Split,
    /// What is done with the table before it is learned from, in every fold anew.
    pub prepare: Prepare,
    /// Learners side by side.
    pub compare: Compare,
    /// A study of the parameters of the best learner, in place of its built-in grid on the validation rows.
    pub tune: Option<Tune>,
    /// The model that is kept.
    pub train: Train,
    /// Why it says what it says.
    pub explain: Explain,
    /// Where results go.
    pub output: Output,
}

impl Default for PlatformConfig {
    fn default() -> Self {
        Self {
            version: 1,
            name: "platform".to_owned(),
            task: crate::tabular::TASK.to_owned(),
            seed: 42,
            threads: None,
            data: Data::default(),
            split: Split::default(),
            prepare: Prepare::default(),
            compare: Compare::default(),
            tune: None,
            train: Train::default(),
            explain: Explain::default(),
            output: Output::default(),
        }
    }
}

/// The table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The file; `$PROMPT_DATA/…` is looked up in the folder that the variable names. Absent: a generated table.
    pub path: Option<PathBuf>,
    /// Whether a generated table takes the place of a file that is not there.
    pub generate: bool,
    /// Rows of a generated table.
    pub rows: usize,
    /// The column to predict.
    pub target: String,
    /// Whether it holds `classification` classes or `regression` numbers; by the column when absent.
    pub target_kind: Option<TargetKind>,
    /// The column of row weights, numbers ≥ 0; it is not learned from, and what is measured is weighted by it too.
    pub weight_field: Option<String>,
    /// Columns that are not learned from.
    pub ignore: Vec<String>,
    /// Kinds of columns by name; the others are inferred.
    pub kinds: BTreeMap<String, Kind>,
    /// Stop at the first bad line.
    pub strict: bool,
    /// Longest legal line of a file in bytes; 16 MiB when absent. Longer ones are skipped and reported.
    pub max_line_bytes: Option<usize>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            path: None,
            generate: false,
            rows: 2000,
            target: "target".to_owned(),
            target_kind: None,
            weight_field: None,
            ignore: Vec::new(),
            kinds: BTreeMap::new(),
            strict: false,
            max_line_bytes: None,
        }
    }
}

/// What a target holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Classes.
    Classification,
    /// Numbers.
    Regression,
}

impl TargetKind {
    pub(super) fn task(self) -> Task {
        match self {
            Self::Classification => Task::Classification,
            Self::Regression => Task::Regression,
        }
    }

    pub(super) fn column(self) -> Kind {
        match self {
            Self::Classification => Kind::Category,
            Self::Regression => Kind::Number,
        }
    }
}

/// Rows to learn from, to choose by and to measure on. A `split` column in the file is honoured in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// Share of rows to measure on.
    pub test_size: f64,
    /// Share of rows to choose by.
    pub validation_size: f64,
    /// Whether every part has the classes in their shares.
    pub stratify: bool,
    /// The column whose values are never divided.
    pub group: Option<String>,
    /// The column of times: what is held out comes last.
    pub time: Option<String>,
}

impl Default for Split {
    fn default() -> Self {
        Self { test_size: 0.2, validation_size: 0.1, stratify: true, group: None, time: None }
    }
}

impl Split {
    /// Folds are dealt as the parts are.
    pub(super) fn folding(&self) -> Folding {
        Folding { group: self.group.clone(), time: self.time.clone() }
    }
}

/// The comparison by cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compare {
    /// The learners, each named once; those that the task does not have are left out; all of the task's when empty.
    pub models: Vec<String>,
    /// Number of folds.
    pub folds: usize,
    /// The metrics, the first of which chooses; the task's usual ones when empty.
    pub metrics: Vec<String>,
    /// Most seconds for one learner, all folds together.
    pub timeout_s: f64,
}

impl Default for Compare {
    fn default() -> Self {
        Self { models: Vec::new(), folds: 5, metrics: Vec::new(), timeout_s: 120.0 }
    }
}

/// The model that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// The learner; the best of the comparison when absent.
    pub model: Option<String>,
    /// Parameters of that learner, which are not searched.
    pub params: BTreeMap<String, Value>,
    /// Whether the learner's built-in grid is searched on the validation rows.
    pub search: bool,
}

impl Default for Train {
    fn default() -> Self {
        Self { model: None, params: BTreeMap::new(), search: true }
    }
}

/// The explanation of the kept model on rows that it did not learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Explain {
    /// Most rows that are explained; none where it is 0.
    pub rows: usize,
    /// How many of them are written one by one.
    pub listed: usize,
}

impl Default for Explain {
    fn default() -> Self {
        Self { rows: 200, listed: 20 }
    }
}

/// Where results go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    /// The folder.
    pub dir: PathBuf,
    /// A registry in which the model is registered under the name of the run.
    pub registry: Option<PathBuf>,
}

impl Default for Output {
    fn default() -> Self {
        Self { dir: "out/platform".into(), registry: None }
    }
}

/// The task that a configuration names, whatever else is in it.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    task: Option<String>,
}

impl PlatformConfig {
    /// Whether a file is a configuration for a table: its task is `tabular`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_one(path: &Path) -> Result<bool> {
        Ok(config::load::<Named>(path)?.task.as_deref() == Some(crate::tabular::TASK))
    }

    /// Reads a configuration file and applies the environment to it (`PROMPT_CFG__DATA__PATH=…`).
    ///
    /// # Errors
    /// As [`config::load`] and [`validate`](Self::validate).
    pub fn load(path: &Path) -> Result<Self> {
        let loaded: Self = config::load(path)?;
        loaded.validate().map_err(|error| config::locate(path, error))?;
        Ok(loaded)
    }

    /// Checks what can be known before the data is read.
    ///
    /// # Errors
    /// [`Error::Param`] naming the key.
    pub fn validate(&self) -> Result<()> {
        let wrong =
            |name: &str, legal: &str, value: String| Err(Error::param("configuration", name, legal, value));
        if self.version != 1 {
            return wrong("version", "1", self.version.to_string());
        }
        if self.task != crate::tabular::TASK {
            return wrong("task", "`tabular`", format!("`{}`", self.task));
        }
        if self.compare.folds < 2 {
            return wrong("compare.folds", "a whole number ≥ 2", self.compare.folds.to_string());
        }
        if let Some(twice) = learners::named_twice(&self.compare.models) {
            return wrong("compare.models", ONCE, twice);
        }
        if self.data.rows < 100 {
            return wrong("data.rows", "a whole number ≥ 100", self.data.rows.to_string());
        }
        let share = |v: f64| (0.0..1.0).contains(&v);
        if !(share(self.split.test_size) && share(self.split.validation_size)) {
            let given = format!("{} and {}", self.split.test_size, self.split.validation_size);
            return wrong("split.test_size, split.validation_size", "numbers in [0, 1)", given);
        }
        self.tune.as_ref().map_or(Ok(()), Tune::validate)?;
        self.split.folding().validate()?;
        self.prepare.validate()
    }
}
