//! Compressed sparse rows: `u32` columns, `f32` values, each row sorted by column.

use super::{Dense, Names, RowView};
use crate::error::{Error, Result};

/// A sparse matrix by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Csr {
    cols: usize,
    indptr: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
    names: Names,
}

impl Csr {
    /// A matrix from its three arrays: row `i` holds `indices[indptr[i]..indptr[i+1]]` and the values there.
    ///
    /// # Errors
    /// [`Error::Input`] when the arrays do not describe sorted rows within `cols` columns.
    pub fn new(cols: usize, indptr: Vec<usize>, indices: Vec<u32>, values: Vec<f32>) -> Result<Self> {
        let bad = |what: String| Error::input(what, "check how the matrix was built");
        if indptr.first() != Some(&0)
            || indptr.last() != Some(&indices.len())
            || indices.len() != values.len()
        {
            return Err(bad("sparse matrix: the row starts do not cover the stored numbers".into()));
        }
        for (i, w) in indptr.windows(2).enumerate() {
            let row =
                indices.get(w[0]..w[1]).ok_or_else(|| bad(format!("sparse matrix: row {i} runs back")))?;
            if row.windows(2).any(|p| p[0] >= p[1]) || row.last().is_some_and(|&j| j as usize >= cols) {
                return Err(bad(format!("sparse matrix: row {i} is not sorted within {cols} columns")));
            }
        }
        Ok(Self { cols, indptr, indices, values, names: Names::numbered("x", cols) })
    }

    /// The same numbers under these names.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of stored values.
    pub fn nnz(&self) -> usize {
        self.values.len()
    }

    /// Names of the columns.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Where each row starts, and after the last the end.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// Columns of the stored values.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Stored values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Stored values, to be scaled in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Row and column of the first stored value that `test` holds for. Blocks are tested whole, so that the usual
    /// answer, none, comes at the speed of memory.
    pub fn first_where(&self, test: impl Fn(f32) -> bool) -> Option<(usize, usize)> {
        const BLOCK: usize = 1024;
        for (b, block) in self.values.chunks(BLOCK).enumerate() {
            if block.iter().fold(false, |any, v| any | test(*v)) {
                let at = b * BLOCK + block.iter().position(|v| test(*v))?;
                let row = self.indptr.partition_point(|&start| start <= at) - 1;
                return Some((row, self.indices[at] as usize));
            }
        }
        None
    }

    /// Row `i`. Panics when there is no such row, as slices do.
    pub fn row(&self, i: usize) -> RowView<'_> {
        let range = self.indptr[i]..self.indptr[i + 1];
        RowView::Sparse { indices: &self.indices[range.clone()], values: &self.values[range] }
    }

    /// The rows with these indices, in this order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let nnz = rows.iter().map(|&i| self.indptr[i + 1] - self.indptr[i]).sum();
        let mut out = Self {
            cols: self.cols,
            indptr: Vec::with_capacity(rows.len() + 1),
            indices: Vec::with_capacity(nnz),
            values: Vec::with_capacity(nnz),
            names: self.names.clone(),
        };
        out.indptr.push(0);
        for &i in rows {
            let range = self.indptr[i]..self.indptr[i + 1];
            out.indices.extend_from_slice(&self.indices[range.clone()]);
            out.values.extend_from_slice(&self.values[range]);
            out.indptr.push(out.indices.len());
        }
        out
    }

    /// Rows become columns. Within each new row the old row order is kept, so the result is sorted.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let mut indptr = vec![0usize; self.cols + 1];
        for &j in &self.indices {
            indptr[j as usize + 1] += 1;
        }
        for j in 0..self.cols {
            indptr[j + 1] += indptr[j];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0u32; self.nnz()];
        let mut values = vec![0f32; self.nnz()];
        for i in 0..self.rows() {
            for at in self.indptr[i]..self.indptr[i + 1] {
                let slot = &mut next[self.indices[at] as usize];
                indices[*slot] = i as u32;
                values[*slot] = self.values[at];
                *slot += 1;
            }
        }
        Self { cols: self.rows(), indptr, indices, values, names: Names::numbered("row", self.rows()) }
    }

    /// All numbers as dense `f64`.
    pub fn to_dense(&self) -> Dense {
        let mut out = Dense::zeros(self.rows(), self.cols).with_names(self.names.clone());
        for i in 0..self.rows() {
            let row = out.row_mut(i);
            self.row(i).for_each(|j, v| row[j] = v);
        }
        out
    }

    /// Several matrices of the same columns, one under the other.
    ///
    /// # Errors
    /// [`Error::Shape`] when their columns differ; [`Error::Input`] when there are none.
    pub fn stack(parts: Vec<Csr>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let Some(mut out) = parts.next() else {
            return Err(Error::input("a stack of no matrices", "give it at least one part"));
        };
        let parts: Vec<Self> = parts.collect();
        let more: usize = parts.iter().map(Self::nnz).sum();
        out.indices.reserve_exact(more);
        out.values.reserve_exact(more);
        out.indptr.reserve_exact(parts.iter().map(Self::rows).sum());
        for part in parts {
            if part.cols != out.cols {
                return Err(Error::shape("columns of a stacked part", out.cols, part.cols));
            }
            let base = out.nnz();
            out.indptr.extend(part.indptr.iter().skip(1).map(|end| base + end));
            out.indices.extend_from_slice(&part.indices);
            out.values.extend_from_slice(&part.values);
        }
        Ok(out)
    }
}

