//! What an experiment finds: one record a model, and the whole.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use prompt_core::{Classes, Prediction, Scorer};
use prompt_data::validate::QualityReport;
use prompt_metrics::{ClassificationReport, History, Interval, SecurityScore, TprAtFpr};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gates::Gate;

/// How training a model ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum Status {
    /// Trained and measured.
    Ok,
    /// It failed; the others went on.
    Failed(String),
    /// Its time limit ran out.
    Timeout(String),
    /// This build has no such model.
    Unavailable(String),
    /// The run was stopped before or while it was trained.
    Cancelled,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Timeout(why) => write!(f, "timeout: {why}"),
            Self::Unavailable(why) => f.write_str(why),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// All numbers about one set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The classification report, under scikit-learn's names.
    #[serde(flatten)]
    pub report: ClassificationReport,
    /// The security score and its parts, for the security task where it is defined.
    pub security: Option<SecurityScore>,
    /// Malicious against benign at the configured false-positive rate, for the security task.
    pub detection: Option<TprAtFpr>,
}

/// The cross-validated search of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// The metric that chose the point.
    pub metric: String,
    /// Its mean over folds at the best point.
    pub mean: f64,
    /// Its standard deviation over folds (population, as NumPy's).
    pub std: f64,
    /// Its value in each fold at the best point.
    pub folds: Vec<f64>,
    /// Every point that was tried.
    pub points: Vec<Point>,
    /// All numbers on the out-of-fold predictions of the best point.
    pub out_of_fold: Scores,
}

/// One point of the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The parameters that were set.
    pub params: BTreeMap<String, Value>,
    /// Mean over folds; absent when the point failed.
    pub mean: Option<f64>,
    /// Standard deviation over folds.
    pub std: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A model against the winner on the test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versus {
    /// The winner.
    pub best: String,
    /// This model's macro-F1 minus the winner's, with its paired bootstrap interval.
    pub difference: Interval,
    /// Exact McNemar test of their errors.
    pub mcnemar_p: f64,
}

/// Everything about one model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelResult {
    /// Its name.
    pub model: String,
    /// How it ended.
    pub status: Status,
    /// All its parameters.
    pub params: Value,
    /// The searched parameters of the best point.
    pub best_params: BTreeMap<String, Value>,
    /// The search.
    pub cv: Option<CrossValidation>,
    /// On the test rows.
    pub test: Option<Scores>,
    /// On the blind set.
    pub external: Option<Scores>,
    /// Bootstrap intervals on the test rows, by metric.
    pub intervals: BTreeMap<String, Interval>,
    /// Against the winner.
    pub versus_best: Option<Versus>,
    /// Seconds of the final fit of the learner on all training rows; the features, which all models share, are not in it.
    pub fit_seconds: Option<f64>,
    /// Seconds of everything: search, fit, scoring.
    pub wall_seconds: Option<f64>,
    /// Median microseconds from one text to its probabilities.
    pub predict_us_per_prompt: Option<f64>,
    /// 99th percentile of the same.
    pub predict_us_p99: Option<f64>,
    /// Size of the saved pipeline in bytes.
    pub model_bytes: Option<u64>,
    /// Peak memory of the process while the model was searched, fitted and scored, in MiB, with what was in memory before.
    /// Where the system cannot count anew (only Linux can), the peak since the process began.
    pub peak_memory_mib: Option<f64>,
    /// The losses of its final fit, where the learner reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Where it was saved.
    pub path: Option<PathBuf>,
    /// Digest of program, configuration and all rows of the run that trained it; a later run takes the model over only
    /// when its own is the same.
    #[serde(default)]
    pub fingerprint: String,
    /// The pipeline and its predictions, in memory only.
    #[serde(skip)]
    pub held: Option<Held>,
}

