//! One learner, fitted again and again on rows drawn with replacement.

use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Dense, Error, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView, Scratch, Tags,
    Target, Task, argmax, params,
};
use serde::{Deserialize, Serialize};

use super::columns::{Columns, Picked};
use super::folds::counted;
use super::member::{Member, common_tags, notes_of};
use super::voting::{damaged, decode_members, encode_members};

params! {
    /// The mean of the probabilities of one learner fitted on different draws of the rows (and columns), as scikit-learn's
    /// `BaggingClassifier`.
    ///
    /// ```
    /// use prompt_core::{Dense, Matrix};
    /// use prompt_models::ensemble::{BaggingClassifier, Member};
    /// use prompt_models::prelude::*;
    /// let x = Matrix::from(Dense::new(60, 1, (0..60).map(f64::from).collect())?);
    /// let y = Target::labels((0..60).map(|i| if i < 30 { "low" } else { "high" }));
    /// let bagging = BaggingClassifier::default().estimator(Member::named("logistic_regression")).oob_score(true);
    /// let model = bagging.fit(&x, &y, &FitContext::new(1))?;
    /// assert!(model.oob_score().unwrap() > 0.9);
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    pub struct BaggingClassifier named "bagging" checked by BaggingClassifier::check {
        /// The learner.
        estimator: Member = Member::named("decision_tree"), Legal::Any("a name or { type, params }");
        /// How many models.
        n_estimators: usize = 10, Legal::int(1, 100_000);
        /// Rows drawn for each, as a share of all.
        max_samples: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// Columns drawn for each without replacement, as a share of all; at least one.
        max_features: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// Whether rows are drawn with replacement.
        bootstrap: bool = true, Legal::Bool;
        /// Whether the accuracy on rows that a model did not draw is measured; needs `bootstrap` or fewer samples than rows.
        oob_score: bool = false, Legal::Bool;
    }
}

params! {
    /// The mean of the numbers of one learner fitted on different draws of the rows (and columns), as scikit-learn's
    /// `BaggingRegressor`.
    ///
    /// ```
    /// use prompt_models::ensemble::BaggingRegressor;
    /// use prompt_models::prelude::*;
    /// assert!(BaggingRegressor::default().max_samples(0.0).validate().is_err());
    /// ```
    pub struct BaggingRegressor named "bagging" checked by BaggingRegressor::check {
        /// The learner.
        estimator: Member = Member::named("decision_tree"), Legal::Any("a name or { type, params }");
        /// How many models.
        n_estimators: usize = 10, Legal::int(1, 100_000);
        /// Rows drawn for each, as a share of all.
        max_samples: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// Columns drawn for each without replacement, as a share of all; at least one.
        max_features: f64 = 1.0, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// Whether rows are drawn with replacement.
        bootstrap: bool = true, Legal::Bool;
        /// Whether R² on rows that a model did not draw is measured; needs `bootstrap` or fewer samples than rows.
        oob_score: bool = false, Legal::Bool;
    }
}

impl BaggingClassifier {
    fn check(&self) -> Result<()> {
        Plan::of_classifier(self).check()
    }
}

impl BaggingRegressor {
    fn check(&self) -> Result<()> {
        Plan::of_regressor(self).check()
    }
}

impl Learner for BaggingClassifier {
    type Fitted = FittedBagging;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, [&self.estimator])
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedBagging> {
        Plan::of_classifier(self).learn(x, y, ctx)
    }
}

impl Learner for BaggingRegressor {
    type Fitted = FittedBagging;

    const TAGS: Tags = Tags::REGRESSOR;

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, [&self.estimator])
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedBagging> {
        Plan::of_regressor(self).learn(x, y, ctx)
    }
}

struct Plan<'a> {
    estimator: &'a Member,
    n: usize,
    max_samples: f64,
    max_features: f64,
    bootstrap: bool,
    oob: bool,
    task: Task,
}

/// What one model was given.
struct Draw {
    rows: Vec<usize>,
    columns: Option<Columns>,
}

impl<'a> Plan<'a> {
    fn of_classifier(p: &'a BaggingClassifier) -> Self {
        Self {
            estimator: &p.estimator,
            n: p.n_estimators,
            max_samples: p.max_samples,
            max_features: p.max_features,
            bootstrap: p.bootstrap,
            oob: p.oob_score,
            task: Task::Classification,
        }
    }

