//! A block of the BERT family computed and differentiated by hand, on a CPU.
//!
//! burn's softmax, layer normalisation and GELU and their gradients are chains of small operations, each a pass over memory.
//! Here the matrix products are burn's, and what lies between them is one pass each (see [`kernel`]). The numbers are
//! those of the block built from burn's operations; a test compares them.

use burn::tensor::{Device, Tensor, TensorData, module};
use prompt_core::Result;

use super::layers::{Dense, Norm, join_heads, split_heads};
use crate::kernel::{self, Normed};
use crate::net::{Id, Input, Onward, Store, Tape, read};

/// The parts of a block.
pub(super) struct Parts<'a> {
    pub(super) query: &'a Dense,
    pub(super) key: &'a Dense,
    pub(super) value: &'a Dense,
    pub(super) out: &'a Dense,
    pub(super) norm: &'a Norm,
    pub(super) wide: &'a Dense,
    pub(super) narrow: &'a Dense,
    pub(super) second_norm: &'a Norm,
    pub(super) heads: usize,
}

/// A dense layer's numbers and where they belong.
struct Plain {
    weight: Tensor<2>,
    weight_at: usize,
    bias: Option<Tensor<1>>,
    bias_at: Option<usize>,
}

impl Plain {
    fn of(dense: &Dense, s: &Store) -> Self {
        Self {
            weight: s.get::<2>(dense.weight).inner(),
            weight_at: dense.weight.index(),
            bias: dense.bias.map(|b| s.get::<1>(b).inner()),
            bias_at: dense.bias.map(Id::index),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        module::linear(x, self.weight.clone(), self.bias.clone())
    }

    /// Hands on the gradients of the numbers; gives that of the input.
    fn back(&self, x: &Tensor<2>, grad: &Tensor<2>, onward: &mut Onward) -> Result<Tensor<2>> {
        onward.give_param(self.weight_at, read(x.clone().transpose().matmul(grad.clone()))?);
        if let Some(at) = self.bias_at {
            onward.give_param(at, read(grad.clone().sum_dim(0))?);
        }
        Ok(grad.clone().matmul(self.weight.clone().transpose()))
    }
}

/// A norm's numbers and where they belong.
struct PlainNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    gamma_at: usize,
    beta_at: Option<usize>,
    epsilon: f32,
}

impl PlainNorm {
    fn of(norm: &Norm, s: &Store) -> Result<Self> {
        let gamma = s.read(norm.weight.index())?;
        let beta = norm.bias.map_or_else(|| Ok(vec![0.0; gamma.len()]), |b| s.read(b.index()))?;
        let beta_at = norm.bias.map(Id::index);
        Ok(Self { gamma, beta, gamma_at: norm.weight.index(), beta_at, epsilon: norm.epsilon as f32 })
    }

    fn back(&self, grad: &mut [f32], kept: &Normed, onward: &mut Onward) {
        let (by_gamma, by_beta) = kernel::layer_norm_back(grad, &self.gamma, kept);
        onward.give_param(self.gamma_at, by_gamma);
        if let Some(at) = self.beta_at {
            onward.give_param(at, by_beta);
        }
    }
}

fn put<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// x ⊙ mask, where there is one.
fn dropped(mut x: Vec<f32>, mask: Option<&Vec<f32>>) -> Vec<f32> {
    if let Some(mask) = mask {
        kernel::multiply(&mut x, mask);
    }
    x
}

