//! Many trees that vote: random forests and extremely randomised trees.
//!
//! ```text
//! codes (once) ──┬─ tree 0: rows drawn, columns drawn ──┐
//!                ├─ tree 1                              ├─ mean of the leaves, and their spread
//!                └─ …                                   ┘
//! ```
//!
//! A tree depends on the seed and its number alone, so trees grow on any number of threads.

mod classifier;
mod family;
mod features;
mod fitted;
mod plan;
mod regressor;

pub use classifier::{ExtraTreesClassifier, RandomForestClassifier};
pub use features::MaxFeatures;
pub use fitted::Forest;
pub use regressor::{ExtraTreesRegressor, RandomForestRegressor};

pub(crate) use family::predictions;
pub(crate) use plan::{Aim, Plan};

use prompt_core::artifact::Catalog;
use prompt_core::{Params, Task};
use serde_json::json;

use crate::learners::{Entry, Grid, boxed};
use crate::tree::{DecisionTreeClassifier, DecisionTreeRegressor};

/// One tree and forests by name.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: DecisionTreeClassifier::NAME,
        classifier: Some(boxed::<DecisionTreeClassifier>),
        regressor: Some(boxed::<DecisionTreeRegressor>),
        grid: |_| {
            vec![
                ("max_depth", vec![json!(4), json!(8), json!(16)]),
                ("min_samples_leaf", vec![json!(1), json!(8)]),
            ]
        },
    },
    Entry {
        name: RandomForestClassifier::NAME,
        classifier: Some(boxed::<RandomForestClassifier>),
        regressor: Some(boxed::<RandomForestRegressor>),
        grid: forest_grid,
    },
    Entry {
        name: ExtraTreesClassifier::NAME,
        classifier: Some(boxed::<ExtraTreesClassifier>),
        regressor: Some(boxed::<ExtraTreesRegressor>),
        grid: forest_grid,
    },
];

fn forest_grid(_: Task) -> Grid {
    vec![("max_features", vec![json!("sqrt"), json!(0.33)]), ("min_samples_leaf", vec![json!(1), json!(3)])]
}

/// Teaches a catalog to read trees and forests.
pub(crate) fn register(catalog: &mut Catalog) {
    for kind in fitted::KINDS {
        catalog.model::<Forest>(kind);
    }
}

#[cfg(test)]
mod tests;
