//! A learner on what other learners say of rows that they did not learn from.

use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Dense, Error, FitContext, Learner, Legal, Matrix, Model, Names, Output, Params, Result, RowView, Scratch,
    SparseRow, Tags, Target, Task, params, predict,
};
use serde::{Deserialize, Serialize};

use super::folds::{counted, held_out_folds};
use super::member::{Member, check_members, common_tags, notes_of};
use super::voting::{damaged, decode_members, encode_members};

params! {
    /// A final learner on the members' out-of-fold probabilities, as scikit-learn's `StackingClassifier`.
    ///
    /// The rows are divided into stratified folds; each member is fitted on all folds but one and answers for that one.
    /// These answers (one column for two classes, one for each of more) are what the final learner learns from; the
    /// members themselves are then fitted on all rows.
    ///
    /// ```
    /// use prompt_models::ensemble::{Member, StackingClassifier};
    /// use prompt_models::prelude::*;
    /// let stacking = StackingClassifier::default().final_estimator(Member::named("random_forests"));
    /// assert!(stacking.validate().unwrap_err().to_string().contains("unknown model `random_forests`"));
    /// ```
    pub struct StackingClassifier named "stacking" checked by StackingClassifier::check {
        /// The first layer: `{ type, params }` each.
        members: Vec<Member> = vec![Member::named("linear_svm"), Member::named("logistic_regression")], Legal::Any("a list of names or { type, params }");
        /// The learner on top.
        final_estimator: Member = Member::named("logistic_regression"), Legal::Any("a name or { type, params }");
        /// Number of folds; fewer where a class has fewer rows.
        cv: usize = 5, Legal::int(2, 100);
        /// Whether the final learner also sees the columns that the members see.
        passthrough: bool = false, Legal::Bool;
    }
}

params! {
    /// A final learner on the members' out-of-fold numbers, as scikit-learn's `StackingRegressor`. Of a member that says
    /// more than its value, such as the interval of `conformal`, the value is taken.
    ///
    /// ```
    /// use prompt_models::ensemble::StackingRegressor;
    /// use prompt_models::prelude::*;
    /// assert!(StackingRegressor::default().cv(1).validate().is_err());
    /// ```
    pub struct StackingRegressor named "stacking" checked by StackingRegressor::check {
        /// The first layer: `{ type, params }` each.
        members: Vec<Member> = vec![Member::named("ridge"), Member::named("knn")], Legal::Any("a list of names or { type, params }");
        /// The learner on top.
        final_estimator: Member = Member::named("ridge"), Legal::Any("a name or { type, params }");
        /// Number of folds.
        cv: usize = 5, Legal::int(2, 100);
        /// Whether the final learner also sees the columns that the members see.
        passthrough: bool = false, Legal::Bool;
    }
}

impl StackingClassifier {
    fn check(&self) -> Result<()> {
        check_members(Self::NAME, &self.members, Task::Classification)?;
        self.final_estimator.estimator(Task::Classification).map(|_| ())
    }
}

impl StackingRegressor {
    fn check(&self) -> Result<()> {
        check_members(Self::NAME, &self.members, Task::Regression)?;
        self.final_estimator.estimator(Task::Regression).map(|_| ())
    }
}

impl Learner for StackingClassifier {
    type Fitted = FittedStacking;

    const TAGS: Tags = Tags { min_rows: 4, ..Tags::CLASSIFIER };

    fn takes(&self) -> Tags {
        takes(Self::TAGS, &self.members, &self.final_estimator, self.passthrough)
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedStacking> {
        let plan = Plan {
            members: &self.members,
            last: &self.final_estimator,
            cv: self.cv,
            passthrough: self.passthrough,
            task: Task::Classification,
        };
        plan.learn(x, y, ctx)
    }
}

impl Learner for StackingRegressor {
    type Fitted = FittedStacking;

    const TAGS: Tags = Tags { min_rows: 4, ..Tags::REGRESSOR };

    fn takes(&self) -> Tags {
        takes(Self::TAGS, &self.members, &self.final_estimator, self.passthrough)
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedStacking> {
        let plan = Plan {
            members: &self.members,
            last: &self.final_estimator,
            cv: self.cv,
            passthrough: self.passthrough,
            task: Task::Regression,
        };
        plan.learn(x, y, ctx)
    }
}

/// The members see the rows; the final model sees their answers, and the rows where they pass through.
fn takes(own: Tags, members: &[Member], last: &Member, passthrough: bool) -> Tags {
    if passthrough {
        return common_tags(own, members.iter().chain([last]));
    }
    let weights = last.estimator(own.task).is_ok_and(|last| last.tags().weights);
    let tags = common_tags(own, members);
    Tags { weights: tags.weights && weights, ..tags }
}

struct Plan<'a> {
    members: &'a [Member],
    last: &'a Member,
    cv: usize,
    passthrough: bool,
    task: Task,
}

impl Plan<'_> {
    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedStacking> {
        let (x, y) = &counted(x, y);
        let folds = held_out_folds(StackingClassifier::NAME, y, self.cv, ctx)?;
        let mut fitted = Vec::with_capacity(self.members.len());
        let mut answers: Vec<Dense> = Vec::with_capacity(self.members.len());
        for (i, member) in self.members.iter().enumerate() {
            let part = ctx.part("member", i as u64).unobserved();
            let model = member.fit(self.task, x, y, &part)?;
            let mut answer = Dense::zeros(x.rows(), model.output().width());
            for (f, fold) in folds.iter().enumerate() {
                let part = part.part("fold", f as u64);
                let held =
                    member.fit(self.task, &x.select_rows(&fold.train), &y.select(&fold.train), &part)?;
                let scored = predict(&*held, &x.select_rows(&fold.test))?;
                for (at, &row) in fold.test.iter().enumerate() {
                    answer.row_mut(row).copy_from_slice(scored.row(at));
                }
            }
            fitted.push(model);
            answers.push(answer);
        }
        let layout = Layout::new(&fitted, x.cols(), self.passthrough);
        let mut meta = Dense::zeros(x.rows(), layout.answers());
        for row in 0..x.rows() {
            let out = meta.row_mut(row);
            let mut at = 0;
            for (member, answer) in fitted.iter().zip(&answers) {
                let kept = layout.kept(member.output(), answer.row(row));
                out[at..at + kept.len()].copy_from_slice(kept);
                at += kept.len();
            }
        }
        let meta = Matrix::from(meta.with_names(Names::numbered("answer", layout.answers())));
        let meta = if self.passthrough { Matrix::beside(&[("stack", &meta), ("x", x)])? } else { meta };
        let last = self.last.fit(self.task, &meta, y, &ctx.part("final", 0).unobserved())?;
        FittedStacking::of(fitted, last, layout)
    }
}

