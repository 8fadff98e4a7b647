//! Stochastic gradient descent for classes.

use prompt_core::{
    ClassWeight, Error, FitContext, Learner, Legal, Matrix, Params, Result, Seed, Tags, Target, check_data,
    params,
};

use super::descent::{From, LearningRate, Rows, Run, Settings};
use super::weights::State;
use super::{SgdLoss, SgdModel, hold_out};
use crate::linear::{Calibration, HeldOut, LinearClassifier, Link, Penalty, Problem, Summary, machines};

params! {
    /// A linear classifier by stochastic gradient descent, as scikit-learn's `SGDClassifier`, one class against the rest.
    ///
    /// ```text
    /// minimise  1/n·Σ_i v_i·L(w·x_i + b, y_i) + α·(½·(1 − ρ)·‖w‖² + ρ·‖w‖₁)     v_i: row × class weight, ρ: l1_ratio
    /// ```
    ///
    /// A step for each row, in random order: a pass over the data costs what reading it costs. It suits rows that
    /// stream ([`partial_fit`](Self::partial_fit)) and more data than a solver bears; where the data fits,
    /// [`LogisticRegression`](crate::linear::LogisticRegression) and [`LinearSvm`](crate::linear::LinearSvm) reach the
    /// minimum itself. Columns of another unit learn at another speed, so scale them first.
    ///
    /// With the same order of rows (`shuffle` off) the weights are scikit-learn's. Two things are told apart there and
    /// not here: zeros of a dense row are as absent as those of a sparse one (scikit-learn's L1 penalty reaches the
    /// first only), and the intercept moves alike for both (there a hundredth as far for sparse rows, which
    /// `intercept_decay` = 0.01 gives). Rows of weight zero take no step. Means of the weights include the L1 penalty.
    ///
    /// Probabilities: `log_loss` gives σ(z) of each class divided by their sum; the margins of the other losses are
    /// calibrated on rows that are held out, as those of `LinearSvm` are, which costs from one to `calibration_folds` more
    /// fits, and after `partial_fit` are the softmax of the margins.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::linear::SgdClassifier;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-2.0], [-1.0], [1.0], [2.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = SgdClassifier::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["low", "low", "high", "high"]);
    /// ```
    pub struct SgdClassifier named "sgd" checked by SgdClassifier::check {
        /// What a row costs: `hinge`, `squared_hinge`, `perceptron`, `log_loss`, `modified_huber`, or, of y = ±1,
        /// `squared_error`, `huber`, `epsilon_insensitive`, `squared_epsilon_insensitive`.
        loss: SgdLoss = SgdLoss::Hinge, Legal::OneOf(&["hinge", "squared_hinge", "perceptron", "log_loss",
            "modified_huber", "squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"]);
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
        /// Stop when the objective (with `early_stopping`: the accuracy) has not become better by this much for
        /// `n_iter_no_change` epochs; none to run all of them.
        tol: Option<f64> = Some(1e-3), Legal::not_negative().or_none();
        /// Whether each epoch takes the rows in another random order.
        shuffle: bool = true, Legal::Bool;
        /// ε of `huber` and of the insensitive losses.
        epsilon: f64 = 0.1, Legal::not_negative();
        /// How far a step goes: `optimal`, `constant`, `invscaling` or `adaptive`.
        learning_rate: LearningRate = LearningRate::Optimal,
            Legal::OneOf(&["optimal", "constant", "invscaling", "adaptive"]);
        /// Length of the first step, other than for `optimal`.
        eta0: f64 = 0.01, Legal::positive();
        /// By which power of their number steps of `invscaling` become shorter.
        power_t: f64 = 0.5, Legal::not_negative();
        /// Whether to hold rows out and stop when the accuracy on them no longer rises.
        early_stopping: bool = false, Legal::Bool;
        /// Share of the rows of each class that early stopping holds out.
        validation_fraction: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// Epochs to wait for an improvement.
        n_iter_no_change: usize = 5, Legal::at_least(1);
        /// From which step on the mean of the weights is kept, and predicts; 0 for the last weights.
        average: usize = 0, Legal::at_least(0);
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// How margins become probabilities, except for `log_loss`: `temperature`, `platt` (also called `sigmoid`) or `none`.
        calibration: Calibration = Calibration::Temperature,
            Legal::OneOf(&["temperature", "platt", "sigmoid", "none"]);
        /// Folds that margins are held out in.
        calibration_folds: usize = 5, Legal::int(2, 100);
    }
}

/// Held-out rows that settle a temperature.
const ENOUGH: usize = 1000;

