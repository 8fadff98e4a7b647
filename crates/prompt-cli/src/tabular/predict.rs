//! `prompt predict` with a model of tables.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use prompt_models::LoadedModel;
use prompt_models::aside::{Aside, Said};
use prompt_models::core::{Batch, Error, Output, Prediction, Result, Scratch, argmax};
use prompt_models::data::table::{BadRow, LoadedTable, TableOptions};
use prompt_models::data::write::CsvWriter;
use prompt_models::score::{OUTPUT, SET_SEPARATOR, ScoreSummary, number_names};
use prompt_models::tabular::TableSchema;
use serde_json::{Value, json};

use super::score;
use crate::args::{Format, Predict};

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

/// Each row as it stands in the file, with its prediction; a line that is no row, or whose score is not finite, keeps its
/// place with its error, and one stands for all that a truncated archive lacks, which is an error in the end.
pub(crate) fn predict(
    mut data: LoadedTable,
    model: &LoadedModel,
    (format, strict): (Format, bool),
    out: &mut (dyn Write + Send),
    summary: &mut ScoreSummary,
) -> Result<()> {
    let answers = Answers::of(model, &mut data, strict)?;
    let failed = |e| Error::io("write", OUTPUT, e);
    match format {
        Format::Jsonl => write_lines(&data, &answers, out).map_err(failed)?,
        Format::Csv => write_csv(&data, &answers, out).map_err(failed)?,
        Format::Parquet => parquet(&data, &answers, out)?,
    }
    *summary = ScoreSummary { scored: data.table.rows() as u64, bad: data.bad.len() as u64 };
    match data.bad.pop().filter(|_| data.cut) {
        Some(cut) => Err(cut.error),
        None => Ok(()),
    }
}

/// What the model says of the rows.
struct Answers {
    prediction: Prediction,
    /// The column of what it says beside the scores, and what that is of every row.
    aside: Option<(&'static str, Vec<Said>)>,
}

impl Answers {
    /// Rows whose score is not finite become bad lines of the data.
    fn of(model: &LoadedModel, data: &mut LoadedTable, strict: bool) -> Result<Self> {
        let prediction = match score(model, &data.table) {
            Err(error @ Error::Input { .. }) => {
                refuse_overflows(model, data, strict, error)?;
                score(model, &data.table)?
            }
            scored => scored?,
        };
        let said = |aside: Aside<'_>| {
            let column = aside.column()?;
            Some(aside.of_batch(&*model.scorer, Batch::Table(&data.table)).map(|said| (column, said)))
        };
        let aside = Aside::of(&*model.scorer).and_then(said).transpose()?;
        Ok(Self { prediction, aside })
    }

    fn said(&self, row: usize) -> Option<(&'static str, &Said)> {
        let (name, said) = self.aside.as_ref()?;
        Some((name, said.get(row)?))
    }

    /// The names of a set's classes.
    fn names(&self, codes: &[u32]) -> Vec<&str> {
        let classes = self.prediction.output().classes();
        codes.iter().filter_map(|&code| classes.map(|classes| classes.name(code))).collect()
    }
}

/// Takes the rows out whose score is not finite; where there are none it was another `error`. As with lines that are no rows,
/// the first is the answer where `strict`, and where no row is left.
fn refuse_overflows(model: &LoadedModel, data: &mut LoadedTable, strict: bool, error: Error) -> Result<()> {
    let mut overflows = overflows(model, data)?;
    if overflows.is_empty() {
        return Err(error);
    }
    if (strict || overflows.len() == data.table.rows())
        && let Some((_, first)) = overflows.pop_first()
    {
        return Err(first);
    }
    data.refuse_rows(overflows);
    Ok(())
}

