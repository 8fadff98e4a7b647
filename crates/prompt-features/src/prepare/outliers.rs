//! Rows that lie far from the others.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Column, Dense, Error, Fit, FitContext, FitTransform, Legal, Matrix, Params, Result, Role, Table, Target,
    Transform, params,
};
use serde::{Deserialize, Serialize};

use super::isolation::{FittedIsolationForest, IsolationForest};
use super::quantile::{present, quantile};

params! {
    /// Finds outliers in the columns of numbers and clips them, leaves their rows out, or marks them.
    ///
    /// | method | an outlier is |
    /// |---|---|
    /// | `iqr` | a number outside \[q₁ − t·(q₃ − q₁), q₃ + t·(q₃ − q₁)\] of its column (Tukey's fences) |
    /// | `zscore` | a number farther than t standard deviations (the population's) from its column's mean |
    /// | `isolation_forest` | a row whose [`IsolationForest`] score is above t; missing numbers count as the median |
    ///
    /// A column whose spread is 0 has no fences, else every number but the common one would be an outlier. Fences and
    /// forest are learned from the fitted rows alone. `drop` concerns rows to learn from: rows to be predicted always
    /// stay ([`FittedOutlierFilter::inside`] names the rows to keep).
    ///
    /// ```
    /// use prompt_core::{Column, Fit, FitContext, Role, Table, Target, Transform};
    /// use prompt_features::OutlierFilter;
    /// let numbers = Column::Number(vec![1.0, 2.0, 3.0, 4.0, 100.0]);
    /// let table = Table::new().with("n", Role::Feature, numbers).unwrap();
    /// let y = Target::regression(vec![0.0; 5]).unwrap();
    /// let fitted = OutlierFilter::default().fit(&table, &y, &FitContext::new(0)).unwrap();
    /// // q₁ = 2, q₃ = 4: what is above 4 + 1.5 · 2 becomes 7.
    /// let clipped = fitted.transform(&table).unwrap();
    /// assert_eq!(clipped.column("n"), Some(&Column::Number(vec![1.0, 2.0, 3.0, 4.0, 7.0])));
    /// assert_eq!(fitted.inside(&table).unwrap(), [0, 1, 2, 3]);
    /// ```
    pub struct OutlierFilter named "outliers" checked by OutlierFilter::agree {
        /// How outliers are found.
        method: String = "iqr".to_owned(), Legal::OneOf(&["none", "iqr", "zscore", "isolation_forest"]);
        /// How far is too far; none for 1.5 (`iqr`), 3 (`zscore`) or 0.5 (`isolation_forest`).
        threshold: Option<f64> = None, Legal::positive().or_none();
        /// What becomes of them: the number is moved to the fence, the row is left out, or a column `<outlier>` says
        /// 1 for the row and 0 for others.
        action: String = "clip".to_owned(), Legal::OneOf(&["clip", "drop", "mark"]);
        /// Trees of the isolation forest.
        n_estimators: usize = 100, Legal::int(1, 10_000);
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "outliers";
/// The column that `mark` adds.
const MARK: &str = "<outlier>";

/// What is not too far, in a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fence {
    column: String,
    low: f64,
    high: f64,
}

/// The columns that a forest looks at, and what stands for their missing numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    column: String,
    median: f64,
}

/// A fitted [`OutlierFilter`].
#[derive(Debug, Clone, PartialEq)]
pub struct FittedOutlierFilter {
    params: OutlierFilter,
    fences: Vec<Fence>,
    forest: Option<(Vec<Seen>, FittedIsolationForest)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: OutlierFilter,
    fences: Vec<Fence>,
    seen: Vec<Seen>,
}

impl OutlierFilter {
    fn agree(&self) -> Result<()> {
        match (self.method.as_str(), self.action.as_str(), self.threshold) {
            ("isolation_forest", "clip", _) => Err(Error::param(
                "outliers",
                "action",
                "drop or mark, because a forest judges rows and not numbers",
                "`clip`",
            )),
            ("isolation_forest", _, Some(t)) if t >= 1.0 => {
                Err(Error::param("outliers", "threshold", "a score in (0, 1) for isolation_forest", t))
            }
            _ => Ok(()),
        }
    }

    fn fence(&self, column: &str, values: &[f64]) -> Option<Fence> {
        let sorted = present(values.iter().copied());
        let (low, high) = match self.method.as_str() {
            "iqr" => {
                let (q1, q3) = (quantile(&sorted, 0.25)?, quantile(&sorted, 0.75)?);
                let reach = self.threshold.unwrap_or(1.5) * (q3 - q1);
                (q1 - reach, q3 + reach)
            }
            _ => {
                let n = sorted.len() as f64;
                let mean = sorted.iter().sum::<f64>() / n;
                let variance = sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                let reach = self.threshold.unwrap_or(3.0) * variance.sqrt();
                (mean - reach, mean + reach)
            }
        };
        (low < high && low.is_finite() && high.is_finite()).then(|| Fence {
            column: column.to_owned(),
            low,
            high,
        })
    }

