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

mod block;
mod layers;

use burn::tensor::{Device, Tensor};
use prompt_core::Result;
use rayon::prelude::*;

use super::layers::{Dense, Norm, split_heads};
use crate::kernel;
use crate::net::{Input, Numbers, Store, Tape};

use block::{Block, Dropped, Kept};

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
