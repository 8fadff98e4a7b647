//! Gaussian naive Bayes.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    ClassWeight, Classes, Error, FitContext, Learner, Legal, Matrix, Model, Moments, Output, Result, RowView,
    Scratch, Tags, Target, params, softmax,
};
use serde::{Deserialize, Serialize};

use super::counts::{Learned, Rules, Sums, learn};
use super::log_prior;
use crate::linear::Problem;

params! {
    /// Naive Bayes with a normal distribution for each feature and class, as scikit-learn's `GaussianNB`.
    ///
    /// ```text
    /// ln P(c | x) = ln P(c) − ½·Σ_j (ln σ²_cj + (x_j − μ_cj)²/σ²_cj) + const      σ²_cj: variance + var_smoothing·s
    /// ```
    ///
    /// where s is the largest variance of any feature over all rows. The zeros of sparse rows are numbers like others.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::bayes::GaussianNb;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[-2.0], [-1.0], [1.0], [2.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = GaussianNb::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().labels().unwrap(), ["low", "low", "high", "high"]);
    /// ```
    pub struct GaussianNb named "gaussian_nb" {
        /// Share of the largest variance that is added to every variance.
        var_smoothing: f64 = 1e-9, Legal::not_negative();
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

/// No variance is smaller: a feature that is constant in all rows says nothing, and must not divide by zero.
const SMALLEST: f64 = 1e-300;

impl Learner for GaussianNb {
    type Fitted = GaussianModel;

    const TAGS: Tags = Tags { scale_free: true, ..Tags::CLASSIFIER };

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<GaussianModel> {
        learn(self.start(y.as_classes()?.1.clone(), x.cols())?, x, y, &self.class_weight)
    }
}

impl GaussianNb {
    pub(super) fn rules(&self, size: usize, features: usize) -> (Rules, Sums) {
        let none = |n: usize| vec![Moments::default(); n];
        let sums = Sums::Moments { stored: none(size), all: none(features) };
        (Rules { negative: true, threshold: None }, sums)
    }

    pub(super) fn solve(self, problem: &Problem, learned: Learned) -> GaussianModel {
        let (p, k) = (learned.features, problem.classes.len());
        let (stored, all) = match learned.sums {
            Sums::Moments { stored, all } => (stored, all),
            Sums::Counts(_) => (Vec::new(), Vec::new()),
        };
        // As in the reference, the largest variance is that of all rows, each counting once.
        let largest = all.iter().map(|m| with_zeros(*m, learned.rows as f64).variance()).fold(0.0, f64::max);
        let smoothing = self.var_smoothing * largest;
        let (mut mean, mut variance) = (vec![0.0; p * k], vec![1.0; p * k]);
        let mut prior = vec![f64::NEG_INFINITY; k];
        let logs = log_prior(&learned.mass, true);
        for ((&class, log), &mass) in problem.present.iter().zip(logs).zip(&learned.mass) {
            let class = class as usize;
            prior[class] = log;
            for (at, moments) in stored.iter().enumerate().skip(class).step_by(k) {
                let moments = with_zeros(*moments, mass);
                mean[at] = moments.mean();
                variance[at] = (moments.variance() + smoothing).max(SMALLEST);
            }
        }
        GaussianModel::new(Output::Classes(problem.classes.clone()), p, (mean, variance, prior))
    }
}

/// Numbers that are not stored are zeros: what is missing from `mass` is there.
fn with_zeros(mut moments: Moments, mass: f64) -> Moments {
    moments.add(Moments::of(0.0, mass - moments.mass()));
    moments
}

/// A fitted [`GaussianNb`].
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianModel {
    output: Output,
    features: usize,
    /// μ, feature after feature.
    mean: Vec<f64>,
    /// σ², feature after feature.
    variance: Vec<f64>,
    /// ln P(c); −∞ for a class that was not there.
    prior: Vec<f64>,
    /// ln P(c) − ½·Σ_j ln σ²_cj.
    constant: Vec<f64>,
    /// The same at x = 0: minus ½·Σ_j μ²/σ².
    at_zero: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    classes: Vec<String>,
    features: usize,
}

/// The artifact kind.
pub(crate) const KIND: &str = "gaussian_nb";

impl GaussianModel {
    fn new(output: Output, features: usize, (mean, variance, prior): (Vec<f64>, Vec<f64>, Vec<f64>)) -> Self {
        let k = prior.len();
        let mut constant = prior.clone();
        let mut at_zero = prior.clone();
        for (at, (m, v)) in mean.iter().zip(&variance).enumerate() {
            constant[at % k] -= 0.5 * v.ln();
            at_zero[at % k] -= 0.5 * (v.ln() + m * m / v);
        }
        Self { output, features, mean, variance, prior, constant, at_zero }
    }
}

impl Model for GaussianModel {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.features
    }

    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        let k = self.prior.len();
        let sparse = matches!(row, RowView::Sparse { .. });
        out.copy_from_slice(if sparse { &self.at_zero } else { &self.constant });
        row.for_each(|j, v| {
            let at = j * k..(j + 1) * k;
            let (Some(mean), Some(variance)) = (self.mean.get(at.clone()), self.variance.get(at)) else {
                return;
            };
            for ((z, m), s) in out.iter_mut().zip(mean).zip(variance) {
                let square = if sparse { v * (v - 2.0 * m) } else { (v - m) * (v - m) };
                *z -= 0.5 * square / s;
            }
        });
        // Far from every class all densities are zero to rounding; the priors are then what is left.
        if out.iter().all(|z| !z.is_finite()) {
            out.copy_from_slice(&self.prior);
        }
        softmax(out);
    }
}

impl Persist for GaussianModel {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let classes = self.output.classes().map(|c| c.names().to_vec()).unwrap_or_default();
        Ok(Node::new(KIND, 1)
            .meta(&Facts { classes, features: self.features })?
            .f64s("mean", self.mean.clone())
            .f64s("variance", self.variance.clone())
            .f64s("prior", self.prior.clone()))
    }
}

impl Artifact for GaussianModel {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let damaged = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the model again");
        let classes = Classes::new(facts.classes)?;
        let size =
            facts.features.checked_mul(classes.len()).ok_or_else(|| damaged("its size is impossible"))?;
        let mean = node.get_f64s("mean", Some(size))?.to_vec();
        let variance = node.get_f64s("variance", Some(size))?.to_vec();
        let prior = node.get_f64s("prior", Some(classes.len()))?.to_vec();
        let sound = mean.iter().all(|m| m.is_finite())
            && variance.iter().all(|v| v.is_finite() && *v > 0.0)
            && prior.iter().all(|p| *p <= 0.0)
            && prior.iter().any(|p| p.is_finite());
        if !sound {
            return Err(damaged("a mean, variance or prior is not a legal number"));
        }
        Ok(Self::new(Output::Classes(classes), facts.features, (mean, variance, prior)))
    }
}
