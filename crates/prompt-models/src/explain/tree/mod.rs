//! TreeSHAP: what each column contributed to the margins of trees, without sampling.
//!
//! ```text
//! tree ─ ways to its leaves ─ for 64 rows at once: which columns are right on the way ─ parts by pattern, kept ─ sums
//! ```
//!
//! Lundberg et al. (2020) define the values; they are computed here leaf by leaf. A pattern of right and wrong columns
//! is worked out once for each leaf and kept, since rows share few patterns.

mod game;
mod paths;
mod source;
mod work;

use prompt_core::{Error, FitContext, Matrix, Model, Result};
use rayon::prelude::*;

use super::values::ShapValues;
use crate::tree::nodes::TreeNodes;
use paths::Paths;
use source::{Point, Source};
use work::{Rows, Used, Work, base};

/// Explains trees, forests and boosting, also those of XGBoost and LightGBM.
///
/// The margins are what the trees add up to: log odds for boosted classes, the probabilities themselves for forests,
/// the value for numbers (its logarithm under a log link).
///
/// ```
/// use prompt_core::{Dense, Fit, FitContext, Matrix, Target};
/// use prompt_models::explain::TreeExplainer;
/// use prompt_models::forest::RandomForestRegressor;
///
/// let x = Matrix::from(Dense::new(60, 2, (0..120).map(|i| f64::from(i % 17)).collect()).unwrap());
/// let y = Target::regression((0..60).map(|i| f64::from((2 * i) % 17)).collect()).unwrap();
/// let ctx = FitContext::new(1);
/// let model = RandomForestRegressor::default().n_estimators(10).fit(&x, &y, &ctx)?;
/// let values = TreeExplainer::new(&model)?.explain(&x, &ctx)?;
/// let predicted = prompt_core::predict(&model, &x)?.values()?;
/// assert!((values.margin(3, 0) - predicted[3]).abs() < 1e-9);
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub struct TreeExplainer {
    source: Source,
    used: Used,
    background: Option<Rows>,
    base: Vec<f64>,
}

impl TreeExplainer {
    /// Path-dependent: a column that is not known follows the training rows at each split. The model knows how many
    /// there were.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that is not made of trees, or that was saved before covers were kept: explain it
    /// with a [`background`](Self::background).
    pub fn new(model: &dyn Model) -> Result<Self> {
        Self::counted(Source::of(model)?)
    }

    /// The same for trees that are no model: the sum of their leaves times `scale`, plus `start`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the trees do not know their covers.
    pub fn of_trees(trees: TreeNodes, scale: f64, start: Vec<f64>) -> Result<Self> {
        let outputs = (0..start.len()).map(|i| format!("output {i}")).collect();
        Self::counted(Source::own(trees, scale, start, outputs))
    }

    /// Interventional: a column that is not known is as in the rows of `background` (about a hundred, drawn from the
    /// training rows, are usual), whatever the known ones are.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that is not made of trees, [`Error::Shape`] for a background of other columns,
    /// [`Error::Input`] for one without rows.
    pub fn background(model: &dyn Model, background: &Matrix) -> Result<Self> {
        Self::intervened(Source::of(model)?, background)
    }

    fn intervened(source: Source, background: &Matrix) -> Result<Self> {
        if background.cols() != source.columns {
            return Err(Error::shape("columns of the background", source.columns, background.cols()));
        }
        if background.rows() == 0 {
            return Err(Error::input("the background has no rows", "give it some of the training rows"));
        }
        let used = Used::of(&source);
        let rows = used.gather(background, 0, background.rows());
        let base = base(&source, &used, Some(&rows));
        Ok(Self { source, used, background: Some(rows), base })
    }

    fn counted(source: Source) -> Result<Self> {
        let unknown =
            |t: usize| source.tree(t).iter().any(|p| matches!(p, Point::Leaf { cover, .. } if *cover < 0.0));
        if (0..source.len()).any(unknown) {
            return Err(Error::unsupported(
                "a model that does not know how many training rows reached its leaves",
                "path-dependent explanations",
                "train it again, or give background rows",
            ));
        }
        let used = Used::of(&source);
        let base = base(&source, &used, None);
        Ok(Self { source, used, background: None, base })
    }

    /// The same explanations with these background rows.
    ///
    /// # Errors
    /// As [`background`](Self::background).
    pub fn with_background(self, background: &Matrix) -> Result<Self> {
        Self::intervened(self.source, background)
    }

    /// What the margins are called.
    pub fn outputs(&self) -> &[String] {
        &self.source.outputs
    }

    /// The contributions of every column to the margins of every row.
    ///
    /// # Errors
    /// [`Error::Shape`] for other columns than the model's, or a stop asked for through `ctx`.
    pub fn explain(&self, x: &Matrix, ctx: &FitContext) -> Result<ShapValues> {
        let (columns, k) = (self.source.columns, self.source.outputs.len());
        if x.cols() != columns {
            return Err(Error::shape("columns of x (features)", columns, x.cols()));
        }
        let rows = x.rows();
        let mut values = vec![0.0; rows * columns * k];
        // Rows are worked on by themselves, so that the size of a block changes no bit.
        let block = rows.div_ceil(ctx.thread_budget().max(1)).clamp(1, 2048).next_multiple_of(64);
        let width = (block * columns * k).max(1);
        let done: Vec<Result<()>> = ctx.install(|| {
            let blocks = values.par_chunks_mut(width).enumerate();
            let each = blocks.map(|(at, out)| {
                let first = at * block;
                let here = self.used.gather(x, first, (rows - first).min(block));
                (0..self.source.len()).try_for_each(|t| {
                    ctx.check()?;
                    let paths = Paths::new(&self.source.tree(t));
                    let background = self.background.as_ref();
                    Work::new(&self.source, &paths, &self.used, (&here, background)).add((columns, k), out);
                    Ok(())
                })
            });
            each.collect()
        });
        done.into_iter().collect::<Result<()>>()?;
        Ok(ShapValues::new((rows, columns), (self.source.outputs.clone(), self.base.clone()), values))
    }
}

#[cfg(test)]
mod tests;
