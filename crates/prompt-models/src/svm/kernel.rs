//! Kernels, and the rows that they are taken of.

use prompt_core::{Matrix, RowView};
use serde::{Deserialize, Serialize};

use super::exp::exp;
use crate::simd::vectorised;

/// How alike two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kernel {
    /// exp(−γ·‖a − b‖²)
    Rbf,
    /// (γ·a·b + coef0)^degree
    Poly,
    /// a·b
    Linear,
    /// tanh(γ·a·b + coef0)
    Sigmoid,
}

/// The γ of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gamma {
    /// 1 / (columns · variance of all numbers).
    Scale,
    /// 1 / columns.
    Auto,
    /// This number.
    #[serde(untagged)]
    Value(f64),
}

impl std::fmt::Display for Gamma {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scale => f.write_str("scale"),
            Self::Auto => f.write_str("auto"),
            Self::Value(v) => write!(f, "{v}"),
        }
    }
}

impl Gamma {
    /// Whether a number is given that is no γ.
    pub(crate) fn is_sound(self) -> bool {
        match self {
            Self::Value(v) => v.is_finite() && v > 0.0,
            _ => true,
        }
    }

    pub(crate) fn resolve(self, x: &Matrix) -> f64 {
        let cols = x.cols() as f64;
        match self {
            Self::Value(v) => v,
            Self::Auto => 1.0 / cols,
            Self::Scale => {
                let count = cols * x.rows() as f64;
                // Zeros are counted and not summed, so that dense and sparse rows give the same bits.
                let sum = |f: &dyn Fn(f64) -> f64| {
                    let (mut sum, mut terms) = (0.0, 0.0);
                    for i in 0..x.rows() {
                        x.row(i).for_each(|_, v| {
                            if v != 0.0 {
                                sum += f(v);
                                terms += 1.0;
                            }
                        });
                    }
                    (sum, terms)
                };
                let mean = sum(&|v| v).0 / count;
                let (squares, terms) = sum(&|v| (v - mean) * (v - mean));
                let variance = (squares + (count - terms) * mean * mean) / count;
                let gamma = 1.0 / (cols * variance);
                if gamma.is_finite() && gamma > 0.0 { gamma } else { 1.0 }
            }
        }
    }
}

/// A kernel with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    pub(crate) kernel: Kernel,
    pub(crate) gamma: f64,
    pub(crate) coef0: f64,
    pub(crate) degree: u32,
}

impl Shape {
    /// Turns products x·q into kernel values, given ‖x‖² of each and ‖q‖².
    #[inline(always)]
    fn apply(self, norms: &[f64], norm: f64, products: &mut [f64]) {
        let Self { kernel, gamma, coef0, degree } = self;
        match kernel {
            Kernel::Linear => {}
            Kernel::Rbf => {
                for (v, x) in products.iter_mut().zip(norms) {
                    let square = x + norm - 2.0 * *v;
                    *v = exp(-gamma * if square > 0.0 { square } else { 0.0 });
                }
            }
            Kernel::Poly => {
                for v in products {
                    let base = gamma * *v + coef0;
                    let mut power = 1.0;
                    for _ in 0..degree {
                        power *= base;
                    }
                    *v = power;
                }
            }
            Kernel::Sigmoid => products.iter_mut().for_each(|v| *v = (gamma * *v + coef0).tanh()),
        }
    }
}

/// Rows of a panel.
const WIDE: usize = 8;
/// Queries at once.
pub(crate) const QUERIES: usize = 4;

/// Rows to take kernel values of, laid out for that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    count: usize,
    cols: usize,
    shape: Shape,
    /// ‖x‖², with zeros up to a whole panel.
    norms: Vec<f64>,
    stored: Stored,
}

#[derive(Debug, Clone, PartialEq)]
enum Stored {
    /// Eight rows at a time, column after column.
    Panels(Vec<f64>),
    Sparse(prompt_core::Csr),
}

