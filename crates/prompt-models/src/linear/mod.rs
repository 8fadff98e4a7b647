//! Linear models: one weight for every feature, and for classes one for every feature and class.
//!
//! ```text
//! margin of class c:  z_c = b_c + Σ_j x_j·w_jc          link:  z → probabilities
//! number:             ŷ = b + Σ_j x_j·w_j
//! ```
//!
//! [`LogisticRegression`], [`LinearSvm`] and [`RidgeClassifier`] differ in the loss that finds the weights; the naive
//! Bayes models of [`bayes`](crate::bayes) are linear too. All of them become a [`LinearClassifier`].
//! [`LinearRegression`], [`Ridge`], [`Lasso`], [`ElasticNet`] and [`LinearSvr`] become a [`LinearRegressor`].
//! [`SgdClassifier`] and [`SgdRegressor`] learn from rows that stream; their models hold one of these.

mod cholesky;
mod classifier;
mod coordinate;
mod design;
mod dual;
mod elastic_net;
mod held_out;
mod lbfgs;
mod least_squares;
mod logistic;
mod moments;
mod owlqn;
mod problem;
mod regressor;
mod ridge;
mod sgd;
mod softmax_loss;
mod svm;
mod svr;

pub use classifier::{LinearClassifier, Link, Summary};
pub use elastic_net::{ElasticNet, Lasso};
pub use logistic::{LogisticRegression, Penalty};
pub use regressor::LinearRegressor;
pub use ridge::{LinearRegression, Ridge, RidgeClassifier};
pub use sgd::{LearningRate, SgdClassifier, SgdLoss, SgdModel, SgdRegressor};
pub use svm::{Calibration, LinearSvm, Loss};
pub use svr::{LinearSvr, RegressionLoss};

use classifier::KINDS;
pub(crate) use classifier::sigmoid;
pub(crate) use held_out::{HeldOut, machines};
pub(crate) use problem::Problem;
pub(crate) use regressor::one_value;

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
    Entry {
        name: LinearSvm::NAME,
        classifier: Some(boxed::<LinearSvm>),
        regressor: Some(boxed::<LinearSvr>),
        grid: svm_grid,
    },
    Entry {
        name: Ridge::NAME,
        classifier: Some(boxed::<RidgeClassifier>),
        regressor: Some(boxed::<Ridge>),
        grid: |_| vec![("alpha", vec![json!(0.1), json!(1.0), json!(10.0), json!(100.0)])],
    },
    Entry {
        name: LinearRegression::NAME,
        classifier: None,
        regressor: Some(boxed::<LinearRegression>),
        grid: |_| vec![],
    },
    Entry {
        name: Lasso::NAME,
        classifier: None,
        regressor: Some(boxed::<Lasso>),
        grid: |_| vec![("alpha", vec![json!(0.001), json!(0.01), json!(0.1), json!(1.0)])],
    },
    Entry {
        name: ElasticNet::NAME,
        classifier: None,
        regressor: Some(boxed::<ElasticNet>),
        grid: |_| {
            vec![
                ("alpha", vec![json!(0.001), json!(0.01), json!(0.1)]),
                ("l1_ratio", vec![json!(0.2), json!(0.8)]),
            ]
        },
    },
    Entry {
        name: SgdClassifier::NAME,
        classifier: Some(boxed::<SgdClassifier>),
        regressor: Some(boxed::<SgdRegressor>),
        grid: |_| {
            vec![
                ("alpha", vec![json!(1e-5), json!(1e-4), json!(1e-3)]),
                ("penalty", vec![json!("l2"), json!("elasticnet")]),
            ]
        },
    },
];

fn svm_grid(_: Task) -> Grid {
    vec![("c", vec![json!(0.25), json!(0.5), json!(1.0), json!(2.0)])]
}

/// Teaches a catalog to read every fitted linear model.
pub(crate) fn register(catalog: &mut Catalog) {
    for kind in KINDS {
        catalog.model::<LinearClassifier>(kind);
    }
    catalog.model::<LinearRegressor>(regressor::KIND);
    sgd::register(catalog);
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
        logistic_regression_l1: LogisticRegression::default().penalty(Penalty::L1).max_iter(50);
        linear_svm: LinearSvm::default();
        linear_svm_hinge: LinearSvm::default().loss(Loss::Hinge).calibration(Calibration::Platt);
        ridge: Ridge::default();
        ridge_classifier: RidgeClassifier::default();
        linear_regression: LinearRegression::default();
        lasso: Lasso::default().alpha(0.01);
        elastic_net: ElasticNet::default().alpha(0.01);
        linear_svr: LinearSvr::default();
        sgd_classifier: SgdClassifier::default();
        sgd_classifier_log_loss: SgdClassifier::default().loss(SgdLoss::LogLoss).early_stopping(true);
        sgd_classifier_averaged: SgdClassifier::default().average(10).penalty(Penalty::ElasticNet);
        sgd_regressor: SgdRegressor::default(),
            except a_constant_target_is_predicted because "its steps stop early on columns that are not scaled";
        sgd_regressor_early: SgdRegressor::default().early_stopping(true).learning_rate(LearningRate::Adaptive);
        linear_svr_squared: LinearSvr::default().loss(RegressionLoss::SquaredEpsilonInsensitive).epsilon(0.1);
    }
}
