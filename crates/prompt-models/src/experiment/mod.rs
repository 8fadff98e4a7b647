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
mod earlier;
mod ensembles;
mod families;
mod folders;
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
use prompt_data::write::FolderLock;

use crate::card;

pub use config::{
    Clean, Data, Evaluation, ExperimentConfig, External, Gates, Output, Sanitise, SelectBy, Selection, Split,
    Task, Tuning,
};
pub(crate) use earlier::remove as remove_files;
pub use families::{
    Deep, DeepModel, EncoderModel, Encoders, Ensembles, Grid, Model, Models, NetworkModel, PLANNED,
    Traditional,
};
pub(crate) use folders::stamps;
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
    fresh: bool,
}

impl Experiment {
    /// Checks the configuration.
    ///
    /// # Errors
    /// As [`ExperimentConfig::validate`].
    pub fn new(config: ExperimentConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, fresh: false })
    }

    /// The configuration.
    pub fn config(&self) -> &ExperimentConfig {
        &self.config
    }

    /// Whether everything is trained anew, where finished models of an earlier run could be taken over.
    #[must_use]
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// Takes the output folder for this run, making it where there is none. [`run`](Self::run) does so itself; who has more
    /// to do in the folder afterwards takes the lock, holds it, and calls [`run_locked`](Self::run_locked).
    ///
    /// # Errors
    /// A folder in which another run is working, or that holds what is not of a run; one that cannot be made or written to.
    pub fn lock(&self) -> Result<FolderLock> {
        let output = &self.config.output;
        earlier::refuse_what_is_no_run(&output.dir, output.registry.as_deref())?;
        FolderLock::take(&output.dir)
    }

    /// Runs it. The context brings threads, cancellation and an observer; the seed is the configuration's.
    ///
    /// A cancelled run returns what it has, with [`cancelled`](ExperimentResults::cancelled) set, and can be started
    /// again to go on. What an earlier run wrote into the folder and this one does not is removed, once the data is read and
    /// checked; other files are left alone.
    ///
    /// # Errors
    /// Data that cannot be read or learned from at all, or an output folder that cannot be written, is taken by another run
    /// or holds something else. A model that fails is no error: its status says why; nor is a page or a picture that cannot
    /// be written: a note says so.
    pub fn run(&self, ctx: &FitContext) -> Result<ExperimentResults> {
        self.run_locked(&self.lock()?, ctx, |_| Ok(()))
    }

    /// [`run`](Self::run) in a folder that is locked already. `show` is called with the results before anything but the models is
    /// written, so that they are seen also where the disk is full; its error is returned when all is written.
    ///
    /// # Errors
    /// As [`run`](Self::run), and a lock of another folder.
    pub fn run_locked(
        &self,
        lock: &FolderLock,
        ctx: &FitContext,
        show: impl FnOnce(&ExperimentResults) -> Result<()>,
    ) -> Result<ExperimentResults> {
        let started = Instant::now();
        let config = &self.config;
        if lock.dir() != config.output.dir {
            return Err(Error::input(
                format!(
                    "the lock is of {}, the output goes to {}",
                    lock.dir().display(),
                    config.output.dir.display()
                ),
                "take it with `Experiment::lock`",
            ));
        }
        let mut ctx = ctx.clone().with_seed(prompt_core::Seed::new(config.seed));
        if let Some(threads) = config.threads {
            ctx = ctx.threads(threads);
        }
        let folder = Folder::open(&config.output.dir)?;
        folder.log(format!("experiment `{}` starts, seed {}", config.name, config.seed));

        stage(&ctx, "reading and cleaning")?;
        let prepared = prepare::prepare(config, &ctx)?;
        folder.log(format!(
            "{} training rows, {} test rows",
            prepared.train.texts.len(),
            prepared.test.texts.len()
        ));
        let fingerprint = self.fingerprint(&prepared);

        let mut results = self.results(&prepared);
        stage(&ctx, "features of the training rows")?;
        let rows = train::Rows::new(&prepared)?;
        let folds = train::all_folds(config, &prepared, &ctx);
        for (_, folds) in &folds {
            let folds = folds.as_deref().unwrap_or_default();
            let (classes, codes) = (&prepared.classes, &prepared.train.codes);
            results.notes.extend(coverage::of_folds(classes, codes, prepared.groups.as_deref(), folds));
        }
        let trainer =
            train::Trainer::new(config, &prepared, &rows, &folds, &folder, fingerprint.clone(), &ctx)?;

        // Until here nothing in the folder was changed but the log: a start that fails costs no earlier results.
        let networks = families::networks(config);
        let names = train::enabled(config).map(|(name, _)| name).chain(ensembles::NAMES);
        let names = names.chain(networks.iter().map(|network| network.name));
        if folder.begin(&fingerprint, names, self.fresh)? {
            let changed = "The configuration changed (or the data, or the program) since the last run in this folder: \
                           all models are trained anew.";
            folder.log(changed);
            results.notes.push(changed.to_owned());
        }
        folder.write_json("config.json", config)?;
        folder.write_json("data_quality.json", &prepared.quality)?;
        for (name, model) in train::enabled(config) {
            let result = self.one(&trainer, &folder, (name, Asking::Columns(model)), &ctx);
            folder.log(format!("{name}: {}", result.status));
            results.cancelled |= result.status == Status::Cancelled;
            results.models.push(result);
        }
        for (name, model) in ensembles::of(config, &results.models) {
            let result = match model {
                Ok(model) => self.one(&trainer, &folder, (name, Asking::Columns(&model)), &ctx),
                Err(why) => ModelResult::without_numbers(name, Status::Failed(why)),
            };
            folder.log(format!("{name}: {}", result.status));
            results.cancelled |= result.status == Status::Cancelled;
            results.models.push(result);
        }
        for network in &networks {
            let result = self.one(&trainer, &folder, (network.name, Asking::Network(network)), &ctx);
            folder.log(format!("{}: {}", network.name, result.status));
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
        folder.forget_models();
        // Once more, with the intervals and the test against the winner.
        let ok = results.models.iter().filter(|m| m.is_ok());
        let saved: Vec<Result<()>> = ok.map(|model| folder.save_result(model, &prepared.test)).collect();
        results.wall_seconds = started.elapsed().as_secs_f64();
        results.peak_memory_mib = measure::peak_memory_mib();
        if let Some(best) = results.best() {
            results.gates = gates::judge(config, best, results.peak_memory_mib);
        }
        insight::add_notes(&mut results);
        let shown = show(&results);
        let written = saved.into_iter().collect::<Result<()>>().and_then(|()| self.write(&folder, &results));
        if let Err(error) = written {
            folder.log(format!("the results could not be written: {error}"));
            return Err(error);
        }
        let mut lost = self.write_pages(&folder, &results);
        lost.extend(pictures::write(&folder, &results, &ctx));
        lost.extend(folder.finish(&fingerprint).err());
        if let [first, more @ ..] = lost.as_slice() {
            let more = if more.is_empty() { String::new() } else { format!(" (and {} more)", more.len()) };
            let note = format!("The results are complete, but not all pages and pictures: {first}{more}.");
            folder.log(&note);
            results.notes.push(note);
        }
        folder.log(format!(
            "done in {:.1} s; best: {}",
            results.wall_seconds,
            results.best.as_deref().unwrap_or("none")
        ));
        shown.map(|()| results)
    }

    /// What an earlier run must have been told and given for its models to be this run's.
    fn fingerprint(&self, prepared: &Prepared) -> String {
        let told = ExperimentConfig { output: Output::default(), threads: None, ..self.config.clone() };
        let config = serde_json::to_string(&told).unwrap_or_default();
        let given = stamps(&serde_json::to_value(&told).unwrap_or_default()).join("\n");
        prepare::digest([env!("CARGO_PKG_VERSION"), &config, &prepared.summary.all_digest, &given])
    }

    /// One model from the search to its saved folder. Whatever happens ends as a status.
    fn one(
        &self,
        trainer: &train::Trainer<'_>,
        folder: &Folder,
        (name, asking): (&str, Asking<'_>),
        ctx: &FitContext,
    ) -> ModelResult {
        if !self.fresh
            && let Some(finished) = trainer.finished(name)
        {
            folder.log(format!("{name}: read back from an earlier run"));
            return finished;
        }
        let limit = match asking {
            Asking::Columns(model) => {
                // The features that all models share are nobody's time.
                if let Err(error) = trainer.warm(model, ctx) {
                    return ModelResult::without_numbers(name, status_of(error));
                }
                model.timeout_s.unwrap_or(self.config.traditional.timeout_s)
            }
            Asking::Network(network) => network.timeout_s,
        };
        let limited = match Duration::try_from_secs_f64(limit) {
            Ok(limit) => ctx.part(name, 0).with_timeout(limit),
            Err(_) => ctx.part(name, 0),
        };
        let outcome = limited.check().and_then(|()| match asking {
            Asking::Columns(model) => trainer.train(name, model, &limited),
            Asking::Network(network) => trainer.train_network(network, self.fresh, &limited),
        });
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

    /// The results as such.
    fn write(&self, folder: &Folder, results: &ExperimentResults) -> Result<()> {
        folder.write("results.csv", &results_csv(results, self.config.output.legacy_names)?)?;
        folder.write_json("results.json", results)?;
        // The name under which the replaced runner's users look for the same object.
        folder.write_json("experiment_results.json", results)
    }

    /// What is made of the results for people; gives back what could not be written.
    fn write_pages(&self, folder: &Folder, results: &ExperimentResults) -> Vec<Error> {
        let data_card = card::data_card(&results.name, &results.task, &results.data, &results.quality);
        let mut pages = vec![
            ("summary.txt".to_owned(), Ok(results.summary())),
            ("training_insights.txt".to_owned(), Ok(insight::insights(results))),
            ("DATA_CARD.md".to_owned(), Ok(data_card)),
        ];
        pages.extend(
            insight::dl_insights(&results.models).map(|text| ("dl_insights.txt".to_owned(), Ok(text))),
        );
        for model in results.models.iter().filter(|m| m.is_ok()) {
            let card = output::model_card(folder, results, model);
            pages.extend(card.map(|text| (format!("models/{}/README.md", model.model), Ok(text))));
        }
        if self.config.output.report {
            pages.push(("report.html".to_owned(), report::html(results, &self.config.evaluation)));
        }
        let write = |(name, page): (String, Result<String>)| {
            page.and_then(|text| folder.write(&name, text.as_bytes())).err()
        };
        pages.into_iter().filter_map(write).collect()
    }
}

/// What a model of the configuration learns from.
#[derive(Clone, Copy)]
enum Asking<'a> {
    Columns(&'a Model),
    Network(&'a families::Asked<'a>),
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
