//! How much columns matter over many rows.

use prompt_core::artifact::{Artifact, Catalog};
use prompt_core::{Dense, Error, FitContext, Matrix, Model, Result, Target, predict};
use serde::Serialize;

use crate::forest::Forest;
use crate::select::Metric;

/// What a metric loses when a column is shuffled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The column's name.
    pub column: String,
    /// The mean of the losses; above zero where the column is needed.
    pub mean: f64,
    /// Their standard deviation over the repeats (of the population, as NumPy's `std`).
    pub std: f64,
    /// Each repeat's.
    pub losses: Vec<f64>,
}

/// Permutation importance (Breiman, 2001), as scikit-learn's `permutation_importance`: for each column the metric on
/// the rows minus the metric when the column's numbers are shuffled among the rows, `repeats` times. Give it rows that the
/// model did not learn from.
///
/// ```
/// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
/// use prompt_models::explain::permutation_importance;
/// use prompt_models::forest::RandomForestRegressor;
/// use prompt_models::select::Metric;
///
/// let x = Matrix::from(Dense::new(100, 2, (0..200).map(|i| f64::from(i * 7 % 31)).collect()).unwrap());
/// let y = Target::regression((0..100).map(|i| f64::from(2 * i * 7 % 31)).collect()).unwrap();
/// let ctx = FitContext::new(1);
/// let model = RandomForestRegressor::default().n_estimators(10).fit(&x, &y, &ctx)?;
/// let found = permutation_importance(&model, (&x, &y), Metric::named("r2")?, 5, &ctx)?;
/// assert!(found[0].mean > 0.5 && found[1].mean.abs() < 0.5 * found[0].mean);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No repeats, rows that the model or the metric cannot take, or a stop asked for through `ctx`.
pub fn permutation_importance(
    model: &dyn Model,
    (x, y): (&Matrix, &Target),
    metric: Metric,
    repeats: usize,
    ctx: &FitContext,
) -> Result<Vec<Importance>> {
    if repeats == 0 {
        return Err(Error::param("permutation importance", "repeats", "a whole number ≥ 1", 0));
    }
    let whole = metric.score(y, &predict(model, x)?)?;
    let dense = x.to_dense();
    let columns: Vec<usize> = (0..dense.cols()).collect();
    ctx.try_map(columns.len(), |j| {
        ctx.check()?;
        let losses = (0..repeats)
            .map(|repeat| {
                let mut order: Vec<usize> = (0..dense.rows()).collect();
                let draw = (j * repeats + repeat) as u64;
                ctx.seed().derive("permutation", draw).rng().shuffle(&mut order);
                let values: Vec<f64> = order.iter().map(|&i| dense.row(i)[j]).collect();
                let shuffled = with_column(&dense, j, |i| values[i])?;
                Ok(whole - metric.score(y, &predict(model, &shuffled)?)?)
            })
            .collect::<Result<Vec<f64>>>()?;
        let n = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / n;
        let std = (losses.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n).sqrt();
        Ok(Importance { column: x.names().get(j).into_owned(), mean, std, losses })
    })
}

/// The same rows with other numbers in one column.
fn with_column(x: &Dense, column: usize, number: impl Fn(usize) -> f64) -> Result<Matrix> {
    let mut changed = x.clone();
    for i in 0..changed.rows() {
        changed.row_mut(i)[column] = number(i);
    }
    Ok(Matrix::from(changed))
}

/// Impurity importance of a tree or forest: each column's share in the decrease of the impurity, which sums to one
/// (scikit-learn's `feature_importances_`). Columns of many values get more than they are worth.
///
/// # Errors
/// [`Error::Unsupported`] for other models.
pub fn impurity_importance(model: &dyn Model) -> Result<Vec<f64>> {
    if !Forest::is_kind(model.kind()) {
        return Err(Error::unsupported(
            format!("the model `{}`", model.kind()),
            "impurity importance",
            "take a tree or a forest, or permutation importance",
        ));
    }
    Ok(Forest::decode(&model.encode()?, &Catalog::new())?.feature_importances().to_vec())
}

/// How scores depend on one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dependence {
    /// The column's name.
    pub column: String,
    /// The numbers that it was given.
    pub grid: Vec<f64>,
    /// For each of them the mean score of each output: partial dependence (Friedman, 2001).
    pub mean: Vec<Vec<f64>>,
    /// For each row, for each number, the score of each output: individual conditional expectation (Goldstein et al.,
    /// 2015).
    pub rows: Vec<Vec<Vec<f64>>>,
}

