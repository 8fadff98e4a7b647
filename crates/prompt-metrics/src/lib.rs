#![doc = include_str!("../README.md")]

mod agreement;
mod check;
mod counter;
mod history;
mod multilabel;
mod sort;
mod stats;

pub mod classify;
pub mod decide;
pub mod fairness;
pub mod insight;
pub mod interval;
pub mod plot;
pub mod probability;
pub mod ranking;
pub mod regress;
pub mod report;
pub mod security;
pub mod significance;
pub mod threshold;

/// What the signatures of this crate speak of, so that it works without another dependency.
pub use prompt_core::{Dense, Error, FitContext, Result};

pub use agreement::{KappaWeights, Measurement, krippendorff_alpha};
pub use classify::{Average, Averages, ClassScores, Confusion};
pub use counter::ConfusionCounter;
pub use history::{Best, Epoch, Family, History};
pub use interval::{
    Bootstrap, BootstrapInterval, BootstrapMethod, Design, Interval, McNemar, PairedDifference,
    clopper_pearson, clopper_pearson_upper, mcnemar_exact, wilson,
};
pub use multilabel::{LabelCounts, MultiLabel};
pub use probability::{Bins, CalibrationBin, PrPoint, RocPoint};
pub use report::{ClassificationReport, RegressionReport};
pub use security::{SecurityClasses, SecurityScore};
pub use threshold::{OperatingPoint, TprAtFpr};
