//! Columns as codes: every number becomes the position of its bin.
//!
//! ```text
//! numbers     bin b holds the numbers in (cut[b−1], cut[b]]        categories  one bin a level, frequent ones first
//! NaN         the code after the last bin
//! ```
//!
//! A numeric column with few distinct values has a bin for each; one with more has bins of about equal weight
//! (quantiles, where a value that is heavier than a bin's share gets a bin of its own). Cuts lie halfway between the
//! numbers on both sides and are `f64`, so a split "code ≤ b" and the split "x ≤ cut" send every row the same way.

mod binned;
mod column;
mod cuts;
mod sort;

pub use binned::{Binned, Code, CodeColumn, SparseCodes, Storage};
pub use column::ColumnBins;

pub(in crate::tree) use binned::Lookup;

use prompt_core::{Csr, Dense, FitContext, Matrix};

use column::Distinct;

/// How bins are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinOptions {
    /// Most bins a column, without the code for missing: 2 to 255 for `u8` codes.
    pub max_bins: usize,
    /// Least weight (rows, where rows are not weighted) that a numeric bin is filled up to.
    pub min_weight: f64,
}

impl Default for BinOptions {
    fn default() -> Self {
        Self { max_bins: 255, min_weight: 0.0 }
    }
}

/// The bins of every column.
///
/// ```
/// use prompt_core::{Dense, FitContext, Matrix};
/// use prompt_models::tree::bins::{Binned, BinOptions, Bins};
///
/// let x = Matrix::from(Dense::from_rows(&[[1.0], [4.0], [f64::NAN], [2.0]]));
/// let ctx = FitContext::new(0);
/// let bins = Bins::fit(&x, None, BinOptions::default(), &ctx);
/// assert_eq!(bins.column(0).cuts(), [1.5, 3.0]);
/// let codes: Binned<u8> = bins.apply(&x, &ctx);
/// assert_eq!(codes.dense_column(0), Some(&[0, 2, 3, 1][..]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    columns: Vec<ColumnBins>,
}

/// Rows that are looked at for cuts; a matrix of more is read at even steps.
const MOST_ROWS: usize = 1 << 18;

/// Whether bins are made of all rows of a matrix, so that no number lies between two bins that they do not know of.
pub(in crate::tree) fn all_rows_are_read(x: &Matrix) -> bool {
    matches!(x, Matrix::Sparse(_)) || x.rows() <= MOST_ROWS
}

/// Columns that are read together, because they lie in one cache line of a dense row.
const GROUP: usize = 8;

impl Bins {
    /// The bins of a matrix. Rows of weight zero count as if they were not there.
    pub fn fit(x: &Matrix, weights: Option<&[f64]>, options: BinOptions, ctx: &FitContext) -> Self {
        let columns = match x {
            Matrix::Dense(x) => fit_dense(x, weights, (options, options), ctx),
            Matrix::Sparse(x) => fit_sparse(x, weights, options, ctx),
        };
        Self { columns }
    }

    /// As [`fit`](Self::fit), but with options of their own for the columns of numbers and for those of categories of a
    /// dense matrix.
    pub(crate) fn fit_apart(
        x: &Matrix,
        weights: Option<&[f64]>,
        (numbers, categories): (BinOptions, BinOptions),
        ctx: &FitContext,
    ) -> Self {
        let Matrix::Dense(dense) = x else { return Self::fit(x, weights, numbers, ctx) };
        Self { columns: fit_dense(dense, weights, (numbers, categories), ctx) }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The bins of one column.
    pub fn column(&self, j: usize) -> &ColumnBins {
        &self.columns[j]
    }

    /// The bins of all columns in order.
    pub fn columns(&self) -> &[ColumnBins] {
        &self.columns
    }

    /// The codes of a matrix with the columns of the fit. A sparse matrix stays sparse unless much of it is stored.
    pub fn apply<C: Code>(&self, x: &Matrix, ctx: &FitContext) -> Binned<C> {
        match x {
            Matrix::Dense(x) => Binned::from_dense(&self.columns, x, ctx),
            Matrix::Sparse(x) => Binned::from_sparse(&self.columns, x),
        }
    }
}

fn fit_dense(
    x: &Dense,
    weights: Option<&[f64]>,
    (numbers, categories): (BinOptions, BinOptions),
    ctx: &FitContext,
) -> Vec<ColumnBins> {
    let step = x.rows().div_ceil(MOST_ROWS).max(1);
    let levels = |j: usize| x.categorical().map_or(0, |levels| levels[j]);
    let groups = ctx.map(x.cols().div_ceil(GROUP), |group| {
        let first = group * GROUP;
        let last = (first + GROUP).min(x.cols());
        let mut found: Vec<Distinct> = (first..last).map(|_| Distinct::new(weights.is_some())).collect();
        found.iter_mut().for_each(|distinct| distinct.expect(x.rows() / step));
        for i in (0..x.rows()).step_by(step) {
            let weight = weights.map_or(1.0, |w| w[i]);
            if weight > 0.0 {
                for (distinct, v) in found.iter_mut().zip(&x.row(i)[first..last]) {
                    distinct.add(*v, weight);
                }
            }
        }
        let of = |(at, distinct): (usize, Distinct)| match levels(first + at) {
            0 => distinct.bins(0, numbers),
            levels => distinct.bins(levels, categories),
        };
        found.into_iter().enumerate().map(of).collect::<Vec<_>>()
    });
    groups.into_iter().flatten().collect()
}

fn fit_sparse(x: &Csr, weights: Option<&[f64]>, options: BinOptions, ctx: &FitContext) -> Vec<ColumnBins> {
    let columns = x.transpose();
    let total: f64 = weights.map_or(x.rows() as f64, |w| w.iter().sum());
    let counting = weights.map_or(x.rows(), |w| w.iter().filter(|w| **w > 0.0).count());
    const BLOCK: usize = 64;
    let blocks = ctx.map(x.cols().div_ceil(BLOCK), |block| {
        let range = block * BLOCK..((block + 1) * BLOCK).min(x.cols());
        let of = |j: usize| {
            let mut distinct = Distinct::new(weights.is_some());
            let (mut stored, mut counted) = (0.0, 0);
            columns.row(j).for_each(|i, v| {
                let weight = weights.map_or(1.0, |w| w[i]);
                if weight > 0.0 {
                    distinct.add(v, weight);
                    (stored, counted) = (stored + weight, counted + 1);
                }
            });
            if counted < counting {
                distinct.add_zeros((total - stored).max(f64::MIN_POSITIVE));
            }
            distinct.bins(0, options)
        };
        range.map(of).collect::<Vec<_>>()
    });
    blocks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
