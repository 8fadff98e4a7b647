//! What comes out of a fitted model.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::matrix::Dense;
use crate::target::Classes;

/// What the columns of a prediction mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Output {
    /// A probability for each class; each row sums to one.
    Classes(Classes),
    /// A number for each of these outputs.
    Values(Vec<String>),
}

impl Output {
    /// Number of columns.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Values(names) => names.len(),
        }
    }

    /// The classes, for a classifier.
    pub fn classes(&self) -> Option<&Classes> {
        match self {
            Self::Classes(classes) => Some(classes),
            Self::Values(_) => None,
        }
    }
}

/// Predictions for many rows: class probabilities, or values.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    output: Output,
    scores: Dense,
}

impl Prediction {
    /// Scores of shape rows × [`Output::width`].
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns do not fit the output.
    pub fn new(output: Output, scores: Dense) -> Result<Self> {
        if scores.cols() != output.width() {
            return Err(Error::shape("columns of a prediction", output.width(), scores.cols()));
        }
        Ok(Self { output, scores })
    }

    /// What the columns mean.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.scores.rows()
    }

    /// All numbers: class probabilities or values.
    pub fn scores(&self) -> &Dense {
        &self.scores
    }

    /// The probabilities of one row.
    pub fn row(&self, i: usize) -> &[f64] {
        self.scores.row(i)
    }

    /// Class probabilities and their classes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a regressor.
    pub fn probabilities(&self) -> Result<(&Dense, &Classes)> {
        match &self.output {
            Output::Classes(classes) => Ok((&self.scores, classes)),
            Output::Values(_) => {
                Err(Error::unsupported("a regressor", "class probabilities", "read its values"))
            }
        }
    }

    /// The most probable class of every row, by position.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a regressor.
    pub fn codes(&self) -> Result<Vec<u32>> {
        let (p, _) = self.probabilities()?;
        Ok((0..p.rows()).map(|i| argmax(p.row(i)) as u32).collect())
    }

    /// The most probable class of every row, by name.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a regressor.
    pub fn labels(&self) -> Result<Vec<&str>> {
        let (p, classes) = self.probabilities()?;
        Ok((0..p.rows()).map(|i| classes.name(argmax(p.row(i)) as u32)).collect())
    }

    /// The first value of every row.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a classifier.
    pub fn values(&self) -> Result<Vec<f64>> {
        match &self.output {
            Output::Values(_) => Ok(self.scores.column(0)),
            Output::Classes(_) => {
                Err(Error::unsupported("a classifier", "values", "read its labels or probabilities"))
            }
        }
    }
}

/// The position of the largest number; the first of equals; 0 for an empty slice.
pub fn argmax(row: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in row.iter().enumerate().skip(1) {
        if *v > row[best] {
            best = i;
        }
    }
    best
}

/// Margins to probabilities in place: exp(zᵢ − max z) / Σ exp(zⱼ − max z).
pub fn softmax(z: &mut [f64]) {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for v in z.iter_mut() {
        *v = (*v - max).exp();
        sum += *v;
    }
    for v in z {
        *v /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(argmax(&[0.4, 0.4, 0.2]), 0);
        assert_eq!(argmax(&[0.1, 0.4, 0.4]), 1);
    }

    #[test]
    fn softmax_survives_large_margins() {
        let mut z = [1000.0, 1000.0, -1000.0];
        softmax(&mut z);
        assert_eq!(z, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_regressor_has_no_probabilities() {
        let p = Prediction::new(Output::Values(vec!["score".into()]), Dense::from_rows(&[[3.0]])).unwrap();
        assert_eq!(p.values().unwrap(), [3.0]);
        assert!(p.codes().is_err());
        assert!(Prediction::new(Output::Values(vec![]), Dense::from_rows(&[[3.0]])).is_err());
    }
}
