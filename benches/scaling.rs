//! Time and peak memory of a whole experiment against rows, folds and features, each in a process of its own:
//!
//! ```text
//! cargo bench --bench scaling [-- --json]
//! ```

#[path = "common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod report;
    pub(crate) mod table;
}

use std::process::{Command, ExitCode};

use clap::Parser;
use prompt_models::core::{Error, FitContext, Result};
use prompt_models::experiment::{Experiment, ExperimentConfig, Status};
use prompt_models::features::{Analyzer, Tfidf};
use prompt_models::pipeline::Features;
use serde::{Deserialize, Serialize};

use common::machine;
use common::report;
use common::table::{Table, cell};

const THREADS: usize = 2;

/// Time and memory of the experiment against rows, folds and features.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Run this one case and print what it took: what the program starts itself with.
    #[arg(long, hide = true, value_name = "JSON")]
    case: Option<String>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One experiment on synthetic prompts.
#[derive(Clone, Serialize, Deserialize)]
struct Case {
    rows: usize,
    folds: usize,
    characters: bool,
}

/// What it took.
#[derive(Serialize, Deserialize)]
struct Taken {
    train_rows: usize,
    models: usize,
    seconds: f64,
    peak_mib: Option<f64>,
    f1_macro: f64,
}

/// One thing varies at a time: rows with both kinds of features, folds and features at 10,000 rows.
fn cases() -> Vec<Case> {
    let case = |rows, folds, characters| Case { rows, folds, characters };
    vec![
        case(3_000, 5, true),
        case(10_000, 5, true),
        case(30_000, 5, true),
        case(10_000, 2, true),
        case(10_000, 10, true),
        case(3_000, 5, false),
        case(10_000, 5, false),
        case(30_000, 5, false),
    ]
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.case {
        Some(case) => run_case(case),
        None => run_all(arguments.json),
    };
    report::exit_code(outcome)
}

fn run_all(json: bool) -> Result<()> {
    let machine = machine::describe(None);
    let mut table = Table::new(&[
        "rows",
        "folds",
        "features",
        "training rows",
        "models",
        "seconds",
        "peak MiB",
        "macro-F1",
    ]);
    let mut all = Vec::new();
    for case in cases() {
        let features = if case.characters { "word + char" } else { "word" };
        eprintln!("{} rows, {} folds, {features}", case.rows, case.folds);
        let taken = in_a_process(&case)?;
        table.push(vec![
            case.rows.to_string(),
            case.folds.to_string(),
            features.to_owned(),
            taken.train_rows.to_string(),
            taken.models.to_string(),
            format!("{:.1}", taken.seconds),
            cell(taken.peak_mib, 0),
            format!("{:.3}", taken.f1_macro),
        ]);
        all.push(serde_json::json!({ "case": case, "taken": taken }));
    }
    let what = format!("experiments on synthetic prompts, {THREADS} threads");
    report::print(json, &machine, &what, &table, &all);
    Ok(())
}

/// Starts this program again for one case, so that the peak of one says nothing about the next.
fn in_a_process(case: &Case) -> Result<Taken> {
    let me = std::env::current_exe().map_err(|e| Error::io("find", "this program", e))?;
    let output =
        Command::new(&me).arg("--case").arg(to_json(case)?).output().map_err(|e| Error::io("run", &me, e))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::input(format!("the experiment of {} rows failed", case.rows), said));
    }
    from_json(&String::from_utf8_lossy(&output.stdout))
}

fn run_case(case: &str) -> Result<()> {
    let case: Case = from_json(case)?;
    let folder = tempfile::tempdir().map_err(|e| Error::io("create", "a temporary folder", e))?;
    let mut config = ExperimentConfig::default();
    config.data.synthetic.rows = case.rows;
    config.traditional.folds = case.folds;
    config.features = features(case.characters);
    config.output.dir = folder.path().to_path_buf();
    config.output.registry = None;
    let results = Experiment::new(config)?.run(&FitContext::new(0).threads(THREADS))?;
    if let Some(failed) =
        results.models.iter().find(|m| !matches!(m.status, Status::Ok | Status::Unavailable(_)))
    {
        return Err(Error::input(
            format!("{}: {}", failed.model, failed.status),
            "look at the experiment's log",
        ));
    }
    let best = results.best().and_then(|best| best.test.as_ref());
    let taken = Taken {
        train_rows: results.data.train,
        models: results.models.iter().filter(|m| m.status == Status::Ok).count(),
        seconds: results.wall_seconds,
        peak_mib: results.peak_memory_mib,
        f1_macro: best.map_or(f64::NAN, |scores| scores.report.f1_macro),
    };
    println!("{}", to_json(&taken)?);
    Ok(())
}

/// The features of `configs/security.toml`, with or without characters.
fn features(characters: bool) -> Features {
    let word = Tfidf::default().ngram_range((1, 2)).sublinear_tf(true);
    let mut parts: Vec<(String, Box<dyn prompt_models::core::TextEstimator>)> =
        vec![("word".into(), Box::new(word.clone()))];
    if characters {
        let char = word
            .analyzer(Analyzer::CharWb)
            .ngram_range((2, 5))
            .min_df(prompt_models::features::Frequency::Count(2));
        parts.push(("char".into(), Box::new(char)));
    }
    Features::of(parts)
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::input(e.to_string(), "report this as a bug"))
}

fn from_json<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::input(format!("{text:?}: {e}"), "report this as a bug"))
}
