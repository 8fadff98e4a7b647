//! Which decoder reads which kind. Crates fill it; the registry and the command line use it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Artifact, Node};
use crate::chain::{self, FittedChain};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::scorer::{MappedScorer, Scorer, TextScorer};
use crate::text::{Featurizer, TextMap};
use crate::union::{self, FittedUnion};

/// A decoded part, by what it can do.
#[derive(Clone)]
#[non_exhaustive]
pub enum Loaded {
    /// Text to text.
    Map(Arc<dyn TextMap>),
    /// Text to numbers.
    Features(Arc<dyn Featurizer>),
    /// Numbers to a prediction.
    Model(Arc<dyn Model>),
    /// Records to heads.
    Scorer(Arc<dyn Scorer>),
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map(_) => "Loaded::Map",
            Self::Features(_) => "Loaded::Features",
            Self::Model(_) => "Loaded::Model",
            Self::Scorer(_) => "Loaded::Scorer",
        })
    }
}

type Decoder = Arc<dyn Fn(&Node, &Catalog) -> Result<Loaded> + Send + Sync>;

/// Decoders by kind.
#[derive(Clone, Default)]
pub struct Catalog {
    decoders: BTreeMap<String, Decoder>,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.decoders.keys()).finish()
    }
}

impl Catalog {
    /// A catalog that knows chains and unions.
    pub fn new() -> Self {
        let mut catalog = Self::default();
        catalog.insert(chain::KIND, decode_chain);
        catalog.features::<FittedUnion<Arc<dyn Featurizer>>>(union::KIND);
        catalog
    }

    /// Adds a text map.
    pub fn map<T: TextMap + Artifact + 'static>(&mut self, kind: &str) -> &mut Self {
        self.insert(kind, |node, catalog| Ok(Loaded::Map(Arc::new(T::decode(node, catalog)?))))
    }

    /// Adds features.
    pub fn features<T: Featurizer + Artifact + 'static>(&mut self, kind: &str) -> &mut Self {
        self.insert(kind, |node, catalog| Ok(Loaded::Features(Arc::new(T::decode(node, catalog)?))))
    }

    /// Adds a model.
    pub fn model<T: Model + Artifact + 'static>(&mut self, kind: &str) -> &mut Self {
        self.insert(kind, |node, catalog| Ok(Loaded::Model(Arc::new(T::decode(node, catalog)?))))
    }

    /// Adds a scorer.
    pub fn scorer<T: Scorer + Artifact + 'static>(&mut self, kind: &str) -> &mut Self {
        self.insert(kind, |node, catalog| Ok(Loaded::Scorer(Arc::new(T::decode(node, catalog)?))))
    }

    /// Adds a scorer that is read by this function, which may know more than the node: a device, for example.
    pub fn scorer_by(
        &mut self,
        kind: &str,
        decode: impl Fn(&Node, &Self) -> Result<Arc<dyn Scorer>> + Send + Sync + 'static,
    ) -> &mut Self {
        self.insert(kind, move |node, catalog| decode(node, catalog).map(Loaded::Scorer))
    }

    fn insert(
        &mut self,
        kind: &str,
        decoder: impl Fn(&Node, &Self) -> Result<Loaded> + Send + Sync + 'static,
    ) -> &mut Self {
        self.decoders.insert(kind.to_owned(), Arc::new(decoder));
        self
    }

    /// The kinds it reads.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.decoders.keys().map(String::as_str)
    }

    /// Decodes a part of any kind.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a kind without a decoder, else what the decoder found.
    pub fn decode(&self, node: &Node) -> Result<Loaded> {
        let decoder = self
            .decoders
            .get(node.kind())
            .ok_or_else(|| Error::unknown("artifact kind", node.kind(), self.kinds()))?;
        decoder(node, self)
    }

    /// Decodes a whole pipeline.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and when the part is no scorer.
    pub fn decode_scorer(&self, node: &Node) -> Result<Arc<dyn Scorer>> {
        match self.decode(node)? {
            Loaded::Scorer(scorer) => Ok(scorer),
            other => Err(wrong(node, &other, "a pipeline that scores records")),
        }
    }
}

fn wrong(node: &Node, found: &Loaded, wanted: &str) -> Error {
    Error::artifact(
        node.kind(),
        format!("expected {wanted}, found {found:?}"),
        "name the folder of a whole pipeline",
    )
}

/// What a chain is depends on what its halves are.
fn decode_chain(node: &Node, catalog: &Catalog) -> Result<Loaded> {
    node.expect(chain::KIND, 1)?;
    let first = catalog.decode(node.get_child("first")?)?;
    let second = catalog.decode(node.get_child("second")?)?;
    Ok(match (first, second) {
        (Loaded::Map(a), Loaded::Map(b)) => Loaded::Map(Arc::new(FittedChain::new(a, b))),
        (Loaded::Map(a), Loaded::Features(b)) => Loaded::Features(Arc::new(FittedChain::new(a, b))),
        (Loaded::Map(a), Loaded::Scorer(b)) => Loaded::Scorer(Arc::new(MappedScorer::new(a, b))),
        (Loaded::Features(a), Loaded::Model(b)) => {
            check_width(node, &*a, &*b)?;
            Loaded::Scorer(Arc::new(TextScorer::new(FittedChain::new(a, b))))
        }
        (first, second) => {
            return Err(Error::artifact(
                node.kind(),
                format!("{first:?} cannot be followed by {second:?}"),
                "the file is damaged; save the model again",
            ));
        }
    })
}

fn check_width(node: &Node, features: &dyn Featurizer, model: &dyn Model) -> Result<()> {
    if features.width() == model.n_features() {
        return Ok(());
    }
    Err(Error::artifact(
        node.kind(),
        format!("the features have {} columns, the model {}", features.width(), model.n_features()),
        "the file is damaged; save the model again",
    ))
}

macro_rules! through_catalog {
    ($trait:ident, $variant:ident, $wanted:literal) => {
        impl Artifact for Arc<dyn $trait> {
            fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
                match catalog.decode(node)? {
                    Loaded::$variant(part) => Ok(part),
                    other => Err(wrong(node, &other, $wanted)),
                }
            }
        }
    };
}

through_catalog!(TextMap, Map, "a stage from text to text");
through_catalog!(Featurizer, Features, "a stage from text to numbers");
through_catalog!(Model, Model, "a model");
