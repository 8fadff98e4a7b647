//! What can be typed.

mod keep;
mod learn;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use prompt_models::core::{Error, Result};

pub(crate) use keep::{Bench, BenchCommand, Data, DataCommand, Registry, RegistryCommand};
pub(crate) use learn::{Compare, Distill, LearnerArgs, TableArgs, Train, Tune};

/// Prompt text in; a class, a probability and a reason out.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Most threads that work at once (all of the machine's by default).
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a whole experiment: load, validate, clean, split, train, tune, evaluate, choose, register, report.
    Run(Run),
    /// Train one model and save it.
    Train(Train),
    /// Teach a small model what a large one says, and save it.
    Distill(Distill),
    /// Measure a saved model on labelled data.
    Evaluate(Evaluate),
    /// Score a text, a file or standard input.
    Predict(Predict),
    /// Find the score above which records are alarms, for a promised rate of false ones.
    Threshold(Threshold),
    /// Cross-validate learners on a table, side by side.
    Compare(Compare),
    /// Search a model's parameters by a cross-validated study that can be stopped and resumed.
    Tune(Tune),
    /// Say why a model says what it says about a text, a row of a table, or a whole file.
    Explain(Explain),
    /// Measure the predictions of any tool: a CSV with y_true, y_pred and p_CLASS columns.
    Metrics(Metrics),
    /// Look at data and divide it: validate, summary, clean, split, generate.
    Data(Data),
    /// Compare the results of several runs: one table, one page.
    Report(Report),
    /// Look after registered models: list, promote, roll back.
    Registry(Registry),
    /// Measure this program: accuracy on the real data sets.
    Bench(Bench),
}

#[derive(Args)]
pub(crate) struct Run {
    /// The experiment's configuration (.toml, .json, .yaml).
    pub(crate) config: PathBuf,
    /// Write results here instead of where the configuration says.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Begin anew even where a stopped run could go on.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Print the results as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing but the results.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Use the older column names in results.csv (custom_score, recall_c2, …).
    #[arg(long)]
    pub(crate) legacy_names: bool,
}

/// Where the text of labelled data stands, and what its labels mean.
#[derive(Args)]
pub(crate) struct TextFields {
    /// The field that holds the text.
    #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// What label values mean, for example 0=benign,1=suspicious; others stay as they are.
    #[arg(long, value_name = "FOUND=MEANT", value_delimiter = ',')]
    pub(crate) label_map: Vec<String>,
}

/// How much each row counts.
#[derive(Args)]
pub(crate) struct WeightField {
    /// The field or column that says how much each row counts, in learning and in what is measured: a number ≥ 0 in every
    /// row. It is not learned from.
    #[arg(long = "weight-field", value_name = "COLUMN")]
    pub(crate) name: Option<String>,
}

/// How long a line of a file may be.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct LineLimit {
    /// Longest legal line; longer ones are skipped and reported [default: 16777216].
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_line_bytes: Option<usize>,
}

impl LineLimit {
    pub(crate) fn bytes(self) -> usize {
        self.max_line_bytes.unwrap_or(16 << 20)
    }
}

/// Which registry is meant.
#[derive(Args, Clone)]
pub(crate) struct RegistryPlace {
    /// The registry's folder.
    #[arg(
        long = "registry",
        global = true,
        value_name = "DIR",
        env = "PROMPT_REGISTRY",
        default_value = "out/registry"
    )]
    pub(crate) place: PathBuf,
}

