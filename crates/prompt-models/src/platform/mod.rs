//! A whole run on a table in one call: what `prompt run` does with a configuration whose task is `tabular`.
//!
//! ```text
//! read → summarise → split ─┬─ compare: prepare, fit and score every learner in every fold ─→ the best
//!                           ├─ tune it: a study on folds of the training rows (or its grid on the validation rows)
//!                           └─ train it on the training rows ─→ save
//!  test rows ─────────────────────────── scored once ←─┴─→ explained ─→ report
//! ```
//!
//! ```
//! use prompt_models::core::FitContext;
//! use prompt_models::platform::{Platform, PlatformConfig};
//! let folder = tempfile::tempdir().unwrap();
//! let mut config = PlatformConfig::default();
//! config.data.rows = 300;
//! config.compare.models = vec!["logistic_regression".into(), "majority".into()];
//! config.output.dir = folder.path().join("run");
//! let results = Platform::new(config)?.run(&FitContext::new(1))?;
//! assert!(results.generated && results.model == "logistic_regression");
//! assert!(folder.path().join("run/model/manifest.json").exists());
//! # Ok::<(), prompt_models::core::Error>(())
//! ```

mod config;
mod folder;
mod generate;
mod pages;
mod result;

pub use config::{Compare, Data, Explain, Output, PlatformConfig, Split, TargetKind, Train};
pub use result::PlatformResults;

use std::time::Instant;

use prompt_core::artifact::save;
use prompt_core::{Batch, Error, Event, FitContext, Prediction, Result, Scorer, Seed, Target, Task};
use prompt_data::Split as Part;
use prompt_data::split::{Parts, ThreeWay, TimeSeries};
use prompt_data::summary::Summary;
use prompt_data::table::{LoadedTable, TableOptions};
use prompt_data::write::FolderLock;
use serde_json::json;

use crate::aside::Aside;
use crate::compare::{CompareOptions, compare};
use crate::experiment::data_path;
use crate::learners;
use crate::measured::Report;
use crate::select::JsonlStudy;
use crate::tabular::{TableRecipe, TableScorer, divided, summary_svg, train};
use crate::train::TrainOptions;
use crate::tune::tune_table;
use folder::Folder;

/// A run, ready to go.
#[derive(Debug, Clone)]
pub struct Platform {
    config: PlatformConfig,
}

