//! Baselines that look at the target alone: what any real model must beat.

mod mean;

pub use mean::{Constant, Mean};

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    ClassWeight, Classes, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView,
    Scratch, Seed, Tags, Target, argmax, params,
};
use serde::{Deserialize, Serialize};

use crate::learners::{Entry, boxed};
use crate::linear::Problem;

params! {
    /// Always the most frequent class, as scikit-learn's `DummyClassifier`.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::baseline::Majority;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0], [3.0]]));
    /// let y = Target::labels(["a", "b", "b", "b"]);
    /// let model = Majority::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().row(0), [0.25, 0.75]);
    /// ```
    pub struct Majority named "majority" {
        /// Probabilities of each row: `prior`, the class shares, or `most_frequent`, 1 for the largest class.
        strategy: String = "prior".to_owned(), Legal::OneOf(&["prior", "most_frequent"]);
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

params! {
    /// A class drawn by the class shares: what guessing gives.
    ///
    /// The draw of a row depends on its own content and the seed of the fit, not on its place in the batch, and
    /// has probability 1 (scikit-learn's `DummyClassifier(strategy="stratified")` draws in order of the rows).
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::baseline::Stratified;
    ///
    /// let x = Matrix::from(Dense::new(1000, 1, (0..1000).map(f64::from).collect()).unwrap());
    /// let y = Target::labels((0..1000).map(|i| if i % 4 == 0 { "rare" } else { "usual" }));
    /// let model = Stratified::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// let drawn = model.predict(&x).unwrap().codes().unwrap();
    /// let rare = drawn.iter().filter(|c| **c == 0).count();
    /// assert!((200..300).contains(&rare), "{rare}");
    /// ```
    pub struct Stratified named "stratified" {
        /// How much each class counts.
        class_weight: ClassWeight = ClassWeight::None, Legal::Any("none, balanced, or a table class → weight");
    }
}

const TAGS: Tags = Tags { missing: true, one_class: true, min_rows: 1, ..Tags::CLASSIFIER };

impl Learner for Majority {
    type Fitted = Baseline;

    const TAGS: Tags = TAGS;

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<Baseline> {
        let mut fitted = Baseline::of(Self::NAME, x, y, &self.class_weight, Rule::Prior)?;
        if self.strategy == "most_frequent" {
            let top = argmax(&fitted.prior);
            fitted.prior.iter_mut().enumerate().for_each(|(c, p)| *p = f64::from(u8::from(c == top)));
        }
        Ok(fitted)
    }
}

impl Learner for Stratified {
    type Fitted = Baseline;

    const TAGS: Tags = TAGS;

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Baseline> {
        Baseline::of(Self::NAME, x, y, &self.class_weight, Rule::Draw { seed: ctx.seed() })
    }
}

/// A fitted [`Majority`] or [`Stratified`]: the class shares and what to do with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    output: Output,
    features: usize,
    prior: Vec<f64>,
    rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Prior,
    Draw { seed: Seed },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    classes: Vec<String>,
    features: usize,
    rule: Rule,
}

/// The artifact kind of both.
const KIND: &str = "baseline";

/// The baselines by name.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry { name: Majority::NAME, classifier: Some(boxed::<Majority>), regressor: None, grid: |_| vec![] },
    Entry {
        name: Stratified::NAME,
        classifier: Some(boxed::<Stratified>),
        regressor: None,
        grid: |_| vec![],
    },
    Entry { name: Mean::NAME, classifier: None, regressor: Some(boxed::<Mean>), grid: |_| vec![] },
];

/// Teaches a catalog to read a fitted baseline.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<Baseline>(KIND);
    catalog.model::<Constant>(mean::KIND);
}

impl Baseline {
    fn of(who: &str, x: &Matrix, y: &Target, class_weight: &ClassWeight, rule: Rule) -> Result<Self> {
        let problem = Problem::new(who, y, class_weight, 1)?;
        let total = problem.total_weight();
        let mut prior = vec![0.0; problem.classes.len()];
        for (&class, mass) in problem.present.iter().zip(problem.class_mass()) {
            prior[class as usize] = mass / total;
        }
        Ok(Self { output: Output::Classes(problem.classes), features: x.cols(), prior, rule })
    }
}

/// A hash of the numbers of a row that are not zero, so that a dense and a sparse row of the same content agree.
fn hash(seed: Seed, row: RowView<'_>) -> Seed {
    let mut state = seed;
    row.for_each(|j, v| {
        if v != 0.0 {
            // All NaN are one "missing".
            let bits = if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() };
            state = Seed::new(state.value() ^ bits).derive("column", j as u64);
        }
    });
    state
}

impl Model for Baseline {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.features
    }

    fn score_row(&self, row: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        out.copy_from_slice(&self.prior);
        let Rule::Draw { seed } = self.rule else { return };
        let mut left = hash(seed, row).rng().unit();
        // Rounding may leave a crumb after the last class; the last class with a share takes it.
        let mut drawn = self.prior.iter().rposition(|p| *p > 0.0).unwrap_or(0);
        for (class, p) in self.prior.iter().enumerate() {
            if left < *p {
                drawn = class;
                break;
            }
            left -= p;
        }
        out.iter_mut().enumerate().for_each(|(c, p)| *p = f64::from(u8::from(c == drawn)));
    }
}

impl Persist for Baseline {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let classes = self.output.classes().map(|c| c.names().to_vec()).unwrap_or_default();
        Ok(Node::new(KIND, 1)
            .meta(&Facts { classes, features: self.features, rule: self.rule })?
            .f64s("prior", self.prior.clone()))
    }
}

impl Artifact for Baseline {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let classes = Classes::new(facts.classes)?;
        let prior = node.get_f64s("prior", Some(classes.len()))?.to_vec();
        Ok(Self { output: Output::Classes(classes), features: facts.features, prior, rule: facts.rule })
    }
}

#[cfg(test)]
mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        register(&mut catalog);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        majority: Majority::default(), except it_learns because "it looks at the target alone";
        stratified: Stratified::default(), except it_learns because "it looks at the target alone";
        mean: Mean::default(), except it_learns because "it looks at the target alone";
        median: Mean::default().strategy("median".into()),
            except it_learns because "it looks at the target alone";
    }
}
