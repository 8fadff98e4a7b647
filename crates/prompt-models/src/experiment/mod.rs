//! A whole experiment as one call: what `prompt run` does.
//!
//! ```text
//! read → validate → clean → split ─┬─ sanitise → features in each fold → search → best point → final fit ─┐
//!                                  │        (every configured model; one failing stops no other)          │
//!  test rows, blind set ───────────┴──────────────────────────── scored once each ←───────────────────────┘
//!  → rank by the criteria → intervals, tests against the winner, gates → results, report, saved models
//! ```
//!
//! ```no_run
//! use prompt_models::prelude::*;
//! use prompt_models::experiment::{Experiment, ExperimentConfig};
//!
//! let config = ExperimentConfig::load("configs/security.toml".as_ref())?;
//! let results = Experiment::new(config)?.run(&FitContext::new(42))?;
//! println!("{}", results.summary());
//! let best = results.best().expect("at least one model was trained");
//! assert!(best.test.as_ref().unwrap().report.f1_macro > 0.6);
//! # Ok::<(), prompt_models::core::Error>(())
//! ```
//!
//! A run that was stopped goes on where it was when it is started again with the same configuration and data: models
//! that were finished are read back, not trained again.

mod bayes;
mod config;
mod coverage;
mod ensembles;
mod families;
mod gates;
mod history;
mod insight;
mod measure;
mod output;
mod pictures;
mod prepare;
mod rank;
mod result;
mod runs;
mod summary;
mod train;

pub mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use prompt_core::{Control, Error, Event, FitContext, Result};

use crate::card;

pub use config::{
    Clean, Data, Evaluation, ExperimentConfig, External, Gates, Output, Sanitise, SelectBy, Selection, Split,
    Task, Tuning,
};
pub use families::{
    Deep, DeepModel, EncoderModel, Encoders, Ensembles, Grid, Model, Models, PLANNED, Traditional,
};
pub use gates::Gate;
pub use history::family;
pub use output::results_csv;
pub use prepare::load;
pub use result::{
    CrossValidation, DataSummary, ExperimentResults, Held, LabelledSet, ModelResult, Point, Scores, Status,
    Versus,
};
pub use runs::{Against, Run, RunTable, compare_runs};

use output::Folder;
use prepare::Prepared;

/// An experiment, ready to be run.
#[derive(Debug, Clone)]
pub struct Experiment {
    config: ExperimentConfig,
}

