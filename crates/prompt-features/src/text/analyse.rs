//! How a text is cut into terms: the parameters that all vectorisers share.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::normalise::{Normaliser, StripAccents};
use super::stop_words::StopWords;

/// What a term is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// n-grams of words, as [`TokenPattern`] cuts them.
    #[default]
    Word,
    /// n-grams of characters of the whole text, runs of white space taken as one space.
    Char,
    /// n-grams of characters inside words that have a space on either side; a word shorter than n counts once.
    CharWb,
}

/// What counts as a word: one of the two patterns that scikit-learn's users take, with Python's `\\w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TokenPattern {
    /// Two or more word characters: `(?u)\\b\\w\\w+\\b`, scikit-learn's default.
    #[default]
    #[serde(rename = r"(?u)\b\w\w+\b")]
    TwoOrMore,
    /// One or more word characters: `(?u)\\b\\w+\\b`. Keeps `I`, `a`, `5`, which short prompts often turn on.
    #[serde(rename = r"(?u)\b\w+\b")]
    OneOrMore,
}

/// The words of [`TokenPattern`] as configurations have them.
pub(crate) const TOKEN_PATTERNS: &[&str] = &[r"(?u)\b\w\w+\b", r"(?u)\b\w+\b"];

/// The words of [`Analyzer`] as configurations have them.
pub(crate) const ANALYZERS: &[&str] = &["word", "char", "char_wb"];

/// Analyzer, n-gram range and normalising of one vectoriser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Analysis {
    pub(crate) analyzer: Analyzer,
    pub(crate) ngram_range: (usize, usize),
    pub(crate) lowercase: bool,
    pub(crate) strip_accents: StripAccents,
    pub(crate) stop_words: StopWords,
    pub(crate) token_pattern: TokenPattern,
}

impl Analysis {
    /// Refuses what would be ignored.
    pub(crate) fn check(&self, owner: &str) -> Result<()> {
        if self.analyzer != Analyzer::Word && self.stop_words != StopWords::None {
            return Err(Error::param(
                owner,
                "stop_words",
                "none unless `analyzer` is word (character n-grams know no words)",
                "a list of words",
            ));
        }
        if self.analyzer != Analyzer::Word && self.token_pattern != TokenPattern::default() {
            return Err(Error::param(
                owner,
                "token_pattern",
                "the default unless `analyzer` is word (character n-grams know no words)",
                "another pattern",
            ));
        }
        Ok(())
    }

    /// The same for words that are normalised already.
    pub(crate) fn without_normalising(&self) -> Self {
        Self { lowercase: false, strip_accents: StripAccents::None, ..self.clone() }
    }

    pub(crate) fn normaliser(&self) -> Normaliser {
        Normaliser { lowercase: self.lowercase, strip_accents: self.strip_accents }
    }
}
