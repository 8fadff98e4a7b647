//! The mean of several models' answers, or a show of hands.

use std::sync::Arc;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Error, FitContext, Learner, Legal, Matrix, Model, Output, Params, Result, RowView, Scratch, Tags, Target,
    Task, argmax, params,
};
use serde::{Deserialize, Serialize};

use super::member::{Member, check_members, common_tags, notes_of};

params! {
    /// Models of all rows that vote on the class, as scikit-learn's `VotingClassifier`.
    ///
    /// | voting | probability of class c |
    /// |---|---|
    /// | `soft` | Σ wₘ·pₘ(c) / Σ wₘ |
    /// | `hard` | Σ of wₘ over the members whose most probable class is c, / Σ wₘ |
    ///
    /// ```
    /// use prompt_core::{Dense, Matrix};
    /// use prompt_models::ensemble::{Member, VotingClassifier};
    /// use prompt_models::prelude::*;
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]));
    /// let y = Target::labels(["a", "a", "a", "b", "b", "b"]);
    /// let members = vec![Member::named("logistic_regression"), Member::named("multinomial_nb")];
    /// let voting = VotingClassifier::default().members(members).voting("soft".into());
    /// let p = voting.fit(&x, &y, &FitContext::new(1))?.predict(&x)?;
    /// assert!((p.row(5).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    /// # Ok::<(), prompt_core::Error>(())
    /// ```
    pub struct VotingClassifier named "voting" checked by VotingClassifier::check {
        /// Who votes: `{ type, params }` each.
        members: Vec<Member> = vec![Member::named("logistic_regression"), Member::named("linear_svm")], Legal::Any("a list of names or { type, params }");
        /// `soft`: the mean of the probabilities; `hard`: the share of members for each class.
        voting: String = "soft".to_owned(), Legal::OneOf(&["soft", "hard"]);
        /// How much each member counts; all alike when absent.
        weights: Option<Vec<f64>> = None, Legal::Any("a number ≥ 0 for each member, or null");
    }
}

params! {
    /// The weighted mean of several models' numbers, as scikit-learn's `VotingRegressor`: Σ wₘ·fₘ(x) / Σ wₘ.
    ///
    /// ```
    /// use prompt_models::ensemble::{Member, VotingRegressor};
    /// use prompt_models::prelude::*;
    /// let error = VotingRegressor::default().members(vec![]).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "voting: parameter `members` must be at least one model, got none");
    /// ```
    pub struct VotingRegressor named "voting" checked by VotingRegressor::check {
        /// Whose mean it is: `{ type, params }` each.
        members: Vec<Member> = vec![Member::named("ridge"), Member::named("knn")], Legal::Any("a list of names or { type, params }");
        /// How much each member counts; all alike when absent.
        weights: Option<Vec<f64>> = None, Legal::Any("a number ≥ 0 for each member, or null");
    }
}

fn check_weights(members: &[Member], weights: Option<&[f64]>) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    let legal = weights.len() == members.len()
        && weights.iter().all(|w| w.is_finite() && *w >= 0.0)
        && weights.iter().sum::<f64>() > 0.0;
    if legal {
        return Ok(());
    }
    let wanted = format!("{} numbers ≥ 0, not all 0", members.len());
    Err(Error::param(VotingClassifier::NAME, "weights", wanted, format!("{weights:?}")))
}

impl VotingClassifier {
    fn check(&self) -> Result<()> {
        check_members(Self::NAME, &self.members, Task::Classification)?;
        check_weights(&self.members, self.weights.as_deref())
    }
}

impl VotingRegressor {
    fn check(&self) -> Result<()> {
        check_members(Self::NAME, &self.members, Task::Regression)?;
        check_weights(&self.members, self.weights.as_deref())
    }
}

impl Learner for VotingClassifier {
    type Fitted = FittedVoting;

    const TAGS: Tags = Tags::CLASSIFIER;

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, &self.members)
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedVoting> {
        let hard = self.voting == "hard";
        FittedVoting::learn(&self.members, self.weights.as_deref(), hard, Task::Classification, (x, y), ctx)
    }
}

impl Learner for VotingRegressor {
    type Fitted = FittedVoting;

    const TAGS: Tags = Tags::REGRESSOR;

    fn takes(&self) -> Tags {
        common_tags(Self::TAGS, &self.members)
    }

    fn learn(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedVoting> {
        FittedVoting::learn(&self.members, self.weights.as_deref(), false, Task::Regression, (x, y), ctx)
    }
}

/// Fitted voters.
pub struct FittedVoting {
    members: Vec<Arc<dyn Model>>,
    /// Sum to one.
    weights: Vec<f64>,
    hard: bool,
    output: Output,
}

/// The artifact kind.
pub(super) const KIND: &str = "voting";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    hard: bool,
}

