//! `prompt train`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use prompt_models::card::{Measured, model_card};
use prompt_models::core::artifact::{Manifest, save};
use prompt_models::core::{CancelToken, Error, FitContext, Result};
use prompt_models::data::Fields;
use prompt_models::data::read::ReadOptions;
use prompt_models::data::write::AtomicFile;
use prompt_models::experiment::{ExperimentConfig, load};
use prompt_models::tabular;
use prompt_models::train::{Recipe, TrainOptions, train};
use prompt_registry::{RegisterInfo, Registry};
use serde_json::Value;

use crate::args::{Train, label_map};
use crate::fields;
use crate::out::{bad_lines, incomplete, left_out, outln};
use crate::progress::Progress;

pub(crate) fn run(args: &Train, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    if args.config.is_none() && args.task == tabular::TASK {
        return crate::tabular::train(args, threads, stop);
    }
    if args.steps.any() {
        return Err(Error::unsupported(
            "training on texts",
            "--impute, --outliers, --encode, --scale and --select",
            "give a table with --task tabular, or leave them out",
        ));
    }
    let mut config = args.config.as_ref().map(|path| ExperimentConfig::load(path)).transpose()?;
    let mut recipe = Recipe::of_task(config.as_ref().map_or(args.task.as_str(), |c| c.task.name()))
        .map_err(with_tabular)?;
    if let Some(config) = &config {
        recipe = recipe.features(config.features.clone());
        recipe = recipe.sanitiser(config.sanitise.enabled.then(|| config.sanitise.params.clone()));
    }
    if let Some(name) = &args.model {
        recipe = recipe.model(name)?;
    }
    for (name, value) in pairs(&args.params)? {
        recipe = recipe.param(&name, &value)?;
    }

    let mut options = TrainOptions::default();
    let mut strict = args.strict;
    let loaded = match &mut config {
        Some(config) => {
            name_fields(&mut config.data.fields, args)?;
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
            name_fields(&mut fields, args)?;
            // Without a configuration clap asks for a file.
            let path = args.data.clone().unwrap_or_default();
            let max_line_bytes = args.lines.bytes();
            ReadOptions { fields, strict, max_line_bytes, ..ReadOptions::default() }.read(&path)?
        }
    };
    let (data, unlabelled) = fields::labelled(&loaded.dataset, strict, args.target.as_ref(), false)?;
    eprint!("{}{}", bad_lines(&loaded.bad, loaded.cut), left_out(&unlabelled, "label"));
    let warning = incomplete(loaded.bad.last().filter(|_| loaded.cut), "the model was trained");

    let progress = Arc::new(Progress::new(args.json));
    let seed = config.as_ref().map_or(args.seed, |c| c.seed);
    let mut ctx = FitContext::new(seed).with_cancel(stop.clone()).with_observer(progress.clone());
    if let Some(threads) = threads.or(config.as_ref().and_then(|c| c.threads)) {
        ctx = ctx.threads(threads);
    }
    let trained = train(&recipe, &data, &options, &ctx);
    progress.finish();
    let trained = trained?;
    if !trained.cleaned.removed.is_empty() {
        eprintln!("cleaning: {}", trained.cleaned);
    }
    let manifest = save(&args.out, &trained.scorer, trained.manifest.clone())?;
    let dataset =
        args.data.as_ref().or(args.config.as_ref()).map_or_else(String::new, |p| p.display().to_string());
    let measured = trained.validation.as_ref().map(|r| Measured::classes(&dataset, trained.measured_on, r));
    write_card(args, &manifest, measured.as_ref())?;
    let registered = register(args)?;
    if args.json {
        outln!(
            "{}",
            serde_json::json!({
                "model": trained.manifest.name,
                "out": args.out,
                "train_rows": trained.train_rows,
                "removed_rows": trained.cleaned.removed.len(),
                "unlabelled_rows": unlabelled.len(),
                "params": trained.manifest.params,
                "chosen": trained.chosen,
                "validation": trained.validation,
                "fit_seconds": trained.fit_seconds,
                "bytes": manifest.files.values().map(|f| f.bytes).sum::<u64>(),
                "registered": registered,
            })
        )?;
        eprint!("{warning}");
        return Ok(ExitCode::SUCCESS);
    }
    outln!(
        "{} on {} rows in {:.2} s, saved in {}",
        manifest.name,
        trained.train_rows,
        trained.fit_seconds,
        args.out.display()
    )?;
    for (name, value) in &trained.chosen {
        outln!("chosen on the validation rows: {name} = {value}")?;
    }
    if let Some(report) = &trained.validation {
        outln!("\non {}:\n{report}", trained.measured_on)?;
    }
    if let Some(reference) = registered {
        outln!("registered as {reference}")?;
    }
    eprint!("{warning}");
    Ok(ExitCode::SUCCESS)
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
fn name_fields(fields: &mut Fields, args: &Train) -> Result<()> {
    fields::name(fields, args.text.as_ref(), args.target.as_ref(), false)?;
    fields.label_map.extend(label_map(&args.label_map)?);
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
pub(crate) fn write_card(args: &Train, manifest: &Manifest, measured: Option<&Measured>) -> Result<()> {
    let Some(path) = &args.card else { return Ok(()) };
    let mut file = AtomicFile::create(path)?;
    file.write_all(model_card(manifest, measured.map(std::slice::from_ref).unwrap_or_default()).as_bytes())
        .map_err(|e| Error::io("write", path, e))?;
    file.commit()
}

/// Registers the saved model under the name that was asked for; gives back its reference.
pub(crate) fn register(args: &Train) -> Result<Option<String>> {
    let Some(name) = &args.register else { return Ok(None) };
    let info = RegisterInfo { by: "prompt train".into(), ..RegisterInfo::default() };
    let version = Registry::open(args.registry.place.as_path())?.register(name, &args.out, info)?;
    Ok(Some(version.reference().to_string()))
}
