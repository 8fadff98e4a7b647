#![doc = include_str!("../README.md")]

mod asynchronous;
mod blocking;
mod change;
mod clock;
mod folder;
mod id;
mod location;
mod log;
mod sql;
mod stage;
mod store;
mod study;
mod version;

pub use asynchronous::AsyncRegistry;
pub use blocking::Registry;
pub use clock::{Clock, ManualClock, SystemClock};
pub use id::{ModelName, ModelRef, Pick};
pub use location::Location;
pub use log::{Action, ChangeNote, LogEntry};
pub use sql::SCHEMA_VERSION;
pub use stage::Stage;
pub use store::Swept;
pub use study::RegistryStudy;
pub use version::{Filter, RegisterInfo, Version};
