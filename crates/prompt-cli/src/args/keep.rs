//! What looks after data, registered models, and the program itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{LineLimit, RegistryPlace};

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
        /// Also leave families out for logistic regression on what this encoder says (a Hugging Face folder, or
        /// hub:org/name).
        #[arg(long, value_name = "DIR")]
        encoder: Option<PathBuf>,
        /// Also fine-tune that encoder without each family in turn, on at most 100 rows of a family and label. Takes more than an hour on two cores.
        #[arg(long, requires = "encoder")]
        fine_tune: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}
