//! Safe calls to C libraries of boosted trees.
//!
//! Everything else in the workspace forbids unsafe code; what cannot do without it is here, behind features, and each
//! block says why it is sound.

#[cfg(feature = "lightgbm")]
pub mod lightgbm;

/// XGBoost, whose own crate wraps its C interface. Here, so that one build script tells the linker where the library is.
#[cfg(feature = "xgboost")]
pub use xgb;
