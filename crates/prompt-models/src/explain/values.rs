//! Contributions of columns to the margins of rows.

use prompt_core::Names;
use serde::Serialize;

/// For every row, column and output how much the column moved the output's margin away from the base:
/// base + Σ over the columns = margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapValues {
    rows: usize,
    columns: usize,
    outputs: Vec<String>,
    base: Vec<f64>,
    /// Row by row, column by column, output by output.
    values: Vec<f64>,
}

impl ShapValues {
    pub(super) fn new(
        (rows, columns): (usize, usize),
        (outputs, base): (Vec<String>, Vec<f64>),
        values: Vec<f64>,
    ) -> Self {
        Self { rows, columns, outputs, base, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// What the outputs are called: one margin for two classes, else one a class, or the value.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The margin of each output before anything is known of a row.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The contribution of a column to an output of a row.
    pub fn get(&self, row: usize, column: usize, output: usize) -> f64 {
        self.values[(row * self.columns + column) * self.outputs.len() + output]
    }

    /// The contributions of all columns to an output of a row.
    pub fn row(&self, row: usize, output: usize) -> impl Iterator<Item = f64> {
        (0..self.columns).map(move |column| self.get(row, column, output))
    }

    /// The contributions of a column to an output of every row.
    pub fn column(&self, column: usize, output: usize) -> impl Iterator<Item = f64> {
        (0..self.rows).map(move |row| self.get(row, column, output))
    }

    /// The margin of an output of a row: the base and all contributions.
    pub fn margin(&self, row: usize, output: usize) -> f64 {
        self.base[output] + self.row(row, output).sum::<f64>()
    }

    /// The mean over the rows of |contribution| for each column, summed over the outputs: a global importance.
    pub fn mean_absolute(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns];
        for (at, value) in self.values.iter().enumerate() {
            sums[at / self.outputs.len() % self.columns] += value.abs();
        }
        let n = self.rows.max(1) as f64;
        sums.iter_mut().for_each(|s| *s /= n);
        sums
    }

    /// The columns with the largest mean |contribution|, the largest first, with their names.
    pub fn most_important(&self, names: &Names, count: usize) -> Vec<(String, f64)> {
        let importance = self.mean_absolute();
        let mut order: Vec<usize> = (0..self.columns).collect();
        order.sort_by(|a, b| importance[*b].total_cmp(&importance[*a]).then(a.cmp(b)));
        order.into_iter().take(count).map(|j| (names.get(j).into_owned(), importance[j])).collect()
    }
}
