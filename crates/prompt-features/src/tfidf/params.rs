//! What is known before the texts, and how idf is learned.

use prompt_core::{Error, FitContext, Legal, Matrix, Params, Result, TextLearner, Texts, params};

use super::FittedTfidf;
use crate::text::{ANALYZERS, Analysis, Analyzer, StopWords, StripAccents, TOKEN_PATTERNS, TokenPattern};
use crate::vocabulary::{FREQUENCY, Frequency, Limits, Vocabulary, fit};
use crate::weight::{NORMS, Norm};

params! {
    /// Weighs each term of a text by how often it occurs there and how rare it is: scikit-learn's
    /// `TfidfVectorizer`.
    ///
    /// A text's value for term t is tf·idf(t), divided by the row's norm. tf is the number of occurrences n, or
    /// 1 + ln n (`sublinear_tf`), or 1 (`binary`); idf(t) = ln((1 + N) / (1 + df)) + 1 over N texts of which df
    /// hold t, or ln(N / df) + 1 without `smooth_idf`. Terms and their order (sorted) are scikit-learn's. Where
    /// `max_features` cuts between equally frequent terms, the first in order stay.
    ///
    /// ```
    /// use prompt_core::{FitContext, FitTransform};
    /// use prompt_features::Tfidf;
    /// let texts = ["one two two", "two three"];
    /// let (fitted, x) = Tfidf::default().fit_transform(&texts, &(), &FitContext::new(0)).unwrap();
    /// let idf_one = (3.0f64 / 2.0).ln() + 1.0;
    /// assert!((fitted.idf()[0] - idf_one).abs() < 1e-12);
    /// let norm = (idf_one * idf_one + 2.0f64 * 2.0).sqrt();
    /// assert!((x.to_dense().row(0)[2] - 2.0 / norm).abs() < 1e-7);
    /// ```
    pub struct Tfidf named "tfidf" checked by Tfidf::check {
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
        /// What a row is divided by: `l2`, `l1`, or `none`.
        norm: Norm = Norm::L2, Legal::OneOf(NORMS);
        /// Whether rare terms weigh more.
        use_idf: bool = true, Legal::Bool;
        /// Whether document frequencies are counted as if one more text held every term.
        smooth_idf: bool = true, Legal::Bool;
        /// Whether n occurrences count 1 + ln n.
        sublinear_tf: bool = false, Legal::Bool;
    }
}

impl Tfidf {
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

    fn check(&self) -> Result<()> {
        self.analysis().check(Self::NAME)?;
        self.limits().check(Self::NAME)
    }

    /// With what was learned of `n` texts, each column being in `df` of them.
    pub(crate) fn fitted(self, vocabulary: Vocabulary, df: &[u64], n: usize) -> Result<FittedTfidf> {
        let idf = self.idf(df, n)?;
        Ok(FittedTfidf::new(self, vocabulary, idf))
    }

    /// The idf of columns that occur in `df` of `n` texts.
    fn idf(&self, df: &[u64], n: usize) -> Result<Vec<f64>> {
        if !self.use_idf {
            return Ok(Vec::new());
        }
        let smooth = if self.smooth_idf { 1.0 } else { 0.0 };
        if !self.smooth_idf && df.contains(&0) {
            return Err(Error::param(
                Self::NAME,
                "smooth_idf",
                "true where `vocabulary` holds terms that occur in no text (their idf would be infinite)",
                false,
            ));
        }
        Ok(df.iter().map(|&df| ((n as f64 + smooth) / (df as f64 + smooth)).ln() + 1.0).collect())
    }
}

impl TextLearner for Tfidf {
    type Fitted = FittedTfidf;
    type Output = Matrix;

    fn learn(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(FittedTfidf, Matrix)> {
        let (vocabulary, counts) = fit(Self::NAME, &self.analysis(), &self.limits(), texts, ctx)?;
        let fitted = self.clone().fitted(vocabulary, &counts.df, texts.count())?;
        let x = counts.weigh(fitted.weighting(), ctx)?.with_names(fitted.vocabulary().names().clone());
        Ok((fitted, x.into()))
    }
}
