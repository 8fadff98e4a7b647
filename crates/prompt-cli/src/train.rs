//! `prompt train`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use prompt_models::aside::Aside;
use prompt_models::card::{Measured, model_card};
use prompt_models::core::artifact::{Manifest, save};
use prompt_models::core::{CancelToken, Error, Model, Result, Scorer, Task};
use prompt_models::data::read::{Loaded, ReadOptions};
use prompt_models::data::write::AtomicFile;
use prompt_models::data::{Dataset, Fields};
use prompt_models::experiment::{ExperimentConfig, load};
use prompt_models::neural::{self, Traces};
use prompt_models::train::{Recipe, TrainOptions, train};
use prompt_models::{Report, learners, tabular};
use prompt_registry::{RegisterInfo, Registry};
use serde_json::{Value, json};

use crate::args::{TargetKind, Train, label_map};
use crate::fields;
use crate::out::{bad_lines, incomplete, left_out, outln};
use crate::progress::Progress;

pub(crate) fn run(args: &Train, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    if let Some(from) = &args.go_on_from {
        return crate::further::run(args, from, threads, stop);
    }
    if args.config.is_none() && args.task == tabular::TASK {
        for (given, option) in
            [(args.learner.from.is_some(), "--from"), (args.saved_as.is_some(), "--saved-as")]
        {
            if given {
                return Err(Error::input(
                    format!("{option} is for an encoder of texts"),
                    format!("leave {option} out, or name another --task"),
                ));
            }
        }
        if !args.task_fields.is_empty() {
            return Err(Error::input(
                "--task-field is for an encoder of texts",
                "leave --task-field out, or name another --task",
            ));
        }
        return crate::tabular::train(args, threads, stop);
    }
    args.table.steps.refuse_for_texts()?;
    let mut config = args.config.as_ref().map(|path| ExperimentConfig::load(path)).transpose()?;
    let mut recipe = Recipe::of_task(config.as_ref().map_or(args.task.as_str(), |c| c.task.name()))
        .map_err(with_tabular)?;
    if let Some(config) = &config {
        recipe = recipe.features(config.features.clone());
        recipe = recipe.sanitiser(config.sanitise.enabled.then(|| config.sanitise.params.clone()));
    }
    if config.is_none() && wants_numbers(args) {
        recipe = recipe.numbers()?;
    }
    if let Some(name) = &args.learner.model {
        recipe = recipe.model(name)?;
    }
    recipe = with_params(recipe, &args.learner.params, args.learner.from.as_deref())?;
    if let Some(saved_as) = &args.saved_as {
        recipe = saved_as_told(recipe, saved_as)?;
    }

    let weight_field = config.as_ref().and_then(|c| c.data.weight_field.clone());
    recipe = recipe.weight_field(args.table.weights.name.clone().or(weight_field));

    let network = args.learner.model.as_deref().is_some_and(neural::is_network);
    let traces = if network { traces(args) } else { Traces::default() };
    let task_fields = args.task_fields.clone();
    let mut options = TrainOptions { traces, task_fields, ..TrainOptions::default() };
    let mut strict = args.strict;
    let loaded = match &mut config {
        Some(config) => {
            name_fields(&mut config.data.fields, args, recipe.predicts())?;
            if let Some(path) = &args.data {
                config.data.path = Some(path.clone());
            }
            config.data.strict |= args.strict;
            config.data.max_line_bytes = args.lines.max_line_bytes.or(config.data.max_line_bytes);
            strict = config.data.strict;
            options.cleaner = config.cleaner();
            options.max_train_rows = config.data.max_train_samples;
            options.balance = config.clean.balance;
            load(config)?
        }
        None => {
            let mut fields = recipe.fields();
            name_fields(&mut fields, args, recipe.predicts())?;
            // Without a configuration clap asks for a file.
            let path = args.data.clone().unwrap_or_default();
            let max_line_bytes = args.lines.bytes();
            ReadOptions { fields, strict, max_line_bytes, ..ReadOptions::default() }.read(&path)?
        }
    };
    let (data, without) = with_answers(&loaded, args, recipe.predicts(), strict)?;
    let seed = config.as_ref().map_or(args.seed, |c| c.seed);
    let threads = threads.or(config.as_ref().and_then(|c| c.threads));
    let (progress, ctx) = Progress::of_fit(args.json, seed, threads, stop);
    let trained = train(&recipe, &data, &options, &ctx);
    progress.finish();
    let trained = trained?;
    if !trained.cleaned.removed.is_empty() {
        eprintln!("cleaning: {}", trained.cleaned);
    }
    if trained.cut_texts > 0 {
        eprintln!("{} texts are longer than max_length: their ends were not read", trained.cut_texts);
    }
    let told = tell(
        args,
        &Told {
            scorer: &*trained.scorer,
            manifest: &trained.manifest,
            chosen: &trained.chosen,
            measured: trained.validation.as_ref(),
            measured_on: trained.measured_on,
            train_rows: trained.train_rows,
            fit_seconds: trained.fit_seconds,
            rows_left_out: &[("removed_rows", trained.cleaned.removed.len()), ("unlabelled_rows", without)],
            notes: &[],
            cut: loaded.bad.last().filter(|_| loaded.cut),
        },
    )?;
    // The model is saved: there is nothing to go on from.
    options.traces.clear_states();
    Ok(told)
}

