//! Boosted trees: each tree answers what the trees before it have left.
//!
//! ```text
//! margins z ← start;  each round:  g, h ← first and second derivative of the loss at z
//!                                  tree ← splits of largest gain, leaves −Σg / (Σh + λ)
//!                                  z ← z + rate · tree
//! ```
//!
//! [`HistGradientBoostingClassifier`] and its regressor work on columns cut into bins, as LightGBM does;
//! [`GradientBoostingClassifier`] and its regressor are scikit-learn's classic ones: shallow trees by least squares.
//! [`AdaBoostClassifier`] and its regressor give weight to the rows that the trees before got wrong.

mod ada;
mod blocks;
mod category;
mod classic;
mod columns;
mod fit;
mod fitted;
mod grow;
mod hist;
mod histogram;
mod loss;
mod sample;
mod split;

pub use ada::{AdaBoost, AdaBoostClassifier, AdaBoostRegressor};
pub use classic::{GradientBoostingClassifier, GradientBoostingRegressor};
pub use fitted::BoostedTrees;
pub use hist::{HistGradientBoostingClassifier, HistGradientBoostingRegressor};

use prompt_core::Params;
use prompt_core::artifact::Catalog;
use serde_json::json;

use crate::learners::{Entry, boxed};

/// The boosted trees by name.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: HistGradientBoostingClassifier::NAME,
        classifier: Some(boxed::<HistGradientBoostingClassifier>),
        regressor: Some(boxed::<HistGradientBoostingRegressor>),
        grid: |_| {
            vec![
                ("learning_rate", vec![json!(0.05), json!(0.1)]),
                ("max_leaf_nodes", vec![json!(15), json!(31)]),
            ]
        },
    },
    Entry {
        name: GradientBoostingClassifier::NAME,
        classifier: Some(boxed::<GradientBoostingClassifier>),
        regressor: Some(boxed::<GradientBoostingRegressor>),
        grid: |_| {
            vec![("learning_rate", vec![json!(0.05), json!(0.1)]), ("max_depth", vec![json!(2), json!(3)])]
        },
    },
    ada::ENTRY,
];

/// Teaches a catalog to read a fitted ensemble.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<BoostedTrees>(fitted::KIND);
    catalog.model::<AdaBoost>(ada::KIND);
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
