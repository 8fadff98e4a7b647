//! Stochastic gradient descent for numbers.

use prompt_core::{
    Error, FitContext, Learner, Legal, Matrix, Model, Params, Result, Tags, Target, check_data, params,
};

use super::descent::{From, LearningRate, Rows, Settings};
use super::{SgdLoss, SgdModel, hold_out};
use crate::linear::{LinearRegressor, Penalty};

params! {
    /// A linear regression by stochastic gradient descent, as scikit-learn's `SGDRegressor`.
    ///
    /// ```text
    /// minimise  1/n·Σ_i v_i·L(w·x_i + b, y_i) + α·(½·(1 − ρ)·‖w‖² + ρ·‖w‖₁)        ρ: l1_ratio
    /// ```
    ///
    /// For rows that stream ([`partial_fit`](Self::partial_fit)) and more data than a solver bears. Scale the columns
    /// first: a column of thousands makes the steps so long that the weights grow beyond all numbers, which is an
    /// error. With the same order of rows (`shuffle` off) the weights are scikit-learn's; what differs otherwise says
    /// [`SgdClassifier`](super::SgdClassifier).
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
    /// use prompt_models::linear::SgdRegressor;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-1.0], [0.0], [1.0], [2.0]]));
    /// let y = Target::regression(vec![-1.0, 1.0, 3.0, 5.0]).unwrap();
    /// let model = SgdRegressor::default().alpha(0.0).eta0(0.1).tol(Some(1e-9)).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert!((model.linear().weights()[0] - 2.0).abs() < 0.01);
    /// ```
    pub struct SgdRegressor named "sgd" checked by SgdRegressor::check {
        /// What a row costs: `squared_error`, `huber`, `epsilon_insensitive` or `squared_epsilon_insensitive`.
        loss: SgdLoss = SgdLoss::SquaredError, Legal::OneOf(&["squared_error", "huber", "epsilon_insensitive",
            "squared_epsilon_insensitive"]);
        /// What is penalised besides: `l2`, `l1`, `elasticnet` or `none`.
        penalty: Penalty = Penalty::L2, Legal::OneOf(&["l2", "l1", "elasticnet", "none"]);
        /// Strength of the penalty; the learning rate `optimal` depends on it too.
        alpha: f64 = 1e-4, Legal::not_negative();
        /// Share of the L1 penalty in `elasticnet`.
        l1_ratio: f64 = 0.15, Legal::between(0.0, 1.0);
        /// Whether there is a constant part.
        fit_intercept: bool = true, Legal::Bool;
        /// How far a step moves the intercept, as a share of the step.
        intercept_decay: f64 = 1.0, Legal::between(0.0, 1.0);
        /// Epochs at most.
        max_iter: usize = 1000, Legal::at_least(1);
        /// Stop when the objective (with `early_stopping`: R²) has not become better by this much for
        /// `n_iter_no_change` epochs; none to run all of them.
        tol: Option<f64> = Some(1e-3), Legal::not_negative().or_none();
        /// Whether each epoch takes the rows in another random order.
        shuffle: bool = true, Legal::Bool;
        /// ε of `huber` and of the insensitive losses.
        epsilon: f64 = 0.1, Legal::not_negative();
        /// How far a step goes: `optimal`, `constant`, `invscaling` or `adaptive`.
        learning_rate: LearningRate = LearningRate::InvScaling,
            Legal::OneOf(&["optimal", "constant", "invscaling", "adaptive"]);
        /// Length of the first step, other than for `optimal`.
        eta0: f64 = 0.01, Legal::positive();
        /// By which power of their number steps of `invscaling` become shorter.
        power_t: f64 = 0.25, Legal::not_negative();
        /// Whether to hold rows out and stop when R² on them no longer rises.
        early_stopping: bool = false, Legal::Bool;
        /// Share of the rows that early stopping holds out.
        validation_fraction: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// Epochs to wait for an improvement.
        n_iter_no_change: usize = 5, Legal::at_least(1);
        /// From which step on the mean of the weights is kept, and predicts; 0 for the last weights.
        average: usize = 0, Legal::at_least(0);
    }
}

