//! Heads that transformers does not have: what prompt-neural learns and writes into `config.json`.

use prompt_core::Result;
use serde_json::Value;

use super::Fields;

/// What stands between the pooled vector and the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadKind {
    /// The layers of the family's published head, over another pooling.
    Published,
    /// Nothing: one layer gives the scores.
    Linear,
    /// width → 256 → 64 → scores with ReLU between.
    Deep,
}

impl HeadKind {
    const ALL: [(&'static str, Self); 3] =
        [("published", Self::Published), ("linear", Self::Linear), ("deep", Self::Deep)];

    /// Its name in `config.json`.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

/// How the hidden states of a text become the vector that a head reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadPooling {
    /// The first token's.
    Cls,
    /// The mean over all tokens.
    Mean,
    /// The largest number of each column.
    Max,
}

impl HeadPooling {
    const ALL: [(&'static str, Self); 3] = [("cls", Self::Cls), ("mean", Self::Mean), ("max", Self::Max)];

    /// Its name in `config.json`.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

fn name_of<T: Copy + PartialEq>(all: &[(&'static str, T)], one: T) -> &'static str {
    all.iter().find(|(_, each)| *each == one).map_or("", |(name, _)| *name)
}

/// A head of its own kind, as in `"prompt_head": {"kind": "linear", "pooling": "mean"}`. Its tensors' names begin with
/// `prompt_head.`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PromptHead {
    /// The layers.
    pub kind: HeadKind,
    /// What they read.
    pub pooling: HeadPooling,
}

impl PromptHead {
    const KEYS: [&'static str; 2] = ["kind", "pooling"];

    /// Strictly: a key or a name that is not known is another head than this code runs.
    pub(super) fn read(f: &Fields<'_>, key: &str, value: &Value) -> Result<Self> {
        let Value::Object(map) = value else {
            return Err(f.bad(format!("`{key}` must be an object, got {value}")));
        };
        if let Some(other) = map.keys().find(|k| !Self::KEYS.contains(&k.as_str())) {
            let known = Self::KEYS.join(", ");
            return Err(f.bad(format!("`{key}.{other}` is unknown; known: {known}")));
        }
        let at = |name: &str| (format!("{key}.{name}"), map.get(name).unwrap_or(&Value::Null));
        Ok(Self {
            kind: one_of(f, at("kind"), &HeadKind::ALL)?,
            pooling: one_of(f, at("pooling"), &HeadPooling::ALL)?,
        })
    }
}

fn one_of<T: Copy>(f: &Fields<'_>, (key, value): (String, &Value), all: &[(&str, T)]) -> Result<T> {
    let found = all.iter().find(|(name, _)| value.as_str() == Some(*name));
    found.map(|&(_, one)| one).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        f.bad(format!("`{key}` must be one of {}, got {value}", known.join(", ")))
    })
}
