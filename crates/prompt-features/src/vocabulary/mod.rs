//! The terms of a fitted vectoriser: learning them, finding them in a text, counting them.
//!
//! ```text
//! texts --learn--> terms and how often each occurs --select--> Vocabulary
//! text  --Prepared--> words or n-grams of characters --Vocabulary--> columns --ColumnCounter--> counts by column
//! ```

mod counts;
mod fit;
mod grams;
mod learn;
mod limits;
mod words;

pub(crate) use counts::Counts;
pub(crate) use fit::fit;
pub use limits::Frequency;
pub(crate) use limits::{FREQUENCY, Limits};

use std::ops::Range;

use prompt_core::artifact::Node;
use prompt_core::{Error, Names, Result, SparseRow};

use crate::table::ColumnCounter;
use crate::text::{Analysis, Analyzer, Origins, Prepared};
use crate::weight::Weighting;
use grams::GramIndex;
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

    /// Adds the terms to a saved vectoriser.
    pub(crate) fn encode_terms(&self, node: Node) -> Node {
        node.strings("terms", self.names.iter())
    }

    /// Reads back what [`encode_terms`](Self::encode_terms) wrote.
    ///
    /// # Errors
    /// [`Error::Artifact`] when the terms are damaged.
    pub(crate) fn decode_terms(analysis: &Analysis, node: &Node) -> Result<Self> {
        Self::new(analysis, node.get_strings("terms")?).map_err(|e| {
            Error::artifact(node.kind(), e.to_string(), "the file is damaged; save the model again")
        })
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

fn given_twice(term: &str) -> Error {
    Error::input(format!("vocabulary: the term `{term}` is given twice"), "give each term once")
}
