//! `prompt tune`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use prompt_models::core::artifact::{Manifest, save};
use prompt_models::core::{CancelToken, Error, FitContext, Result, Scorer};
use prompt_models::data::read::ReadOptions;
use prompt_models::select::{JsonlStudy, Metric, State, Trial, Tune as Options, Tuned, parameter_importance};
use prompt_models::tabular::{self, TableRecipe};
use prompt_models::train::{Recipe, TrainOptions, train};
use prompt_models::tune::{tune_table, tune_texts};
use serde_json::{Map, Value, json};

use crate::args::{LineLimit, Tune, label_map};
use crate::fields;
use crate::out::{bad_lines, left_out, outln};
use crate::progress::Progress;

pub(crate) fn run(args: &Tune, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let options = options(args)?;
    let study = args.study.clone().unwrap_or_else(|| default_study(args));
    let progress = Arc::new(Progress::new(args.json));
    let mut ctx = FitContext::new(args.seed).with_cancel(stop.clone()).with_observer(progress.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    let job = Job { args, options: &options, study: &study, ctx: &ctx };
    let found = if args.task == tabular::TASK { job.table() } else { job.texts() };
    progress.finish();
    let (tuned, model) = match found {
        Err(Error::Cancelled) => {
            eprintln!("the study is kept in {}; the same command goes on with it", study.display());
            return Err(Error::Cancelled);
        }
        other => other?,
    };
    let manifest = save(&args.out, &model.scorer, model.manifest)?;
    let notes = crate::train::notes(&manifest.name, &*model.scorer);
    let importance = parameter_importance(&tuned.trials, &ctx.unobserved()).unwrap_or_default();
    if let Some(path) = &args.plot {
        let title = format!("Parameters of {}", manifest.name);
        crate::out::picture(path, &tuned.picture(&title, &ctx.unobserved())?)?;
    }
    if args.json {
        outln!(
            "{}",
            json!({
                "model": manifest.name,
                "metric": tuned.metric,
                "best": { "params": tuned.best, "value": tuned.value },
                "trials": counts(&tuned.trials),
                "importance": importance.iter().map(|(name, share)| (name.clone(), json!(share))).collect::<Map<_, _>>(),
                "measured_on": model.measured_on,
                "report": model.report,
                "study": study,
                "out": args.out,
                "notes": notes,
            })
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&tuned)?;
    if !importance.is_empty() {
        let shares: Vec<String> =
            importance.iter().map(|(name, share)| format!("{name} {:.0}%", 100.0 * share)).collect();
        outln!("what moved it: {}", shares.join(", "))?;
    }
    if let Some(text) = &model.text {
        outln!("\non {}:\n{text}", model.measured_on)?;
    }
    outln!("saved in {}; the study is {}", args.out.display(), study.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Beside the model's folder, which holds a model and nothing else.
fn default_study(args: &Tune) -> PathBuf {
    let mut name = args.out.file_name().unwrap_or_default().to_os_string();
    name.push(".study.jsonl");
    args.out.with_file_name(name)
}

fn options(args: &Tune) -> Result<Options> {
    let base = match &args.space {
        Some(path) => prompt_models::config::load(path)?,
        None => Options::default(),
    };
    let options = Options {
        method: args.method.map_or(base.method, Into::into),
        trials: args.trials.or(base.trials),
        folds: args.folds.unwrap_or(base.folds),
        timeout_s: args.timeout_s.or(base.timeout_s),
        pruning: base.pruning && !args.no_pruning,
        generation: args.generation.unwrap_or(base.generation),
        metric: args.metric.clone().or(base.metric),
        multivariate: base.multivariate && !args.one_by_one,
        space: base.space,
    };
    options.validate()?;
    Ok(options)
}

/// The model with the best parameters.
struct Refitted {
    scorer: Arc<dyn Scorer>,
    manifest: Manifest,
    measured_on: &'static str,
    report: Value,
    text: Option<String>,
}

struct Job<'a> {
    args: &'a Tune,
    options: &'a Options,
    study: &'a PathBuf,
    ctx: &'a FitContext,
}

impl Job<'_> {
    fn table(&self) -> Result<(Tuned, Refitted)> {
        let args = self.args;
        let target = args.target.as_deref().ok_or_else(|| {
            Error::input("no target column", "name the column to predict with --target COLUMN")
        })?;
        let (target, lines) = ((target, args.target_kind), LineLimit::default());
        let data = crate::tabular::read(&args.data, target, &args.table, (args.strict, lines))?;
        let recipe = TableRecipe {
            folding: args.folding.folding(),
            ..crate::tabular::recipe(args.target_kind, &args.learner, &args.table)?
        };
        let store = Box::new(JsonlStudy::open(self.study)?);
        let (tuned, recipe) = tune_table(&recipe, &data, self.options, store, self.ctx)?;
        let last = TrainOptions { search: false, ..TrainOptions::default() };
        let fitted = tabular::train(&recipe, &data, &last, &self.ctx.unobserved())?;
        let report = serde_json::to_value(&fitted.report).unwrap_or_default();
        let text = fitted.report.map(|r| r.to_string());
        let (scorer, manifest, measured_on) = (fitted.scorer, fitted.manifest, fitted.measured_on);
        Ok((tuned, Refitted { scorer, manifest, measured_on, report, text }))
    }

    fn texts(&self) -> Result<(Tuned, Refitted)> {
        let args = self.args;
        args.table.steps.refuse_for_texts()?;
        args.folding.refuse_for_texts()?;
        let mut recipe = Recipe::of_task(&args.task)?;
        if let Some(name) = &args.learner.model {
            recipe = recipe.model(name)?;
        }
        recipe = crate::train::with_params(recipe, &args.learner.params, args.learner.from.as_deref())?;
        recipe = recipe.weight_field(args.table.weights.name.clone());
        let mut fields = recipe.fields();
        fields::name(&mut fields, args.texts.text.as_ref(), args.target.as_ref(), false)?;
        fields.label_map.extend(label_map(&args.texts.label_map)?);
        let loaded =
            ReadOptions { fields, strict: args.strict, ..ReadOptions::default() }.read(&args.data)?;
        let (data, unlabelled) = loaded.dataset.labelled(args.strict)?;
        eprint!(
            "{}{}",
            bad_lines(loaded.bad.iter(), loaded.dataset.len(), loaded.cut),
            left_out(&unlabelled, "label")
        );
        let last = TrainOptions { search: false, ..TrainOptions::default() };
        let store = Box::new(JsonlStudy::open(self.study)?);
        let (tuned, recipe) = tune_texts(&recipe, &data, (self.options, &last.cleaner), store, self.ctx)?;
        let fitted = train(&recipe, &data, &last, &self.ctx.unobserved())?;
        let report = serde_json::to_value(&fitted.validation).unwrap_or_default();
        let text = fitted.validation.map(|r| r.to_string());
        let (scorer, manifest, measured_on) = (fitted.scorer, fitted.manifest, fitted.measured_on);
        Ok((tuned, Refitted { scorer, manifest, measured_on, report, text }))
    }
}

fn counts(trials: &[Trial]) -> Value {
    let of = |state: State| trials.iter().filter(|t| t.state == state).count();
    json!({
        "complete": of(State::Complete),
        "pruned": of(State::Pruned),
        "failed": of(State::Failed),
    })
}

/// The best trials, what was chosen, and why trials failed.
fn print(tuned: &Tuned) -> Result<()> {
    const SHOWN: usize = 5;
    let sign = if Metric::named(tuned.metric)?.higher_is_better() { 1.0 } else { -1.0 };
    let mut complete: Vec<(&Trial, f64)> = tuned.trials.iter().filter_map(|t| Some((t, t.score?))).collect();
    complete.sort_by(|a, b| b.1.total_cmp(&a.1));
    let of = |state: State| tuned.trials.iter().filter(|t| t.state == state).count();
    outln!(
        "{} trials: {} complete, {} pruned, {} failed",
        tuned.trials.len(),
        complete.len(),
        of(State::Pruned),
        of(State::Failed)
    )?;
    for (trial, score) in complete.iter().take(SHOWN) {
        let params: Vec<String> =
            trial.params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        outln!("  {} {:.5}  trial {:<4} {}", tuned.metric, sign * score, trial.number, params.join(", "))?;
    }
    if let Some(failed) = tuned.trials.iter().find(|t| t.error.is_some()) {
        let why = failed.error.as_deref().unwrap_or_default();
        outln!("  trial {} failed: {why}", failed.number)?;
    }
    Ok(())
}
