//! Blocks of the BERT family computed and differentiated by hand, on a CPU.
//!
//! burn's softmax, layer normalisation and GELU and their gradients are chains of small operations, each a pass over memory.
//! Here the matrix products are burn's, and what lies between them is one pass each (see [`kernel`]), over the numbers where
//! the product left them (see [`Numbers`]). The numbers are those of the blocks built from burn's operations; a test
//! compares them.
//!
//! A batch is cut into parts of whole rows, and each goes through the blocks on a thread of its own: what burn does on one
//! thread (it clears the memory of each product) is then done on all, and what a product wrote is still in the cache of
//! the thread that reads it. The parts depend on the batch alone, and their gradients are added up in their order.

use burn::tensor::{Device, Tensor};
use prompt_core::Result;
use rayon::prelude::*;

use super::layers::{Dense, Norm, split_heads};
use crate::kernel::{self, Added, Normed};
use crate::net::{Draws, Id, Input, Numbers, Shared, Store, Tape};

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

/// Gradients of parameters, by their place in the store.
type Given = Vec<(usize, Numbers)>;

/// A dense layer's numbers and where they belong.
struct Plain {
    weight: Tensor<2>,
    weight_at: usize,
    /// Zeros where the layer has none.
    bias: Vec<f32>,
    bias_at: Option<usize>,
}

