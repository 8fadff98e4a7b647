//! Tables from CSV, JSON lines, Parquet and Excel files: rows of cells become typed columns.
//!
//! ```text
//! file --rows of cells (bad rows are said)--> raw columns --kind of each column (inferred or given)--> Table
//! ```
//!
//! | kind | when it is inferred |
//! |---|---|
//! | number | every value is one, or at least 95% are: the others become missing and are said |
//! | time | every value is a date, or a date and a time: `2024-12-05`, `2024/12/05`, `05.12.2024`, and `05/12/2024` where the column shows whether the day or the month comes first |
//! | category | anything else with few distinct values (at most 1,000, or a tenth of the rows) |
//! | text | the rest |
//!
//! A cell that is empty or one of [`TableOptions::missing`] has no value.

mod columnar;
mod infer;
mod raw;
pub(crate) mod time;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use prompt_core::artifact::digest;
use prompt_core::{Column, Error, Result, Role, Table};
use serde::{Deserialize, Serialize};

use crate::example::Split;
use crate::format::Format;
use crate::read::rows::LineReader;
use crate::split::group_codes;
use crate::write::Output;
pub(crate) use infer::{few_levels, mostly};
pub(crate) use raw::header_twice;
use raw::{RawColumn, RawTable};
pub use write::write;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Numbers.
    Number,
    /// One of a few values.
    Category,
    /// Points in time.
    Time,
    /// Free text.
    Text,
}

impl Kind {
    /// In a word: `number`, `category`, `time` or `text`, as it is written in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::Time => "time",
            Self::Text => "text",
        }
    }

    /// The kind of a column.
    pub fn of(column: &Column) -> Self {
        match column {
            Column::Number(_) => Self::Number,
            Column::Category { .. } => Self::Category,
            Column::Time(_) => Self::Time,
            _ => Self::Text,
        }
    }
}

/// How a table is read.
///
/// | option | default | meaning |
/// |---|---|---|
/// | `target` | none | the column to be predicted |
/// | `weight` | none | the column of row weights: numbers ≥ 0 in every row; never a feature |
/// | `split` | `split` | the column that says train, validation or test, where there is one; never a feature |
/// | `ignore` | none | columns that are left out |
/// | `kinds` | inferred | the kind of a column by name |
/// | `missing` | `NA`, `N/A`, `nan`, `null`, `None` and their cases | cells that stand for no value |
/// | `max_line_bytes` | 16 MiB | longer lines are skipped with an error |
/// | `strict` | no | stop at the first bad line |
///
/// ```
/// use prompt_core::Role;
/// use prompt_data::table::{Kind, TableOptions};
/// let csv = "age,job,y\n31,cook,1.5\n,nurse,2\n44,cook,0.5\n";
/// let loaded = TableOptions::default().target("y").from_bytes("people.csv", csv.as_bytes()).unwrap();
/// assert_eq!((loaded.table.rows(), loaded.table.cols()), (3, 3));
/// assert_eq!(Kind::of(loaded.table.column("job").unwrap()), Kind::Category);
/// assert_eq!(loaded.table.column("age").unwrap().missing(), 1);
/// assert_eq!(loaded.table.with_role(Role::Target).next().unwrap().0, "y");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// The column to be predicted.
    pub target: Option<String>,
    /// The column that says how much each row counts: a number ≥ 0 in every row.
    pub weight: Option<String>,
    /// The column that says which split a row belongs to.
    pub split: String,
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// Kinds of columns by name; the others are inferred.
    pub kinds: BTreeMap<String, Kind>,
    /// Cells that stand for no value, beside the empty one; compared without regard to case.
    pub missing: Vec<String>,
    /// Longest legal line in bytes.
    pub max_line_bytes: usize,
    /// Whether to stop at the first bad line.
    pub strict: bool,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            target: None,
            weight: None,
            split: "split".to_owned(),
            ignore: Vec::new(),
            kinds: BTreeMap::new(),
            missing: ["na", "n/a", "nan", "null", "none"].map(str::to_owned).to_vec(),
            max_line_bytes: 16 << 20,
            strict: false,
        }
    }
}