/// The rows whose score is not finite, with what is to be said of each.
fn overflows(model: &LoadedModel, data: &LoadedTable) -> Result<BTreeMap<usize, Error>> {
    let mut found = BTreeMap::new();
    let Some(fitted) = model.scorer.model() else { return Ok(found) };
    let x = model.scorer.columns(Batch::Table(&data.table))?;
    let (mut scratch, mut scores) = (Scratch::new(), vec![0.0; fitted.output().width()]);
    for row in 0..x.rows() {
        fitted.score_row(x.row(row), &mut scratch, &mut scores);
        if let Some(score) = scores.iter().find(|score| !score.is_finite()) {
            let what = format!("the score of this row is {score}");
            let help = "its numbers are too large for this model: scale or remove them";
            found.insert(row, data.wrong_row(row, what, help));
        }
    }
    Ok(found)
}

/// Rows and bad lines in the order of the file.
fn entries(data: &LoadedTable) -> impl Iterator<Item = std::result::Result<usize, &BadRow>> {
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

/// The input's columns under names that the output does not need: `label` becomes `true_label`, the others `input_NAME`.
struct Names(Vec<(String, String)>);

impl Names {
    fn new(data: &LoadedTable, ours: &[String]) -> Self {
        let own: Vec<String> = data.cells(0).map(|(name, _)| name.to_owned()).collect();
        let mut taken: BTreeSet<String> = ours.iter().cloned().collect();
        // Names that stay must not be given to another column.
        taken.extend(own.iter().cloned());
        let renamed = |name: &String| {
            if !ours.contains(name) {
                return (name.clone(), name.clone());
            }
            let mut new = if name == "label" { "true_label".to_owned() } else { format!("input_{name}") };
            while !taken.insert(new.clone()) {
                new = format!("input_{new}");
            }
            (name.clone(), new)
        };
        Self(own.iter().map(renamed).collect())
    }

    fn of<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.iter().find(|(own, _)| own == name).map_or(name, |(_, new)| new)
    }
}

