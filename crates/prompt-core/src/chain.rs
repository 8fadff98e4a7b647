//! `a.then(b)`: one estimator out of two. A fitted chain is itself a fitted stage or model.

use std::ops::Range;
use std::sync::Arc;

use crate::artifact::{Artifact, Catalog, Node, Persist};
use crate::context::FitContext;
use crate::error::Result;
use crate::estimator::{Fit, FitTransform, Predict, Transform};
use crate::matrix::{Names, SparseRow};
use crate::param::Params;
use crate::prediction::Prediction;
use crate::scratch::Scratch;
use crate::text::{Featurizer, TextEstimator, TextMap};
use crate::union::Union;

/// Two stages, unfitted.
///
/// The pipeline that is written in code and the one that is read from a configuration are both this type; the
/// latter has `Box<dyn …>` inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain<A, B> {
    first: A,
    second: B,
}

impl<A, B> Chain<A, B> {
    /// `first`, then `second`.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }

    /// The first stage.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The second stage.
    pub fn second(&self) -> &B {
        &self.second
    }
}

/// `a.then(b)` for everything that can stand at the start of a chain.
pub trait Then: Sized {
    /// This, then `next` on what this makes of the data.
    fn then<B>(self, next: B) -> Chain<Self, B> {
        Chain::new(self, next)
    }
}

impl<P: Params> Then for P {}
impl<A, B> Then for Chain<A, B> {}
impl<E> Then for Union<E> {}
impl Then for Box<dyn TextEstimator> {}
impl Then for Arc<dyn TextMap> {}

impl<X, Y, A, B> Fit<X, Y> for Chain<A, B>
where
    X: ?Sized,
    Y: ?Sized,
    A: FitTransform<X, Y>,
    B: Fit<A::Output, Y>,
{
    type Fitted = FittedChain<A::Fitted, B::Fitted>;

    fn fit(&self, x: &X, y: &Y, ctx: &FitContext) -> Result<Self::Fitted> {
        let (first, x) = self.first.fit_transform(x, y, ctx)?;
        ctx.check()?;
        let second = self.second.fit(&x, y, ctx)?;
        Ok(FittedChain { first, second })
    }
}

impl<X, Y, A, B> FitTransform<X, Y> for Chain<A, B>
where
    X: ?Sized,
    Y: ?Sized,
    A: FitTransform<X, Y>,
    B: FitTransform<A::Output, Y>,
{
    type Output = B::Output;

    fn fit_transform(&self, x: &X, y: &Y, ctx: &FitContext) -> Result<(Self::Fitted, B::Output)> {
        let (first, x) = self.first.fit_transform(x, y, ctx)?;
        ctx.check()?;
        let (second, out) = self.second.fit_transform(&x, y, ctx)?;
        Ok((FittedChain { first, second }, out))
    }
}

/// Two fitted stages.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedChain<A, B> {
    first: A,
    second: B,
}

impl<A, B> FittedChain<A, B> {
    /// Two stages that were fitted apart, the second on what the first makes of the data.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }

    /// The first stage.
    pub fn first(&self) -> &A {
        &self.first
    }

    /// The second stage.
    pub fn second(&self) -> &B {
        &self.second
    }

    /// Both stages.
    pub fn into_parts(self) -> (A, B) {
        (self.first, self.second)
    }
}

impl<X: ?Sized, A: Transform<X>, B: Transform<A::Output>> Transform<X> for FittedChain<A, B> {
    type Output = B::Output;

    fn transform(&self, x: &X) -> Result<B::Output> {
        self.second.transform(&self.first.transform(x)?)
    }
}

impl<X: ?Sized, A: Transform<X>, B: Predict<A::Output>> Predict<X> for FittedChain<A, B> {
    fn predict(&self, x: &X) -> Result<Prediction> {
        self.second.predict(&self.first.transform(x)?)
    }
}

/// What a chain of two stages keeps between rows.
#[derive(Default)]
struct ChainScratch {
    first: Scratch,
    second: Scratch,
}

/// Text → text → text.
impl<A: TextMap, B: TextMap> TextMap for FittedChain<A, B> {
    fn map_text<'a>(&self, text: &'a str, scratch: &'a mut Scratch) -> &'a str {
        let ChainScratch { first, second } = scratch.get();
        self.second.map_text(self.first.map_text(text, first), second)
    }

    fn original_range(&self, text: &str, mapped: Range<usize>) -> Range<usize> {
        let mut scratch = Scratch::new();
        let middle = self.first.map_text(text, &mut scratch);
        let range = self.second.original_range(middle, mapped);
        self.first.original_range(text, range)
    }
}

/// Text → text → numbers: spans are those of the text that came in.
impl<A: TextMap, B: Featurizer> Featurizer for FittedChain<A, B> {
    fn names(&self) -> &Names {
        self.second.names()
    }

    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let ChainScratch { first, second } = scratch.get();
        self.second.append_row(self.first.map_text(text, first), offset, second, row);
    }

    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        let mut scratch = Scratch::new();
        let mapped = self.first.map_text(text, &mut scratch);
        let changed = mapped != text;
        self.second.visit_spans(mapped, &mut |column, range| {
            visit(column, if changed { self.first.original_range(text, range) } else { range });
        });
    }
}

impl<A: Persist, B: Persist> Persist for FittedChain<A, B> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1).child("first", self.first.encode()?).child("second", self.second.encode()?))
    }
}

impl<A: Artifact, B: Artifact> Artifact for FittedChain<A, B> {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        Ok(Self {
            first: A::decode(node.get_child("first")?, catalog)?,
            second: B::decode(node.get_child("second")?, catalog)?,
        })
    }
}

pub(crate) const KIND: &str = "chain";
