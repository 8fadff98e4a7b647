//! Filling in what is missing.

use std::collections::BTreeMap;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Column, Error, Fit, FitContext, FitTransform, Legal, Params, Result, Role, Table, Target, Transform,
    params,
};
use serde::{Deserialize, Serialize};

use super::quantile::{present, quantile};

params! {
    /// Fills in missing cells of feature columns, as scikit-learn's `SimpleImputer`; text and lists are left alone.
    ///
    /// | strategy | fills in |
    /// |---|---|
    /// | `mean`, `median` | of the fitted rows (numbers and points in time) |
    /// | `mode` | the most frequent value of the fitted rows; of equally frequent ones the smallest |
    /// | `constant` | `fill_value` |
    /// | `forward_fill`, `backward_fill` | the last value before, the first value after the row, in the order of the rows that are fitted; a row that is transformed later stands alone and gets the last (or first) value that the fit saw |
    /// | `drop` | nothing: [`FittedImputer::complete`] names the rows without a gap, and the caller learns from those; rows to be predicted keep their gaps |
    /// | `none` | nothing |
    ///
    /// A column of numbers without any value is filled with `fill_value` (mean, median, mode and the two fills).
    ///
    /// ```
    /// use prompt_core::{Column, Fit, FitContext, Role, Table, Target, Transform};
    /// use prompt_features::Imputer;
    /// let table = Table::new()
    ///     .with("age", Role::Feature, Column::Number(vec![30.0, f64::NAN, 50.0, 70.0])).unwrap();
    /// let y = Target::regression(vec![0.0; 4]).unwrap();
    /// let fitted = Imputer::default().numbers("median".into()).fit(&table, &y, &FitContext::new(0)).unwrap();
    /// let filled = fitted.transform(&table).unwrap();
    /// assert_eq!(filled.column("age"), Some(&Column::Number(vec![30.0, 50.0, 50.0, 70.0])));
    /// ```
    pub struct Imputer named "imputer" {
        /// For numbers and points in time.
        numbers: String = "mean".to_owned(), Legal::OneOf(&["none", "mean", "median", "mode", "constant", "forward_fill", "backward_fill", "drop"]);
        /// For categories; with `none` a missing category stays one, which the encoders give a column of its own.
        categories: String = "none".to_owned(), Legal::OneOf(&["none", "mode", "constant", "forward_fill", "backward_fill", "drop"]);
        /// The number of `constant`.
        fill_value: f64 = 0.0, Legal::Real { low: f64::NEG_INFINITY, high: f64::INFINITY, low_open: true, high_open: true };
        /// The category of `constant`.
        fill_category: String = "missing".to_owned(), Legal::Any("text");
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "imputer";

/// What fills the gaps of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fill {
    Number(f64),
    Time(i64),
    Level(String),
}

/// A fitted [`Imputer`].
#[derive(Debug, Clone, PartialEq)]
pub struct FittedImputer {
    params: Imputer,
    fills: BTreeMap<String, Fill>,
    /// Columns whose gaps leave a row out.
    complete: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: Imputer,
    fills: BTreeMap<String, Fill>,
    complete: Vec<String>,
}

impl Imputer {
    fn learn(&self, table: &Table) -> Result<FittedImputer> {
        self.validate()?;
        if table.rows() == 0 {
            return Err(Error::input("the table has no rows", "give it at least one"));
        }
        let mut fitted = FittedImputer { params: self.clone(), fills: BTreeMap::new(), complete: Vec::new() };
        for (name, column) in table.with_role(Role::Feature) {
            let strategy = match column {
                Column::Category { .. } => self.categories.as_str(),
                Column::Number(_) | Column::Time(_) => self.numbers.as_str(),
                _ => continue,
            };
            if strategy == "drop" {
                fitted.complete.push(name.to_owned());
            } else if let Some(fill) = self.fill(column, strategy) {
                fitted.fills.insert(name.to_owned(), fill);
            }
        }
        Ok(fitted)
    }

    fn fill(&self, column: &Column, strategy: &str) -> Option<Fill> {
        if strategy == "none" {
            return None;
        }
        match column {
            Column::Number(values) => {
                let there = || values.iter().copied().filter(|v| !v.is_nan());
                let found = match strategy {
                    "mean" => mean(there()),
                    "median" => quantile(&present(there()), 0.5),
                    "mode" => mode(there().map(Ordered)).map(|v| v.0),
                    "forward_fill" => there().next_back(),
                    "backward_fill" => there().next(),
                    _ => None,
                };
                Some(Fill::Number(found.unwrap_or(self.fill_value)))
            }
            Column::Time(times) => {
                let there = || times.iter().copied().flatten();
                let found = match strategy {
                    "mean" => mean(there().map(|t| t as f64)).map(|t| t.round() as i64),
                    "median" => quantile(&present(there().map(|t| t as f64)), 0.5).map(|t| t.round() as i64),
                    "mode" => mode(there()),
                    "forward_fill" => there().next_back(),
                    "backward_fill" => there().next(),
                    _ => Some(self.fill_value as i64),
                };
                found.map(Fill::Time)
            }
            Column::Category { codes, levels } => {
                let there = || codes.iter().filter_map(|c| levels.get(*c as usize));
                let found = match strategy {
                    "mode" => mode(there()),
                    "forward_fill" => there().next_back(),
                    "backward_fill" => there().next(),
                    _ => Some(&self.fill_category),
                };
                found.map(|level| Fill::Level(level.clone()))
            }
            _ => None,
        }
    }
}

/// A number that can be sorted and counted.
#[derive(Clone, Copy)]
struct Ordered(f64);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Ordered {}
impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut n, mut sum) = (0_usize, 0.0);
    values.for_each(|v| {
        n += 1;
        sum += v;
    });
    (n > 0).then(|| sum / n as f64)
}

