//! Texts in, texts or numbers out: what sanitisers and vectorisers promise.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::artifact::Persist;
use crate::context::FitContext;
use crate::error::Result;
use crate::estimator::{Fit, FitTransform};
use crate::matrix::{Csr, CsrBuilder, Matrix, Names, SparseRow};
use crate::param::{ParamSpec, Params};
use crate::scratch::Scratch;

/// A list of texts, however they are stored.
pub trait Texts: Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// Text `i`. Panics when there is no such text, as slices do.
    fn text(&self, i: usize) -> &str;
}

impl<S: AsRef<str> + Sync> Texts for [S] {
    fn count(&self) -> usize {
        self.len()
    }
    fn text(&self, i: usize) -> &str {
        self[i].as_ref()
    }
}

impl<S: AsRef<str> + Sync> Texts for Vec<S> {
    fn count(&self) -> usize {
        self.len()
    }
    fn text(&self, i: usize) -> &str {
        self[i].as_ref()
    }
}

impl<S: AsRef<str> + Sync, const N: usize> Texts for [S; N] {
    fn count(&self) -> usize {
        N
    }
    fn text(&self, i: usize) -> &str {
        self[i].as_ref()
    }
}

/// The rows of a list of texts with these indices, without copying a text.
#[derive(Clone, Copy)]
pub struct Subset<'a> {
    texts: &'a dyn Texts,
    rows: &'a [usize],
}

impl<'a> Subset<'a> {
    /// Those rows of `texts`.
    pub fn new(texts: &'a dyn Texts, rows: &'a [usize]) -> Self {
        Self { texts, rows }
    }
}

impl Texts for Subset<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }
    fn text(&self, i: usize) -> &str {
        self.texts.text(self.rows[i])
    }
}

/// A fitted stage from text to text: a sanitiser, a normaliser. Object-safe.
pub trait TextMap: Persist + Send + Sync {
    /// The mapped text: `text` itself when nothing changes, else a string kept in `scratch`.
    fn map_text<'a>(&self, text: &'a str, scratch: &'a mut Scratch) -> &'a str;

    /// The bytes of `text` that a range of the mapped text came from. The whole span of a replaced run is
    /// given when the range touches it.
    fn original_range(&self, text: &str, mapped: Range<usize>) -> Range<usize>;
}

/// A fitted stage from text to numbers: a vectoriser, surface features, a union of them. Object-safe.
///
/// One row depends on one text alone, so a batch is its rows put under each other.
pub trait Featurizer: Persist + Send + Sync {
    /// Names of the columns; their number is the width.
    fn names(&self) -> &Names;

    /// Number of columns.
    fn width(&self) -> usize {
        self.names().len()
    }

    /// Appends the row of `text` to `row` with columns rising from `offset`. Allocates nothing once `scratch`
    /// and `row` are warm.
    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow);

    /// Calls `visit(column, byte range of text)` for every place in `text` that feeds a column.
    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>));

    /// The matrix of many texts.
    ///
    /// # Errors
    /// What the stage cannot work with.
    fn featurize(&self, texts: &dyn Texts) -> Result<Matrix> {
        Ok(Matrix::Sparse(rows_in_parallel(self.width(), texts, |text, scratch, row| {
            self.append_row(text, 0, scratch, row);
        })?)
        .with_names(self.names().clone()))
    }
}

/// Builds a sparse matrix row by row: texts in fixed blocks, blocks in parallel, results in order.
///
/// # Errors
/// Never for rows that keep [`SparseRow`]'s order.
pub fn rows_in_parallel(
    width: usize,
    texts: &dyn Texts,
    fill: impl Fn(&str, &mut Scratch, &mut SparseRow) + Sync,
) -> Result<Csr> {
    use rayon::prelude::*;
    const BLOCK: usize = 256;
    let n = texts.count();
    let blocks: Vec<Csr> = (0..n.div_ceil(BLOCK))
        .into_par_iter()
        .map_init(
            || (Scratch::new(), SparseRow::default()),
            |(scratch, row), block| {
                let mut out = CsrBuilder::new(width);
                for i in block * BLOCK..n.min((block + 1) * BLOCK) {
                    row.clear();
                    fill(texts.text(i), scratch, row);
                    out.push(row);
                }
                out.finish()
            },
        )
        .collect();
    if blocks.is_empty() { Ok(CsrBuilder::new(width).finish()) } else { Csr::stack(blocks) }
}

