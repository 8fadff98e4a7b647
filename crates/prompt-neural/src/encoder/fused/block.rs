//! One block, there and back, for one part of a batch.

use burn::tensor::Tensor;
use prompt_core::Result;

use super::layers::{Plain, PlainNorm};
use super::{Given, Parts, Shape};
use crate::kernel::{self, Added, Normed};
use crate::net::{Draws, Numbers, Shared, Store, Tape};

/// What a block drops of a batch.
pub(super) struct Dropped {
    shares: Option<Draws>,
    first: Option<Draws>,
    second: Option<Draws>,
}

impl Dropped {
    /// In the order in which the block built from burn's operations draws.
    pub(super) fn draw(
        tape: &mut Tape,
        dropout: f64,
        [rows, length, width]: [usize; 3],
        heads: usize,
    ) -> Self {
        Self {
            shares: tape.draws(rows * heads * length * length, dropout),
            first: tape.draws(rows * length * width, dropout),
            second: tape.draws(rows * length * width, dropout),
        }
    }
}

/// A block's numbers.
pub(super) struct Block {
    query: Plain,
    key: Plain,
    value: Plain,
    out: Plain,
    norm: PlainNorm,
    wide: Plain,
    narrow: Plain,
    second_norm: PlainNorm,
}

/// What a block keeps for its way back.
pub(super) struct Kept {
    input: Tensor<2>,
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    shares: Shared,
    /// The shares of which some are dropped, where some are.
    dropped: Option<Tensor<4>>,
    share_mask: Option<Vec<f32>>,
    mixed: Tensor<2>,
    first_mask: Option<Vec<f32>>,
    normed: Normed,
    middle: Tensor<2>,
    inner: Tensor<2>,
    slope: Numbers,
    second_mask: Option<Vec<f32>>,
    second_normed: Normed,
}

impl Block {
    pub(super) fn of(parts: &Parts<'_>, s: &Store) -> Result<Self> {
        Ok(Self {
            query: Plain::of(parts.query, s)?,
            key: Plain::of(parts.key, s)?,
            value: Plain::of(parts.value, s)?,
            out: Plain::of(parts.out, s)?,
            norm: PlainNorm::of(parts.norm, s)?,
            wide: Plain::of(parts.wide, s)?,
            narrow: Plain::of(parts.narrow, s)?,
            second_norm: PlainNorm::of(parts.second_norm, s)?,
        })
    }

    /// The output, and what the way back needs if the tape keeps it.
    pub(super) fn forward(
        &self,
        x: &Shared,
        shape: &Shape,
        lengths: &[usize],
        drops: &Dropped,
        keeps: bool,
    ) -> Result<(Numbers, Option<Kept>)> {
        let Shape { device, length, width, heads, .. } = shape;
        let mask = |draws: &Option<Draws>, n: usize| {
            let start = shape.first_row * (n / shape.rows);
            draws.as_ref().map(|draws| draws.mask(start..start + n))
        };
        let scale = 1.0 / ((width / heads) as f32).sqrt();
        let flat = || x.tensor(shape.flat(), device);
        let projected = |dense: &Plain| -> Result<Tensor<4>> {
            let mut y = dense.product(flat())?;
            kernel::add_bias(&mut y, &dense.bias);
            Ok(shape.by_heads(y.tensor(shape.flat(), device)))
        };
        let (q, k, v) = (projected(&self.query)?, projected(&self.key)?, projected(&self.value)?);
        let mut shares = Numbers::of(q.clone().matmul(k.clone().swap_dims(2, 3)))?;
        kernel::softmax(&mut shares, *length, scale, |i| lengths[i / (heads * length)]);
        let shares = shares.share();
        let share_mask = mask(&drops.shares, shares.len());
        let dropped = share_mask.as_ref().map(|mask| dropped(&shares, mask).tensor(shape.square(), device));
        let used = dropped.clone().unwrap_or_else(|| shares.tensor(shape.square(), device));
        let mixed = shape.joined(used.matmul(v.clone()))?.tensor(shape.flat(), device);

        let first_mask = mask(&drops.first, x.len());
        let mut first = self.out.product(mixed.clone())?;
        let added = Added { bias: &self.out.bias, mask: first_mask.as_deref(), residual: x };
        let normed = self.norm.forward(&mut first, added, keeps);
        let middle = first.share();

        let mut inner = self.wide.product(middle.tensor(shape.flat(), device))?;
        let inner_shape = [middle.len() / width, self.wide.bias.len()];
        let mut slope = None;
        if keeps {
            let mut activated = Numbers::from(vec![0.0; inner.len()]);
            kernel::gelu(&mut inner, &self.wide.bias, &mut activated);
            slope = Some(std::mem::replace(&mut inner, activated));
        } else {
            kernel::gelu_alone(&mut inner, &self.wide.bias);
        }
        let inner = inner.tensor(inner_shape, device);
        let second_mask = mask(&drops.second, x.len());
        let mut second = self.narrow.product(inner.clone())?;
        let added = Added { bias: &self.narrow.bias, mask: second_mask.as_deref(), residual: &middle };
        let second_normed = self.second_norm.forward(&mut second, added, keeps);

        let (Some(normed), Some(slope), Some(second_normed)) = (normed, slope, second_normed) else {
            return Ok((second, None));
        };
        let (input, middle) = (flat(), middle.tensor(shape.flat(), device));
        let kept = Kept {
            input,
            q,
            k,
            v,
            shares,
            dropped,
            share_mask,
            mixed,
            first_mask,
            normed,
            middle,
            inner,
            slope,
            second_mask,
            second_normed,
        };
        Ok((second, Some(kept)))
    }

