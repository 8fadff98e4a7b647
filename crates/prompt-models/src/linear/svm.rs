//! Linear support vector machine.

use std::borrow::Cow;

use prompt_core::{
    ClassWeight, Control, Event, FitContext, Learner, Legal, Matrix, Params, Result, Seed, Tags, Target,
    params,
};
use serde::{Deserialize, Serialize};

use super::Problem;
use super::classifier::{LinearClassifier, Link, Summary};
use super::dual::{Rows, Solution, Stopping};
use crate::calibrate::{Margins, fit_temperature};

/// What a row costs that is on the wrong side of its margin, by h = max(0, 1 − y·z).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// h²
    SquaredHinge,
    /// h
    Hinge,
}

/// How margins become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibration {
    /// softmax(s·z), with s fitted on held-out margins: the predicted class stays that of the largest margin.
    Temperature,
    /// σ(a_c·z_c + b_c) for each class, fitted on held-out margins, divided by their sum: the predicted class may
    /// differ from that of the largest margin.
    #[serde(alias = "sigmoid")]
    Platt,
    /// softmax(z) as it is: the order of the margins, not calibrated.
    None,
}

params! {
    /// Linear support vector machine, one class against the rest, as scikit-learn's `LinearSVC`, with
    /// probabilities.
    ///
    /// For each class (the second of two) it minimises, by dual coordinate descent,
    ///
    /// ```text
    /// ½·(‖w‖² + b²) + Σ_i C·v_i·max(0, 1 − y_i·(w·x_i + b·s))²       y_i = ±1, v_i: row × class weight
    /// ```
    ///
    /// where s is `intercept_scaling`. A class weight is a weight of its rows in every machine, as for the other
    /// learners here (`LinearSVC` applies it only where the class is the positive one; the same as here comes from
    /// its `sample_weight`).
    ///
    /// Probabilities come from margins of rows that were held out: the rows of
    /// each class are dealt into folds, and each fold is scored by a machine that goes on from the full solution
    /// without that fold's rows. A class with fewer rows than folds lowers their number, to two at least. A
    /// temperature is fitted on as many folds as it takes to hold out 2,500 rows.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::linear::LinearSvm;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [3.0], [4.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = LinearSvm::default().c(10.0).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["low", "low", "high", "high"]);
    /// ```
    pub struct LinearSvm named "linear_svm" {
        /// Cost of rows on the wrong side; larger fits the rows more closely.
        c: f64 = 1.0, Legal::positive();
        /// What such a row costs: `squared_hinge` or `hinge`.
        loss: Loss = Loss::SquaredHinge, Legal::OneOf(&["squared_hinge", "hinge"]);
        /// Stop when the projected gradients of the dual variables differ by less.
        tol: f64 = 1e-2, Legal::positive();
        /// Rounds at most for each class; a fit that needs more says so in its summary.
        max_iter: usize = 1000, Legal::at_least(1);
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// Value of the constant feature whose weight is the intercept; 0 for none.
        intercept_scaling: f64 = 1.0, Legal::not_negative();
        /// How margins become probabilities: `temperature`, `platt` (also called `sigmoid`) or `none`.
        calibration: Calibration = Calibration::Temperature,
            Legal::OneOf(&["temperature", "platt", "sigmoid", "none"]);
        /// Folds that margins are held out in.
        calibration_folds: usize = 5, Legal::int(2, 100);
    }
}

impl Learner for LinearSvm {
    type Fitted = LinearClassifier;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearClassifier> {
        let problem = Problem::new(Self::NAME, y, &self.class_weight, 2)?;
        let sample = Sample::new(x, &problem);
        let costs = match &sample.weights {
            Some(weights) => weights.iter().map(|w| self.c * w).collect(),
            None => vec![self.c; sample.codes.len()],
        };
        let rows = Rows::new(&sample.x, self.loss, self.intercept_scaling, costs);
        let folds = match self.calibration {
            Calibration::None => Vec::new(),
            _ => sample.deal(self.calibration_folds, problem.present.len(), ctx.seed()),
        };
        let machines = if problem.present.len() == 2 { 1 } else { problem.present.len() };
        let fits = ctx.try_map(machines, |m| {
            // One machine tells the second class from the first, several tell each class from the rest.
            let class = if machines == 1 { 1 } else { m as u32 };
            self.machine(&rows, &sample.codes, &folds, class, ctx)
        })?;
        let mut weights = vec![0.0; x.cols() * machines];
        let mut intercept = vec![0.0; machines];
        let mut summary = Summary { objective: 0.0, iterations: 0, converged: true };
        for (m, fit) in fits.iter().enumerate() {
            let solution = &fit.solution;
            for (j, w) in solution.weights.iter().enumerate() {
                match weights.get_mut(j * machines + m) {
                    Some(slot) => *slot = *w,
                    None => intercept[m] = w * self.intercept_scaling,
                }
            }
            summary.objective += fit.objective;
            summary.iterations = summary.iterations.max(solution.epochs);
            summary.converged &= solution.converged;
        }
        let settings = serde_json::to_value(self).unwrap_or_default();
        let fitted = LinearClassifier::from_solution(Self::NAME, settings, &problem, (weights, intercept))
            .with_summary(summary);
        if folds.is_empty() {
            return Ok(fitted);
        }
        let link = self.link(&problem, &sample, &folds, &fits);
        Ok(fitted.with_link(link))
    }
}