/// \[rows, length, width\] → the same.
pub(super) fn forward(
    parts: &Parts<'_>,
    s: &Store,
    tape: &mut Tape,
    x: Tensor<3>,
    input: &Input,
    dropout: f64,
) -> Result<Tensor<3>> {
    let device = s.device().clone().inner();
    let [rows, length, width] = x.dims();
    let (tokens, heads) = (rows * length, parts.heads);
    let scale = 1.0 / ((width / heads) as f32).sqrt();
    let of = |dense| Plain::of(dense, s);
    let [query, key, value, out] = [of(parts.query), of(parts.key), of(parts.value), of(parts.out)];
    let [wide, narrow] = [of(parts.wide), of(parts.narrow)];
    let (norm, second_norm) = (PlainNorm::of(parts.norm, s)?, PlainNorm::of(parts.second_norm, s)?);

    let flat = x.clone().inner().reshape([tokens, width]);
    let by_heads = |t: Tensor<2>| split_heads(t.reshape([rows, length, width]), heads);
    let q = by_heads(query.forward(flat.clone()));
    let k = by_heads(key.forward(flat.clone()));
    let v = by_heads(value.forward(flat.clone()));
    let mut shares = read(q.clone().matmul(k.clone().swap_dims(2, 3)))?;
    let lengths = input.lengths.clone();
    kernel::softmax(&mut shares, length, scale, |i| lengths[i / (heads * length)]);
    let share_mask = tape.mask(shares.len(), dropout);
    let square = [rows, heads, length, length];
    let kept_shares = put(dropped(shares.clone(), share_mask.as_ref()), square, &device);
    let mixed = join_heads(kept_shares.clone().matmul(v.clone())).reshape([tokens, width]);

    let first_mask = tape.mask(tokens * width, dropout);
    let mut first = dropped(read(out.forward(mixed.clone()))?, first_mask.as_ref());
    kernel::add(&mut first, &read(flat.clone())?);
    let normed = kernel::layer_norm(&mut first, &norm.gamma, &norm.beta, norm.epsilon);
    let middle = put(first.clone(), [tokens, width], &device);

    let mut inner = read(wide.forward(middle.clone()))?;
    let inner_width = inner.len() / tokens;
    let slope = if tape.keeps() {
        let mut slope = inner;
        inner = vec![0.0; slope.len()];
        kernel::gelu(&mut slope, &mut inner);
        slope
    } else {
        kernel::gelu_alone(&mut inner);
        Vec::new()
    };
    let inner = put(inner, [tokens, inner_width], &device);
    let second_mask = tape.mask(tokens * width, dropout);
    let mut second = dropped(read(narrow.forward(inner.clone()))?, second_mask.as_ref());
    kernel::add(&mut second, &first);
    let second_normed =
        kernel::layer_norm(&mut second, &second_norm.gamma, &second_norm.beta, second_norm.epsilon);
    let output = put(second, [rows, length, width], &device);

    Ok(tape.by_hand(output, s.device(), move |grad, onward| {
        let mut grad = read(grad)?;
        second_norm.back(&mut grad, &second_normed, onward);
        let by_narrow = put(dropped(grad.clone(), second_mask.as_ref()), [tokens, width], &device);
        let mut by_inner = read(narrow.back(&inner, &by_narrow, onward)?)?;
        kernel::multiply(&mut by_inner, &slope);
        let by_wide = put(by_inner, [tokens, inner_width], &device);
        kernel::add(&mut grad, &read(wide.back(&middle, &by_wide, onward)?)?);

        norm.back(&mut grad, &normed, onward);
        let by_out = put(dropped(grad.clone(), first_mask.as_ref()), [tokens, width], &device);
        let by_mixed = split_heads(out.back(&mixed, &by_out, onward)?.reshape([rows, length, width]), heads);
        let by_v = kept_shares.swap_dims(2, 3).matmul(by_mixed.clone());
        let mut by_scores = dropped(read(by_mixed.matmul(v.swap_dims(2, 3)))?, share_mask.as_ref());
        kernel::softmax_back(&shares, &mut by_scores, length, scale);
        let by_scores = put(by_scores, square, &device);
        let by_q = by_scores.clone().matmul(k);
        let by_k = by_scores.swap_dims(2, 3).matmul(q);
        for (dense, by) in [(query, by_q), (key, by_k), (value, by_v)] {
            let by = join_heads(by).reshape([tokens, width]);
            kernel::add(&mut grad, &read(dense.back(&flat, &by, onward)?)?);
        }
        onward.give(x, put(grad, [rows, length, width], &device));
        Ok(())
    }))
}
