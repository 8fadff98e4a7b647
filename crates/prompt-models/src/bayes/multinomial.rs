//! Multinomial naive Bayes.

use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::counts::{Learned, Rules, Sums, learn};
use super::log_prior;
use crate::linear::{LinearClassifier, Problem};

params! {
    /// Multinomial naive Bayes, as scikit-learn's `MultinomialNB`.
    ///
    /// ```text
    /// ln P(c | x) = ln P(c) + Σ_j x_j·ln θ_cj + const        θ_cj = (N_cj + α) / Σ_j (N_cj + α)
    /// ```
    ///
    /// N_cj is the weighted sum of feature j over the rows of class c. Fast and good on few rows; its
    /// probabilities are too sure of themselves, because it takes features for independent.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::bayes::MultinomialNb;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[2.0, 0.0], [0.0, 1.0]]));
    /// let model = MultinomialNb::default().fit(&x, &Target::labels(["a", "b"]), &FitContext::new(0)).unwrap();
    /// // θ_a = (3/4, 1/4), θ_b = (1/3, 2/3): P(a | first row) = 9/16 / (9/16 + 1/9)
    /// let p = model.predict(&x).unwrap().row(0)[0];
    /// assert!((p - 81.0 / 97.0).abs() < 1e-12);
    /// ```
    pub struct MultinomialNb named "multinomial_nb" {
        /// Added to every count.
        alpha: f64 = 1.0, Legal::Real { low: 1e-10, high: f64::INFINITY, low_open: false, high_open: true };
        /// Whether frequent classes are likelier before anything is read.
        fit_prior: bool = true, Legal::Bool;
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

impl Learner for MultinomialNb {
    type Fitted = LinearClassifier;

    const TAGS: Tags = Tags { negative: false, ..Tags::CLASSIFIER };

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<LinearClassifier> {
        learn(self.start(y.as_classes()?.1.clone(), x.cols())?, x, y, &self.class_weight)
    }
}

impl MultinomialNb {
    pub(super) fn rules(&self, size: usize, _: usize) -> (Rules, Sums) {
        (Rules { negative: false, threshold: None }, Sums::Counts(vec![0.0; size]))
    }

    pub(super) fn solve(self, problem: &Problem, learned: Learned) -> LinearClassifier {
        let k = problem.present.len();
        let prior = log_prior(&learned.mass, self.fit_prior);
        let mut weights = learned.counts(problem);
        let mut totals = vec![0.0; k];
        for counts in weights.chunks_exact_mut(k) {
            for (count, total) in counts.iter_mut().zip(&mut totals) {
                *count += self.alpha;
                *total += *count;
            }
        }
        totals.iter_mut().for_each(|t| *t = t.ln());
        for counts in weights.chunks_exact_mut(k) {
            counts.iter_mut().zip(&totals).for_each(|(count, total)| *count = count.ln() - total);
        }
        let settings = serde_json::to_value(&self).unwrap_or_default();
        LinearClassifier::from_solution(Self::NAME, settings, problem, (weights, prior))
    }
}
