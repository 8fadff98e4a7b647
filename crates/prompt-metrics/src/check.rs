//! What every metric asks of its input before it computes anything.

use prompt_core::{Dense, Error, Result};

/// Probabilities of a row may miss a sum of one by this much (tools print four decimals).
const SUM_TOLERANCE: f64 = 1e-3;

/// `found` values of `what` where `expected` rows were announced.
pub(crate) fn same_length(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::shape(format!("length of {what}"), expected, found)) }
}

/// At least one row.
pub(crate) fn not_empty(rows: usize) -> Result<()> {
    if rows == 0 {
        return Err(Error::input("there are no rows to evaluate", "give at least one true value"));
    }
    Ok(())
}

/// Every number finite; the message names the first that is not.
pub(crate) fn finite(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(i) => finite_at(what, values[i], i as u64),
    }
}

/// The number of row `row` finite.
pub(crate) fn finite_at(what: &str, value: f64, row: u64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::input(
        format!("{what} holds {value} at row {row}"),
        "metrics need finite numbers: repair or drop that row",
    ))
}

/// Every label below `n_classes`.
pub(crate) fn labels(what: &str, y: &[u32], n_classes: usize) -> Result<()> {
    match y.iter().position(|&label| label as usize >= n_classes) {
        None => Ok(()),
        Some(i) => label_at(what, y[i], n_classes, i as u64),
    }
}

/// The label of row `row` below `n_classes`.
pub(crate) fn label_at(what: &str, label: u32, n_classes: usize, row: u64) -> Result<()> {
    if (label as usize) < n_classes {
        return Ok(());
    }
    Err(Error::input(
        format!("{what} holds class {label} at row {row}, but there are {n_classes} classes"),
        "labels are indices into the class list, from 0: add the class or map the label",
    ))
}

/// The weight of row `row` finite and not negative.
pub(crate) fn weight_at(weight: f64, row: u64) -> Result<()> {
    if weight.is_finite() && weight >= 0.0 {
        return Ok(());
    }
    Err(Error::input(format!("weight {weight} at row {row}"), "sample weights are finite and not negative"))
}

/// Rows, and none that counts.
pub(crate) fn no_weight() -> Error {
    Error::input("all sample weights are zero", "give some row a positive weight")
}

/// A level of confidence strictly between 0 and 1.
pub(crate) fn level(owner: &str, level: f64) -> Result<()> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(Error::param(owner, "level", "a number between 0 and 1, both excluded", level))
}

/// Binary truth with one score per row.
pub(crate) fn scores(is_positive: &[bool], scores: &[f64]) -> Result<()> {
    not_empty(is_positive.len())?;
    same_length("scores", is_positive.len(), scores.len())?;
    finite("scores", scores)
}

/// Binary truth with one probability of the positive class per row.
pub(crate) fn binary_probabilities(is_positive: &[bool], p: &[f64]) -> Result<()> {
    not_empty(is_positive.len())?;
    same_length("probabilities", is_positive.len(), p.len())?;
    match p.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(i) => Err(not_a_probability(i, None, p[i])),
    }
}

/// One row of class probabilities per label: in [0, 1] and summing to one.
pub(crate) fn probabilities(y_true: &[u32], proba: &Dense) -> Result<()> {
    not_empty(y_true.len())?;
    same_length("probabilities", y_true.len(), proba.rows())?;
    if proba.cols() < 2 {
        return Err(Error::input(
            format!("probabilities have {} column(s)", proba.cols()),
            "give one column for each class, at least two",
        ));
    }
    labels("y_true", y_true, proba.cols())?;
    for i in 0..proba.rows() {
        let row = proba.row(i);
        if let Some(j) = row.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return Err(not_a_probability(i, Some(j), row[j]));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Error::input(
                format!("probabilities of row {i} sum to {sum:.6}"),
                "each row must sum to 1: normalise scores (e.g. with softmax) before measuring them",
            ));
        }
    }
    Ok(())
}

fn not_a_probability(row: usize, column: Option<usize>, value: f64) -> Error {
    let place = column.map_or_else(|| format!("row {row}"), |j| format!("row {row}, class {j}"));
    Error::input(format!("probability {value} at {place}"), "probabilities lie in [0, 1]")
}

/// Sample weights, or one for every row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights<'a>(Option<&'a [f64]>);

impl<'a> Weights<'a> {
    /// Checked weights: as many as rows, finite, none negative, not all zero.
    pub(crate) fn new(weights: Option<&'a [f64]>, rows: usize) -> Result<Self> {
        if let Some(w) = weights {
            same_length("weights", rows, w.len())?;
            if let Some(i) = w.iter().position(|w| !w.is_finite() || *w < 0.0) {
                weight_at(w[i], i as u64)?;
            }
            if w.iter().all(|&w| w == 0.0) {
                return Err(no_weight());
            }
        }
        Ok(Self(weights))
    }

    /// The weight of row `i`.
    pub(crate) fn get(self, i: usize) -> f64 {
        self.0.map_or(1.0, |w| w[i])
    }

    /// The caller's weights, if any were given.
    pub(crate) fn given(self) -> Option<&'a [f64]> {
        self.0
    }

    /// Σ wᵢ·f(i) / Σ wᵢ over `rows` rows.
    pub(crate) fn mean(self, rows: usize, f: impl Fn(usize) -> f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for i in 0..rows {
            let w = self.get(i);
            // A row without weight is not there, whatever its value.
            if w > 0.0 {
                sum += w * f(i);
                total += w;
            }
        }
        sum / total
    }
}
