//! What most programs need: `use prompt_models::prelude::*;`.

pub use prompt_core::{
    Batch, ClassWeight, Classes, Error, Estimator, Featurizer, Fit, FitContext, FitTransform, Model, Params,
    Predict, Prediction, Result, Scorer, Scratch, Seed, Target, TextMap, Texts, Then, Transform, Union,
};
pub use prompt_data::sanitise::Sanitiser;
pub use prompt_data::{Dataset, Example, Fields, Split};
pub use prompt_features::{Analyzer, CountVectorizer, HashingVectorizer, Surface, Tfidf};

pub use crate::baseline::{Majority, Mean, Stratified};
pub use crate::bayes::{BernoulliNb, ComplementNb, GaussianNb, MultinomialNb};
pub use crate::boost::{
    AdaBoostClassifier, AdaBoostRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
    HistGradientBoostingClassifier, HistGradientBoostingRegressor,
};
pub use crate::forest::{
    ExtraTreesClassifier, ExtraTreesRegressor, Forest, MaxFeatures, RandomForestClassifier,
    RandomForestRegressor,
};
pub use crate::linear::{
    ElasticNet, Lasso, LinearRegression, LinearSvm, LinearSvr, LogisticRegression, Ridge, RidgeClassifier,
    SgdClassifier, SgdRegressor,
};
pub use crate::neighbour::{KnnClassifier, KnnRegressor};
pub use crate::pipeline::LoadedModel;
pub use crate::svm::{Svc, Svr};
pub use crate::tree::{DecisionTreeClassifier, DecisionTreeRegressor};
