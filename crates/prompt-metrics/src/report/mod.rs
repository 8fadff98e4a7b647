//! All numbers of a model in one struct: JSON with scikit-learn's names, and a table for the terminal.

mod classification;
mod classified;
mod files;
mod page;
mod regression;
mod rows;

pub use classification::{ClassReport, ClassificationReport, ProbabilityScores};
pub use classified::classification_files;
pub use files::{File, PredictedNumbers, Predictions, regression_files};
pub use page::{PAGE_SCRIPT, PAGE_STYLE};
pub use regression::RegressionReport;
pub use rows::{HIGH_CONFIDENCE, LARGE_ERROR, LOW_CONFIDENCE, LiveExample, live_text};

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
