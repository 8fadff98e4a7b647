//! Least squares with an L1 penalty, or L1 and L2 together.

use prompt_core::{FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::coordinate::Coordinate;
use super::regressor::LinearRegressor;

params! {
    /// Least squares with an L1 penalty, as scikit-learn's `Lasso`: weights that do not help become zero.
    ///
    /// ```text
    /// minimise  Σ_i v_i·(y_i − b − w·x_i)² / (2·Σ_i v_i) + α·‖w‖₁
    /// ```
    ///
    /// By coordinate descent: on the products of the columns where there are more rows than columns, else on the
    /// columns themselves. It stops when the duality gap is below `tol`·Σ_i v_i·y_i² / Σ_i v_i.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::linear::Lasso;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-1.0, 1.0], [0.0, -2.0], [1.0, 1.0]]));
    /// let y = Target::regression(vec![-3.0, 0.0, 3.0]).unwrap();
    /// let model = Lasso::default().alpha(0.5).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.weights()[0] - 2.25).abs() < 1e-9); // (6/3 − α) / (2/3)
    /// assert_eq!(model.weights()[1], 0.0);
    /// ```
    pub struct Lasso named "lasso" {
        /// Strength of the penalty.
        alpha: f64 = 1.0, Legal::positive();
        /// Whether there is a constant part.
        fit_intercept: bool = true, Legal::Bool;
        /// Stop when the duality gap is this small beside the targets.
        tol: f64 = 1e-4, Legal::positive();
        /// Rounds over the columns at most; a fit that needs more says so in its summary.
        max_iter: usize = 1000, Legal::at_least(1);
    }
}

params! {
    /// Least squares with L1 and L2 penalties, as scikit-learn's `ElasticNet`: as [`Lasso`], but columns that go
    /// together keep weights together.
    ///
    /// ```text
    /// minimise  Σ_i v_i·(y_i − b − w·x_i)² / (2·Σ_i v_i) + α·ρ·‖w‖₁ + ½·α·(1 − ρ)·‖w‖²        ρ: l1_ratio
    /// ```
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::linear::ElasticNet;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-1.0], [0.0], [1.0]]));
    /// let y = Target::regression(vec![-3.0, 0.0, 3.0]).unwrap();
    /// let model = ElasticNet::default().alpha(1.0).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.weights()[0] - 9.0 / 7.0).abs() < 1e-9); // (6/3 − ½) / (2/3 + ½)
    /// ```
    pub struct ElasticNet named "elastic_net" {
        /// Strength of both penalties.
        alpha: f64 = 1.0, Legal::positive();
        /// Share of the L1 penalty.
        l1_ratio: f64 = 0.5, Legal::between(0.0, 1.0);
        /// Whether there is a constant part.
        fit_intercept: bool = true, Legal::Bool;
        /// Stop when the duality gap is this small beside the targets.
        tol: f64 = 1e-4, Legal::positive();
        /// Rounds over the columns at most; a fit that needs more says so in its summary.
        max_iter: usize = 1000, Legal::at_least(1);
    }
}

impl Learner for Lasso {
    type Fitted = LinearRegressor;

    const TAGS: Tags = Tags { min_rows: 1, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearRegressor> {
        let Self { alpha, fit_intercept: intercept, tol, max_iter } = *self;
        let solver = Coordinate { l1: alpha, l2: 0.0, intercept, tol, max_iter, ctx };
        let params = serde_json::to_value(self).unwrap_or_default();
        let (weights, bias, summary) = solver.fit(x, y.as_regression()?, y.weights())?;
        Ok(LinearRegressor::new(Self::NAME, params, weights, bias).with_summary(summary))
    }
}

impl Learner for ElasticNet {
    type Fitted = LinearRegressor;

    const TAGS: Tags = Tags { min_rows: 1, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearRegressor> {
        let Self { alpha, l1_ratio, fit_intercept: intercept, tol, max_iter } = *self;
        let (l1, l2) = (alpha * l1_ratio, alpha * (1.0 - l1_ratio));
        let solver = Coordinate { l1, l2, intercept, tol, max_iter, ctx };
        let params = serde_json::to_value(self).unwrap_or_default();
        let (weights, bias, summary) = solver.fit(x, y.as_regression()?, y.weights())?;
        Ok(LinearRegressor::new(Self::NAME, params, weights, bias).with_summary(summary))
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::{Dense, Fit, Seed};

    use super::*;

    #[test]
    fn a_penalty_without_l1_converges_too_and_to_the_ridge_solution() {
        let mut rng = Seed::new(5).rng();
        // More rows than columns are solved by products, fewer by the columns.
        for (n, p) in [(60, 4), (12, 20)] {
            let x = Dense::new(n, p, (0..n * p).map(|_| rng.normal()).collect()).unwrap();
            let y: Vec<f64> =
                (0..n).map(|i| 3.0 + x.row(i)[0] - 2.0 * x.row(i)[1] + 0.1 * rng.normal()).collect();
            let (x, y) = (Matrix::from(x), Target::regression(y).unwrap());
            let ctx = FitContext::new(1);
            let net = ElasticNet::default().alpha(0.2).l1_ratio(0.0).tol(1e-10).fit(&x, &y, &ctx).unwrap();
            let summary = net.summary().unwrap();
            assert!(summary.converged && summary.iterations < 1000, "{summary:?}");
            // Ridge does not divide its errors by the rows.
            let ridge = super::super::Ridge::default().alpha(0.2 * n as f64).fit(&x, &y, &ctx).unwrap();
            for (a, b) in net.weights().iter().zip(ridge.weights()) {
                assert!((a - b).abs() < 1e-4, "{a} is not {b}");
            }
        }
    }
}
