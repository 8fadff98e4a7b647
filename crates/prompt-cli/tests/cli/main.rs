//! The program as a user types it; each file runs it in folders of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

mod advice;
mod bad_input;
mod commands;
mod common;
mod distill;
mod evaluation;
#[cfg(feature = "hub")]
mod hub;
mod neural;
mod outputs;
mod prepare;
mod run_folder;
mod streams;
mod tables;
mod threshold;
mod tune_explain;
