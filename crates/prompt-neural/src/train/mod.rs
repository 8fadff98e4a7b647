//! Training: one loop for every network.

mod files;
mod fleet;
mod history;
pub(crate) mod memory;
mod monitor;
mod optimizer;
mod run;
mod schedule;

pub use files::TrainFiles;
pub use history::EpochRecord;

pub(crate) use monitor::Monitor;
pub(crate) use run::{Job, Task, TrainOptions, hold_out, judging, train};
pub(crate) use schedule::Schedule;

#[cfg(test)]
mod tests;