/// The recipe with what `--param` and `--from` say.
pub(crate) fn with_params(recipe: Recipe, params: &[String], from_folder: Option<&Path>) -> Result<Recipe> {
    let from = from_folder.map(|folder| ("from".to_owned(), Value::from(folder.to_string_lossy())));
    if from.is_some() && recipe.learner() != neural::ENCODER {
        return Err(Error::input(
            format!("--from is for an encoder, and the learner is {}", recipe.learner()),
            "add --model encoder, or leave --from out",
        ));
    }
    let all = pairs(params)?.into_iter().chain(from);
    let recipe = all.into_iter().try_fold(recipe, |recipe, (name, value)| recipe.param(&name, &value))?;
    if let Some(from) = from_folder {
        // Now, and told: later it would be fetched in silence.
        crate::model::fetched(from)?;
    }
    Ok(recipe)
}

/// The recipe with what `--saved-as` says.
fn saved_as_told(recipe: Recipe, saved_as: &str) -> Result<Recipe> {
    if recipe.learner() == neural::ENCODER {
        return recipe.param("saved_as", &saved_as.into());
    }
    Err(Error::input(
        format!("--saved-as is for an encoder, and the learner is {}", recipe.learner()),
        "add --model encoder, or leave --saved-as out",
    ))
}

/// Where the training of a network leaves its traces: beside the model's folder, which holds a model and nothing else.
fn traces(args: &Train) -> Traces {
    let Some(name) = args.out.file_name() else { return Traces::default() };
    let beside = |end: &str| {
        let mut name = name.to_os_string();
        name.push(end);
        args.out.with_file_name(name)
    };
    Traces { log: Some(beside(".epochs.jsonl")), checkpoints: Some(beside(".training")), resume: !args.fresh }
}

/// Whether numbers are to be predicted: it is said, or the learner is one for numbers alone.
fn wants_numbers(args: &Train) -> bool {
    let name = args.learner.model.as_deref().map(learners::canonical);
    let of = |task: Task| name.is_some_and(|name| learners::names(task).contains(&name));
    match args.target_kind {
        Some(kind) => kind == TargetKind::Numbers,
        None => of(Task::Regression) && !of(Task::Classification),
    }
}

/// The rows that say what is to be predicted, and how many do not.
fn with_answers(loaded: &Loaded, args: &Train, predicts: Task, strict: bool) -> Result<(Dataset, usize)> {
    let number = predicts == Task::Regression;
    let found = fields::labelled(&loaded.dataset, strict, args.target.as_ref(), number);
    let unlabelled = |e: &prompt_models::data::Example| e.label.is_none();
    let (data, without) = found.map_err(|error| {
        let numbers_alone = !number
            && loaded.dataset.iter().all(unlabelled)
            && loaded.dataset.iter().any(|e| e.target.is_some());
        if !numbers_alone {
            return error;
        }
        Error::input(
            format!("{}: no row has a label, but rows have numbers as targets", loaded.dataset.origin()),
            "predict those with --target-kind numbers, or name the field of the label with --target",
        )
    })?;
    eprint!(
        "{}{}",
        bad_lines(loaded.bad.iter(), loaded.dataset.len(), loaded.cut),
        left_out(&without, if number { "target" } else { "label" })
    );
    Ok((data, without.len()))
}

/// What a training came to.
pub(crate) struct Told<'a> {
    pub(crate) scorer: &'a dyn Scorer,
    pub(crate) manifest: &'a Manifest,
    pub(crate) chosen: &'a BTreeMap<String, Value>,
    pub(crate) measured: Option<&'a Report>,
    pub(crate) measured_on: &'a str,
    pub(crate) train_rows: usize,
    pub(crate) fit_seconds: f64,
    /// Rows that were not learned from, by why.
    pub(crate) rows_left_out: &'a [(&'a str, usize)],
    /// What is to be known besides what the model says of its fit.
    pub(crate) notes: &'a [String],
    /// Where the file ended before its time.
    pub(crate) cut: Option<&'a Error>,
}

