//! What lies between the products of attention: shares, and heads beside one another.

use rayon::prelude::*;

use super::{ROWS, exp, sum, vectorised};

/// \[rows, heads, length, size\] → \[rows, length, heads · size\].
pub(crate) fn join_heads(x: &[f32], [heads, length, size]: [usize; 3]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let width = heads * size;
    out.par_chunks_mut(ROWS * width).enumerate().for_each(|(block, out)| {
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let (row, place) = ((block * ROWS + i) / length, (block * ROWS + i) % length);
            for (head, out) in out.chunks_exact_mut(size).enumerate() {
                let from = ((row * heads + head) * length + place) * size;
                out.copy_from_slice(&x[from..from + size]);
            }
        }
    });
    out
}

/// Scores of queries × `keys` to shares, in place: softmax(scale · score) over the first `own(query)` keys, 0 beyond.
pub(crate) fn softmax(scores: &mut [f32], keys: usize, scale: f32, own: impl Fn(usize) -> usize + Sync) {
    scores.par_chunks_mut(ROWS * keys).enumerate().for_each(|(block, scores)| {
        vectorised(
            #[inline(always)]
            || {
                for (i, row) in scores.chunks_exact_mut(keys).enumerate() {
                    let (row, beyond) = row.split_at_mut(own(block * ROWS + i));
                    beyond.fill(0.0);
                    let mut max = f32::NEG_INFINITY;
                    for v in row.iter_mut() {
                        *v *= scale;
                        max = if *v > max { *v } else { max };
                    }
                    for v in row.iter_mut() {
                        *v = exp(*v - max);
                    }
                    let total = 1.0 / sum(row, row, |v, _| v);
                    for v in row.iter_mut() {
                        *v *= total;
                    }
                }
            },
        );
    });
}

/// The gradients of shares to those of scores, in place: scale · p ⊙ (g − Σ p·g).
pub(crate) fn softmax_back(shares: &[f32], grad: &mut [f32], keys: usize, scale: f32) {
    grad.par_chunks_mut(ROWS * keys).zip(shares.par_chunks(ROWS * keys)).for_each(|(grad, shares)| {
        vectorised(
            #[inline(always)]
            || {
                for (g, p) in grad.chunks_exact_mut(keys).zip(shares.chunks_exact(keys)) {
                    let mean = sum(p, g, |p, g| p * g);
                    for (g, p) in g.iter_mut().zip(p) {
                        *g = scale * p * (*g - mean);
                    }
                }
            },
        );
    });
}
