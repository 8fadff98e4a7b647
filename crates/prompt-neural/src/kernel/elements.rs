//! One number at a time: GELU, products, sums, a bias.

use rayon::prelude::*;

use super::{ROWS, erf, exp, vectorised};

/// GELU(x + b) = z·Φ(z), z = x + b, and its derivative Φ(z) + z·φ(z), which takes the place of x. `bias` is a row of x.
pub(crate) fn gelu(x: &mut [f32], bias: &[f32], out: &mut [f32]) {
    let width = bias.len();
    x.par_chunks_mut(ROWS * width).zip(out.par_chunks_mut(ROWS * width)).for_each(|(x, out)| {
        vectorised(
            #[inline(always)]
            || {
                for (x, out) in x.chunks_exact_mut(width).zip(out.chunks_exact_mut(width)) {
                    for ((x, b), out) in x.iter_mut().zip(bias).zip(out) {
                        let z = *x + b;
                        let cdf = 0.5 * (1.0 + erf(z * std::f32::consts::FRAC_1_SQRT_2));
                        let pdf = 0.398_942_3 * exp(-0.5 * z * z);
                        *out = z * cdf;
                        *x = cdf + z * pdf;
                    }
                }
            },
        );
    });
}

/// x ← GELU(x + b): what [`gelu`] gives, to the bit, without the derivative.
pub(crate) fn gelu_alone(x: &mut [f32], bias: &[f32]) {
    let width = bias.len();
    x.par_chunks_mut(ROWS * width).for_each(|x| {
        vectorised(
            #[inline(always)]
            || {
                for x in x.chunks_exact_mut(width) {
                    for (x, b) in x.iter_mut().zip(bias) {
                        let z = *x + b;
                        *x = z * (0.5 * (1.0 + erf(z * std::f32::consts::FRAC_1_SQRT_2)));
                    }
                }
            },
        );
    });
}

/// Each row of x ← itself + b.
pub(crate) fn add_bias(x: &mut [f32], bias: &[f32]) {
    let width = bias.len();
    x.par_chunks_mut(ROWS * width).for_each(|x| {
        for x in x.chunks_exact_mut(width) {
            for (x, b) in x.iter_mut().zip(bias) {
                *x += b;
            }
        }
    });
}

/// x ← x ⊙ y.
pub(crate) fn multiply(x: &mut [f32], y: &[f32]) {
    const BLOCK: usize = 1 << 14;
    x.par_chunks_mut(BLOCK).zip(y.par_chunks(BLOCK)).for_each(|(x, y)| {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    });
}

/// x ← x + y.
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    const BLOCK: usize = 1 << 14;
    x.par_chunks_mut(BLOCK).zip(y.par_chunks(BLOCK)).for_each(|(x, y)| {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    });
}
