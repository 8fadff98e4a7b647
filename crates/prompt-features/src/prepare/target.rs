//! Categories as what the target is like where they occur.

use std::collections::BTreeMap;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Column, Error, Fit, FitContext, FitTransform, Legal, Params, Result, Rng, Role, Table, Target, Transform,
    params,
};
use serde::{Deserialize, Serialize};

params! {
    /// Writes each category as the mean of the target among its rows, drawn towards the mean of all rows where they are
    /// few (Micci-Barreca, 2001; scikit-learn's `TargetEncoder`).
    ///
    /// Of numbers it is the mean, of two classes the share of the second; of more classes there is a column for each,
    /// `job=<class>`. A missing category is one of its own; one that was never seen gets the mean of all rows.
    /// Weights of the target count.
    ///
    /// With `smooth` m the value is (Σ y + m·ȳ) / (n + m). Without, m is what an empirical Bayes estimate says: the
    /// value is λ·ȳ_c + (1 − λ)·ȳ with λ = s² n / (s² n + s_c²), where s² and s_c² are the variances of the target in
    /// all rows and in those of the category.
    ///
    /// `fit_transform` gives each row the value that the rows of the *other* folds make: what learns from the result has
    /// not seen the row's own target through it. `fit` then `transform` uses all rows and is for new ones.
    ///
    /// ```
    /// use prompt_core::{Column, Fit, FitContext, Role, Table, Target, Transform};
    /// use prompt_features::TargetEncoder;
    /// let jobs = Column::category(["cook", "cook", "nurse", "nurse"].map(Some));
    /// let table = Table::new().with("job", Role::Feature, jobs).unwrap();
    /// let y = Target::regression(vec![1.0, 3.0, 10.0, 14.0]).unwrap();
    /// let fitted = TargetEncoder::default().smooth(Some(2.0)).fit(&table, &y, &FitContext::new(0)).unwrap();
    /// // ȳ = 7: (4 + 2·7) / 4 and (24 + 2·7) / 4.
    /// let encoded = fitted.transform(&table).unwrap();
    /// assert_eq!(encoded.column("job"), Some(&Column::Number(vec![4.5, 4.5, 9.5, 9.5])));
    /// ```
    pub struct TargetEncoder named "target_encoder" {
        /// Rows of the mean of all that are added to each category; none for the empirical Bayes estimate.
        smooth: Option<f64> = None, Legal::not_negative().or_none();
        /// Folds of `fit_transform`.
        folds: usize = 5, Legal::int(2, 1000);
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "target_encoder";

/// What is made of one column: for each output its values by level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    /// A value of each output for every level.
    levels: BTreeMap<String, Vec<f64>>,
    /// The same for missing categories, where the fit saw some.
    missing: Option<Vec<f64>>,
}

/// A fitted [`TargetEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTargetEncoder {
    params: TargetEncoder,
    columns: BTreeMap<String, Encoded>,
    /// The mean of each output.
    means: Vec<f64>,
    /// Names of the outputs where there are several.
    outputs: Vec<String>,
}

/// The numbers that are averaged: one list for numbers and two classes, one for each of more classes.
fn outputs(y: &Target) -> Result<(Vec<Vec<f64>>, Vec<String>)> {
    let Ok((codes, classes)) = y.as_classes() else {
        return Ok((vec![y.as_regression()?.to_vec()], Vec::new()));
    };
    let is = |class: u32| codes.iter().map(|c| f64::from(u8::from(*c == class))).collect::<Vec<f64>>();
    Ok(if classes.len() <= 2 {
        (vec![is(1)], Vec::new())
    } else {
        ((0..classes.len() as u32).map(is).collect(), classes.names().to_vec())
    })
}

/// Rows, a target and weights, averaged by code.
struct Averages<'a> {
    y: &'a [f64],
    weights: Option<&'a [f64]>,
    smooth: Option<f64>,
}

