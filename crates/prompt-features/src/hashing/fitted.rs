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

/// The words of a text with one space between them, so that every n-gram is a stretch of bytes.
#[derive(Debug, Default)]
struct Terms {
    joined: Vec<u8>,
    /// Of each word, its place in `joined` and in the prepared text.
    places: Vec<(Range<usize>, Range<usize>)>,
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

    /// Column and sign of a term.
    #[inline]
    fn column(&self, term: &[u8]) -> (u32, i32) {
        let hash = murmur3(term).cast_signed();
        let column = hash.unsigned_abs() % self.params.n_features as u32;
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
                    let (column, sign) = self.column(&text.buffer()[start..end]);
                    visit(column, sign, start, end);
                },
            );
        }
        let Terms { joined, places } = terms;
        joined.clear();
        places.clear();
        text.for_each_word(|start, end| {
            if self.stop_words.len() > 0 && self.stop_words.find(Key::at(text.buffer(), start, end)).is_some()
            {
                return;
            }
            let from = joined.len();
            joined.extend_from_slice(&text.buffer()[start..end]);
            places.push((from..joined.len(), start..end));
            joined.push(b' ');
        });
        let (low, high) = self.analysis.ngram_range;
        for n in low..=high.min(places.len()) {
            for (first, last) in places.iter().zip(places.iter().skip(n - 1)) {
                let (column, sign) = self.column(&joined[first.0.start..last.0.end]);
                visit(column, sign, first.1.start, last.1.end);
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