/// Partial dependence and individual conditional expectation: every row is scored with the column set to each number of
/// a grid (the column's own distinct numbers where there are few, else `points` numbers evenly between its 5% and 95% quantiles).
///
/// # Errors
/// A column there is not, fewer than two points, a column of nothing but missing numbers, or a stop asked for through
/// `ctx`.
pub fn dependence(
    model: &dyn Model,
    x: &Matrix,
    column: usize,
    points: usize,
    ctx: &FitContext,
) -> Result<Dependence> {
    if column >= x.cols() {
        return Err(Error::param("dependence", "column", format!("a number below {}", x.cols()), column));
    }
    if points < 2 {
        return Err(Error::param("dependence", "points", "a whole number ≥ 2", points));
    }
    let dense = x.to_dense();
    let mut sorted: Vec<f64> = dense.column(column).into_iter().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (at_share(&sorted, 0.05), at_share(&sorted, 0.95)) else {
        return Err(Error::input(
            format!("column `{}` has no number", x.names().get(column)),
            "choose another column",
        ));
    };
    let mut distinct = sorted;
    distinct.dedup();
    let grid: Vec<f64> = if distinct.len() <= points {
        distinct
    } else {
        (0..points).map(|i| first + (last - first) * i as f64 / (points - 1) as f64).collect()
    };
    let scored = ctx.try_map(grid.len(), |g| {
        ctx.check()?;
        let prediction = predict(model, &with_column(&dense, column, |_| grid[g])?)?;
        Ok((0..dense.rows()).map(|i| prediction.row(i).to_vec()).collect::<Vec<_>>())
    })?;
    let width = model.output().width();
    let n = dense.rows().max(1) as f64;
    let mean = scored
        .iter()
        .map(|rows| (0..width).map(|o| rows.iter().map(|r| r[o]).sum::<f64>() / n).collect())
        .collect();
    let rows = (0..dense.rows()).map(|i| scored.iter().map(|rows| rows[i].clone()).collect()).collect();
    Ok(Dependence { column: x.names().get(column).into_owned(), grid, mean, rows })
}

/// A quantile of sorted numbers, between neighbours by proportion.
fn at_share(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)?) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use prompt_core::{Fit, Task};

    use super::*;
    use crate::learners;

    fn line() -> (Matrix, Target) {
        let data = (0..90).flat_map(|i| [f64::from(i % 10), f64::from(i % 7)]).collect();
        let x = Matrix::from(Dense::new(90, 2, data).unwrap());
        let y = Target::regression((0..90).map(|i| 3.0 * f64::from(i % 10) + 1.0).collect()).unwrap();
        (x, y)
    }

    #[test]
    fn a_line_depends_on_its_column_as_its_slope_says() {
        let (x, y) = line();
        let ctx = FitContext::new(0).threads(1);
        let model =
            learners::estimator(Task::Regression, "linear_regression").unwrap().fit(&x, &y, &ctx).unwrap();
        let found = dependence(&*model, &x, 0, 20, &ctx).unwrap();
        assert_eq!(found.grid, (0..10).map(f64::from).collect::<Vec<_>>());
        for (g, mean) in found.grid.iter().zip(&found.mean) {
            assert!((mean[0] - (3.0 * g + 1.0)).abs() < 1e-6);
        }
        assert_eq!(found.rows.len(), 90);
        let few = dependence(&*model, &x, 0, 4, &ctx).unwrap();
        assert_eq!((few.grid.len(), few.grid[0]), (4, 0.0));
        assert!(dependence(&*model, &x, 2, 4, &ctx).is_err() && dependence(&*model, &x, 0, 1, &ctx).is_err());
    }

    #[test]
    fn what_a_model_does_not_look_at_loses_nothing_when_shuffled() {
        let (x, y) = line();
        let ctx = FitContext::new(3).threads(2);
        let model =
            learners::estimator(Task::Regression, "linear_regression").unwrap().fit(&x, &y, &ctx).unwrap();
        let metric = Metric::named("r2").unwrap();
        let found = permutation_importance(&*model, (&x, &y), metric, 6, &ctx).unwrap();
        assert!(found[0].mean > 1.0 && found[0].std > 0.0 && found[0].losses.len() == 6);
        assert!(found[1].mean.abs() < 1e-9);
        let again = permutation_importance(&*model, (&x, &y), metric, 6, &ctx.clone().threads(1)).unwrap();
        assert_eq!(found, again);
        assert!(permutation_importance(&*model, (&x, &y), metric, 0, &ctx).is_err());
        assert!(impurity_importance(&*model).is_err());
    }
}
