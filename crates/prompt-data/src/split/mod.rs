//! Which rows are learned from and which are held out.
//!
//! Every splitter gives [`Fold`]s of row numbers, so that texts, labels and features are split alike and nothing is
//! copied. In the terms of scikit-learn:
//!
//! | here | there |
//! |---|---|
//! | [`HoldOut`] | `train_test_split`, `GroupShuffleSplit` |
//! | [`KFold`] | `KFold`, `StratifiedKFold`, `GroupKFold`, `StratifiedGroupKFold` |
//! | [`leave_one_group_out`] | `LeaveOneGroupOut` |
//! | [`ThreeWay`] | `train_test_split` twice |
//! | [`TimeSeries`] | `TimeSeriesSplit` |
//! | [`given`] | – (the `split` field of the file) |
//!
//! The class shares and group promises are theirs; the very rows are not, since the random numbers are our own.

mod assign;
mod holdout;
mod kfold;
mod sample;
mod series;
mod three;

use std::collections::BTreeSet;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::example::Split;
pub use holdout::HoldOut;
pub use kfold::{KFold, leave_one_group_out};
pub use sample::sample;
pub use series::TimeSeries;
pub use three::ThreeWay;

/// Rows to learn from and rows held out, both rising; no row is in both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fold {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows held out.
    pub test: Vec<usize>,
}

impl Fold {
    /// The rows of `0..rows` marked in `held_out`, and the others.
    fn from_marks(held_out: &[bool]) -> Self {
        let pick = |side: bool| (0..held_out.len()).filter(|&i| held_out[i] == side).collect();
        Self { train: pick(false), test: pick(true) }
    }

    /// The classes (of those that `strata` gives the rows of this fold) of which a side has no row.
    ///
    /// ```
    /// use prompt_data::split::{Fold, Missing};
    /// let fold = Fold { train: vec![0, 1], test: vec![2] };
    /// assert_eq!(fold.missing(&[0, 1, 0]), Missing { train: vec![], test: vec![1] });
    /// ```
    pub fn missing(&self, strata: &[u32]) -> Missing {
        let classes = |rows: &[usize]| -> BTreeSet<u32> {
            rows.iter().filter_map(|&row| strata.get(row).copied()).collect()
        };
        let (train, test) = (classes(&self.train), classes(&self.test));
        Missing {
            train: test.difference(&train).copied().collect(),
            test: train.difference(&test).copied().collect(),
        }
    }

    /// The same rows named by their place in `rows` before; for splitting a part of a data set.
    #[must_use]
    pub fn within(&self, rows: &[usize]) -> Self {
        let outer = |inner: &[usize]| inner.iter().map(|&i| rows[i]).collect();
        Self { train: outer(&self.train), test: outer(&self.test) }
    }
}

/// The classes that a side of a [`Fold`] lacks, rising.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Missing {
    /// Of which there is no row to learn from.
    pub train: Vec<u32>,
    /// Of which no row is held out.
    pub test: Vec<u32>,
}

/// The three parts of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parts {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to choose by; may be empty.
    pub validation: Vec<usize>,
    /// Rows to report on; may be empty.
    pub test: Vec<usize>,
}

/// The parts that the file's `split` field names; `None` when no row has one.
///
/// # Errors
/// [`Error::Input`] when some rows have a split and others have none, or when no row is for training.
pub fn given(data: &Dataset) -> Result<Option<Parts>> {
    if !data.has_splits() {
        return Ok(None);
    }
    if let Some(row) = data.iter().position(|e| e.split.is_none()) {
        return Err(data.wrong_row(
            row,
            "the row has no split, while other rows have one",
            "give every row a split, or none",
        ));
    }
    let train = data.rows_of(Split::Train);
    if train.is_empty() {
        return Err(Error::input(
            format!("{}: no row has the split `train`", data.origin()),
            "mark the rows to learn from, or leave the split field out",
        ));
    }
    Ok(Some(Parts { train, validation: data.rows_of(Split::Validation), test: data.rows_of(Split::Test) }))
}

/// Numbers for groups from their names (sources, authors), in the order in which they first come.
pub fn group_codes<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<u32> {
    let mut codes = std::collections::BTreeMap::new();
    names
        .into_iter()
        .map(|name| {
            let next = codes.len() as u32;
            *codes.entry(name.as_ref().to_owned()).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests;