/// The rows that count.
struct Sample<'a> {
    x: Cow<'a, Matrix>,
    codes: Cow<'a, [u32]>,
    weights: Option<Cow<'a, [f64]>>,
}

impl<'a> Sample<'a> {
    fn new(x: &'a Matrix, problem: &'a Problem) -> Self {
        let rows: Vec<usize> = (0..x.rows()).filter(|&i| problem.weight(i) > 0.0).collect();
        let weights = problem.weights.as_deref();
        if rows.len() == x.rows() {
            return Self {
                x: Cow::Borrowed(x),
                codes: Cow::Borrowed(&problem.codes),
                weights: weights.map(Cow::Borrowed),
            };
        }
        Self {
            x: Cow::Owned(x.select_rows(&rows)),
            codes: rows.iter().map(|&i| problem.codes[i]).collect(),
            weights: weights.map(|w| rows.iter().map(|&i| w[i]).collect()),
        }
    }

    /// Deals the rows of each class, in random order, into folds.
    fn deal(&self, folds: usize, classes: usize, seed: Seed) -> Vec<Vec<u32>> {
        let mut by_class = vec![Vec::new(); classes];
        for (row, &class) in self.codes.iter().enumerate() {
            by_class[class as usize].push(row as u32);
        }
        let smallest = by_class.iter().map(Vec::len).min().unwrap_or(0);
        let folds = folds.min(smallest.max(2));
        let mut rng = seed.derive("calibration", 0).rng();
        by_class.iter_mut().for_each(|rows| rng.shuffle(rows));
        let mut out = vec![Vec::new(); folds];
        for (at, row) in by_class.into_iter().flatten().enumerate() {
            out[at % folds].push(row);
        }
        out.iter_mut().for_each(|fold| fold.sort_unstable());
        out
    }
}

/// One class against the rest, with the margins of the rows that were held out, fold after fold.
struct Machine {
    solution: Solution,
    objective: f64,
    held_out: Vec<f64>,
}

impl LinearSvm {
    fn machine(
        &self,
        rows: &Rows<'_>,
        codes: &[u32],
        folds: &[Vec<u32>],
        class: u32,
        ctx: &FitContext,
    ) -> Result<Machine> {
        let positive = |row: usize| codes[row] == class;
        let seed = ctx.seed().derive("class", u64::from(class));
        let stopping = Stopping { tol: self.tol, max_iter: self.max_iter };
        let all: Vec<u32> = (0..codes.len() as u32).collect();
        let solution = rows.solve(&all, positive, rows.origin(), stopping, seed, |epoch, violation| {
            let values = [("class", f64::from(class)), ("violation", violation)];
            let event = Event { stage: "dual", step: epoch, total: Some(self.max_iter), values: &values };
            Ok(ctx.report(&event)? == Control::Continue)
        })?;
        let objective = rows.primal(&solution.weights, positive);
        let mut held_out = Vec::new();
        let stopping = Stopping { tol: self.tol.max(CALIBRATION_TOL), ..stopping };
        for (at, fold) in self.held_out(folds).iter().enumerate() {
            let start = rows.without(solution.clone(), fold, positive);
            let mut rest = all.clone();
            rest.retain(|row| fold.binary_search(row).is_err());
            let seed = seed.derive("fold", at as u64);
            let part =
                rows.solve(&rest, positive, start, stopping, seed, |_, _| ctx.check().map(|()| true))?;
            held_out.extend(fold.iter().map(|&row| rows.margin(&part.weights, row as usize)));
        }
        Ok(Machine { solution, objective, held_out })
    }

    /// The folds whose margins are needed. A temperature is one number: some thousand rows settle it.
    fn held_out<'a>(&self, folds: &'a [Vec<u32>]) -> &'a [Vec<u32>] {
        let mut rows = 0;
        let enough = folds.iter().position(|fold| {
            rows += fold.len();
            rows >= TEMPERATURE_ROWS
        });
        match enough {
            Some(last) if self.calibration == Calibration::Temperature => &folds[..=last],
            _ => folds,
        }
    }

    fn link(&self, problem: &Problem, sample: &Sample<'_>, folds: &[Vec<u32>], fits: &[Machine]) -> Link {
        let k = fits.len();
        let rows: Vec<usize> = self.held_out(folds).iter().flatten().map(|&row| row as usize).collect();
        let mut z = Vec::with_capacity(rows.len() * k);
        for at in 0..rows.len() {
            z.extend(fits.iter().map(|fit| fit.held_out[at]));
        }
        let codes: Vec<u32> = rows.iter().map(|&row| sample.codes[row]).collect();
        let weights: Option<Vec<f64>> =
            sample.weights.as_ref().map(|w| rows.iter().map(|&row| w[row]).collect());
        let margins = Margins { z: &z, k, codes: &codes, weights: weights.as_deref() };
        if self.calibration != Calibration::Platt {
            return Link::Softmax { scale: fit_temperature(&margins) };
        }
        super::held_out::platt(problem, &margins)
    }
}

/// Held-out rows that settle a temperature.
const TEMPERATURE_ROWS: usize = 2500;

/// Margins for a calibration need not be exact: on 24,000 prompts this moves the temperature by 0.2% against a
/// solution a hundred times as close.
const CALIBRATION_TOL: f64 = 0.3;