#[derive(Args)]
pub(crate) struct Evaluate {
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry, or hub:org/name@REVISION, or a file that XGBoost
    /// (.json, .ubj) or LightGBM (.txt) saved, which reads tables.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// Labelled data.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Which rows: train, validation, test or all (test rows where the data has some, else validation rows, else all).
    #[arg(long, value_enum)]
    pub(crate) split: Option<SplitChoice>,
    /// The field that holds the label.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) texts: TextFields,
    /// Print one JSON object with scikit-learn's names.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a report here: text, one HTML page, numbers, pictures, lists of rows, a model card.
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Show rows that are scored one by one, with the time each takes.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10")]
    pub(crate) live_examples: Option<usize>,
    /// Stop at the first bad line, and at the first row without a label.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
    #[command(flatten)]
    pub(crate) registry: RegistryPlace,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitChoice {
    Train,
    Validation,
    Test,
    All,
}

#[derive(Args)]
pub(crate) struct Predict {
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry, or hub:org/name@REVISION, or a file that XGBoost
    /// (.json, .ubj) or LightGBM (.txt) saved, which reads tables.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// A text to score.
    #[arg(conflicts_with = "input")]
    pub(crate) text: Option<String>,
    /// A file to score; `-` is standard input (JSON lines).
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Where to write; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// The form of the output (by its name: .csv, .parquet, JSON lines otherwise).
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// The field that holds the text.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text_field: Option<String>,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Longest legal line.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    pub(crate) max_line_bytes: usize,
    /// Where a text encoder is computed: cpu, or wgpu, cuda, tch in a build with that feature.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub(crate) device: String,
    #[command(flatten)]
    pub(crate) registry: RegistryPlace,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Csv,
    /// In a build with the feature `parquet`.
    Parquet,
}

#[derive(Args)]
pub(crate) struct Threshold {
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry, or hub:org/name@REVISION.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// Traffic that the model did not learn from, labelled or not; training rows are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The class that is an alarm.
    #[arg(long, value_name = "CLASS", default_value = "malicious")]
    pub(crate) class: String,
    /// Labels of the records that should pass (all but the alarm's; records without a label always count).
    #[arg(long, value_name = "LABEL", value_delimiter = ',')]
    pub(crate) pass: Vec<String>,
    /// The rate of false alarms to promise.
    #[arg(long, value_name = "RATE", default_value_t = 0.001)]
    pub(crate) false_alarms: f64,
    /// The confidence of the promise.
    #[arg(long, value_name = "LEVEL", default_value_t = 0.95)]
    pub(crate) level: f64,
    /// The field that holds the label.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// The field that holds the text.
    #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryPlace,
}

/// What a table's target holds.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetKind {
    Classes,
    Numbers,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry, or hub:org/name@REVISION.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// The text to explain, for models of texts.
    #[arg(conflicts_with_all = ["data", "row"])]
    pub(crate) text: Option<String>,
    /// The table to explain, for models of tables; all of it unless --row names a row.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// The row, counted from 0.
    #[arg(long, value_name = "N", requires = "data")]
    pub(crate) row: Option<usize>,
    /// The class to explain (the predicted one, or the last with a margin, otherwise).
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    /// Also write a page with the text's words coloured.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Also write the importances of a whole file's columns, and pictures of their contributions, here.
    #[arg(long, value_name = "DIR", requires = "data", conflicts_with = "row")]
    pub(crate) out: Option<PathBuf>,
    /// The seed of what is drawn: background rows, orders.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryPlace,
}

#[derive(Args)]
pub(crate) struct Metrics {
    /// A CSV with columns y_true, y_pred and, for probabilities, p_CLASS.
    pub(crate) file: PathBuf,
    /// The columns hold numbers, not classes.
    #[arg(long)]
    pub(crate) regression: bool,
    /// Print one JSON object with scikit-learn's names.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a report (text and one HTML page), the numbers and the pictures here.
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Look for slices of this column that are worse than the rest; may be given again.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) group: Vec<String>,
    /// The column that holds the text: the page shows it beside mistakes, and lengths at which the rows are worse are
    /// looked for.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// The column that holds the weight of each row.
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["output_dir", "group", "text"])]
    pub(crate) weights: Option<String>,
}

#[derive(Args)]
pub(crate) struct Report {
    /// Folders that `prompt run` wrote.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) runs: Vec<PathBuf>,
    /// Write the table, one HTML page, the numbers and a picture here.
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The label values of `--label-map`, by what was found.
///
/// # Errors
/// [`Error::Input`] for a pair without `=`.
pub(crate) fn label_map(pairs: &[String]) -> Result<impl Iterator<Item = (String, String)> + use<>> {
    let pair = |pair: &String| {
        pair.split_once('=')
            .map(|(found, meant)| (found.trim().to_owned(), meant.trim().to_owned()))
            .ok_or_else(|| {
                Error::input(
                    format!("--label-map {pair} has no `=`"),
                    "write FOUND=MEANT, for example --label-map 0=benign,1=malicious",
                )
            })
    };
    Ok(pairs.iter().map(pair).collect::<Result<Vec<_>>>()?.into_iter())
}
