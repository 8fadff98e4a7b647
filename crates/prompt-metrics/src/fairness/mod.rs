//! Whether a model serves everybody alike, and where it fails most.
//!
//! [`by_group`] measures anything for each group, [`parity`] compares decisions, [`worst_slices`] looks for the parts of the
//! data that nobody thought of, and pays for the many looks.

mod groups;
mod parity;
mod slices;

pub use groups::{GroupReport, GroupScore, Groups, by_group};
pub use parity::{GroupRates, Parity, parity};
pub use slices::{Slice, SliceColumn, SliceReport, SliceSearch, length_bins, worst_slices};

/// Largest less smallest, and smallest over largest (`None` where the largest is not above 0).
fn spread(values: impl Iterator<Item = f64>) -> Option<(f64, Option<f64>)> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    (low <= high).then(|| (high - low, (high > 0.0).then(|| low / high)))
}