impl Rows {
    pub(crate) fn new(x: &Matrix, shape: Shape) -> Self {
        let (count, cols) = (x.rows(), x.cols());
        let padded = count.div_ceil(WIDE) * WIDE;
        let mut norms = vec![0.0; padded];
        let stored = match x {
            Matrix::Dense(x) => {
                let mut panels = vec![0.0; padded * cols];
                for i in 0..count {
                    let start = (i / WIDE) * WIDE * cols + i % WIDE;
                    for (j, v) in x.row(i).iter().enumerate() {
                        panels[start + j * WIDE] = *v;
                        // In the order of the products, so that a row is at distance zero from itself.
                        norms[i] += v * v;
                    }
                }
                Stored::Panels(panels)
            }
            Matrix::Sparse(x) => {
                (0..count).for_each(|i| norms[i] = x.row(i).norm2());
                Stored::Sparse(x.clone())
            }
        };
        Self { count, cols, shape, norms, stored }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Numbers that [`values`](Self::values) writes for a query: the rows and some to fill a panel.
    pub(crate) fn padded(&self) -> usize {
        self.norms.len()
    }

    /// All numbers of a row into `out`.
    pub(crate) fn spread(&self, row: RowView<'_>, out: &mut Vec<f64>) {
        out.clear();
        out.resize(self.cols, 0.0);
        row.for_each(|j, v| {
            if let Some(slot) = out.get_mut(j) {
                *slot = v;
            }
        });
    }

    /// The matrix that the rows came from.
    pub(crate) fn matrix(&self) -> Matrix {
        match &self.stored {
            Stored::Sparse(x) => x.clone().into(),
            Stored::Panels(panels) => {
                let mut out = prompt_core::Dense::zeros(self.count, self.cols);
                for i in 0..self.count {
                    let start = (i / WIDE) * WIDE * self.cols + i % WIDE;
                    for (j, v) in out.row_mut(i).iter_mut().enumerate() {
                        *v = panels[start + j * WIDE];
                    }
                }
                out.into()
            }
        }
    }

    /// Kernel values of all rows with each query, whose numbers are all given; `out` holds
    /// [`padded`](Self::padded) numbers for each. However many queries come together, the bits are the same.
    pub(crate) fn values<const Q: usize>(&self, queries: [&[f64]; Q], out: &mut [f64]) {
        let padded = self.padded();
        if padded == 0 {
            // No row carries the machine, as where every target lies within ε: there are no values.
            return;
        }
        match &self.stored {
            Stored::Panels(panels) => vectorised(
                #[inline(always)]
                || products(panels, self.cols, padded, queries, out),
            ),
            Stored::Sparse(x) => {
                for (q, out) in queries.iter().zip(out.chunks_exact_mut(padded)) {
                    for (i, out) in out.iter_mut().enumerate().take(self.count) {
                        *out = x.row(i).dot(q);
                    }
                }
            }
        }
        for (q, out) in queries.iter().zip(out.chunks_exact_mut(padded)) {
            let mut norm = 0.0;
            match self.stored {
                Stored::Panels(_) => q.iter().for_each(|v| norm += v * v),
                Stored::Sparse(_) => q.iter().filter(|v| **v != 0.0).for_each(|v| norm += v * v),
            }
            vectorised(
                #[inline(always)]
                || self.shape.apply(&self.norms, norm, out),
            );
        }
    }
}

/// x·q for all rows of the panels.
#[inline(always)]
fn products<const Q: usize>(
    panels: &[f64],
    cols: usize,
    padded: usize,
    queries: [&[f64]; Q],
    out: &mut [f64],
) {
    for panel in 0..padded / WIDE {
        let columns = panels[panel * WIDE * cols..(panel + 1) * WIDE * cols].as_chunks::<WIDE>().0;
        let mut sums = [[0.0; WIDE]; Q];
        for (j, column) in columns.iter().enumerate() {
            for at in 0..Q {
                let v = queries[at][j];
                for lane in 0..WIDE {
                    sums[at][lane] += column[lane] * v;
                }
            }
        }
        for at in 0..Q {
            let start = at * padded + panel * WIDE;
            out[start..start + WIDE].copy_from_slice(&sums[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::Dense;

    use super::*;

    #[test]
    fn kernels_are_those_of_the_definition_for_dense_and_sparse_rows() {
        let x = Dense::new(9, 3, (0..27).map(|i| f64::from((i * 5) % 7) / 4.0 - 0.75).collect()).unwrap();
        let mut sparse = prompt_core::CsrBuilder::new(3);
        for i in 0..9 {
            let pairs: Vec<(u32, f32)> = x
                .row(i)
                .iter()
                .enumerate()
                .filter(|v| *v.1 != 0.0)
                .map(|(j, v)| (j as u32, *v as f32))
                .collect();
            sparse.push_pairs(&pairs);
        }
        let q = [0.5, -1.0, 0.25];
        for matrix in [Matrix::from(x.clone()), Matrix::from(sparse.finish())] {
            for kernel in [Kernel::Rbf, Kernel::Poly, Kernel::Linear, Kernel::Sigmoid] {
                let rows = Rows::new(&matrix, Shape { kernel, gamma: 0.5, coef0: 0.25, degree: 3 });
                let mut out = vec![0.0; 2 * rows.padded()];
                rows.values([&q, &q], &mut out);
                for i in 0..9 {
                    let dot: f64 = x.row(i).iter().zip(&q).map(|(a, b)| a * b).sum();
                    let square: f64 = x.row(i).iter().zip(&q).map(|(a, b)| (a - b) * (a - b)).sum();
                    let expected = match kernel {
                        Kernel::Rbf => (-0.5 * square).exp(),
                        Kernel::Poly => (0.5 * dot + 0.25).powi(3),
                        Kernel::Linear => dot,
                        Kernel::Sigmoid => (0.5 * dot + 0.25).tanh(),
                    };
                    assert!((out[i] - expected).abs() < 1e-14, "{kernel:?}: {} not {expected}", out[i]);
                    assert_eq!(out[i].to_bits(), out[rows.padded() + i].to_bits());
                }
                assert_eq!(rows.matrix().to_dense().data(), x.data());
            }
        }
    }
}