/// An unfitted stage from text to numbers, chosen at run time. Object-safe; every typed one is one of these.
pub trait TextEstimator: Send + Sync {
    /// Its name in configurations.
    fn name(&self) -> &'static str;
    /// Its parameters as a table.
    fn params(&self) -> Value;
    /// Every parameter with its range and default.
    fn specs(&self) -> Vec<ParamSpec>;
    /// A copy with one parameter set by name.
    ///
    /// # Errors
    /// As [`Params::with_param`](crate::Params::with_param).
    fn with_param(&self, name: &str, value: &Value) -> Result<Box<dyn TextEstimator>>;
    /// Learns from texts and gives the fitted stage and the texts' own matrix, in one pass where it can.
    ///
    /// # Errors
    /// Parameters out of range, or texts that nothing can be learned from.
    fn fit_texts(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(Arc<dyn Featurizer>, Matrix)>;
    /// A copy.
    fn boxed(&self) -> Box<dyn TextEstimator>;
}

impl<E> TextEstimator for E
where
    E: TextLearner<Output = Matrix>,
    E::Fitted: Featurizer + 'static,
{
    fn name(&self) -> &'static str {
        E::NAME
    }
    fn params(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
    fn specs(&self) -> Vec<ParamSpec> {
        E::specs()
    }
    fn with_param(&self, name: &str, value: &Value) -> Result<Box<dyn TextEstimator>> {
        Ok(Box::new(Params::with_param(self, name, value)?))
    }
    fn fit_texts(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(Arc<dyn Featurizer>, Matrix)> {
        self.validate()?;
        let (fitted, x) = self.learn(texts, ctx)?;
        Ok((Arc::new(fitted), x))
    }
    fn boxed(&self) -> Box<dyn TextEstimator> {
        Box::new(self.clone())
    }
}

/// What a typed estimator of texts implements; [`Fit`], [`FitTransform`] and (for features) [`TextEstimator`]
/// follow, with the parameters checked first.
pub trait TextLearner: Params {
    /// The fitted stage: a [`TextMap`] or a [`Featurizer`].
    type Fitted;
    /// What the fitted stage makes of the texts it learned from.
    type Output;
    /// Learns and transforms in one pass.
    ///
    /// # Errors
    /// Texts that nothing can be learned from.
    fn learn(&self, texts: &dyn Texts, ctx: &FitContext) -> Result<(Self::Fitted, Self::Output)>;
}

impl<E: TextLearner, T: Texts + ?Sized, Y: ?Sized> Fit<T, Y> for E {
    type Fitted = E::Fitted;
    fn fit(&self, x: &T, _: &Y, ctx: &FitContext) -> Result<E::Fitted> {
        self.validate()?;
        Ok(self.learn(&ByRef(x), ctx)?.0)
    }
}

impl<E: TextLearner, T: Texts + ?Sized, Y: ?Sized> FitTransform<T, Y> for E {
    type Output = E::Output;
    fn fit_transform(&self, x: &T, _: &Y, ctx: &FitContext) -> Result<(E::Fitted, E::Output)> {
        self.validate()?;
        self.learn(&ByRef(x), ctx)
    }
}

/// Any texts as `dyn Texts`, also a slice, which cannot be coerced itself.
struct ByRef<'a, T: ?Sized>(&'a T);

impl<T: Texts + ?Sized> Texts for ByRef<'_, T> {
    fn count(&self) -> usize {
        self.0.count()
    }
    fn text(&self, i: usize) -> &str {
        self.0.text(i)
    }
}

impl<T: Texts + ?Sized, Y: ?Sized> Fit<T, Y> for Box<dyn TextEstimator> {
    type Fitted = Arc<dyn Featurizer>;
    fn fit(&self, x: &T, _: &Y, ctx: &FitContext) -> Result<Arc<dyn Featurizer>> {
        Ok(self.fit_texts(&ByRef(x), ctx)?.0)
    }
}

