//! Models of tables: `--task tabular` in `prompt train`, and what `evaluate` and `predict` do with such a model.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use prompt_models::LoadedModel;
use prompt_models::card::Measured;
use prompt_models::core::artifact::save;
use prompt_models::core::{
    Batch, CancelToken, Error, FitContext, Output, Prediction, Result, Role, Target, Task, argmax,
};
use prompt_models::data::Split;
use prompt_models::data::table::{Kind, LoadedTable, TableOptions};
use prompt_models::data::write::CsvWriter;
use prompt_models::metrics::fairness::SliceColumn;
use prompt_models::score::{OUTPUT, ScoreSummary};
use prompt_models::tabular::{TableRecipe, TableReport, TableSchema, target_of, train as fit};
use prompt_models::train::TrainOptions;
use serde_json::{Map, Value, json};

use crate::args::{Evaluate, Format, Predict, SplitChoice, TargetKind, Train};
use crate::evaluate::{Rows, Truth, finish, measure};
use crate::live;
use crate::out::{incomplete, outln};
use crate::progress::Progress;

/// Says what a person should know of a file before its rows are used.
pub(crate) fn complain(data: &LoadedTable) {
    const SHOWN: usize = 10;
    for bad in data.bad.iter().take(SHOWN) {
        eprintln!("{}", bad.error);
    }
    if data.bad.len() > SHOWN {
        eprintln!("… and {} more bad lines", data.bad.len() - SHOWN);
    }
    for note in &data.notes {
        eprintln!("note: {note}");
    }
    for (name, column) in data.table.with_role(Role::Feature) {
        if Kind::of(column) == Kind::Text {
            eprintln!("note: column `{name}` holds free text and is not learned from");
        }
    }
}