impl SgdClassifier {
    fn settings(&self) -> Settings {
        Settings {
            owner: Self::NAME,
            classes: true,
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

    fn check(&self) -> Result<()> {
        self.settings().check()
    }

    /// A new model that has also learned from these rows, in one epoch; `before` stays as it is.
    ///
    /// The classes are those of the target, also those that no row of this batch has: give them up front by
    /// [`Target::labels_among`], and the same ones every time. Early stopping, tolerance and calibration do not apply.
    ///
    /// ```
    /// use prompt_core::{Classes, Dense, FitContext, Matrix, Predict, Target};
    /// use prompt_models::linear::SgdClassifier;
    ///
    /// let (sgd, ctx) = (SgdClassifier::default(), FitContext::new(0));
    /// let classes = Classes::new(["low", "high"]).unwrap();
    /// let batch = |x: [f64; 2], label| {
    ///     (Matrix::from(Dense::new(2, 1, x.to_vec()).unwrap()), Target::labels_among([label; 2], &classes).unwrap())
    /// };
    /// let (x, y) = batch([-2.0, -1.0], "low");
    /// let first = sgd.partial_fit(None, &x, &y, &ctx).unwrap();
    /// let (x, y) = batch([1.0, 2.0], "high");
    /// let second = sgd.partial_fit(Some(&first), &x, &y, &ctx).unwrap();
    /// assert_eq!(second.predict(&x).unwrap().labels().unwrap(), ["high", "high"]);
    /// assert_eq!((first.steps(), second.steps()), (2, 4));
    /// ```
    ///
    /// # Errors
    /// As of a fit; other columns or classes than `before` has; `class_weight` = `balanced`, since the weights would
    /// depend on the batch.
    pub fn partial_fit(
        &self,
        before: Option<&SgdModel<LinearClassifier>>,
        x: &Matrix,
        y: &Target,
        ctx: &FitContext,
    ) -> Result<SgdModel<LinearClassifier>> {
        self.validate()?;
        check_data(Self::NAME, Tags { one_class: true, min_rows: 1, ..Self::TAGS }, x, y)?;
        ctx.check()?;
        if self.class_weight == ClassWeight::Balanced {
            return Err(Error::unsupported(
                "sgd: partial_fit",
                "class_weight = balanced",
                "give each class its weight by name, from the shares of all data",
            ));
        }
        let (codes, classes) = y.as_classes()?;
        let problem = Problem {
            codes: codes.to_vec(),
            present: (0..classes.len() as u32).collect(),
            weights: self.class_weight.row_weights(y)?,
            classes: classes.clone(),
            soft: None,
        };
        if classes.len() < 2 {
            return Err(Error::input(
                "sgd: partial_fit with a single class",
                "name all classes up front (Target::labels_among)",
            ));
        }
        let (states, steps) = match before {
            Some(model) => {
                self.goes_on_from(model, x, &problem)?;
                (model.states.clone(), model.steps)
            }
            None => (vec![self.settings().start(x.cols()); machines(&problem)], 0),
        };
        let settings = Settings { max_iter: 1, tol: None, early_stopping: false, ..self.settings() };
        let learn: Vec<usize> = (0..x.rows()).filter(|&i| problem.weight(i) > 0.0).collect();
        let seed = ctx.seed().derive("partial_fit", steps);
        let runs = self.run(&settings, (x, &problem), (&learn, &[]), (states, steps), (seed, ctx))?;
        self.model(&settings, &problem, x.cols(), runs)
    }

    fn goes_on_from(&self, model: &SgdModel<LinearClassifier>, x: &Matrix, problem: &Problem) -> Result<()> {
        use prompt_core::Model;
        if model.n_features() != x.cols() {
            return Err(Error::shape("sgd: columns of x (features)", model.n_features(), x.cols()));
        }
        let known = model.output().classes();
        if known != Some(&problem.classes) || model.states.len() != machines(problem) {
            let names = |classes: &[String]| classes.join(", ");
            return Err(Error::input(
                format!(
                    "sgd: the classes of this batch are {}, those learned before {}",
                    names(problem.classes.names()),
                    known.map_or_else(String::new, |c| names(c.names()))
                ),
                "name the same classes in the same order every time (Target::labels_among), and begin with partial_fit",
            ));
        }
        if model.states.iter().any(|s| s.mean.is_some() != (self.average > 0)) {
            return Err(Error::input(
                "sgd: the model before was fitted with another `average`",
                "keep its parameters",
            ));
        }
        Ok(())
    }

    /// All machines.
    fn run(
        &self,
        settings: &Settings,
        (x, problem): (&Matrix, &Problem),
        (learn, watch): (&[usize], &[usize]),
        (states, steps): (Vec<State>, u64),
        (seed, ctx): (Seed, &FitContext),
    ) -> Result<Vec<Run>> {
        let single = states.len() == 1;
        ctx.try_map(states.len(), |m| {
            // One machine tells the second class from the first, several tell each class from the rest.
            let class = if single { 1 } else { m as u32 };
            let rows = Rows {
                x,
                y: &|i| if problem.codes[i] == class { 1.0 } else { -1.0 },
                weight: &|i| problem.weight(i),
                learn,
                watch,
            };
            let from = From { state: states[m].clone(), steps };
            rows.descend(settings, from, m as f64, seed.derive("machine", m as u64), ctx)
        })
    }

    /// The model that the machines make.
    fn model(
        &self,
        settings: &Settings,
        problem: &Problem,
        columns: usize,
        runs: Vec<Run>,
    ) -> Result<SgdModel<LinearClassifier>> {
        let k = runs.len();
        let (mut weights, mut intercept) = (vec![0.0; columns * k], Vec::with_capacity(k));
        let mut summary = Summary { objective: 0.0, iterations: 0, converged: true };
        let mut steps = 0;
        for (m, run) in runs.iter().enumerate() {
            let (w, b) = settings.chosen(&run.state, run.steps);
            w.into_iter().enumerate().for_each(|(j, w)| weights[j * k + m] = w);
            intercept.push(b);
            summary.objective += run.summary.objective;
            summary.iterations = summary.iterations.max(run.summary.iterations);
            summary.converged &= run.summary.converged;
            steps = steps.max(run.steps);
        }
        let params = serde_json::to_value(self).unwrap_or_default();
        let mut linear = LinearClassifier::from_solution(Self::NAME, params, problem, (weights, intercept))
            .with_summary(summary);
        if self.loss == SgdLoss::LogLoss && k > 1 {
            let count = problem.classes.len();
            linear = linear.with_link(Link::Platt { slope: vec![1.0; count], offset: vec![0.0; count] });
        }
        Ok(SgdModel::new(linear, runs.into_iter().map(|run| run.state).collect(), steps))
    }

    /// A fit of these rows from the start.
    fn fit_rows(
        &self,
        x: &Matrix,
        problem: &Problem,
        rows: &[usize],
        ctx: &FitContext,
    ) -> Result<SgdModel<LinearClassifier>> {
        let settings = self.settings();
        let (learn, watch) = if self.early_stopping {
            let mut groups = vec![Vec::new(); problem.present.len()];
            rows.iter().for_each(|&i| groups[problem.codes[i] as usize].push(i));
            hold_out(groups, self.validation_fraction, ctx.seed())
        } else {
            (rows.to_vec(), Vec::new())
        };
        let states = vec![settings.start(x.cols()); machines(problem)];
        let seed = ctx.seed().derive("order", 0);
        let runs = self.run(&settings, (x, problem), (&learn, &watch), (states, 0), (seed, ctx))?;
        self.model(&settings, problem, x.cols(), runs)
    }
}

impl Learner for SgdClassifier {
    type Fitted = SgdModel<LinearClassifier>;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Self::Fitted> {
        let problem = Problem::new(Self::NAME, y, &self.class_weight, 2)?;
        let rows: Vec<usize> = (0..x.rows()).filter(|&i| problem.weight(i) > 0.0).collect();
        let fitted = self.fit_rows(x, &problem, &rows, ctx)?;
        if self.loss == SgdLoss::LogLoss {
            return Ok(fitted);
        }
        let k = machines(&problem);
        let held_out = HeldOut {
            problem: &problem,
            calibration: self.calibration,
            folds: self.calibration_folds,
            enough: ENOUGH,
        };
        let inner = ctx.unobserved();
        let link = held_out.link(k, ctx.seed(), |rest, fold| {
            let settings = self.settings();
            let part = self.fit_rows(x, &problem, rest, &inner)?;
            let machines: Vec<_> = part.states.iter().map(|s| settings.chosen(s, part.steps)).collect();
            let margin = |&row: &usize| machines.iter().map(move |(w, b)| x.row(row).dot(w) + b);
            Ok(fold.iter().flat_map(margin).collect())
        })?;
        Ok(match link {
            Some(link) => fitted.map_linear(|linear| linear.with_link(link)),
            None => fitted,
        })
    }
}
