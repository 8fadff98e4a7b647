//! Surface features of texts, behind their pooled vectors.

use burn::tensor::Tensor;
use prompt_core::Texts;
use prompt_encoder::SurfaceFeatures;

use crate::net::Store;

/// The surface features of texts; of width 0 where heads read none.
#[derive(Debug, Default)]
pub(super) struct Surface {
    width: usize,
    /// Texts × width.
    numbers: Vec<f32>,
}

impl Surface {
    pub(super) fn of<T: Texts + ?Sized>(features: Option<&SurfaceFeatures>, texts: &T) -> Self {
        let Some(features) = features else { return Self::default() };
        let numbers = (0..texts.count()).flat_map(|i| features.row(texts.text(i))).collect();
        Self { width: features.width(), numbers }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Of all texts.
    pub(super) fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// Of one text.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.width..(row + 1) * self.width]
    }

    /// \[rows, pooled\] → \[rows, pooled + width\]; `rows` says which texts they are.
    pub(super) fn behind(&self, pooled: Tensor<2>, rows: &[usize], s: &Store) -> Tensor<2> {
        if self.width == 0 {
            return pooled;
        }
        let numbers = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        let features: Tensor<2> = s.constant(numbers, [rows.len(), self.width]);
        Tensor::cat(vec![pooled, features], 1)
    }
}

#[cfg(test)]
mod tests;