/// How the target is read, where the command line says what it holds.
pub(crate) fn target_kind(target: &str, kind: Option<TargetKind>) -> BTreeMap<String, Kind> {
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
    let target = args
        .target
        .as_deref()
        .ok_or_else(|| Error::input("no target column", "name the column to predict with --target COLUMN"))?;
    let options = TableOptions {
        ignore: args.ignore.clone(),
        kinds: target_kind(target, args.target_kind),
        strict: args.strict,
        max_line_bytes: args.lines.bytes(),
        ..TableOptions::default().target(target)
    };
    let data = options.read(path)?;
    complain(&data);
    let recipe = TableRecipe {
        task: task(args.target_kind),
        model: args.model.clone(),
        params: crate::train::pairs(&args.params)?,
        encoder: None,
        prepare: args.steps.prepare()?,
    };
    let progress = Arc::new(Progress::new(args.json));
    let mut ctx = FitContext::new(args.seed).with_cancel(stop.clone()).with_observer(progress.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    let trained = fit(&recipe, &data, &TrainOptions::default(), &ctx);
    progress.finish();
    let trained = trained?;
    let manifest = save(&args.out, &trained.scorer, trained.manifest.clone())?;
    let measured = trained.report.as_ref().map(|report| match report {
        TableReport::Classification(r) => {
            Measured::classes(&path.display().to_string(), trained.measured_on, r)
        }
        TableReport::Regression(r) => Measured::numbers(&path.display().to_string(), trained.measured_on, r),
    });
    crate::train::write_card(args, &manifest, measured.as_ref())?;
    let registered = crate::train::register(args)?;
    if args.json {
        outln!(
            "{}",
            json!({
                "model": trained.manifest.name,
                "out": args.out,
                "train_rows": trained.train_rows,
                "bad_lines": data.bad.len(),
                "params": trained.manifest.params,
                "chosen": trained.chosen,
                "validation": trained.report,
                "fit_seconds": trained.fit_seconds,
                "bytes": manifest.files.values().map(|f| f.bytes).sum::<u64>(),
                "registered": registered,
            })
        )?;
        warn_of_cut(&data, "the model was trained");
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
    if let Some(report) = &trained.report {
        outln!("\non {}:\n{report}", trained.measured_on)?;
    }
    if let Some(reference) = registered {
        outln!("registered as {reference}")?;
    }
    warn_of_cut(&data, "the model was trained");
    Ok(ExitCode::SUCCESS)
}

/// Says in the end what a truncated archive means for the numbers above.
fn warn_of_cut(data: &LoadedTable, done: &str) {
    eprint!("{}", incomplete(data.bad.last().map(|bad| &bad.error).filter(|_| data.cut), done));
}

/// `prompt evaluate` with a model of tables.
pub(crate) fn evaluate(args: &Evaluate, model: &LoadedModel, ctx: &FitContext) -> Result<ExitCode> {
    let schema = TableSchema::of_model(&model.manifest)?;
    let target = args.target.as_deref().unwrap_or(&schema.target);
    let options = TableOptions {
        strict: args.strict,
        max_line_bytes: args.lines.bytes(),
        ..schema.options().target(target)
    };
    let data = options.read(&args.data)?;
    complain(&data);
    let (rows, which) = choose(args.split, &data)?;
    let table = data.table.select_rows(&rows);
    let prediction = score(model, &table)?;
    let column = data.table.column(target).ok_or_else(|| Error::unknown("column", target, [""; 0]))?;
    let (truth, labels) = match prediction.output() {
        Output::Classes(classes) => {
            let given = target_of(target, column, Task::Classification)?.select(&rows);
            let (codes, own) = given.as_classes()?;
            let labels: Vec<String> = codes.iter().map(|&c| own.name(c).to_owned()).collect();
            let among = Target::labels_among(labels.iter().map(String::as_str), classes)?;
            (Truth::Classes(among.as_classes()?.0.to_vec()), labels)
        }
        _ => {
            let given = target_of(target, column, Task::Regression)?.select(&rows);
            let numbers = given.as_regression()?.to_vec();
            let labels = numbers.iter().map(f64::to_string).collect();
            (Truth::Numbers(numbers), labels)
        }
    };
    let shown: Vec<String> = if args.output_dir.is_some() || args.live_examples.is_some() {
        rows.iter().map(|&row| as_text(&data, row, target)).collect()
    } else {
        Vec::new()
    };
    let live =
        args.live_examples.map_or(Ok(Vec::new()), |n| live::of_table(model, &table, &shown, &labels, n))?;
    let columns = if args.output_dir.is_some() { slices(&data, &rows, target) } else { Vec::new() };
    let rows =
        Rows { truth: &truth, prediction: &prediction, texts: &shown, columns: &columns, live: &live, which };
    let mut found = measure(args, model, &rows, ctx)?;
    found.numbers["bad_lines"] = data.bad.len().into();
    let code = finish(args, model, found, &rows)?;
    warn_of_cut(&data, "the numbers were measured");
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

fn score(model: &LoadedModel, table: &prompt_models::core::Table) -> Result<Prediction> {
    let predictions = model.scorer.score(Batch::Table(table))?;
    predictions.into_iter().next().ok_or_else(|| Error::input("the model has no heads", "save it again"))
}

/// The rows to measure on, and what they are called: test rows where there are some, else validation rows, else all.
fn choose(choice: Option<SplitChoice>, data: &LoadedTable) -> Result<(Vec<usize>, &'static str)> {
    let wanted = match choice {
        Some(SplitChoice::Train) => Some(Split::Train),
        Some(SplitChoice::Validation) => Some(Split::Validation),
        Some(SplitChoice::Test) => Some(Split::Test),
        Some(SplitChoice::All) => None,
        None => [Split::Test, Split::Validation].into_iter().find(|s| !data.rows_of(*s).is_empty()),
    };
    let Some(split) = wanted else { return Ok(((0..data.table.rows()).collect(), "all rows")) };
    let rows = data.rows_of(split);
    if rows.is_empty() {
        return Err(Error::input(
            format!("no row has the split `{}`", split.name()),
            "choose other rows with --split",
        ));
    }
    Ok((rows, split.name()))
}

/// The rows that `prompt predict` scores with a model of tables.
pub(crate) fn rows_to_score(args: &Predict, model: &LoadedModel) -> Result<LoadedTable> {
    let path = args.input.as_ref().ok_or_else(|| {
        Error::input("a model of tables scores files", "name one with --input (.csv, .tsv, .jsonl, .json)")
    })?;
    let schema = TableSchema::of_model(&model.manifest)?;
    let options = TableOptions {
        strict: args.strict,
        max_line_bytes: args.max_line_bytes,
        // A column of splits is passed on like any other.
        split: String::new(),
        ..schema.options()
    };
    options.read(path)
}

/// `prompt predict` with a model of tables: each row as it stands in the file, with its prediction; a line that is no row
/// keeps its place with its error, and one stands for all that a truncated archive lacks, which is an error in the end.
pub(crate) fn predict(
    mut data: LoadedTable,
    model: &LoadedModel,
    format: Format,
    out: &mut (dyn Write + Send),
    summary: &mut ScoreSummary,
) -> Result<()> {
    let prediction = score(model, &data.table)?;
    let failed = |e: std::io::Error| Error::io("write", OUTPUT, e);
    match format {
        Format::Jsonl => {
            for entry in entries(&data) {
                let object = match entry {
                    Ok(row) => object(&data, row, &prediction),
                    Err(bad) => Map::from_iter([
                        ("line".to_owned(), json!(bad.line)),
                        ("error".to_owned(), json!(bad.error.to_string())),
                    ]),
                };
                writeln!(out, "{}", Value::Object(object)).map_err(failed)?;
            }
        }
        Format::Csv => {
            let names: Vec<String> = data.cells(0).map(|(name, _)| name.to_owned()).collect();
            let mut csv = CsvWriter::new(out, b',', true);
            let header: Vec<String> = ["line".to_owned()]
                .into_iter()
                .chain(names.iter().cloned())
                .chain(scored_names(prediction.output()))
                .chain(["error".to_owned()])
                .collect();
            csv.row(&header).map_err(failed)?;
            for entry in entries(&data) {
                let mut cells = vec![String::new(); header.len()];
                match entry {
                    Ok(row) => {
                        cells[0] = data.lines[row].to_string();
                        let own = data.cells(row).map(|(_, cell)| cell.to_owned());
                        let all = own.chain(scored_cells(row, &prediction));
                        cells.iter_mut().skip(1).zip(all).for_each(|(cell, text)| *cell = text);
                    }
                    Err(bad) => {
                        cells[0] = bad.line.map_or(String::new(), |line| line.to_string());
                        if let Some(last) = cells.last_mut() {
                            *last = bad.error.to_string();
                        }
                    }
                }
                csv.row(&cells).map_err(failed)?;
            }
            csv.into_inner().and_then(Write::flush).map_err(failed)?;
        }
        Format::Parquet => {
            parquet(&data, &prediction, out)?;
        }
    }
    *summary = ScoreSummary { scored: data.table.rows() as u64, bad: data.bad.len() as u64 };
    match data.bad.pop().filter(|_| data.cut) {
        Some(cut) => Err(cut.error),
        None => Ok(()),
    }
}

/// The columns of the CSV form: cells as text, scores as numbers.
#[cfg(feature = "parquet")]
fn parquet(data: &LoadedTable, prediction: &Prediction, out: &mut (dyn Write + Send)) -> Result<()> {
    use prompt_models::data::write::{ParquetCell as Cell, ParquetColumn as Kind, ParquetWriter};
    let failed = |e: std::io::Error| Error::io("write", OUTPUT, e);
    let named = |name: String, kind| (name, kind);
    let own = data.cells(0).map(|(name, _)| named(name.to_owned(), Kind::Text));
    let scored = scored_names(prediction.output());
    let kind = |name: &String| if name == "label" { Kind::Text } else { Kind::Number };
    let columns: Vec<(String, Kind)> = [named("line".to_owned(), Kind::Whole)]
        .into_iter()
        .chain(own)
        .chain(scored.iter().map(|name| named(name.clone(), kind(name))))
        .chain([named("error".to_owned(), Kind::Text)])
        .collect();
    let mut parquet = ParquetWriter::new(out, &columns).map_err(failed)?;
    let line = |line: Option<u64>| line.and_then(|l| i64::try_from(l).ok()).map_or(Cell::Null, Cell::Whole);
    let text = |text: &str| if text.is_empty() { Cell::Null } else { Cell::Text(text.to_owned()) };
    for entry in entries(data) {
        let mut cells = vec![Cell::Null; columns.len()];
        match entry {
            Ok(row) => {
                cells[0] = line(data.lines.get(row).copied());
                let own = data.cells(row).map(|(_, cell)| text(cell));
                let scores = scored.iter().zip(scored_cells(row, prediction)).map(|(name, cell)| {
                    if name == "label" {
                        Cell::Text(cell)
                    } else {
                        cell.parse().map_or(Cell::Null, Cell::Number)
                    }
                });
                cells.iter_mut().skip(1).zip(own.chain(scores)).for_each(|(to, cell)| *to = cell);
            }
            Err(bad) => {
                cells[0] = line(bad.line);
                if let Some(last) = cells.last_mut() {
                    *last = Cell::Text(bad.error.to_string());
                }
            }
        }
        parquet.row(cells).map_err(failed)?;
    }
    parquet.finish().and_then(Write::flush).map_err(failed)
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &LoadedTable, _: &Prediction, _: &mut (dyn Write + Send)) -> Result<()> {
    Err(crate::predict::no_parquet())
}

/// Rows and bad lines in the order of the file.
fn entries(data: &LoadedTable) -> impl Iterator<Item = Result<usize, &prompt_models::data::table::BadRow>> {
    let (mut row, mut bad) = (0, data.bad.iter().peekable());
    std::iter::from_fn(move || {
        let line = data.lines.get(row).copied();
        let earlier = bad.next_if(|b| line.is_none_or(|line| b.line.is_some_and(|l| l < line)));
        if let Some(bad) = earlier {
            return Some(Err(bad));
        }
        line.map(|_| {
            row += 1;
            Ok(row - 1)
        })
    })
}

/// The row's own fields and its prediction. A field of the input whose name a prediction needs gives way: `label` becomes
/// `true_label`, the others go.
fn object(data: &LoadedTable, row: usize, prediction: &Prediction) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, cell) in data.cells(row) {
        let name = match name {
            "label" => "true_label",
            "probabilities" | "confidence" | "score" | "true_label" => continue,
            other => other,
        };
        let number = cell
            .parse::<f64>()
            .ok()
            .filter(|_| !cell.starts_with('0') || cell.len() == 1 || cell.contains('.'));
        let value = match number {
            _ if cell.is_empty() => Value::Null,
            Some(_) => serde_json::from_str(cell).unwrap_or_else(|_| cell.into()),
            None => cell.into(),
        };
        out.insert(name.to_owned(), value);
    }
    let scores = prediction.row(row);
    match prediction.output() {
        Output::Classes(classes) => {
            let best = argmax(scores);
            out.insert("label".into(), classes.name(best as u32).into());
            let probabilities: Map<String, Value> =
                classes.names().iter().zip(scores).map(|(name, p)| (name.clone(), json!(p))).collect();
            out.insert("probabilities".into(), probabilities.into());
            out.insert("confidence".into(), json!(scores.get(best)));
        }
        _ => {
            out.insert("score".into(), json!(scores.first()));
        }
    }
    out
}

fn scored_names(output: &Output) -> Vec<String> {
    match output {
        Output::Classes(classes) => ["label".to_owned(), "confidence".to_owned()]
            .into_iter()
            .chain(classes.names().iter().map(|name| format!("p_{name}")))
            .collect(),
        _ => vec!["score".to_owned()],
    }
}

fn scored_cells(row: usize, prediction: &Prediction) -> Vec<String> {
    let scores = prediction.row(row);
    let numbers = scores.iter().map(f64::to_string);
    match prediction.output() {
        Output::Classes(classes) => {
            let best = argmax(scores);
            [classes.name(best as u32).to_owned(), scores[best].to_string()]
                .into_iter()
                .chain(numbers)
                .collect()
        }
        _ => numbers.take(1).collect(),
    }
}
