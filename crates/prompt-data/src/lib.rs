#![doc = include_str!("../README.md")]

pub mod blind;
pub mod dedup;
pub mod read;
pub mod sanitise;
pub mod split;
pub mod summary;
pub mod synth;
pub mod table;
pub mod validate;
pub mod write;

mod balance;
mod clean;
mod dataset;
mod example;
mod fields;
mod format;

pub use balance::{Balance, balance, score_bands};
pub use clean::{CleanReport, Cleaner, Reason, Removed};
pub use dataset::{Dataset, Origin};
pub use example::{Example, Extra, Split};
pub use fields::{FieldNames, Fields};
pub use format::Format;
