//! Dense layers and norms as plain numbers, with the places that their gradients belong to.

use burn::tensor::Tensor;
use prompt_core::Result;

use super::{Dense, Given, Norm};
use crate::kernel::{self, Added, Normed};
use crate::net::{Id, Numbers, Store};

/// A dense layer's numbers and where they belong.
pub(super) struct Plain {
    weight: Tensor<2>,
    weight_at: usize,
    /// Zeros where the layer has none.
    pub(super) bias: Vec<f32>,
    bias_at: Option<usize>,
}

impl Plain {
    pub(super) fn of(dense: &Dense, s: &Store) -> Result<Self> {
        let weight = s.get::<2>(dense.weight).inner();
        let outputs = weight.dims()[1];
        Ok(Self {
            weight,
            weight_at: dense.weight.index(),
            bias: dense.bias.map_or_else(|| Ok(vec![0.0; outputs]), |b| s.read(b.index()))?,
            bias_at: dense.bias.map(Id::index),
        })
    }

    /// x·W. The bias is added by what comes next.
    pub(super) fn product(&self, x: Tensor<2>) -> Result<Numbers> {
        Numbers::of(x.matmul(self.weight.clone()))
    }

    /// Hands on the gradients of the numbers, the bias's being `sums`; gives that of the input.
    pub(super) fn back(
        &self,
        x: Tensor<2>,
        grad: Tensor<2>,
        sums: Vec<f32>,
        onward: &mut Given,
    ) -> Result<Tensor<2>> {
        onward.push((self.weight_at, Numbers::of(x.transpose().matmul(grad.clone()))?));
        if let Some(at) = self.bias_at {
            onward.push((at, sums.into()));
        }
        Ok(grad.matmul(self.weight.clone().transpose()))
    }
}

/// A norm's numbers and where they belong.
pub(super) struct PlainNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    gamma_at: usize,
    beta_at: Option<usize>,
    epsilon: f32,
}

impl PlainNorm {
    pub(super) fn of(norm: &Norm, s: &Store) -> Result<Self> {
        let gamma = s.read(norm.weight.index())?;
        let beta = norm.bias.map_or_else(|| Ok(vec![0.0; gamma.len()]), |b| s.read(b.index()))?;
        let beta_at = norm.bias.map(Id::index);
        Ok(Self { gamma, beta, gamma_at: norm.weight.index(), beta_at, epsilon: norm.epsilon as f32 })
    }

    /// `x` becomes the norm of x and what is added to it.
    pub(super) fn forward(&self, x: &mut [f32], added: Added<'_>, keeps: bool) -> Option<Normed> {
        kernel::add_and_norm(x, added, &self.gamma, &self.beta, self.epsilon, keeps)
    }

    pub(super) fn back(&self, grad: &mut [f32], kept: &Normed, onward: &mut Given) {
        let (by_gamma, by_beta) = kernel::layer_norm_back(grad, &self.gamma, kept);
        onward.push((self.gamma_at, by_gamma.into()));
        if let Some(at) = self.beta_at {
            onward.push((at, by_beta.into()));
        }
    }
}
