//! Bernoulli naive Bayes.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    ClassWeight, Classes, Error, FitContext, Learner, Legal, Matrix, Model, Output, Result, RowView, Scratch,
    Tags, Target, params, softmax,
};
use serde::{Deserialize, Serialize};

use super::counts::{Learned, Rules, Sums, learn};
use super::log_prior;
use crate::linear::Problem;

params! {
    /// Naive Bayes on which features are there, as scikit-learn's `BernoulliNB`: unlike
    /// [`MultinomialNb`](super::MultinomialNb) it counts a feature that is missing as evidence, too.
    ///
    /// ```text
    /// ln P(c | x) = ln P(c) + Σ_j ln (θ_cj if x_j > binarize else 1 − θ_cj) + const    θ_cj = (N_cj + α) / (N_c + 2α)
    /// ```
    ///
    /// N_cj is the weight of the rows of class c with feature j, N_c that of all its rows.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::bayes::BernoulliNb;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[3.0], [0.0]]));
    /// let model = BernoulliNb::default().fit(&x, &Target::labels(["a", "b"]), &FitContext::new(0)).unwrap();
    /// assert!((model.predict(&x).unwrap().row(0)[0] - 2.0 / 3.0).abs() < 1e-12); // θ_a = 2/3, θ_b = 1/3
    /// ```
    pub struct BernoulliNb named "bernoulli_nb" {
        /// Added to every count.
        alpha: f64 = 1.0, Legal::Real { low: 1e-10, high: f64::INFINITY, low_open: false, high_open: true };
        /// A feature is there when its value is larger.
        binarize: f64 = 0.0, Legal::not_negative();
        /// Whether frequent classes are likelier before anything is read.
        fit_prior: bool = true, Legal::Bool;
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

impl Learner for BernoulliNb {
    type Fitted = BernoulliModel;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<BernoulliModel> {
        learn(self.start(y.as_classes()?.1.clone(), x.cols())?, x, y, &self.class_weight)
    }
}

impl BernoulliNb {
    pub(super) fn rules(&self, size: usize, _: usize) -> (Rules, Sums) {
        (Rules { negative: true, threshold: Some(self.binarize) }, Sums::Counts(vec![0.0; size]))
    }

    pub(super) fn solve(self, problem: &Problem, learned: Learned) -> BernoulliModel {
        let (present, k, features) = (problem.present.len(), problem.classes.len(), learned.features);
        let (mass, prior) = (learned.mass.clone(), log_prior(&learned.mass, self.fit_prior));
        let counts = learned.counts(problem);
        let mut base = vec![f64::NEG_INFINITY; k];
        let mut weights = vec![0.0; features * k];
        for (at, (&class, prior)) in problem.present.iter().zip(prior).enumerate() {
            let (class, all) = (class as usize, mass[at] + 2.0 * self.alpha);
            let mut sum = prior;
            for (counts, weights) in counts.chunks_exact(present).zip(weights.chunks_exact_mut(k)) {
                let with = counts[at] + self.alpha;
                // Rounding of the mass must not push a share to one or below zero.
                let without = ((all - with) / all).max(1e-15).ln();
                sum += without;
                weights[class] = (with / all).ln() - without;
            }
            base[class] = sum;
        }
        let output = Output::Classes(problem.classes.clone());
        BernoulliModel { output, features, threshold: self.binarize, base, weights }
    }
}

/// A fitted [`BernoulliNb`].
#[derive(Debug, Clone, PartialEq)]
pub struct BernoulliModel {
    output: Output,
    features: usize,
    threshold: f64,
    /// ln P(c) + Σ_j ln(1 − θ_cj); −∞ for a class that was not there.
    base: Vec<f64>,
    /// ln θ_cj − ln(1 − θ_cj), feature after feature.
    weights: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    classes: Vec<String>,
    features: usize,
    threshold: f64,
}

/// The artifact kind.
pub(crate) const KIND: &str = "bernoulli_nb";

impl Model for BernoulliModel {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.features
    }

    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        let k = self.base.len();
        out.copy_from_slice(&self.base);
        row.for_each(|j, v| {
            if v > self.threshold {
                let weights = self.weights.get(j * k..(j + 1) * k).unwrap_or_default();
                out.iter_mut().zip(weights).for_each(|(z, w)| *z += w);
            }
        });
        softmax(out);
    }
}

impl Persist for BernoulliModel {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let classes = self.output.classes().map(|c| c.names().to_vec()).unwrap_or_default();
        Ok(Node::new(KIND, 1)
            .meta(&Facts { classes, features: self.features, threshold: self.threshold })?
            .f64s("base", self.base.clone())
            .f64s("weights", self.weights.clone()))
    }
}

impl Artifact for BernoulliModel {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let damaged = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the model again");
        let classes = Classes::new(facts.classes)?;
        let size =
            facts.features.checked_mul(classes.len()).ok_or_else(|| damaged("its size is impossible"))?;
        let base = node.get_f64s("base", Some(classes.len()))?.to_vec();
        let weights = node.get_f64s("weights", Some(size))?.to_vec();
        if base.contains(&f64::INFINITY)
            || base.iter().all(|b| b.is_infinite())
            || weights.iter().any(|w| w.is_infinite())
        {
            return Err(damaged("a number is infinite"));
        }
        let output = Output::Classes(classes);
        Ok(Self { output, features: facts.features, threshold: facts.threshold, base, weights })
    }
}
