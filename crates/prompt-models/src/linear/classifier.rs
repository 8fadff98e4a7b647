//! What every linear learner becomes.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Classes, Error, Model, Output, Result, RowView, Scratch, softmax};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Problem;
use super::design::add_product;

/// The learners that become a [`LinearClassifier`], which are its artifact kinds.
pub(crate) const KINDS: [&str; 6] =
    ["logistic_regression", "linear_svm", "multinomial_nb", "complement_nb", "ridge", "sgd"];

/// From margins to probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Link {
    /// softmax(s·z), and for the single margin of two classes σ(s·z): keeps the order of the margins.
    Softmax {
        /// The inverse temperature s > 0.
        scale: f64,
    },
    /// σ(a_c·z_c + b_c) for each class, divided by their sum (Platt, 1999, one class against the rest).
    Platt {
        /// a_c ≥ 0.
        slope: Vec<f64>,
        /// b_c.
        offset: Vec<f64>,
    },
}

/// How a fit went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The value reached of what the learner minimises, as its documentation defines it.
    pub objective: f64,
    /// Rounds over the data.
    pub iterations: usize,
    /// Whether the tolerance was met before the rounds ran out.
    pub converged: bool,
}

impl Summary {
    /// What to tell a person of it: nothing where it converged.
    pub(crate) fn notes(&self) -> Vec<String> {
        let note = "it did not converge: its rounds ran out before the tolerance was met; raise max_iter or scale the columns";
        (!self.converged).then(|| note.to_owned()).into_iter().collect()
    }
}

/// A fitted linear classifier: weights by feature, an intercept and a [`Link`].
///
/// Two classes share one margin, that of the second. Otherwise each class has its own; a class that no training
/// row had (a fold may lack one) has the margin −∞ and the probability 0.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearClassifier {
    kind: &'static str,
    params: Value,
    output: Output,
    features: usize,
    weights: Vec<f64>,
    intercept: Vec<f64>,
    link: Link,
    summary: Option<Summary>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: Value,
    classes: Vec<String>,
    features: usize,
    link: Link,
    summary: Option<Summary>,
}

impl LinearClassifier {
    /// Whether an artifact of this kind is one of these.
    pub(crate) fn is_kind(kind: &str) -> bool {
        KINDS.contains(&kind)
    }

    /// From a solution over the present classes: one column of `weights` for a binary problem of two present
    /// classes (also when the target names more), else one for each present class.
    pub(crate) fn from_solution(
        kind: &'static str,
        params: Value,
        problem: &Problem,
        (weights, intercept): (Vec<f64>, Vec<f64>),
    ) -> Self {
        let (k, columns) = (problem.classes.len(), intercept.len());
        let features = weights.len() / columns.max(1);
        let (weights, intercept) = if problem.is_binary() || columns == k {
            (weights, intercept)
        } else {
            // A single margin z is ±z/2 for its two classes, which is the same under a softmax.
            let halves = columns == 1 && problem.present.len() == 2;
            let of = |row: &[f64], at: usize| match (halves, at) {
                (true, 0) => -0.5 * row[0],
                (true, _) => 0.5 * row[0],
                _ => row[at],
            };
            let mut wide = vec![0.0; features * k];
            let mut start = vec![f64::NEG_INFINITY; k];
            for (at, &c) in problem.present.iter().enumerate() {
                start[c as usize] = of(&intercept, at);
                for (wide, row) in wide.chunks_exact_mut(k).zip(weights.chunks_exact(columns)) {
                    wide[c as usize] = of(row, at);
                }
            }
            (wide, start)
        };
        Self {
            kind,
            params,
            output: Output::Classes(problem.classes.clone()),
            features,
            weights,
            intercept,
            link: Link::Softmax { scale: 1.0 },
            summary: None,
        }
    }

    pub(crate) fn with_summary(mut self, summary: Summary) -> Self {
        self.summary = Some(summary);
        self
    }

    pub(crate) fn with_link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// The number of margins: 1 for two classes (naive Bayes: 2), else the number of classes.
    pub fn margins(&self) -> usize {
        self.intercept.len()
    }

    /// The weights, feature after feature, [`margins`](Self::margins) numbers each.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The intercept of each margin.
    pub fn intercept(&self) -> &[f64] {
        &self.intercept
    }

    /// How margins become probabilities.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// How the fit went, for learners that search.
    pub fn summary(&self) -> Option<Summary> {
        self.summary
    }

    /// The margins of one row (scikit-learn's `decision_function`, or `predict_joint_log_proba` of naive Bayes)
    /// into `out`, of [`margins`](Self::margins) numbers.
    pub fn margins_of(&self, row: RowView<'_>, out: &mut [f64]) {
        out.copy_from_slice(&self.intercept);
        add_product(row, &self.weights, out);
    }
}

/// σ(z) = 1/(1 + e⁻ᶻ), without overflow.
pub(crate) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

impl Link {
    /// Whether it does anything to the margins: a scale of 1, or lines with a slope of 1 through zero, leave them as they are.
    pub fn is_calibrated(&self) -> bool {
        match self {
            Self::Softmax { scale } => *scale != 1.0,
            Self::Platt { slope, offset } => {
                slope.iter().any(|slope| *slope != 1.0) || offset.iter().any(|offset| *offset != 0.0)
            }
        }
    }

