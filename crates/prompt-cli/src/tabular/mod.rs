//! Models of tables: `--task tabular` in `prompt train`, and what the other commands do with such a model.

mod predict;
mod validate;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use prompt_models::LoadedModel;
use prompt_models::core::{
    Batch, CancelToken, Classes, Error, FitContext, Output, Prediction, Result, Role, Table, Target, Task,
};
use prompt_models::data::Split;
use prompt_models::data::table::{Kind, LoadedTable, TableOptions};
use prompt_models::metrics::fairness::SliceColumn;
use prompt_models::tabular::{TableRecipe, TableSchema, target_of, train as fit};
use prompt_models::train::TrainOptions;

use crate::args::{Evaluate, LearnerArgs, LineLimit, TableArgs, TargetKind, Threshold, Train, label_map};
use crate::evaluate::{Rows, Truth, finish, measure};
use crate::live;
use crate::out::{bad_lines, incomplete};
use crate::progress::Progress;
use crate::threshold::Traffic;

pub(crate) use predict::{predict, rows_to_score};
pub(crate) use validate::validate;

/// The target of a table where none is named.
const TARGET: &str = "target";

/// Says what a person should know of a file before its rows are used.
pub(crate) fn complain(data: &LoadedTable) {
    let bad = data.bad.iter().map(|bad| &bad.error);
    eprint!("{}", bad_lines(bad, data.table.rows(), data.cut));
    for note in &data.notes {
        eprintln!("note: {note}");
    }
    for (name, column) in data.table.with_role(Role::Feature) {
        if Kind::of(column) == Kind::Text {
            eprintln!("note: column `{name}` holds free text and is not learned from");
        }
    }
}

/// The table to learn from, with what a person should know of it said.
pub(crate) fn read(
    path: &Path,
    (target, kind): (&str, Option<TargetKind>),
    columns: &TableArgs,
    (strict, lines): (bool, LineLimit),
) -> Result<LoadedTable> {
    let options = TableOptions {
        ignore: columns.ignore.clone(),
        weight: columns.weights.name.clone(),
        kinds: target_kind(target, kind),
        strict,
        max_line_bytes: lines.bytes(),
        ..TableOptions::default().target(target)
    };
    let data = options.read(path)?;
    complain(&data);
    Ok(data)
}

/// What is trained on it.
pub(crate) fn recipe(
    kind: Option<TargetKind>,
    learner: &LearnerArgs,
    columns: &TableArgs,
) -> Result<TableRecipe> {
    Ok(TableRecipe {
        task: task(kind),
        model: learner.model.clone(),
        params: crate::train::pairs(&learner.params)?,
        prepare: columns.steps.prepare()?,
        ..TableRecipe::default()
    })
}

/// How the target is read, where the command line says what it holds.
fn target_kind(target: &str, kind: Option<TargetKind>) -> BTreeMap<String, Kind> {
    let kind = kind.map(|kind| match kind {
        TargetKind::Classes => Kind::Category,
        TargetKind::Numbers => Kind::Number,
    });
    kind.map(|kind| (target.to_owned(), kind)).into_iter().collect()
}

/// The task that was asked for.
pub(crate) fn task(kind: Option<TargetKind>) -> Option<Task> {
    kind.map(|kind| match kind {
        TargetKind::Classes => Task::Classification,
        TargetKind::Numbers => Task::Regression,
    })
}

/// `prompt train --task tabular`.
pub(crate) fn train(args: &Train, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    let path = args.data.as_ref().ok_or_else(|| {
        Error::input("no table to learn from", "name it with --data FILE (.csv, .tsv, .jsonl, .json)")
    })?;
    let target = (args.target.as_deref().unwrap_or(TARGET), args.target_kind);
    let data = read(path, target, &args.table, (args.strict, args.lines))?;
    let recipe = recipe(args.target_kind, &args.learner, &args.table)?;
    let (progress, ctx) = Progress::of_fit(args.json, args.seed, threads, stop);
    let trained = fit(&recipe, &data, &TrainOptions::default(), &ctx);
    progress.finish();
    let trained = trained?;
    crate::train::tell(
        args,
        &crate::train::Told {
            scorer: &*trained.scorer,
            manifest: &trained.manifest,
            chosen: &trained.chosen,
            measured: trained.report.as_ref(),
            measured_on: trained.measured_on,
            train_rows: trained.train_rows,
            fit_seconds: trained.fit_seconds,
            rows_left_out: &[("bad_lines", data.bad.len())],
            notes: &[],
            cut: cut(&data),
        },
    )
}

