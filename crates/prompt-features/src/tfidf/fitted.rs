//! What was learned: the terms and their idf.

use std::borrow::Cow;
use std::ops::Range;

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Error, Featurizer, Names, Params, Result, Scratch, SparseRow, transform_by_featurizing};

use super::Tfidf;
use crate::vocabulary::{Vocabulary, Workspace};
use crate::weight::Weighting;

pub(crate) const KIND: &str = "tfidf";

/// A fitted [`Tfidf`].
#[derive(Debug, Clone)]
pub struct FittedTfidf {
    params: Tfidf,
    vocabulary: Vocabulary,
    weighting: Weighting,
}

impl FittedTfidf {
    pub(super) fn new(params: Tfidf, vocabulary: Vocabulary, idf: Vec<f64>) -> Self {
        let weighting =
            Weighting { binary: params.binary, sublinear_tf: params.sublinear_tf, idf, norm: params.norm };
        Self { params, vocabulary, weighting }
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(super) fn weighting(&self) -> &Weighting {
        &self.weighting
    }

    /// The terms in the order of their columns.
    pub fn terms(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.vocabulary.names().iter()
    }

    /// The idf of each column; empty without `use_idf`.
    pub fn idf(&self) -> &[f64] {
        &self.weighting.idf
    }
}

impl Featurizer for FittedTfidf {
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

transform_by_featurizing!(FittedTfidf);

impl Persist for FittedTfidf {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let node = Node::new(KIND, 1).meta(&self.params)?.f64s("idf", self.weighting.idf.clone());
        Ok(self.vocabulary.encode_terms(node))
    }
}

impl Artifact for FittedTfidf {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let params: Tfidf = node.get_meta()?;
        params.validate()?;
        let vocabulary = Vocabulary::decode_terms(&params.analysis(), node)?;
        let len = if params.use_idf { vocabulary.names().len() } else { 0 };
        let idf = node.get_f64s("idf", Some(len))?.to_vec();
        if let Some(bad) = idf.iter().find(|idf| !(idf.is_finite() && **idf > 0.0)) {
            return Err(Error::artifact(
                KIND,
                format!("an idf of {bad} is not a positive number"),
                "the file is damaged; save the model again",
            ));
        }
        Ok(Self::new(params, vocabulary, idf))
    }
}
