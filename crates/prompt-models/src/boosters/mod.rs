//! The real XGBoost and LightGBM as learners, behind the features of their names.
//!
//! They train in C++; what comes out is the library's own file, kept in a [`LibraryModel`] and read by the pure reader of
//! [`interop`](crate::interop). So a saved model opens and predicts in any build.
//!
//! ```text
//! dense rows, weights --library--> its file --interop--> LibraryModel
//! ```
//!
//! Numbers are missing where they are NaN. Class weights multiply the row weights, as everywhere here.

#[cfg(feature = "lightgbm")]
mod lightgbm;
#[cfg(feature = "xgboost")]
mod xgboost;

#[cfg(feature = "lightgbm")]
pub use lightgbm::{LightgbmClassifier, LightgbmRegressor};
#[cfg(feature = "xgboost")]
pub use xgboost::{XgboostClassifier, XgboostRegressor};

use prompt_core::{ClassWeight, Control, Error, Event, FitContext, Matrix, Result, Tags, Target};

use crate::learners::Entry;
use crate::linear::Problem;

/// The libraries of this build by name.
pub(crate) const ENTRIES: &[Entry] = &[
    #[cfg(feature = "xgboost")]
    xgboost::ENTRY,
    #[cfg(feature = "lightgbm")]
    lightgbm::ENTRY,
];

/// What both take.
const CLASSIFIER: Tags = Tags { missing: true, sparse: false, scale_free: true, ..Tags::CLASSIFIER };
const REGRESSOR: Tags = Tags { missing: true, sparse: false, scale_free: true, ..Tags::REGRESSOR };

/// What is to be learned, as the libraries take it; rows of weight zero are left out.
struct Rows<N> {
    x: Vec<N>,
    columns: usize,
    y: Vec<f32>,
    weights: Option<Vec<f32>>,
    /// Number of classes that are there; 0 for numbers.
    classes: usize,
}

impl<N: Copy + Default> Rows<N> {
    fn of_classes(
        who: &str,
        x: &Matrix,
        y: &Target,
        weight: &ClassWeight,
        cast: fn(f64) -> N,
    ) -> Result<(Self, Problem)> {
        let problem = Problem::new(who, y, weight, 2)?;
        let y: Vec<f64> = problem.codes.iter().map(|&c| f64::from(c)).collect();
        let rows = Self::new(x, &y, problem.weights.as_deref(), problem.present.len(), cast)?;
        Ok((rows, problem))
    }

    fn of_numbers(x: &Matrix, y: &Target, cast: fn(f64) -> N) -> Result<Self> {
        Self::new(x, y.as_regression()?, y.weights(), 0, cast)
    }

    fn new(
        x: &Matrix,
        y: &[f64],
        weights: Option<&[f64]>,
        classes: usize,
        cast: fn(f64) -> N,
    ) -> Result<Self> {
        let counts = |&row: &usize| weights.is_none_or(|w| w[row] > 0.0);
        let rows: Vec<usize> = (0..x.rows()).filter(counts).collect();
        if rows.is_empty() {
            return Err(Error::input("no row has a positive weight", "give some row one"));
        }
        let mut cells = vec![N::default(); rows.len() * x.cols()];
        for (cells, &row) in cells.chunks_exact_mut(x.cols()).zip(&rows) {
            x.row(row).for_each(|j, v| cells[j] = cast(v));
        }
        Ok(Self {
            x: cells,
            columns: x.cols(),
            y: rows.iter().map(|&row| y[row] as f32).collect(),
            weights: weights.map(|w| rows.iter().map(|&row| w[row] as f32).collect()),
            classes,
        })
    }

    /// The weighted mean of the targets.
    #[cfg(feature = "xgboost")]
    fn mean(&self) -> f64 {
        let weight = |i: usize| self.weights.as_ref().map_or(1.0, |w| f64::from(w[i]));
        let total: f64 = (0..self.y.len()).map(weight).sum();
        self.y.iter().enumerate().map(|(i, y)| weight(i) * f64::from(*y)).sum::<f64>() / total
    }
}

/// Reports a round; whether to go on.
fn goes_on(ctx: &FitContext, stage: &str, round: usize, rounds: usize) -> Result<bool> {
    let event = Event { stage, step: round, total: Some(rounds), values: &[] };
    Ok(ctx.report(&event)? == Control::Continue)
}

/// What the library said against a fit.
fn refused(library: &str, what: impl std::fmt::Display) -> Error {
    Error::input(format!("{library}: {what}"), "the message is the library's own; check data and parameters")
}

#[cfg(test)]
mod tests;
