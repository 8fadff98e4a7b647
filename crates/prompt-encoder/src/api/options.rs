//! How an encoder runs.

use std::sync::Arc;

use prompt_core::{Error, Result};

use super::Aggregate;
use crate::engine::{OpenEngine, Precision};
use crate::tokenizer::Long;

/// How an encoder runs.
///
/// | field | default | what |
/// |---|---|---|
/// | `threads` | 0 | threads of its own; 0 for as many as the machine has, 1 for the caller's alone |
/// | `precision` | [`Precision::F32`] | numbers of the products |
/// | `max_tokens` | the checkpoint's | tokens of a window, special ones included |
/// | `long` | windows that share 64 tokens | what happens to a longer text |
/// | `aggregate` | [`Aggregate::Mean`] | how windows become one answer |
/// | `token_budget` | 4096 | tokens that are in work at one time; memory grows with it |
/// | `engine` | the dedicated one | what computes the hidden states |
/// | `fallback` | none | what computes them where the dedicated engine refuses the architecture; a notice says so |
///
/// ```
/// use prompt_encoder::{Long, Options, Precision};
/// let options = Options::default().threads(2).precision(Precision::Int8).long(Long::Truncate);
/// assert_eq!(options.threads, 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Threads; see the table.
    pub threads: usize,
    /// Numbers of the products.
    pub precision: Precision,
    /// Tokens of a window.
    pub max_tokens: Option<usize>,
    /// What happens to a longer text.
    pub long: Long,
    /// How windows become one answer.
    pub aggregate: Aggregate,
    /// Tokens that are in work at one time.
    pub token_budget: usize,
    /// What computes the hidden states instead of the dedicated engine, such as prompt-neural's `Burn` on a GPU.
    pub engine: Option<Arc<dyn OpenEngine>>,
    /// What computes them where the dedicated engine refuses.
    pub fallback: Option<Arc<dyn OpenEngine>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 0,
            precision: Precision::F32,
            max_tokens: None,
            long: Long::default(),
            aggregate: Aggregate::Mean,
            token_budget: 4096,
            engine: None,
            fallback: None,
        }
    }
}

impl Options {
    /// The same with this many threads.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The same with this precision.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The same with windows of so many tokens.
    #[must_use]
    pub fn max_tokens(self, max_tokens: usize) -> Self {
        Self { max_tokens: Some(max_tokens), ..self }
    }

    /// The same with this way of long texts.
    #[must_use]
    pub fn long(self, long: Long) -> Self {
        Self { long, ..self }
    }

    /// The same with this way from windows to an answer.
    #[must_use]
    pub fn aggregate(self, aggregate: Aggregate) -> Self {
        Self { aggregate, ..self }
    }

    /// The same with this token budget.
    #[must_use]
    pub fn token_budget(self, token_budget: usize) -> Self {
        Self { token_budget, ..self }
    }

    /// The same on this engine, whatever the dedicated one could do.
    #[must_use]
    pub fn engine(self, engine: impl OpenEngine + 'static) -> Self {
        Self { engine: Some(Arc::new(engine)), ..self }
    }

    /// The same with this engine where the dedicated one refuses an architecture.
    #[must_use]
    pub fn fallback(self, fallback: impl OpenEngine + 'static) -> Self {
        Self { fallback: Some(Arc::new(fallback)), ..self }
    }

    /// The length of a window and how long texts go, checked against the most that the checkpoint takes. An overlap
    /// that nobody chose shrinks with short windows.
    pub(super) fn window(&self, most: usize, special: usize) -> Result<(usize, Long)> {
        if self.token_budget == 0 || self.token_budget > 1 << 24 {
            return Err(Error::param("encoder", "token_budget", "in [1, 16777216]", self.token_budget));
        }
        if self.threads > 1024 {
            return Err(Error::param("encoder", "threads", "in [0, 1024]", self.threads));
        }
        let max_tokens = self.max_tokens.unwrap_or(most);
        if max_tokens <= special || max_tokens > most {
            return Err(Error::param(
                "encoder",
                "max_tokens",
                format!("in [{}, {most}]", special + 1),
                max_tokens,
            ));
        }
        let room = max_tokens - special;
        let long = match self.long {
            default if default == Long::default() && room <= 128 => Long::Windows { overlap: room / 4 },
            Long::Windows { overlap } if overlap >= room => {
                return Err(Error::param("encoder", "overlap", format!("below {room}"), overlap));
            }
            given => given,
        };
        Ok((max_tokens, long))
    }
}
