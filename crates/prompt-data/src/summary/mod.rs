//! What is in a table, in one pass: for each column its kind, what is missing, and statistics.
//!
//! ```text
//! CSV stream --blocks between rows--> columns of each block (in parallel) --merged in order--> Summary
//! ```
//!
//! Memory is bounded whatever the size of a CSV file: a few blocks, and for each column a few sketches of fixed size.
//! Files of other formats are read whole first. The blocks do not depend on the number of threads, so neither does a bit
//! of the result.

mod blocks;
mod cell;
mod column;
mod csv;
mod distinct;
mod quantiles;
mod show;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prompt_core::{FitContext, Result};
use serde::Serialize;

use crate::format::Format;
use crate::table::{Kind, LoadedTable, TableOptions, few_levels, mostly, time};
use column::{BlockColumn, WholeColumn};

/// Bad lines that are told one by one.
const TOLD: usize = 10;

/// What is in a table.
///
/// ```
/// use prompt_core::FitContext;
/// use prompt_data::summary::Summary;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("people.csv");
/// std::fs::write(&path, "age,job\n30,cook\n,nurse\n50,cook\n").unwrap();
/// let summary = Summary::read(&path, &Default::default(), &FitContext::new(0)).unwrap();
/// let age = &summary.columns[0];
/// assert_eq!((summary.rows, age.missing, age.mean, age.median), (3, 1, Some(40.0), Some(40.0)));
/// assert_eq!(summary.columns[1].most_frequent.as_ref().unwrap().value, "cook");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The file.
    pub path: PathBuf,
    /// Rows that were read.
    pub rows: u64,
    /// Lines that are no rows.
    pub bad_lines: u64,
    /// What is wrong with the first of them.
    pub bad: Vec<String>,
    /// The columns in the order of the file.
    pub columns: Vec<ColumnSummary>,
}

/// What is in a column. Statistics of numbers are there for numbers alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// What it holds, by the rules of [`table`](crate::table).
    pub dtype: Kind,
    /// Rows with a value.
    pub count: u64,
    /// Rows without one.
    pub missing: u64,
    /// Values that are no numbers in a column of numbers; a reader takes them as missing.
    pub not_numbers: u64,
    /// Distinct values.
    pub distinct: u64,
    /// Whether that was counted, or estimated (standard error 1.6%).
    pub distinct_exact: bool,
    /// The most frequent value, where it can be told.
    pub most_frequent: Option<Frequent>,
    /// The mean.
    pub mean: Option<f64>,
    /// The standard deviation of the sample, n − 1 in the denominator.
    pub std: Option<f64>,
    /// The smallest number.
    pub min: Option<f64>,
    /// The first quartile; of more than 1,024 numbers within 1/2048 of its value.
    pub q1: Option<f64>,
    /// The second quartile, likewise.
    pub median: Option<f64>,
    /// The third quartile, likewise.
    pub q3: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The first point in time.
    pub first: Option<String>,
    /// The last point in time.
    pub last: Option<String>,
}

/// A value and how often it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frequent {
    /// The value, cut after a hundred bytes.
    pub value: String,
    /// How often it comes, at least.
    pub count: u64,
    /// Whether it is exactly so often.
    pub exact: bool,
}

impl Summary {
    /// Reads a file once. Of the options, `missing`, `max_line_bytes`, `ignore` and `strict` count.
    ///
    /// # Errors
    /// As [`TableOptions::read`], or a stop asked for through `ctx`.
    pub fn read(path: impl AsRef<Path>, options: &TableOptions, ctx: &FitContext) -> Result<Self> {
        let path = path.as_ref();
        let mut summary = match Format::of_path(path) {
            Some(Format::Csv) => csv::read(path, options, ctx)?,
            _ => whole(path, options, ctx)?,
        };
        summary.columns.retain(|column| !options.ignore.contains(&column.name));
        Ok(summary)
    }

    /// Of a table that was read already, with the usual words for missing cells; all columns of the file.
    ///
    /// # Errors
    /// A stop asked for through `ctx`.
    pub fn of(table: &LoadedTable, ctx: &FitContext) -> Result<Self> {
        of(table, &TableOptions::default().missing, ctx)
    }
}

/// A file that is read whole first.
fn whole(path: &Path, options: &TableOptions, ctx: &FitContext) -> Result<Summary> {
    let (target, weight) = (None, None);
    let all =
        TableOptions { target, weight, split: String::new(), kinds: BTreeMap::new(), ..options.clone() };
    of(&all.read(path)?, &options.missing, ctx)
}

fn of(loaded: &LoadedTable, missing: &[String], ctx: &FitContext) -> Result<Summary> {
    let missing = lower(missing);
    let names = loaded.names();
    let columns = ctx.try_map(names.len(), |j| {
        ctx.check()?;
        let mut whole = WholeColumn::default();
        let mut block = BlockColumn::default();
        for row in 0..loaded.table.rows() {
            block.push(loaded.cell(j, row).trim().as_bytes(), row as u32, &missing);
        }
        whole.merge(block, |row| loaded.cell(j, row as usize).trim().to_owned());
        Ok(whole)
    })?;
    let rows = loaded.table.rows() as u64;
    Ok(Summary {
        path: loaded.path.clone(),
        rows,
        bad_lines: loaded.bad.len() as u64,
        bad: loaded.bad.iter().take(TOLD).map(|bad| bad.error.to_string()).collect(),
        columns: names.into_iter().zip(columns).map(|(name, c)| finished(name.to_owned(), c, rows)).collect(),
    })
}

fn lower(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_ascii_lowercase()).collect()
}

/// The kind by the rules that readers of tables have, and what goes with it.
fn finished(name: String, mut column: WholeColumn, rows: u64) -> ColumnSummary {
    let count = rows - column.missing();
    let (distinct, distinct_exact) = column.distinct();
    let span = column.span();
    let number = column.codes() == 0 && mostly(column.numbers() as usize, count as usize);
    let dtype = match (number, span) {
        (true, _) => Kind::Number,
        (false, Some(_)) => Kind::Time,
        _ if distinct as usize <= few_levels(rows as usize) => Kind::Category,
        _ => Kind::Text,
    };
    let frequent = column.most_frequent();
    let most_frequent =
        frequent.map(|(value, count, exact)| Frequent { value: value.to_owned(), count, exact });
    let numeric = dtype == Kind::Number && column.numbers() > 0;
    let (mean, std) = column.moments();
    let (min, max) = column.ends();
    let [q1, median, q3] = if numeric { column.quartiles() } else { [None; 3] };
    let if_number = |value: f64| (numeric && value.is_finite()).then_some(value);
    let at = |millis: Option<i64>| millis.filter(|_| dtype == Kind::Time).map(time::format);
    ColumnSummary {
        name,
        dtype,
        count,
        missing: column.missing(),
        not_numbers: if numeric { count - column.numbers() } else { 0 },
        distinct,
        distinct_exact,
        most_frequent,
        mean: if_number(mean),
        std: if_number(std),
        min: if_number(min),
        q1,
        median,
        q3,
        max: if_number(max),
        first: at(span.map(|s| s.0)),
        last: at(span.map(|s| s.1)),
    }
}

#[cfg(test)]
mod tests;