/// A table and what was seen on the way.
#[derive(Debug)]
pub struct LoadedTable {
    /// The columns but those of splits and of weights; the target has [`Role::Target`].
    pub table: Table,
    /// The split of every row, where the file has such a column.
    pub splits: Option<Vec<Split>>,
    /// The weight of every row, where a column of weights was named.
    pub weights: Option<Vec<f64>>,
    /// The line of every row.
    pub lines: Vec<u64>,
    /// What a person should know: columns of mixed kinds, columns without a value.
    pub notes: Vec<String>,
    /// The lines that are no rows, in order.
    pub bad: Vec<BadRow>,
    /// Whether the file ends before its time (a truncated or damaged archive): then the last of `bad` says from which line on
    /// rows are missing.
    pub cut: bool,
    /// A digest of the cells.
    pub digest: String,
    /// The file.
    pub path: PathBuf,
    raw: Vec<RawColumn>,
    /// Where each row stands among the raw ones.
    raw_rows: Vec<usize>,
}

/// A line that is no row of the table.
#[derive(Debug)]
pub struct BadRow {
    /// The line, where known.
    pub line: Option<u64>,
    /// What is wrong with it.
    pub error: Error,
}

impl BadRow {
    fn of(error: Error) -> Self {
        let line = if let Error::Parse { line, .. } = &error { *line } else { None };
        Self { line, error }
    }
}

