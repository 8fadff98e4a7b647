//! A fitted ensemble of boosted trees.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Classes, Error, Matrix, Model, Output, Result, RowView, Scratch, softmax};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tree::nodes::TreeNodes;

/// How margins become probabilities or values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Link {
    /// One margin, two probabilities: 1 / (1 + e^−z).
    Logistic,
    /// A margin a class.
    Softmax,
    /// The margin itself.
    Identity,
    /// e^z.
    Exp,
}

/// 1 / (1 + e^−z).
pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// A sum of trees: what [`HistGradientBoostingClassifier`](super::HistGradientBoostingClassifier),
/// [`GradientBoostingClassifier`](super::GradientBoostingClassifier) and the regressors beside them fit.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostedTrees {
    learner: String,
    settings: Value,
    output: Output,
    /// The classes with a margin, as positions among those of the output; empty for values.
    present: Vec<u32>,
    link: Link,
    start: Vec<f64>,
    /// One tree a margin and round.
    trees: TreeNodes,
}

/// The artifact kind of all of them.
pub(super) const KIND: &str = "boosted_trees";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    learner: String,
    settings: Value,
    output: Output,
    present: Vec<u32>,
    link: Link,
}

/// Memory for one row.
#[derive(Default)]
struct Memory {
    dense: Vec<f64>,
    margins: Vec<f64>,
}

impl BoostedTrees {
    pub(super) fn new(
        (learner, settings): (&str, Value),
        (output, present): (Output, Vec<u32>),
        link: Link,
        (start, trees): (Vec<f64>, TreeNodes),
    ) -> Self {
        Self { learner: learner.to_owned(), settings, output, present, link, start, trees }
    }

    /// Whether an artifact of this kind is one of these.
    pub(crate) fn is_kind(kind: &str) -> bool {
        kind == KIND
    }

    /// The margins before any tree.
    pub(crate) fn start(&self) -> &[f64] {
        &self.start
    }

    /// The classes with a margin, as positions among those of the output; empty for values.
    pub(crate) fn present(&self) -> &[u32] {
        &self.present
    }

    /// Rounds that it keeps.
    pub fn rounds(&self) -> usize {
        self.trees.len() / self.start.len().max(1)
    }

    /// The trees of all rounds: for each round one a margin.
    pub fn trees(&self) -> &TreeNodes {
        &self.trees
    }

    /// The name of the learner that fitted it.
    pub fn learner(&self) -> &str {
        &self.learner
    }

    /// The parameters of the fit.
    pub fn settings(&self) -> &Value {
        &self.settings
    }

    /// The margins of a row before the link: one for two classes and for values, else one a present class.
    pub fn margins(&self, row: RowView<'_>) -> Vec<f64> {
        let mut margins = self.start.clone();
        self.add(row, &mut Vec::new(), &mut margins);
        margins
    }

    fn add(&self, row: RowView<'_>, dense: &mut Vec<f64>, margins: &mut [f64]) {
        if margins.len() == 1 {
            self.trees.add_row(row, dense, margins);
        } else {
            let k = margins.len();
            self.trees.for_each_leaf(row, dense, |t, value| margins[t % k] += value[0]);
        }
    }

    fn link(&self, margins: &mut [f64], out: &mut [f64]) {
        match self.link {
            Link::Identity => out[0] = margins[0],
            Link::Exp => out[0] = margins[0].exp(),
            Link::Logistic => {
                out.fill(0.0);
                let p = sigmoid(margins[0]);
                for (class, p) in self.present.iter().zip([1.0 - p, p]) {
                    out[*class as usize] = p;
                }
            }
            Link::Softmax => {
                softmax(margins);
                out.fill(0.0);
                for (class, p) in self.present.iter().zip(margins) {
                    out[*class as usize] = *p;
                }
            }
        }
    }
}

impl Model for BoostedTrees {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.trees.columns()
    }

    fn is_finite(&self) -> bool {
        self.start.iter().all(|v| v.is_finite()) && self.trees.is_finite()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Memory { dense, margins } = scratch.get::<Memory>();
        margins.clear();
        margins.extend_from_slice(&self.start);
        self.add(row, dense, margins);
        self.link(margins, out);
    }

    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        let width = self.output.width().max(1);
        let (Matrix::Dense(x), [start]) = (x, &self.start[..]) else {
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                self.score_row(x.row(first + i), scratch, out);
            }
            return;
        };
        let rows = out.len() / width;
        let margins = &mut scratch.get::<Memory>().margins;
        margins.clear();
        margins.resize(rows, *start);
        let cols = x.cols();
        self.trees.add_dense_rows(&x.data()[first * cols..(first + rows) * cols], margins);
        for (out, margin) in out.chunks_exact_mut(width).zip(margins.chunks_exact_mut(1)) {
            self.link(margin, out);
        }
    }
}

impl Persist for BoostedTrees {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts {
            learner: self.learner.clone(),
            settings: self.settings.clone(),
            output: self.output.clone(),
            present: self.present.clone(),
            link: self.link,
        };
        let node = Node::new(KIND, 1).meta(&facts)?.f64s("start", self.start.clone());
        Ok(node.child("trees", self.trees.encode()?))
    }
}

impl Artifact for BoostedTrees {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { learner, settings, output, present, link } = node.get_meta()?;
        let start = node.get_f64s("start", None)?.to_vec();
        let trees = TreeNodes::decode(node.get_child("trees")?)?;
        let fits = match (&output, link) {
            (Output::Classes(classes), Link::Logistic) => {
                present_fit(&present, classes, 2) && start.len() == 1
            }
            (Output::Classes(classes), Link::Softmax) => present_fit(&present, classes, start.len()),
            (Output::Values(names), Link::Identity | Link::Exp) => {
                names.len() == 1 && present.is_empty() && start.len() == 1
            }
            _ => false,
        };
        let whole = !start.is_empty() && trees.len().is_multiple_of(start.len()) && trees.width() == 1;
        if !(fits && whole && start.iter().all(|s| s.is_finite())) {
            return Err(Error::artifact(
                KIND,
                "its outputs, margins and trees do not fit together",
                "the file is damaged; save the model again",
            ));
        }
        Ok(Self { learner, settings, output, present, link, start, trees })
    }
}

/// Whether there are `count` present classes, rising, all of them known.
fn present_fit(present: &[u32], classes: &Classes, count: usize) -> bool {
    present.len() == count
        && present.windows(2).all(|w| w[0] < w[1])
        && present.last().is_some_and(|c| (*c as usize) < classes.len())
}