/// Where a truncated archive ends.
fn cut(data: &LoadedTable) -> Option<&Error> {
    data.bad.last().map(|bad| &bad.error).filter(|_| data.cut)
}

/// `prompt evaluate` with a model of tables.
pub(crate) fn evaluate(args: &Evaluate, model: &LoadedModel, ctx: &FitContext) -> Result<ExitCode> {
    let labelled =
        Labelled::read(model, &args.data, (args.target.as_deref(), None), (args.strict, args.lines.bytes()))?;
    let (data, target) = (&labelled.data, labelled.name.as_str());
    let (rows, which) = crate::evaluate::choose(args.split, data.table.rows(), |split| data.rows_of(split))?;
    let table = data.table.select_rows(&rows);
    let prediction = score(model, &table)?;
    let (truth, labels): (_, Vec<String>) = match prediction.output() {
        Output::Classes(classes) => {
            let meant = label_map(&args.texts.label_map)?.collect();
            let codes = labelled.classes(classes, &meant, &rows)?.as_classes()?.0.to_vec();
            let labels = codes.iter().map(|&c| classes.name(c).to_owned()).collect();
            (Truth::Classes(codes), labels)
        }
        _ => {
            let numbers = labelled.target.select(&rows).as_regression()?.to_vec();
            let labels = numbers.iter().map(f64::to_string).collect();
            (Truth::Numbers(numbers), labels)
        }
    };
    let shown: Vec<String> = if args.output_dir.is_some() || args.live_examples.is_some() {
        rows.iter().map(|&row| as_text(data, row, target)).collect()
    } else {
        Vec::new()
    };
    let live =
        args.live_examples.map_or(Ok(Vec::new()), |n| live::of_table(model, &table, &shown, &labels, n))?;
    let columns = if args.output_dir.is_some() { slices(data, &rows, target) } else { Vec::new() };
    let kept = crate::evaluate::kept(model, Batch::Table(&table), &prediction, &truth)?;
    let rows = Rows {
        truth: &truth,
        prediction: &prediction,
        kept: kept.as_ref(),
        texts: &shown,
        columns: &columns,
        live: &live,
        which,
    };
    let mut found = measure(args, model, &rows, ctx)?;
    found.numbers["bad_lines"] = data.bad.len().into();
    let code = finish(args, model, found, &rows)?;
    eprint!("{}", incomplete(cut(data), "the numbers were measured"));
    Ok(code)
}

/// A row's cells but its target, on one line.
fn as_text(data: &LoadedTable, row: usize, target: &str) -> String {
    let cells = data.cells(row).filter(|(name, cell)| *name != target && !cell.is_empty());
    cells.map(|(name, cell)| format!("{name}={cell}")).collect::<Vec<_>>().join(", ")
}

/// The columns by which rows are sliced: those of few different values.
fn slices(data: &LoadedTable, rows: &[usize], target: &str) -> Vec<SliceColumn> {
    const VALUES: std::ops::RangeInclusive<usize> = 2..=12;
    const COLUMNS: usize = 6;
    let Some(&first) = rows.first() else { return Vec::new() };
    let names: Vec<String> = data.cells(first).map(|(name, _)| name.to_owned()).collect();
    let features: Vec<&str> = data.table.with_role(Role::Feature).map(|(name, _)| name).collect();
    let mut columns = Vec::new();
    for (at, name) in names.into_iter().enumerate() {
        if name == target || !features.contains(&name.as_str()) || columns.len() == COLUMNS {
            continue;
        }
        let of_row: Vec<String> = rows
            .iter()
            .map(|&row| data.cells(row).nth(at).map_or_else(String::new, |(_, cell)| cell.to_owned()))
            .collect();
        let different: std::collections::BTreeSet<&String> = of_row.iter().collect();
        if VALUES.contains(&different.len()) {
            columns.push(SliceColumn { name, of_row });
        }
    }
    columns
}

