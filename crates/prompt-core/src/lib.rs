#![doc = include_str!("../README.md")]

pub mod artifact;
#[cfg(any(test, feature = "checks"))]
pub mod checks;

mod accumulate;
mod chain;
mod context;
mod error;
mod estimator;
mod folder;
mod matrix;
mod model;
mod param;
mod prediction;
mod scorer;
mod scratch;
mod seed;
mod study;
mod table;
mod target;
mod text;
mod time;
mod union;

pub use accumulate::{Accumulate, Moments, accumulate};
pub use artifact::{Artifact, Persist};
pub use chain::{Chain, FittedChain, Then};
pub use context::{CancelToken, Control, Event, FitContext, Observer};
pub use error::{Error, Result};
pub use estimator::{Fit, FitTransform, Predict, Transform};
pub use folder::replace_folder;
pub use matrix::{Csr, CsrBuilder, Dense, Matrix, Names, RowView, SparseRow};
pub use model::{Estimator, Learner, Model, Tags, Task, check_data, check_fitted, predict};
pub use param::{Legal, ParamSpec, Params};
pub use prediction::{Output, Prediction, argmax, softmax};
pub use scorer::{Batch, Head, MappedScorer, Scorer, TextScorer};
pub use scratch::Scratch;
pub use seed::{Rng, Seed};
pub use study::{MemoryStudy, StudyStore};
pub use table::{Column, Role, Table};
pub use target::{ClassWeight, Classes, Target, Values};
pub use text::{
    Featurizer, Subset, TextEstimator, TextLearner, TextMap, Texts, featurize, map, map_texts,
    rows_in_parallel,
};
pub use time::{civil, utc};
pub use union::{FittedUnion, Union};

// `params!` names it.
#[doc(hidden)]
pub use serde_json;
