//! Scores as Parquet columns.

use std::collections::BTreeMap;
use std::io::Write;

use prompt_core::{CancelToken, Result};
use prompt_data::Example;
use prompt_data::read::Examples;
use prompt_data::write::{ParquetCell as Cell, ParquetColumn as Column, ParquetWriter, json_object};

use super::record::RecordWriter;
use super::record::flags::flag_names;
use super::record::table::Answer;
use super::{ScoreOptions, ScoreSummary, Scored, each, unwritten};
use crate::pipeline::LoadedModel;

/// Scores examples into Parquet: `line`, `text`, `true_label`, `label`, `confidence`, `p_CLASS` for every class (or `score`)
/// of the first head, of each further one its label or number under its name and, of a label, `NAME_confidence`, `error`,
/// `flags` (the kinds of what the sanitiser flags) and `input` (the whole input row as JSON). A bad line keeps its place with
/// its error; one stands for all that a truncated archive lacks.
///
/// What was scored before a failure is a whole file.
///
/// # Errors
/// As [`score_csv`](super::score_csv).
pub fn score_parquet(
    examples: Examples,
    output: impl Write + Send,
    model: &LoadedModel,
    options: &ScoreOptions,
    cancel: &CancelToken,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let writer = RecordWriter::of_table(model, &options.fields)?;
    let columns = columns(&writer);
    let mut out = ParquetWriter::new(output, &columns).map_err(unwritten)?;
    let stopped = each(examples, &writer, (options.strict, cancel), summary, |scored| {
        let row = match scored {
            Scored::Example(example, scores) => row(&writer, &example, &scores)?,
            Scored::Bad(line, error) => {
                let cell = |(name, _): &(String, Column)| match name.as_str() {
                    "line" => whole(line),
                    "error" => Cell::Text(error.to_string()),
                    _ => Cell::Null,
                };
                columns.iter().map(cell).collect()
            }
        };
        out.row(row).map_err(unwritten)
    });
    out.finish().and_then(|mut output| output.flush()).map_err(unwritten)?;
    stopped
}

fn columns(writer: &RecordWriter<'_>) -> Vec<(String, Column)> {
    let kind = |name: &str| match name {
        "line" => Column::Whole,
        _ => Column::Text,
    };
    let answers: BTreeMap<String, bool> = writer.answer_columns().into_iter().collect();
    let mut columns: Vec<(String, Column)> = writer
        .csv_header()
        .into_iter()
        .map(|name| match answers.get(&name) {
            Some(false) => (name, Column::Number),
            _ => (name.clone(), kind(&name)),
        })
        .collect();
    columns.push(("input".to_owned(), Column::Text));
    columns
}

fn whole(line: u64) -> Cell {
    i64::try_from(line).map_or(Cell::Null, Cell::Whole)
}

fn row(writer: &RecordWriter<'_>, example: &Example, scores: &[f64]) -> Result<Vec<Cell>> {
    let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
    let mut row = vec![whole(example.line), Cell::Text(example.text.clone()), text(example.label.clone())];
    row.extend(writer.answers(&example.text, scores).into_iter().map(|answer| match answer {
        Answer::Name(name) => Cell::Text(name),
        Answer::Number(number) => Cell::Number(number),
    }));
    let flags = flag_names(&example.text);
    let mut input = Vec::new();
    json_object(example, &mut input).map_err(unwritten)?;
    row.extend([
        Cell::Null,
        text(Some(flags).filter(|flags| !flags.is_empty())),
        text(String::from_utf8(input).ok()),
    ]);
    Ok(row)
}
