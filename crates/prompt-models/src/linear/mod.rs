//! Linear classifiers: one weight for every feature and class.
//!
//! ```text
//! margin of class c:  z_c = b_c + Σ_j x_j·w_jc          link:  z → probabilities
//! ```
//!
//! [`LogisticRegression`] and [`LinearSvm`] differ in the loss that finds the weights; the naive Bayes models of
//! [`bayes`](crate::bayes) are linear too. All of them become a [`LinearClassifier`].

mod classifier;
mod design;
mod dual;
mod lbfgs;
mod logistic;
mod problem;
mod softmax_loss;
mod svm;

pub use classifier::{LinearClassifier, Link, Summary};
pub use logistic::LogisticRegression;
pub use svm::{Calibration, LinearSvm, Loss};

use classifier::KINDS;
pub(crate) use classifier::sigmoid;
pub(crate) use problem::Problem;

use prompt_core::artifact::Catalog;
use prompt_core::{Params, Task};
use serde_json::json;

use crate::learners::{Entry, Grid, boxed};

/// The linear models by name.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: LogisticRegression::NAME,
        classifier: Some(boxed::<LogisticRegression>),
        regressor: None,
        grid: |_| vec![("c", vec![json!(1.0), json!(4.0), json!(16.0), json!(64.0)])],
    },
    Entry { name: LinearSvm::NAME, classifier: Some(boxed::<LinearSvm>), regressor: None, grid: svm_grid },
];

fn svm_grid(_: Task) -> Grid {
    vec![("c", vec![json!(0.25), json!(0.5), json!(1.0), json!(2.0)])]
}

/// Teaches a catalog to read every fitted linear model.
pub(crate) fn register(catalog: &mut Catalog) {
    for kind in KINDS {
        catalog.model::<LinearClassifier>(kind);
    }
}

#[cfg(test)]
mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        register(&mut catalog);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        logistic_regression: LogisticRegression::default();
        logistic_regression_plain: LogisticRegression::default().fit_intercept(false).c(10.0);
        linear_svm: LinearSvm::default();
        linear_svm_hinge: LinearSvm::default().loss(Loss::Hinge).calibration(Calibration::Platt);
    }
}
