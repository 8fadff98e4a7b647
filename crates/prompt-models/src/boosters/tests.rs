//! The libraries sit the examination of every learner here, and what they save opens without them.

#[cfg(feature = "lightgbm")]
use super::{LightgbmClassifier, LightgbmRegressor};
#[cfg(feature = "xgboost")]
use super::{XgboostClassifier, XgboostRegressor};
use crate::interop;

fn catalog() -> prompt_core::artifact::Catalog {
    let mut catalog = prompt_core::artifact::Catalog::new();
    interop::register(&mut catalog);
    catalog
}

mod tables;

#[cfg(feature = "xgboost")]
mod xgboost_examination {
    use super::*;

    prompt_core::estimator_checks! {
        catalog: catalog();
        xgboost_classifier: XgboostClassifier::default().n_estimators(20);
        xgboost_regressor: XgboostRegressor::default().n_estimators(20);
    }
}

#[cfg(feature = "lightgbm")]
mod lightgbm_examination {
    use super::*;

    prompt_core::estimator_checks! {
        catalog: catalog();
        lightgbm_classifier: LightgbmClassifier::default().n_estimators(20).min_child_samples(5);
        lightgbm_regressor: LightgbmRegressor::default().n_estimators(20).min_child_samples(5);
    }
}
