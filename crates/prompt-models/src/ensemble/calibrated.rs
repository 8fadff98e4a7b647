//! A learner whose probabilities mean what they say.

use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Dense, Error, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView, Scratch, Tags,
    Target, Task, params, predict,
};
use serde::{Deserialize, Serialize};

use super::calibrator::Calibrator;
use super::folds::{counted, held_out_folds};
use super::member::{Member, common_tags, notes_of};
use super::voting::{damaged, decode_members, encode_members};

params! {
    /// A learner and, on top, what its probabilities come to on rows it did not learn from; as scikit-learn's
    /// `CalibratedClassifierCV`.
    ///
    /// With `ensemble`, each fold's model is kept with a calibrator fitted on the rows that it did not see, and the answer is
    /// the mean of the calibrated ones. Without, the folds' answers for their held-out rows together fit one calibrator,
    /// and the learner is fitted once more on all rows. (scikit-learn calibrates decision values where there are some;
    /// here it is always the probabilities, through their logits.)
    ///
    /// ```
    /// use prompt_core::{Dense, Matrix};
    /// use prompt_models::ensemble::{CalibratedClassifier, Member};
    /// use prompt_models::prelude::*;
    /// let x = Matrix::from(Dense::new(90, 1, (0..90).map(|i| f64::from(i % 30)).collect())?);
    /// // Two of three rows follow the rule.
    /// let y = Target::labels((0..90).map(|i| if (i % 30 < 15) == (i % 3 != 0) { "low" } else { "high" }));
    /// let bold = Member::named("multinomial_nb");
    /// let calibrated = CalibratedClassifier::default().estimator(bold).method("isotonic".into());
    /// let p = calibrated.fit(&x, &y, &FitContext::new(1))?.predict(&x)?;
    /// assert!(p.scores().data().iter().all(|p| (0.0..=1.0).contains(p)));
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    pub struct CalibratedClassifier named "calibrated" checked by CalibratedClassifier::check {
        /// The learner.
        estimator: Member = Member::named("linear_svm"), Legal::Any("a name or { type, params }");
        /// `sigmoid` (also called `platt`), `isotonic` (a thousand rows or more), or `temperature` (keeps the most probable class).
        method: String = "sigmoid".to_owned(), Legal::OneOf(&["sigmoid", "platt", "isotonic", "temperature"]);
        /// Number of folds; fewer where a class has fewer rows.
        cv: usize = 5, Legal::int(2, 100);
        /// Whether the models of all folds are kept, or one of all rows.
        ensemble: bool = true, Legal::Bool;
    }
}

impl CalibratedClassifier {
    fn check(&self) -> Result<()> {
        self.estimator.estimator(Task::Classification).map(|_| ())
    }
}

impl Learner for CalibratedClassifier {
    type Fitted = FittedCalibrated;

    const TAGS: Tags = Tags { min_rows: 4, ..Tags::CLASSIFIER };

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, [&self.estimator])
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedCalibrated> {
        let task = Task::Classification;
        let (x, y) = &counted(x, y);
        let (codes, classes) = y.as_classes()?;
        let folds = held_out_folds(Self::NAME, y, self.cv, ctx)?;
        let mut pairs = Vec::new();
        let mut pooled = Dense::zeros(x.rows(), classes.len());
        for (i, fold) in folds.iter().enumerate() {
            let part = ctx.part("fold", i as u64).unobserved();
            let model =
                self.estimator.fit(task, &x.select_rows(&fold.train), &y.select(&fold.train), &part)?;
            let scored = predict(&*model, &x.select_rows(&fold.test))?;
            if self.ensemble {
                let truth = y.select(&fold.test);
                let calibrator =
                    Calibrator::fit(&self.method, scored.scores(), truth.as_classes()?.0, truth.weights())?;
                pairs.push((model, calibrator));
            } else {
                for (at, &row) in fold.test.iter().enumerate() {
                    pooled.row_mut(row).copy_from_slice(scored.row(at));
                }
            }
        }
        if !self.ensemble {
            let calibrator = Calibrator::fit(&self.method, &pooled, codes, y.weights())?;
            pairs.push((self.estimator.fit(task, x, y, &ctx.part("all", 0).unobserved())?, calibrator));
        }
        let (models, calibrators) = pairs.into_iter().unzip();
        FittedCalibrated::of(models, calibrators)
    }
}

/// Fitted models, each with its calibrator.
pub struct FittedCalibrated {
    models: Vec<Arc<dyn Model>>,
    calibrators: Vec<Calibrator>,
}

/// The artifact kind.
pub(super) const KIND: &str = "calibrated";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    calibrators: Vec<Calibrator>,
}

impl FittedCalibrated {
    fn of(models: Vec<Arc<dyn Model>>, calibrators: Vec<Calibrator>) -> Result<Self> {
        let first = models.first();
        let classes = first.and_then(|m| m.output().classes()).map_or(0, prompt_core::Classes::len);
        let fits = models.len() == calibrators.len()
            && models
                .iter()
                .all(|m| first.is_some_and(|f| f.output() == m.output() && f.n_features() == m.n_features()))
            && calibrators.iter().all(|c| c.fits(classes));
        if !fits || classes == 0 {
            return Err(Error::input("models and calibrators do not fit together", "fit them together"));
        }
        Ok(Self { models, calibrators })
    }

    /// What was learned of the probabilities, one for each model.
    pub fn calibrators(&self) -> &[Calibrator] {
        &self.calibrators
    }
}

impl std::fmt::Debug for FittedCalibrated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedCalibrated").field("calibrators", &self.calibrators).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    models: Vec<Scratch>,
    answer: Vec<f64>,
}

impl Model for FittedCalibrated {
    fn output(&self) -> &Output {
        self.models[0].output()
    }

    fn n_features(&self) -> usize {
        self.models[0].n_features()
    }

    fn notes(&self) -> Vec<String> {
        notes_of(&self.models)
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Kept { models, answer } = scratch.get();
        models.resize_with(self.models.len(), Scratch::new);
        answer.resize(out.len(), 0.0);
        out.fill(0.0);
        let share = 1.0 / self.models.len() as f64;
        for ((model, calibrator), scratch) in self.models.iter().zip(&self.calibrators).zip(models) {
            model.score_row(row, scratch, answer);
            calibrator.apply(answer);
            out.iter_mut().zip(answer.iter()).for_each(|(o, a)| *o += share * a);
        }
    }
}

impl Persist for FittedCalibrated {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts { calibrators: self.calibrators.clone() };
        encode_members(Node::new(KIND, 1).meta(&facts)?, &self.models)
    }
}

impl Artifact for FittedCalibrated {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        Self::of(decode_members(node, catalog)?, facts.calibrators).map_err(|e| damaged(KIND, &e))
    }
}
