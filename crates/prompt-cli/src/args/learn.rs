//! What makes a model, or chooses one: train, distill, compare, tune.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use prompt_models::neural::TaskField;

use super::{LineLimit, RegistryPlace, TargetKind, TextFields, WeightField};

/// Which learner, with what.
#[derive(Args)]
pub(crate) struct LearnerArgs {
    /// The learner (the task's default otherwise); of texts, in a build with the feature neural, also a network: cnn, lstm,
    /// bilstm, transformer, hybrid, or encoder, which is fine-tuned.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The Hugging Face folder that an encoder begins with (--model encoder), or hub:org/name@REVISION in a build with
    /// the feature hub.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// A parameter of the learner; a search leaves it as it is.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
}

/// What of a table is learned from, and what is done with it first.
#[derive(Args)]
pub(crate) struct TableArgs {
    /// Columns of a table that are not learned from.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    #[command(flatten)]
    pub(crate) weights: WeightField,
    #[command(flatten)]
    pub(crate) steps: crate::prepare::Steps,
}

#[derive(Args)]
pub(crate) struct Train {
    /// Labelled data: JSONL, JSON or CSV, also compressed; Parquet in a build with that feature.
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub(crate) data: Option<PathBuf>,
    /// Take data, cleaning, features, threads and seed from an experiment's configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What the labels mean: security, intent, chat or text; or tabular, for a table of columns.
    #[arg(long, default_value = "text", conflicts_with = "config")]
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) learner: LearnerArgs,
    /// The type of a fine-tuned encoder's saved numbers (--model encoder): f16 halves the model, int8 quarters it.
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f16", "int8"])]
    pub(crate) saved_as: Option<String>,
    /// Begin the training of a network anew even where a stopped one could go on.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// A saved model of the learner sgd that goes on learning from these rows, one step for each, with its parameters; it
    /// stays as it is. A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry.
    #[arg(
        long = "continue",
        value_name = "MODEL",
        conflicts_with_all = ["config", "task", "model", "from", "saved_as", "fresh", "params", "target_kind", "task_fields",
            "ignore", "Steps"]
    )]
    pub(crate) go_on_from: Option<String>,
    /// The field that holds the label, or the number; of a table `target` where none is named.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Whether the target holds classes or numbers (of a table numbers with more than two values are numbers otherwise;
    /// of texts they are classes, unless the learner is for numbers alone).
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) target_kind: Option<TargetKind>,
    /// A further field that an encoder learns beside the label, as a head of its own: names are classes, numbers (also
    /// in a CSV file) are numbers, and rows in which it is absent or blank teach the others. The weight of its loss is 1
    /// unless it is said. It may not be called as a column of the answers is, such as label or score.
    #[arg(long = "task-field", value_name = "NAME[=WEIGHT]")]
    pub(crate) task_fields: Vec<TaskField>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    #[command(flatten)]
    pub(crate) texts: TextFields,
    /// The seed.
    #[arg(long, default_value_t = 42, conflicts_with = "config")]
    pub(crate) seed: u64,
    /// Stop at the first bad line, and at the first row without a label.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
    /// Where to save the model. A network's training leaves OUT.epochs.jsonl beside it, and OUT.training while it lasts.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write the model's card (a README with the hub's metadata) to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) card: Option<PathBuf>,
    /// Also register it under this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) register: Option<String>,
    #[command(flatten)]
    pub(crate) registry: RegistryPlace,
    /// Print what was measured as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Distill {
    /// The teacher: a folder of a classifier of texts, or NAME, NAME@STAGE or NAME:VERSION in the registry; a Hugging Face
    /// folder in a build with the feature `encoder`.
    #[arg(long, value_name = "DIR")]
    pub(crate) teacher: String,
    /// Labelled data: JSONL, JSON or CSV, also compressed; Parquet in a build with that feature.
    #[arg(long, alias = "input", value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Texts that only the teacher labels, in any of those formats.
    #[arg(long, value_name = "FILE")]
    pub(crate) unlabelled: Option<PathBuf>,
    /// Take the student's features, fields, cleaning and seed from an experiment's configuration.
    #[arg(long, alias = "config", value_name = "FILE")]
    pub(crate) student: Option<PathBuf>,
    /// The student's learner: one that honours sample weights.
    #[arg(long, value_name = "NAME", default_value = "logistic_regression")]
    pub(crate) model: String,
    /// A parameter of the learner.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Above 1 what the teacher thinks of the less likely classes counts more.
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    pub(crate) temperature: f64,
    /// The teacher's share of the target of a row that has a label.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) alpha: f64,
    /// Copies of a row at most, for learners that take a class a row.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) most: usize,
    /// The field that holds the label.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) texts: TextFields,
    /// The seed.
    #[arg(long, default_value_t = 42, conflicts_with = "student")]
    pub(crate) seed: u64,
    /// Stop at the first bad line, and at the first row without a label.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
    /// Where to save the student.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RegistryPlace,
    /// Print what was measured as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Compare {
    /// The table: CSV or JSON lines, also compressed.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The column to predict.
    #[arg(long, value_name = "COLUMN", default_value = "target")]
    pub(crate) target: String,
    /// Whether the target holds classes or numbers (numbers with more than two values are numbers otherwise).
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) target_kind: Option<TargetKind>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Only these learners, each named once.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) models: Vec<String>,
    /// Number of folds.
    #[arg(long, default_value_t = 5)]
    pub(crate) folds: usize,
    #[command(flatten)]
    pub(crate) folding: crate::prepare::FoldColumns,
    /// What is measured; the first orders the table.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// Most seconds for one learner, all folds and their encoding together.
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    pub(crate) timeout_s: f64,
    /// Most rows of the folds: a random sample of more.
    #[arg(long, value_name = "ROWS")]
    pub(crate) max_rows: Option<usize>,
    /// The seed.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) lines: LineLimit,
    /// Draw the learners with their intervals: SVG, or PNG where the file is called .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the points of a study are chosen.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodChoice {
    Grid,
    Random,
    Tpe,
}

