//! Rows of a table explained as a person looks at them: columns by name, levels by name, pictures.

use std::borrow::Cow;
use std::fmt;

use prompt_core::{Error, FitContext, Matrix, Names, Result, RowView, Seed, Transform};
use prompt_data::Split;
use prompt_data::table::LoadedTable;
use prompt_metrics::plot::{Contributions, contributions_svg, dependence_svg};
use serde::Serialize;

use super::any::{Way, explain};
use super::values::ShapValues;
use crate::tabular::TableScorer;

/// Background rows where a model needs some.
const BACKGROUND: usize = 100;

/// Rows of which a global importance is made, where more are given.
const MOST_ROWS: usize = 2000;

/// How many columns have a picture of their own.
const PICTURES: usize = 4;

/// Rows of a table with the contributions of every column of the model's matrix.
///
/// ```
/// use prompt_core::FitContext;
/// use prompt_data::table::TableOptions;
/// use prompt_models::explain::ExplainedRows;
/// use prompt_models::tabular::{TableRecipe, TableScorer, train};
/// let mut csv = "size,colour,price\n".to_owned();
/// for i in 0..60 {
///     csv += &format!("{i},{},{}\n", ["red", "blue"][i % 2], 3 * i + 10 * (i % 2));
/// }
/// let data = TableOptions::default().target("price").from_bytes("shop.csv", csv.as_bytes())?;
/// let ctx = FitContext::new(1);
/// let trained = train(&TableRecipe::default(), &data, &Default::default(), &ctx)?;
/// let why = ExplainedRows::new(TableScorer::of(&*trained.scorer)?, &data, &[7], &ctx)?;
/// let parts = why.row(0, 0);
/// assert_eq!(parts[0].column, "size");
/// assert!(parts.iter().any(|part| part.column == "colour" && part.value.to_string() == "blue"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub struct ExplainedRows {
    model: TableScorer,
    names: Names,
    x: Matrix,
    values: ShapValues,
    way: Way,
    picked: Vec<usize>,
}

/// What a column does to a margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The column of the model's matrix.
    pub column: String,
    /// What it holds in this row.
    pub value: Shown,
    /// By how much it moves the margin.
    pub contribution: f64,
}

/// A cell of the model's matrix.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// A number.
    Number(f64),
    /// The level that a code stands for.
    Level(String),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Level(level) => level.fmt(f),
        }
    }
}

impl ExplainedRows {
    /// Explains these rows, at most 2,000 of them (drawn at random where there are more); training rows of the table are
    /// the background where the model needs one.
    ///
    /// # Errors
    /// Columns that the model does not know, or a stop asked for through `ctx`.
    pub fn new(model: TableScorer, data: &LoadedTable, rows: &[usize], ctx: &FitContext) -> Result<Self> {
        let of = |rows: &[usize]| model.prepare().transform(&data.table.select_rows(rows));
        let train = data.rows_of(Split::Train);
        let pool = if train.is_empty() { (0..data.table.rows()).collect() } else { train };
        let background = of(&drawn(&pool, BACKGROUND, ctx.seed()))?;
        let picked = drawn(rows, MOST_ROWS, ctx.seed());
        let x = of(&picked)?;
        let (values, way) = explain(model.fitted(), &x, Some(&background), ctx)?;
        let names = model.prepare().names();
        Ok(Self { model, names, x, values, way, picked })
    }

    /// The rows of the table that were explained, in their order.
    pub fn rows(&self) -> &[usize] {
        &self.picked
    }

    /// The contributions.
    pub fn values(&self) -> &ShapValues {
        &self.values
    }

    /// How they were found.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The number of the margin that is asked for: of a class by its name, else the last one.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a class without a margin.
    pub fn output(&self, class: Option<&str>) -> Result<usize> {
        let outputs = self.values.outputs();
        match class {
            None => Ok(outputs.len().saturating_sub(1)),
            Some(class) => outputs
                .iter()
                .position(|o| o == class)
                .ok_or_else(|| Error::unknown("class with a margin", class, outputs)),
        }
    }

    /// What moves a margin of a row, the largest contribution first; columns that do nothing are left out.
    pub fn row(&self, row: usize, output: usize) -> Vec<Part> {
        let moved = self.values.row(row, output).enumerate().filter(|(_, v)| *v != 0.0);
        let mut parts: Vec<Part> = moved
            .map(|(j, contribution)| Part {
                column: self.names.get(j).into_owned(),
                value: self.shown(row, j),
                contribution,
            })
            .collect();
        parts.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        parts
    }

    fn shown(&self, row: usize, column: usize) -> Shown {
        let value = cell(self.x.row(row), column);
        let level = self.model.prepare().level(column, value);
        level.map_or(Shown::Number(value), |level| Shown::Level(level.to_owned()))
    }

    /// The mean |contribution| of every column over the rows, the largest first.
    pub fn importance(&self) -> Vec<(String, f64)> {
        self.values.most_important(&self.names, usize::MAX)
    }

    /// Pictures of the contributions to a margin, with the names of their files: all columns at once, and the dependence of
    /// each of the four that matter most. None where no column does anything.
    ///
    /// # Errors
    /// Contributions that are no numbers.
    pub fn pictures(&self, output: usize) -> Result<Vec<(Cow<'static, str>, String)>> {
        let columns: Vec<Contributions> = (0..self.x.cols())
            .filter(|j| self.values.column(*j, output).any(|v| v != 0.0))
            .map(|j| Contributions {
                name: self.names.get(j).into_owned(),
                values: (0..self.x.rows()).map(|i| cell(self.x.row(i), j)).collect(),
                contributions: self.values.column(j, output).collect(),
            })
            .collect();
        // A model that looks at nothing has nothing to show.
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let margin = &self.values.outputs()[output];
        let all = contributions_svg("What moves the margin", margin, &columns)?;
        let mut files = vec![(Cow::Borrowed("contributions.svg"), all)];
        let most = self.importance();
        let ranked = most.iter().filter_map(|(name, _)| columns.iter().find(|c| c.name == *name));
        for (rank, column) in ranked.take(PICTURES).enumerate() {
            let svg = dependence_svg(&column.name, margin, column)?;
            files.push((format!("dependence-{}.svg", rank + 1).into(), svg));
        }
        Ok(files)
    }
}

/// Some of the rows, in their order.
fn drawn(rows: &[usize], most: usize, seed: Seed) -> Vec<usize> {
    let mut rows = rows.to_vec();
    if rows.len() > most {
        seed.derive("rows", 0).rng().shuffle(&mut rows);
        rows.truncate(most);
        rows.sort_unstable();
    }
    rows
}

fn cell(row: RowView<'_>, column: usize) -> f64 {
    match row {
        RowView::Dense(row) => row.get(column).copied().unwrap_or(f64::NAN),
        RowView::Sparse { indices, values } => {
            indices.iter().position(|j| *j as usize == column).map_or(0.0, |at| f64::from(values[at]))
        }
    }
}
