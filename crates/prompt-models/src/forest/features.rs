//! How many columns a split may choose from.

use prompt_core::{Error, Legal, Result};
use serde::{Deserialize, Serialize};

/// How many columns are drawn for each split.
///
/// In configurations: `"sqrt"`, `"log2"`, `"all"`, a share such as `0.5`, or a number of columns such as `10`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxFeatures {
    /// The square root of their number.
    Sqrt,
    /// The binary logarithm of their number.
    Log2,
    /// All of them.
    All,
    /// So many.
    #[serde(untagged)]
    Count(usize),
    /// This share of them, in (0, 1].
    #[serde(untagged)]
    Share(f64),
}

const WORDS: &str = "sqrt, log2, all, a share in (0, 1] such as 0.5, or a whole number ≥ 1";

impl MaxFeatures {
    /// What may be written.
    pub(crate) const fn legal() -> Legal {
        Legal::Any(WORDS)
    }

    /// # Errors
    /// [`Error::Param`] for a share that is none, or no columns.
    pub(crate) fn check(self, owner: &str) -> Result<()> {
        match self {
            Self::Count(0) => Err(Error::param(owner, "max_features", WORDS, 0)),
            Self::Share(share) if !(share > 0.0 && share <= 1.0) => {
                Err(Error::param(owner, "max_features", WORDS, share))
            }
            _ => Ok(()),
        }
    }

    /// The number of columns among `columns`, at least one.
    pub fn count(self, columns: usize) -> usize {
        let n = columns as f64;
        let count = match self {
            Self::Sqrt => n.sqrt() as usize,
            Self::Log2 => n.log2() as usize,
            Self::All => columns,
            Self::Count(count) => count,
            Self::Share(share) => (share * n) as usize,
        };
        count.clamp(1, columns.max(1))
    }
}
