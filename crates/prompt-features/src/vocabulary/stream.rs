//! A vocabulary out of texts that come one by one: what a text holds is counted, and the text forgotten.

use prompt_core::{Accumulate, Error, FitContext, Params, Result};

use super::fit::{bounds, choose, no_texts, nothing_found, nothing_left, prunes};
use super::{Limits, Vocabulary, corpus};
use crate::table::{Key, Strings};
use crate::text::{Analysis, Analyzer, Prepared, for_each_gram};
use crate::{CountVectorizer, FittedCountVectorizer, FittedTfidf, Tfidf};

/// Learns the vocabulary of a [`CountVectorizer`] or [`Tfidf`] from a stream, or from parts that are read apart and merged.
///
/// A piece is a text. The result is that of `fit` on all texts in their order, bit for bit. `fit` has the texts at hand,
/// reads them more than once and drops early what cannot stay; a stream is read once, so this holds the counts of every
/// distinct term until it is finished (of a fixed `vocabulary`, those alone).
///
/// ```
/// use prompt_core::{Accumulate, Fit, FitContext};
/// use prompt_features::Tfidf;
/// let tfidf = Tfidf::default();
/// let (mut first, mut second) = (tfidf.accumulator()?, tfidf.accumulator()?);
/// first.observe("one two two")?;
/// second.observe("two three")?;
/// first.merge(second)?;
/// let streamed = first.finish()?;
/// let whole = tfidf.fit(&["one two two", "two three"], &(), &FitContext::new(0))?;
/// assert_eq!(streamed.terms().collect::<Vec<_>>(), ["one", "three", "two"]);
/// assert_eq!(streamed.idf(), whole.idf());
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug)]
pub struct VocabularyAccumulator<V> {
    params: V,
    analysis: Analysis,
    limits: Limits,
    stop_words: Strings,
    texts: u64,
    terms: Tally,
    /// What stands between white space (`char_wb`): the most frequent are looked up once and for all.
    runs: Tally,
    memory: Memory,
}

/// What is kept from text to text so that it is not allocated anew.
#[derive(Debug, Default)]
struct Memory {
    prepared: Prepared,
    bounds: Vec<usize>,
    words: Vec<(usize, usize)>,
    term: Vec<u8>,
}

/// How often byte strings occur, and in how many texts.
#[derive(Debug, Default)]
struct Tally {
    strings: Strings,
    /// Whether only the strings that are there already count.
    closed: bool,
    /// By id.
    totals: Vec<u64>,
    df: Vec<u64>,
    /// The number of the text that each occurred in last, from 1.
    last: Vec<u64>,
}

impl Tally {
    /// One more occurrence in the text of this number.
    fn add(&mut self, key: Key<'_>, text: u64) {
        if self.closed && self.strings.find(key).is_none() {
            return;
        }
        let id = self.id(key);
        self.totals[id] += 1;
        if self.last[id] != text {
            self.last[id] = text;
            self.df[id] += 1;
        }
    }

    fn id(&mut self, key: Key<'_>) -> usize {
        let id = self.strings.insert(key) as usize;
        if id == self.totals.len() {
            self.totals.push(0);
            self.df.push(0);
            self.last.push(0);
        }
        id
    }

    fn merge(&mut self, other: &Self) {
        for (from, (total, df)) in (0..).zip(other.totals.iter().zip(&other.df)) {
            let id = self.id(Key::of(other.strings.get(from)));
            self.totals[id] += total;
            self.df[id] += df;
        }
    }
}

impl<V: Params> VocabularyAccumulator<V> {
    pub(crate) fn new(params: V, analysis: Analysis, limits: Limits) -> Result<Self> {
        params.validate()?;
        let mut stop_words = Strings::default();
        for word in analysis.stop_words.words() {
            stop_words.insert(Key::of(word.as_bytes()));
        }
        let (mut terms, runs, memory) = (Tally::default(), Tally::default(), Memory::default());
        if let Some(fixed) = &limits.vocabulary {
            fixed.iter().for_each(|term| _ = terms.id(Key::of(term.as_bytes())));
            terms.closed = true;
        }
        Ok(Self { params, analysis, limits, stop_words, texts: 0, terms, runs, memory })
    }