    fn of_regressor(p: &'a BaggingRegressor) -> Self {
        Self {
            estimator: &p.estimator,
            n: p.n_estimators,
            max_samples: p.max_samples,
            max_features: p.max_features,
            bootstrap: p.bootstrap,
            oob: p.oob_score,
            task: Task::Regression,
        }
    }

    fn check(&self) -> Result<()> {
        self.estimator.estimator(self.task)?;
        if self.oob && !self.bootstrap && self.max_samples >= 1.0 {
            return Err(Error::param(
                BaggingClassifier::NAME,
                "oob_score",
                "false where every model sees every row",
                true,
            ));
        }
        Ok(())
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedBagging> {
        let (x, y) = &counted(x, y);
        let draws: Vec<Draw> =
            (0..self.n).map(|i| self.draw(x, y, &ctx.part("model", i as u64))).collect::<Result<_>>()?;
        let inner = ctx.serial().unobserved();
        let members = ctx.try_map(self.n, |i| {
            let draw = &draws[i];
            let drawn = x.select_rows(&draw.rows);
            let drawn = draw.columns.as_ref().map_or(Ok(drawn.clone()), |c| c.matrix(&drawn))?;
            self.estimator.fit(self.task, &drawn, &y.select(&draw.rows), &inner.part("model", i as u64))
        })?;
        let columns = draws.iter().map(|d| d.columns.clone()).collect();
        let mut fitted = FittedBagging::of(members, columns, x.cols(), None)?;
        if self.oob {
            fitted.oob = Some(fitted.measure(&draws, x, y)?);
        }
        Ok(fitted)
    }

    /// Rows in rising order, each as often as it was drawn. A draw of a single class is drawn again.
    fn draw(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<Draw> {
        const TRIES: u64 = 50;
        let n = y.len();
        let take = ((self.max_samples * n as f64).round() as usize).clamp(1, n);
        let one_class = |rows: &[usize]| {
            y.as_classes().is_ok_and(|(codes, _)| {
                let mut classes = rows.iter().map(|&r| codes[r]);
                let first = classes.next();
                classes.all(|c| Some(c) == first)
            })
        };
        let mut rows = Vec::new();
        for attempt in 0..TRIES {
            let mut rng = ctx.seed().derive("rows", attempt).rng();
            rows = if self.bootstrap {
                (0..take).map(|_| rng.below(n)).collect()
            } else {
                let mut all: Vec<usize> = (0..n).collect();
                rng.shuffle(&mut all);
                all.truncate(take);
                all
            };
            rows.sort_unstable();
            if !one_class(&rows) {
                break;
            }
        }
        let columns = (self.max_features < 1.0).then(|| {
            let take = ((self.max_features * x.cols() as f64).round() as usize).clamp(1, x.cols());
            let mut all: Vec<u32> = (0..x.cols() as u32).collect();
            ctx.seed().derive("columns", 0).rng().shuffle(&mut all);
            all.truncate(take);
            all.sort_unstable();
            Columns(all)
        });
        Ok(Draw { rows, columns })
    }
}

/// Fitted models of different draws.
pub struct FittedBagging {
    members: Vec<Arc<dyn Model>>,
    /// The columns that each sees; all when absent.
    columns: Vec<Option<Columns>>,
    features: usize,
    oob: Option<f64>,
}

/// The artifact kind.
pub(super) const KIND: &str = "bagging";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    features: usize,
    oob_score: Option<f64>,
    drawn_columns: Vec<bool>,
}

impl FittedBagging {
    fn of(
        members: Vec<Arc<dyn Model>>,
        columns: Vec<Option<Columns>>,
        features: usize,
        oob: Option<f64>,
    ) -> Result<Self> {
        let output = members.first().map(Model::output);
        let fits = members.len() == columns.len()
            && members.iter().zip(&columns).all(|(member, columns)| {
                let sees = columns.as_ref().map_or(features, |c| c.0.len());
                let legal = columns.as_ref().is_none_or(|c| {
                    c.0.windows(2).all(|w| w[0] < w[1]) && c.0.iter().all(|j| (*j as usize) < features)
                });
                legal && member.n_features() == sees && Some(member.output()) == output
            });
        if !fits || members.is_empty() {
            return Err(Error::input("the models of a bag do not fit together", "fit them together"));
        }
        Ok(Self { members, columns, features, oob })
    }

