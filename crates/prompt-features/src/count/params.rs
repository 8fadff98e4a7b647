//! What is known before the texts.

use prompt_core::{FitContext, Legal, Matrix, Params, Result, TextLearner, Texts, params};

use super::FittedCountVectorizer;
use crate::text::{ANALYZERS, Analysis, Analyzer, StopWords, StripAccents, TOKEN_PATTERNS, TokenPattern};
use crate::vocabulary::{FREQUENCY, Frequency, Limits, Vocabulary, fit};
use crate::weight::{Norm, Weighting};

params! {
    /// Counts how often each term occurs in a text: scikit-learn's `CountVectorizer`.
    ///
    /// Terms and their order (sorted) are scikit-learn's. Where `max_features` cuts between equally frequent
    /// terms, the first in order stay.
    ///
    /// ```
    /// use prompt_core::{FitContext, FitTransform};
    /// use prompt_features::CountVectorizer;
    /// let texts = ["one two two", "two three"];
    /// let (fitted, x) = CountVectorizer::default().fit_transform(&texts, &(), &FitContext::new(0)).unwrap();
    /// assert_eq!(fitted.terms().collect::<Vec<_>>(), ["one", "three", "two"]);
    /// assert_eq!(x.to_dense().row(0), [1.0, 0.0, 2.0]);
    /// ```
    pub struct CountVectorizer named "count_vectorizer" checked by CountVectorizer::check {
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
        /// Terms in fewer documents go: a count, or a share of all.
        min_df: Frequency = Frequency::Count(1), Legal::Any(FREQUENCY);
        /// Terms in more documents go: a count, or a share of all.
        max_df: Frequency = Frequency::Share(1.0), Legal::Any(FREQUENCY);
        /// Only the most frequent terms become columns.
        max_features: Option<usize> = None, Legal::at_least(1).or_none();
        /// The terms, in the order of the columns, instead of learning them.
        vocabulary: Option<Vec<String>> = None, Legal::Any("none, or a list of distinct terms");
        /// Whether a term counts once a text.
        binary: bool = false, Legal::Bool;
    }
}

impl CountVectorizer {
    pub(crate) fn analysis(&self) -> Analysis {
        Analysis {
            analyzer: self.analyzer,
            ngram_range: self.ngram_range,
            lowercase: self.lowercase,
            strip_accents: self.strip_accents,
            stop_words: self.stop_words.clone(),
            token_pattern: self.token_pattern,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            min_df: self.min_df,
            max_df: self.max_df,
            max_features: self.max_features,
            vocabulary: self.vocabulary.clone(),
            binary: self.binary,
        }
    }

    pub(crate) fn weighting(&self) -> Weighting {
        Weighting { binary: self.binary, sublinear_tf: false, idf: Vec::new(), norm: Norm::None }
    }

    /// With the terms that were learned; how many of the texts hold each plays no part.
    pub(crate) fn fitted(self, vocabulary: Vocabulary, _: &[u64], _: usize) -> Result<FittedCountVectorizer> {
        Ok(FittedCountVectorizer::new(self, vocabulary))
    }

    fn check(&self) -> Result<()> {
        self.analysis().check(Self::NAME)?;
        self.limits().check(Self::NAME)
    }
}

impl TextLearner for CountVectorizer {
    type Fitted = FittedCountVectorizer;
    type Output = Matrix;

    fn learn(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(FittedCountVectorizer, Matrix)> {
        let (vocabulary, counts) = fit(Self::NAME, &self.analysis(), &self.limits(), texts, ctx)?;
        let fitted = self.clone().fitted(vocabulary, &counts.df, texts.count())?;
        let x = counts.weigh(&self.weighting(), ctx)?.with_names(fitted.vocabulary().names().clone());
        Ok((fitted, x.into()))
    }
}
