//! From texts to hashed counts.

use std::ops::Range;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Featurizer, Names, Params, Result, Scratch, SparseRow, transform_by_featurizing};

use super::HashingVectorizer;
use crate::table::{Key, Strings, murmur3};
use crate::text::{Analysis, Analyzer, Origins, Prepared, for_each_gram};
use crate::vocabulary::Workspace;
use crate::weight::Weighting;

pub(crate) const KIND: &str = "hashing_vectorizer";

/// A [`HashingVectorizer`] that is ready to work.
#[derive(Debug, Clone)]
pub struct FittedHashingVectorizer {
    params: HashingVectorizer,
    analysis: Analysis,
    stop_words: Strings,
    weighting: Weighting,
    names: Names,
}

/// What one text needs.
#[derive(Debug, Default)]
pub(super) struct HashingWorkspace {
    counts: Workspace,
    terms: Terms,
    row: SparseRow,
}

/// The words of a text, and n-grams of them that do not stand in the text as they are.
#[derive(Debug, Default)]
struct Terms {
    words: Vec<Word>,
    joined: Vec<u8>,
}

/// Where a word stands in the prepared text.
#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    /// The first word from which there is only one space between words up to this one.
    run: usize,
}

impl FittedHashingVectorizer {
    pub(super) fn new(params: HashingVectorizer) -> Self {
        let analysis = params.analysis();
        let mut stop_words = Strings::default();
        for word in analysis.stop_words.words() {
            stop_words.insert(Key::of(word.as_bytes()));
        }
        let weighting =
            Weighting { binary: params.binary, sublinear_tf: false, idf: Vec::new(), norm: params.norm };
        let names = Names::numbered("hash_", params.n_features);
        Self { params, analysis, stop_words, weighting, names }
    }

    pub(super) fn workspace(&self) -> HashingWorkspace {
        HashingWorkspace::default()
    }

    /// Column and sign of the term `buffer[start..end]`.
    #[inline]
    fn column(&self, buffer: &[u8], start: usize, end: usize) -> (u32, i32) {
        let hash = murmur3(buffer, start, end).cast_signed();
        let n = self.params.n_features as u32;
        // A remainder takes longer than the hash; for powers of two it is a mask.
        let column = if n & (n - 1) == 0 { hash.unsigned_abs() & (n - 1) } else { hash.unsigned_abs() % n };
        (column, if self.params.alternate_sign && hash < 0 { -1 } else { 1 })
    }

    /// Calls `visit(column, sign, start, end)` for each term of a prepared text.
    #[inline]
    fn each_term(
        &self,
        text: &Prepared,
        bounds: &mut Vec<usize>,
        terms: &mut Terms,
        mut visit: impl FnMut(u32, i32, usize, usize),
    ) {
        if self.analysis.analyzer != Analyzer::Word {
            return for_each_gram(
                text,
                self.analysis.analyzer,
                self.analysis.ngram_range,
                bounds,
                |start, end| {
                    let (column, sign) = self.column(text.buffer(), start, end);
                    visit(column, sign, start, end);
                },
            );
        }
        let (buffer, Terms { words, joined }) = (text.buffer(), terms);
        words.clear();
        text.for_each_word(|start, end| {
            if self.stop_words.len() > 0 && self.stop_words.find(Key::at(buffer, start, end)).is_some() {
                return;
            }
            let run = match words.last() {
                Some(last) if last.end + 1 == start && buffer[last.end] == b' ' => last.run,
                _ => words.len(),
            };
            words.push(Word { start, end, run });
        });
        let (low, high) = self.analysis.ngram_range;
        for n in low..=high.min(words.len()) {
            for (i, gram) in words.windows(n).enumerate() {
                let (Some(first), Some(last)) = (gram.first(), gram.last()) else { continue };
                let (column, sign) = if last.run <= i {
                    self.column(buffer, first.start, last.end)
                } else {
                    joined.clear();
                    for word in gram {
                        joined.extend_from_slice(&buffer[word.start..word.end]);
                        joined.push(b' ');
                    }
                    self.column(joined, 0, joined.len() - 1)
                };
                visit(column, sign, first.start, last.end);
            }
        }
    }

    /// The row of `text`.
    pub(super) fn row<'a>(&self, text: &str, work: &'a mut HashingWorkspace) -> &'a SparseRow {
        work.row.clear();
        let HashingWorkspace { counts, terms, row } = work;
        self.append(text, 0, counts, terms, row);
        row
    }

    #[inline]
    fn append(
        &self,
        text: &str,
        offset: u32,
        counts: &mut Workspace,
        terms: &mut Terms,
        row: &mut SparseRow,
    ) {
        counts.text.fill(text, &self.analysis, None);
        counts.counter.prepare(self.params.n_features);
        let Workspace { text, bounds, counter, .. } = counts;
        self.each_term(text, bounds, terms, |column, sign, _, _| counter.add(column, sign));
        counts.drain(self.params.binary);
        counts.append_row(&self.weighting, offset, row);
    }
}

impl Featurizer for FittedHashingVectorizer {
    fn names(&self) -> &Names {
        &self.names
    }

    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let HashingWorkspace { counts, terms, .. } = scratch.get();
        self.append(text, offset, counts, terms, row);
    }

    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        let (mut prepared, mut origins) = (Prepared::default(), Origins::default());
        prepared.fill(text, &self.analysis, Some(&mut origins));
        let inside = self.analysis.analyzer == Analyzer::CharWb;
        self.each_term(&prepared, &mut Vec::new(), &mut Terms::default(), |column, _, start, end| {
            let range = if inside { prepared.without_spaces(start, end) } else { start..end };
            if !range.is_empty() {
                visit(column, origins.original(range));
            }
        });
    }
}

transform_by_featurizing!(FittedHashingVectorizer);

impl Persist for FittedHashingVectorizer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Node::new(KIND, 1).meta(&self.params)
    }
}

impl Artifact for FittedHashingVectorizer {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let params: HashingVectorizer = node.get_meta()?;
        params.validate()?;
        Ok(Self::new(params))
    }
}
