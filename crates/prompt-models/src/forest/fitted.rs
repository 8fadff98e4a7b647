//! What trees and forests become.

use std::any::Any;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Matrix, Model, Output, Result, RowView, Scratch, Tags};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tree::nodes::TreeNodes;

/// A fitted tree or forest: the mean of what its trees say.
///
/// ```
/// use prompt_core::{Dense, Fit, FitContext, Matrix, Scratch, Target};
/// use prompt_models::forest::RandomForestRegressor;
///
/// let x = Matrix::from(Dense::from_rows(&[[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [4.0, 7.0]]));
/// let y = Target::regression(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
/// let model = RandomForestRegressor::default().fit(&x, &y, &FitContext::new(0)).unwrap();
/// assert_eq!(model.feature_importances(), [1.0, 0.0]);
/// let mut spread = [0.0];
/// model.spread(x.row(0), &mut Scratch::new(), &mut spread);
/// assert!(spread[0] > 0.0 && spread[0] < 1.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    kind: &'static str,
    params: Value,
    output: Output,
    trees: TreeNodes,
    importances: Vec<f64>,
    oob_score: Option<f64>,
}

/// The artifact kinds, one for each learner.
pub(super) const KINDS: [&str; 3] = ["decision_tree", "random_forest", "extra_trees"];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: Value,
    output: Output,
    oob_score: Option<f64>,
}

impl Forest {
    /// What trees take: everything.
    pub(crate) const TAGS: Tags = Tags {
        missing: true,
        one_class: true,
        min_rows: 1,
        categorical: true,
        scale_free: true,
        ..Tags::CLASSIFIER
    };

    pub(super) fn new(
        (kind, params): (&'static str, Value),
        output: Output,
        trees: TreeNodes,
        importances: Vec<f64>,
    ) -> Self {
        Self { kind, params, output, trees, importances, oob_score: None }
    }

    /// Whether an artifact of this kind is a forest.
    pub(crate) fn is_kind(kind: &str) -> bool {
        KINDS.contains(&kind)
    }

    pub(super) fn set_oob_score(&mut self, score: Option<f64>) {
        self.oob_score = score;
    }

    /// The trees.
    pub fn trees(&self) -> &TreeNodes {
        &self.trees
    }

    /// The parameters it was fitted with.
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// The share of each column in the decrease of the impurity: the mean over the trees, which sums to one where
    /// there is any split (scikit-learn's `feature_importances_`). Columns of many values get more than they are worth.
    pub fn feature_importances(&self) -> &[f64] {
        &self.importances
    }

    /// Accuracy or R² on the rows that trees did not see, each judged by those trees; `None` unless it was asked for
    /// and some tree left a row out.
    pub fn oob_score(&self) -> Option<f64> {
        self.oob_score
    }

    /// How far the trees disagree about a row: the standard deviation over the trees of each class's probability, or
    /// of the value. 0 where all say the same. `out` holds a number for each output.
    pub fn spread(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let mut mean = vec![0.0; out.len()];
        self.score_row(row, scratch, &mut mean);
        out.fill(0.0);
        self.trees.for_each_leaf(row, scratch.get(), |_, value| {
            for ((out, v), m) in out.iter_mut().zip(value).zip(&mean) {
                *out += (v - m).powi(2);
            }
        });
        let n = self.trees.len().max(1) as f64;
        out.iter_mut().for_each(|v| *v = (*v / n).sqrt());
    }

    fn divide(&self, out: &mut [f64]) {
        let n = self.trees.len().max(1) as f64;
        out.iter_mut().for_each(|v| *v /= n);
    }
}

impl Model for Forest {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.trees.columns()
    }

    fn is_finite(&self) -> bool {
        self.importances.iter().all(|v| v.is_finite()) && self.trees.is_finite()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        out.fill(0.0);
        self.trees.add_row(row, scratch.get(), out);
        self.divide(out);
    }

    fn score_rows(&self, x: &Matrix, first: usize, scratch: &mut Scratch, out: &mut [f64]) {
        let width = self.output.width().max(1);
        match x {
            Matrix::Dense(dense) => {
                out.fill(0.0);
                let rows = first * dense.cols()..(first + out.len() / width) * dense.cols();
                self.trees.add_dense_rows(&dense.data()[rows], out);
                self.divide(out);
            }
            Matrix::Sparse(_) => {
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    self.score_row(x.row(first + i), scratch, out);
                }
            }
        }
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Persist for Forest {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn encode(&self) -> Result<Node> {
        let facts =
            Facts { params: self.params.clone(), output: self.output.clone(), oob_score: self.oob_score };
        Ok(Node::new(self.kind, 1)
            .meta(&facts)?
            .f64s("importances", self.importances.clone())
            .child("trees", self.trees.encode()?))
    }
}

impl Artifact for Forest {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        let Some(&kind) = KINDS.iter().find(|k| **k == node.kind()) else {
            return Err(Error::unknown("kind of forest", node.kind(), KINDS));
        };
        node.expect(kind, 1)?;
        let Facts { params, output, oob_score } = node.get_meta()?;
        let trees = TreeNodes::decode(node.get_child("trees")?)?;
        if trees.width() != output.width() || trees.is_empty() {
            return Err(Error::artifact(
                kind,
                format!("{} trees of width {} for {} outputs", trees.len(), trees.width(), output.width()),
                "the file is damaged; save the model again",
            ));
        }
        let importances = node.get_f64s("importances", Some(trees.columns()))?.to_vec();
        Ok(Self { kind, params, output, trees, importances, oob_score })
    }
}