impl Averages<'_> {
    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[row])
    }

    fn mean(&self, rows: &[usize]) -> f64 {
        let total: f64 = rows.iter().map(|&i| self.weight(i)).sum();
        let sum: f64 = rows.iter().map(|&i| self.weight(i) * self.y[i]).sum();
        if total > 0.0 { sum / total } else { 0.0 }
    }

    /// A value for every code below `n`; the mean of all `rows` for those without a row.
    fn of_codes(&self, codes: &[u32], n: usize, rows: &[usize], mean: f64) -> Vec<f64> {
        let (mut counts, mut sums) = (vec![0.0; n], vec![0.0; n]);
        for &i in rows {
            counts[codes[i] as usize] += self.weight(i);
            sums[codes[i] as usize] += self.weight(i) * self.y[i];
        }
        if let Some(m) = self.smooth {
            return counts
                .iter()
                .zip(&sums)
                .map(|(n, s)| if n + m > 0.0 { (s + m * mean) / (n + m) } else { mean })
                .collect();
        }
        let (mut squares, mut all, mut total) = (vec![0.0; n], 0.0, 0.0);
        for &i in rows {
            let code = codes[i] as usize;
            squares[code] += self.weight(i) * (self.y[i] - sums[code] / counts[code]).powi(2);
            all += self.weight(i) * (self.y[i] - mean).powi(2);
            total += self.weight(i);
        }
        let variance = if total > 0.0 { all / total } else { 0.0 };
        (0..n)
            .map(|code| {
                let count = counts[code];
                let lambda = variance * count / (variance * count + squares[code] / count);
                if lambda.is_nan() { mean } else { lambda * sums[code] / count + (1.0 - lambda) * mean }
            })
            .collect()
    }
}

/// Rows dealt out to folds, class by class where there are classes.
fn dealt(y: &Target, folds: usize, mut rng: Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..y.len()).collect();
    rng.shuffle(&mut order);
    if let Ok((codes, _)) = y.as_classes() {
        order.sort_by_key(|&row| codes[row]);
    }
    let mut fold_of = vec![0; y.len()];
    order.iter().enumerate().for_each(|(at, &row)| fold_of[row] = at % folds);
    fold_of
}

/// The codes of a column of categories, a missing one as the code behind the last, and how many codes there are.
fn codes(column: &Column) -> Option<(Vec<u32>, usize)> {
    let Column::Category { codes, levels } = column else { return None };
    let missing = levels.len() as u32;
    Some((codes.iter().map(|c| (*c).min(missing)).collect(), levels.len() + 1))
}

impl Fit<Table, Target> for TargetEncoder {
    type Fitted = FittedTargetEncoder;

    fn fit(&self, x: &Table, y: &Target, ctx: &FitContext) -> Result<FittedTargetEncoder> {
        self.validate()?;
        ctx.check()?;
        if x.rows() != y.len() || y.is_empty() {
            return Err(Error::shape("target_encoder: targets for the rows of x", x.rows().max(1), y.len()));
        }
        let (targets, outputs) = outputs(y)?;
        let rows: Vec<usize> = (0..y.len()).collect();
        let averages = |t| Averages { y: t, weights: y.weights(), smooth: self.smooth };
        let means: Vec<f64> = targets.iter().map(|t| averages(t).mean(&rows)).collect();
        let mut columns = BTreeMap::new();
        for (name, column) in x.with_role(Role::Feature) {
            let (Some((codes, n)), Column::Category { levels, .. }) = (codes(column), column) else {
                continue;
            };
            let by_output: Vec<Vec<f64>> = targets
                .iter()
                .zip(&means)
                .map(|(t, mean)| averages(t).of_codes(&codes, n, &rows, *mean))
                .collect();
            let mut seen = vec![false; n];
            codes.iter().for_each(|c| seen[*c as usize] = true);
            let of = |code: usize| by_output.iter().map(|values| values[code]).collect::<Vec<f64>>();
            let known = levels.iter().enumerate().filter(|(code, _)| seen[*code]);
            let encoded = Encoded {
                levels: known.map(|(code, level)| (level.clone(), of(code))).collect(),
                missing: seen[n - 1].then(|| of(n - 1)),
            };
            columns.insert(name.to_owned(), encoded);
        }
        Ok(FittedTargetEncoder { params: self.clone(), columns, means, outputs })
    }
}

