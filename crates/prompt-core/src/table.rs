//! Typed columns: what a CSV or Parquet file becomes before it is numbers.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One column. Missing values are NaN, [`Column::MISSING`] or `None`, by kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Column {
    /// Numbers; NaN is missing.
    Number(Vec<f64>),
    /// Categories by position in `levels`; [`Column::MISSING`] is missing.
    Category {
        /// A level for every row.
        codes: Vec<u32>,
        /// Names of the levels.
        levels: Arc<[String]>,
    },
    /// Free text.
    Text(Vec<Option<String>>),
    /// Lists of texts (messages, tags).
    List(Vec<Option<Vec<String>>>),
    /// Points in time, milliseconds since 1970-01-01 UTC.
    Time(Vec<Option<i64>>),
}

impl Column {
    /// The code of a missing category.
    pub const MISSING: u32 = u32::MAX;

    /// Categories from values; levels are sorted.
    pub fn category<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> Self {
        let values: Vec<Option<S>> = values.into_iter().collect();
        let mut levels: Vec<String> = values.iter().flatten().map(|v| v.as_ref().to_owned()).collect();
        levels.sort_unstable();
        levels.dedup();
        let codes = values
            .iter()
            .map(|v| match v {
                Some(v) => levels.partition_point(|l| l.as_str() < v.as_ref()) as u32,
                None => Self::MISSING,
            })
            .collect();
        Self::Category { codes, levels: levels.into() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(v) => v.len(),
            Self::Category { codes, .. } => codes.len(),
            Self::Text(v) => v.len(),
            Self::List(v) => v.len(),
            Self::Time(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether row `i` has a value; `false` beyond the last row.
    pub fn is_valid(&self, i: usize) -> bool {
        match self {
            Self::Number(v) => v.get(i).is_some_and(|v| !v.is_nan()),
            Self::Category { codes, .. } => codes.get(i).is_some_and(|&c| c != Self::MISSING),
            Self::Text(v) => v.get(i).is_some_and(Option::is_some),
            Self::List(v) => v.get(i).is_some_and(Option::is_some),
            Self::Time(v) => v.get(i).is_some_and(Option::is_some),
        }
    }

    /// How many rows are missing.
    pub fn missing(&self) -> usize {
        (0..self.len()).filter(|&i| !self.is_valid(i)).count()
    }

    /// The kind in words: `number`, `category`, `text`, `list`, `time`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Category { .. } => "category",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Time(_) => "time",
        }
    }

    /// The values of these rows, in this order; a row may come twice. Panics when there is no such row, as slices do.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(v: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&i| v[i].clone()).collect()
        }
        match self {
            Self::Number(v) => Self::Number(pick(v, rows)),
            Self::Category { codes, levels } => {
                Self::Category { codes: pick(codes, rows), levels: levels.clone() }
            }
            Self::Text(v) => Self::Text(pick(v, rows)),
            Self::List(v) => Self::List(pick(v, rows)),
            Self::Time(v) => Self::Time(pick(v, rows)),
        }
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// To learn from.
    #[default]
    Feature,
    /// To be predicted.
    Target,
    /// How much a row counts.
    Weight,
    /// Rows that must stay on one side of a split.
    Group,
    /// The order of rows in time.
    Time,
    /// Neither learned from nor predicted.
    Ignored,
}

/// Named, typed columns of one length.
///
/// ```
/// use prompt_core::{Column, Role, Table};
/// let table = Table::new()
///     .with("age", Role::Feature, Column::Number(vec![31.0, f64::NAN])).unwrap()
///     .with("job", Role::Feature, Column::category([Some("cook"), None])).unwrap();
/// assert_eq!((table.rows(), table.cols()), (2, 2));
/// assert_eq!(table.column("age").unwrap().missing(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<(String, Role, Column)>,
    /// Where each column is, because a table may have thousands.
    places: HashMap<String, usize>,
}

impl Table {
    /// No columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more column.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of rows; [`Error::Input`] for a name that is taken.
    pub fn with(mut self, name: &str, role: Role, column: Column) -> Result<Self> {
        if !self.columns.is_empty() && column.len() != self.rows() {
            return Err(Error::shape(format!("rows of column `{name}`"), self.rows(), column.len()));
        }
        if self.column(name).is_some() {
            return Err(Error::input(format!("column `{name}` is there twice"), "rename one of them"));
        }
        self.places.insert(name.to_owned(), self.columns.len());
        self.columns.push((name.to_owned(), role, column));
        Ok(self)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, _, c)| c.len())
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.columns.len()
    }

    /// Names, roles and columns in order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Role, &Column)> {
        self.columns.iter().map(|(name, role, column)| (name.as_str(), *role, column))
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.places.get(name).and_then(|&at| self.columns.get(at)).map(|(_, _, c)| c)
    }

    /// The columns of a role.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().filter(move |(_, r, _)| *r == role).map(|(n, _, c)| (n.as_str(), c))
    }

    /// The same with some feature columns put in place of their old selves: those for which `change` has one.
    ///
    /// ```
    /// use prompt_core::{Column, Role, Table};
    /// let table = Table::new().with("a", Role::Feature, Column::Number(vec![1.0])).unwrap();
    /// let doubled = table.map_columns(|_, column| match column {
    ///     Column::Number(v) => Some(Column::Number(v.iter().map(|v| 2.0 * v).collect())),
    ///     _ => None,
    /// });
    /// assert_eq!(doubled.unwrap().column("a"), Some(&Column::Number(vec![2.0])));
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for a column of another length.
    pub fn map_columns(&self, mut change: impl FnMut(&str, &Column) -> Option<Column>) -> Result<Self> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (name, role, column) in &self.columns {
            let changed = if *role == Role::Feature { change(name, column) } else { None };
            let column = changed.unwrap_or_else(|| column.clone());
            if column.len() != self.rows() {
                return Err(Error::shape(format!("rows of column `{name}`"), self.rows(), column.len()));
            }
            columns.push((name.clone(), *role, column));
        }
        Ok(Self { columns, places: self.places.clone() })
    }

    /// The rows with these indices, in this order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|(n, r, c)| (n.clone(), *r, c.select(rows))).collect();
        Self { columns, places: self.places.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_another_length_or_a_taken_name_are_refused() {
        let t = Table::new().with("a", Role::Feature, Column::Number(vec![1.0, 2.0])).unwrap();
        assert!(t.clone().with("b", Role::Feature, Column::Number(vec![1.0])).is_err());
        assert!(t.with("a", Role::Feature, Column::Number(vec![1.0, 2.0])).is_err());
    }

    #[test]
    fn rows_are_selected_in_every_kind_of_column() {
        let t = Table::new()
            .with("c", Role::Group, Column::category([Some("x"), None, Some("a")]))
            .unwrap()
            .with("t", Role::Time, Column::Time(vec![Some(1), None, Some(3)]))
            .unwrap();
        let picked = t.select_rows(&[2, 1]);
        assert_eq!(picked.column("t"), Some(&Column::Time(vec![Some(3), None])));
        assert!(picked.column("c").unwrap().is_valid(0) && !picked.column("c").unwrap().is_valid(1));
        assert_eq!(picked.with_role(Role::Group).count(), 1);
    }
}
