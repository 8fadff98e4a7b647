//! Sets of classes and intervals of numbers that hold the truth as often as promised.
//!
//! ```text
//! rows the model did not learn from --nonconformity of the truth--> quantile
//! new row --> every class (or number) that is not stranger than the quantile
//! ```
//!
//! Split conformal prediction (Vovk, Gammerman and Shafer, 2005): if calibration rows and new rows are exchangeable, the truth
//! is in the set with probability at least 1 − α, whatever the model. With `per_class` that holds for each class by itself.
//! A row whose set is not one class can be routed to a class of its own choosing: a person, a second model.

mod classifier;
mod quantile;
mod regressor;
mod sets;

pub use classifier::{ConformalClassifier, FittedConformal};
pub use quantile::conformal_quantile;
pub(crate) use quantile::rows_needed;
pub use regressor::{ConformalRegressor, FittedConformalRegressor};
pub use sets::{Coverage, PredictionSets};

use prompt_core::Params;
use prompt_core::artifact::Catalog;

use crate::learners::{Entry, boxed};

/// The conformal learners by name.
pub(crate) const ENTRIES: &[Entry] = &[Entry {
    name: ConformalClassifier::NAME,
    classifier: Some(boxed::<ConformalClassifier>),
    regressor: Some(boxed::<ConformalRegressor>),
    grid: |_| vec![],
}];

/// Teaches a catalog to read fitted conformal models. The models inside are read through the same catalog.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<FittedConformal>(classifier::KIND).model::<FittedConformalRegressor>(regressor::KIND);
}

#[cfg(test)]
mod tests;
