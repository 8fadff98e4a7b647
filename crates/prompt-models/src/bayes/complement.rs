//! Complement naive Bayes.

use prompt_core::{ClassWeight, FitContext, Learner, Legal, Matrix, Params, Result, Tags, Target, params};

use super::counts::{Learned, Rules, Sums, learn};
use crate::linear::{LinearClassifier, Problem};

params! {
    /// Complement naive Bayes (Rennie et al., 2003), as scikit-learn's `ComplementNB`.
    ///
    /// ```text
    /// θ_cj = (α + Σ_{d≠c} N_dj) / Σ_j (α + Σ_{d≠c} N_dj)      margin of c = −Σ_j x_j·ln θ_cj
    /// with norm:  w_cj = ln θ_cj / Σ_j ln θ_cj                 margin of c =  Σ_j x_j·w_cj
    /// ```
    ///
    /// Each class is described by what the others contain, which suits classes of very different size. The class
    /// prior plays no part. Probabilities are the softmax of the margins.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::bayes::ComplementNb;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[2.0, 0.0], [0.0, 1.0]]));
    /// let model = ComplementNb::default().fit(&x, &Target::labels(["a", "b"]), &FitContext::new(0)).unwrap();
    /// // Not a: (1/3, 2/3); not b: (3/4, 1/4). P(a | first row) = 9 / (9 + 16/9)
    /// let p = model.predict(&x).unwrap().row(0)[0];
    /// assert!((p - 81.0 / 97.0).abs() < 1e-12);
    /// ```
    pub struct ComplementNb named "complement_nb" {
        /// Added to every count.
        alpha: f64 = 1.0, Legal::Real { low: 1e-10, high: f64::INFINITY, low_open: false, high_open: true };
        /// Whether the weights of a class are divided by their sum.
        norm: bool = false, Legal::Bool;
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

impl Learner for ComplementNb {
    type Fitted = LinearClassifier;

    const TAGS: Tags = Tags { negative: false, ..Tags::CLASSIFIER };

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<LinearClassifier> {
        learn(self.start(y.as_classes()?.1.clone(), x.cols())?, x, y, &self.class_weight)
    }
}

impl ComplementNb {
    pub(super) fn rules(&self, size: usize, _: usize) -> (Rules, Sums) {
        (Rules { negative: false, threshold: None }, Sums::Counts(vec![0.0; size]))
    }

    pub(super) fn solve(self, problem: &Problem, learned: Learned) -> LinearClassifier {
        let k = problem.present.len();
        let mut weights = learned.counts(problem);
        let mut totals = vec![0.0; k];
        for counts in weights.chunks_exact_mut(k) {
            let all: f64 = counts.iter().sum();
            for (count, total) in counts.iter_mut().zip(&mut totals) {
                *count = all + self.alpha - *count;
                *total += *count;
            }
        }
        let mut sums = vec![0.0; k];
        for counts in weights.chunks_exact_mut(k) {
            for ((count, total), sum) in counts.iter_mut().zip(&totals).zip(&mut sums) {
                *count = (*count / total).ln();
                *sum += *count;
            }
        }
        for logs in weights.chunks_exact_mut(k) {
            for (log, sum) in logs.iter_mut().zip(&sums) {
                // A single feature has ln θ = 0 in every class and tells nothing.
                *log = match self.norm {
                    true if *sum == 0.0 => 0.0,
                    true => *log / sum,
                    false => -*log,
                };
            }
        }
        let settings = serde_json::to_value(&self).unwrap_or_default();
        LinearClassifier::from_solution(Self::NAME, settings, problem, (weights, vec![0.0; k]))
    }
}
