//! Cells as they stand in the file, column by column.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::{Map, Value};

use super::BadRow;
use crate::format::Format;
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
}

impl RawColumn {
    pub(super) fn new(name: &str, empty_rows: usize) -> Self {
        Self { name: name.to_owned(), text: String::new(), ends: vec![0; empty_rows] }
    }

    pub(super) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
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
                    return self.ended(Error::parse(
                        path,
                        number,
                        None,
                        format!("the input fails here: {source}"),
                        "the rows before it were read; check the file",
                    ));
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
        self.columns = names.iter().map(|name| RawColumn::new(name, 0)).collect();
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
                    return self.ended(Error::parse(
                        path,
                        number,
                        None,
                        format!("the input fails here: {source}"),
                        "the rows before it were read; check the file",
                    ));
                }
                Err(error) => {
                    self.complain(RowError::Line(error).into_error(path, limit), strict)?;
                    continue;
                }
            };
            if line.bytes.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Map<String, Value>>(line.bytes) {
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
        let objects: Vec<Map<String, Value>> = serde_json::from_slice(&text).map_err(|e| {
            let what = format!("not a list of JSON objects: {e}");
            Error::parse(path, e.line() as u64, e.column() as u64, what, "write [{…}, {…}], or JSON lines")
        })?;
        for (i, object) in objects.iter().enumerate() {
            self.push_object(object, i as u64 + 1);
        }
        Ok(())
    }

    /// A failed stream keeps what was read; without a row it is the whole story.
    pub(super) fn ended(&mut self, error: Error) -> Result<()> {
        if self.lines.is_empty() {
            return Err(error);
        }
        self.bad.push(BadRow::of(error));
        self.cut = true;
        Ok(())
    }

    pub(super) fn push_object(&mut self, object: &Map<String, Value>, line: u64) {
        let row = self.lines.len();
        // Objects mostly name their columns in one order.
        for (i, (name, value)) in object.iter().enumerate() {
            let at = match self.columns.get(i) {
                Some(column) if column.name == *name => i,
                _ => self.position(name, row),
            };
            match value {
                Value::Null => self.columns[at].push(""),
                Value::String(text) => self.columns[at].push(text),
                other => self.columns[at].push(&other.to_string()),
            }
        }
        for column in self.columns.iter_mut().filter(|c| c.ends.len() == row) {
            column.push("");
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
        self.columns.push(RawColumn::new(name, row));
        self.names.insert(name.to_owned(), self.columns.len() - 1);
        self.columns.len() - 1
    }
}