impl FittedVoting {
    fn learn(
        members: &[Member],
        weights: Option<&[f64]>,
        hard: bool,
        task: Task,
        (x, y): (&Matrix, &Target),
        ctx: &FitContext,
    ) -> Result<Self> {
        let mut fitted = Vec::with_capacity(members.len());
        for (i, member) in members.iter().enumerate() {
            fitted.push(member.fit(task, x, y, &ctx.part("member", i as u64).unobserved())?);
        }
        let weights = weights.map_or_else(|| vec![1.0; members.len()], <[f64]>::to_vec);
        let total: f64 = weights.iter().sum();
        Self::of(fitted, weights.iter().map(|w| w / total).collect(), hard)
    }

    fn of(members: Vec<Arc<dyn Model>>, weights: Vec<f64>, hard: bool) -> Result<Self> {
        let Some(first) = members.first() else {
            return Err(Error::input("a vote of no models", "give it at least one"));
        };
        let output = first.output().clone();
        for member in &members {
            if *member.output() != output || member.n_features() != first.n_features() {
                return Err(Error::input(
                    "the members of a vote differ in classes or columns",
                    "fit them on the same data",
                ));
            }
        }
        Ok(Self { members, weights, hard, output })
    }

    /// The members in order.
    pub fn members(&self) -> &[Arc<dyn Model>] {
        &self.members
    }

    fn add(&self, answer: &[f64], weight: f64, out: &mut [f64]) {
        if self.hard {
            out[argmax(answer)] += weight;
        } else {
            out.iter_mut().zip(answer).for_each(|(o, a)| *o += weight * a);
        }
    }
}

impl std::fmt::Debug for FittedVoting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedVoting").field("weights", &self.weights).field("hard", &self.hard).finish()
    }
}

/// What scoring keeps between rows: each member's own memory, and the answer of one of them.
#[derive(Default)]
struct Kept {
    members: Vec<Scratch>,
    answer: Vec<f64>,
}

impl Model for FittedVoting {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.members.first().map_or(0, Model::n_features)
    }

    fn notes(&self) -> Vec<String> {
        notes_of(&self.members)
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Kept { members, answer } = scratch.get();
        members.resize_with(self.members.len(), Scratch::new);
        answer.resize(out.len(), 0.0);
        out.fill(0.0);
        for ((member, weight), scratch) in self.members.iter().zip(&self.weights).zip(members) {
            member.score_row(row, scratch, answer);
            self.add(answer, *weight, out);
        }
    }

    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        let Kept { members, answer } = scratch.get();
        members.resize_with(self.members.len(), Scratch::new);
        answer.resize(out.len(), 0.0);
        out.fill(0.0);
        let width = self.output.width().max(1);
        for ((member, weight), scratch) in self.members.iter().zip(&self.weights).zip(members) {
            member.score_rows(x, first, scratch, answer);
            for (answer, out) in answer.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                self.add(answer, *weight, out);
            }
        }
    }
}

impl Persist for FittedVoting {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let node = Node::new(KIND, 1).meta(&Facts { hard: self.hard })?.f64s("weights", self.weights.clone());
        encode_members(node, &self.members)
    }
}

impl Artifact for FittedVoting {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { hard } = node.get_meta()?;
        let members = decode_members(node, catalog)?;
        let weights = node.get_f64s("weights", Some(members.len()))?.to_vec();
        Self::of(members, weights, hard).map_err(|e| damaged(KIND, &e))
    }
}

/// The members as children.
pub(super) fn encode_members(node: Node, members: &[Arc<dyn Model>]) -> Result<Node> {
    members.iter().enumerate().try_fold(node, |node, (i, m)| Ok(node.child(&i.to_string(), m.encode()?)))
}

/// The children whose names are numbers, in order.
pub(super) fn decode_members(node: &Node, catalog: &Catalog) -> Result<Vec<Arc<dyn Model>>> {
    let numbered = node.children().iter().filter(|(name, _)| name.parse::<usize>().is_ok());
    (0..numbered.count())
        .map(|i| Arc::<dyn Model>::decode(node.get_child(&i.to_string())?, catalog))
        .collect()
}

/// What a decoder says of parts that do not fit together.
pub(super) fn damaged(kind: &str, error: &Error) -> Error {
    Error::artifact(kind, error.to_string(), "the file is damaged; save the model again")
}
