//! The registry as its users see it.

// Clippy's own exception is for test functions; this covers what they call.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test builds, it unwraps as the test does"
)]

mod bad_input;
mod common;
#[cfg(feature = "postgres")]
mod postgres;
mod register;
mod stages;
mod studies;
mod together;