/// How the answers of the members, and the row itself, make a row for the final model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    /// Numbers kept of each member's answer: the last one of two probabilities, those of all classes otherwise; of a member
    /// for numbers its value, without what it says beside it (a conformal one says how wide its interval is).
    per_member: usize,
    members: usize,
    columns: usize,
    passthrough: bool,
}

impl Layout {
    fn new(members: &[Arc<dyn Model>], columns: usize, passthrough: bool) -> Self {
        let width = members.first().map_or(0, |m| m.output().width());
        let classes = members.first().is_some_and(|m| m.output().classes().is_some());
        let per_member = if !classes || width == 2 { 1 } else { width };
        Self { per_member, members: members.len(), columns, passthrough }
    }

    fn answers(&self) -> usize {
        self.per_member * self.members
    }

    fn kept<'a>(&self, output: &Output, answer: &'a [f64]) -> &'a [f64] {
        match output {
            Output::Classes(_) => &answer[answer.len() - self.per_member..],
            _ => &answer[..self.per_member],
        }
    }
}

/// A fitted first layer and the model on top.
pub struct FittedStacking {
    members: Vec<Arc<dyn Model>>,
    last: Arc<dyn Model>,
    layout: Layout,
}

/// The artifact kind.
pub(super) const KIND: &str = "stacking";

impl FittedStacking {
    fn of(members: Vec<Arc<dyn Model>>, last: Arc<dyn Model>, layout: Layout) -> Result<Self> {
        let wanted = Layout::new(&members, layout.columns, layout.passthrough);
        let width = layout.answers() + if layout.passthrough { layout.columns } else { 0 };
        let first = members.first().map(Model::output);
        // Members for numbers may say more than their value, each its own.
        let alike = |output: &Output| match output {
            Output::Values(names) => {
                names.len() >= layout.per_member && first.is_some_and(|first| first.classes().is_none())
            }
            _ => Some(output) == first && wanted.per_member == layout.per_member,
        };
        let fits = members.iter().all(|m| alike(m.output()) && m.n_features() == layout.columns)
            && layout.per_member > 0
            && wanted.members == layout.members
            && last.n_features() == width;
        if !fits || members.is_empty() {
            return Err(Error::input("the layers of a stack do not fit together", "fit them together"));
        }
        Ok(Self { members, last, layout })
    }

    /// The first layer.
    pub fn members(&self) -> &[Arc<dyn Model>] {
        &self.members
    }

    /// The model on top.
    pub fn last(&self) -> &Arc<dyn Model> {
        &self.last
    }
}

impl std::fmt::Debug for FittedStacking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedStacking").field("layout", &self.layout).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    members: Vec<Scratch>,
    last: Scratch,
    answer: Vec<f64>,
    dense: Vec<f64>,
    sparse: SparseRow,
}

impl Model for FittedStacking {
    fn output(&self) -> &Output {
        self.last.output()
    }

    fn n_features(&self) -> usize {
        self.layout.columns
    }

    fn notes(&self) -> Vec<String> {
        let layers = [&self.members[..], std::slice::from_ref(&self.last)].concat();
        notes_of(&layers)
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Kept { members, last, answer, dense, sparse } = scratch.get();
        members.resize_with(self.members.len(), Scratch::new);
        dense.clear();
        for (member, scratch) in self.members.iter().zip(members) {
            answer.resize(member.output().width(), 0.0);
            member.score_row(row, scratch, answer);
            dense.extend_from_slice(self.layout.kept(member.output(), answer));
        }
        match row {
            RowView::Sparse { indices, values } if self.layout.passthrough => {
                sparse.clear();
                // As the fit saw them: zeros are not stored, answers are 32-bit numbers.
                for (j, v) in dense.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                    sparse.push(j as u32, *v as f32);
                }
                let offset = self.layout.answers() as u32;
                indices.iter().zip(values).for_each(|(&j, &v)| sparse.push(offset + j, v));
                self.last.score_row(sparse.view(), last, out);
            }
            RowView::Dense(values) if self.layout.passthrough => {
                dense.extend_from_slice(values);
                self.last.score_row(RowView::Dense(dense), last, out);
            }
            _ => self.last.score_row(RowView::Dense(dense), last, out),
        }
    }
}

impl Persist for FittedStacking {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let node = Node::new(KIND, 1).meta(&self.layout)?.child("final", self.last.encode()?);
        encode_members(node, &self.members)
    }
}

impl Artifact for FittedStacking {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let last = Arc::<dyn Model>::decode(node.get_child("final")?, catalog)?;
        Self::of(decode_members(node, catalog)?, last, node.get_meta()?).map_err(|e| damaged(KIND, &e))
    }
}
