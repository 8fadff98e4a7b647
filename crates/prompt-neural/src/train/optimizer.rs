//! AdamW (Loshchilov and Hutter, 2019) with groups, and clipping by the norm over all gradients.
//!
//! ```text
//! p ← p − η·λ·p    m ← β₁m + (1−β₁)g    v ← β₂v + (1−β₂)g²    p ← p − η/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
//! ```
//!
//! It works on plain numbers, in one pass over each parameter. On a CPU that is several times less memory traffic than
//! a chain of tensor operations; a GPU pays a transfer for each parameter.

use prompt_core::{FitContext, Result};

use crate::net::{Grads, Store};

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
        grads: &[Option<Vec<f32>>],
        scale: f32,
        ctx: &FitContext,
        group: impl Fn(usize) -> Group,
    ) -> Result<()> {
        for (i, grad) in grads.iter().enumerate() {
            let Some(grad) = grad else { continue };
            self.steps[i] += 1;
            let mut values = store.read(i)?;
            self.update(i, &mut values, grad, scale, group(i), ctx);
            store.set(i, values);
        }
        Ok(())
    }

    fn update(&mut self, i: usize, p: &mut [f32], grad: &[f32], scale: f32, group: Group, ctx: &FitContext) {
        let step = self.steps[i] as i32;
        let correction1 = 1.0 - f64::from(BETA1).powi(step);
        let correction2 = (1.0 - f64::from(BETA2).powi(step)).sqrt() as f32;
        let shrink = (1.0 - group.rate * group.decay) as f32;
        let size = (group.rate / correction1) as f32;
        let (m, v) = (&mut self.first[i], &mut self.second[i]);
        let one = |((p, g), (m, v)): Part<'_>| {
            for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
                let g = g * scale;
                *m += (g - *m) * (1.0 - BETA1);
                *v = *v * BETA2 + g * g * (1.0 - BETA2);
                *p = *p * shrink - size * *m / (v.sqrt() / correction2 + EPSILON);
            }
        };
        if p.len() < 2 * BLOCK || ctx.thread_budget() == 1 {
            one(((p, grad), (m, v)));
        } else {
            use rayon::prelude::*;
            p.par_chunks_mut(BLOCK)
                .zip(grad.par_chunks(BLOCK))
                .zip(m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK)))
                .for_each(one);
        }
    }
}

/// Parameter, gradient and the two moments, of one run of numbers.
type Part<'a> = ((&'a mut [f32], &'a [f32]), (&'a mut [f32], &'a mut [f32]));

/// Numbers that one thread takes at a time.
const BLOCK: usize = 1 << 15;

/// Gradients of some batches, added up.
pub(crate) struct Accumulated(Vec<Option<Vec<f32>>>);

impl Accumulated {
    pub(crate) fn new(store: &Store) -> Self {
        Self((0..store.len()).map(|_| None).collect())
    }

    /// Those of one pass alone.
    pub(crate) fn of(store: &Store, grads: &mut Grads) -> Result<Self> {
        let mut sum = Self::new(store);
        sum.add(store, grads)?;
        Ok(sum)
    }

    /// Adds those of other batches, after its own.
    pub(crate) fn merge(&mut self, other: Self) {
        for (sum, grad) in self.0.iter_mut().zip(other.0) {
            match (sum, grad) {
                (Some(sum), Some(grad)) => sum.iter_mut().zip(&grad).for_each(|(s, g)| *s += g),
                (sum @ None, grad) => *sum = grad,
                (Some(_), None) => {}
            }
        }
    }

    /// Adds those of one pass.
    pub(crate) fn add(&mut self, store: &Store, grads: &mut Grads) -> Result<()> {
        for (i, sum) in self.0.iter_mut().enumerate() {
            if !store.params()[i].trainable {
                continue;
            }
            let Some(grad) = grads.take_param(store, i)? else { continue };
            match sum {
                Some(sum) => sum.iter_mut().zip(&grad).for_each(|(s, g)| *s += g),
                None => *sum = Some(grad),
            }
        }
        Ok(())
    }

    pub(crate) fn all(&self) -> &[Option<Vec<f32>>] {
        &self.0
    }

    /// √Σ g² over all parameters.
    pub(crate) fn norm(&self) -> f64 {
        let squares = |g: &Vec<f32>| {
            // Lanes, so that the sum is fast and the same wherever it runs.
            let mut lanes = [0.0f64; 8];
            for chunk in g.chunks(8) {
                for (lane, &v) in lanes.iter_mut().zip(chunk) {
                    *lane += f64::from(v) * f64::from(v);
                }
            }
            lanes.iter().sum::<f64>()
        };
        self.0.iter().flatten().map(squares).sum::<f64>().sqrt()
    }
}

/// What gradients of this norm are multiplied by to have at most `limit` (PyTorch's `clip_grad_norm_`).
pub(crate) fn clip_factor(norm: f64, limit: Option<f64>) -> f64 {
    limit.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0))
}
