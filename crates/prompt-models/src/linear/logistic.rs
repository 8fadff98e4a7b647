//! Logistic regression.

use prompt_core::{
    ClassWeight, Control, Event, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params,
};

use serde::{Deserialize, Serialize};

use super::Problem;
use super::classifier::{LinearClassifier, Summary};
use super::design::Design;
use super::lbfgs::{History, dot};
use super::owlqn;
use super::softmax_loss::SoftmaxLoss;

/// What logistic regression penalises besides errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Penalty {
    /// The squares of the weights.
    L2,
    /// Their absolute values.
    L1,
    /// Both.
    #[serde(rename = "elasticnet")]
    ElasticNet,
    /// Nothing.
    None,
}

params! {
    /// Logistic regression: multinomial for three or more classes, one margin for two.
    ///
    /// Minimises the mean log loss plus a penalty, as scikit-learn's `LogisticRegression` does (there multiplied
    /// by C·Σv):
    ///
    /// ```text
    /// Σ_i v_i·(log Σ_c exp z_ic − z_i,y_i) / Σ_i v_i  +  ‖w‖² / (2·C·Σ_i v_i)       v_i: row × class weight
    /// ```
    ///
    /// The intercept is free. The minimum is found by L-BFGS (ten pairs) that starts from the inverse diagonal
    /// of the Hessian; it is unique in the weights, so any solver that converges gives the same model.
    ///
    /// With `penalty` l1 the last term is ‖w‖₁ / (C·Σ_i v_i), by which weights that do not help become zero; with
    /// elasticnet it is (ρ·‖w‖₁ + ½·(1 − ρ)·‖w‖²) / (C·Σ_i v_i), ρ: `l1_ratio`; with none it is gone. L1 goes by the
    /// orthant-wise form of L-BFGS.
    ///
    /// Take another learner when the classes depend on combinations of features rather than on their sum.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::linear::LogisticRegression;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0], [3.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = LogisticRegression::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["low", "low", "high", "high"]);
    /// ```
    pub struct LogisticRegression named "logistic_regression" {
        /// Inverse strength of the penalty; smaller is stronger.
        c: f64 = 1.0, Legal::positive();
        /// What is penalised: `l2`, `l1`, `elasticnet` or `none`.
        penalty: Penalty = Penalty::L2, Legal::OneOf(&["l2", "l1", "elasticnet", "none"]);
        /// Share of the L1 penalty in `elasticnet`.
        l1_ratio: f64 = 0.5, Legal::between(0.0, 1.0);
        /// Stop when no entry of the gradient is larger.
        tol: f64 = 1e-4, Legal::positive();
        /// Rounds at most; a fit that needs more says so in its summary.
        max_iter: usize = 200, Legal::at_least(1);
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
        /// Whether margins have a constant part.
        fit_intercept: bool = true, Legal::Bool;
    }
}

/// Pairs that the inverse Hessian is built from.
const HISTORY: usize = 10;

impl Learner for LogisticRegression {
    type Fitted = LinearClassifier;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<LinearClassifier> {
        let problem = Problem::new(Self::NAME, y, &self.class_weight, 2)?;
        let (params, summary) = ctx.install(|| self.solve(x, &problem, ctx))?;
        let k = params.len() / (x.cols() + 1);
        let mut weights = params;
        let intercept = weights.split_off(x.cols() * k);
        let settings = serde_json::to_value(self).unwrap_or_default();
        Ok(LinearClassifier::from_solution(Self::NAME, settings, &problem, (weights, intercept))
            .with_summary(summary))
    }
}

impl LogisticRegression {
    fn solve(&self, x: &Matrix, problem: &Problem, ctx: &FitContext) -> Result<(Vec<f64>, Summary)> {
        let design = Design::new(x, ctx.thread_budget() == 1);
        let mut loss = SoftmaxLoss::new(design, problem, self.c, self.fit_intercept);
        let (l1, l2) = match self.penalty {
            Penalty::L2 => (0.0, 1.0),
            Penalty::L1 => (1.0, 0.0),
            Penalty::ElasticNet => (self.l1_ratio, 1.0 - self.l1_ratio),
            Penalty::None => (0.0, 0.0),
        };
        let l1 = l1 * loss.l2;
        loss.l2 *= l2;
        if l1 > 0.0 {
            return owlqn::minimise(&loss, l1, History::new(HISTORY), (self.tol, self.max_iter), ctx);
        }
        let inverse = loss.inverse_diagonal();
        let mut history = History::new(HISTORY);
        let mut at = loss.start();
        let mut gradient = loss.gradient(&at);
        let mut iterations = 0;
        let met = |gradient: &[f64]| gradient.iter().all(|g| g.abs() <= self.tol);
        while iterations < self.max_iter && !met(&gradient) {
            iterations += 1;
            let mut step = history.direction(&gradient, &inverse);
            let Some(t) = loss.search(&mut at, &step, dot(&gradient, &step)) else { break };
            let next = loss.gradient(&at);
            let change = next.iter().zip(&gradient).map(|(new, old)| new - old).collect();
            step.iter_mut().for_each(|s| *s *= t);
            history.push(step, change);
            gradient = next;
            let values = [("loss", at.loss)];
            let event =
                Event { stage: "lbfgs", step: iterations, total: Some(self.max_iter), values: &values };
            if ctx.report(&event)? == Control::Stop {
                break;
            }
        }
        let summary = Summary { objective: at.loss, iterations, converged: met(&gradient) };
        let bias = loss.shifted(&at.params);
        let split = at.params.len() - bias.len();
        at.params[split..].copy_from_slice(&bias);
        Ok((at.params, summary))
    }
}
