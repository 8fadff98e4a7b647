//! The learners: they keep the rows.

use prompt_core::{FitContext, Learner, Legal, Matrix, Output, Result, Tags, Target, params};
use serde::{Deserialize, Serialize};

use super::Metric;
use super::model::{Answers, KnnModel};
use crate::linear::one_value;

/// How much each neighbour counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NeighbourWeights {
    /// All alike.
    Uniform,
    /// One over the distance; rows at distance zero leave the others out.
    Distance,
}

params! {
    /// The classes of the nearest rows, as scikit-learn's `KNeighborsClassifier`.
    ///
    /// The probability of a class is the share of the `n_neighbors` nearest rows that have it. Of rows at the same
    /// distance the earlier are nearer. With fewer rows than neighbours all rows are asked,
    /// and the model's notes say so. Sample weights are refused.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::neighbour::KnnClassifier;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0], [9.0]]));
    /// let y = Target::labels(["low", "low", "high", "high"]);
    /// let model = KnnClassifier::default().n_neighbors(3).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().row(0), [1.0 / 3.0, 2.0 / 3.0]); // classes: high, low
    /// ```
    pub struct KnnClassifier named "knn" {
        /// How many rows are asked.
        n_neighbors: usize = 5, Legal::at_least(1);
        /// How much each counts: `uniform` or `distance`.
        weights: NeighbourWeights = NeighbourWeights::Uniform, Legal::OneOf(&["uniform", "distance"]);
        /// What near means: `euclidean`, `manhattan` or `cosine`.
        metric: Metric = Metric::Euclidean, Legal::OneOf(&["euclidean", "manhattan", "cosine"]);
    }
}

params! {
    /// The mean of the nearest rows' numbers, as scikit-learn's `KNeighborsRegressor`; see [`KnnClassifier`].
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::neighbour::KnnRegressor;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [5.0]]));
    /// let y = Target::regression(vec![1.0, 3.0, 10.0]).unwrap();
    /// let model = KnnRegressor::default().n_neighbors(2).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(model.predict(&x).unwrap().values().unwrap(), [2.0, 2.0, 6.5]);
    /// ```
    pub struct KnnRegressor named "knn" {
        /// How many rows are asked.
        n_neighbors: usize = 5, Legal::at_least(1);
        /// How much each counts: `uniform` or `distance`.
        weights: NeighbourWeights = NeighbourWeights::Uniform, Legal::OneOf(&["uniform", "distance"]);
        /// What near means: `euclidean`, `manhattan` or `cosine`.
        metric: Metric = Metric::Euclidean, Legal::OneOf(&["euclidean", "manhattan", "cosine"]);
    }
}

impl Learner for KnnClassifier {
    type Fitted = KnnModel;

    const TAGS: Tags = Tags { one_class: true, min_rows: 1, weights: false, ..Tags::CLASSIFIER };

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<KnnModel> {
        let (codes, classes) = y.as_classes()?;
        let answers = Answers::Codes(codes.to_vec());
        let output = Output::Classes(classes.clone());
        Ok(KnnModel::new(output, x.clone(), answers, self.n_neighbors, self.weights, self.metric))
    }
}

impl Learner for KnnRegressor {
    type Fitted = KnnModel;

    const TAGS: Tags = Tags { min_rows: 1, weights: false, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<KnnModel> {
        let answers = Answers::Values(y.as_regression()?.to_vec());
        Ok(KnnModel::new(one_value(), x.clone(), answers, self.n_neighbors, self.weights, self.metric))
    }
}
