//! All that a hashing vectoriser is.

use prompt_core::{Csr, CsrBuilder, FitContext, Legal, Matrix, Params, Result, TextLearner, Texts, params};

use super::FittedHashingVectorizer;
use crate::text::{ANALYZERS, Analysis, Analyzer, StopWords, StripAccents, TOKEN_PATTERNS, TokenPattern};
use crate::vocabulary::blocks;
use crate::weight::{NORMS, Norm};

params! {
    /// Counts terms in columns that are chosen by hash, without a vocabulary: scikit-learn's
    /// `HashingVectorizer`.
    ///
    /// h = MurmurHash3_x86_32(term) as a signed number, the column is |h| mod `n_features`, and with
    /// `alternate_sign` a term with h < 0 counts −1. A column whose terms cancel out holds no value. The default
    /// of 2^18 columns keeps linear models small (scikit-learn's is 2^20).
    ///
    /// Not for you if you want to know which term a column stands for: use [`Tfidf`](crate::Tfidf).
    ///
    /// ```
    /// use prompt_core::{FitContext, FitTransform};
    /// use prompt_features::{HashingVectorizer, Norm};
    /// let hashing = HashingVectorizer::default().n_features(1 << 10).norm(Norm::None);
    /// let (_, x) = hashing.fit_transform(&["one two two"], &(), &FitContext::new(0)).unwrap();
    /// assert_eq!(x.cols(), 1024);
    /// assert_eq!(x.row(0).norm2(), 1.0 + 2.0 * 2.0);
    /// ```
    pub struct HashingVectorizer named "hashing_vectorizer" checked by HashingVectorizer::check {
        /// What a term is made of: `word`, `char`, or `char_wb` (characters inside words).
        analyzer: Analyzer = Analyzer::Word, Legal::OneOf(ANALYZERS);
        /// Fewest and most words or characters of a term.
        ngram_range: (usize, usize) = (1, 1), Legal::Span { low: 1 };
        /// Whether letters are lower-cased first.
        lowercase: bool = true, Legal::Bool;
        /// What becomes of accents, after lower-casing.
        strip_accents: StripAccents = StripAccents::None, Legal::OneOf(&["none", "ascii", "unicode"]);
        /// Words that leave no token: `none`, `english`, or a list. For the analyzer `word` alone.
        stop_words: StopWords = StopWords::None, Legal::Any("none, english, or a list of words");
        /// What counts as a word. For the analyzer `word` alone.
        token_pattern: TokenPattern = TokenPattern::TwoOrMore, Legal::OneOf(TOKEN_PATTERNS);
        /// Number of columns.
        n_features: usize = 1 << 18, Legal::int(1, i64::from(i32::MAX));
        /// Whether half of the terms count −1, so that collisions cancel out on average.
        alternate_sign: bool = true, Legal::Bool;
        /// Whether every column that a text touches holds 1.
        binary: bool = false, Legal::Bool;
        /// What a row is divided by: `l2`, `l1`, or `none`.
        norm: Norm = Norm::L2, Legal::OneOf(NORMS);
    }
}

impl HashingVectorizer {
    pub(super) fn analysis(&self) -> Analysis {
        Analysis {
            analyzer: self.analyzer,
            ngram_range: self.ngram_range,
            lowercase: self.lowercase,
            strip_accents: self.strip_accents,
            stop_words: self.stop_words.clone(),
            token_pattern: self.token_pattern,
        }
    }

    fn check(&self) -> Result<()> {
        self.analysis().check(Self::NAME)
    }
}

impl TextLearner for HashingVectorizer {
    type Fitted = FittedHashingVectorizer;
    type Output = Matrix;

    fn learn(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(FittedHashingVectorizer, Matrix)> {
        let fitted = FittedHashingVectorizer::new(self.clone());
        let ranges = blocks(texts.count());
        let parts = ctx.map(ranges.len(), |b| {
            let (mut part, mut work) = (CsrBuilder::new(self.n_features), fitted.workspace());
            for i in ranges[b].clone() {
                part.push(fitted.row(texts.text(i), &mut work));
            }
            part.finish()
        });
        let x = if parts.is_empty() { CsrBuilder::new(self.n_features).finish() } else { Csr::stack(parts)? };
        let x = x.with_names(prompt_core::Featurizer::names(&fitted).clone());
        Ok((fitted, x.into()))
    }
}
