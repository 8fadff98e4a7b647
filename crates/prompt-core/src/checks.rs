//! The examination that every estimator sits.
