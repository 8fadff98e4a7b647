//! Cells as they stand in the file, column by column.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::Value;
use serde_json::value::RawValue;

use super::BadRow;
use crate::format::Format;
use crate::read::read_error;
use crate::read::rows::{LineError, LineReader, RowError, RowReader};

/// Refuses a header that names a column twice.
pub(crate) fn header_twice(path: &Path, line: u64, names: &[String]) -> Result<()> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let what = format!("the header names the column `{name}` twice");
            Err(Error::parse(path, line, None, what, "rename one of them"))
        }
    }
}

/// One column's cells: their bytes one after another.
#[derive(Debug, Default, Clone)]
pub(super) struct RawColumn {
    pub(super) name: String,
    text: String,
    ends: Vec<usize>,
    /// What each cell was in JSON; empty for CSV.
    forms: Vec<Form>,
}

/// What a cell was in JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// The object has no such field.
    Absent,
    Null,
    Text,
    /// A number, a boolean, a list or an object, kept as it was written.
    Literal,
}

impl RawColumn {
    /// A column of CSV.
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A field that the first `rows` objects do not have.
    fn field(name: &str, rows: usize) -> Self {
        Self { ends: vec![0; rows], forms: vec![Form::Absent; rows], ..Self::new(name) }
    }

    pub(super) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    fn push_json(&mut self, value: &RawValue) {
        let raw = value.get();
        let form = match raw.as_bytes().first() {
            Some(b'"') => Form::Text,
            Some(b'n') => Form::Null,
            _ => Form::Literal,
        };
        match form {
            // What stands between quotes is a string: the parser has seen to that.
            Form::Text => self.push(&serde_json::from_str::<String>(raw).unwrap_or_default()),
            Form::Literal if raw.contains(['\n', '\r']) => {
                // On one line, as it will be written. Numbers have no line breaks, so none loses a digit here.
                self.push(&serde_json::from_str::<Value>(raw).unwrap_or_default().to_string());
            }
            Form::Literal => self.push(raw),
            Form::Null | Form::Absent => self.push(""),
        }
        self.forms.push(form);
    }

    /// The cell as JSON: what the input had; a cell of CSV is null where it is empty, a number where it is written as
    /// JSON writes one, else a string. `None` for a field that the row does not have.
    pub(super) fn json(&self, row: usize) -> Option<String> {
        let cell = self.cell(row);
        let quoted = || Value::from(cell).to_string();
        match self.forms.get(row) {
            Some(Form::Absent) => None,
            Some(Form::Null) => Some("null".to_owned()),
            Some(Form::Literal) => Some(cell.to_owned()),
            Some(Form::Text) => Some(quoted()),
            None if cell.is_empty() => Some("null".to_owned()),
            None => {
                let digit = cell.strip_prefix('-').unwrap_or(cell).starts_with(|c: char| c.is_ascii_digit());
                let number = digit && serde_json::from_str::<&RawValue>(cell).is_ok_and(|v| v.get() == cell);
                Some(if number { cell.to_owned() } else { quoted() })
            }
        }
    }

    pub(super) fn cell(&self, row: usize) -> &str {
        let from = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|&to| self.text.get(from..to)).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// All columns, the line of every row, and the lines that are no rows.
#[derive(Debug, Default)]
pub(super) struct RawTable {
    pub(super) columns: Vec<RawColumn>,
    pub(super) lines: Vec<u64>,
    pub(super) bad: Vec<BadRow>,
    /// Whether the stream failed: the last of `bad` says where.
    pub(super) cut: bool,
    /// Where columns are by name, for rows that name theirs.
    names: HashMap<String, usize>,
}

impl RawTable {
    pub(super) fn read(path: &Path, input: impl Read, limit: usize, strict: bool) -> Result<Self> {
        let mut table = Self::default();
        match Format::of_path(path).unwrap_or(Format::Jsonl) {
            Format::Csv => {
                let delimiter = if Format::is_tsv(path) { b'\t' } else { b',' };
                table.read_csv(path, RowReader::new(input, delimiter, limit), limit, strict)?;
            }
            Format::Jsonl => table.read_lines(path, LineReader::new(input, limit), limit, strict)?,
            Format::Json => table.read_list(path, input)?,
            Format::Parquet => {
                let help = "name a file that ends in .parquet";
                return Err(Error::input("Parquet is read from a file, not from a stream", help));
            }
        }
        Ok(table)
    }

    /// Keeps what is wrong with a line; with `strict` that ends it.
    pub(super) fn complain(&mut self, error: Error, strict: bool) -> Result<()> {
        if strict {
            return Err(error);
        }
        self.bad.push(BadRow::of(error));
        Ok(())
    }