impl LoadedTable {
    /// The cells of a row as they stand in the file, with the names of their columns.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        let raw = self.raw_rows.get(row).copied().unwrap_or(usize::MAX);
        self.raw.iter().map(move |column| (column.name.as_str(), column.cell(raw)))
    }

    /// A row as JSON fields: names, and values as the file has them (a cell of CSV is a number where it is written as JSON
    /// writes one, and null where it is empty).
    pub fn json(&self, row: usize) -> impl Iterator<Item = (&str, String)> {
        let raw = self.raw_rows.get(row).copied().unwrap_or(usize::MAX);
        self.raw.iter().filter_map(move |column| Some((column.name.as_str(), column.json(raw)?)))
    }

    /// An error at a row: its file and line, what is wrong, what to do.
    pub fn wrong_row(&self, row: usize, what: impl Into<String>, help: impl Into<String>) -> Error {
        Error::parse(&self.path, self.lines.get(row).copied(), None, what, help)
    }

    /// Takes these rows out: each becomes a line that is no row, with the error of [`wrong_row`](Self::wrong_row) that says
    /// why. The digest stays that of all that was read.
    pub fn refuse_rows(&mut self, refused: BTreeMap<usize, Error>) {
        let left: Vec<usize> = (0..self.table.rows()).filter(|row| !refused.contains_key(row)).collect();
        fn of<T: Copy>(all: &[T], left: &[usize]) -> Vec<T> {
            left.iter().filter_map(|&row| all.get(row).copied()).collect()
        }
        self.table = self.table.select_rows(&left);
        self.splits = self.splits.take().map(|splits| of(&splits, &left));
        self.weights = self.weights.take().map(|weights| of(&weights, &left));
        self.lines = of(&self.lines, &left);
        self.raw_rows = of(&self.raw_rows, &left);
        self.bad.extend(refused.into_values().map(BadRow::of));
        sort_by_line(&mut self.bad);
    }

    fn column(&self, name: &str) -> Result<&Column> {
        let known = || self.table.columns().map(|(name, _, _)| name);
        self.table.column(name).ok_or_else(|| Error::unknown("column", name, known()))
    }

    /// The numbers of a column by which rows can be put in order: points in time or numbers; NaN where there is none.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there, [`Error::Input`] for one of another kind.
    pub fn times_of(&self, name: &str) -> Result<Vec<f64>> {
        match self.column(name)? {
            Column::Time(times) => Ok(times.iter().map(|t| t.map_or(f64::NAN, |t| t as f64)).collect()),
            Column::Number(values) => Ok(values.clone()),
            other => Err(Error::input(
                format!("column `{name}` holds {} values, by which rows have no order", other.kind()),
                "name a column of dates (YYYY-MM-DD) or numbers",
            )),
        }
    }

    /// A code for each distinct cell of a column, by which rows can be grouped or shared out; missing cells are one.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there.
    pub fn codes_of(&self, name: &str) -> Result<Vec<u32>> {
        self.column(name)?;
        let column = self.raw.iter().position(|column| column.name == name).unwrap_or(usize::MAX);
        Ok(group_codes((0..self.table.rows()).map(|row| self.cell(column, row).trim())))
    }

    /// Names of all columns of the file.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.raw.iter().map(|column| column.name.as_str()).collect()
    }

    /// The cell of a column of the file as it stands there.
    pub(crate) fn cell(&self, column: usize, row: usize) -> &str {
        match (self.raw.get(column), self.raw_rows.get(row)) {
            (Some(column), Some(row)) => column.cell(*row),
            _ => "",
        }
    }

    /// Writes these rows as they stand in the file, also columns that were left out: CSV, TSV or JSON lines by the name.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn write_rows(&self, rows: &[usize], path: impl AsRef<Path>) -> Result<()> {
        let lines = |path: &Path| Format::of_path(path) == Some(Format::Jsonl);
        if lines(&self.path) && lines(path.as_ref()) {
            return self.copy_lines(rows, path.as_ref());
        }
        let names = self.names();
        let cell = |text: &str| match text {
            "" => serde_json::Value::Null,
            text => serde_json::Value::String(text.to_owned()),
        };
        write::write_cells(path.as_ref(), &names, |out| {
            rows.iter().try_for_each(|&row| out.row(self.cells(row).map(|(_, text)| cell(text))))
        })
    }

    /// Lines of JSON keep what a cell cannot: numbers apart from texts, lists, objects.
    fn copy_lines(&self, rows: &[usize], path: &Path) -> Result<()> {
        let wanted: HashSet<u64> = rows.iter().filter_map(|&row| self.lines.get(row).copied()).collect();
        let mut lines = LineReader::new(crate::read::open_bytes(&self.path)?, usize::MAX);
        let mut out = Output::create(path)?;
        while let Some(line) = lines.next_line() {
            // A line that cannot be read is none of the rows.
            let Ok(line) = line else { continue };
            if wanted.contains(&line.number) {
                let written = out.write_all(line.bytes.trim_ascii()).and_then(|()| out.write_all(b"\n"));
                written.map_err(|e| Error::io("write", path, e))?;
            }
        }
        out.commit()
    }

    /// The rows of a split, in order; none where the file has no splits.
    pub fn rows_of(&self, split: Split) -> Vec<usize> {
        let splits = self.splits.iter().flat_map(|s| s.iter().enumerate());
        splits.filter(|(_, s)| **s == split).map(|(i, _)| i).collect()
    }
}

impl TableOptions {
    /// The same with this target.
    #[must_use]
    pub fn target(mut self, name: &str) -> Self {
        self.target = Some(name.to_owned());
        self
    }

