//! The object-safe edge: what a server, a registry or a command line holds, whatever is inside.

use std::sync::Arc;

use crate::artifact::Persist;
use crate::chain::FittedChain;
use crate::error::{Error, Result};
use crate::matrix::SparseRow;
use crate::model::{Model, predict};
use crate::prediction::{Output, Prediction};
use crate::scratch::Scratch;
use crate::table::Table;
use crate::text::{Featurizer, Texts};

/// One named output of a scorer (`class`, `score`, `intent`, `complexity`, …).
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// What its numbers mean.
    pub output: Output,
}

/// A batch of records.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Batch<'a> {
    /// One text a record.
    Texts(&'a dyn Texts),
    /// All messages of one person a record.
    Messages(&'a [Vec<String>]),
    /// One table row a record.
    Table(&'a Table),
}

impl Batch<'_> {
    /// Number of records.
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.count(),
            Self::Messages(people) => people.len(),
            Self::Table(table) => table.rows(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Records in, named heads out. Object-safe: `Arc<dyn Scorer>` is what applications keep.
pub trait Scorer: Persist + Send + Sync {
    /// The heads, in the order in which their predictions come.
    fn heads(&self) -> &[Head];

    /// One prediction a head, each with one row a record.
    ///
    /// # Errors
    /// A kind of batch that this scorer does not read, or data it cannot work with.
    fn score(&self, batch: Batch<'_>) -> Result<Vec<Prediction>>;

    /// Scores one text: the numbers of all heads one after another into `out`. Allocates nothing once `scratch`
    /// is warm.
    ///
    /// # Errors
    /// [`Error::Shape`] when `out` has not as many numbers as the heads together, or the scorer reads no text.
    fn score_text(&self, text: &str, scratch: &mut Scratch, out: &mut [f64]) -> Result<()>;

    /// The features this scorer reads, where it has them.
    fn features(&self) -> Option<&dyn Featurizer> {
        None
    }

    /// The model behind the features, where there is one.
    fn model(&self) -> Option<&dyn Model> {
        None
    }
}

/// Texts → features → model, with one head.
pub struct TextScorer<F, M> {
    chain: FittedChain<F, M>,
    heads: [Head; 1],
}

impl<F: Featurizer, M: Model> TextScorer<F, M> {
    /// The chain as a scorer; its head is called `class` for a classifier, `score` for a regressor.
    pub fn new(chain: FittedChain<F, M>) -> Self {
        let output = chain.second().output().clone();
        let name = if output.classes().is_some() { "class" } else { "score" };
        Self { chain, heads: [Head { name: name.into(), output }] }
    }

    /// The chain.
    pub fn chain(&self) -> &FittedChain<F, M> {
        &self.chain
    }
}

/// What scoring one text keeps between calls.
#[derive(Default)]
struct RowScratch {
    row: SparseRow,
    features: Scratch,
    model: Scratch,
}

impl<F: Featurizer, M: Model> Scorer for TextScorer<F, M> {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn score(&self, batch: Batch<'_>) -> Result<Vec<Prediction>> {
        let Batch::Texts(texts) = batch else {
            return Err(Error::unsupported("a text scorer", "this kind of batch", "give it texts"));
        };
        let x = self.chain.first().featurize(texts)?;
        Ok(vec![predict(self.chain.second(), &x)?])
    }

    fn score_text(&self, text: &str, scratch: &mut Scratch, out: &mut [f64]) -> Result<()> {
        let width = self.chain.second().output().width();
        if out.len() != width {
            return Err(Error::shape("numbers in `out`", width, out.len()));
        }
        let RowScratch { row, features, model } = scratch.get();
        row.clear();
        self.chain.first().append_row(text, 0, features, row);
        self.chain.second().score_row(row.view(), model, out);
        Ok(())
    }

    fn features(&self) -> Option<&dyn Featurizer> {
        Some(self.chain.first())
    }

    fn model(&self) -> Option<&dyn Model> {
        Some(self.chain.second())
    }
}

impl<F: Persist, M: Persist> Persist for TextScorer<F, M> {
    fn kind(&self) -> &'static str {
        self.chain.kind()
    }

    fn encode(&self) -> Result<crate::artifact::Node> {
        self.chain.encode()
    }
}

impl<F: Featurizer + 'static, M: Model + 'static> From<FittedChain<F, M>> for Arc<dyn Scorer> {
    fn from(chain: FittedChain<F, M>) -> Self {
        Arc::new(TextScorer::new(chain))
    }
}
