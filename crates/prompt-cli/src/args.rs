//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use prompt_models::core::{Error, Result};

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
    /// The learner (the task's default otherwise); in a build with the feature neural also a network: cnn, lstm, bilstm,
    /// transformer, hybrid, or encoder, which is fine-tuned.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The Hugging Face folder that an encoder begins with (--model encoder).
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Begin the training of a network anew even where a stopped one could go on.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// A parameter of the learner.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// The field that holds the label, or the number; of a table `target` where none is named.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Whether the target holds classes or numbers (of a table numbers with more than two values are numbers otherwise;
    /// of texts they are classes, unless the learner is for numbers alone).
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) target_kind: Option<TargetKind>,
    /// Columns of a table that are not learned from.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    #[command(flatten)]
    pub(crate) steps: crate::prepare::Steps,
    /// The field that holds the text.
    #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// What label values mean, for example 0=benign,1=suspicious; others stay as they are.
    #[arg(long, value_name = "FOUND=MEANT", value_delimiter = ',')]
    pub(crate) label_map: Vec<String>,
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
    /// The field that holds the text.
    #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// What label values mean, for example 0=benign,1=suspicious; others stay as they are.
    #[arg(long, value_name = "FOUND=MEANT", value_delimiter = ',')]
    pub(crate) label_map: Vec<String>,
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

/// How long a line of a file may be.
#[derive(Args, Clone, Copy)]
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
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry.
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
    /// The field that holds the text.
    #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// What label values mean, for example 0=benign,1=suspicious; others stay as they are.
    #[arg(long, value_name = "FOUND=MEANT", value_delimiter = ',')]
    pub(crate) label_map: Vec<String>,
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
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry.
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
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry.
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
    /// Columns that are not learned from.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// Only these learners.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) models: Vec<String>,
    #[command(flatten)]
    pub(crate) steps: crate::prepare::Steps,
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

impl From<MethodChoice> for prompt_models::select::Method {
    fn from(choice: MethodChoice) -> Self {
        match choice {
            MethodChoice::Grid => Self::Grid,
            MethodChoice::Random => Self::Random,
            MethodChoice::Tpe => Self::Tpe,
        }
    }
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
    /// Columns of a table that are not learned from.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// The field that holds the text.
    #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// What label values mean, for example 0=benign,1=suspicious; others stay as they are.
    #[arg(long, value_name = "FOUND=MEANT", value_delimiter = ',')]
    pub(crate) label_map: Vec<String>,
    /// The learner (the task's default otherwise); for texts, in a build with the feature neural, also a network.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The Hugging Face folder that an encoder begins with (--model encoder).
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// A parameter of the learner that is set, not searched.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
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
    #[command(flatten)]
    pub(crate) steps: crate::prepare::Steps,
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

#[derive(Args)]
pub(crate) struct Explain {
    /// A model's folder, or NAME, NAME@STAGE, NAME:VERSION in the registry.
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

#[derive(Args)]
pub(crate) struct Data {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Subcommand)]
pub(crate) enum DataCommand {
    /// Read a file and say what is wrong with it, line by line and as a whole.
    Validate {
        /// The file.
        file: PathBuf,
        /// It is a table: say what its columns hold instead of what its texts are like.
        #[arg(long, conflicts_with_all = ["text", "label_map", "labels"])]
        table: bool,
        /// The field that holds the text.
        #[arg(long = "text-field", alias = "text", value_name = "COLUMN")]
        text: Option<String>,
        /// The field that holds the label.
        #[arg(long, value_name = "COLUMN")]
        target: Option<String>,
        /// What label values mean, for example 0=benign,1=suspicious; others stay as they are.
        #[arg(long, value_name = "FOUND=MEANT", value_delimiter = ',')]
        label_map: Vec<String>,
        /// The only labels allowed.
        #[arg(long, value_name = "LABEL", value_delimiter = ',')]
        labels: Vec<String>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// Fail (exit status 1) when anything is wrong.
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        lines: LineLimit,
    },
    /// Summarise a table: kinds, missing cells, statistics, distinct and most frequent values.
    Summary(crate::data_table::SummaryArgs),
    /// Fill gaps of a table and deal with its outliers.
    Clean(crate::data_table::CleanArgs),
    /// Divide a table into files to learn from, to choose by and to measure on, or into folds.
    Split(crate::data_table::SplitArgs),
    /// Generate synthetic security prompts.
    Generate {
        /// Where to write (.jsonl, .json or .csv, also .gz).
        output: PathBuf,
        /// How many prompts.
        #[arg(long, default_value_t = 6000)]
        rows: usize,
        /// Share of labels that are wrong on purpose.
        #[arg(long, default_value_t = 0.01)]
        noise: f64,
        /// The seed.
        #[arg(long, default_value_t = 42)]
        seed: u64,
    },
}

#[derive(Args)]
pub(crate) struct Registry {
    #[command(flatten)]
    pub(crate) place: RegistryPlace,
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

#[derive(Subcommand)]
pub(crate) enum RegistryCommand {
    /// All versions of all models, or of one.
    List {
        /// Only this model.
        name: Option<String>,
        /// Print one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Register a model's folder as the next version of a name.
    Register {
        /// The name.
        name: String,
        /// The folder of a saved model.
        dir: PathBuf,
        /// A few words about it.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Move a version to a stage (production by default; the version there before is archived).
    #[command(after_help = "A NAME alone means its newest version that is not archived.")]
    Promote {
        /// NAME:VERSION, or NAME for its newest version.
        model: String,
        /// training, staged, production or archived.
        #[arg(long, default_value = "production")]
        stage: String,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Put the previous production version, or a given one, back into production.
    Rollback {
        /// The model's name.
        name: String,
        /// The version to go back to.
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// What was promoted when, by whom and why.
    History {
        /// The model's name.
        name: String,
    },
}

#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Accuracy on the real data sets: fitted on train rows, chosen on validation, scored on test.
    Accuracy {
        /// The folder with the data sets ($PROMPT_DATA, else ../shared/data).
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Only these data sets.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
        /// The families of sources that are left out one by one.
        #[arg(long, value_name = "FILE", default_value = "configs/security-source-families.json")]
        families: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
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
