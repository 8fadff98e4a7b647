//! One labelled prompt, as it was found in a file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The part of a data set that a row was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose by.
    Validation,
    /// To report on.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = prompt_core::Error;

    /// Reads the usual spellings in any case: train, training; validation, valid, val, dev; test, testing.
    fn from_str(name: &str) -> prompt_core::Result<Self> {
        let is = |names: &[&str]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
        if is(&["train", "training"]) {
            Ok(Self::Train)
        } else if is(&["validation", "valid", "val", "dev"]) {
            Ok(Self::Validation)
        } else if is(&["test", "testing"]) {
            Ok(Self::Test)
        } else {
            Err(prompt_core::Error::unknown("split", name, Self::ALL.map(Self::name)))
        }
    }
}

/// The input fields that have no role, in their order, each value as the very JSON that was read.
///
/// Nothing is rounded, reordered or re-escaped on the way from a file to another file.
#[derive(Debug, Clone, Default)]
pub struct Extra(Vec<(Box<str>, Box<RawValue>)>);

impl Extra {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A field's value; `None` where there is no such field, or where its value is nested more than 127 deep (which
    /// [`raw`](Self::raw) gives all the same).
    pub fn get(&self, name: &str) -> Option<Value> {
        self.raw(name).and_then(|raw| serde_json::from_str(raw).ok())
    }

    /// A field's value as JSON text.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| v.get())
    }

    /// Names and values (as JSON text) in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(n, v)| (&**n, v.get()))
    }

    /// Sets a field; a new one goes to the end.
    ///
    /// # Errors
    /// [`prompt_core::Error::Input`] for a value that JSON cannot hold.
    pub fn set(&mut self, name: &str, value: &impl Serialize) -> prompt_core::Result<()> {
        let raw = serde_json::value::to_raw_value(value).map_err(|e| {
            prompt_core::Error::input(
                format!("field `{name}` cannot be written as JSON: {e}"),
                "change its value",
            )
        })?;
        match self.0.iter_mut().find(|(n, _)| &**n == name) {
            Some((_, value)) => *value = raw,
            None => self.push(name, raw),
        }
        Ok(())
    }

    /// Adds a field that is not there yet.
    pub(crate) fn push(&mut self, name: &str, raw: Box<RawValue>) {
        self.0.push((name.into(), raw));
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// One prompt with what is known about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    /// The prompt. A `null` in the file is the empty text.
    pub text: String,
    /// Its class.
    pub label: Option<String>,
    /// Its number, always finite.
    pub target: Option<f64>,
    /// Where it came from.
    pub source: Option<String>,
    /// The part of the data set that the file gave it to.
    pub split: Option<Split>,
    /// All other fields of the input.
    pub extra: Extra,
    /// One-based line in the file where it starts; 0 when it was made in memory.
    pub line: u64,
}

impl Example {
    /// A prompt about which nothing is known.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same with a class.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with a number.
    #[must_use]
    pub fn with_target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// The same with a source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, given to a part of the data set.
    #[must_use]
    pub fn with_split(mut self, split: Split) -> Self {
        self.split = Some(split);
        self
    }
}
