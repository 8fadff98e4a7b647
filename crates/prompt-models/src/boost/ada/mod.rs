//! AdaBoost: every tree learns from what the trees before it got wrong.
//!
//! ```text
//! classes (SAMME)   e = weighted share of wrong rows    α = rate·(ln((1−e)/e) + ln(K−1))     w ← w·e^α where wrong
//! numbers (R2)      e = weighted mean of the loss       β = e/(1−e)                          w ← w·β^(rate·(1−loss))
//! ```

mod classifier;
mod fitted;
mod regressor;

pub use classifier::AdaBoostClassifier;
pub use fitted::AdaBoost;
pub use regressor::AdaBoostRegressor;

pub(crate) use fitted::KIND;

use prompt_core::{FitContext, Matrix, Params};
use serde_json::json;

use crate::learners::{Entry, boxed};
use crate::tree::bins::{BinOptions, Binned, Bins};
use crate::tree::grow::{Grown, Options};
use crate::tree::nodes::TreeNodes;

/// AdaBoost by name.
pub(crate) const ENTRY: Entry = Entry {
    name: AdaBoostClassifier::NAME,
    classifier: Some(boxed::<AdaBoostClassifier>),
    regressor: Some(boxed::<AdaBoostRegressor>),
    grid: |_| vec![("max_depth", vec![json!(1), json!(3)]), ("learning_rate", vec![json!(0.3), json!(1.0)])],
};

/// A small tree over all columns.
fn options(max_depth: usize, columns: usize) -> Options {
    Options {
        max_depth: Some(max_depth),
        min_samples_split: 2,
        min_samples_leaf: 1,
        max_features: columns,
        max_leaf_nodes: None,
        min_impurity_decrease: 0.0,
        random: false,
        shuffled: false,
        inner: false,
    }
}

/// Columns as codes, for the trees of all rounds.
enum Codes {
    Narrow(Bins, Binned<u8>),
    Wide(Bins, Binned<u16>),
}

impl Codes {
    fn new(x: &Matrix, weights: Option<&[f64]>, max_bins: usize, ctx: &FitContext) -> Self {
        let bins = Bins::fit(x, weights, BinOptions { max_bins, min_weight: 0.0 }, ctx);
        if bins.columns().iter().all(|c| c.bins() <= 255) {
            let codes = bins.apply(x, ctx);
            Self::Narrow(bins, codes)
        } else {
            let codes = bins.apply(x, ctx);
            Self::Wide(bins, codes)
        }
    }
}

/// What the rounds have found so far.
struct Rounds {
    trees: TreeNodes,
    weights: Vec<f64>,
    importances: Vec<f64>,
}

impl Rounds {
    fn new(columns: usize, width: usize) -> Self {
        Self { trees: TreeNodes::new(columns, width), weights: Vec::new(), importances: vec![0.0; columns] }
    }

    /// Takes note of a tree that is already among `trees`, and of its say.
    fn count(&mut self, grown: &Grown, weight: f64) {
        self.weights.push(weight);
        let sum: f64 = grown.gains.iter().map(|g| g.1).sum();
        for (column, gain) in grown.gains.iter().filter(|_| sum > 0.0) {
            self.importances[*column as usize] += weight * gain / sum;
        }
    }

    /// Weighted mean of the trees' importances, made to sum to one.
    fn importances(&mut self) -> Vec<f64> {
        let sum: f64 = self.importances.iter().sum();
        let scale = if sum > 0.0 { 1.0 / sum } else { 1.0 };
        self.importances.iter().map(|v| v * scale).collect()
    }
}

/// `f` of every row in blocks, in order.
fn each_row<R: Send>(x: &Matrix, ctx: &FitContext, f: impl Fn(usize, &mut Vec<f64>) -> R + Sync) -> Vec<R> {
    const BLOCK: usize = 2048;
    let blocks = ctx.map(x.rows().div_ceil(BLOCK), |block| {
        let mut dense = Vec::new();
        let range = block * BLOCK..((block + 1) * BLOCK).min(x.rows());
        range.map(|i| f(i, &mut dense)).collect::<Vec<R>>()
    });
    blocks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