    fn read(&mut self, text: &str) {
        let Self { analysis, stop_words, terms, runs, memory, .. } = self;
        let Memory { prepared, bounds, words, term } = memory;
        self.texts += 1;
        let number = self.texts;
        prepared.fill(text, analysis, None);
        let key = |start, end| Key::at(prepared.buffer(), start, end);
        if analysis.analyzer != Analyzer::Word {
            for_each_gram(prepared, analysis.analyzer, analysis.ngram_range, bounds, |start, end| {
                terms.add(key(start, end), number);
            });
            if analysis.analyzer == Analyzer::CharWb {
                prepared.for_each_run(|start, end| runs.add(key(start, end), number));
            }
            return;
        }
        words.clear();
        prepared.for_each_word(|start, end| {
            if stop_words.find(key(start, end)).is_none() {
                words.push((start, end));
            }
        });
        let (low, high) = analysis.ngram_range;
        for first in 0..words.len() {
            term.clear();
            for (n, &(start, end)) in (1..=high).zip(&words[first..]) {
                if n > 1 {
                    term.push(b' ');
                }
                term.extend_from_slice(&prepared.buffer()[start..end]);
                if n >= low {
                    terms.add(Key::of(term), number);
                }
            }
        }
    }

    fn add(&mut self, other: &Self) -> Result<()> {
        if self.analysis != other.analysis || self.limits != other.limits {
            return Err(Error::input(
                format!("{}: parts that were learned with other parameters", V::NAME),
                "make all parts from one estimator",
            ));
        }
        self.texts += other.texts;
        self.terms.merge(&other.terms);
        self.runs.merge(&other.runs);
        Ok(())
    }

    /// The parameters, the vocabulary, in how many texts each column occurs, and the number of texts.
    fn learned(self) -> Result<(V, Vocabulary, Vec<u64>, usize)> {
        let n = usize::try_from(self.texts).unwrap_or(usize::MAX);
        if n == 0 {
            return Err(no_texts(V::NAME));
        }
        let Tally { strings, totals, df, .. } = &self.terms;
        if let Some(fixed) = &self.limits.vocabulary {
            let found = |term: &String| strings.find(Key::of(term.as_bytes()));
            let df = fixed.iter().map(|term| found(term).map_or(0, |id| df[id as usize])).collect();
            let vocabulary = Vocabulary::new(&self.analysis, fixed.clone())?;
            return Ok((self.params, vocabulary, df, n));
        }
        let (low, high) = bounds(V::NAME, &self.limits, n)?;
        // The order of UTF-8's bytes is that of code points, and of `String`.
        let mut ids: Vec<u32> = (0..totals.len() as u32).collect();
        ids.sort_unstable_by(|&a, &b| strings.get(a).cmp(strings.get(b)));
        let sorted = |counts: &[u64]| ids.iter().map(|&id| counts[id as usize]).collect::<Vec<_>>();
        let df = sorted(df);
        let columns = choose(&self.limits, (low, high), &df, || sorted(totals));
        if columns.is_empty() {
            let all_fit = !prunes((low, high), n);
            return Err(match all_fit {
                true => nothing_found(V::NAME, &self.analysis),
                false => nothing_left(V::NAME, (low, high), n),
            });
        }
        let text = |column: u32| String::from_utf8_lossy(strings.get(ids[column as usize])).into_owned();
        let terms = columns.iter().map(|&column| text(column)).collect();
        let mut vocabulary = Vocabulary::new(&self.analysis, terms)?;
        let runs = corpus::most_frequent(&self.runs.strings, &self.runs.totals, corpus::REMEMBERED);
        vocabulary.remember(runs, &FitContext::default().serial());
        let df = columns.iter().map(|&column| df[column as usize]).collect();
        Ok((self.params, vocabulary, df, n))
    }
}

macro_rules! accumulators {
    ($($vectorizer:ty => $fitted:ty;)+) => {$(
        impl $vectorizer {
            /// Learns the vocabulary from a stream of texts, or from parts of one.
            ///
            /// # Errors
            /// Parameters out of their range.
            pub fn accumulator(&self) -> Result<VocabularyAccumulator<Self>> {
                VocabularyAccumulator::new(self.clone(), self.analysis(), self.limits())
            }
        }

        impl Accumulate<str> for VocabularyAccumulator<$vectorizer> {
            type Output = $fitted;

            fn observe(&mut self, text: &str) -> Result<()> {
                self.read(text);
                Ok(())
            }

            fn merge(&mut self, other: Self) -> Result<()> {
                self.add(&other)
            }

            fn finish(self) -> Result<$fitted> {
                let (params, vocabulary, df, texts) = self.learned()?;
                params.fitted(vocabulary, &df, texts)
            }
        }
    )+};
}

