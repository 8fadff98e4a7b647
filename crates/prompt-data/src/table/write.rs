//! Tables to CSV and JSON lines.

use std::io::{self, Write};
use std::path::Path;

use prompt_core::{Column, Error, Result, Table};
use serde_json::{Map, Value, json};

use super::time;
use crate::format::Format;
use crate::write::{CsvWriter, Output};

/// Writes a table, whole or not at all: CSV, TSV or JSON lines by the file's name, also `.gz`. What is missing is an
/// empty cell or `null`; points in time are written as `2024-12-05` or `2024-12-05T06:07:08.009`.
///
/// ```
/// use prompt_core::{Column, Role, Table};
/// use prompt_data::table::{TableOptions, write};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("a.csv");
/// let table = Table::new().with("n", Role::Feature, Column::Number(vec![1.5, f64::NAN, 2.0])).unwrap();
/// write(&table, &path).unwrap();
/// assert_eq!(std::fs::read_to_string(&path).unwrap(), "n\n1.5\n\"\"\n2\n");
/// assert_eq!(TableOptions::default().read(&path).unwrap().table.rows(), 3);
/// ```
///
/// # Errors
/// [`Error::Input`] for a name that promises no format; [`Error::Unsupported`] for Parquet; [`Error::Io`].
pub fn write(table: &Table, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let columns: Vec<(&str, &Column)> = table.columns().map(|(name, _, column)| (name, column)).collect();
    let rows = 0..table.rows();
    write_cells(path, &columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), |out| {
        rows.clone().try_for_each(|row| out.row(columns.iter().map(|(_, column)| cell(column, row))))
    })
}

/// A cell as it is written.
fn cell(column: &Column, row: usize) -> Value {
    let text = |text: Option<&String>| text.map_or(Value::Null, |text| Value::String(text.clone()));
    match column {
        Column::Number(values) => values.get(row).map_or(Value::Null, |v| number(*v)),
        Column::Category { codes, levels } => text(codes.get(row).and_then(|c| levels.get(*c as usize))),
        Column::Text(texts) => text(texts.get(row).and_then(Option::as_ref)),
        Column::List(lists) => json!(lists.get(row)),
        Column::Time(times) => match times.get(row) {
            Some(Some(millis)) => Value::String(time::format(*millis)),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

/// Whole numbers without a point, as people write them.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

/// Where rows of cells go.
pub(super) enum Rows<'a> {
    Csv(Box<CsvWriter<&'a mut Output>>),
    Lines(&'a mut Output, Vec<String>),
}

impl Rows<'_> {
    pub(super) fn row(&mut self, cells: impl Iterator<Item = Value>) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.row(cells.map(|cell| match cell {
                Value::Null => String::new(),
                Value::String(text) => text,
                other => other.to_string(),
            })),
            Self::Lines(out, names) => {
                let object: Map<String, Value> = names.iter().cloned().zip(cells).collect();
                writeln!(out, "{}", Value::Object(object))
            }
        }
    }
}

/// Writes a file of rows with these columns.
pub(super) fn write_cells<S: AsRef<str>>(
    path: &Path,
    names: &[S],
    rows: impl FnOnce(&mut Rows<'_>) -> io::Result<()>,
) -> Result<()> {
    let format = Format::for_writing(path)?;
    if !matches!(format, Format::Csv | Format::Jsonl) {
        let name = path.display();
        return Err(Error::unsupported(
            format!("writing a table to {name}"),
            "this format",
            "end the name in .csv, .tsv or .jsonl",
        ));
    }
    let mut out = Output::create(path)?;
    let written = match format {
        Format::Csv => {
            let delimiter = if Format::is_tsv(path) { b'\t' } else { b',' };
            // What was read is written back as it was: no cell is disarmed.
            let mut csv = CsvWriter::new(&mut out, delimiter, false);
            csv.row(names).and_then(|()| {
                let mut csv = Rows::Csv(Box::new(csv));
                rows(&mut csv)?;
                if let Rows::Csv(csv) = csv { csv.into_inner()?.flush() } else { Ok(()) }
            })
        }
        _ => rows(&mut Rows::Lines(&mut out, names.iter().map(|n| n.as_ref().to_owned()).collect())),
    };
    written.map_err(|e| Error::io("write", path, e))?;
    out.commit()
}