impl FitTransform<Table, Target> for TargetEncoder {
    type Output = Table;

    fn fit_transform(&self, x: &Table, y: &Target, ctx: &FitContext) -> Result<(FittedTargetEncoder, Table)> {
        let fitted = self.fit(x, y, ctx)?;
        let (targets, _) = outputs(y)?;
        let folds = self.folds.min(y.len());
        if folds < 2 {
            return Err(Error::input(
                "target_encoder: one row cannot be divided into folds",
                "give more rows",
            ));
        }
        let fold_of = dealt(y, folds, ctx.seed().derive("target_encoder", 0).rng());
        let others: Vec<Vec<usize>> =
            (0..folds).map(|f| (0..y.len()).filter(|&row| fold_of[row] != f).collect()).collect();
        let encoded = fitted.replaced(x, |_, column, output| {
            let Some((codes, n)) = codes(column) else { return vec![fitted.means[output]; column.len()] };
            let averages = Averages { y: &targets[output], weights: y.weights(), smooth: self.smooth };
            let values: Vec<Vec<f64>> =
                others.iter().map(|rows| averages.of_codes(&codes, n, rows, averages.mean(rows))).collect();
            (0..column.len()).map(|row| values[fold_of[row]][codes[row] as usize]).collect()
        })?;
        Ok((fitted, encoded))
    }
}

impl FittedTargetEncoder {
    /// The table with each column of categories replaced by numbers, one column for each output.
    fn replaced(&self, x: &Table, numbers: impl Fn(&Encoded, &Column, usize) -> Vec<f64>) -> Result<Table> {
        if let Some(name) = self.columns.keys().find(|name| x.column(name).is_none()) {
            return Err(Error::unknown("column", name, x.columns().map(|(name, _, _)| name)));
        }
        let mut table = Table::new();
        for (name, role, column) in x.columns() {
            let Some(encoded) = self.columns.get(name).filter(|_| role == Role::Feature) else {
                table = table.with(name, role, column.clone())?;
                continue;
            };
            if self.outputs.is_empty() {
                table = table.with(name, role, Column::Number(numbers(encoded, column, 0)))?;
            }
            for (output, class) in self.outputs.iter().enumerate() {
                let values = numbers(encoded, column, output);
                table = table.with(&format!("{name}={class}"), role, Column::Number(values))?;
            }
        }
        Ok(table)
    }

    /// The columns that become numbers.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }
}

impl Transform<Table> for FittedTargetEncoder {
    type Output = Table;

    fn transform(&self, x: &Table) -> Result<Table> {
        self.replaced(x, |encoded, column, output| {
            let mean = self.means[output];
            let of = |level: Option<&str>| {
                let values = match level {
                    Some(level) => encoded.levels.get(level),
                    None => encoded.missing.as_ref(),
                };
                values.map_or(mean, |v| v[output])
            };
            match column {
                Column::Category { codes, levels } => {
                    let known: Vec<f64> = levels.iter().map(|level| of(Some(level))).collect();
                    codes
                        .iter()
                        .map(|c| known.get(*c as usize).copied().unwrap_or_else(|| of(None)))
                        .collect()
                }
                Column::Text(texts) => texts.iter().map(|t| of(t.as_deref())).collect(),
                // A file in which all levels look like numbers.
                Column::Number(values) => values
                    .iter()
                    .map(|v| if v.is_nan() { of(None) } else { of(Some(&v.to_string())) })
                    .collect(),
                other => vec![mean; other.len()],
            }
        })
    }
}

impl Persist for FittedTargetEncoder {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Node::new(KIND, 1).meta(self)
    }
}

impl Artifact for FittedTargetEncoder {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let fitted: Self = node.get_meta()?;
        fitted.params.validate()?;
        let width = fitted.means.len();
        let whole = width == fitted.outputs.len().max(1)
            && fitted.columns.values().all(|e| e.levels.values().chain(&e.missing).all(|v| v.len() == width));
        if !whole {
            return Err(Error::artifact(KIND, "its values do not fit its outputs", "save the model again"));
        }
        Ok(fitted)
    }
}