fn score(model: &LoadedModel, table: &Table) -> Result<Prediction> {
    crate::model::score(model, Batch::Table(table))
}

/// A table with a target for a model.
pub(crate) struct Labelled {
    pub(crate) data: LoadedTable,
    /// The column of the target.
    name: String,
    pub(crate) target: Target,
}

impl Labelled {
    /// The rows with their targets, weighted where a column of weights is named.
    pub(crate) fn read(
        model: &LoadedModel,
        path: &Path,
        (target, weight): (Option<&str>, Option<&str>),
        (strict, max_line_bytes): (bool, usize),
    ) -> Result<Self> {
        let schema = TableSchema::of_model(&model.manifest)?;
        let target = target.unwrap_or(&schema.target);
        if target.is_empty() {
            return Err(Error::input(
                format!("the model `{}` does not say what its target was called", model.manifest.name),
                "name the column of the truth with --target COLUMN",
            ));
        }
        let output = model.scorer.heads().first().map_or(Output::Values(Vec::new()), |h| h.output.clone());
        let weight = weight.map(str::to_owned);
        let options =
            TableOptions { strict, max_line_bytes, weight, ..schema.options_with_target(target, &output) };
        let data = options.read(path)?;
        complain(&data);
        let task = match output {
            Output::Classes(_) => Task::Classification,
            _ => Task::Regression,
        };
        let column = data.table.column(target).ok_or_else(|| Error::unknown("column", target, [""; 0]))?;
        let (name, mut target) = (target.to_owned(), target_of(target, column, task)?);
        if let Some(weights) = &data.weights {
            target = target.with_weights(weights.clone())?;
        }
        Ok(Self { data, name, target })
    }

    /// The rows' classes among those of the model; `meant` is what labels of the file stand for.
    pub(crate) fn classes(
        &self,
        classes: &Classes,
        meant: &BTreeMap<String, String>,
        rows: &[usize],
    ) -> Result<Target> {
        let (codes, own) = self.target.as_classes()?;
        let known: Vec<Option<u32>> =
            own.names().iter().map(|name| classes.code(meant.get(name).unwrap_or(name))).collect();
        let code = |&row: &usize| {
            known[codes[row] as usize].ok_or_else(|| {
                self.data.wrong_row(
                    row,
                    format!(
                        "unknown class `{}`; the model knows {}",
                        own.name(codes[row]),
                        classes.names().join(", ")
                    ),
                    format!(
                        "correct it, say what it means with --label-map {}=CLASS, or leave the row out",
                        own.name(codes[row])
                    ),
                )
            })
        };
        let target = Target::codes(rows.iter().map(code).collect::<Result<_>>()?, classes.clone())?;
        match self.target.weights() {
            Some(weights) => target.with_weights(rows.iter().map(|&row| weights[row]).collect()),
            None => Ok(target),
        }
    }
}

/// `prompt threshold` with a model of tables.
pub(crate) fn traffic(args: &Threshold, model: &LoadedModel) -> Result<Traffic> {
    let labelled =
        Labelled::read(model, &args.data, (args.target.as_deref(), None), (args.strict, args.lines.bytes()))?;
    let data = &labelled.data;
    let learned = data.rows_of(Split::Train);
    let rows: Vec<usize> = (0..data.table.rows()).filter(|row| learned.binary_search(row).is_err()).collect();
    if rows.is_empty() {
        return Err(Traffic::all_for_training(args));
    }
    let (codes, classes) = labelled.target.as_classes()?;
    let labels = rows.iter().map(|&row| classes.name(codes[row]).to_owned()).map(Some).collect();
    let prediction = score(model, &data.table.select_rows(&rows))?;
    Ok(Traffic { labels, prediction, bad_lines: data.bad.len() })
}