/// The parts of a result that are not written down with it.
#[derive(Clone)]
pub struct Held {
    /// The fitted pipeline.
    pub scorer: Arc<dyn Scorer>,
    /// Its probabilities for the test rows.
    pub test: Prediction,
    /// Its probabilities for the blind set.
    pub external: Option<Prediction>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} test rows)", self.test.rows())
    }
}

impl ModelResult {
    /// A model without numbers.
    pub(super) fn without_numbers(model: &str, status: Status) -> Self {
        Self {
            model: model.to_owned(),
            status,
            params: Value::Null,
            best_params: BTreeMap::new(),
            cv: None,
            test: None,
            external: None,
            intervals: BTreeMap::new(),
            versus_best: None,
            fit_seconds: None,
            wall_seconds: None,
            predict_us_per_prompt: None,
            predict_us_p99: None,
            model_bytes: None,
            peak_memory_mib: None,
            history: None,
            path: None,
            fingerprint: String::new(),
            held: None,
        }
    }

    /// Whether it was trained and measured.
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }
}

/// A set of labelled prompts that models were scored on.
#[derive(Debug, Clone, Default)]
pub struct LabelledSet {
    /// The prompts.
    pub texts: Vec<String>,
    /// Their classes by position.
    pub codes: Vec<u32>,
    /// Where each came from, where known.
    pub sources: Vec<Option<String>>,
    /// What each counts; empty where all count alike.
    pub weights: Vec<f64>,
}

/// What was learned from and scored on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DataSummary {
    /// Where the data came from, in words.
    pub origin: String,
    /// Whether a generator made it. Every report says so.
    pub synthetic: bool,
    /// Digest of the training rows as used.
    pub digest: String,
    /// Rows read.
    pub read: usize,
    /// Lines that could not be read.
    pub bad_lines: usize,
    /// The first of them, in words.
    pub bad_line_examples: Vec<String>,
    /// Rows removed, by reason.
    pub removed: BTreeMap<String, usize>,
    /// Training rows.
    pub train: usize,
    /// Rows that the data gives for choosing.
    pub validation: usize,
    /// Test rows.
    pub test: usize,
    /// Rows of the blind set.
    pub external: usize,
    /// What the blind set is, in words.
    pub external_origin: String,
    /// Lines of the blind set that could not be used, in words.
    pub external_bad_lines: Vec<String>,
    /// Digest of every row: training, validation, test and blind.
    pub all_digest: String,
    /// Training rows by class.
    pub train_labels: BTreeMap<String, usize>,
    /// How rows were divided, in words.
    pub split: String,
}

/// Everything an experiment found.
#[derive(Debug, Clone, Serialize)]
pub struct ExperimentResults {
    /// The experiment's name.
    pub name: String,
    /// The task.
    pub task: String,
    /// The seed.
    pub seed: u64,
    /// The classes in the order of the probabilities.
    pub classes: Classes,
    /// What was learned from.
    pub data: DataSummary,
    /// What was noticed about the data.
    pub quality: QualityReport,
    /// One record a model: best first, then by the same criteria, then those without numbers.
    pub models: Vec<ModelResult>,
    /// The winner's name.
    pub best: Option<String>,
    /// Limits and whether the winner keeps them.
    pub gates: Vec<Gate>,
    /// Things to know when reading the numbers.
    pub notes: Vec<String>,
    /// Seconds of the whole run.
    pub wall_seconds: f64,
    /// Peak memory of the process, in MiB, where the system tells.
    pub peak_memory_mib: Option<f64>,
    /// Where everything was written.
    pub dir: PathBuf,
    /// Whether the run was stopped before all models were done.
    pub cancelled: bool,
    /// The test rows.
    #[serde(skip)]
    pub test: LabelledSet,
    /// The blind set.
    #[serde(skip)]
    pub external: LabelledSet,
}

impl ExperimentResults {
    /// The winner, where at least one model could be trained.
    pub fn best(&self) -> Option<&ModelResult> {
        self.models.iter().find(|m| Some(&m.model) == self.best.as_ref())
    }
}
