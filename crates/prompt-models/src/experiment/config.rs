//! What an experiment is told: data, cleaning, features, models, tuning, choice, gates, output.

use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};
use prompt_data::sanitise::Sanitiser;
use prompt_data::synth::SynthParams;
use prompt_data::{Balance, Cleaner, Fields};
use serde::{Deserialize, Serialize};

use crate::select::Metric;

use super::families::{Deep, Encoders, Ensembles, Traditional};
use crate::pipeline::Features;

/// A whole experiment. Every key has a default; an unknown key is an error.
///
/// ```
/// use prompt_models::experiment::ExperimentConfig;
/// let config = ExperimentConfig::default();
/// assert_eq!((config.seed, config.split.test_size, config.traditional.folds), (42, 0.2, 10));
/// config.validate().unwrap();
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExperimentConfig {
    /// The configuration's own version; 1.
    pub version: u32,
    /// The experiment's name; also the name under which its winner is registered.
    pub name: String,
    /// `security` (three classes, security score and gates) or `text` (any labels).
    pub task: Task,
    /// Where every random number comes from.
    pub seed: u64,
    /// Most threads that work at once; all of the machine's when absent.
    pub threads: Option<usize>,
    /// What to learn from.
    pub data: Data,
    /// A set that no part of the training ever sees, scored once for each model.
    pub external: External,
    /// What is removed before anything else.
    pub clean: Clean,
    /// The stage in front of the features, saved with the model; `enabled = false` leaves texts as they are.
    pub sanitise: Sanitise,
    /// Features by name, side by side.
    pub features: Features,
    /// How rows are divided where the data does not say.
    pub split: Split,
    /// Which of several parameter points is best.
    pub tuning: Tuning,
    /// Linear, Bayes, trees, …
    pub traditional: Traditional,
    /// Networks trained from scratch.
    pub deep: Deep,
    /// Fine-tuned encoders.
    pub encoders: Encoders,
    /// Voting and stacking over the families.
    pub ensembles: Ensembles,
    /// What is measured, and how certainly.
    pub evaluation: Evaluation,
    /// Which model wins.
    pub selection: Selection,
    /// Limits printed as pass or fail.
    pub gates: Gates,
    /// Where results go.
    pub output: Output,
}

impl Default for ExperimentConfig {
    fn default() -> Self {
        Self {
            version: 1,
            name: "security".into(),
            task: Task::Security,
            seed: 42,
            threads: None,
            data: Data::default(),
            external: External::default(),
            clean: Clean::default(),
            sanitise: Sanitise::default(),
            features: Features::default(),
            split: Split::default(),
            tuning: Tuning::default(),
            traditional: Traditional::default(),
            deep: Deep::default(),
            encoders: Encoders::default(),
            ensembles: Ensembles::default(),
            evaluation: Evaluation::default(),
            selection: Selection::default(),
            gates: Gates::default(),
            output: Output::default(),
        }
    }
}

impl ExperimentConfig {
    /// What removes rows before anything else.
    pub fn cleaner(&self) -> Cleaner {
        Cleaner::default().duplicates(self.clean.duplicates).min_words(self.clean.min_words)
    }
}

/// What the classes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Benign, suspicious, malicious.
    #[default]
    Security,
    /// Any labels.
    Text,
}

impl Task {
    /// The name in configurations and artifacts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Text => "text",
        }
    }
}

/// What to learn from: a file, or the generator when there is no path.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// A JSONL, JSON or CSV file, also compressed. A path that starts with `$PROMPT_DATA/` is looked up in the
    /// folder that this variable names, `../shared/data` when it is not set.
    pub path: Option<PathBuf>,
    /// The generator's parameters, used when there is no path.
    pub synthetic: SynthParams,
    /// Names of the input fields and meaning of label values.
    pub fields: Fields,
    /// The field of row weights of `path`, numbers ≥ 0: training and validation rows count by it, test rows count alike.
    pub weight_field: Option<String>,
    /// Stop at the first bad line instead of reporting it and going on.
    pub strict: bool,
    /// Longest legal line of a file in bytes; 16 MiB when absent. Longer ones are skipped and reported.
    pub max_line_bytes: Option<usize>,
    /// Most training rows; a seeded, stratified sample of that size is taken when there are more. Absent: all.
    pub max_train_samples: Option<usize>,
}

/// The blind set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct External {
    /// Whether to score it.
    pub enabled: bool,
    /// A file; the set of about a hundred prompts that ships with the project when absent (security only).
    pub path: Option<PathBuf>,
}

impl Default for External {
    fn default() -> Self {
        Self { enabled: true, path: None }
    }
}

/// Cleaning. Before the split only duplicates and unusable rows go; rows that the data gives as test rows always
/// stay. Near-duplicates are kept on one side of the split; balancing happens inside training folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clean {
    /// Whether rows that repeat an earlier text (case, punctuation and spaces apart) go.
    pub duplicates: bool,
    /// Rows with fewer words go.
    pub min_words: usize,
    /// Training folds are balanced by leaving out rows of frequent classes (`down`), by repeating rows of rare ones
    /// (`over`), or not at all (`none`).
    pub balance: Balance,
}

