//! Means, and sums of products about them: all that least squares needs to know of a dense matrix.

use prompt_core::{Dense, FitContext, Matrix, Result};

use crate::simd::{dots, vectorised};

/// Weighted means of the columns of x and of the targets; zeros for a fit through the origin.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// Sum of the row weights.
    pub(crate) total: f64,
}

/// Targets, `k` numbers a row, and row weights.
#[derive(Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) y: &'a [f64],
    pub(crate) k: usize,
    pub(crate) weights: Option<&'a [f64]>,
}

impl Targets<'_> {
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[row])
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.y[row * self.k..(row + 1) * self.k]
    }
}

/// Rows of one parallel part of a sum.
const PART: usize = 4096;

impl Means {
    pub(crate) fn new(x: &Matrix, targets: Targets<'_>, intercept: bool, ctx: &FitContext) -> Self {
        let (n, p, k) = (x.rows(), x.cols(), targets.k);
        let total = targets.weights.map_or(n as f64, |w| w.iter().sum());
        let mut means = Self { x: vec![0.0; p], y: vec![0.0; k], total };
        if !intercept {
            return means;
        }
        let size = part_size(n);
        let parts = ctx.map(n.div_ceil(size), |part| {
            let mut sums = (vec![0.0; p], vec![0.0; k]);
            for i in part * size..((part + 1) * size).min(n) {
                let w = targets.weight(i);
                match x {
                    Matrix::Dense(x) => sums.0.iter_mut().zip(x.row(i)).for_each(|(s, v)| *s += w * v),
                    Matrix::Sparse(x) => x.row(i).for_each(|j, v| sums.0[j] += w * v),
                }
                sums.1.iter_mut().zip(targets.row(i)).for_each(|(s, v)| *s += w * v);
            }
            sums
        });
        for (x, y) in parts {
            means.x.iter_mut().zip(x).for_each(|(m, s)| *m += s / total);
            means.y.iter_mut().zip(y).for_each(|(m, s)| *m += s / total);
        }
        means
    }
}

/// Rows of a part: so many parts that threads share them out evenly, and not so many that their sums fill memory.
fn part_size(n: usize) -> usize {
    PART.max(n.div_ceil(64))
}

/// Σ_i v_i·z_i·z_iᵀ over the rows z = (x − mean, y − mean): a symmetric matrix of `size` rows, of which the lower
/// triangle is filled. Columns of x come first.
pub(crate) struct Moments {
    pub(crate) size: usize,
    pub(crate) sums: Vec<f64>,
}

/// Beyond this many columns the parts of the sums would not fit a cache, and strips of them are computed instead.
const SMALL: usize = 384;
/// Rows whose columns are gathered at once.
const CHUNK: usize = 512;

impl Moments {
    pub(crate) fn new(x: &Dense, targets: Targets<'_>, means: &Means, ctx: &FitContext) -> Result<Self> {
        let (n, size) = (x.rows(), x.cols() + targets.k);
        let mut sums = vec![0.0; size * size];
        if size <= SMALL {
            let part = part_size(n);
            let parts = ctx.try_map(n.div_ceil(part), |at| {
                ctx.check()?;
                let mut sums = vec![0.0; size * size];
                let mut chunk = Vec::new();
                let end = ((at + 1) * part).min(n);
                for first in (at * part..end).step_by(CHUNK) {
                    let rows = first..end.min(first + CHUNK);
                    let len = rows.len();
                    gather(x, targets, means, rows, &mut chunk);
                    add_products(&chunk, len, 0..size, size, &mut sums);
                }
                Ok(sums)
            })?;
            for part in parts {
                sums.iter_mut().zip(part).for_each(|(s, v)| *s += v);
            }
        } else {
            const STRIP: usize = 32;
            let mut columns = Vec::new();
            gather(x, targets, means, 0..n, &mut columns);
            let strips = ctx.try_map(size.div_ceil(STRIP), |at| {
                ctx.check()?;
                let rows = at * STRIP..((at + 1) * STRIP).min(size);
                let mut sums = vec![0.0; rows.len() * size];
                add_products(&columns, n, rows, size, &mut sums);
                Ok(sums)
            })?;
            sums = strips.concat();
        }
        Ok(Self { size, sums })
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.sums[i.max(j) * self.size + i.min(j)]
    }
}

/// The rows' numbers about the means times the root of their weight, column after column.
fn gather(x: &Dense, targets: Targets<'_>, means: &Means, rows: std::ops::Range<usize>, out: &mut Vec<f64>) {
    let (p, len) = (x.cols(), rows.len());
    out.clear();
    out.resize((p + targets.k) * len, 0.0);
    for (at, i) in rows.enumerate() {
        let root = targets.weights.map_or(1.0, |w| w[i].sqrt());
        for (j, (v, m)) in x.row(i).iter().zip(&means.x).enumerate() {
            out[j * len + at] = root * (v - m);
        }
        for (j, (v, m)) in targets.row(i).iter().zip(&means.y).enumerate() {
            out[(p + j) * len + at] = root * (v - m);
        }
    }
}

/// Adds the products of the `rows`-th columns with those up to them to `sums`, which holds those rows.
fn add_products(columns: &[f64], len: usize, rows: std::ops::Range<usize>, size: usize, sums: &mut [f64]) {
    let column = |j: usize| &columns[j * len..(j + 1) * len];
    vectorised(
        #[inline(always)]
        || {
            let start = rows.start;
            let mut i = rows.start;
            while i < rows.end {
                if i + 1 < rows.end {
                    let mut j = 0;
                    while j + 3 <= i + 1 {
                        let tile =
                            dots([column(i), column(i + 1)], [column(j), column(j + 1), column(j + 2)]);
                        for (a, tile) in tile.iter().enumerate() {
                            for (b, v) in tile.iter().enumerate() {
                                sums[(i - start + a) * size + j + b] += v;
                            }
                        }
                        j += 3;
                    }
                    while j <= i + 1 {
                        let tile = dots([column(i), column(i + 1)], [column(j)]);
                        sums[(i - start) * size + j] += tile[0][0];
                        sums[(i - start + 1) * size + j] += tile[1][0];
                        j += 1;
                    }
                    i += 2;
                } else {
                    for j in 0..=i {
                        sums[(i - start) * size + j] += dots([column(i)], [column(j)])[0][0];
                    }
                    i += 1;
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_summing_give_the_definition() {
        for (n, p) in [(700, 5), (9, SMALL + 3)] {
            let data: Vec<f64> = (0..n * p).map(|i| ((i * 37) % 101) as f64 / 4.0).collect();
            let x = Dense::new(n, p, data).unwrap();
            let y: Vec<f64> = (0..n).map(|i| (i % 7) as f64).collect();
            let weights: Vec<f64> = (0..n).map(|i| (i % 3) as f64).collect();
            let targets = Targets { y: &y, k: 1, weights: Some(&weights) };
            let ctx = FitContext::new(0);
            let means = Means::new(&Matrix::from(x.clone()), targets, true, &ctx);
            let moments = Moments::new(&x, targets, &means, &ctx).unwrap();
            let z = |i: usize, j: usize| {
                if j < p { x.row(i)[j] - means.x[j] } else { y[i] - means.y[0] }
            };
            for (a, b) in [(0, 0), (3, 1), (p - 1, 4), (p, 2), (p, p)] {
                let expected: f64 = (0..n).map(|i| weights[i] * z(i, a) * z(i, b)).sum();
                assert!((moments.at(a, b) - expected).abs() < 1e-9 * expected.abs().max(1.0), "{a} {b}");
                assert_eq!(moments.at(a, b), moments.at(b, a));
            }
        }
    }
}
