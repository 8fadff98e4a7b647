//! The terms of a fitted vectoriser: learning them, finding them in a text, counting them.
//!
//! ```text
//! texts --learn--> terms and how often each occurs --select--> Vocabulary
//! text  --Prepared--> words or n-grams of characters --Vocabulary--> columns --ColumnCounter--> counts by column
//! ```

mod corpus;
mod counts;
mod fit;
mod grams;
mod learn;
mod limits;
mod stream;
mod words;

pub(crate) use corpus::blocks;
pub(crate) use counts::Counts;
pub(crate) use fit::fit;
pub use limits::Frequency;
pub(crate) use limits::{FREQUENCY, Limits};
pub use stream::VocabularyAccumulator;

use std::ops::Range;

use prompt_core::artifact::Node;
use prompt_core::{Error, FitContext, Names, Result, SparseRow};

use crate::table::{ColumnCounter, Key, Strings};
use crate::text::{Analysis, Analyzer, Origins, Prepared};
use crate::weight::Weighting;
use corpus::Corpus;
use grams::{GramIndex, WordGrams};
use words::WordIndex;

/// "No column", "no word".
pub(crate) const NONE: u32 = u32::MAX;

/// Terms, their columns, and how texts are cut into them.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    analysis: Analysis,
    names: Names,
    index: Index,
}

#[derive(Debug, Clone)]
enum Index {
    Words(WordIndex),
    Grams(GramIndex),
}

/// What counting one text needs besides the vocabulary.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) text: Prepared,
    pub(crate) tokens: Vec<u32>,
    pub(crate) bounds: Vec<usize>,
    pub(crate) counter: ColumnCounter,
    /// Counts of the last text by rising column.
    pub(crate) columns: Vec<u32>,
    pub(crate) counts: Vec<i32>,
    pub(crate) values: Vec<f64>,
}

impl Workspace {
    /// Moves the counter's sums to `columns` and `counts`; sums of zero go unless `zeros` stay.
    #[inline]
    pub(crate) fn drain(&mut self, zeros: bool) {
        let Self { counter, columns, counts, .. } = self;
        columns.clear();
        counts.clear();
        counter.drain(|column, n| {
            if n != 0 || zeros {
                columns.push(column);
                counts.push(n);
            }
        });
    }

    /// Puts the drained counts into `row` as `weighting` values them.
    #[inline]
    pub(crate) fn append_row(&mut self, weighting: &Weighting, offset: u32, row: &mut SparseRow) {
        weighting.weigh(&self.columns, &self.counts, &mut self.values);
        row.indices.extend(self.columns.iter().map(|&column| offset + column));
        row.values.extend(self.values.iter().map(|&v| v as f32));
    }
}

impl Vocabulary {
    /// These terms in this order.
    ///
    /// # Errors
    /// [`Error::Input`] for a term given twice, or too many.
    pub(crate) fn new(analysis: &Analysis, terms: Vec<String>) -> Result<Self> {
        if terms.len() >= NONE as usize {
            return Err(Error::input("a vocabulary of 2^32 terms or more", "set max_features"));
        }
        let index = match analysis.analyzer {
            Analyzer::Word => Index::Words(WordIndex::new(analysis, &terms)?),
            Analyzer::Char | Analyzer::CharWb => Index::Grams(GramIndex::new(&terms)?),
        };
        Ok(Self { analysis: analysis.clone(), names: Names::list(terms), index })
    }

    /// The terms in the order of their columns.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Counts the terms of `text` into `work.columns` and `work.counts`.
    #[inline]
    pub(crate) fn count(&self, text: &str, work: &mut Workspace) {
        work.text.fill(text, &self.analysis, None);
        work.counter.prepare(self.names.len());
        match &self.index {
            Index::Words(index) => index.count(work),
            Index::Grams(index) => index.count(&self.analysis, work),
        }
        work.drain(false);
    }

    /// What counts the texts of `corpus` without cutting them again.
    pub(crate) fn token_counter(&self, corpus: &Corpus, ctx: &FitContext) -> TokenCounter<'_> {
        match &self.index {
            Index::Words(index) => TokenCounter::Words(index, index.translate(&corpus.words)),
            Index::Grams(index) => TokenCounter::Grams(index.grams_of(&self.analysis, &corpus.words, ctx)),
        }
    }

    /// Looks up the n-grams of these words once and for all, where words are cut apart.
    pub(crate) fn remember(&mut self, words: Strings, ctx: &FitContext) {
        if let Index::Grams(index) = &mut self.index {
            index.remember(words, &self.analysis, ctx);
        }
    }

    /// Adds the terms to a saved vectoriser.
    pub(crate) fn encode_terms(&self, node: Node) -> Node {
        let node = node.strings("terms", self.names.iter());
        match &self.index {
            Index::Words(_) => node,
            Index::Grams(index) => node.strings("frequent_words", index.frequent().iter()),
        }
    }

    /// Reads back what [`encode_terms`](Self::encode_terms) wrote.
    ///
    /// # Errors
    /// [`Error::Artifact`] when the terms are damaged.
    pub(crate) fn decode_terms(analysis: &Analysis, node: &Node) -> Result<Self> {
        let mut vocabulary = Self::new(analysis, node.get_strings("terms")?).map_err(|e| {
            Error::artifact(node.kind(), e.to_string(), "the file is damaged; save the model again")
        })?;
        if let Index::Grams(index) = &mut vocabulary.index {
            let mut words = Strings::default();
            for word in node.get_strings("frequent_words")? {
                words.insert(Key::of(word.as_bytes()));
            }
            index.remember(words, analysis, &FitContext::default().serial());
        }
        Ok(vocabulary)
    }

    /// Calls `visit(column, range of text)` for every term of `text`.
    pub(crate) fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        let (mut prepared, mut origins) = (Prepared::default(), Origins::default());
        prepared.fill(text, &self.analysis, Some(&mut origins));
        let mut found = |column, start, end| visit(column, origins.original(start..end));
        match &self.index {
            Index::Words(index) => index.visit(&prepared, &mut found),
            Index::Grams(index) => index.visit(&self.analysis, &prepared, &mut found),
        }
    }
}

/// Counts texts that were read into a [`Corpus`].
#[derive(Debug)]
pub(crate) enum TokenCounter<'a> {
    /// The index, and its ids of the corpus's words.
    Words(&'a WordIndex, Vec<u32>),
    Grams(WordGrams),
}

impl TokenCounter<'_> {
    /// Counts one text into `work.columns` and `work.counts`.
    #[inline]
    pub(crate) fn count(&self, ids: &[u32], work: &mut Workspace) {
        match self {
            Self::Words(index, own) => {
                work.tokens.clear();
                work.tokens.extend(ids.iter().map(|&id| own[id as usize]));
                index.count_tokens(&work.tokens, &mut work.counter);
            }
            Self::Grams(grams) => {
                ids.iter().flat_map(|&id| grams.of(id)).for_each(|&column| work.counter.add(column, 1));
            }
        }
        work.drain(false);
    }
}

fn given_twice(term: &str) -> Error {
    Error::input(format!("vocabulary: the term `{term}` is given twice"), "give each term once")
}