/// One sparse row that is being filled, reused from row to row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SparseRow {
    /// Columns, to be left in rising order.
    pub indices: Vec<u32>,
    /// Values.
    pub values: Vec<f32>,
}

impl SparseRow {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.indices.clear();
        self.values.clear();
    }

    /// Adds a value; columns must come in rising order.
    pub fn push(&mut self, column: u32, value: f32) {
        self.indices.push(column);
        self.values.push(value);
    }

    /// The row as learners read it.
    pub fn view(&self) -> RowView<'_> {
        RowView::Sparse { indices: &self.indices, values: &self.values }
    }
}

/// Collects rows into a [`Csr`].
#[derive(Debug)]
pub struct CsrBuilder {
    csr: Csr,
}

impl CsrBuilder {
    /// A matrix of `cols` columns and no rows yet.
    pub fn new(cols: usize) -> Self {
        Self {
            csr: Csr {
                cols,
                indptr: vec![0],
                indices: Vec::new(),
                values: Vec::new(),
                names: Names::numbered("x", cols),
            },
        }
    }

    /// Adds a row whose columns are rising and below `cols`.
    pub fn push(&mut self, row: &SparseRow) {
        debug_assert!(row.indices.windows(2).all(|p| p[0] < p[1]));
        self.csr.indices.extend_from_slice(&row.indices);
        self.csr.values.extend_from_slice(&row.values);
        self.csr.indptr.push(self.csr.indices.len());
    }

    /// Adds a row of `(column, value)` pairs with rising columns.
    pub fn push_pairs(&mut self, row: &[(u32, f32)]) {
        debug_assert!(row.windows(2).all(|p| p[0].0 < p[1].0));
        self.csr.indices.extend(row.iter().map(|p| p.0));
        self.csr.values.extend(row.iter().map(|p| p.1));
        self.csr.indptr.push(self.csr.indices.len());
    }

    /// The matrix.
    pub fn finish(self) -> Csr {
        self.csr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_twice_gives_the_same_matrix() {
        let x = Csr::new(3, vec![0, 2, 2, 3], vec![0, 2, 1], vec![1.0, 2.0, 3.0]).unwrap();
        let back = x.transpose().transpose();
        assert_eq!((x.indptr(), x.indices(), x.values()), (back.indptr(), back.indices(), back.values()));
        assert_eq!(x.transpose().to_dense().row(2), [2.0, 0.0, 0.0]);
    }

    #[test]
    fn malformed_arrays_are_refused() {
        assert!(Csr::new(2, vec![0, 2], vec![1, 0], vec![1.0, 1.0]).is_err());
        assert!(Csr::new(2, vec![0, 1], vec![2], vec![1.0]).is_err());
        assert!(Csr::new(2, vec![0, 3], vec![1], vec![1.0]).is_err());
        assert!(Csr::new(2, vec![], vec![], vec![]).is_err());
        assert!(Csr::new(2, vec![0, 2, 1], vec![0], vec![1.0]).is_err());
    }

    #[test]
    fn stacking_puts_rows_under_each_other() {
        let a = Csr::new(2, vec![0, 1], vec![1], vec![5.0]).unwrap();
        let b = Csr::new(2, vec![0, 0, 1], vec![0], vec![7.0]).unwrap();
        let both = Csr::stack(vec![a, b]).unwrap();
        assert_eq!(both.to_dense().data(), [0.0, 5.0, 0.0, 0.0, 7.0, 0.0]);
    }
}