impl Platform {
    /// Checks the configuration.
    ///
    /// # Errors
    /// As [`PlatformConfig::validate`].
    pub fn new(config: PlatformConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config })
    }

    /// The configuration.
    pub fn config(&self) -> &PlatformConfig {
        &self.config
    }

    /// Takes the output folder for this run, making it where there is none; [`run`](Self::run) does so itself.
    ///
    /// # Errors
    /// A folder in which another run is working; one that cannot be made or written to.
    pub fn lock(&self) -> Result<FolderLock> {
        FolderLock::take(&self.config.output.dir)
    }

    /// Runs it and writes everything into the output folder. The seed is the configuration's; the context brings threads,
    /// cancellation and an observer.
    ///
    /// # Errors
    /// Data that cannot be read or learned from, no learner that could be fitted, a folder that cannot be written or in
    /// which another run is working, or a stop asked for through `ctx`.
    pub fn run(&self, ctx: &FitContext) -> Result<PlatformResults> {
        self.run_locked(&self.lock()?, ctx)
    }

    /// [`run`](Self::run) in a folder that is locked already, for one who has more to do in it afterwards.
    ///
    /// # Errors
    /// As [`run`](Self::run), and a lock of another folder.
    pub fn run_locked(&self, lock: &FolderLock, ctx: &FitContext) -> Result<PlatformResults> {
        let started = Instant::now();
        let config = &self.config;
        let mut ctx = ctx.clone().with_seed(Seed::new(config.seed));
        if let Some(threads) = config.threads {
            ctx = ctx.threads(threads);
        }
        let dir = &config.output.dir;
        if lock.dir() != dir {
            return Err(Error::input(
                format!("the lock is of {}, the output goes to {}", lock.dir().display(), dir.display()),
                "take it with `Platform::lock`",
            ));
        }

        stage(&ctx, "reading")?;
        let (mut data, generated) = self.read(ctx.seed())?;
        let summary = Summary::of(&data, &ctx)?;
        let task = config.data.target_kind.map(TargetKind::task);
        let (target, y, task) = divided(&data, task)?;
        let mut notes = data.notes.clone();
        if generated {
            notes.push("the table is generated: no number here says anything about real data".to_owned());
        }
        match data.splits {
            Some(_) => {
                notes.push("the file says which rows are for training; `[split]` is not used".to_owned());
            }
            None => data.splits = Some(self.split(&data, &y, ctx.seed())?),
        }

        stage(&ctx, "comparing")?;
        let options = self.compare_options(task);
        if options.models.is_empty() && !config.compare.models.is_empty() {
            return Err(Error::input(
                format!("none of compare.models ({}) learns such a target", config.compare.models.join(", ")),
                "name a learner of its task, or say what it holds with data.target_kind",
            ));
        }
        if let Some(name) = &config.train.model {
            learners::estimator(task, name)?;
        }
        let comparison = compare(&data, &options, &ctx)?;
        // What an earlier run left stays whole until this one has something to put in its place.
        let folder = Folder::take(dir)?;
        folder.write_json("config.json", config)?;
        folder.write_json("summary.json", &summary)?;
        if let Ok(svg) = summary_svg(&summary) {
            folder.write("summary.svg", svg.as_bytes())?;
        }
        folder.write("comparison.csv", pages::comparison_csv(&comparison).as_bytes())?;
        let best = comparison.models.iter().find(|m| !m.scores.is_empty()).map(|m| m.model.clone());
        let Some(best) = config.train.model.clone().or(best) else {
            let why: Vec<String> =
                comparison.models.iter().map(|m| format!("{}: {}", m.model, m.status)).collect();
            return Err(Error::input(
                format!("no learner could be fitted ({})", why.join("; ")),
                "correct the data or the steps of [prepare]",
            ));
        };
        if let Ok(svg) = comparison.picture("Learners by cross-validation", Some(&best)) {
            folder.write("comparison.svg", svg.as_bytes())?;
        }

        let mut recipe = TableRecipe {
            task: Some(task),
            model: Some(best.clone()),
            params: config.train.params.clone().into_iter().collect(),
            encoder: None,
            prepare: config.prepare.clone(),
            folding: config.split.folding(),
        };
        let tuned = match &config.tune {
            None => None,
            Some(options) => {
                stage(&ctx, "tuning")?;
                let settings = json!([options, config.prepare, config.split, config.seed, best, data.digest]);
                let settings = json!([settings, config.train.params, config.data]);
                let store = Box::new(JsonlStudy::open(folder.study(&settings)?)?);
                let (tuned, with_best) = tune_table(&recipe, &data, options, store, &ctx)?;
                recipe = with_best;
                match tuned.picture(&format!("Parameters of {best}"), &ctx) {
                    Ok(svg) => folder.write("tuning.svg", svg.as_bytes())?,
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    Err(_) => notes.push("the study could not be drawn".to_owned()),
                }
                Some(tuned)
            }
        };

        stage(&ctx, "training")?;
        let options = TrainOptions {
            search: config.train.search && tuned.is_none(),
            name: Some(config.name.clone()),
            ..TrainOptions::default()
        };
        let trained = train(&recipe, &data, &options, &ctx)?;
        notes.extend(Aside::of(&*trained.scorer).map(|aside| aside.notes()).unwrap_or_default());
        folder.note_model("model")?;
        save(&dir.join("model"), &trained.scorer, trained.manifest.clone())?;

        let test = data.rows_of(Part::Test);
        let held_out = if test.is_empty() { data.rows_of(Part::Validation) } else { test.clone() };
        let test_report = match test.is_empty() {
            true => None,
            false => Some(Report::new(&y.select(&test), &score(&*trained.scorer, &data, &test)?)?),
        };
        let mut importance = Vec::new();
        if !held_out.is_empty() {
            let prediction = score(&*trained.scorer, &data, &held_out)?;
            let which = if test.is_empty() { "validation rows" } else { "test rows" };
            let title = format!("{}: {best} on {} {which}", config.name, held_out.len());
            pages::report(&folder, &title, (&y.select(&held_out), &prediction), &ctx)?;
            if config.explain.rows > 0 {
                stage(&ctx, "explaining")?;
                let model = TableScorer::of(&*trained.scorer)?;
                importance = pages::explanation(&folder, model, (&data, &held_out), &config.explain, &ctx)?;
            }
        }
        let results = PlatformResults {
            name: config.name.clone(),
            data: data.path.clone(),
            generated,
            target,
            task: if task == Task::Classification { "classification" } else { "regression" },
            rows: data.table.rows(),
            bad_lines: data.bad.len(),
            parts: [Part::Train, Part::Validation, Part::Test].map(|part| data.rows_of(part).len()),
            columns: summary.columns.len(),
            prepare: config.prepare.clone(),
            comparison,
            model: best,
            chosen: match &tuned {
                Some(tuned) => tuned.best.clone(),
                None => trained.chosen,
            },
            trials: tuned.map(|tuned| tuned.trials.len()),
            importance,
            train_rows: trained.train_rows,
            validation: trained.report.filter(|_| trained.measured_on == "validation rows"),
            test: test_report,
            notes,
            wall_seconds: started.elapsed().as_secs_f64(),
            dir: dir.clone(),
        };
        folder.write_json("results.json", &results)?;
        folder.write("summary.txt", format!("{results}\n{summary}").as_bytes())?;
        Ok(results)
    }

    /// The table, and whether it was generated.
    fn read(&self, seed: Seed) -> Result<(LoadedTable, bool)> {
        let data = &self.config.data;
        let mut kinds = data.kinds.clone();
        if let Some(kind) = data.target_kind {
            kinds.insert(data.target.clone(), kind.column());
        }
        let options = TableOptions {
            kinds,
            weight: data.weight_field.clone(),
            ignore: data.ignore.clone(),
            strict: data.strict,
            max_line_bytes: data.max_line_bytes.unwrap_or(TableOptions::default().max_line_bytes),
            ..TableOptions::default()
        };
        let options = options.target(&data.target);
        match data.path.as_deref().map(data_path) {
            Some(path) if path.exists() || !data.generate => Ok((options.read(path)?, false)),
            _ => {
                // Kinds and columns to leave out are those of the file that is not there.
                let plain = TableOptions::default().target(&data.target);
                Ok((generate::table(data, &plain, seed)?, true))
            }
        }
    }

    fn split(&self, data: &LoadedTable, y: &Target, seed: Seed) -> Result<Vec<Part>> {
        let split = &self.config.split;
        let rows = data.table.rows();
        let parts =
            if let Some(time) = &split.time {
                TimeSeries::parts(&data.times_of(time)?, split.validation_size, split.test_size)?
            } else {
                let strata = y.as_classes().ok().filter(|_| split.stratify).map(|(codes, _)| codes);
                let groups = split.group.as_deref().map(|name| data.codes_of(name)).transpose()?;
                ThreeWay::default()
                    .test_share(split.test_size)
                    .validation_share(split.validation_size)
                    .split(rows, strata, groups.as_deref(), seed.derive("split", 0))?
            };
        let mut of = vec![Part::Train; rows];
        let Parts { validation, test, .. } = parts;
        validation.into_iter().for_each(|row| of[row] = Part::Validation);
        test.into_iter().for_each(|row| of[row] = Part::Test);
        Ok(of)
    }

    fn compare_options(&self, task: Task) -> CompareOptions {
        let config = &self.config.compare;
        CompareOptions {
            task: Some(task),
            // One list may serve classes and numbers; what no task knows is an error of the comparison.
            models: config
                .models
                .iter()
                .filter(|name| {
                    let name = learners::canonical(name);
                    learners::names(task).contains(&name) || !learners::is_known(name)
                })
                .cloned()
                .collect(),
            folds: config.folds,
            folding: self.config.split.folding(),
            metrics: config.metrics.clone(),
            timeout_s: config.timeout_s,
            max_rows: None,
            prepare: self.config.prepare.clone(),
        }
    }
}

fn score(scorer: &dyn Scorer, data: &LoadedTable, rows: &[usize]) -> Result<Prediction> {
    let predictions = scorer.score(Batch::Table(&data.table.select_rows(rows)))?;
    predictions
        .into_iter()
        .next()
        .ok_or_else(|| Error::input("the model has no heads", "report this as a bug"))
}

fn stage(ctx: &FitContext, name: &str) -> Result<()> {
    ctx.report(&Event { stage: name, step: 0, total: None, values: &[] }).map(drop)
}

#[cfg(test)]
mod tests;
