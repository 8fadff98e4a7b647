//! Choosing: cross-validated scores of many parameter points on features that are made once for each fold.
//!
//! ```text
//! fold 1 ─ features fitted on its training rows ─┬─ point 1: fit, score ┐
//!                                                ├─ point 2: fit, score ┼─ mean, deviation, out-of-fold predictions
//! fold 2 ─ …                                     └─ …                   ┘
//! ```
//!
//! What learns, learns inside the fold: nothing of a fold's held-out rows reaches its features or its model. Points run
//! beside each other, each on one thread; with a single point the learner has all threads.

mod folds;
mod grid;
mod influence;
mod metric;
mod prune;
mod ranges;
mod sampler;
mod search;
mod space;
mod study;
mod tune;

pub use folds::{FoldFeatures, FoldStore};
pub(crate) use grid::apply;
pub use grid::{GridSearch, Params, SearchResult, expand};
pub use influence::parameter_importance;
pub use metric::Metric;
pub use prune::MedianPruner;
pub use ranges::builtin_space;
pub use sampler::{Sampler, Tpe};
pub use search::{PointScores, Rebalance, Search};
pub(crate) use search::{best, rebalanced};
pub use space::{Dimension, Domain, Space, When};
pub(crate) use study::Judge;
pub use study::{JsonlStudy, Objective, Plan, Running, State, Study, Trial};
pub(crate) use tune::check_names;
pub use tune::{FoldSource, MadeFolds, Method, Range, Tune, Tuned, tune};