impl Plain {
    fn of(dense: &Dense, s: &Store) -> Result<Self> {
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
    fn product(&self, x: Tensor<2>) -> Result<Numbers> {
        Numbers::of(x.matmul(self.weight.clone()))
    }

    /// Hands on the gradients of the numbers, the bias's being `sums`; gives that of the input.
    fn back(&self, x: Tensor<2>, grad: Tensor<2>, sums: Vec<f32>, onward: &mut Given) -> Result<Tensor<2>> {
        onward.push((self.weight_at, Numbers::of(x.transpose().matmul(grad.clone()))?));
        if let Some(at) = self.bias_at {
            onward.push((at, sums.into()));
        }
        Ok(grad.matmul(self.weight.clone().transpose()))
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

    /// `x` becomes the norm of x and what is added to it.
    fn forward(&self, x: &mut [f32], added: Added<'_>, keeps: bool) -> Option<Normed> {
        kernel::add_and_norm(x, added, &self.gamma, &self.beta, self.epsilon, keeps)
    }

    fn back(&self, grad: &mut [f32], kept: &Normed, onward: &mut Given) {
        let (by_gamma, by_beta) = kernel::layer_norm_back(grad, &self.gamma, kept);
        onward.push((self.gamma_at, by_gamma.into()));
        if let Some(at) = self.beta_at {
            onward.push((at, by_beta.into()));
        }
    }
}

/// The part of a batch that numbers belong to.
#[derive(Clone)]
struct Shape {
    device: Device,
    first_row: usize,
    rows: usize,
    length: usize,
    width: usize,
    heads: usize,
}

impl Shape {
    /// \[tokens, width\]
    fn flat(&self) -> [usize; 2] {
        [self.rows * self.length, self.width]
    }

    /// \[rows, heads, length, length\]
    fn square(&self) -> [usize; 4] {
        [self.rows, self.heads, self.length, self.length]
    }

    fn by_heads(&self, x: Tensor<2>) -> Tensor<4> {
        split_heads(x.reshape([self.rows, self.length, self.width]), self.heads)
    }

    /// The way back, \[tokens, width\].
    fn joined(&self, x: Tensor<4>) -> Result<Numbers> {
        let size = self.width / self.heads;
        Ok(kernel::join_heads(&Numbers::of(x)?, [self.heads, self.length, size]).into())
    }
}

/// What a block drops of a batch.
struct Dropped {
    shares: Option<Draws>,
    first: Option<Draws>,
    second: Option<Draws>,
}

impl Dropped {
    /// In the order in which the block built from burn's operations draws.
    fn draw(tape: &mut Tape, dropout: f64, [rows, length, width]: [usize; 3], heads: usize) -> Self {
        Self {
            shares: tape.draws(rows * heads * length * length, dropout),
            first: tape.draws(rows * length * width, dropout),
            second: tape.draws(rows * length * width, dropout),
        }
    }
}

/// A block's numbers.
struct Block {
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
struct Kept {
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
    fn of(parts: &Parts<'_>, s: &Store) -> Result<Self> {
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
    fn forward(
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
    fn back(&self, mut grad: Numbers, mut kept: Kept, shape: &Shape, onward: &mut Given) -> Result<Numbers> {
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

/// Tokens of a part: enough for a product to run at full speed, and for its gradients to be worth adding to the others'.
const LEARNING: usize = 1 << 10;
const PREDICTING: usize = 1 << 9;

/// Through blocks, one after another: \[rows, length, width\] → the same.
pub(super) fn forward(
    blocks: &[Parts<'_>],
    s: &Store,
    tape: &mut Tape,
    x: Tensor<3>,
    input: &Input,
    dropout: f64,
) -> Result<Tensor<3>> {
    let device = s.device().clone().inner();
    let dims @ [_, length, width] = x.dims();
    let heads = blocks.first().map_or(1, |block| block.heads);
    let blocks = blocks.iter().map(|parts| Block::of(parts, s)).collect::<Result<Vec<_>>>()?;
    let tokens = if tape.trains() { LEARNING } else { PREDICTING };
    let rows = (tokens / length.max(1)).max(1);
    let of_part = (rows * length * width).max(1);
    let numbers = Numbers::of(x.clone().inner())?;
    let drops: Vec<Dropped> = blocks.iter().map(|_| Dropped::draw(tape, dropout, dims, heads)).collect();
    let keeps = tape.keeps();
    let through = |(part, (x, lengths)): (usize, (&[f32], &[usize]))| {
        let first_row = part * rows;
        let shape = Shape { device: device.clone(), first_row, rows: lengths.len(), length, width, heads };
        let (mut numbers, mut kept) = (Numbers::from(x.to_vec()), Vec::new());
        for (block, drops) in blocks.iter().zip(&drops) {
            let (output, keeps) = block.forward(&numbers.share(), &shape, lengths, drops, keeps)?;
            numbers = output;
            kept.extend(keeps);
        }
        Ok((numbers, (shape, kept)))
    };
    let parts = numbers.par_chunks(of_part).zip(input.lengths.par_chunks(rows)).enumerate();
    let parts = parts.map(through).collect::<Result<Vec<_>>>()?;
    drop(drops);
    let (outputs, mut kept): (Vec<Numbers>, Vec<(Shape, Vec<Kept>)>) = parts.into_iter().unzip();
    let output = put_together(&outputs).tensor(dims, &device);
    drop(outputs);
    Ok(tape.by_hand(output, s.device(), move |grad, onward| {
        let grad = Numbers::of(grad)?;
        let mut grads: Vec<Numbers> = grad.par_chunks(of_part).map(|g| g.to_vec().into()).collect();
        // What all parts kept of a block is given back before the one below is gone through.
        for block in blocks.iter().rev() {
            let back = |(grad, (shape, kept)): (Numbers, &mut (Shape, Vec<Kept>))| {
                let mut given = Given::new();
                let grad = match kept.pop() {
                    Some(kept) => block.back(grad, kept, shape, &mut given)?,
                    None => grad,
                };
                Ok((grad, given))
            };
            let done = grads.into_par_iter().zip(&mut kept).map(back).collect::<Result<Vec<_>>>()?;
            let (next, given): (Vec<Numbers>, Vec<Given>) = done.into_iter().unzip();
            grads = next;
            for (at, grad) in added_up(given) {
                onward.give_param(at, grad);
            }
        }
        onward.give(x, put_together(&grads).tensor(dims, &device));
        Ok(())
    }))
}

/// The numbers of all parts behind one another.
fn put_together(parts: &[Numbers]) -> Numbers {
    let mut all = vec![0.0; parts.iter().map(|part| part.len()).sum()];
    let of_part = parts.first().map_or(1, |part| part.len()).max(1);
    all.par_chunks_mut(of_part).zip(parts).for_each(|(all, part)| all.copy_from_slice(part));
    all.into()
}

/// The sums of the gradients that parts gave, which gave the same ones in the same order.
fn added_up(parts: Vec<Given>) -> Given {
    let mut parts = parts.into_iter();
    let mut sums = parts.next().unwrap_or_default();
    for part in parts {
        for ((_, sum), (_, grad)) in sums.iter_mut().zip(&part) {
            kernel::add(sum, grad);
        }
    }
    sums
}