impl Experiment {
    /// Checks the configuration.
    ///
    /// # Errors
    /// As [`ExperimentConfig::validate`].
    pub fn new(config: ExperimentConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config })
    }

    /// The configuration.
    pub fn config(&self) -> &ExperimentConfig {
        &self.config
    }

    /// Forgets the finished models of an earlier run, so that everything is trained anew.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be changed.
    pub fn forget(&self) -> Result<()> {
        let models = self.config.output.dir.join("models");
        let Ok(entries) = std::fs::read_dir(&models) else { return Ok(()) };
        for entry in entries.flatten() {
            let path = entry.path().join("performance.json");
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", path, e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Runs it. The context brings threads, cancellation and an observer; the seed is the configuration's.
    ///
    /// A cancelled run returns what it has, with [`cancelled`](ExperimentResults::cancelled) set, and can be started
    /// again to go on.
    ///
    /// # Errors
    /// Data that cannot be read or learned from at all, or an output folder that cannot be written. A model that fails
    /// is no error: its status says why.
    pub fn run(&self, ctx: &FitContext) -> Result<ExperimentResults> {
        let started = Instant::now();
        let config = &self.config;
        let mut ctx = ctx.clone().with_seed(prompt_core::Seed::new(config.seed));
        if let Some(threads) = config.threads {
            ctx = ctx.threads(threads);
        }
        let folder = Folder::open(&config.output.dir)?;
        folder.log(format!("experiment `{}` starts, seed {}", config.name, config.seed));
        folder.write_json("config.json", config)?;

        stage(&ctx, "reading and cleaning")?;
        let prepared = prepare::prepare(config, &ctx)?;
        folder.log(format!(
            "{} training rows, {} test rows",
            prepared.train.texts.len(),
            prepared.test.texts.len()
        ));
        folder.write_json("data_quality.json", &prepared.quality)?;
        let fingerprint = self.fingerprint(&prepared);
        folder.write_json("run.json", &serde_json::json!({ "fingerprint": fingerprint }))?;

        let mut results = self.results(&prepared);
        stage(&ctx, "features of the training rows")?;
        let rows = train::Rows::new(&prepared)?;
        let folds = train::all_folds(config, &prepared, &ctx);
        for (_, folds) in &folds {
            let folds = folds.as_deref().unwrap_or_default();
            let (classes, codes) = (&prepared.classes, &prepared.train.codes);
            results.notes.extend(coverage::of_folds(classes, codes, prepared.groups.as_deref(), folds));
        }
        let trainer = train::Trainer::new(config, &prepared, &rows, &folds, &folder, fingerprint, &ctx)?;
        for (name, model) in train::enabled(config) {
            let result = self.one(&trainer, &folder, name, model, &ctx);
            folder.log(format!("{name}: {}", result.status));
            results.cancelled |= result.status == Status::Cancelled;
            results.models.push(result);
        }
        for (name, model) in ensembles::of(config, &results.models) {
            let result = match model {
                Ok(model) => self.one(&trainer, &folder, name, &model, &ctx),
                Err(why) => ModelResult::without_numbers(name, Status::Failed(why)),
            };
            folder.log(format!("{name}: {}", result.status));
            results.cancelled |= result.status == Status::Cancelled;
            results.models.push(result);
        }
        for missing in families::unavailable(config) {
            folder.log(format!("{}: {}", missing.name, missing.reason));
            results
                .models
                .push(ModelResult::without_numbers(&missing.name, Status::Unavailable(missing.reason)));
        }
        drop(trainer);

        // Ranking and reporting are short and go to the end even when the training was stopped.
        let ctx = ctx.with_cancel(prompt_core::CancelToken::new());
        rank::rank(&mut results, config, &ctx)?;
        for model in results.models.iter().filter(|m| m.is_ok()) {
            // Once more, with the intervals and the test against the winner.
            folder.save_result(model, &prepared.test)?;
        }
        results.wall_seconds = started.elapsed().as_secs_f64();
        results.peak_memory_mib = measure::peak_memory_mib();
        if let Some(best) = results.best() {
            results.gates = gates::judge(config, best, results.peak_memory_mib);
        }
        insight::add_notes(&mut results);
        self.write(&folder, &results)?;
        pictures::write(&folder, &results, &ctx)?;
        folder.log(format!(
            "done in {:.1} s; best: {}",
            results.wall_seconds,
            results.best.as_deref().unwrap_or("none")
        ));
        Ok(results)
    }

    /// What an earlier run must have been told and given for its models to be this run's.
    fn fingerprint(&self, prepared: &Prepared) -> String {
        let told = ExperimentConfig { output: Output::default(), threads: None, ..self.config.clone() };
        let config = serde_json::to_string(&told).unwrap_or_default();
        prepare::digest([env!("CARGO_PKG_VERSION"), &config, &prepared.summary.all_digest])
    }

    /// One model from the search to its saved folder. Whatever happens ends as a status.
    fn one(
        &self,
        trainer: &train::Trainer<'_>,
        folder: &Folder,
        name: &str,
        model: &Model,
        ctx: &FitContext,
    ) -> ModelResult {
        if let Some(finished) = trainer.finished(name) {
            folder.log(format!("{name}: read back from an earlier run"));
            return finished;
        }
        // The features that all models share are nobody's time.
        if let Err(error) = trainer.warm(model, ctx) {
            return ModelResult::without_numbers(name, status_of(error));
        }
        let limit = model.timeout_s.unwrap_or(self.config.traditional.timeout_s);
        let limited = match Duration::try_from_secs_f64(limit) {
            Ok(limit) => ctx.part(name, 0).with_timeout(limit),
            Err(_) => ctx.part(name, 0),
        };
        let outcome = limited.check().and_then(|()| trainer.train(name, model, &limited));
        let saved = outcome.and_then(|result| folder.save_result(&result, trainer.test()).map(|()| result));
        saved.unwrap_or_else(|error| ModelResult::without_numbers(name, status_of(error)))
    }

    fn results(&self, prepared: &Prepared) -> ExperimentResults {
        ExperimentResults {
            name: self.config.name.clone(),
            task: self.config.task.name().to_owned(),
            seed: self.config.seed,
            classes: prepared.classes.clone(),
            data: prepared.summary.clone(),
            quality: prepared.quality.clone(),
            models: Vec::new(),
            best: None,
            gates: Vec::new(),
            notes: prepared.notes.clone(),
            wall_seconds: 0.0,
            peak_memory_mib: None,
            dir: self.config.output.dir.clone(),
            cancelled: false,
            test: prepared.test.clone(),
            external: prepared.external.clone(),
        }
    }

    fn write(&self, folder: &Folder, results: &ExperimentResults) -> Result<()> {
        folder.write("results.csv", &results_csv(results, self.config.output.legacy_names)?)?;
        folder.write_json("results.json", results)?;
        // The name under which the replaced runner's users look for the same object.
        folder.write_json("experiment_results.json", results)?;
        folder.write("training_insights.txt", insight::insights(results).as_bytes())?;
        if let Some(text) = insight::dl_insights(&results.models) {
            folder.write("dl_insights.txt", text.as_bytes())?;
        }
        folder.write(
            "DATA_CARD.md",
            card::data_card(&results.name, &results.task, &results.data, &results.quality).as_bytes(),
        )?;
        for model in results.models.iter().filter(|m| m.is_ok()) {
            if let Some(text) = output::model_card(folder, results, model) {
                folder.write(&format!("models/{}/README.md", model.model), text.as_bytes())?;
            }
        }
        folder.write("summary.txt", results.summary().as_bytes())?;
        if self.config.output.report {
            folder.write("report.html", report::html(results, &self.config.evaluation)?.as_bytes())?;
        }
        Ok(())
    }
}

fn status_of(error: Error) -> Status {
    match error {
        Error::Cancelled => Status::Cancelled,
        Error::Timeout { .. } => Status::Timeout(error.to_string()),
        other => Status::Failed(other.to_string()),
    }
}

fn stage(ctx: &FitContext, name: &str) -> Result<Control> {
    ctx.report(&Event { stage: name, step: 0, total: None, values: &[] })
}

/// Where a path of a configuration leads: `$PROMPT_DATA/…` is looked up in the folder that the variable names, else in
/// `../shared/data`.
pub fn data_path(path: &Path) -> std::path::PathBuf {
    match path.strip_prefix("$PROMPT_DATA") {
        Ok(rest) => data_folder().join(rest),
        Err(_) => path.to_path_buf(),
    }
}

/// The folder of real data sets: `PROMPT_DATA`, else `../shared/data`.
pub fn data_folder() -> std::path::PathBuf {
    std::env::var_os("PROMPT_DATA").map_or_else(|| "../shared/data".into(), std::path::PathBuf::from)
}
