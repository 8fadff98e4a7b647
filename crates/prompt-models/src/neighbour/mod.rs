//! Nearest neighbours: a row is what the most similar rows of the training data are.
//!
//! Nothing is learned but the rows themselves, so a fit is quick, a model is as large as its data, and a prediction
//! looks at all of it.

mod distance;
mod knn;
mod model;
mod panels;

pub use distance::Metric;
pub use knn::{KnnClassifier, KnnRegressor, NeighbourWeights};
pub use model::KnnModel;
pub(crate) use model::{rows_from, rows_to};

use prompt_core::Params;
use prompt_core::artifact::Catalog;
use serde_json::json;

use crate::learners::{Entry, boxed};

/// Nearest neighbours by name.
pub(crate) const ENTRIES: &[Entry] = &[Entry {
    name: KnnClassifier::NAME,
    classifier: Some(boxed::<KnnClassifier>),
    regressor: Some(boxed::<KnnRegressor>),
    grid: |_| {
        vec![
            ("n_neighbors", vec![json!(5), json!(15), json!(45)]),
            ("weights", vec![json!("uniform"), json!("distance")]),
        ]
    },
}];

/// Teaches a catalog to read a fitted model of neighbours.
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<KnnModel>(model::KIND);
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
        knn: KnnClassifier::default();
        knn_cosine: KnnClassifier::default().metric(Metric::Cosine).weights(NeighbourWeights::Distance);
        knn_regressor: KnnRegressor::default();
        knn_regressor_manhattan: KnnRegressor::default().metric(Metric::Manhattan).n_neighbors(3);
    }
}
