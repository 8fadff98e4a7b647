//! Some of a matrix's columns.

use prompt_core::{Matrix, Result, RowView, SparseRow};

/// Columns by position, rising.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns(pub(super) Vec<u32>);

/// Memory for one row of the chosen columns.
#[derive(Default)]
pub(super) struct Picked {
    dense: Vec<f64>,
    sparse: SparseRow,
}

impl Columns {
    pub(super) fn matrix(&self, x: &Matrix) -> Result<Matrix> {
        x.select_columns(&self.0)
    }

    /// One row of them; of a sparse row into `picked.sparse`.
    fn pick(&self, row: RowView<'_>, picked: &mut Picked) {
        match row {
            RowView::Dense(values) => {
                picked.dense.clear();
                picked.dense.extend(self.0.iter().map(|&j| values.get(j as usize).copied().unwrap_or(0.0)));
            }
            RowView::Sparse { indices, values } => {
                picked.sparse.clear();
                for (j, v) in indices.iter().zip(values) {
                    if let Ok(at) = self.0.binary_search(j) {
                        picked.sparse.push(at as u32, *v);
                    }
                }
            }
        }
    }

    pub(super) fn row<'p>(&self, row: RowView<'_>, picked: &'p mut Picked) -> RowView<'p> {
        self.pick(row, picked);
        if matches!(row, RowView::Dense(_)) { RowView::Dense(&picked.dense) } else { picked.sparse.view() }
    }
}
