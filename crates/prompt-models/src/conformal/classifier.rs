//! A classifier that abstains when it is not sure.

use std::any::Any;
use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Classes, Error, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView, Scratch,
    Tags, Target, Task, argmax, params, predict,
};
use serde::{Deserialize, Serialize};

use super::{PredictionSets, rows_needed};
use crate::ensemble::{Member, common_tags, counted, stratified_part};

params! {
    /// A learner with prediction sets, and a class for the rows whose set is not one class.
    ///
    /// A share of the rows is held out to calibrate on; the learner is fitted on the others. Where `abstain_to` names a class,
    /// a row whose set holds several classes or none goes there: the class takes over the probability of all classes in the
    /// set, or all of it where that would not make it the most probable. Otherwise the probabilities are the learner's own, and
    /// the sets are read with [`FittedConformal::sets`].
    ///
    /// A class with fewer than ⌈1/α⌉ − 1 calibration rows is in every set ([`PredictionSets::too_few`]). Where that is so of
    /// all classes, or of one and rows are routed, the sets would say nothing and the fit is refused.
    ///
    /// ```
    /// use prompt_core::{Dense, Matrix};
    /// use prompt_models::conformal::ConformalClassifier;
    /// use prompt_models::prelude::*;
    /// let x = Matrix::from(Dense::new(200, 1, (0..200).map(|i| f64::from(i % 50)).collect())?);
    /// let y = Target::labels((0..200).map(|i| if i % 50 < 25 { "benign" } else { "malicious" }));
    /// let model = ConformalClassifier::default().fit(&x, &y, &FitContext::new(1))?;
    /// let p = model.predict(&x)?;
    /// let coverage = model.sets().coverage(p.scores(), y.as_classes()?.0)?;
    /// assert!(coverage.coverage >= 0.85, "{coverage:?}");
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    pub struct ConformalClassifier named "conformal" checked by ConformalClassifier::check {
        /// The learner.
        estimator: Member = Member::named("logistic_regression"), Legal::Any("{ type, params }");
        /// The share of rows whose set may miss the truth.
        alpha: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// `lac` (the smallest sets) or `aps` (sets that grow with the row's difficulty).
        score: String = "lac".to_owned(), Legal::OneOf(&["lac", "aps"]);
        /// Whether the promise holds for each class by itself.
        per_class: bool = true, Legal::Bool;
        /// The share of rows that is held out to calibrate on.
        calibration_share: f64 = 0.25, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// The class of rows whose set is not one class; absent: they keep their probabilities.
        abstain_to: Option<String> = None, Legal::Any("the name of a class, or null");
    }
}

impl ConformalClassifier {
    fn check(&self) -> Result<()> {
        self.estimator.estimator(Task::Classification).map(|_| ())
    }

    /// Sets that rule out nothing are refused: where no class has calibration rows enough; and, where rows are routed, where
    /// one has not: it would be in every set, and all other rows would be routed.
    fn refuse_empty_promises(&self, sets: &PredictionSets, classes: &Classes, truth: &[u32]) -> Result<()> {
        let too_few: Vec<u32> = sets.too_few().collect();
        let all = too_few.len() == classes.len();
        if !(all || (self.abstain_to.is_some() && !too_few.is_empty())) {
            return Ok(());
        }
        let rows = |class: u32| truth.iter().filter(|c| **c == class).count();
        let (what, more) = match (self.per_class, too_few.iter().copied().max_by_key(|c| rows(*c))) {
            (true, Some(class)) if all => (
                format!("at most {} calibration rows of a class cannot support", rows(class)),
                "; or drop the promise for each class with per_class = false",
            ),
            (true, _) => {
                let named: Vec<String> =
                    too_few.iter().map(|&c| format!("{} of `{}`", rows(c), classes.name(c))).collect();
                let to = self.abstain_to.as_deref().unwrap_or_default();
                (
                    format!(
                        "too few calibration rows of a class ({}) put it into every set, so that nearly all rows would \
                         go to `{to}`: they cannot support",
                        named.join(", ")
                    ),
                    "; or drop the promise for each class with per_class = false",
                )
            }
            (false, _) => (format!("{} calibration rows cannot support", truth.len()), ""),
        };
        Err(Error::input(
            format!("{}: {what} α = {}", Self::NAME, self.alpha),
            format!(
                "it takes {}; give more rows, a larger alpha or a larger calibration_share{more}",
                rows_needed(self.alpha)
            ),
        ))
    }
}

impl Learner for ConformalClassifier {
    type Fitted = FittedConformal;

