//! Element by element, what lies between matrix products: one pass over memory instead of one per operation, compiled
//! for the widest instructions there are. Sums go in sixteen lanes and fixed blocks of rows, so that neither the
//! instructions nor the number of threads change a bit.

use rayon::prelude::*;

/// Rows that one task takes.
const ROWS: usize = 32;
const LANES: usize = 16;

/// Runs `f`, compiled for the widest instructions there are. Everything that `f` calls must be inlined into it.
#[inline]
fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    struct Run<F>(F);
    impl<R, F: FnOnce() -> R> pulp::WithSimd for Run<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Run(f))
}

/// Σ f(x, y) over two rows of one length.
#[inline(always)]
fn sum(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    let mut total = 0.0;
    for lane in lanes {
        total += lane;
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        total += f(*x, *y);
    }
    total
}

/// eˣ to about 2 units in the last place, 0 far below (Cody and Waite's reduction, a polynomial of degree 6).
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to a whole number
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.0
        + r * (1.0
            + r * (0.5 + r * (0.166_666_66 + r * (0.041_666_66 + r * (0.008_333_36 + r * 0.001_394_3)))));
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

/// The error function to 10⁻⁷: a quotient of polynomials on [−4, 4], beyond which it is ±1.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let p = -1.609_603_3e-2
        + s * (-2.954_598e-3
            + s * (-7.349_906e-4
                + s * (-5.692_506_5e-5 + s * (-2.101_024e-6 + s * (2.770_681_4e-8 + s * -2.726_142_3e-10)))));
    let q = -1.426_473_9e-2
        + s * (-7.373_329_3e-3 + s * (-1.682_827e-3 + s * (-2.133_740_6e-4 + s * -1.456_607_2e-5)));
    x * p / q
}

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

/// Σ over the rows of x, each `width` long: the gradient of a bias.
pub(crate) fn column_sums(x: &[f32], width: usize) -> Vec<f32> {
    sum_of_parts(x.par_chunks(ROWS * width).map(|x| sums_of_rows(x, width)), width)
}

/// x ← x ⊙ y; gives [`column_sums`] of it.
pub(crate) fn multiply_and_sum(x: &mut [f32], y: &[f32], width: usize) -> Vec<f32> {
    let parts = x.par_chunks_mut(ROWS * width).zip(y.par_chunks(ROWS * width)).map(|(x, y)| {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
        sums_of_rows(x, width)
    });
    sum_of_parts(parts, width)
}

fn sums_of_rows(x: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for x in x.chunks_exact(width) {
        add_to(&mut sums, x);
    }
    sums
}

/// The sum of what blocks of rows came to, in their order.
fn sum_of_parts(parts: impl IndexedParallelIterator<Item = Vec<f32>>, width: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = parts.collect();
    let mut sums = vec![0.0; width];
    parts.iter().for_each(|part| add_to(&mut sums, part));
    sums
}