    /// The models in order.
    pub fn members(&self) -> &[Arc<dyn Model>] {
        &self.members
    }

    /// Accuracy (or R²) on the rows that models did not draw, where it was asked for. Rows that every model drew do not
    /// count.
    pub fn oob_score(&self) -> Option<f64> {
        self.oob
    }

    fn answer(&self, member: usize, row: RowView<'_>, kept: &mut Kept) {
        let Kept { scratch, picked, answer } = kept;
        answer.resize(self.output().width(), 0.0);
        scratch.resize_with(self.members.len(), Scratch::new);
        let row = match &self.columns[member] {
            Some(columns) => columns.row(row, picked),
            None => row,
        };
        self.members[member].score_row(row, &mut scratch[member], answer);
    }

    fn measure(&self, draws: &[Draw], x: &Matrix, y: &Target) -> Result<f64> {
        let width = self.output().width();
        let mut sums = Dense::zeros(x.rows(), width);
        let mut counts = vec![0_u32; x.rows()];
        let mut kept = Kept::default();
        for (member, draw) in draws.iter().enumerate() {
            for row in (0..x.rows()).filter(|row| draw.rows.binary_search(row).is_err()) {
                self.answer(member, x.row(row), &mut kept);
                sums.row_mut(row).iter_mut().zip(&kept.answer).for_each(|(s, a)| *s += a);
                counts[row] += 1;
            }
        }
        let rows: Vec<usize> = (0..x.rows()).filter(|&row| counts[row] > 0).collect();
        if rows.is_empty() {
            return Err(Error::input(
                "bagging: every model drew every row",
                "take more models or fewer samples, or leave `oob_score` out",
            ));
        }
        let weight = |row: usize| y.weights().map_or(1.0, |w| w[row]);
        let total: f64 = rows.iter().map(|&row| weight(row)).sum();
        if let Ok((codes, _)) = y.as_classes() {
            let right = rows.iter().filter(|&&row| argmax(sums.row(row)) == codes[row] as usize);
            return Ok(right.map(|&row| weight(row)).sum::<f64>() / total);
        }
        let truth = y.as_regression()?;
        let mean = rows.iter().map(|&row| weight(row) * truth[row]).sum::<f64>() / total;
        let (mut left, mut all) = (0.0, 0.0);
        for &row in &rows {
            let found = sums.row(row)[0] / f64::from(counts[row]);
            left += weight(row) * (truth[row] - found).powi(2);
            all += weight(row) * (truth[row] - mean).powi(2);
        }
        Ok(if all > 0.0 { 1.0 - left / all } else { 0.0 })
    }
}

impl std::fmt::Debug for FittedBagging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedBagging")
            .field("members", &self.members.len())
            .field("oob_score", &self.oob)
            .finish()
    }
}

#[derive(Default)]
struct Kept {
    scratch: Vec<Scratch>,
    picked: Picked,
    answer: Vec<f64>,
}

impl Model for FittedBagging {
    fn output(&self) -> &Output {
        self.members[0].output()
    }

    fn n_features(&self) -> usize {
        self.features
    }

    fn notes(&self) -> Vec<String> {
        notes_of(&self.members)
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let kept: &mut Kept = scratch.get();
        let share = 1.0 / self.members.len() as f64;
        out.fill(0.0);
        for member in 0..self.members.len() {
            self.answer(member, row, kept);
            out.iter_mut().zip(&kept.answer).for_each(|(o, a)| *o += share * a);
        }
    }
}

impl Persist for FittedBagging {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let mut node = Node::new(KIND, 1).meta(&Facts {
            features: self.features,
            oob_score: self.oob,
            drawn_columns: self.columns.iter().map(Option::is_some).collect(),
        })?;
        for (i, columns) in self.columns.iter().enumerate() {
            if let Some(Columns(columns)) = columns {
                node = node.u32s(&format!("columns.{i}"), columns.clone());
            }
        }
        encode_members(node, &self.members)
    }
}

impl Artifact for FittedBagging {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let columns = facts.drawn_columns.iter().enumerate().map(|(i, drawn)| {
            drawn
                .then(|| node.get_u32s(&format!("columns.{i}"), None).map(|c| Columns(c.to_vec())))
                .transpose()
        });
        let columns = columns.collect::<Result<_>>()?;
        Self::of(decode_members(node, catalog)?, columns, facts.features, facts.oob_score)
            .map_err(|e| damaged(KIND, &e))
    }
}
