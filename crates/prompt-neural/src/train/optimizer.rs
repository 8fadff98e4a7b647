//! AdamW (Loshchilov and Hutter, 2019) with groups, and clipping by the norm over all gradients.
//!
//! ```text
//! p ← p − η·λ·p    m ← β₁m + (1−β₁)g    v ← β₂v + (1−β₂)g²    p ← p − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
//! ```
//!
//! It works on plain numbers, in one pass over each parameter. On a CPU that is several times less memory traffic than
//! a chain of tensor operations; a GPU pays a transfer for each parameter.

use prompt_core::{FitContext, Result};
use rayon::prelude::*;

use super::job::TrainOptions;
use crate::net::{Grad, Grads, Param, RowGrad, Store};

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The moments of every parameter, and how often each has moved: one that is thawed later begins its own correction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdamW {
    pub(crate) first: Vec<Vec<f32>>,
    pub(crate) second: Vec<Vec<f32>>,
    pub(crate) steps: Vec<usize>,
}

/// The rate and the decay of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Group {
    pub(crate) rate: f64,
    pub(crate) decay: f64,
}

impl AdamW {
    pub(crate) fn new(store: &Store) -> Self {
        let zeros = || store.params().iter().map(|p| vec![0.0; p.shape.iter().product()]).collect();
        Self { first: zeros(), second: zeros(), steps: vec![0; store.len()] }
    }

    /// One step. A parameter without a gradient is left as it is.
    pub(crate) fn step(
        &mut self,
        store: &mut Store,
        grads: &[Option<Grad>],
        scale: f32,
        ctx: &FitContext,
        group: impl Fn(usize) -> Group,
    ) -> Result<()> {
        for (i, grad) in grads.iter().enumerate() {
            let Some(grad) = grad else { continue };
            self.steps[i] += 1;
            let mut values = store.take(i)?;
            let rule = Rule::new(group(i), self.steps[i], scale);
            let moments = (&mut self.first[i][..], &mut self.second[i][..]);
            match grad {
                Grad::Whole(grad) => rule.all(&mut values, grad, moments, ctx),
                Grad::Rows(grad) => rule.rows(&mut values, grad, moments, ctx),
            }
            store.set(i, values);
        }
        Ok(())
    }
}

/// How the numbers of one parameter move in one step.
struct Rule {
    /// What the gradient is multiplied by.
    scale: f32,
    shrink: f32,
    size: f32,
    correction2: f32,
}

/// The two moments of a parameter.
type Moments<'a> = (&'a mut [f32], &'a mut [f32]);

impl Rule {
    fn new(group: Group, step: usize, scale: f32) -> Self {
        let correction1 = 1.0 - f64::from(BETA1).powi(step as i32);
        Self {
            scale,
            shrink: (1.0 - group.rate * group.decay) as f32,
            size: (group.rate / correction1) as f32,
            correction2: (1.0 - f64::from(BETA2).powi(step as i32)).sqrt() as f32,
        }
    }

    fn one(&self, p: &mut f32, g: f32, m: &mut f32, v: &mut f32) {
        let g = g * self.scale;
        *m += (g - *m) * (1.0 - BETA1);
        *v = *v * BETA2 + g * g * (1.0 - BETA2);
        *p = *p * self.shrink - self.size * *m / (v.sqrt() / self.correction2 + EPSILON);
    }