    /// Margins to probabilities; `out` holds the margins, or, for a single one, is filled from `single`.
    pub(crate) fn apply(&self, single: Option<f64>, out: &mut [f64]) {
        match (self, single) {
            (Self::Softmax { scale }, Some(z)) => two(sigmoid(scale * z), out),
            (Self::Softmax { scale }, None) => {
                out.iter_mut().for_each(|z| *z *= scale);
                softmax(out);
            }
            (Self::Platt { slope, offset }, Some(z)) => {
                let line = slope.iter().zip(offset).next();
                two(line.map_or(0.5, |(a, b)| sigmoid(a * z + b)), out);
            }
            (Self::Platt { slope, offset }, None) => {
                let mut sum = 0.0;
                for ((z, a), b) in out.iter_mut().zip(slope).zip(offset) {
                    *z = if *z == f64::NEG_INFINITY { 0.0 } else { sigmoid(a * *z + b) };
                    sum += *z;
                }
                let even = 1.0 / out.len() as f64;
                out.iter_mut().for_each(|p| *p = if sum > 0.0 { *p / sum } else { even });
            }
        }
    }

    pub(crate) fn is_sound(&self, margins: usize) -> bool {
        match self {
            Self::Softmax { scale } => scale.is_finite() && *scale > 0.0,
            Self::Platt { slope, offset } => {
                slope.len() == margins
                    && offset.len() == margins
                    && slope.iter().chain(offset).all(|v| v.is_finite())
            }
        }
    }
}

fn two(second: f64, out: &mut [f64]) {
    if let [a, b] = out {
        (*a, *b) = (1.0 - second, second);
    }
}

impl Model for LinearClassifier {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.features
    }

    fn is_finite(&self) -> bool {
        // A class that was not there has the intercept −∞.
        self.weights.iter().all(|v| v.is_finite())
            && self.intercept.iter().all(|v| *v < f64::INFINITY)
            && self.summary.is_none_or(|s| s.objective.is_finite())
    }

    fn notes(&self) -> Vec<String> {
        self.summary.map_or_else(Vec::new, |s| s.notes())
    }

    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        if self.intercept.len() == 1 {
            let mut z = [0.0];
            self.margins_of(row, &mut z);
            self.link.apply(Some(z[0]), out);
        } else {
            self.margins_of(row, out);
            self.link.apply(None, out);
        }
    }

    /// For two classes the single weight counts for the second and against the first.
    fn coefficient(&self, column: usize, out: &mut [f64]) -> bool {
        let k = self.intercept.len();
        let Some(w) = self.weights.get(column * k..(column + 1) * k) else { return false };
        match w {
            [w] => {
                if let [a, b] = out {
                    (*a, *b) = (-w, *w);
                }
            }
            _ => out.copy_from_slice(w),
        }
        true
    }
}

impl Persist for LinearClassifier {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn encode(&self) -> Result<Node> {
        let classes = self.output.classes().map(|c| c.names().to_vec()).unwrap_or_default();
        Ok(Node::new(self.kind, 1)
            .meta(&Facts {
                params: self.params.clone(),
                classes,
                features: self.features,
                link: self.link.clone(),
                summary: self.summary,
            })?
            .f64s("weights", self.weights.clone())
            .f64s("intercept", self.intercept.clone()))
    }
}

impl Artifact for LinearClassifier {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        let Some(&kind) = KINDS.iter().find(|k| **k == node.kind()) else {
            return Err(Error::unknown("kind of linear classifier", node.kind(), KINDS));
        };
        node.expect(kind, 1)?;
        let facts: Facts = node.get_meta()?;
        let damaged = |what: &str| Error::artifact(kind, what, "the file is damaged; save the model again");
        let classes = Classes::new(facts.classes)?;
        let margins = if classes.len() == 2 { 1 } else { classes.len() };
        let intercept = node.get_f64s("intercept", None)?.to_vec();
        if intercept.len() != margins && intercept.len() != classes.len() {
            return Err(damaged("the intercepts do not fit the classes"));
        }
        let size = facts.features.checked_mul(intercept.len()).ok_or_else(|| damaged("impossible size"))?;
        let weights = node.get_f64s("weights", Some(size))?.to_vec();
        if !facts.link.is_sound(intercept.len()) || intercept.contains(&f64::INFINITY) {
            return Err(damaged("the link or an intercept is not a legal number"));
        }
        Ok(Self {
            kind,
            params: facts.params,
            output: Output::Classes(classes),
            features: facts.features,
            weights,
            intercept,
            link: facts.link,
            summary: facts.summary,
        })
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::{ClassWeight, Target};

    use super::*;

    #[test]
    fn a_class_that_was_not_there_gets_probability_zero() {
        let y = Target::labels(["a", "b", "c"]).select(&[0, 2]);
        let problem = Problem::new("test", &y, &ClassWeight::None, 2).unwrap();
        let fit =
            LinearClassifier::from_solution("linear_svm", Value::Null, &problem, (vec![2.0], vec![0.0]));
        let mut p = [0.0; 3];
        fit.score_row(RowView::Dense(&[1.0]), &mut Scratch::new(), &mut p);
        assert_eq!(p[1], 0.0);
        assert!((p[2] - sigmoid(2.0)).abs() < 1e-15, "{p:?}");
        let mut w = [0.0; 3];
        assert!(fit.coefficient(0, &mut w) && w == [-1.0, 0.0, 1.0]);
        assert!(!fit.coefficient(1, &mut w));
    }

    #[test]
    fn platt_probabilities_sum_to_one() {
        let link = Link::Platt { slope: vec![1.0, 2.0, 1.0], offset: vec![0.0, 1.0, 0.0] };
        let mut p = [0.0, -0.5, f64::NEG_INFINITY];
        link.apply(None, &mut p);
        assert_eq!(p, [0.5, 0.5, 0.0]);
        let mut far = [-1e9; 3];
        link.apply(None, &mut far);
        assert_eq!(far, [1.0 / 3.0; 3]);
    }
}