    /// Learns from the columns of numbers of a table.
    ///
    /// # Errors
    /// Parameters out of range, a table without rows, or a stop asked for through `ctx`.
    pub fn learn(&self, table: &Table, ctx: &FitContext) -> Result<FittedOutlierFilter> {
        self.validate()?;
        ctx.check()?;
        if table.rows() == 0 {
            return Err(Error::input("the table has no rows", "give it at least one"));
        }
        let mut fitted = FittedOutlierFilter { params: self.clone(), fences: Vec::new(), forest: None };
        let numbers = || {
            table.with_role(Role::Feature).filter_map(|(name, column)| match column {
                Column::Number(values) => Some((name, values)),
                _ => None,
            })
        };
        match self.method.as_str() {
            "none" => {}
            "isolation_forest" => {
                let seen: Vec<Seen> = numbers()
                    .filter_map(|(name, values)| {
                        let median = quantile(&present(values.iter().copied()), 0.5)?;
                        Some(Seen { column: name.to_owned(), median })
                    })
                    .collect();
                if !seen.is_empty() && table.rows() > 1 {
                    let x = matrix(&seen, table)?;
                    let forest = IsolationForest::default().n_estimators(self.n_estimators);
                    fitted.forest = Some((seen, forest.fit(&x, &(), &ctx.part("outliers", 0))?));
                }
            }
            _ => fitted.fences = numbers().filter_map(|(name, values)| self.fence(name, values)).collect(),
        }
        Ok(fitted)
    }
}

fn matrix(seen: &[Seen], table: &Table) -> Result<Matrix> {
    let mut x = Dense::zeros(table.rows(), seen.len());
    for (j, Seen { column, median }) in seen.iter().enumerate() {
        let values = numbers(table, column)?;
        for row in 0..table.rows() {
            let value = values.get(row).copied().unwrap_or(f64::NAN);
            x.row_mut(row)[j] = if value.is_finite() { value } else { *median };
        }
    }
    Ok(x.into())
}

/// The numbers of a column; none where it holds something else, which is for the encoder to judge.
fn numbers<'a>(table: &'a Table, name: &str) -> Result<&'a [f64]> {
    match table.column(name) {
        Some(Column::Number(values)) => Ok(values),
        Some(_) => Ok(&[]),
        None => Err(Error::unknown("column", name, table.columns().map(|(name, _, _)| name))),
    }
}

impl FittedOutlierFilter {
    /// Whether each row has an outlier, or is one.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there.
    pub fn outside(&self, table: &Table) -> Result<Vec<bool>> {
        let mut outside = vec![false; table.rows()];
        for Fence { column, low, high } in &self.fences {
            for (mark, value) in outside.iter_mut().zip(numbers(table, column)?) {
                *mark |= value < low || value > high;
            }
        }
        if let Some((seen, forest)) = &self.forest {
            let threshold = self.params.threshold.unwrap_or(0.5);
            let scores = forest.scores(&matrix(seen, table)?)?;
            outside.iter_mut().zip(scores).for_each(|(mark, score)| *mark |= score > threshold);
        }
        Ok(outside)
    }

    /// The rows without an outlier.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there.
    pub fn inside(&self, table: &Table) -> Result<Vec<usize>> {
        Ok(self
            .outside(table)?
            .iter()
            .enumerate()
            .filter(|(_, outside)| !**outside)
            .map(|(row, _)| row)
            .collect())
    }

    /// Whether rows with outliers are to be left out of those that are learned from.
    pub fn drops(&self) -> bool {
        self.params.action == "drop" && self.params.method != "none"
    }
}

impl Fit<Table, Target> for OutlierFilter {
    type Fitted = FittedOutlierFilter;

    fn fit(&self, x: &Table, _: &Target, ctx: &FitContext) -> Result<FittedOutlierFilter> {
        self.learn(x, ctx)
    }
}

impl FitTransform<Table, Target> for OutlierFilter {
    type Output = Table;

    /// # Errors
    /// As `fit`; with `drop`, because rows cannot go where their targets stay.
    fn fit_transform(&self, x: &Table, y: &Target, ctx: &FitContext) -> Result<(FittedOutlierFilter, Table)> {
        let fitted = self.fit(x, y, ctx)?;
        if fitted.drops() {
            return Err(Error::unsupported(
                "outliers in a chain",
                "`drop`",
                "take the rows that `inside` names before the chain",
            ));
        }
        let changed = fitted.transform(x)?;
        Ok((fitted, changed))
    }
}

impl Transform<Table> for FittedOutlierFilter {
    type Output = Table;

    fn transform(&self, table: &Table) -> Result<Table> {
        match self.params.action.as_str() {
            "clip" => {
                let fences: std::collections::HashMap<&str, &Fence> =
                    self.fences.iter().map(|f| (f.column.as_str(), f)).collect();
                table.map_columns(|name, column| match (fences.get(name), column) {
                    (Some(fence), Column::Number(values)) => {
                        // Unlike `max` and `min`, a clamp leaves NaN as it is.
                        Some(Column::Number(values.iter().map(|v| v.clamp(fence.low, fence.high)).collect()))
                    }
                    _ => None,
                })
            }
            "mark" if self.params.method != "none" => {
                let marks = self.outside(table)?.into_iter().map(|m| f64::from(u8::from(m))).collect();
                table.clone().with(MARK, Role::Feature, Column::Number(marks))
            }
            _ => Ok(table.clone()),
        }
    }
}

impl Persist for FittedOutlierFilter {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let seen = self.forest.as_ref().map(|(seen, _)| seen.clone()).unwrap_or_default();
        let facts = Facts { params: self.params.clone(), fences: self.fences.clone(), seen };
        let node = Node::new(KIND, 1).meta(&facts)?;
        Ok(match &self.forest {
            Some((_, forest)) => node.child("forest", forest.encode()?),
            None => node,
        })
    }
}

impl Artifact for FittedOutlierFilter {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { params, fences, seen } = node.get_meta()?;
        params.validate()?;
        if fences.iter().any(|f| f.low.is_nan() || f.high.is_nan() || f.low > f.high) {
            return Err(Error::artifact(KIND, "a fence is no span", "save the model again"));
        }
        let forest = match seen.is_empty() {
            true => None,
            false => Some((seen, FittedIsolationForest::decode(node.get_child("forest")?, catalog)?)),
        };
        Ok(Self { params, fences, forest })
    }
}
