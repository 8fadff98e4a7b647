//! All numbers of a model in one struct: JSON with scikit-learn's names, and a table for the terminal.

mod classification;
mod files;
mod page;
mod regression;

pub use classification::{ClassReport, ClassificationReport, ProbabilityScores};
pub use files::{File, Predictions, classification_files, regression_files};
pub use regression::RegressionReport;

/// What could not be computed, and why, instead of a number that means nothing.
fn or_note<T>(name: &str, value: prompt_core::Result<T>, notes: &mut Vec<String>) -> Option<T> {
    value.map_err(|error| notes.push(format!("{name}: {error}"))).ok()
}

/// Right-aligned number with four decimals; a dash where there is none.
fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"))
}

/// Characters that a name takes on a terminal, as near as one gets without tables of widths.
fn width(text: &str) -> usize {
    text.chars().count()
}
