//! The object-safe edge: what a server, a registry or a command line holds, whatever is inside.

use std::sync::Arc;

use crate::artifact::{Node, Persist};
use crate::chain::FittedChain;
use crate::error::{Error, Result};
use crate::matrix::{Matrix, SparseRow};
use crate::model::{Model, predict};
use crate::prediction::{Output, Prediction};
use crate::scratch::Scratch;
use crate::table::Table;
use crate::text::{Featurizer, TextMap, Texts, map_texts};

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

    /// Whether [`score`](Self::score) is faster for many texts than [`score_text`](Self::score_text) for one after another: an
    /// encoder's is, which forms its own batches and shares them among threads.
    fn in_batches(&self) -> bool {
        false
    }

    /// The features this scorer reads, where it has them.
    fn features(&self) -> Option<&dyn Featurizer> {
        None
    }

    /// The model behind the features, where there is one.
    fn model(&self) -> Option<&dyn Model> {
        None
    }

    /// What whoever opened it should be told: what of a file is not used, for example.
    fn notices(&self) -> &[String] {
        &[]
    }

    /// The columns that the model behind the features reads of these records: one row a record.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is no such model or it reads no such batch, and as [`score`](Self::score).
    fn columns(&self, _batch: Batch<'_>) -> Result<Matrix> {
        Err(Error::unsupported(
            "this scorer",
            "columns: it has no model behind features",
            "take a model that was trained on columns",
        ))
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
        Ok(vec![predict(self.chain.second(), &self.columns(batch)?)?])
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

    fn columns(&self, batch: Batch<'_>) -> Result<Matrix> {
        let Batch::Texts(texts) = batch else {
            return Err(Error::unsupported("a text scorer", "this kind of batch", "give it texts"));
        };
        self.chain.first().featurize(texts)
    }
}

impl<F: Persist, M: Persist> Persist for TextScorer<F, M> {
    fn kind(&self) -> &'static str {
        self.chain.kind()
    }

    fn encode(&self) -> Result<Node> {
        self.chain.encode()
    }
}

impl<F: Featurizer + 'static, M: Model + 'static> From<FittedChain<F, M>> for Arc<dyn Scorer> {
    fn from(chain: FittedChain<F, M>) -> Self {
        Arc::new(TextScorer::new(chain))
    }
}

/// Text → text → heads: a map before a scorer that reads texts itself, such as a network.
///
/// ```
/// # use prompt_core::{Batch, Classes, Dense, Error, Head, Output, Persist, Prediction, Result, Scorer, Scratch, TextMap};
/// # use prompt_core::artifact::Node;
/// # use std::sync::Arc;
/// # struct Length([Head; 1]);
/// # impl Persist for Length {
/// #     fn kind(&self) -> &'static str { "length" }
/// #     fn encode(&self) -> Result<Node> { Ok(Node::new("length", 1)) }
/// # }
/// # impl Scorer for Length {
/// #     fn heads(&self) -> &[Head] { &self.0 }
/// #     fn score(&self, _: Batch<'_>) -> Result<Vec<Prediction>> { Err(Error::Cancelled) }
/// #     fn score_text(&self, text: &str, _: &mut Scratch, out: &mut [f64]) -> Result<()> {
/// #         out[0] = text.len() as f64;
/// #         Ok(())
/// #     }
/// # }
/// # struct Trim;
/// # impl Persist for Trim {
/// #     fn kind(&self) -> &'static str { "trim" }
/// #     fn encode(&self) -> Result<Node> { Ok(Node::new("trim", 1)) }
/// # }
/// # impl TextMap for Trim {
/// #     fn map_text<'a>(&self, text: &'a str, _: &'a mut Scratch) -> &'a str { text.trim() }
/// #     fn original_range(&self, _: &str, mapped: std::ops::Range<usize>) -> std::ops::Range<usize> { mapped }
/// # }
/// # let length = Length([Head { name: "score".into(), output: Output::Values(vec!["score".into()]) }]);
/// use prompt_core::MappedScorer;
/// let scorer = MappedScorer::new(Arc::new(Trim), Arc::new(length)); // says how long a text is
/// let mut out = [0.0];
/// scorer.score_text("  four ", &mut Scratch::new(), &mut out)?;
/// assert_eq!(out, [4.0]);
/// # Ok::<(), Error>(())
/// ```
pub struct MappedScorer {
    chain: FittedChain<Arc<dyn TextMap>, Arc<dyn Scorer>>,
}

impl MappedScorer {
    /// `map`, then `scorer`.
    pub fn new(map: Arc<dyn TextMap>, scorer: Arc<dyn Scorer>) -> Self {
        Self { chain: FittedChain::new(map, scorer) }
    }

    /// What changes the text.
    pub fn map(&self) -> &Arc<dyn TextMap> {
        self.chain.first()
    }

    /// What reads the changed text.
    pub fn scorer(&self) -> &Arc<dyn Scorer> {
        self.chain.second()
    }
}

/// What scoring one mapped text keeps between calls.
#[derive(Default)]
struct MappedScratch {
    map: Scratch,
    scorer: Scratch,
}

impl Scorer for MappedScorer {
    fn heads(&self) -> &[Head] {
        self.scorer().heads()
    }

    fn score(&self, batch: Batch<'_>) -> Result<Vec<Prediction>> {
        let Batch::Texts(texts) = batch else {
            return Err(Error::unsupported("a text scorer", "this kind of batch", "give it texts"));
        };
        let texts = map_texts(&**self.map(), texts);
        self.scorer().score(Batch::Texts(&texts))
    }

    fn score_text(&self, text: &str, scratch: &mut Scratch, out: &mut [f64]) -> Result<()> {
        let MappedScratch { map, scorer } = scratch.get();
        self.scorer().score_text(self.map().map_text(text, map), scorer, out)
    }

    fn in_batches(&self) -> bool {
        self.scorer().in_batches()
    }

    fn notices(&self) -> &[String] {
        self.scorer().notices()
    }
}

impl Persist for MappedScorer {
    fn kind(&self) -> &'static str {
        self.chain.kind()
    }

    fn encode(&self) -> Result<Node> {
        self.chain.encode()
    }
}
