//! How sure a number is: exact intervals of proportions, bootstrap intervals of anything, tests of two models.

mod bca;
mod binomial;
mod bootstrap;
mod cells;
mod design;
mod paired;
mod proportion;
mod resample;

pub use bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod, PairedDifference};
pub use design::Design;
pub use paired::{McNemar, mcnemar_exact};
pub use proportion::{clopper_pearson, clopper_pearson_upper, wilson};

use serde::{Deserialize, Serialize};

/// A number with the range it is believed to lie in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The number measured on the data as they are.
    pub estimate: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Confidence of the interval, e.g. 0.95.
    pub level: f64,
}
