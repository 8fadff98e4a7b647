//! Features side by side: one estimator out of several that look at the same data.

use std::ops::Range;

use crate::artifact::{Artifact, Catalog, Node, Persist};
use crate::context::FitContext;
use crate::error::{Error, Result};
use crate::estimator::{Fit, FitTransform, Transform};
use crate::matrix::{Matrix, Names, SparseRow};
use crate::scratch::Scratch;
use crate::text::{Featurizer, TextEstimator};

/// Named stages whose columns stand side by side, unfitted. `E` is one type; `Box<dyn TextEstimator>` mixes.
#[derive(Debug, Clone)]
pub struct Union<E> {
    parts: Vec<(String, E)>,
}

impl<E> Default for Union<E> {
    fn default() -> Self {
        Self { parts: Vec::new() }
    }
}

impl<E> Union<E> {
    /// No part yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These parts.
    pub fn of(parts: Vec<(String, E)>) -> Self {
        Self { parts }
    }

    /// The parts.
    pub fn parts(&self) -> &[(String, E)] {
        &self.parts
    }
}

impl Union<Box<dyn TextEstimator>> {
    /// One more part; its columns are called `name__…`.
    #[must_use]
    pub fn with(mut self, name: &str, part: impl TextEstimator + 'static) -> Self {
        self.parts.push((name.to_owned(), Box::new(part)));
        self
    }
}

impl<X, Y, E> Fit<X, Y> for Union<E>
where
    X: ?Sized,
    Y: ?Sized,
    E: FitTransform<X, Y, Output = Matrix>,
{
    type Fitted = FittedUnion<E::Fitted>;

    fn fit(&self, x: &X, y: &Y, ctx: &FitContext) -> Result<Self::Fitted> {
        Ok(self.fit_transform(x, y, ctx)?.0)
    }
}

impl<X, Y, E> FitTransform<X, Y> for Union<E>
where
    X: ?Sized,
    Y: ?Sized,
    E: FitTransform<X, Y, Output = Matrix>,
{
    type Output = Matrix;

    fn fit_transform(&self, x: &X, y: &Y, ctx: &FitContext) -> Result<(Self::Fitted, Matrix)> {
        if self.parts.is_empty() {
            return Err(Error::input("a union without parts", "name at least one kind of features"));
        }
        let mut fitted = Vec::with_capacity(self.parts.len());
        let mut matrices = Vec::with_capacity(self.parts.len());
        for (i, (name, part)) in self.parts.iter().enumerate() {
            ctx.check()?;
            if self.parts[..i].iter().any(|(n, _)| n == name) {
                return Err(Error::input(
                    format!("union part `{name}` is named twice"),
                    "give each part its own name",
                ));
            }
            let (stage, matrix) = part.fit_transform(x, y, &ctx.part(name, 0))?;
            fitted.push((name.clone(), matrix.names().clone(), stage));
            matrices.push(matrix);
        }
        let named: Vec<(&str, &Matrix)> =
            self.parts.iter().map(|(n, _)| n.as_str()).zip(matrices.iter()).collect();
        let matrix = Matrix::beside(&named)?;
        Ok((FittedUnion::new(fitted), matrix))
    }
}

/// Fitted stages whose columns stand side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedUnion<F> {
    parts: Vec<(String, F)>,
    offsets: Vec<u32>,
    names: Names,
}

impl<F> FittedUnion<F> {
    fn new(parts: Vec<(String, Names, F)>) -> Self {
        let names = Names::joined(parts.iter().map(|(part, names, _)| (part.clone(), names.clone())));
        let mut offsets = vec![0u32];
        for (_, names, _) in &parts {
            offsets.push(offsets.last().copied().unwrap_or(0) + names.len() as u32);
        }
        Self { parts: parts.into_iter().map(|(name, _, stage)| (name, stage)).collect(), offsets, names }
    }

    /// The parts.
    pub fn parts(&self) -> &[(String, F)] {
        &self.parts
    }
}

impl<X: ?Sized, F: Transform<X, Output = Matrix>> Transform<X> for FittedUnion<F> {
    type Output = Matrix;

    fn transform(&self, x: &X) -> Result<Matrix> {
        let matrices = self.parts.iter().map(|(_, f)| f.transform(x)).collect::<Result<Vec<_>>>()?;
        let named: Vec<(&str, &Matrix)> =
            self.parts.iter().map(|(n, _)| n.as_str()).zip(matrices.iter()).collect();
        Matrix::beside(&named)
    }
}

impl<F: Featurizer> Featurizer for FittedUnion<F> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        let scratches: &mut Vec<Scratch> = scratch.get();
        scratches.resize_with(self.parts.len(), Scratch::new);
        for (((_, part), start), scratch) in self.parts.iter().zip(&self.offsets).zip(scratches) {
            part.append_row(text, offset + start, scratch, row);
        }
    }

    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        for ((_, part), start) in self.parts.iter().zip(&self.offsets) {
            part.visit_spans(text, &mut |column, range| visit(start + column, range));
        }
    }
}

impl<F: Persist> Persist for FittedUnion<F> {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let mut node = Node::new(KIND, 1);
        for (name, part) in &self.parts {
            node = node.child(name, part.encode()?);
        }
        Ok(node)
    }
}

impl<F: Artifact + Featurizer> Artifact for FittedUnion<F> {
    fn decode(node: &Node, catalog: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let mut parts = Vec::new();
        for (name, child) in node.children() {
            let stage = F::decode(child, catalog)?;
            parts.push((name.clone(), stage.names().clone(), stage));
        }
        Ok(Self::new(parts))
    }
}

pub(crate) const KIND: &str = "union";
