//! Least squares, plain and with an L2 penalty, for numbers and for classes.

use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::classifier::{LinearClassifier, Link};
use super::held_out::{self, HeldOut};
use super::least_squares::LeastSquares;
use super::moments::Targets;
use super::regressor::LinearRegressor;
use super::{Calibration, Problem};

params! {
    /// Ordinary least squares, as scikit-learn's `LinearRegression`.
    ///
    /// ```text
    /// minimise  Σ_i v_i·(y_i − b − w·x_i)²
    /// ```
    ///
    /// By Cholesky on the columns about their means; by conjugate gradients for sparse rows, for more columns than
    /// rows (the solution of least norm) and where columns follow from others.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::linear::LinearRegression;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0]]));
    /// let y = Target::regression(vec![1.0, 3.0, 5.0]).unwrap();
    /// let model = LinearRegression::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.weights()[0] - 2.0).abs() < 1e-12 && (model.intercept() - 1.0).abs() < 1e-12);
    /// ```
    pub struct LinearRegression named "linear_regression" {
        /// Whether there is a constant part.
        fit_intercept: bool = true, Legal::Bool;
        /// Where it iterates: stop when the gradient is this small beside the first.
        tol: f64 = 1e-10, Legal::positive();
        /// Where it iterates: rounds at most.
        max_iter: usize = 10_000, Legal::at_least(1);
    }
}

params! {
    /// Least squares with an L2 penalty, as scikit-learn's `Ridge`.
    ///
    /// ```text
    /// minimise  Σ_i v_i·(y_i − b − w·x_i)² + α·‖w‖²
    /// ```
    ///
    /// The intercept is free. Dense rows: by Cholesky, on the products of the columns about their means, or of the
    /// rows where those are fewer; sparse rows: by conjugate gradients. The penalty is not in the unit of the mean:
    /// twice the rows weigh twice as much against it.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::linear::Ridge;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-1.0], [0.0], [1.0]]));
    /// let y = Target::regression(vec![-2.0, 0.0, 2.0]).unwrap();
    /// let model = Ridge::default().alpha(2.0).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.weights()[0] - 1.0).abs() < 1e-12); // 4 / (2 + α)
    /// ```
    pub struct Ridge named "ridge" {
        /// Strength of the penalty.
        alpha: f64 = 1.0, Legal::not_negative();
        /// Whether there is a constant part.
        fit_intercept: bool = true, Legal::Bool;
        /// Where it iterates: stop when the gradient is this small beside the first.
        tol: f64 = 1e-10, Legal::positive();
        /// Where it iterates: rounds at most.
        max_iter: usize = 10_000, Legal::at_least(1);
    }
}

params! {
    /// [`Ridge`] on targets of ±1, one class against the rest, as scikit-learn's `RidgeClassifier`, with
    /// probabilities.
    ///
    /// The class of the largest value wins. A temperature, fitted on values of rows that were held out, makes
    /// probabilities of the values and never changes which class wins.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::linear::RidgeClassifier;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [3.0], [4.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = RidgeClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["low", "low", "high", "high"]);
    /// ```
    pub struct RidgeClassifier named "ridge" {
        /// Strength of the penalty.
        alpha: f64 = 1.0, Legal::not_negative();
        /// Whether there is a constant part.
        fit_intercept: bool = true, Legal::Bool;
        /// Where it iterates: stop when the gradient is this small beside the first.
        tol: f64 = 1e-10, Legal::positive();
        /// Where it iterates: rounds at most.
        max_iter: usize = 10_000, Legal::at_least(1);
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// How values become probabilities: `temperature`, `platt` (also called `sigmoid`) or `none`.
        calibration: Calibration = Calibration::Temperature,
            Legal::OneOf(&["temperature", "platt", "sigmoid", "none"]);
        /// Folds that values are held out in.
        calibration_folds: usize = 5, Legal::int(2, 100);
    }
}

fn fit_numbers(
    (name, params): (&str, serde_json::Value),
    least_squares: &LeastSquares<'_>,
    x: &Matrix,
    y: &Target,
) -> Result<LinearRegressor> {
    let targets = Targets { y: y.as_regression()?, k: 1, weights: y.weights() };
    let fit = least_squares.fit(x, targets)?;
    let intercept = fit.intercept.first().copied().unwrap_or(0.0);
    Ok(LinearRegressor::new(name, params, fit.weights, intercept).with_summary(fit.summary))
}

impl Learner for LinearRegression {
    type Fitted = LinearRegressor;

    const TAGS: Tags = Tags { min_rows: 1, scale_free: true, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearRegressor> {
        let Self { fit_intercept: intercept, tol, max_iter } = *self;
        let least_squares = LeastSquares { alpha: 0.0, intercept, tol, max_iter, ctx };
        let params = serde_json::to_value(self).unwrap_or_default();
        fit_numbers((Self::NAME, params), &least_squares, x, y)
    }
}

impl Learner for Ridge {
    type Fitted = LinearRegressor;

    const TAGS: Tags = Tags { min_rows: 1, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearRegressor> {
        let Self { alpha, fit_intercept: intercept, tol, max_iter } = *self;
        let least_squares = LeastSquares { alpha, intercept, tol, max_iter, ctx };
        let params = serde_json::to_value(self).unwrap_or_default();
        fit_numbers((Self::NAME, params), &least_squares, x, y)
    }
}

impl Learner for RidgeClassifier {
    type Fitted = LinearClassifier;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearClassifier> {
        let problem = Problem::new(Self::NAME, y, &self.class_weight, 2)?;
        let k = held_out::machines(&problem);
        let fit = self.values(x, &problem.codes, problem.weights.as_deref(), k, ctx)?;
        let params = serde_json::to_value(self).unwrap_or_default();
        let solution = (fit.weights, fit.intercept);
        let fitted =
            LinearClassifier::from_solution(Self::NAME, params, &problem, solution).with_summary(fit.summary);
        let held_out = HeldOut {
            problem: &problem,
            calibration: self.calibration,
            folds: self.calibration_folds,
            enough: 2500,
        };
        let link = held_out.link(k, ctx.seed(), |rest, fold| {
            let weights: Option<Vec<f64>> =
                problem.weights.as_ref().map(|w| rest.iter().map(|&i| w[i]).collect());
            let codes: Vec<u32> = rest.iter().map(|&i| problem.codes[i]).collect();
            let fit = self.values(&x.select_rows(rest), &codes, weights.as_deref(), k, &ctx.unobserved())?;
            let mut z = vec![0.0; fold.len() * k];
            for (z, &row) in z.chunks_exact_mut(k).zip(fold) {
                z.copy_from_slice(&fit.intercept);
                super::design::add_product(x.row(row), &fit.weights, z);
            }
            Ok(z)
        })?;
        Ok(fitted.with_link(link.unwrap_or(Link::Softmax { scale: 1.0 })))
    }
}

impl RidgeClassifier {
    fn values(
        &self,
        x: &Matrix,
        codes: &[u32],
        weights: Option<&[f64]>,
        k: usize,
        ctx: &FitContext,
    ) -> Result<super::least_squares::Fit> {
        let mut y = vec![-1.0; codes.len() * k];
        for (y, &code) in y.chunks_exact_mut(k).zip(codes) {
            // A single column of targets is that of the second class.
            match y {
                [only] => *only = if code == 1 { 1.0 } else { -1.0 },
                many => many[code as usize] = 1.0,
            }
        }
        let Self { alpha, fit_intercept: intercept, tol, max_iter, .. } = *self;
        LeastSquares { alpha, intercept, tol, max_iter, ctx }.fit(x, Targets { y: &y, k, weights })
    }
}
