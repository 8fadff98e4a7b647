//! Cards: what a person must know of a model or of data before using it, as a README.
//!
//! The head is the metadata that the Hugging Face hub reads (YAML between two lines of dashes; `model-index` holds the
//! measured numbers); the rest is Markdown for a person. What is not known is not invented: a card has no licence, since
//! only its owner can give one.

mod data;
mod model;

pub use data::data_card;
pub use model::{Measured, model_card};

use serde_json::Value;

/// A value as YAML takes it on one line: JSON is YAML.
fn yaml(value: impl Into<Value>) -> String {
    value.into().to_string()
}

/// A cell of a Markdown table: no bar ends it, no line break tears it.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ").replace('<', "&lt;")
}

/// The metadata between the dashes, for tests of both cards.
#[cfg(test)]
fn head(card: &str) -> serde_yaml_ng::Value {
    let yaml = card.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).unwrap().0;
    serde_yaml_ng::from_str(yaml).unwrap()
}
