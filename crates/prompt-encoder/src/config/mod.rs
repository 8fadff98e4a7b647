//! `config.json`: which architecture, how large, which heads.

mod families;
mod head;
mod own;
mod published;

use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::{Map, Value};

pub use families::{Albert, Deberta, Details, Family, ModernBert};
pub use head::{HeadConfig, MultiTask, ProblemType, TaskHead};
pub use own::{HeadAnswer, HeadKind, HeadPooling, PromptHead};
pub use published::PublishedHead;

/// The nonlinearity of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// x · Φ(x) with the exact error function.
    Gelu,
    /// The tanh approximation of GELU.
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// x · σ(x).
    Silu,
    /// tanh x.
    Tanh,
}

impl Activation {
    const NAMES: [(&'static str, Self); 8] = [
        ("gelu", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu_fast", Self::GeluTanh),
        ("relu", Self::Relu),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("tanh", Self::Tanh),
    ];

    fn named(name: &str) -> Result<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, activation)| activation)
            .ok_or_else(|| Error::unknown("activation", name, Self::NAMES.map(|(n, _)| n)))
    }

    /// The kernel that computes it.
    pub(crate) fn kernel(self) -> prompt_kernels::Activation {
        use prompt_kernels::Activation as Kernel;
        match self {
            Self::Gelu => Kernel::GeluErf,
            Self::GeluTanh => Kernel::GeluTanh,
            Self::Relu => Kernel::Relu,
            Self::Silu => Kernel::Silu,
            Self::Tanh => Kernel::Tanh,
        }
    }
}

/// What `config.json` says about an encoder, in one vocabulary for all families.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EncoderConfig {
    /// The architecture.
    pub family: Family,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a hidden state.
    pub hidden_size: usize,
    /// Width of the token embeddings; differs from `hidden_size` in ALBERT and some DeBERTa.
    pub embedding_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads a layer; divides `hidden_size`.
    pub heads: usize,
    /// Width between the two matrices of the feed-forward part.
    pub intermediate_size: usize,
    /// Rows of the position table (or the longest sequence that was trained on, where there is no table).
    pub max_positions: usize,
    /// Kinds of segments; 0 where there are none.
    pub type_vocab_size: usize,
    /// The nonlinearity.
    pub activation: Activation,
    /// ε of the layer norms.
    pub layer_norm_eps: f32,
    /// The id that pads.
    pub pad_token_id: u32,
    /// What one family has and the others have not.
    pub details: Details,
    /// Heads for classification, as published.
    pub head: HeadConfig,
    raw: Value,
}

impl EncoderConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown architecture, a size that is missing or does not fit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        Self::from_json(&text, path)
    }

    /// Reads the text of a `config.json`; `path` is for messages.
    ///
    /// ```
    /// use prompt_encoder::{EncoderConfig, Family};
    /// let text = r#"{"model_type": "bert", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 2,
    ///     "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64}"#;
    /// let config = EncoderConfig::from_json(text, "config.json").unwrap();
    /// assert_eq!((config.family, config.head_size()), (Family::Bert, 8));
    /// assert!(EncoderConfig::from_json(r#"{"model_type": "t5"}"#, "config.json").is_err());
    /// ```
    ///
    /// # Errors
    /// As [`EncoderConfig::open`].
    pub fn from_json(text: &str, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let raw: Value = serde_json::from_str(text).map_err(|e| {
            Error::parse(
                path,
                e.line() as u64,
                e.column() as u64,
                format!("not JSON: {e}"),
                "fetch the file again",
            )
        })?;
        let fields = raw.as_object().ok_or_else(|| {
            Error::parse(path, None, None, "the configuration is not an object", "fetch the file again")
        })?;
        families::read(&Fields { map: fields, path }, &raw)
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Tokens (special ones included) that the encoder was made to read in one piece.
    pub fn max_tokens(&self) -> usize {
        match self.family {
            Family::Roberta | Family::XlmRoberta => {
                self.max_positions.saturating_sub(self.pad_token_id as usize + 1)
            }
            _ => self.max_positions,
        }
    }

    /// The longest sequence that can be computed at all; None where nothing but memory limits it (DeBERTa without
    /// absolute positions knows distances alone).
    pub fn longest(&self) -> Option<usize> {
        match &self.details {
            Details::Deberta(details) if !details.absolute_positions => None,
            _ => Some(self.max_tokens()),
        }
    }

    /// The file as it is, for what is not in this struct (dropout rates, initialiser range, …).
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}

/// A JSON object and where it stands, for messages.
#[derive(Clone, Copy)]
struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: &'a Path,
}

impl<'a> Fields<'a> {
    fn bad(&self, what: String) -> Error {
        Error::parse(self.path, None, None, what, "check that config.json belongs to this checkpoint")
    }

    /// The first of these keys that is there and not null.
    fn value(&self, keys: &[&str]) -> Option<(&'a str, &'a Value)> {
        let there = keys.iter().filter_map(|key| self.map.get_key_value(*key));
        there.map(|(key, value)| (key.as_str(), value)).find(|(_, value)| !value.is_null())
    }

    fn string(&self, key: &str) -> Option<&'a str> {
        self.map.get(key).and_then(Value::as_str)
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.value(&[key]) {
            None => Ok(default),
            Some((_, Value::Bool(flag))) => Ok(*flag),
            Some((_, other)) => Err(self.bad(format!("`{key}` must be true or false, got {other}"))),
        }
    }

    /// A whole number of at least `least`.
    fn size(&self, keys: &[&str], default: Option<usize>, least: usize) -> Result<usize> {
        // Beyond this no checkpoint exists, and products of sizes stay far from overflow.
        const MOST: u64 = 1 << 24;
        match (self.value(keys), default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.bad(format!("`{}` is missing", keys[0]))),
            (Some((key, value)), _) => {
                value.as_u64().filter(|n| (least as u64..=MOST).contains(n)).map(|n| n as usize).ok_or_else(
                    || self.bad(format!("`{key}` must be a whole number in [{least}, {MOST}], got {value}")),
                )
            }
        }
    }

    fn number(&self, keys: &[&str], default: f64) -> Result<f64> {
        match self.value(keys) {
            None => Ok(default),
            Some((key, value)) => value
                .as_f64()
                .filter(|n| n.is_finite() && *n > 0.0)
                .ok_or_else(|| self.bad(format!("`{key}` must be a number > 0, got {value}"))),
        }
    }
}

#[cfg(test)]
mod tests;
