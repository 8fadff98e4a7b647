//! `prompt train --continue`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use prompt_models::LoadedModel;
use prompt_models::core::{Batch, CancelToken, Error, FitContext, Output, Result, Target};
use prompt_models::data::Split;
use prompt_models::further::{learn_further, lost_by};
use prompt_models::tabular;

use crate::args::{Train, label_map};
use crate::fields;
use crate::out::left_out;
use crate::tabular::Labelled;
use crate::train::{Told, tell};

/// What was learned, and from how many rows.
struct Learned {
    model: LoadedModel,
    rows: usize,
    rows_left_out: [(&'static str, usize); 2],
}

pub(crate) fn run(args: &Train, from: &str, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let model = crate::model::open(from, &args.registry.place)?;
    let mut ctx = FitContext::new(args.seed).with_cancel(stop.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    let started = Instant::now();
    let learned = match model.manifest.task == tabular::TASK {
        true => of_table(args, &model, &ctx),
        false => of_texts(args, &model, &ctx),
    }?;
    let notes: Vec<String> =
        lost_by(&model).map(|lost| format!("{}: {lost}", model.manifest.name)).into_iter().collect();
    tell(
        args,
        &Told {
            scorer: &*learned.model.scorer,
            manifest: &learned.model.manifest,
            chosen: &BTreeMap::new(),
            measured: None,
            measured_on: "no rows",
            train_rows: learned.rows,
            fit_seconds: started.elapsed().as_secs_f64(),
            rows_left_out: &learned.rows_left_out,
            notes: &notes,
            cut: None,
        },
    )
}

fn of_table(args: &Train, model: &LoadedModel, ctx: &FitContext) -> Result<Learned> {
    let path = args.data.as_deref().ok_or_else(no_data)?;
    let options = (args.strict, args.lines.bytes());
    let weights = args.table.weights.name.as_deref();
    let labelled = Labelled::read(model, path, (args.target.as_deref(), weights), options)?;
    let data = &labelled.data;
    let rows: Vec<usize> = match &data.splits {
        Some(_) => data.rows_of(Split::Train),
        None => (0..data.table.rows()).collect(),
    };
    if rows.is_empty() {
        return Err(Error::input(
            format!("no row of {} is for training", path.display()),
            "write `train` in the column of splits",
        ));
    }
    let y = match model.scorer.heads().first().map(|head| &head.output) {
        Some(Output::Classes(classes)) => {
            labelled.classes(classes, &label_map(&args.texts.label_map)?.collect(), &rows)?
        }
        _ => labelled.target.select(&rows),
    };
    let table = data.table.select_rows(&rows);
    let mut learned = learn_further(model, Batch::Table(&table), &y, ctx)?;
    learned.manifest.data_digest.clone_from(&data.digest);
    let rows_left_out = [("bad_lines", data.bad.len()), ("unlabelled_rows", 0)];
    Ok(Learned { model: learned, rows: rows.len(), rows_left_out })
}

fn of_texts(args: &Train, model: &LoadedModel, ctx: &FitContext) -> Result<Learned> {
    let classes = model.classes().ok();
    let number = classes.is_none();
    let path = args.data.as_deref().ok_or_else(no_data)?;
    let named = (args.texts.text.as_ref(), args.target.as_ref());
    let loaded = fields::read_for(model, path, named, &args.texts.label_map, (args.strict, args.lines))?;
    let (data, without) = fields::labelled(&loaded.dataset, args.strict, args.target.as_ref(), number)?;
    eprint!("{}", left_out(&without, if number { "target" } else { "label" }));
    let data = match data.has_splits() {
        true => data.select(&data.rows_of(Split::Train)),
        false => data,
    };
    let mut y = match classes {
        Some(classes) => {
            crate::evaluate::refuse_foreign(&data, classes)?;
            Target::labels_among(data.labels()?, classes)?
        }
        None => Target::regression(data.targets()?)?,
    };
    if let Some(field) = &args.table.weights.name {
        y = y.with_weights(data.weights(field)?)?;
    }
    let mut learned = learn_further(model, Batch::Texts(&data.texts()), &y, ctx)?;
    learned.manifest.data_digest = data.digest();
    let rows_left_out = [("bad_lines", loaded.bad.len()), ("unlabelled_rows", without.len())];
    Ok(Learned { model: learned, rows: data.len(), rows_left_out })
}

fn no_data() -> Error {
    Error::input("no rows to learn from", "name a file with --data FILE")
}
