//! `prompt distill`.

use std::process::ExitCode;

use prompt_models::core::artifact::save;
use prompt_models::core::{CancelToken, Result};
use prompt_models::data::read::{Loaded, ReadOptions};
use prompt_models::distill::{self, distill};
use prompt_models::experiment::ExperimentConfig;
use prompt_models::train::{Recipe, TrainOptions};
use serde_json::json;

use crate::args::{Distill, label_map};
use crate::fields;
use crate::out::{bad_lines, left_out, outln};
use crate::progress::Progress;
use crate::train::pairs;

pub(crate) fn run(args: &Distill, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let config = args.student.as_ref().map(|path| ExperimentConfig::load(path)).transpose()?;
    let mut recipe = Recipe::of_task(config.as_ref().map_or("text", |c| c.task.name()))?;
    if let Some(config) = &config {
        recipe = recipe.features(config.features.clone());
        recipe = recipe.sanitiser(config.sanitise.enabled.then(|| config.sanitise.params.clone()));
    }
    recipe = recipe.model(&args.model)?;
    for (name, value) in pairs(&args.params)? {
        recipe = recipe.param(&name, &value)?;
    }
    let how = distill::Distill::default().temperature(args.temperature).alpha(args.alpha).most(args.most);
    let teacher = crate::model::open(&args.teacher, args.registry.place.as_path())?;

    let read = |path| -> Result<Loaded> {
        let mut fields = config.as_ref().map_or_else(|| recipe.fields(), |c| c.data.fields.clone());
        if fields.label_map.is_empty() {
            fields.label_map = recipe.fields().label_map;
        }
        fields::name(&mut fields, args.texts.text.as_ref(), args.target.as_ref(), false)?;
        fields.label_map.extend(label_map(&args.texts.label_map)?);
        let max_line_bytes = args.lines.bytes();
        ReadOptions { fields, strict: args.strict, max_line_bytes, ..ReadOptions::default() }.read(path)
    };
    let loaded = read(&args.data)?;
    let (data, without) = fields::labelled(&loaded.dataset, args.strict, args.target.as_ref(), false)?;
    eprint!(
        "{}{}",
        bad_lines(loaded.bad.iter(), loaded.dataset.len(), loaded.cut),
        left_out(&without, "label")
    );
    let more: Option<Loaded> = args.unlabelled.as_ref().map(read).transpose()?;
    if let Some(more) = &more {
        eprint!("{}", bad_lines(more.bad.iter(), more.dataset.len(), more.cut));
    }
    let unlabelled = more.as_ref().map_or_else(Vec::new, |more| more.dataset.texts());

    let seed = config.as_ref().map_or(args.seed, |c| c.seed);
    let (progress, ctx) = Progress::of_fit(args.json, seed, threads, stop);
    let options = TrainOptions {
        cleaner: config.as_ref().map_or_else(|| TrainOptions::default().cleaner, ExperimentConfig::cleaner),
        ..TrainOptions::default()
    };
    let trained = distill(&how, &*teacher.scorer, &recipe, (&data, &unlabelled), &options, &ctx);
    progress.finish();
    let trained = trained?;
    if !trained.cleaned.removed.is_empty() {
        eprintln!("cleaning: {}", trained.cleaned);
    }
    let manifest = save(&args.out, &*trained.scorer, trained.manifest.clone())?;
    if args.json {
        outln!(
            "{}",
            json!({
                "model": manifest.name,
                "teacher": teacher.manifest.name,
                "out": args.out,
                "train_rows": trained.train_rows,
                "unlabelled_rows": unlabelled.len(),
                "params": manifest.params,
                "chosen": trained.chosen,
                "validation": trained.validation,
                "measured_on": trained.measured_on,
                "fit_seconds": trained.fit_seconds,
                "bytes": manifest.files.values().map(|f| f.bytes).sum::<u64>(),
            })
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!(
        "{} of teacher {} on {} rows, {} of them without a label, in {:.2} s, saved in {}",
        manifest.name,
        teacher.manifest.name,
        trained.train_rows,
        unlabelled.len(),
        trained.fit_seconds,
        args.out.display()
    )?;
    for (name, value) in &trained.chosen {
        outln!("chosen on the validation rows: {name} = {value}")?;
    }
    if let Some(report) = &trained.validation {
        outln!("\non {}:\n{report}", trained.measured_on)?;
    }
    Ok(ExitCode::SUCCESS)
}
