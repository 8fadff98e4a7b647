//! Gaussian naive Bayes.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    ClassWeight, Classes, Error, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView,
    Scratch, Tags, Target, params, softmax,
};
use serde::{Deserialize, Serialize};

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
        let problem = Problem::new(Self::NAME, y, &self.class_weight, 2)?;
        let (p, present, k) = (x.cols(), problem.present.len(), problem.classes.len());
        // As in the reference, the largest variance is that of all rows, each counting once.
        let (_, all) = moments(x, &|_| 1.0, &|_| 0, 1);
        let smoothing = self.var_smoothing * all.iter().copied().fold(0.0, f64::max);
        let (centre, spread) =
            moments(x, &|row| problem.weight(row), &|row| problem.codes[row] as usize, present);
        let (mut mean, mut variance) = (vec![0.0; p * k], vec![1.0; p * k]);
        let mut prior = vec![f64::NEG_INFINITY; k];
        for (at, (&class, log)) in problem.present.iter().zip(log_prior(&problem, true)).enumerate() {
            prior[class as usize] = log;
            for j in 0..p {
                mean[j * k + class as usize] = centre[j * present + at];
                variance[j * k + class as usize] = (spread[j * present + at] + smoothing).max(SMALLEST);
            }
        }
        let output = Output::Classes(problem.classes);
        Ok(GaussianModel::new(output, p, (mean, variance, prior)))
    }
}

/// Weighted mean and variance of each feature in each group of rows, feature after feature.
fn moments(
    x: &Matrix,
    weight: &dyn Fn(usize) -> f64,
    group: &dyn Fn(usize) -> usize,
    groups: usize,
) -> (Vec<f64>, Vec<f64>) {
    let size = x.cols() * groups;
    let (mut mass, mut mean) = (vec![0.0; groups], vec![0.0; size]);
    for row in 0..x.rows() {
        let (w, g) = (weight(row), group(row));
        mass[g] += w;
        x.row(row).for_each(|j, v| mean[j * groups + g] += w * v);
    }
    mean.iter_mut().enumerate().for_each(|(at, m)| *m /= mass[at % groups]);
    // Numbers that are not stored are zero: each is −μ from the mean.
    let (mut spread, mut stored) = (vec![0.0; size], vec![0.0; size]);
    for row in 0..x.rows() {
        let (w, g) = (weight(row), group(row));
        x.row(row).for_each(|j, v| {
            let at = j * groups + g;
            spread[at] += w * (v - mean[at]) * (v - mean[at]);
            stored[at] += w;
        });
    }
    for (at, spread) in spread.iter_mut().enumerate() {
        let mass = mass[at % groups];
        *spread = (*spread + (mass - stored[at]).max(0.0) * mean[at] * mean[at]) / mass;
    }
    (mean, spread)
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