impl<T: Texts + ?Sized, Y: ?Sized> FitTransform<T, Y> for Box<dyn TextEstimator> {
    type Output = Matrix;
    fn fit_transform(&self, x: &T, _: &Y, ctx: &FitContext) -> Result<(Arc<dyn Featurizer>, Matrix)> {
        self.fit_texts(&ByRef(x), ctx)
    }
}

impl Clone for Box<dyn TextEstimator> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A text map learns nothing: it is its own fitted form.
impl<T: Texts + ?Sized, Y: ?Sized> Fit<T, Y> for Arc<dyn TextMap> {
    type Fitted = Self;
    fn fit(&self, _: &T, _: &Y, _: &FitContext) -> Result<Self> {
        Ok(self.clone())
    }
}

impl<T: Texts + ?Sized, Y: ?Sized> FitTransform<T, Y> for Arc<dyn TextMap> {
    type Output = Vec<String>;
    fn fit_transform(&self, x: &T, _: &Y, _: &FitContext) -> Result<(Self, Vec<String>)> {
        Ok((self.clone(), map_texts(&**self, &ByRef(x))))
    }
}

/// Every text mapped, in parallel and in order.
pub fn map_texts(map: &dyn TextMap, texts: &dyn Texts) -> Vec<String> {
    use rayon::prelude::*;
    (0..texts.count())
        .into_par_iter()
        .map_init(Scratch::new, |scratch, i| map.map_text(texts.text(i), scratch).to_owned())
        .collect()
}

impl<M: TextMap + ?Sized> TextMap for Arc<M> {
    fn map_text<'a>(&self, text: &'a str, scratch: &'a mut Scratch) -> &'a str {
        (**self).map_text(text, scratch)
    }
    fn original_range(&self, text: &str, mapped: Range<usize>) -> Range<usize> {
        (**self).original_range(text, mapped)
    }
}

impl<F: Featurizer + ?Sized> Featurizer for Arc<F> {
    fn names(&self) -> &Names {
        (**self).names()
    }
    fn append_row(&self, text: &str, offset: u32, scratch: &mut Scratch, row: &mut SparseRow) {
        (**self).append_row(text, offset, scratch, row);
    }
    fn visit_spans(&self, text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
        (**self).visit_spans(text, visit);
    }
    fn featurize(&self, texts: &dyn Texts) -> Result<Matrix> {
        (**self).featurize(texts)
    }
}

/// Gives a [`Featurizer`] its [`Transform`](crate::Transform) to a [`Matrix`]. (A blanket impl would stand in the way of chains.)
#[macro_export]
macro_rules! transform_by_featurizing {
    ($fitted:ty) => {
        impl<T: $crate::Texts + ?Sized> $crate::Transform<T> for $fitted {
            type Output = $crate::Matrix;
            fn transform(&self, x: &T) -> $crate::Result<$crate::Matrix> {
                $crate::featurize(self, x)
            }
        }
    };
}

/// Gives a [`TextMap`] its [`Transform`](crate::Transform) to `Vec<String>`.
#[macro_export]
macro_rules! transform_by_mapping {
    ($fitted:ty) => {
        impl<T: $crate::Texts + ?Sized> $crate::Transform<T> for $fitted {
            type Output = ::std::vec::Vec<::std::string::String>;
            fn transform(&self, x: &T) -> $crate::Result<Self::Output> {
                Ok($crate::map(self, x))
            }
        }
    };
}

transform_by_featurizing!(Arc<dyn Featurizer>);
transform_by_mapping!(Arc<dyn TextMap>);

/// [`Featurizer::featurize`] for any kind of texts.
///
/// # Errors
/// What the stage cannot work with.
pub fn featurize<T: Texts + ?Sized>(stage: &dyn Featurizer, texts: &T) -> Result<Matrix> {
    stage.featurize(&ByRef(texts))
}

/// [`map_texts`] for any kind of texts.
pub fn map<T: Texts + ?Sized>(stage: &dyn TextMap, texts: &T) -> Vec<String> {
    map_texts(stage, &ByRef(texts))
}