    const TAGS: Tags = Tags { min_rows: 4, ..Tags::CLASSIFIER };

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, [&self.estimator])
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedConformal> {
        let (x, y) = &counted(x, y);
        let classes = y.as_classes()?.1;
        let abstain = match &self.abstain_to {
            Some(name) => {
                Some(classes.code(name).ok_or_else(|| Error::unknown("class", name, classes.names()))?)
            }
            None => None,
        };
        let part = stratified_part(Self::NAME, y, self.calibration_share, ctx)?;
        let fit = ctx.part("fit", 0).unobserved();
        let model = self.estimator.fit(
            Task::Classification,
            &x.select_rows(&part.train),
            &y.select(&part.train),
            &fit,
        )?;
        let scored = predict(&*model, &x.select_rows(&part.test))?;
        let truth = y.select(&part.test);
        let sets = PredictionSets::calibrate(
            classes,
            scored.scores(),
            truth.as_classes()?.0,
            truth.weights(),
            self.alpha,
            &self.score,
            self.per_class,
        )?;
        self.refuse_empty_promises(&sets, classes, truth.as_classes()?.0)?;
        FittedConformal::of(model, sets, abstain)
    }
}

/// A fitted model with its prediction sets.
pub struct FittedConformal {
    model: Arc<dyn Model>,
    sets: PredictionSets,
    abstain: Option<u32>,
}

/// The artifact kind.
pub(super) const KIND: &str = "conformal_classifier";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    sets: PredictionSets,
    abstain: Option<u32>,
}

impl FittedConformal {
    /// A fitted classifier with sets that were calibrated on other rows than its own. `abstain` is the class of the rows
    /// whose set is not one class.
    ///
    /// # Errors
    /// [`Error::Input`] when the model is no classifier or the sets are for other classes.
    pub fn of(model: Arc<dyn Model>, sets: PredictionSets, abstain: Option<u32>) -> Result<Self> {
        let classes = model.output().classes().map_or(0, Classes::len);
        if classes == 0 || !sets.fits(classes) || abstain.is_some_and(|c| c as usize >= classes) {
            return Err(Error::input(
                "the prediction sets are not for this model's classes",
                "calibrate them on this model's probabilities",
            ));
        }
        Ok(Self { model, sets, abstain })
    }

    /// The sets, for the probabilities of the model inside (those of this model, where it routes no row).
    pub fn sets(&self) -> &PredictionSets {
        &self.sets
    }

    /// The model inside.
    pub fn model(&self) -> &Arc<dyn Model> {
        &self.model
    }

    /// The set of a row by the model inside, whether or not the row is routed; `held` is memory for its probabilities.
    pub(crate) fn set_of(&self, row: RowView<'_>, scratch: &mut Scratch, held: &mut Vec<f64>) -> Vec<u32> {
        held.clear();
        held.resize(self.model.output().width(), 0.0);
        self.model.score_row(row, scratch, held);
        self.sets.of(held)
    }

    /// The class of rows whose set is not one class.
    pub fn abstains_to(&self) -> Option<u32> {
        self.abstain
    }

    /// Moves the probabilities of a row whose set is not one class; `held` is memory for its set.
    fn route(&self, p: &mut [f64], held: &mut Vec<bool>) {
        let Some(to) = self.abstain.map(|c| c as usize) else { return };
        // The whole set is read before any probability moves.
        held.clear();
        held.extend((0..p.len()).map(|c| self.sets.holds(p, c)));
        if held.iter().filter(|h| **h).count() == 1 {
            return;
        }
        for c in (0..p.len()).filter(|&c| c != to) {
            if held[c] {
                p[to] += std::mem::take(&mut p[c]);
            }
        }
        if argmax(p) != to {
            p.fill(0.0);
            p[to] = 1.0;
        }
    }
}

impl std::fmt::Debug for FittedConformal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedConformal")
            .field("sets", &self.sets)
            .field("abstain", &self.abstain)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    model: Scratch,
    held: Vec<bool>,
}

impl Model for FittedConformal {
    fn output(&self) -> &Output {
        self.model.output()
    }

    fn n_features(&self) -> usize {
        self.model.n_features()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Kept { model, held } = scratch.get();
        self.model.score_row(row, model, out);
        self.route(out, held);
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Persist for FittedConformal {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts { sets: self.sets.clone(), abstain: self.abstain };
        Ok(Node::new(KIND, 1).meta(&facts)?.child("model", self.model.encode()?))
    }
}

impl Artifact for FittedConformal {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { sets, abstain } = node.get_meta()?;
        let model = Arc::<dyn Model>::decode(node.get_child("model")?, catalog)?;
        Self::of(model, sets, abstain)
            .map_err(|e| Error::artifact(KIND, e.to_string(), "the file is damaged; save the model again"))
    }
}
