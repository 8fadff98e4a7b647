//! Token vectors that are moved so that the vectors of texts become an encoder's.

use prompt_core::{FitContext, Result};

/// Columns that are solved together.
const BLOCK: usize = 32;

/// Steps of conjugate gradients at most, and the share of the first residual at which they end.
const STEPS: usize = 60;
const ENOUGH: f64 = 1e-4;

/// Texts as means of the tokens that they hold.
pub(super) struct Bags {
    /// For each text the tokens, as positions in `tokens`, and their shares of the text.
    texts: Vec<Vec<(u32, f64)>>,
    /// The tokens that some text has, rising.
    pub(super) tokens: Vec<u32>,
}

impl Bags {
    pub(super) fn new(texts: &[Vec<u32>]) -> Self {
        let mut tokens: Vec<u32> = texts.iter().flatten().copied().collect();
        tokens.sort_unstable();
        tokens.dedup();
        let texts = texts
            .iter()
            .map(|ids| {
                let mut ids = ids.clone();
                ids.sort_unstable();
                let share = 1.0 / ids.len().max(1) as f64;
                ids.chunk_by(|a, b| a == b)
                    .map(|same| (tokens.partition_point(|t| *t < same[0]) as u32, same.len() as f64 * share))
                    .collect()
            })
            .collect();
        Self { texts, tokens }
    }

    /// Text vectors of token vectors of `k` numbers.
    fn forward(&self, x: &[f64], k: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.texts.len() * k];
        for (text, out) in self.texts.iter().zip(out.chunks_exact_mut(k)) {
            for &(token, share) in text {
                let row = &x[token as usize * k..(token as usize + 1) * k];
                out.iter_mut().zip(row).for_each(|(o, x)| *o += share * x);
            }
        }
        out
    }

    /// The transpose of that.
    fn backward(&self, y: &[f64], k: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.tokens.len() * k];
        for (text, y) in self.texts.iter().zip(y.chunks_exact(k)) {
            for &(token, share) in text {
                let row = &mut out[token as usize * k..(token as usize + 1) * k];
                row.iter_mut().zip(y).for_each(|(o, y)| *o += share * y);
            }
        }
        out
    }
}

/// The T that minimises Σ_i ‖mean of T over text i − target_i‖² + λ·‖T − T₀‖², where T holds `width` numbers for each of
/// the bags' tokens and `start` is T₀. Columns do not see one another, so they are solved in blocks by as many threads as
/// there are, to the same bits.
pub(super) fn adapt(
    bags: &Bags,
    start: &[f64],
    targets: &[f64],
    width: usize,
    lambda: f64,
    ctx: &FitContext,
) -> Result<Vec<f64>> {
    let blocks: Vec<(usize, usize)> =
        (0..width).step_by(BLOCK).map(|from| (from, BLOCK.min(width - from))).collect();
    let solved = ctx.try_map(blocks.len(), |b| {
        let (from, k) = blocks[b];
        let cut = |rows: &[f64]| -> Vec<f64> {
            rows.chunks_exact(width).flat_map(|row| row[from..from + k].iter().copied()).collect()
        };
        solve(bags, &cut(start), &cut(targets), k, lambda, ctx)
    })?;
    let mut out = vec![0.0; start.len()];
    for ((from, k), part) in blocks.into_iter().zip(solved) {
        for (row, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(k)) {
            row[from..from + k].copy_from_slice(part);
        }
    }
    Ok(out)
}

/// Conjugate gradients on the normal equations of the move away from the start, each column with its own step lengths.
fn solve(
    bags: &Bags,
    start: &[f64],
    targets: &[f64],
    k: usize,
    lambda: f64,
    ctx: &FitContext,
) -> Result<Vec<f64>> {
    let mut missing = bags.forward(start, k);
    missing.iter_mut().zip(targets).for_each(|(m, t)| *m = t - *m);
    let mut residual = bags.backward(&missing, k);
    let mut direction = residual.clone();
    let mut moved = vec![0.0; start.len()];
    let mut size = columns(&residual, &residual, k);
    let first = size.clone();
    for _ in 0..STEPS {
        ctx.check()?;
        let mut image = bags.backward(&bags.forward(&direction, k), k);
        image.iter_mut().zip(&direction).for_each(|(i, d)| *i += lambda * d);
        let curvature = columns(&direction, &image, k);
        let length: Vec<f64> =
            size.iter().zip(&curvature).map(|(s, c)| if *c > 0.0 { s / c } else { 0.0 }).collect();
        for at in 0..moved.len() {
            moved[at] += length[at % k] * direction[at];
            residual[at] -= length[at % k] * image[at];
        }
        let next = columns(&residual, &residual, k);
        if next.iter().zip(&first).all(|(n, f)| *n <= ENOUGH * ENOUGH * f) {
            break;
        }
        for at in 0..direction.len() {
            let ratio = if size[at % k] > 0.0 { next[at % k] / size[at % k] } else { 0.0 };
            direction[at] = residual[at] + ratio * direction[at];
        }
        size = next;
    }
    moved.iter_mut().zip(start).for_each(|(m, s)| *m += s);
    Ok(moved)
}

/// The product of each column of `a` with that of `b`.
fn columns(a: &[f64], b: &[f64], k: usize) -> Vec<f64> {
    let mut out = vec![0.0; k];
    for (a, b) in a.chunks_exact(k).zip(b.chunks_exact(k)) {
        for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
            *o += a * b;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gradient of the objective, which is zero at its minimum.
    #[test]
    fn the_gradient_is_zero_at_the_solution() {
        let texts = [vec![3, 5, 3], vec![5], vec![9, 3], vec![], vec![9, 9, 5, 7]];
        let bags = Bags::new(&texts);
        assert_eq!(bags.tokens, [3, 5, 7, 9]);
        let width = 40;
        let start: Vec<f64> = (0..4 * width).map(|i| (i % 7) as f64 - 3.0).collect();
        let targets: Vec<f64> = (0..5 * width).map(|i| ((i * i) % 11) as f64 / 11.0).collect();
        let lambda = 0.1;
        let solved = adapt(&bags, &start, &targets, width, lambda, &FitContext::new(0)).unwrap();
        let mut off = bags.forward(&solved, width);
        off.iter_mut().zip(&targets).for_each(|(o, t)| *o -= t);
        let gradient = bags.backward(&off, width);
        for (i, g) in gradient.iter().enumerate() {
            assert!((g + lambda * (solved[i] - start[i])).abs() < 1e-3, "{i}");
        }
        let one = adapt(&bags, &start, &targets, width, lambda, &FitContext::new(0).threads(1)).unwrap();
        assert_eq!(one, solved);
    }

    #[test]
    fn a_strong_penalty_keeps_the_start_and_no_text_changes_nothing() {
        let start = [1.0, 2.0];
        let bags = Bags::new(&[vec![4], vec![8]]);
        let kept = adapt(&bags, &start, &[5.0, 6.0], 1, 1e9, &FitContext::new(0)).unwrap();
        assert!(kept.iter().zip(start).all(|(k, s)| (k - s).abs() < 1e-6), "{kept:?}");
        let none = Bags::new(&[]);
        assert!(adapt(&none, &[], &[], 3, 1.0, &FitContext::new(0)).unwrap().is_empty());
    }
}