#[derive(Args)]
pub(crate) struct Tune {
    /// Labelled data: a table (CSV, JSON lines) or, with another --task, texts.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// tabular for a table of columns; security, intent, chat or text for texts.
    #[arg(long, default_value = "tabular")]
    pub(crate) task: String,
    /// The column to predict.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Whether a table's target holds classes or numbers (numbers with more than two values are numbers otherwise).
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) target_kind: Option<TargetKind>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    #[command(flatten)]
    pub(crate) texts: TextFields,
    #[command(flatten)]
    pub(crate) learner: LearnerArgs,
    /// How points are chosen (grid unless the file of --space says otherwise).
    #[arg(long, value_enum)]
    pub(crate) method: Option<MethodChoice>,
    /// Number of trials (all points of a grid; 50 otherwise).
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<usize>,
    /// Number of folds (5).
    #[arg(long, value_name = "K")]
    pub(crate) folds: Option<usize>,
    #[command(flatten)]
    pub(crate) folding: crate::prepare::FoldColumns,
    /// What is maximised (losses and errors are minimised); macro-F1 or RMSE otherwise.
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// No trials begin after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout_s: Option<f64>,
    /// Finish every trial, also those below the median of earlier ones.
    #[arg(long)]
    pub(crate) no_pruning: bool,
    /// Trials that are chosen together and may run beside each other (4).
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<usize>,
    /// Let TPE choose the parameters one by one instead of together.
    #[arg(long)]
    pub(crate) one_by_one: bool,
    /// A file (.toml, .json, .yaml) with the search's settings and a table `space` of parameters.
    #[arg(long, value_name = "FILE")]
    pub(crate) space: Option<PathBuf>,
    /// The study's file; resumed where it exists (OUT.study.jsonl otherwise).
    #[arg(long, value_name = "FILE")]
    pub(crate) study: Option<PathBuf>,
    /// The seed.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Stop at the first bad line.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Draw the trials, and what each parameter did: SVG, or PNG where the file is called .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Where to save the best model.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

impl From<MethodChoice> for prompt_models::select::Method {
    fn from(choice: MethodChoice) -> Self {
        match choice {
            MethodChoice::Grid => Self::Grid,
            MethodChoice::Random => Self::Random,
            MethodChoice::Tpe => Self::Tpe,
        }
    }
}
