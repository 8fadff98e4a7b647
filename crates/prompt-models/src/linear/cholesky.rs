//! The Cholesky factor of a symmetric positive definite matrix.

use crate::simd::{dots, vectorised};

/// L with L·Lᵀ = A; rows of the lower triangle.
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

/// A pivot smaller than this, relative to the diagonal, says that a column follows from those before it.
const SMALLEST: f64 = 1e-11;

impl Cholesky {
    /// Factors the matrix whose lower triangle is `at(i, j)`, i ≥ j; `None` when it is singular to rounding.
    pub(crate) fn new(size: usize, at: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut lower = vec![0.0; size * size];
        for i in 0..size {
            let (above, rest) = lower.split_at_mut(i * size);
            let row = &mut rest[..size];
            vectorised(
                #[inline(always)]
                || {
                    for j in 0..i {
                        let other = &above[j * size..j * size + j + 1];
                        let known = dots([&row[..j]], [&other[..j]])[0][0];
                        row[j] = (at(i, j) - known) / other[j];
                    }
                },
            );
            let diagonal = at(i, i);
            let pivot = diagonal - row[..i].iter().map(|v| v * v).sum::<f64>();
            if pivot.is_nan() || pivot <= SMALLEST * diagonal {
                return None;
            }
            row[i] = pivot.sqrt();
        }
        Some(Self { size, lower })
    }

    /// Replaces b by A⁻¹·b.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        let n = self.size;
        for i in 0..n {
            let row = &self.lower[i * n..i * n + i + 1];
            let known: f64 = row[..i].iter().zip(&*b).map(|(l, b)| l * b).sum();
            b[i] = (b[i] - known) / row[i];
        }
        for i in (0..n).rev() {
            let row = &self.lower[i * n..i * n + i + 1];
            b[i] /= row[i];
            let v = b[i];
            b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= l * v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_system_is_solved_and_a_singular_one_is_noticed() {
        let a = [[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]];
        let mut b = [8.0, 15.0, 11.0];
        Cholesky::new(3, |i, j| a[i][j]).unwrap().solve(&mut b);
        for (found, expected) in b.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-14);
        }
        assert!(Cholesky::new(2, |_, _| 1.0).is_none());
        assert!(Cholesky::new(1, |_, _| 0.0).is_none());
    }
}