accumulators! {
    CountVectorizer => FittedCountVectorizer;
    Tfidf => FittedTfidf;
}

#[cfg(test)]
mod tests {
    use prompt_core::checks::accumulate::accumulator_check;
    use prompt_core::{Fit, Persist, TextLearner};

    use super::*;
    use crate::{Frequency, StopWords};

    const TEXTS: [&str; 12] = [
        "Please write a short story about the sea",
        "ein Gedicht über große Straßen",
        "the sea the sea the sea",
        "",
        "ΟΔΟΣ ΣΟΦΟΣ, cre\u{300}me bru\u{302}le\u{301}e for 12 guests?",
        "写一个例子。 the story",
        "a snake_case_and_a_very_long_identifier_of_more_than_sixteen_bytes",
        "Напиши код на Python, for example!",
        "Please write the code, please",
        "🙂 x",
        "İstanbul'da the short sea",
        "the story about the sea",
    ];

    /// A vocabulary learned from parts of a stream is the one learned from all texts, down to what is saved.
    #[test]
    fn a_stream_and_its_parts_teach_what_all_texts_teach() {
        fn check<V, F: Persist>(vectorizer: &V, new: fn(&V) -> Result<VocabularyAccumulator<V>>)
        where
            V: TextLearner<Fitted = F> + std::fmt::Debug,
            VocabularyAccumulator<V>: Accumulate<str, Output = F>,
        {
            let fresh = || new(vectorizer).unwrap();
            let same = |a: &F, b: &F| a.encode().unwrap() == b.encode().unwrap();
            assert_eq!(accumulator_check(fresh, &TEXTS, same), Ok(()), "{vectorizer:?}");
            let mut streamed = fresh();
            TEXTS.iter().for_each(|text| streamed.observe(text).unwrap());
            let fitted = vectorizer.fit(&TEXTS, &(), &FitContext::new(0)).unwrap();
            assert!(same(&fitted, &streamed.finish().unwrap()), "{vectorizer:?}");
        }
        let tfidf = Tfidf::default();
        let fixed = Some(vec!["sea".into(), "the".into(), "unseen".into()]);
        for tfidf in [
            tfidf.clone().ngram_range((1, 3)),
            tfidf.clone().ngram_range((1, 2)).max_features(Some(41)),
            tfidf.clone().ngram_range((2, 3)).stop_words(StopWords::English).min_df(Frequency::Count(2)),
            tfidf.clone().analyzer(Analyzer::CharWb).ngram_range((3, 5)).max_features(Some(300)),
            tfidf.clone().analyzer(Analyzer::Char).ngram_range((1, 4)).max_df(Frequency::Share(0.5)),
            tfidf.clone().binary(true).max_features(Some(20)).use_idf(false),
            tfidf.clone().vocabulary(fixed),
        ] {
            check(&tfidf, Tfidf::accumulator);
        }
        let count = CountVectorizer::default();
        for count in [count.clone().ngram_range((1, 2)), count.analyzer(Analyzer::CharWb).ngram_range((2, 9))]
        {
            check(&count, CountVectorizer::accumulator);
        }
        let mut one = tfidf.accumulator().unwrap();
        let error = one.merge(tfidf.clone().ngram_range((1, 2)).accumulator().unwrap()).unwrap_err();
        assert!(error.to_string().contains("other parameters"), "{error}");
        assert_eq!(
            one.finish().unwrap_err().to_string(),
            "tfidf: no texts to learn from; give at least one text"
        );
        let mut nothing = tfidf.accumulator().unwrap();
        nothing.observe("a b").unwrap();
        assert!(nothing.finish().unwrap_err().to_string().starts_with("tfidf: empty vocabulary: "));
        assert!(tfidf.clone().max_features(Some(0)).accumulator().is_err());
    }
}