    fn all(&self, p: &mut [f32], grad: &[f32], (m, v): Moments<'_>, ctx: &FitContext) {
        let run = |((p, g), (m, v)): ((&mut [f32], &[f32]), Moments<'_>)| {
            for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
                self.one(p, g, m, v);
            }
        };
        if p.len() < 2 * BLOCK || ctx.thread_budget() == 1 {
            return run(((p, grad), (m, v)));
        }
        p.par_chunks_mut(BLOCK)
            .zip(grad.par_chunks(BLOCK))
            .zip(m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK)))
            .for_each(run);
    }

    /// The same, to the bit, where most rows have no gradient. A row that never had one has no moments: it only
    /// shrinks.
    fn rows(&self, p: &mut [f32], grad: &RowGrad, (m, v): Moments<'_>, ctx: &FitContext) {
        let width = grad.width;
        let zeros = vec![0.0; width];
        let block = (BLOCK / width).max(1);
        let run = |(at, (p, (m, v))): (usize, (&mut [f32], Moments<'_>))| {
            let first = at * block;
            let start = grad.rows.partition_point(|&row| (row as usize) < first);
            let mut given = grad.iter().skip(start).peekable();
            let rows =
                p.chunks_exact_mut(width).zip(m.chunks_exact_mut(width)).zip(v.chunks_exact_mut(width));
            for (i, ((p, m), v)) in rows.enumerate() {
                let own = given.next_if(|(row, _)| *row == first + i).map(|(_, own)| own);
                if own.is_some() || m.iter().chain(v.iter()).any(|moment| *moment != 0.0) {
                    for (((p, &g), m), v) in p.iter_mut().zip(own.unwrap_or(&zeros)).zip(m).zip(v) {
                        self.one(p, g, m, v);
                    }
                } else if self.shrink != 1.0 {
                    p.iter_mut().for_each(|p| *p *= self.shrink);
                }
            }
        };
        let size = block * width;
        if p.len() < 2 * BLOCK || ctx.thread_budget() == 1 {
            let moments = m.chunks_mut(size).zip(v.chunks_mut(size));
            return p.chunks_mut(size).zip(moments).enumerate().for_each(run);
        }
        let moments = m.par_chunks_mut(size).zip(v.par_chunks_mut(size));
        p.par_chunks_mut(size).zip(moments).enumerate().for_each(run);
    }
}

/// Numbers that one thread takes at a time.
const BLOCK: usize = 1 << 15;

/// Gradients of some batches, added up.
pub(crate) struct Accumulated(Vec<Option<Grad>>);

impl Accumulated {
    pub(crate) fn new(store: &Store) -> Self {
        Self((0..store.len()).map(|_| None).collect())
    }

    /// Those of one pass.
    pub(crate) fn of(store: &Store, grads: &mut Grads) -> Result<Self> {
        let one = |i: usize| match store.params()[i].trainable {
            true => grads.take_param(store, i),
            false => Ok(None),
        };
        Ok(Self((0..store.len()).map(one).collect::<Result<_>>()?))
    }

    /// Adds those of other batches, after its own.
    pub(crate) fn merge(&mut self, other: Self) {
        for (sum, grad) in self.0.iter_mut().zip(other.0) {
            match (sum, grad) {
                (Some(sum), Some(grad)) => sum.add(grad),
                (sum @ None, grad) => *sum = grad,
                (Some(_), None) => {}
            }
        }
    }

    pub(crate) fn all(&self) -> &[Option<Grad>] {
        &self.0
    }

    /// √Σ g² over all parameters.
    pub(crate) fn norm(&self) -> f64 {
        // Lanes and blocks, so that the sum is fast and the same wherever it runs.
        let squares = |block: &[f32]| {
            let mut lanes = [0.0f64; 8];
            for chunk in block.chunks(8) {
                for (lane, &v) in lanes.iter_mut().zip(chunk) {
                    *lane += f64::from(v) * f64::from(v);
                }
            }
            lanes.iter().sum::<f64>()
        };
        let of = |grad: &Grad| -> f64 {
            let blocks: Vec<f64> = grad.values().par_chunks(BLOCK).map(squares).collect();
            blocks.iter().sum()
        };
        self.0.iter().flatten().map(of).sum::<f64>().sqrt()
    }
}

/// What gradients of this norm are multiplied by to have at most `limit` (PyTorch's `clip_grad_norm_`).
pub(crate) fn clip_factor(norm: f64, limit: Option<f64>) -> f64 {
    limit.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0))
}

/// The rate and decay of every parameter.
pub(super) fn groups(store: &Store, options: &TrainOptions, rate: f64) -> Vec<Group> {
    let deepest = store.params().iter().map(|p| p.layer).filter(|&l| l != usize::MAX).max().unwrap_or(0);
    let of = |p: &Param| {
        let below = if p.layer == usize::MAX { 0 } else { deepest + 1 - p.layer };
        Group {
            rate: rate * options.layer_decay.powi(below as i32),
            decay: if p.decay { options.weight_decay } else { 0.0 },
        }
    };
    store.params().iter().map(of).collect()
}
