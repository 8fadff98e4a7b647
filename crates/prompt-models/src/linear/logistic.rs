//! Logistic regression.

use prompt_core::{
    ClassWeight, Control, Error, Event, FitContext, Learner, Legal, Matrix, Params, Prediction, Result, Tags,
    Target, check_data, check_fitted, params,
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
        self.fitted(x, &Problem::new(Self::NAME, y, &self.class_weight, 2)?, ctx)
    }
}

impl LogisticRegression {
    /// Fits rows that have a probability for every class in place of a class: what a teacher says of them, or several
    /// annotators. The log loss of row i is then Σ_c q_ic·(log Σ_c' exp z_ic' − z_ic), which is that of one class where its
    /// probability is 1. The model's probabilities come as near to the given ones as the penalty lets them.
    ///
    /// ```
    /// use prompt_core::{Classes, Dense, FitContext, Matrix, Output, Predict, Prediction};
    /// use prompt_models::linear::LogisticRegression;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0]]));
    /// let classes = Output::Classes(Classes::new(["low", "high"])?);
    /// let said = Prediction::new(classes, Dense::from_rows(&[[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]]))?;
    /// let model = LogisticRegression::default().c(1e6).fit_soft(&x, &said, None, &FitContext::new(0))?;
    /// assert!((model.predict(&x)?.row(0)[1] - 0.2).abs() < 1e-3);
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As a fit, and: targets of numbers, a probability that is negative or not finite, a row whose probabilities do not sum
    /// to 1 within 1e-6, a `class_weight` (rows have no single class).
    pub fn fit_soft(
        &self,
        x: &Matrix,
        targets: &Prediction,
        weights: Option<&[f64]>,
        ctx: &FitContext,
    ) -> Result<LinearClassifier> {
        self.validate()?;
        let (q, classes) = targets.probabilities()?;
        let right = |row: &[f64]| {
            row.iter().all(|p| p.is_finite() && *p >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() <= 1e-6
        };
        if let Some(row) = (0..q.rows()).find(|row| !right(q.row(*row))) {
            return Err(Error::input(
                format!("{}: the probabilities of target row {row} are no distribution", Self::NAME),
                "give every row numbers ≥ 0 that sum to 1",
            ));
        }
        if self.class_weight != ClassWeight::None {
            return Err(Error::unsupported(
                Self::NAME,
                "class weights beside probabilities as targets",
                "weigh the rows",
            ));
        }
        // What every fit checks is checked on the most probable classes; that they may be one and the same is no error here.
        let y = Target::codes(targets.codes()?, classes.clone())?;
        let y = match weights {
            Some(weights) => y.with_weights(weights.to_vec())?,
            None => y,
        };
        check_data(Self::NAME, Tags { one_class: true, ..Self::TAGS }, x, &y)?;
        let problem = Problem::soft(Self::NAME, q, weights.map(<[f64]>::to_vec), classes)?;
        let fitted = self.fitted(x, &problem, ctx)?;
        check_fitted::<Self>(Self::TAGS, &fitted, x)?;
        Ok(fitted)
    }

    fn fitted(&self, x: &Matrix, problem: &Problem, ctx: &FitContext) -> Result<LinearClassifier> {
        let (params, summary) = ctx.install(|| self.solve(x, problem, ctx))?;
        let k = params.len() / (x.cols() + 1);
        let mut weights = params;
        let intercept = weights.split_off(x.cols() * k);
        let settings = serde_json::to_value(self).unwrap_or_default();
        Ok(LinearClassifier::from_solution(Self::NAME, settings, problem, (weights, intercept))
            .with_summary(summary))
    }

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

#[cfg(test)]
mod tests {
    use prompt_core::{Classes, Dense, Fit, Output, Predict, Seed};

    use super::*;

    fn rows(n: usize, classes: usize) -> (Matrix, Vec<u32>) {
        let mut rng = Seed::new(4).rng();
        let codes: Vec<u32> = (0..n).map(|i| (i % classes) as u32).collect();
        let data = codes.iter().flat_map(|c| [f64::from(*c) + rng.normal(), rng.normal()]).collect();
        (Matrix::from(Dense::new(n, 2, data).unwrap()), codes)
    }

    fn one_hot(codes: &[u32], classes: &Classes, certain: f64) -> Prediction {
        let k = classes.len();
        let rest = (1.0 - certain) / (k - 1) as f64;
        let of = |c: u32| (0..k).map(move |j| if j == c as usize { certain } else { rest });
        let data = codes.iter().flat_map(|c| of(*c)).collect();
        Prediction::new(Output::Classes(classes.clone()), Dense::new(codes.len(), k, data).unwrap()).unwrap()
    }

    #[test]
    fn certain_rows_teach_what_labels_teach() {
        for k in [2, 3, 5] {
            let (x, codes) = rows(60, k);
            let classes = Classes::new((0..k).map(|c| c.to_string())).unwrap();
            let learner = LogisticRegression::default().tol(1e-8).max_iter(2000);
            let ctx = FitContext::new(0);
            let y = Target::codes(codes.clone(), classes.clone()).unwrap();
            let weights: Vec<f64> = (0..60).map(|i| 1.0 + f64::from(i % 3)).collect();
            for weights in [None, Some(weights)] {
                let y = match &weights {
                    Some(w) => y.clone().with_weights(w.clone()).unwrap(),
                    None => y.clone(),
                };
                let hard = learner.fit(&x, &y, &ctx).unwrap();
                let said = one_hot(&codes, &classes, 1.0);
                let soft = learner.fit_soft(&x, &said, weights.as_deref(), &ctx).unwrap();
                for (a, b) in hard.weights().iter().zip(soft.weights()) {
                    assert!((a - b).abs() < 1e-5, "{k}: {a} {b}");
                }
            }
        }
    }

    /// A row with probabilities is as many rows as there are classes, each of them with its probability as weight.
    #[test]
    fn probabilities_are_weighted_copies() {
        for k in [2, 4] {
            let (x, codes) = rows(40, k);
            let classes = Classes::new((0..k).map(|c| c.to_string())).unwrap();
            let said = one_hot(&codes, &classes, 0.6);
            let learner = LogisticRegression::default().tol(1e-8).max_iter(2000);
            let soft = learner.fit_soft(&x, &said, None, &FitContext::new(0)).unwrap();
            let copies: Vec<usize> = (0..40).flat_map(|i| vec![i; k]).collect();
            let y = Target::codes((0..40 * k).map(|i| (i % k) as u32).collect(), classes).unwrap();
            let y = y.with_weights(said.scores().data().to_vec()).unwrap();
            let hard = learner.fit(&x.select_rows(&copies), &y, &FitContext::new(0)).unwrap();
            for (a, b) in hard.weights().iter().zip(soft.weights()) {
                assert!((a - b).abs() < 1e-5, "{k}: {a} {b}");
            }
            let p = soft.predict(&x).unwrap();
            assert!((p.row(0).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        let (x, codes) = rows(6, 2);
        let classes = Classes::new(["a", "b"]).unwrap();
        let ctx = FitContext::new(0);
        let learner = LogisticRegression::default();
        let error = |said: &Prediction, learner: &LogisticRegression, weights: Option<&[f64]>| {
            learner.fit_soft(&x, said, weights, &ctx).unwrap_err().to_string()
        };
        let said = one_hot(&codes, &classes, 1.0);
        let wrong = |at: usize, value: f64| {
            let mut scores = said.scores().clone();
            scores.data_mut()[at] = value;
            Prediction::new(said.output().clone(), scores).unwrap()
        };
        for value in [f64::NAN, -0.1, 0.5, f64::INFINITY] {
            assert!(error(&wrong(5, value), &learner, None).contains("target row 2"), "{value}");
        }
        assert!(
            error(&said, &learner.clone().class_weight(ClassWeight::Balanced), None)
                .contains("class weights")
        );
        assert!(error(&said, &learner, Some(&[1.0])).contains("sample weights"));
        let short = one_hot(&codes[..5], &classes, 1.0);
        assert!(error(&short, &learner, None).contains("targets"));
        let numbers = Prediction::new(Output::Values(vec!["v".into()]), Dense::zeros(6, 1)).unwrap();
        assert!(learner.fit_soft(&x, &numbers, None, &ctx).is_err());
        let mut one = Dense::zeros(6, 2);
        (0..6).for_each(|i| one.row_mut(i)[0] = 1.0);
        let one = Prediction::new(Output::Classes(classes), one).unwrap();
        assert!(error(&one, &learner, None).contains("1 class(es)"));
    }
}
