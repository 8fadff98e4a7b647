//! Some of a matrix's columns.

use prompt_core::{CsrBuilder, Dense, Matrix, Names, Result, RowView, SparseRow};

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
        let names = Names::list(self.0.iter().map(|&j| x.names().get(j as usize).into_owned()));
        match x {
            Matrix::Dense(d) => {
                let mut data = Vec::with_capacity(d.rows() * self.0.len());
                for i in 0..d.rows() {
                    let row = d.row(i);
                    data.extend(self.0.iter().map(|&j| row[j as usize]));
                }
                let picked = Dense::new(d.rows(), self.0.len(), data)?.with_names(names);
                Ok(Matrix::Dense(match d.categorical() {
                    Some(levels) => {
                        picked.with_categorical(self.0.iter().map(|&j| levels[j as usize]).collect())?
                    }
                    None => picked,
                }))
            }
            Matrix::Sparse(s) => {
                let mut builder = CsrBuilder::new(self.0.len());
                let mut picked = Picked::default();
                for i in 0..s.rows() {
                    self.pick(s.row(i), &mut picked);
                    builder.push(&picked.sparse);
                }
                Ok(Matrix::Sparse(builder.finish().with_names(names)))
            }
        }
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
