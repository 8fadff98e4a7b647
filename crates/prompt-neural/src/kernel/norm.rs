//! Layer normalisation of a sum, and its way back.

use rayon::prelude::*;

use super::{ROWS, sum, vectorised};

/// What layer normalisation keeps for the way back.
pub(crate) struct Normed {
    /// (x − mean) / √(variance + ε)
    pub(crate) centred: Vec<f32>,
    /// 1 / √(variance + ε) of each row.
    pub(crate) inverse: Vec<f32>,
}

/// What is added before layer normalisation.
#[derive(Clone, Copy)]
pub(crate) struct Added<'a> {
    /// To each row.
    pub(crate) bias: &'a [f32],
    /// What the sum with the bias is multiplied by, where something is dropped.
    pub(crate) mask: Option<&'a [f32]>,
    /// What goes around the layer.
    pub(crate) residual: &'a [f32],
}

impl Added<'_> {
    /// Row `at` of the whole: x ← (x + bias) ⊙ mask + residual.
    #[inline(always)]
    fn to(&self, x: &mut [f32], at: usize) {
        let own = at * x.len()..(at + 1) * x.len();
        let residual = &self.residual[own.clone()];
        match self.mask {
            Some(mask) => {
                for (((x, b), m), r) in x.iter_mut().zip(self.bias).zip(&mask[own]).zip(residual) {
                    *x = (*x + b) * m + r;
                }
            }
            None => {
                for ((x, b), r) in x.iter_mut().zip(self.bias).zip(residual) {
                    *x = *x + b + r;
                }
            }
        }
    }

    /// Adds to row `at`; gives the mean of the sum and 1 / √(variance + ε).
    #[inline(always)]
    fn sum_up(&self, x: &mut [f32], at: usize, epsilon: f32) -> (f32, f32) {
        self.to(x, at);
        let mean = sum(x, x, |v, _| v) / x.len() as f32;
        let variance = sum(x, x, |v, _| (v - mean) * (v - mean)) / x.len() as f32;
        (mean, 1.0 / (variance + epsilon).sqrt())
    }
}

/// Adds to the rows of `x` and normalises them: they become the output. Gives what the way back needs if `keeps`.
pub(crate) fn add_and_norm(
    x: &mut [f32],
    added: Added<'_>,
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    keeps: bool,
) -> Option<Normed> {
    let width = gamma.len();
    if !keeps {
        x.par_chunks_mut(ROWS * width).enumerate().for_each(|(block, x)| {
            vectorised(
                #[inline(always)]
                || {
                    for (i, x) in x.chunks_exact_mut(width).enumerate() {
                        let (mean, inverse) = added.sum_up(x, block * ROWS + i, epsilon);
                        for ((x, g), b) in x.iter_mut().zip(gamma).zip(beta) {
                            *x = (*x - mean) * inverse * g + b;
                        }
                    }
                },
            );
        });
        return None;
    }
    let mut kept = Normed { centred: vec![0.0; x.len()], inverse: vec![0.0; x.len() / width] };
    x.par_chunks_mut(ROWS * width)
        .zip(kept.centred.par_chunks_mut(ROWS * width))
        .zip(kept.inverse.par_chunks_mut(ROWS))
        .enumerate()
        .for_each(|(block, ((x, centred), inverses))| {
            vectorised(
                #[inline(always)]
                || {
                    let rows = x.chunks_exact_mut(width).zip(centred.chunks_exact_mut(width)).zip(inverses);
                    for (i, ((x, centred), kept)) in rows.enumerate() {
                        let (mean, inverse) = added.sum_up(x, block * ROWS + i, epsilon);
                        *kept = inverse;
                        for (((x, c), g), b) in x.iter_mut().zip(centred).zip(gamma).zip(beta) {
                            *c = (*x - mean) * inverse;
                            *x = *c * g + b;
                        }
                    }
                },
            );
        });
    Some(kept)
}

/// Turns the output's gradient into the input's, in place; gives the gradients of γ and β.
pub(crate) fn layer_norm_back(grad: &mut [f32], gamma: &[f32], kept: &Normed) -> (Vec<f32>, Vec<f32>) {
    let width = gamma.len();
    let parts: Vec<(Vec<f32>, Vec<f32>)> = grad
        .par_chunks_mut(ROWS * width)
        .zip(kept.centred.par_chunks(ROWS * width))
        .zip(kept.inverse.par_chunks(ROWS))
        .map(|((grad, centred), inverse)| {
            let (mut by_gamma, mut by_beta) = (vec![0.0; width], vec![0.0; width]);
            vectorised(
                #[inline(always)]
                || {
                    let rows = grad.chunks_exact_mut(width).zip(centred.chunks_exact(width)).zip(inverse);
                    for ((g, c), inverse) in rows {
                        let sums = by_gamma.iter_mut().zip(by_beta.iter_mut());
                        for (((g, c), gamma), (by_gamma, by_beta)) in g.iter_mut().zip(c).zip(gamma).zip(sums)
                        {
                            *by_gamma += *g * c;
                            *by_beta += *g;
                            *g *= gamma;
                        }
                        let mean = sum(g, g, |g, _| g) / width as f32;
                        let along = sum(g, c, |g, c| g * c) / width as f32;
                        for (g, c) in g.iter_mut().zip(c) {
                            *g = inverse * (*g - mean - c * along);
                        }
                    }
                },
            );
            (by_gamma, by_beta)
        })
        .collect();
    let mut total = (vec![0.0; width], vec![0.0; width]);
    for (by_gamma, by_beta) in &parts {
        total.0.iter_mut().zip(by_gamma).for_each(|(t, v)| *t += v);
        total.1.iter_mut().zip(by_beta).for_each(|(t, v)| *t += v);
    }
    total
}
