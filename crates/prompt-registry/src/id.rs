//! Names of models, and how a person points at one version.

use std::fmt;
use std::str::FromStr;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// The name of a model: 1 to 100 ASCII letters, digits, `-`, `_` and `.`, the first a letter or digit.
///
/// ```
/// use prompt_registry::ModelName;
/// assert_eq!(ModelName::new("security-v2.small").unwrap().as_str(), "security-v2.small");
/// assert!(ModelName::new("../escape").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

impl ModelName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 100;

    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::Param`] that states what a name may hold.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let legal = name.len() <= Self::MAX_LENGTH
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if legal {
            return Ok(Self(name));
        }
        let legal = format!(
            "1 to {} ASCII letters, digits, `-`, `_` and `.`, the first a letter or digit",
            Self::MAX_LENGTH
        );
        Err(Error::param("registry", "name", legal, format_args!("`{}`", shortened(&name))))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Enough of a wrong name to recognise it, on one line.
fn shortened(name: &str) -> String {
    let mut head: String = name.chars().take(ModelName::MAX_LENGTH).collect();
    if head.len() < name.len() {
        head.push('…');
    }
    head.escape_debug().to_string()
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ModelName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for ModelName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0
    }
}

/// Which version of a name is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pick {
    /// `NAME`: the version in production; while none is, the newest that is not archived.
    Current,
    /// `NAME@stage`: the newest version in that stage.
    Stage(Stage),
    /// `NAME:version`: exactly that one.
    Version(u32),
}

/// A reference to one version: `NAME`, `NAME@stage` or `NAME:version`.
///
/// ```
/// use prompt_registry::{ModelRef, Pick, Stage};
/// let model: ModelRef = "security@production".parse().unwrap();
/// assert_eq!(model.name.as_str(), "security");
/// assert_eq!(model.pick, Pick::Stage(Stage::Production));
/// assert_eq!("security:3".parse::<ModelRef>().unwrap().pick, Pick::Version(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelRef {
    /// The model's name.
    pub name: ModelName,
    /// Which of its versions.
    pub pick: Pick,
}

impl ModelRef {
    /// One version by its number.
    pub fn version(name: ModelName, version: u32) -> Self {
        Self { name, pick: Pick::Version(version) }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pick {
            Pick::Current => write!(f, "{}", self.name),
            Pick::Stage(stage) => write!(f, "{}@{stage}", self.name),
            Pick::Version(version) => write!(f, "{}:{version}", self.name),
        }
    }
}

impl FromStr for ModelRef {
    type Err = Error;

    /// # Errors
    /// [`Error::Param`] for an illegal name or version number, [`Error::Unknown`] for a stage there is not.
    fn from_str(text: &str) -> Result<Self> {
        let Some(at) = text.find(['@', ':']) else {
            return Ok(Self { name: ModelName::new(text)?, pick: Pick::Current });
        };
        let (name, rest) = text.split_at(at);
        let name = ModelName::new(name)?;
        if let Some(stage) = rest.strip_prefix('@') {
            return Ok(Self { name, pick: Pick::Stage(stage.parse()?) });
        }
        let number = rest.strip_prefix(':').unwrap_or(rest);
        // `parse` alone would take `+3`.
        let version =
            number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse::<u32>().ok()).flatten();
        match version {
            Some(version) if version > 0 => Ok(Self::version(name, version)),
            _ => Err(Error::param(
                format!("model reference `{}`", shortened(text)),
                "version",
                "a whole number from 1, as in `NAME:3`",
                format_args!("`{}`", shortened(number)),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_as_they_print() {
        for text in ["a", "A.b_c-9", "a@training", "a@archived", "a:1", "a:4294967295"] {
            assert_eq!(text.parse::<ModelRef>().unwrap().to_string(), text);
        }
        assert_eq!("a:007".parse::<ModelRef>().unwrap().pick, Pick::Version(7));
    }

    #[test]
    fn bad_references_say_what_was_expected() {
        let message = |text: &str| text.parse::<ModelRef>().unwrap_err().to_string();
        assert_eq!(message("a@live"), "unknown stage `live`; known: training, staged, production, archived");
        assert_eq!(
            message("a:0"),
            "model reference `a:0`: parameter `version` must be a whole number from 1, as in `NAME:3`, got `0`"
        );
        for text in ["a:", "a:x", "a:+3", "a:-1", "a:4294967296", "a:3@staged"] {
            assert!(message(text).contains("`version` must be a whole number from 1"), "{text}");
        }
        assert!(message("a@staged:3").starts_with("unknown stage `staged:3`"));
        assert!(message("a@").starts_with("unknown stage ``"));
    }

    #[test]
    fn names_that_could_leave_the_folder_or_look_like_an_option_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "-x", "_x", "a b", "naïve", "a\n"] {
            let message = ModelName::new(name).unwrap_err().to_string();
            assert!(message.contains("`name` must be 1 to 100 ASCII letters"), "{message}");
            assert!(!message.contains('\n'));
        }
        assert!(ModelName::new("x".repeat(100)).is_ok());
        assert!(ModelName::new("x".repeat(101)).is_err());
        assert!(serde_json::from_str::<ModelName>("\"a/b\"").is_err());
    }
}