fn write_lines(data: &LoadedTable, answers: &Answers, out: &mut dyn Write) -> std::io::Result<()> {
    let mut ours = match answers.prediction.output() {
        Output::Classes(_) => ["label", "probabilities", "confidence"].map(str::to_owned).to_vec(),
        output => number_names(output),
    };
    ours.extend(answers.aside.iter().map(|(name, _)| (*name).to_owned()));
    let names = Names::new(data, &ours);
    for entry in entries(data) {
        let row = match entry {
            Ok(row) => row,
            Err(bad) => {
                writeln!(out, "{}", json!({ "line": bad.line, "error": bad.error.to_string() }))?;
                continue;
            }
        };
        let own = data.json(row).map(|(name, value)| (names.of(name), value));
        let scored = scored(row, answers);
        let fields = own.chain(scored.iter().map(|(name, value)| (name.as_str(), value.clone())));
        for (at, (name, value)) in fields.enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            write!(out, "{before}{}:{value}", Value::from(name))?;
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}

/// The prediction of a row as JSON fields.
fn scored(row: usize, answers: &Answers) -> Vec<(String, String)> {
    let scores = answers.prediction.row(row);
    let mut fields = match answers.prediction.output() {
        Output::Classes(classes) => {
            let best = argmax(scores);
            let probabilities: serde_json::Map<String, Value> =
                classes.names().iter().zip(scores).map(|(name, p)| (name.clone(), json!(p))).collect();
            vec![
                ("label".to_owned(), Value::from(classes.name(best as u32)).to_string()),
                ("probabilities".to_owned(), Value::Object(probabilities).to_string()),
                ("confidence".to_owned(), json!(scores.get(best)).to_string()),
            ]
        }
        output => {
            let values = scores.iter().map(|score| json!(score).to_string());
            number_names(output).into_iter().zip(values).collect()
        }
    };
    fields.extend(answers.said(row).map(|(name, said)| {
        let value = match said {
            Said::Set(codes) => json!(answers.names(codes)),
            Said::Number(number) => json!(number),
        };
        (name.to_owned(), value.to_string())
    }));
    fields
}

/// The input's columns and ours, as CSV and Parquet hold them.
fn columns(data: &LoadedTable, answers: &Answers) -> (Names, Vec<String>) {
    let mut scored: Vec<String> = match answers.prediction.output() {
        Output::Classes(classes) => ["label".to_owned(), "confidence".to_owned()]
            .into_iter()
            .chain(classes.names().iter().map(|name| format!("p_{name}")))
            .collect(),
        output => number_names(output),
    };
    scored.extend(answers.aside.iter().map(|(name, _)| (*name).to_owned()));
    let ours = [&["line".to_owned(), "error".to_owned()][..], &scored].concat();
    (Names::new(data, &ours), scored)
}

fn write_csv(data: &LoadedTable, answers: &Answers, out: &mut dyn Write) -> std::io::Result<()> {
    let (names, scored) = columns(data, answers);
    let header: Vec<&str> = std::iter::once("line")
        .chain(names.0.iter().map(|(_, new)| new.as_str()))
        .chain(scored.iter().map(String::as_str))
        .chain(["error"])
        .collect();
    let mut csv = CsvWriter::new(out, b',', true);
    csv.row(&header)?;
    for entry in entries(data) {
        let mut cells = vec![String::new(); header.len()];
        match entry {
            Ok(row) => {
                cells[0] = data.lines[row].to_string();
                let own = data.cells(row).map(|(_, cell)| cell.to_owned());
                let all = own.chain(scored_cells(row, answers));
                cells.iter_mut().skip(1).zip(all).for_each(|(cell, text)| *cell = text);
            }
            Err(bad) => {
                cells[0] = bad.line.map_or(String::new(), |line| line.to_string());
                if let Some(last) = cells.last_mut() {
                    *last = bad.error.to_string();
                }
            }
        }
        csv.row(&cells)?;
    }
    csv.into_inner().and_then(Write::flush)
}

fn scored_cells(row: usize, answers: &Answers) -> Vec<String> {
    let scores = answers.prediction.row(row);
    let numbers = scores.iter().map(f64::to_string);
    let mut cells: Vec<String> = match answers.prediction.output() {
        Output::Classes(classes) => {
            let best = argmax(scores);
            [classes.name(best as u32).to_owned(), scores[best].to_string()]
                .into_iter()
                .chain(numbers)
                .collect()
        }
        _ => numbers.collect(),
    };
    cells.extend(answers.said(row).map(|(_, said)| match said {
        Said::Set(codes) => answers.names(codes).join(SET_SEPARATOR),
        Said::Number(number) => number.to_string(),
    }));
    cells
}

/// The columns of the CSV form: cells as text, scores as numbers.
#[cfg(feature = "parquet")]
fn parquet(data: &LoadedTable, answers: &Answers, out: &mut (dyn Write + Send)) -> Result<()> {
    use prompt_models::data::write::{ParquetCell as Cell, ParquetColumn as Kind, ParquetWriter};
    let failed = |e: std::io::Error| Error::io("write", OUTPUT, e);
    let named = |name: String, kind| (name, kind);
    let (names, scored) = columns(data, answers);
    let own = names.0.iter().map(|(_, new)| named(new.clone(), Kind::Text));
    let is_text = |name: &str| {
        let set = |(column, said): &(&str, Vec<Said>)| {
            *column == name && matches!(said.first(), Some(Said::Set(_)))
        };
        name == "label" || answers.aside.as_ref().is_some_and(set)
    };
    let kind = |name: &String| if is_text(name) { Kind::Text } else { Kind::Number };
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
                let scores = scored.iter().zip(scored_cells(row, answers)).map(|(name, cell)| {
                    if is_text(name) {
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
fn parquet(_: &LoadedTable, _: &Answers, _: &mut (dyn Write + Send)) -> Result<()> {
    Err(crate::predict::no_parquet())
}