impl SgdRegressor {
    fn settings(&self) -> Settings {
        Settings {
            owner: Self::NAME,
            classes: false,
            loss: self.loss,
            epsilon: self.epsilon,
            penalty: self.penalty,
            alpha: self.alpha,
            l1_ratio: self.l1_ratio,
            fit_intercept: self.fit_intercept,
            intercept_decay: self.intercept_decay,
            max_iter: self.max_iter,
            tol: self.tol,
            shuffle: self.shuffle,
            learning_rate: self.learning_rate,
            eta0: self.eta0,
            power_t: self.power_t,
            early_stopping: self.early_stopping,
            n_iter_no_change: self.n_iter_no_change,
            average: self.average,
        }
    }

    /// Another enum than the classifier's would only repeat it: what costs a margin is refused here.
    fn check(&self) -> Result<()> {
        self.settings().check()
    }

    /// A new model that has also learned from these rows, in one epoch; `before` stays as it is.
    ///
    /// # Errors
    /// As of a fit; other columns than `before` has, or another `average`.
    pub fn partial_fit(
        &self,
        before: Option<&SgdModel<LinearRegressor>>,
        x: &Matrix,
        y: &Target,
        ctx: &FitContext,
    ) -> Result<SgdModel<LinearRegressor>> {
        self.validate()?;
        check_data(Self::NAME, Self::TAGS, x, y)?;
        ctx.check()?;
        let settings = Settings { max_iter: 1, tol: None, early_stopping: false, ..self.settings() };
        let from = match before {
            None => From { state: settings.start(x.cols()), steps: 0 },
            Some(model) if model.n_features() != x.cols() => {
                return Err(Error::shape("sgd: columns of x (features)", model.n_features(), x.cols()));
            }
            Some(model) => match model.states.first() {
                Some(state) if state.mean.is_some() == (self.average > 0) => {
                    From { state: state.clone(), steps: model.steps }
                }
                _ => {
                    return Err(Error::input(
                        "sgd: the model before was fitted with another `average`",
                        "keep its parameters",
                    ));
                }
            },
        };
        self.run(&settings, from, x, y, ctx)
    }

    fn run(
        &self,
        settings: &Settings,
        from: From,
        x: &Matrix,
        y: &Target,
        ctx: &FitContext,
    ) -> Result<SgdModel<LinearRegressor>> {
        let values = y.as_regression()?;
        let weight = |i: usize| y.weights().map_or(1.0, |w| w[i]);
        let rows: Vec<usize> = (0..x.rows()).filter(|&i| weight(i) > 0.0).collect();
        let (learn, watch) = if settings.early_stopping {
            hold_out(vec![rows], self.validation_fraction, ctx.seed())
        } else {
            (rows, Vec::new())
        };
        let seed = ctx.seed().derive("order", from.steps);
        let rows = Rows { x, y: &|i| values[i], weight: &weight, learn: &learn, watch: &watch };
        let run = rows.descend(settings, from, 0.0, seed, ctx)?;
        let (weights, bias) = settings.chosen(&run.state, run.steps);
        let params = serde_json::to_value(self).unwrap_or_default();
        let linear = LinearRegressor::new(Self::NAME, params, weights, bias).with_summary(run.summary);
        Ok(SgdModel::new(linear, vec![run.state], run.steps))
    }
}

impl Learner for SgdRegressor {
    type Fitted = SgdModel<LinearRegressor>;

    const TAGS: Tags = Tags { min_rows: 1, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Self::Fitted> {
        let settings = self.settings();
        let from = From { state: settings.start(x.cols()), steps: 0 };
        self.run(&settings, from, x, y, ctx)
    }
}