    /// Reads a file: `.csv`, `.tsv`, `.jsonl`, `.json`, also compressed; `.parquet` (with the feature `parquet`);
    /// `.xlsx`, `.xls`, `.xlsb`, `.ods`, of which the first sheet is taken (with the feature `excel`); `-` is standard
    /// input (JSON lines).
    ///
    /// # Errors
    /// A missing, empty or unreadable file; a header that names a column twice; a target or ignored column that is not
    /// there; no rows; with `strict`, the first bad line.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LoadedTable> {
        let path = path.as_ref();
        if Format::of_path(path) == Some(Format::Parquet) {
            return self.typed(path, columnar::parquet(path, self.strict)?);
        }
        if columnar::is_excel(path) {
            return self.typed(path, columnar::excel(path, self.strict)?);
        }
        let input = crate::read::open_bytes(path)?;
        let shown = if path.as_os_str() == "-" { Path::new("<stdin>") } else { path };
        self.from_reader(shown, input)
    }

    /// Reads from memory; the name tells the format and stands in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_bytes(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<LoadedTable> {
        self.from_reader(name.as_ref(), Cursor::new(bytes.to_vec()))
    }

    /// Reads decompressed bytes from a stream; the name tells the format and stands in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_reader(&self, path: &Path, input: impl Read + Send + 'static) -> Result<LoadedTable> {
        let raw = RawTable::read(path, input, self.max_line_bytes, self.strict)?;
        self.typed(path, raw)
    }

    fn typed(&self, path: &Path, raw: RawTable) -> Result<LoadedTable> {
        let unknown = |what: &'static str, name: &str| {
            Error::unknown(what, name, raw.columns.iter().map(|c| c.name.as_str()))
        };
        let named = self.target.iter().chain(&self.weight).chain(&self.ignore).chain(self.kinds.keys());
        let missing: BTreeSet<&str> =
            named.filter(|n| !raw.columns.iter().any(|c| c.name == **n)).map(String::as_str).collect();
        if !missing.is_empty() {
            return Err(unknown("column", &missing.into_iter().collect::<Vec<_>>().join("`, `")));
        }
        if let Some(name) = self.weight.as_ref().filter(|name| self.target.as_ref() == Some(name)) {
            return Err(Error::input(
                format!("column `{name}` is named as the target and as the column of weights"),
                "name two different columns",
            ));
        }
        if raw.lines.is_empty() {
            return Err(match raw.bad.into_iter().next() {
                Some(first) => first.error,
                None => Error::parse(path, None, None, "the file has no rows", "give it at least one row"),
            });
        }
        let (mut bad, cut) = (raw.bad, raw.cut);
        let kinds = self.kinds_given(&raw.columns, raw.lines.len());
        let rows = self.fitting(path, &kinds, &raw.columns, &raw.lines, &mut bad)?;
        let lines: Vec<u64> = rows.iter().map(|&row| raw.lines[row]).collect();
        let mut notes = Vec::new();
        let mut table = Table::new();
        let (mut splits, mut weights) = (None, None);
        for column in &raw.columns {
            let cells: Vec<Option<&str>> = rows.iter().map(|&row| self.value(column.cell(row))).collect();
            let is_target = self.target.as_deref() == Some(column.name.as_str());
            if self.weight.as_deref() == Some(column.name.as_str()) {
                weights = Some(read_weights(path, &column.name, &cells, &lines)?);
                continue;
            }
            if self.ignore.contains(&column.name) {
                continue;
            }
            if column.name == self.split && !is_target {
                splits = Some(read_splits(path, &column.name, &cells, &lines)?);
                continue;
            }
            let given = kinds.get(&column.name).copied();
            let typed = infer::column(&column.name, &cells, given, &lines, &mut notes);
            table = table.with(&column.name, if is_target { Role::Target } else { Role::Feature }, typed)?;
        }
        Ok(LoadedTable {
            table,
            splits,
            weights,
            digest: digest(raw.columns.iter().flat_map(|c| [c.name.as_bytes(), c.bytes()])),
            lines,
            notes,
            bad,
            cut,
            path: path.to_path_buf(),
            raw: raw.columns,
            raw_rows: rows,
        })
    }

    /// The kinds that are not to be inferred: those that were given, and numbers for a target that looks like them, so that
    /// a row whose target is none stays out like any other bad row.
    fn kinds_given(&self, columns: &[RawColumn], rows: usize) -> BTreeMap<String, Kind> {
        let mut kinds = self.kinds.clone();
        let target = columns.iter().find(|c| Some(&c.name) == self.target.as_ref());
        if let Some(column) = target.filter(|c| !kinds.contains_key(&c.name)) {
            let cells: Vec<Option<&str>> = (0..rows).map(|row| self.value(column.cell(row))).collect();
            let lines = vec![0; rows];
            if Kind::of(&infer::column(&column.name, &cells, None, &lines, &mut Vec::new())) == Kind::Number {
                kinds.insert(column.name.clone(), Kind::Number);
            }
        }
        kinds
    }

    /// The rows that have a target and whose cells are of the kinds that their columns were said to be; the others become
    /// bad lines.
    fn fitting(
        &self,
        path: &Path,
        kinds: &BTreeMap<String, Kind>,
        columns: &[RawColumn],
        lines: &[u64],
        bad: &mut Vec<BadRow>,
    ) -> Result<Vec<usize>> {
        let given = |c: &RawColumn| {
            let kind = *kinds.get(&c.name)?;
            let cells = (0..lines.len()).filter_map(|row| self.value(c.cell(row)));
            Some((kind, if kind == Kind::Time { time::order(&cells) } else { None }))
        };
        let given: Vec<(&RawColumn, (Kind, Option<time::Order>))> =
            columns.iter().filter_map(|c| Some((c, given(c)?))).collect();
        let target = columns.iter().find(|c| Some(&c.name) == self.target.as_ref());
        let mut rows = Vec::with_capacity(lines.len());
        for (row, &line) in lines.iter().enumerate() {
            let misfit = || {
                given.iter().find_map(|(column, (kind, order))| {
                    let cell = self.value(column.cell(row))?;
                    infer::misfit(&column.name, cell, *kind, *order)
                })
            };
            let without_target =
                target.filter(|column| self.value(column.cell(row)).is_none()).map(|column| {
                    (
                        format!("the target `{}` has no value", column.name),
                        "give it one, or leave the row out",
                    )
                });
            match without_target.or_else(misfit) {
                None => rows.push(row),
                Some((what, help)) => {
                    let error = Error::parse(path, line, None, what, help);
                    if self.strict {
                        return Err(error);
                    }
                    bad.push(BadRow::of(error));
                }
            }
        }
        sort_by_line(bad);
        if rows.is_empty() && !bad.is_empty() {
            return Err(bad.swap_remove(0).error);
        }
        Ok(rows)
    }

    /// The cell's value, unless it stands for none.
    fn value<'a>(&self, cell: &'a str) -> Option<&'a str> {
        let cell = cell.trim();
        let missing = cell.is_empty() || self.missing.iter().any(|m| m.eq_ignore_ascii_case(cell));
        (!missing).then_some(cell)
    }
}

