//! The two products that every linear fit is made of, X·W and Xᵀ·R, for several classes at once.

use std::borrow::Cow;

use prompt_core::{Csr, Dense, Matrix, RowView};
use rayon::prelude::*;

use crate::simd::vectorised;

/// A matrix by rows and by columns.
///
/// Each margin is summed over one row and each gradient entry over one column, always in the same order, so that
/// no split of the work among threads can change a bit, and no thread needs a copy of the gradient.
pub(crate) struct Design<'a> {
    rows: &'a Matrix,
    columns: Columns<'a>,
    serial: bool,
}

enum Columns<'a> {
    Sparse(Csr),
    Dense(Cow<'a, [f64]>),
}

const ROW_BLOCK: usize = 256;
const COLUMN_BLOCK: usize = 32;

impl<'a> Design<'a> {
    pub(crate) fn new(x: &'a Matrix, serial: bool) -> Self {
        let columns = match x {
            Matrix::Sparse(x) => Columns::Sparse(x.transpose()),
            Matrix::Dense(x) => Columns::Dense(transposed(x)),
        };
        Self { rows: x, columns, serial }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.rows()
    }

    pub(crate) fn cols(&self) -> usize {
        self.rows.cols()
    }

    /// Whether the work stays on the calling thread.
    pub(crate) fn serial(&self) -> bool {
        self.serial
    }

    /// `out[i] = start + Σ_j x_ij·w[j]` for every row, with `k` numbers for each row and feature.
    pub(crate) fn margins(&self, w: &[f64], start: &[f64], out: &mut [f64]) {
        let k = start.len();
        blocks(out, ROW_BLOCK * k, self.serial, |block, part| {
            for (i, out) in part.chunks_exact_mut(k).enumerate() {
                out.copy_from_slice(start);
                add_product(self.rows.row(block * ROW_BLOCK + i), w, out);
            }
        });
    }

    /// `out[j] = Σ_i x_ij·r[i]` for every column, with `k` numbers for each column and row.
    pub(crate) fn gradient(&self, r: &[f64], k: usize, out: &mut [f64]) {
        blocks(out, COLUMN_BLOCK * k, self.serial, |block, part| {
            for (j, out) in part.chunks_exact_mut(k).enumerate() {
                out.fill(0.0);
                add_product(self.column(block * COLUMN_BLOCK + j), r, out);
            }
        });
    }

    /// `Σ_i weight_i·x_ij²` for every column.
    pub(crate) fn squared_columns(&self, weight: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
        let mut out = vec![0.0; self.cols()];
        blocks(&mut out, COLUMN_BLOCK, self.serial, |block, part| {
            for (j, out) in part.iter_mut().enumerate() {
                self.column(block * COLUMN_BLOCK + j).for_each(|i, v| *out += weight(i) * v * v);
            }
        });
        out
    }

    fn column(&self, j: usize) -> RowView<'_> {
        match &self.columns {
            Columns::Sparse(x) => x.row(j),
            Columns::Dense(x) => {
                let n = self.rows.rows();
                RowView::Dense(&x[j * n..(j + 1) * n])
            }
        }
    }
}

fn transposed(x: &Dense) -> Cow<'_, [f64]> {
    if x.cols() == 1 {
        return Cow::Borrowed(x.data());
    }
    let mut out = vec![0.0; x.data().len()];
    for i in 0..x.rows() {
        for (j, &v) in x.row(i).iter().enumerate() {
            out[j * x.rows() + i] = v;
        }
    }
    Cow::Owned(out)
}

/// Calls `f(block, part)` for every part of `size` numbers, in parallel unless `serial`.
pub(crate) fn blocks(out: &mut [f64], size: usize, serial: bool, f: impl Fn(usize, &mut [f64]) + Sync) {
    if serial {
        out.chunks_mut(size).enumerate().for_each(|(block, part)| f(block, part));
    } else {
        out.par_chunks_mut(size).enumerate().for_each(|(block, part)| f(block, part));
    }
}

/// `out += Σ_j x_j·table[j]`, where `table` holds `out.len()` numbers for each column. Columns beyond it count
/// as zero.
pub(crate) fn add_product(x: RowView<'_>, table: &[f64], out: &mut [f64]) {
    match out.len() {
        1 => add_fixed::<1>(x, table, out),
        2 => add_fixed::<2>(x, table, out),
        3 => add_fixed::<3>(x, table, out),
        4 => add_fixed::<4>(x, table, out),
        5 => add_fixed::<5>(x, table, out),
        6 => add_fixed::<6>(x, table, out),
        7 => add_fixed::<7>(x, table, out),
        8 => add_fixed::<8>(x, table, out),
        _ => vectorised(|| add_wide(x, table, out)),
    }
}

