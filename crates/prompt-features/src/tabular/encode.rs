//! The fitted encoder: a table of the same columns becomes a matrix.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{CsrBuilder, Dense, Error, Matrix, Names, Params, Result, Role, SparseRow, Table};
use serde::{Deserialize, Serialize};

use super::TableEncoder;
use super::plan::{Becomes, Level, Plan, Read, time_part};

/// A fitted [`TableEncoder`].
#[derive(Debug, Clone, PartialEq)]
pub struct FittedTableEncoder {
    params: TableEncoder,
    plans: Vec<Plan>,
    names: Names,
    /// Number of levels of every column of codes, 0 for the others; absent where there are none.
    levels: Option<Vec<u32>>,
    sparse: bool,
}

/// The artifact kind.
pub(crate) const KIND: &str = "table_encoder";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: TableEncoder,
    columns: Vec<Plan>,
}

impl TableEncoder {
    pub(super) const fn default_name() -> &'static str {
        <Self as Params>::NAME
    }
}

impl FittedTableEncoder {
    pub(super) fn learn(params: &TableEncoder, table: &Table) -> Result<Self> {
        let mut plans = Vec::new();
        for (name, column) in table.with_role(Role::Feature) {
            plans.extend(Plan::learn(params, name, column)?);
        }
        if plans.is_empty() {
            return Err(Error::input(
                "the table has no column to learn from",
                "give it at least one feature",
            ));
        }
        Ok(Self::of(params.clone(), plans))
    }

    fn of(params: TableEncoder, plans: Vec<Plan>) -> Self {
        let names: Vec<String> = plans.iter().flat_map(Plan::names).collect();
        let mut levels = Vec::new();
        let mut one_hot = 0;
        for plan in &plans {
            match &plan.becomes {
                // An unseen level is missing; a column without a level still has one, so that it stays marked.
                Becomes::Codes { levels: known } => levels.push((known.len() as u32).max(1)),
                _ => levels.extend(plan.names().iter().map(|_| 0)),
            }
            if matches!(plan.becomes, Becomes::OneHot { .. }) {
                one_hot += plan.names().len();
            }
        }
        let sparse = params.sparse && params.impute != "none" && one_hot * 2 > names.len();
        let coded = levels.iter().any(|n| *n > 0);
        Self { params, plans, names: Names::list(names), levels: coded.then_some(levels), sparse }
    }

    /// Names of the matrix's columns.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The level that a code in a column of the matrix stands for, `?` where it is none of them; `None` where the column
    /// holds no codes but numbers.
    ///
    /// ```
    /// use prompt_core::{Column, Role, Table};
    /// use prompt_features::TableEncoder;
    /// let levels = vec!["red".to_owned(), "blue".to_owned()];
    /// let colour = Column::Category { codes: vec![0, 1, 1], levels: levels.into() };
    /// let table = Table::new().with("colour", Role::Feature, colour).unwrap();
    /// let encoder = TableEncoder::default().categories("codes".into()).fit(&table).unwrap();
    /// assert_eq!([1.0, f64::NAN].map(|code| encoder.level(0, code)), [Some("blue"), Some("?")]);
    /// ```
    pub fn level(&self, column: usize, code: f64) -> Option<&str> {
        let mut end = 0;
        let plan = self.plans.iter().find(|plan| {
            end += plan.names().len();
            column < end
        });
        match plan.map(|plan| &plan.becomes) {
            Some(Becomes::Codes { levels }) => {
                let level = levels.get(code as usize).filter(|_| !code.is_nan());
                Some(level.map_or("?", String::as_str))
            }
            _ => None,
        }
    }

    /// Names of the table's columns that it reads, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.plans.iter().map(|plan| plan.column.as_str())
    }

    /// A table with these columns as a matrix; other columns are left alone. A level that the fit did not see is none
    /// of the levels; as a code it is missing.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there, [`Error::Input`] for one that holds something else.
    pub fn transform(&self, table: &Table) -> Result<Matrix> {
        let mut parts = Vec::with_capacity(self.plans.len());
        for plan in &self.plans {
            let column = table.column(&plan.column).ok_or_else(|| {
                Error::unknown("column", &plan.column, table.columns().map(|(name, _, _)| name))
            })?;
            parts.push((&plan.becomes, plan.read(column)?));
        }
        if self.sparse {
            let mut builder = CsrBuilder::new(self.names.len());
            let mut out = SparseRow::default();
            for row in 0..table.rows() {
                out.clear();
                self.write(&parts, row, |column, value| {
                    if value != 0.0 {
                        out.push(column as u32, value as f32);
                    }
                });
                builder.push(&out);
            }
            return Ok(Matrix::Sparse(builder.finish().with_names(self.names.clone())));
        }
        let mut dense = Dense::zeros(table.rows(), self.names.len()).with_names(self.names.clone());
        for row in 0..table.rows() {
            let out = dense.row_mut(row);
            self.write(&parts, row, |column, value| out[column] = value);
        }
        Ok(Matrix::Dense(match &self.levels {
            Some(levels) => dense.with_categorical(levels.clone())?,
            None => dense,
        }))
    }

    /// Calls `put(column, value)` for the numbers of a row in rising order of columns; zeros of levels are left out.
    fn write(&self, parts: &[(&Becomes, Read<'_>)], row: usize, mut put: impl FnMut(usize, f64)) {
        let mut at = 0;
        for (becomes, read) in parts {
            match (becomes, read) {
                (Becomes::Number(scaling), Read::Numbers(values)) => {
                    put(at, scaling.apply(values[row]));
                    at += 1;
                }
                (Becomes::OneHot { levels, missing }, Read::Codes(codes)) => {
                    match codes[row] {
                        Level::Known(level) => put(at + level as usize, 1.0),
                        Level::Missing if *missing => put(at + levels.len(), 1.0),
                        _ => {}
                    }
                    at += levels.len() + usize::from(*missing);
                }
                (Becomes::Codes { .. }, Read::Codes(codes)) => {
                    put(at, if let Level::Known(level) = codes[row] { f64::from(level) } else { f64::NAN });
                    at += 1;
                }
                (Becomes::Ordinal { scaling, .. }, Read::Codes(codes)) => {
                    put(at, scaling.apply(codes[row].ordinal()));
                    at += 1;
                }
                (Becomes::Time(scalings), Read::Times(times)) => {
                    for (part, scaling) in scalings.iter().enumerate() {
                        put(at + part, scaling.apply(time_part(times[row], part)));
                    }
                    at += scalings.len();
                }
                // A plan reads its column as what it makes of it.
                _ => {}
            }
        }
    }
}

impl Persist for FittedTableEncoder {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Node::new(KIND, 1).meta(&Facts { params: self.params.clone(), columns: self.plans.clone() })
    }
}

impl Artifact for FittedTableEncoder {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        facts.params.validate()?;
        let bad = |what: String| Error::artifact(KIND, what, "the file is damaged; save the model again");
        if facts.columns.is_empty() {
            return Err(bad("it reads no column".into()));
        }
        for plan in &facts.columns {
            if let Becomes::Time(parts) = &plan.becomes
                && parts.len() != super::plan::TIME_PARTS.len()
            {
                return Err(bad(format!("column `{}` is taken into {} parts", plan.column, parts.len())));
            }
        }
        Ok(Self::of(facts.params, facts.columns))
    }
}
