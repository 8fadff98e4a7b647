//! Learners against other libraries and against their definitions, from the fixtures under `tests/reference`.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know as such")]

mod boost_options;
mod ensembles;
mod fixture;
mod kernels;
mod learners;
mod linear;
mod sgd;
mod trees;
