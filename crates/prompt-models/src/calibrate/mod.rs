//! From margins to probabilities: one number for all classes (temperature), a line for each class (Platt), or any
//! rising function (isotonic).
//!
//! Each is fitted on margins of rows that the model did not learn from.

mod isotonic;
mod platt;
mod temperature;

pub use isotonic::Isotonic;
pub use platt::fit_platt;
pub use temperature::fit_temperature;

/// Margins of held-out rows with the classes that were right.
///
/// `k` margins a row, row after row; with `k = 1` two classes share one margin, that of the second.
#[derive(Debug, Clone, Copy)]
pub struct Margins<'a> {
    /// n × k margins.
    pub z: &'a [f64],
    /// Margins a row.
    pub k: usize,
    /// n class positions below `max(k, 2)`.
    pub codes: &'a [u32],
    /// n row weights, where rows count differently.
    pub weights: Option<&'a [f64]>,
}

impl Margins<'_> {
    /// Margins, class and weight of each row.
    fn rows(&self) -> impl Iterator<Item = (&[f64], usize, f64)> {
        self.z
            .chunks_exact(self.k.max(1))
            .zip(self.codes)
            .enumerate()
            .map(|(i, (z, &c))| (z, c as usize, self.weights.map_or(1.0, |w| w[i])))
    }
}