    /// From the gradient of the output to that of the input; those of the block's numbers are handed on.
    pub(super) fn back(
        &self,
        mut grad: Numbers,
        mut kept: Kept,
        shape: &Shape,
        onward: &mut Given,
    ) -> Result<Numbers> {
        let Shape { device, length, width, heads, .. } = shape;
        let scale = 1.0 / ((width / heads) as f32).sqrt();
        self.second_norm.back(&mut grad, &kept.second_normed, onward);
        let (around, by_narrow, sums) = masked(grad, kept.second_mask.as_deref(), shape)?;
        let mut by_inner = Numbers::of(self.narrow.back(kept.inner, by_narrow, sums, onward)?)?;
        let sums = kernel::multiply_and_sum(&mut by_inner, &kept.slope, self.wide.bias.len());
        let by_wide = by_inner.tensor([shape.flat()[0], self.wide.bias.len()], device);
        let mut grad = Numbers::of(self.wide.back(kept.middle, by_wide, sums, onward)?)?;
        kernel::add(&mut grad, &Numbers::of(around)?);

        self.norm.back(&mut grad, &kept.normed, onward);
        let (around, by_out, sums) = masked(grad, kept.first_mask.as_deref(), shape)?;
        let by_mixed = shape.by_heads(self.out.back(kept.mixed, by_out, sums, onward)?);
        let used = kept.dropped.take().unwrap_or_else(|| kept.shares.tensor(shape.square(), device));
        let by_v = used.swap_dims(2, 3).matmul(by_mixed.clone());
        let mut by_scores = Numbers::of(by_mixed.matmul(kept.v.swap_dims(2, 3)))?;
        if let Some(mask) = &kept.share_mask {
            kernel::multiply(&mut by_scores, mask);
        }
        kernel::softmax_back(&kept.shares, &mut by_scores, *length, scale);
        let by_scores = by_scores.tensor(shape.square(), device);
        let by_q = by_scores.clone().matmul(kept.k);
        let by_k = by_scores.swap_dims(2, 3).matmul(kept.q);
        let mut grad = Numbers::of(around)?;
        for (dense, by) in [(&self.query, by_q), (&self.key, by_k), (&self.value, by_v)] {
            let by = shape.joined(by)?;
            let sums = kernel::column_sums(&by, *width);
            let by = by.tensor(shape.flat(), device);
            kernel::add(&mut grad, &Numbers::of(dense.back(kept.input.clone(), by, sums, onward)?)?);
        }
        Ok(grad)
    }
}

/// x ⊙ mask.
fn dropped(x: &[f32], mask: &[f32]) -> Numbers {
    let mut x = x.to_vec();
    kernel::multiply(&mut x, mask);
    x.into()
}

/// A gradient as it goes around a layer, as it goes through its dropout, and the sums of the columns of the latter.
fn masked(grad: Numbers, mask: Option<&[f32]>, shape: &Shape) -> Result<(Tensor<2>, Tensor<2>, Vec<f32>)> {
    let tensor = |x: Numbers| x.tensor(shape.flat(), &shape.device);
    if let Some(mask) = mask {
        let through = dropped(&grad, mask);
        let sums = kernel::column_sums(&through, shape.width);
        return Ok((tensor(grad), tensor(through), sums));
    }
    let sums = kernel::column_sums(&grad, shape.width);
    let grad = tensor(grad);
    Ok((grad.clone(), grad, sums))
}
