//! From a text to tokens: normalise, mark what belongs to tokens, cut.
//!
//! Everything here is what Python does, character for character: `str.lower`, `unicodedata.normalize`, `\w`,
//! `\s`, `str.split`.

mod analyse;
mod grams;
mod normalise;
mod prepared;
mod stop_words;
mod unicode;
mod word_table;

pub(crate) use analyse::{ANALYZERS, Analysis, TOKEN_PATTERNS};
pub use analyse::{Analyzer, TokenPattern};
pub(crate) use grams::{for_each_gram, grams_between};
pub(crate) use normalise::Origins;
pub use normalise::StripAccents;
pub(crate) use prepared::Prepared;
pub use stop_words::StopWords;
pub use unicode::{is_space, is_word};