/// Many outputs: four columns go together, so that each output is read and written once for them. Each is still summed in
/// column order.
#[inline(always)]
fn add_wide(x: RowView<'_>, table: &[f64], out: &mut [f64]) {
    match x {
        RowView::Sparse { indices, values } => {
            let (fours, last) = indices.as_chunks::<4>();
            let (four_values, last_values) = values.as_chunks::<4>();
            for (j, v) in fours.iter().zip(four_values) {
                add_four(j.map(|j| j as usize), v.map(f64::from), table, out);
            }
            last.iter().zip(last_values).for_each(|(j, v)| add_one(*j as usize, f64::from(*v), table, out));
        }
        RowView::Dense(values) => {
            let (fours, last) = values.as_chunks::<4>();
            for (at, v) in fours.iter().enumerate() {
                add_four([0, 1, 2, 3].map(|i| 4 * at + i), *v, table, out);
            }
            let done = 4 * fours.len();
            last.iter().enumerate().for_each(|(j, v)| add_one(done + j, *v, table, out));
        }
    }
}

#[inline(always)]
fn add_four(j: [usize; 4], v: [f64; 4], table: &[f64], out: &mut [f64]) {
    let k = out.len();
    let rows = j.map(|j| table.get(j * k..(j + 1) * k));
    let [Some(a), Some(b), Some(c), Some(d)] = rows else {
        return j.iter().zip(v).for_each(|(j, v)| add_one(*j, v, table, out));
    };
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out = (((*out + v[0] * a) + v[1] * b) + v[2] * c) + v[3] * d;
    }
}

#[inline(always)]
fn add_one(j: usize, v: f64, table: &[f64], out: &mut [f64]) {
    if let Some(w) = table.get(j * out.len()..(j + 1) * out.len()) {
        out.iter_mut().zip(w).for_each(|(out, w)| *out += v * w);
    }
}

/// With the width known, the sums stay in registers; two chains of them hide the latency of the additions.
fn add_fixed<const K: usize>(x: RowView<'_>, table: &[f64], out: &mut [f64]) {
    let (table, _) = table.as_chunks::<K>();
    let (mut even, mut odd) = ([0.0; K], [0.0; K]);
    let add = |sum: &mut [f64; K], j: usize, v: f64| {
        if let Some(w) = table.get(j) {
            for c in 0..K {
                sum[c] += v * w[c];
            }
        }
    };
    match x {
        RowView::Sparse { indices, values } => {
            let (index_pairs, last_index) = indices.as_chunks::<2>();
            let (value_pairs, last_value) = values.as_chunks::<2>();
            for (j, v) in index_pairs.iter().zip(value_pairs) {
                add(&mut even, j[0] as usize, f64::from(v[0]));
                add(&mut odd, j[1] as usize, f64::from(v[1]));
            }
            for (j, v) in last_index.iter().zip(last_value) {
                add(&mut even, *j as usize, f64::from(*v));
            }
        }
        RowView::Dense(values) => {
            let (pairs, last) = values.as_chunks::<2>();
            for (at, v) in pairs.iter().enumerate() {
                add(&mut even, 2 * at, v[0]);
                add(&mut odd, 2 * at + 1, v[1]);
            }
            for v in last {
                add(&mut even, values.len() - 1, *v);
            }
        }
    }
    for ((out, a), b) in out.iter_mut().zip(even).zip(odd) {
        *out += a + b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_many_outputs_are_in_column_order() {
        let k = 37;
        let table: Vec<f64> = (0..11 * k).map(|i| ((i * 7919) % 1000) as f64 / 7.0).collect();
        let values: Vec<f64> = (0..11).map(|j| f64::from(j) / 3.0 - 1.0).collect();
        let indices = [0, 2, 3, 5, 6, 9, 10, 11];
        let stored: Vec<f32> = (0..8).map(|j| j as f32 / 3.0 - 1.0).collect();
        let rows = [RowView::Dense(&values), RowView::Sparse { indices: &indices, values: &stored }];
        for row in rows {
            let (mut got, mut want) = (vec![0.25; k], vec![0.25; k]);
            add_product(row, &table, &mut got);
            row.for_each(|j, v| {
                if j < 11 {
                    (0..k).for_each(|c| want[c] += v * table[j * k + c]);
                }
            });
            assert_eq!(got, want);
        }
    }

    #[test]
    fn products_of_every_width_agree_with_the_definition() {
        let x = Dense::from_rows(&[[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]]);
        let mut sparse = prompt_core::CsrBuilder::new(3);
        sparse.push_pairs(&[(0, 1.0), (2, 2.0)]);
        sparse.push_pairs(&[(1, 3.0), (2, -1.0)]);
        for x in [Matrix::from(x), Matrix::from(sparse.finish())] {
            let design = Design::new(&x, true);
            for k in 1..=10 {
                let w: Vec<f64> = (0..3 * k).map(|i| i as f64).collect();
                let mut margins = vec![0.0; 2 * k];
                design.margins(&w, &vec![0.5; k], &mut margins);
                let kf = k as f64;
                for c in 0..k {
                    let cf = c as f64;
                    assert_eq!(margins[c], 0.5 + cf + 2.0 * (2.0 * kf + cf));
                    assert_eq!(margins[k + c], 0.5 + 3.0 * (kf + cf) - (2.0 * kf + cf));
                }
                let mut gradient = vec![9.0; 3 * k];
                design.gradient(&vec![1.0; 2 * k], k, &mut gradient);
                assert_eq!(gradient.chunks(k).map(|g| g[k - 1]).collect::<Vec<_>>(), [1.0, 3.0, 1.0]);
            }
            assert_eq!(design.squared_columns(|i| 1.0 + i as f64), [1.0, 18.0, 6.0]);
        }
    }
}
