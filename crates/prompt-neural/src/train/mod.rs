//! Training: one loop for every network.

mod files;
mod fleet;
mod history;
mod job;
pub(crate) mod memory;
mod monitor;
mod optimizer;
mod pass;
mod rows;
mod run;
mod scale;
mod schedule;

pub use files::TrainFiles;
pub use history::EpochRecord;

pub(crate) use job::{Job, Task, TrainOptions};
pub(crate) use monitor::Monitor;
pub(crate) use rows::{hold_out, judging};
pub(crate) use run::train;
pub(crate) use schedule::Schedule;

#[cfg(test)]
mod tests;
