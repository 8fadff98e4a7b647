//! The four places a version can be in its life.

use std::fmt;
use std::str::FromStr;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Where a version stands. At most one version of a name is in [`Production`](Self::Production).
///
/// ```
/// use prompt_registry::Stage;
/// assert_eq!("staged".parse::<Stage>().unwrap(), Stage::Staged);
/// assert_eq!(
///     "prod".parse::<Stage>().unwrap_err().to_string(),
///     "unknown stage `prod`; known: training, staged, production, archived"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Not judged yet.
    Training,
    /// Judged, and a candidate for production.
    Staged,
    /// The one that serves.
    Production,
    /// Kept, but no longer served.
    Archived,
}

impl Stage {
    /// All stages in the order of a version's life.
    pub const ALL: [Self; 4] = [Self::Training, Self::Staged, Self::Production, Self::Archived];

    /// Its name, as it is written after the `@` of a reference.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Staged => "staged",
            Self::Production => "production",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| Error::unknown("stage", text, Self::ALL.map(Self::as_str)))
    }
}
