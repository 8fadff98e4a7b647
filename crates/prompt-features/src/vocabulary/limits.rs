//! Which terms become columns.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A number of documents: itself, or as a share of all of them. In configurations `5` is a count and `0.05` (or
/// `1.0`) a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Frequency {
    /// That many documents, at least 1.
    Count(u64),
    /// That share of the documents, in [0, 1].
    Share(f64),
}

impl From<u64> for Frequency {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Frequency {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

/// The legal range of `min_df` and `max_df`, in words.
pub(crate) const FREQUENCY: &str = "a whole number of documents ≥ 1 or a share in [0, 1]";

impl Frequency {
    /// The number of documents out of `n`.
    pub(crate) fn of(self, n: usize) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Share(share) => share * n as f64,
        }
    }

    fn check(self, owner: &str, name: &str) -> Result<()> {
        match self {
            Self::Count(1..) => Ok(()),
            Self::Share(share) if (0.0..=1.0).contains(&share) => Ok(()),
            Self::Count(count) => Err(Error::param(owner, name, FREQUENCY, count)),
            Self::Share(share) => Err(Error::param(owner, name, FREQUENCY, share)),
        }
    }
}

/// The parameters that choose columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    pub(crate) min_df: Frequency,
    pub(crate) max_df: Frequency,
    pub(crate) max_features: Option<usize>,
    pub(crate) vocabulary: Option<Vec<String>>,
    pub(crate) binary: bool,
}

impl Limits {
    /// Refuses what is out of range and what would be ignored.
    pub(crate) fn check(&self, owner: &str) -> Result<()> {
        self.min_df.check(owner, "min_df")?;
        self.max_df.check(owner, "max_df")?;
        let Some(terms) = &self.vocabulary else { return Ok(()) };
        let ignored = |name: &str, default: &str, value: String| {
            Err(Error::param(owner, name, format!("{default} where `vocabulary` is given"), value))
        };
        if terms.is_empty() {
            return Err(Error::param(owner, "vocabulary", "none, or at least one term", "an empty list"));
        }
        if let Some(limit) = self.max_features {
            return ignored("max_features", "none", limit.to_string());
        }
        if self.min_df != Frequency::Count(1) {
            return ignored("min_df", "1", self.min_df.to_string());
        }
        if self.max_df != Frequency::Share(1.0) {
            return ignored("max_df", "1.0", self.max_df.to_string());
        }
        Ok(())
    }
}

impl std::fmt::Display for Frequency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Share(share) => write!(f, "{share:?}"),
        }
    }
}