    fn read_csv<R: Read>(
        &mut self,
        path: &Path,
        mut rows: RowReader<R>,
        limit: usize,
        strict: bool,
    ) -> Result<()> {
        let (line, names) = match rows.next_row() {
            None => {
                let help = "name the columns in the first line";
                return Err(Error::parse(path, None, None, "the file has no header", help));
            }
            Some(Err(error)) => return Err(error.into_error(path, limit)),
            Some(Ok((line, row))) => (line, row.cells().map(|c| c.trim().to_owned()).collect::<Vec<_>>()),
        };
        self.header(path, line, &names)?;
        while let Some(row) = rows.next_row() {
            let error = match row {
                Ok((line, row)) if row.cells().map(str::trim).eq(names.iter().map(String::as_str)) => {
                    let what = "the header stands here again";
                    Error::parse(path, line, None, what, "remove the line; files were joined here")
                }
                Ok((line, row)) if row.len() == self.columns.len() => {
                    self.columns.iter_mut().zip(row.cells()).for_each(|(column, cell)| column.push(cell));
                    self.lines.push(line);
                    continue;
                }
                Ok((line, row)) => {
                    let what = format!("the row has {} cells, the header {}", row.len(), self.columns.len());
                    Error::parse(path, line, None, what, "put cells with commas or line breaks in quotes")
                }
                Err(RowError::Line(LineError::Io { number, source })) => {
                    return self.ended(read_error(path, number, source), strict);
                }
                Err(error) => error.into_error(path, limit),
            };
            self.complain(error, strict)?;
        }
        Ok(())
    }

    /// Columns of these names.
    pub(super) fn header(&mut self, path: &Path, line: u64, names: &[String]) -> Result<()> {
        header_twice(path, line, names)?;
        self.columns = names.iter().map(|name| RawColumn::new(name)).collect();
        Ok(())
    }

    fn read_lines<R: Read>(
        &mut self,
        path: &Path,
        mut lines: LineReader<R>,
        limit: usize,
        strict: bool,
    ) -> Result<()> {
        while let Some(line) = lines.next_line() {
            let line = match line {
                Ok(line) => line,
                Err(LineError::Io { number, source }) => {
                    return self.ended(read_error(path, number, source), strict);
                }
                Err(error) => {
                    self.complain(RowError::Line(error).into_error(path, limit), strict)?;
                    continue;
                }
            };
            if line.bytes.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Object<'_>>(line.bytes) {
                Ok(object) => self.push_object(&object, line.number),
                Err(e) => {
                    let what = format!("not a JSON object: {e}");
                    let error = Error::parse(path, line.number, e.column() as u64, what, "one object a line");
                    self.complain(error, strict)?;
                }
            }
        }
        Ok(())
    }

    fn read_list(&mut self, path: &Path, mut input: impl Read) -> Result<()> {
        let mut text = Vec::new();
        input.read_to_end(&mut text).map_err(|e| Error::io("read", path, e))?;
        let objects: Vec<Object<'_>> = serde_json::from_slice(&text).map_err(|e| {
            let what = format!("not a list of JSON objects: {e}");
            Error::parse(path, e.line() as u64, e.column() as u64, what, "write [{…}, {…}], or JSON lines")
        })?;
        for (i, object) in objects.iter().enumerate() {
            self.push_object(object, i as u64 + 1);
        }
        Ok(())
    }

    /// A failed stream keeps what was read; without a row, and with `strict`, it is the whole story.
    pub(super) fn ended(&mut self, error: Error, strict: bool) -> Result<()> {
        self.cut = true;
        if self.lines.is_empty() || strict {
            return Err(error);
        }
        self.bad.push(BadRow::of(error));
        Ok(())
    }

    pub(super) fn push_object(&mut self, object: &Object<'_>, line: u64) {
        let row = self.lines.len();
        // Objects mostly name their columns in one order.
        for (i, (name, value)) in object.0.iter().enumerate() {
            let at = match self.columns.get(i) {
                Some(column) if column.name == *name => i,
                _ => self.position(name, row),
            };
            // Of a name that comes twice the first counts.
            if self.columns[at].ends.len() == row {
                self.columns[at].push_json(value);
            }
        }
        for column in self.columns.iter_mut().filter(|c| c.ends.len() == row) {
            column.push("");
            column.forms.push(Form::Absent);
        }
        self.lines.push(line);
    }

    /// Where a column is, which is made when it is new.
    fn position(&mut self, name: &str, row: usize) -> usize {
        if self.names.len() != self.columns.len() {
            self.names = self.columns.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
        }
        if let Some(at) = self.names.get(name) {
            return *at;
        }
        self.columns.push(RawColumn::field(name, row));
        self.names.insert(name.to_owned(), self.columns.len() - 1);
        self.columns.len() - 1
    }
}

/// The fields of an object in their order, their values as they are written.
pub(super) struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Object<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields;
        impl<'de> serde::de::Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Object<'de>, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
