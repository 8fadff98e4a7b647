//! Linear support vector regression.

use prompt_core::{
    Control, Event, FitContext, Learner, Legal, Matrix, Params, Result, RowView, Tags, Target, params,
};
use serde::{Deserialize, Serialize};

use super::Summary;
use super::design::add_product;
use super::regressor::LinearRegressor;

/// What a row costs whose value is wrong, by h = max(0, |y − z| − ε).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RegressionLoss {
    /// h
    EpsilonInsensitive,
    /// h²
    SquaredEpsilonInsensitive,
}

params! {
    /// Linear support vector regression, as scikit-learn's `LinearSVR`: rows within ε of their value cost nothing, and
    /// those farther away cost their distance, so that a few wild rows move little.
    ///
    /// ```text
    /// minimise  ½·(‖w‖² + b²) + Σ_i C·v_i·max(0, |y_i − w·x_i − b·s| − ε)        s: intercept_scaling
    /// ```
    ///
    /// By dual coordinate descent (Ho and Lin, 2012), which slows down where columns or targets are large: scale them.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::linear::LinearSvr;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-1.0], [0.0], [1.0], [2.0]]));
    /// let y = Target::regression(vec![-2.0, 0.0, 2.0, 4.0]).unwrap();
    /// let svr = LinearSvr::default().c(100.0).tol(1e-6).max_iter(100_000);
    /// let model = svr.fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.weights()[0] - 2.0).abs() < 1e-3);
    /// ```
    pub struct LinearSvr named "linear_svm" {
        /// Cost of rows that are farther than ε from their value; larger fits the rows more closely.
        c: f64 = 1.0, Legal::positive();
        /// Distance from its value at which a row costs nothing.
        epsilon: f64 = 0.0, Legal::not_negative();
        /// What a row costs: `epsilon_insensitive`, or the square of that.
        loss: RegressionLoss = RegressionLoss::EpsilonInsensitive,
            Legal::OneOf(&["epsilon_insensitive", "squared_epsilon_insensitive"]);
        /// Stop when the violations of a round sum to this share of those of the first.
        tol: f64 = 1e-4, Legal::positive();
        /// Rounds at most; a fit that needs more says so in its summary.
        max_iter: usize = 1000, Legal::at_least(1);
        /// Value of the constant feature whose weight is the intercept; 0 for none.
        intercept_scaling: f64 = 1.0, Legal::not_negative();
    }
}

impl Learner for LinearSvr {
    type Fitted = LinearRegressor;

    const TAGS: Tags = Tags { min_rows: 1, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearRegressor> {
        let values = y.as_regression()?;
        let weight = |i: usize| y.weights().map_or(1.0, |w| w[i]);
        let mut duals: Vec<Dual> = (0..x.rows())
            .filter(|&i| weight(i) > 0.0)
            .map(|row| {
                let cost = self.c * weight(row);
                let (bound, ridge) = match self.loss {
                    RegressionLoss::EpsilonInsensitive => (cost, 0.0),
                    RegressionLoss::SquaredEpsilonInsensitive => (f64::INFINITY, 0.5 / cost),
                };
                let norm = x.row(row).norm2() + self.intercept_scaling * self.intercept_scaling;
                let bend = (norm + ridge).max(1e-12);
                Dual { row, value: values[row], beta: 0.0, bound, ridge, bend }
            })
            .collect();
        let (mut w, mut bias) = (vec![0.0; x.cols()], 0.0);
        let mut rng = ctx.seed().derive("order", 0).rng();
        let (mut first, mut rounds, mut converged) = (f64::INFINITY, 0, false);
        while rounds < self.max_iter && !converged {
            rounds += 1;
            rng.shuffle(&mut duals);
            let mut violation = 0.0;
            for dual in &mut duals {
                let row = x.row(dual.row);
                let mut z = [bias * self.intercept_scaling];
                add_product(row, &w, &mut z);
                let (change, wrong) = dual.update(z[0], self.epsilon);
                violation += wrong;
                if change != 0.0 {
                    shift(&mut w, row, change);
                    bias += change * self.intercept_scaling;
                }
            }
            if rounds == 1 {
                first = violation;
            }
            converged = violation <= self.tol * first;
            let values = [("violation", violation)];
            let event = Event { stage: "dual", step: rounds, total: Some(self.max_iter), values: &values };
            if ctx.report(&event)? == Control::Stop {
                break;
            }
        }
        let mut objective = 0.5 * (w.iter().map(|w| w * w).sum::<f64>() + bias * bias);
        for (i, y) in values.iter().enumerate() {
            let mut z = [bias * self.intercept_scaling];
            add_product(x.row(i), &w, &mut z);
            let far = ((y - z[0]).abs() - self.epsilon).max(0.0);
            let cost = if self.loss == RegressionLoss::EpsilonInsensitive { far } else { far * far };
            objective += self.c * weight(i) * cost;
        }
        let params = serde_json::to_value(self).unwrap_or_default();
        Ok(LinearRegressor::new(Self::NAME, params, w, bias * self.intercept_scaling).with_summary(Summary {
            objective,
            iterations: rounds,
            converged,
        }))
    }
}

/// All that an update needs to know of a row.
struct Dual {
    row: usize,
    value: f64,
    /// How much the row pulls its value up, within ±bound.
    beta: f64,
    bound: f64,
    ridge: f64,
    bend: f64,
}

impl Dual {
    /// Sets the variable to its best value with the others fixed, where the row's value is z now: its change, and how
    /// far it was from the optimum.
    fn update(&mut self, z: f64, epsilon: f64) -> (f64, f64) {
        let gradient = z - self.value + self.ridge * self.beta;
        let (up, down) = (gradient + epsilon, gradient - epsilon);
        let wrong = if self.beta == 0.0 {
            (-up).max(down).max(0.0)
        } else if self.beta > 0.0 {
            if self.beta >= self.bound { up.max(0.0) } else { up.abs() }
        } else if self.beta <= -self.bound {
            (-down).max(0.0)
        } else {
            down.abs()
        };
        let step = if up < self.bend * self.beta {
            -up / self.bend
        } else if down > self.bend * self.beta {
            -down / self.bend
        } else {
            -self.beta
        };
        let old = self.beta;
        self.beta = (old + step).clamp(-self.bound, self.bound);
        (self.beta - old, wrong)
    }
}

/// `weights += change·row`.
fn shift(weights: &mut [f64], row: RowView<'_>, change: f64) {
    match row {
        RowView::Sparse { indices, values } => {
            for (&j, &v) in indices.iter().zip(values) {
                weights[j as usize] += change * f64::from(v);
            }
        }
        RowView::Dense(values) => weights.iter_mut().zip(values).for_each(|(w, v)| *w += change * v),
    }
}