/// Saves and registers what was trained, and says what it is.
pub(crate) fn tell(args: &Train, told: &Told<'_>) -> Result<ExitCode> {
    let manifest = save(&args.out, told.scorer, told.manifest.clone())?;
    let dataset =
        args.data.as_ref().or(args.config.as_ref()).map_or_else(String::new, |p| p.display().to_string());
    let measured = told.measured.map(|report| match report {
        Report::Classification(r) => Measured::classes(&dataset, told.measured_on, r),
        Report::Regression(r) => Measured::numbers(&dataset, told.measured_on, r),
    });
    write_card(args, &manifest, measured.as_ref())?;
    let registered = register(args)?;
    let mut notes = notes(&manifest.name, told.scorer);
    told.notes.iter().for_each(|note| eprintln!("note: {note}"));
    notes.extend_from_slice(told.notes);
    if args.json {
        let mut object = json!({
            "model": manifest.name,
            "out": args.out,
            "train_rows": told.train_rows,
            "params": manifest.params,
            "chosen": told.chosen,
            "validation": told.measured,
            "measured_on": told.measured_on,
            "fit_seconds": told.fit_seconds,
            "bytes": manifest.files.values().map(|f| f.bytes).sum::<u64>(),
            "registered": registered,
            "notes": notes,
        });
        for (name, rows) in told.rows_left_out {
            object[*name] = json!(rows);
        }
        outln!("{object}")?;
        eprint!("{}", incomplete(told.cut, "the model was trained"));
        return Ok(ExitCode::SUCCESS);
    }
    outln!(
        "{} on {} rows in {:.2} s, saved in {}",
        manifest.name,
        told.train_rows,
        told.fit_seconds,
        args.out.display()
    )?;
    for (name, value) in told.chosen {
        outln!("chosen on the validation rows: {name} = {value}")?;
    }
    if let Some(report) = told.measured {
        outln!("\non {}:\n{report}", told.measured_on)?;
    }
    if let Some(reference) = registered {
        outln!("registered as {reference}")?;
    }
    eprint!("{}", incomplete(told.cut, "the model was trained"));
    Ok(ExitCode::SUCCESS)
}

/// What a person should know of a trained model before relying on it, also said on standard error.
pub(crate) fn notes(name: &str, scorer: &dyn Scorer) -> Vec<String> {
    let of_fit = scorer.model().map_or_else(Vec::new, Model::notes);
    let mut notes: Vec<String> = of_fit.iter().map(|note| format!("{name}: {note}")).collect();
    notes.extend(Aside::of(scorer).map(|aside| aside.notes()).unwrap_or_default());
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    notes
}

/// `tabular` is a task of its own kind, and one of those that can be named.
fn with_tabular(error: Error) -> Error {
    match error {
        Error::Unknown { kind: "task", name, mut known } => {
            known.push(tabular::TASK.to_owned());
            Error::unknown("task", name, known)
        }
        other => other,
    }
}

/// What the command line says of the fields, it says last.
fn name_fields(fields: &mut Fields, args: &Train, predicts: Task) -> Result<()> {
    fields::name(fields, args.texts.text.as_ref(), args.target.as_ref(), predicts == Task::Regression)?;
    fields.label_map.extend(label_map(&args.texts.label_map)?);
    Ok(())
}

/// `--param NAME=VALUE` pairs; a value that is no JSON is text.
pub(crate) fn pairs(given: &[String]) -> Result<Vec<(String, Value)>> {
    let pair = |pair: &String| {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Error::input(format!("--param {pair} has no `=`"), "write NAME=VALUE, for example --param c=4")
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok((name.trim().to_owned(), value))
    };
    given.iter().map(pair).collect()
}

/// Writes the model's card where one was asked for.
fn write_card(args: &Train, manifest: &Manifest, measured: Option<&Measured>) -> Result<()> {
    let Some(path) = &args.card else { return Ok(()) };
    let mut file = AtomicFile::create(path)?;
    file.write_all(model_card(manifest, measured.map(std::slice::from_ref).unwrap_or_default()).as_bytes())
        .map_err(|e| Error::io("write", path, e))?;
    file.commit()
}

/// Registers the saved model under the name that was asked for; gives back its reference.
fn register(args: &Train) -> Result<Option<String>> {
    let Some(name) = &args.register else { return Ok(None) };
    let info = RegisterInfo { by: "prompt train".into(), ..RegisterInfo::default() };
    let version = Registry::open(args.registry.place.as_path())?.register(name, &args.out, info)?;
    Ok(Some(version.reference().to_string()))
}
