//! What AdaBoost becomes.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Model, Output, Result, RowView, Scratch, softmax};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Rounds;
use crate::tree::nodes::TreeNodes;

/// A fitted AdaBoost: trees that vote (classes), or whose weighted median counts (numbers).
#[derive(Debug, Clone, PartialEq)]
pub struct AdaBoost {
    params: Value,
    output: Output,
    trees: TreeNodes,
    weights: Vec<f64>,
    importances: Vec<f64>,
}

/// The artifact kind.
pub(crate) const KIND: &str = "ada_boost";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: Value,
    output: Output,
}

/// Memory for scoring a row.
#[derive(Default)]
struct Memory {
    dense: Vec<f64>,
    said: Vec<(f64, f64)>,
}

impl AdaBoost {
    pub(super) fn new(params: Value, output: Output, mut rounds: Rounds) -> Self {
        let importances = rounds.importances();
        Self { params, output, trees: rounds.trees, weights: rounds.weights, importances }
    }

    /// The trees.
    pub fn trees(&self) -> &TreeNodes {
        &self.trees
    }

    /// The say of every tree.
    pub fn estimator_weights(&self) -> &[f64] {
        &self.weights
    }

    /// The parameters it was fitted with.
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// The share of each column in the decrease of the impurity: the mean over the trees, weighted by their say.
    pub fn feature_importances(&self) -> &[f64] {
        &self.importances
    }
}

impl Model for AdaBoost {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.trees.columns()
    }

    fn is_finite(&self) -> bool {
        self.weights.iter().chain(&self.importances).all(|v| v.is_finite()) && self.trees.is_finite()
    }

    fn score_row(&self, row: RowView<'_>, scratch: &mut Scratch, out: &mut [f64]) {
        let Memory { dense, said } = scratch.get();
        if self.output.classes().is_none() {
            said.clear();
            let (weights, trees) = (&self.weights, &self.trees);
            trees.for_each_leaf(row, dense, |t, value| said.push((value[0], weights[t])));
            out.fill(median(said));
            return;
        }
        out.fill(0.0);
        self.trees.add_row(row, dense, out);
        let scale = 1.0 / (self.weights.iter().sum::<f64>() * (out.len().max(2) - 1) as f64);
        out.iter_mut().for_each(|v| *v *= scale);
        softmax(out);
    }
}

/// The smallest value at which half of the weight is reached. Sorts.
fn median(said: &mut [(f64, f64)]) -> f64 {
    said.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * said.iter().map(|s| s.1).sum::<f64>();
    let mut sum = 0.0;
    let found = said.iter().find(|(_, w)| {
        sum += w;
        sum >= half
    });
    found.or(said.last()).map_or(0.0, |s| s.0)
}

impl Persist for AdaBoost {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1)
            .meta(&Facts { params: self.params.clone(), output: self.output.clone() })?
            .f64s("weights", self.weights.clone())
            .f64s("importances", self.importances.clone())
            .child("trees", self.trees.encode()?))
    }
}

impl Artifact for AdaBoost {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { params, output } = node.get_meta()?;
        let trees = TreeNodes::decode(node.get_child("trees")?)?;
        let weights = node.get_f64s("weights", Some(trees.len()))?.to_vec();
        let legal = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && weights.iter().any(|w| *w > 0.0);
        if trees.width() != output.width() || !legal {
            return Err(Error::artifact(
                KIND,
                "the trees do not fit the outputs, or their weights are not legal",
                "the file is damaged; save the model again",
            ));
        }
        let importances = node.get_f64s("importances", Some(trees.columns()))?.to_vec();
        Ok(Self { params, output, trees, weights, importances })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_where_half_of_the_weight_is_reached() {
        assert_eq!(median(&mut [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]), 2.0);
        assert_eq!(median(&mut [(3.0, 5.0), (1.0, 1.0), (2.0, 1.0)]), 3.0);
        assert_eq!(median(&mut [(1.0, 1.0), (2.0, 1.0)]), 1.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
