//! Several models as one: votes, stacks, bags, and a model with calibrated probabilities.
//!
//! ```text
//! voting      every member sees all rows; the mean of their answers, or a show of hands
//! stacking    members' out-of-fold answers are the columns that a final learner learns from
//! bagging     one learner, fitted again and again on rows drawn with replacement
//! calibrated  one learner; what its probabilities come to is learned on rows it did not see
//! ```
//!
//! Members are named in a configuration as models are: `{ type = "linear_svm", params = { c = 0.5 } }`. An ensemble may be
//! a member of another.

mod bagging;
mod calibrated;
mod calibrator;
mod columns;
mod folds;
mod member;
mod stacking;
mod voting;

pub use bagging::{BaggingClassifier, BaggingRegressor, FittedBagging};
pub use calibrated::{CalibratedClassifier, FittedCalibrated};
pub use calibrator::Calibrator;
pub use member::Member;
pub use stacking::{FittedStacking, StackingClassifier, StackingRegressor};
pub use voting::{FittedVoting, VotingClassifier, VotingRegressor};

pub(crate) use folds::{counted, stratified_part};
pub(crate) use member::common_tags;

use prompt_core::Params;
use prompt_core::artifact::Catalog;

use crate::learners::{Entry, boxed};

/// The ensembles by name.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: VotingClassifier::NAME,
        classifier: Some(boxed::<VotingClassifier>),
        regressor: Some(boxed::<VotingRegressor>),
        grid: |_| vec![],
    },
    Entry {
        name: StackingClassifier::NAME,
        classifier: Some(boxed::<StackingClassifier>),
        regressor: Some(boxed::<StackingRegressor>),
        grid: |_| vec![],
    },
    Entry {
        name: BaggingClassifier::NAME,
        classifier: Some(boxed::<BaggingClassifier>),
        regressor: Some(boxed::<BaggingRegressor>),
        grid: |_| vec![],
    },
    Entry {
        name: CalibratedClassifier::NAME,
        classifier: Some(boxed::<CalibratedClassifier>),
        regressor: None,
        grid: |_| vec![],
    },
];

/// Teaches a catalog to read every fitted ensemble. Its members are read through the same catalog.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog
        .model::<FittedVoting>(voting::KIND)
        .model::<FittedStacking>(stacking::KIND)
        .model::<FittedBagging>(bagging::KIND)
        .model::<FittedCalibrated>(calibrated::KIND);
}

#[cfg(test)]
mod tests;