/// In the order of the file; the one that stands for all that a cut file lacks, whose line is behind all others, stays last.
fn sort_by_line(bad: &mut [BadRow]) {
    bad.sort_by_key(|bad| bad.line.unwrap_or(u64::MAX));
}

/// Rows that could not be counted would silently count as something: the first is an error.
fn read_weights(path: &Path, name: &str, cells: &[Option<&str>], lines: &[u64]) -> Result<Vec<f64>> {
    const HELP: &str = "write a number ≥ 0 in every row; 0 leaves a row out";
    let read = |(cell, line): (&Option<&str>, &u64)| {
        let weight = cell.and_then(|c| c.parse::<f64>().ok()).filter(|w| w.is_finite() && *w >= 0.0);
        weight.ok_or_else(|| {
            let what = match cell {
                Some(cell) => format!("the weight `{name}` is `{cell}`, no number ≥ 0"),
                None => format!("the weight `{name}` has no value"),
            };
            Error::parse(path, *line, None, what, HELP)
        })
    };
    let weights: Vec<f64> = cells.iter().zip(lines).map(read).collect::<Result<_>>()?;
    match weights.iter().all(|w| *w == 0.0) {
        true => Err(Error::parse(path, None, None, format!("all weights in `{name}` are zero"), HELP)),
        false => Ok(weights),
    }
}

fn read_splits(path: &Path, name: &str, cells: &[Option<&str>], lines: &[u64]) -> Result<Vec<Split>> {
    let read = |(cell, line): (&Option<&str>, &u64)| {
        cell.and_then(|c| c.parse().ok()).ok_or_else(|| {
            Error::parse(
                path,
                *line,
                None,
                format!("column `{name}` holds `{}`", cell.unwrap_or("")),
                "write train, validation or test in every row, or name another column of splits",
            )
        })
    };
    cells.iter().zip(lines).map(read).collect()
}

#[cfg(test)]
mod tests;