/// The most frequent value, the smallest of equals.
fn mode<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    values.for_each(|v| *counts.entry(v).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, n)| *n).map(|(v, _)| v)
}

impl FittedImputer {
    /// The rows of a table that `drop` keeps: those without a gap in the columns that it looks at.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there.
    pub fn complete(&self, table: &Table) -> Result<Vec<usize>> {
        let columns: Vec<&Column> =
            self.complete.iter().map(|name| found(table, name)).collect::<Result<_>>()?;
        Ok((0..table.rows()).filter(|&row| columns.iter().all(|c| c.is_valid(row))).collect())
    }

    /// Whether [`complete`](Self::complete) may leave rows out.
    pub fn drops(&self) -> bool {
        !self.complete.is_empty()
    }

    /// The table that was fitted, filled in its own order.
    fn in_order(&self, table: &Table) -> Result<Table> {
        let (forward, backward) = ("forward_fill", "backward_fill");
        let filled = |name: &str, column: &Column| -> Option<Column> {
            let by = match column {
                Column::Category { .. } => self.params.categories.as_str(),
                _ => self.params.numbers.as_str(),
            };
            let there = (by == forward || by == backward) && self.fills.contains_key(name);
            there.then(|| carried(column, by == forward))
        };
        let carried = table.map_columns(filled)?;
        // What has no value on that side takes what a row that stands alone would.
        self.transform(&carried)
    }
}

/// The column with each gap filled by the nearest value before it, else after it (or the other way round).
fn carried(column: &Column, forward: bool) -> Column {
    let n = column.len();
    let mut source: Vec<Option<usize>> = vec![None; n];
    for ahead in [!forward, forward] {
        let mut last = None;
        for step in 0..n {
            let row = if ahead { step } else { n - 1 - step };
            if column.is_valid(row) {
                last = Some(row);
            }
            source[row] = last.or(source[row]);
        }
    }
    let from: Vec<usize> = source.into_iter().enumerate().map(|(row, s)| s.unwrap_or(row)).collect();
    column.select(&from)
}

fn found<'a>(table: &'a Table, name: &str) -> Result<&'a Column> {
    table.column(name).ok_or_else(|| Error::unknown("column", name, table.columns().map(|(name, _, _)| name)))
}

impl Fit<Table, Target> for Imputer {
    type Fitted = FittedImputer;

    fn fit(&self, x: &Table, _: &Target, ctx: &FitContext) -> Result<FittedImputer> {
        ctx.check()?;
        self.learn(x)
    }
}

impl FitTransform<Table, Target> for Imputer {
    type Output = Table;

    /// # Errors
    /// As `fit`; with `drop`, because rows cannot go where their targets stay.
    fn fit_transform(&self, x: &Table, y: &Target, ctx: &FitContext) -> Result<(FittedImputer, Table)> {
        let fitted = self.fit(x, y, ctx)?;
        if fitted.drops() {
            return Err(Error::unsupported(
                "imputer in a chain",
                "`drop`",
                "take the rows that `complete` names before the chain",
            ));
        }
        let filled = fitted.in_order(x)?;
        Ok((fitted, filled))
    }
}

impl FittedImputer {
    /// Learns and fills in one go, as `fit_transform` without a target; with `drop` only the complete rows are left,
    /// whose positions come back.
    ///
    /// # Errors
    /// As `fit`.
    pub fn of(params: &Imputer, table: &Table) -> Result<(Self, Table, Vec<usize>)> {
        let fitted = params.learn(table)?;
        let filled = fitted.in_order(table)?;
        let rows = fitted.complete(&filled)?;
        let filled = if rows.len() == filled.rows() { filled } else { filled.select_rows(&rows) };
        Ok((fitted, filled, rows))
    }
}

impl Transform<Table> for FittedImputer {
    type Output = Table;

    fn transform(&self, table: &Table) -> Result<Table> {
        if let Some(name) = self.fills.keys().find(|name| table.column(name).is_none()) {
            return Err(Error::unknown("column", name, table.columns().map(|(name, _, _)| name)));
        }
        table.map_columns(|name, column| {
            let filled = match (self.fills.get(name)?, column) {
                (Fill::Number(fill), Column::Number(values)) => {
                    Column::Number(values.iter().map(|v| if v.is_nan() { *fill } else { *v }).collect())
                }
                (Fill::Time(fill), Column::Time(times)) => {
                    Column::Time(times.iter().map(|t| t.or(Some(*fill))).collect())
                }
                (Fill::Level(fill), Column::Category { codes, levels }) => {
                    if !codes.contains(&Column::MISSING) {
                        return None;
                    }
                    let of = |c: &u32| levels.get(*c as usize).map_or(fill.as_str(), String::as_str);
                    Column::category(codes.iter().map(|c| Some(of(c))))
                }
                // A file without a single value of the column shows no kind.
                (fill, other) if other.missing() == other.len() => match fill {
                    Fill::Number(fill) => Column::Number(vec![*fill; other.len()]),
                    Fill::Time(fill) => Column::Time(vec![Some(*fill); other.len()]),
                    Fill::Level(fill) => Column::category(vec![Some(fill.as_str()); other.len()]),
                },
                // What is of another kind than in training is for the encoder to judge.
                _ => return None,
            };
            Some(filled)
        })
    }
}

impl Persist for FittedImputer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let (params, fills, complete) = (self.params.clone(), self.fills.clone(), self.complete.clone());
        Node::new(KIND, 1).meta(&Facts { params, fills, complete })
    }
}

impl Artifact for FittedImputer {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { params, fills, complete } = node.get_meta()?;
        params.validate()?;
        Ok(Self { params, fills, complete })
    }
}