impl Default for Clean {
    fn default() -> Self {
        Self { duplicates: true, min_words: 1, balance: Balance::None }
    }
}

/// The sanitising stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sanitise {
    /// Whether there is one.
    pub enabled: bool,
    /// Its parameters.
    pub params: Sanitiser,
}

impl Default for Sanitise {
    fn default() -> Self {
        Self { enabled: true, params: Sanitiser::default() }
    }
}

/// How rows are divided. A `split` field in the data is honoured in place of `test_size`; near-duplicates still share
/// a fold of the cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// Share of rows held out for the test.
    pub test_size: f64,
    /// Whether near-duplicates stay on one side.
    pub keep_near_duplicates_together: bool,
    /// Jaccard similarity of 5-character shingles from which two texts are near-duplicates.
    pub near_duplicate_threshold: f64,
}

impl Default for Split {
    fn default() -> Self {
        Self { test_size: 0.2, keep_near_duplicates_together: true, near_duplicate_threshold: 0.8 }
    }
}

/// How parameters are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// The number that the cross-validated search maximises (log loss and Brier score are minimised).
    pub metric: String,
    /// Whether a Bayesian search (TPE over the learner's built-in space) follows the built-in grid.
    pub bayesian: bool,
    /// Points that it tries for each model.
    pub bayesian_trials: usize,
    /// Most MiB of fold features kept in memory for each number of folds; what does not fit is made again for each
    /// model.
    pub feature_cache_mib: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { metric: "f1_macro".into(), bayesian: false, bayesian_trials: 20, feature_cache_mib: 384 }
    }
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluation {
    /// Bootstrap samples behind each interval; 0 leaves intervals out.
    pub bootstrap: usize,
    /// Confidence level of the intervals.
    pub level: f64,
    /// How many of the worst errors a report lists.
    pub worst_errors: usize,
    /// False-alarm rate at which the detection rate is reported.
    pub false_positive_rate: f64,
    /// How many prompts are scored one by one to measure the latency.
    pub latency_samples: usize,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self {
            bootstrap: 1000,
            level: 0.95,
            worst_errors: 25,
            false_positive_rate: 0.01,
            latency_samples: 500,
        }
    }
}

/// Which model wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Columns of the results, most important first; a tie goes to the next.
    pub criteria: Vec<String>,
    /// `cv` compares cross-validated scores of the tuning metric first, so that test rows choose nothing;
    /// `test` compares the criteria on the test rows.
    pub by: SelectBy,
}

/// Which rows choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectBy {
    /// Out-of-fold predictions of the training rows.
    #[default]
    Cv,
    /// The test rows.
    Test,
}

impl Default for Selection {
    fn default() -> Self {
        Self { criteria: vec!["security_score".into(), "f1_macro".into()], by: SelectBy::Cv }
    }
}

/// Limits; an absent one is not checked. The names say the direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// Least security score.
    pub min_security_score: Option<f64>,
    /// Least recall of `malicious`.
    pub min_recall_malicious: Option<f64>,
    /// What that recall should reach.
    pub target_recall_malicious: Option<f64>,
    /// Most benign prompts called malicious, as a share of benign.
    pub max_false_alarm_rate: Option<f64>,
    /// What that rate should come down to.
    pub target_false_alarm_rate: Option<f64>,
    /// Most malicious prompts called benign, as a share of malicious.
    pub max_missed_threat_rate: Option<f64>,
    /// What that rate should come down to.
    pub target_missed_threat_rate: Option<f64>,
    /// Least precision of `suspicious`.
    pub min_precision_suspicious: Option<f64>,
    /// Least macro-F1 on the blind set.
    pub min_f1_external: Option<f64>,
    /// Least accuracy.
    pub min_accuracy: Option<f64>,
    /// Least macro-F1.
    pub min_f1_macro: Option<f64>,
    /// Most time for one prompt, in milliseconds.
    pub max_latency_ms: Option<f64>,
    /// Most memory of the whole run, in MiB.
    pub max_memory_mib: Option<f64>,
    /// Largest standard deviation of the cross-validated score.
    pub max_cv_std: Option<f64>,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            min_security_score: Some(0.6),
            min_recall_malicious: Some(0.85),
            target_recall_malicious: Some(0.9),
            max_false_alarm_rate: Some(0.02),
            target_false_alarm_rate: Some(0.01),
            max_missed_threat_rate: Some(0.1),
            target_missed_threat_rate: Some(0.05),
            min_precision_suspicious: Some(0.7),
            min_f1_external: Some(0.6),
            min_accuracy: Some(0.7),
            min_f1_macro: Some(0.6),
            max_latency_ms: Some(100.0),
            max_memory_mib: Some(2048.0),
            max_cv_std: Some(0.05),
        }
    }
}

