//! Learners against other libraries and against their definitions, from the fixtures under `tests/reference`.
#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it inside `#[test]` alone; the helpers beside them unwrap what the committed fixtures hold"
)]

mod boost_options;
mod ensembles;
mod fixture;
mod kernels;
mod learners;
mod linear;
mod sgd;
mod trees;
