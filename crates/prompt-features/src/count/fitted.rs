//! What was learned: the terms.

use std::borrow::Cow;
use std::ops::Range;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Featurizer, Names, Params, Result, Scratch, SparseRow, transform_by_featurizing};

use super::CountVectorizer;
use crate::vocabulary::{Vocabulary, Workspace};
use crate::weight::Weighting;

pub(crate) const KIND: &str = "count_vectorizer";

/// A fitted [`CountVectorizer`].
#[derive(Debug, Clone)]
pub struct FittedCountVectorizer {
    params: CountVectorizer,
    vocabulary: Vocabulary,
    weighting: Weighting,
}

impl FittedCountVectorizer {
    pub(super) fn new(params: CountVectorizer, vocabulary: Vocabulary) -> Self {
        let weighting = params.weighting();
        Self { params, vocabulary, weighting }
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The terms in the order of their columns.
    pub fn terms(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.vocabulary.names().iter()
    }
}

impl Featurizer for FittedCountVectorizer {
    fn names(&self) -> &Names {
        self.vocabulary.names()
    }

    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let work: &mut Workspace = scratch.get();
        self.vocabulary.count(text, work);
        work.append_row(&self.weighting, offset, row);
    }

    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        self.vocabulary.visit_spans(text, visit);
    }
}

transform_by_featurizing!(FittedCountVectorizer);

impl Persist for FittedCountVectorizer {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(self.vocabulary.encode_terms(Node::new(KIND, 1).meta(&self.params)?))
    }
}

impl Artifact for FittedCountVectorizer {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let params: CountVectorizer = node.get_meta()?;
        params.validate()?;
        let vocabulary = Vocabulary::decode_terms(&params.analysis(), node)?;
        Ok(Self::new(params, vocabulary))
    }
}