/// Where results go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    /// The folder of this experiment's results.
    pub dir: PathBuf,
    /// The registry that the winner is registered in; none when absent.
    pub registry: Option<PathBuf>,
    /// Whether `report.html` is written.
    pub report: bool,
    /// Whether `results.csv` uses the older column names (`custom_score`, `recall_c2`, …).
    pub legacy_names: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            dir: "out/security".into(),
            registry: Some("out/registry".into()),
            report: true,
            legacy_names: false,
        }
    }
}

impl ExperimentConfig {
    /// Reads a configuration file and the environment (see [`config`](crate::config)).
    ///
    /// # Errors
    /// As [`config::load`](crate::config::load), and as [`validate`](Self::validate).
    pub fn load(path: &Path) -> Result<Self> {
        let config: Self = crate::config::load(path)?;
        config.validate().map_err(|error| crate::config::locate(path, error))?;
        Ok(config)
    }

    /// Checks what types cannot: ranges, names of metrics, at least one model.
    ///
    /// # Errors
    /// [`Error::Param`] or [`Error::Unknown`] naming the key.
    pub fn validate(&self) -> Result<()> {
        use prompt_core::Params;
        if self.version != 1 {
            return Err(Error::param(
                "configuration",
                "version",
                "1 (the only version there is)",
                self.version,
            ));
        }
        let between = |name: &str, value: f64, low: f64, high: f64| {
            if value > low && value < high {
                return Ok(());
            }
            Err(Error::param("configuration", name, format!("a number in ({low}, {high})"), value))
        };
        between("split.test_size", self.split.test_size, 0.0, 1.0)?;
        between(
            "split.near_duplicate_threshold",
            self.split.near_duplicate_threshold,
            0.0,
            1.0 + f64::EPSILON,
        )?;
        between("evaluation.level", self.evaluation.level, 0.0, 1.0)?;
        between("evaluation.false_positive_rate", self.evaluation.false_positive_rate, 0.0, 1.0)?;
        for (name, value) in [
            ("threads", self.threads),
            ("data.max_train_samples", self.data.max_train_samples),
            ("data.max_line_bytes", self.data.max_line_bytes),
        ] {
            if value == Some(0) {
                return Err(Error::param("configuration", name, "a whole number ≥ 1, or absent", 0));
            }
        }
        self.data.synthetic.validate().map_err(|e| within("data.synthetic", e))?;
        self.data.fields.validate().map_err(|e| within("data.fields", e))?;
        self.sanitise.params.validate().map_err(|e| within("sanitise.params", e))?;
        let metric = Metric::named(&self.tuning.metric).map_err(|e| match e {
            Error::Unknown { name, known, .. } => {
                Error::param("configuration", "tuning.metric", format!("one of {}", known.join(", ")), name)
            }
            other => other,
        })?;
        if !metric.is_for_classes() {
            return Err(Error::param(
                "configuration",
                "tuning.metric",
                "a metric of classes",
                &self.tuning.metric,
            ));
        }
        let anything = (self.traditional.enabled && self.traditional.models.0.iter().any(|(_, m)| m.enabled))
            || (self.deep.enabled && self.deep.models.values().any(|told| told.enabled))
            || (self.encoders.enabled && self.encoders.models.values().any(|told| told.enabled));
        if !anything {
            return Err(Error::param(
                "configuration",
                "traditional.models",
                "at least one enabled model",
                "none",
            ));
        }
        for criterion in &self.selection.criteria {
            if !super::rank::CRITERIA.contains(&criterion.as_str()) {
                let known = format!("some of {}", super::rank::CRITERIA.join(", "));
                return Err(Error::param("configuration", "selection.criteria", known, criterion));
            }
        }
        if self.selection.criteria.is_empty() {
            return Err(Error::param("configuration", "selection.criteria", "at least one metric", "none"));
        }
        for (name, folds) in [("deep.folds", self.deep.folds), ("encoders.folds", self.encoders.folds)] {
            if folds.is_some_and(|folds| folds < 2) {
                return Err(Error::param(
                    "configuration",
                    name,
                    "a whole number ≥ 2, or absent",
                    folds.unwrap_or(0),
                ));
            }
        }
        for (name, limit) in
            [("deep.timeout_s", self.deep.timeout_s), ("encoders.timeout_s", self.encoders.timeout_s)]
        {
            if limit.is_nan() || limit <= 0.0 {
                return Err(Error::param("configuration", name, "a number > 0", limit));
            }
        }
        self.traditional.validate()
    }
}

/// A complaint of a part about its parameter, as one about the key of the configuration.
fn within(section: &str, error: Error) -> Error {
    match error {
        Error::Param { name, legal, value, .. } => {
            Error::param("configuration", format!("{section}.{name}"), legal, value)
        }
        other => other,
    }
}