fn add_to(sums: &mut [f32], x: &[f32]) {
    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_and_error_function_are_close_everywhere() {
        for i in -8700..=500 {
            let x = i as f32 / 100.0;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 4e-7, "exp({x}) = {}", exp(x));
        }
        // erf(0.5), erf(1), erf(2) by Abramowitz and Stegun's table 7.1.
        for (x, expected) in
            [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3), (9.0, 1.0)]
        {
            assert!((erf(x) - expected).abs() < 3e-7 && (erf(-x) + expected).abs() < 3e-7, "erf({x})");
        }
    }

    #[test]
    fn slopes_are_differences() {
        let at: Vec<f32> = (-40..40).map(|i| i as f32 / 10.0).collect();
        let value = |shift: f32| -> Vec<f32> {
            let mut x: Vec<f32> = at.iter().map(|v| v + shift).collect();
            let mut out = vec![0.0; x.len()];
            gelu(&mut x, &[0.0; 8], &mut out);
            out
        };
        let (mut slope, mut out) = (at.clone(), vec![0.0; at.len()]);
        gelu(&mut slope, &[0.0; 8], &mut out);
        let mut alone = at.clone();
        gelu_alone(&mut alone, &[0.0; 8]);
        assert_eq!(alone, out);
        for ((s, a), b) in slope.iter().zip(value(1e-2)).zip(value(-1e-2)) {
            assert!((s - (a - b) / 2e-2).abs() < 1e-3, "{s}");
        }
        let mut shifted: Vec<f32> = at.iter().map(|v| v - 0.5).collect();
        gelu_alone(&mut shifted, &[0.5; 8]);
        assert!(shifted.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    /// 70 rows: two whole blocks and a part of one.
    fn rows(width: usize, seed: u64) -> Vec<f32> {
        let mut rng = prompt_core::Seed::new(seed).rng();
        (0..70 * width).map(|_| rng.normal() as f32).collect()
    }

    #[test]
    fn columns_are_summed_over_all_rows() {
        let (mut x, y) = (rows(20, 1), rows(20, 2));
        let expected: Vec<f64> = (0..20)
            .map(|c| (0..70).map(|r| f64::from(x[r * 20 + c]) * f64::from(y[r * 20 + c])).sum())
            .collect();
        let sums = multiply_and_sum(&mut x, &y, 20);
        assert_eq!(sums, column_sums(&x, 20));
        assert!(sums.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4));
    }

    #[test]
    fn heads_are_joined_where_they_belong() {
        // Numbers that say where they belong: 5 rows of 14 tokens, 2 heads of 3 numbers.
        let [heads, length, size] = [2, 14, 3];
        let mut x = Vec::new();
        for row in 0..5 {
            for head in 0..heads {
                for token in 0..length {
                    x.extend((0..size).map(|i| (((row * length + token) * heads + head) * size + i) as f32));
                }
            }
        }
        let joined = join_heads(&x, [heads, length, size]);
        assert!(joined.iter().enumerate().all(|(i, v)| *v == i as f32));
    }

    #[test]
    fn rows_are_normalised_with_what_is_added() {
        let (x, residual, mask) = (rows(24, 3), rows(24, 4), rows(24, 5));
        let [bias, gamma, beta] = [6, 7, 8].map(|seed| rows(24, seed)[..24].to_vec());
        for mask in [None, Some(&mask[..])] {
            let added = Added { bias: &bias, mask, residual: &residual };
            let (mut kept, mut alone) = (x.clone(), x.clone());
            let normed = add_and_norm(&mut kept, added, &gamma, &beta, 1e-5, true).unwrap();
            assert!(add_and_norm(&mut alone, added, &gamma, &beta, 1e-5, false).is_none());
            assert_eq!(kept, alone);
            for row in 0..70 {
                let own = row * 24..(row + 1) * 24;
                let sum: Vec<f64> = (own.clone())
                    .map(|i| {
                        let m = mask.map_or(1.0, |m| f64::from(m[i]));
                        f64::from(x[i] + bias[i % 24]) * m + f64::from(residual[i])
                    })
                    .collect();
                let mean = sum.iter().sum::<f64>() / 24.0;
                let variance = sum.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 24.0;
                for (i, sum) in own.zip(sum) {
                    let centred = (sum - mean) / (variance + 1e-5).sqrt();
                    assert!((f64::from(normed.centred[i]) - centred).abs() < 1e-5);
                    let expected = centred * f64::from(gamma[i % 24]) + f64::from(beta[i % 24]);
                    assert!((f64::from(kept[i]) - expected).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn shares_sum_to_one_and_what_lies_beyond_has_none() {
        let mut x: Vec<f32> = (0..40).map(|i| (i % 7) as f32 * 30.0).collect();
        softmax(&mut x, 20, 0.5, |i| 19 + i);
        assert!(x.chunks(20).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
        assert_eq!(x[19], 0.0);
    }
}
