//! Sums over rows: the gradients of biases.

use rayon::prelude::*;

use super::ROWS;

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
