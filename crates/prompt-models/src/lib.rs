#![doc = include_str!("../README.md")]

pub mod aside;
pub mod baseline;
pub mod bayes;
pub mod boost;
#[cfg(any(feature = "lightgbm", feature = "xgboost"))]
pub mod boosters;
pub mod calibrate;
pub mod card;
pub mod compare;
pub mod config;
pub mod conformal;
pub mod distill;
pub mod ensemble;
pub mod experiment;
pub mod explain;
pub mod forest;
pub mod further;
pub mod hub;
pub mod interop;
pub mod learners;
pub mod linear;
mod measured;
pub mod neighbour;
pub mod neural;
pub mod pipeline;
pub mod platform;
pub mod predictions;
pub mod prelude;
pub mod prepare;
pub mod promise;
pub mod score;
pub mod select;
mod simd;
#[cfg(feature = "smartcore")]
pub mod smartcore;
pub mod svm;
pub mod tabular;
pub mod train;
pub mod tree;
pub mod tune;

pub use prompt_core as core;
pub use prompt_data as data;
#[cfg(feature = "encoder")]
pub use prompt_encoder as encoder;
pub use prompt_features as features;
pub use prompt_metrics as metrics;

pub use measured::Report;
pub use pipeline::LoadedModel;
