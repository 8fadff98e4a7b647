//! Numbers in rows and columns: dense `f64`, or sparse rows of `(u32 column, f32 value)`.

mod csr;
mod dense;
mod names;

pub use csr::{Csr, CsrBuilder, SparseRow};
pub use dense::Dense;
pub use names::Names;

use crate::error::{Error, Result};

/// What learners learn from: dense or sparse, with feature names.
///
/// Dense columns are `f64` (identifiers and epochs do not fit `f32`) and may hold NaN for "missing"; sparse rows
/// are sorted by column and hold no NaN. Learners that take both go row by row through [`RowView`].
///
/// ```
/// use prompt_core::{Dense, Matrix};
/// let x = Matrix::from(Dense::from_rows(&[[1.0, 2.0], [3.0, 4.0]]));
/// assert_eq!((x.rows(), x.cols()), (2, 2));
/// assert_eq!(x.row(1).dot(&[1.0, 10.0]), 43.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Matrix {
    /// Every number stored.
    Dense(Dense),
    /// Only numbers other than zero stored.
    Sparse(Csr),
}

impl From<Dense> for Matrix {
    fn from(x: Dense) -> Self {
        Self::Dense(x)
    }
}

impl From<Csr> for Matrix {
    fn from(x: Csr) -> Self {
        Self::Sparse(x)
    }
}

impl Matrix {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense(x) => x.rows(),
            Self::Sparse(x) => x.rows(),
        }
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense(x) => x.cols(),
            Self::Sparse(x) => x.cols(),
        }
    }

    /// Names of the columns.
    pub fn names(&self) -> &Names {
        match self {
            Self::Dense(x) => x.names(),
            Self::Sparse(x) => x.names(),
        }
    }

    /// The same numbers under these names.
    #[must_use]
    pub fn with_names(self, names: Names) -> Self {
        match self {
            Self::Dense(x) => Self::Dense(x.with_names(names)),
            Self::Sparse(x) => Self::Sparse(x.with_names(names)),
        }
    }

    /// One row. Panics when there is no such row, as slices do.
    pub fn row(&self, i: usize) -> RowView<'_> {
        match self {
            Self::Dense(x) => RowView::Dense(x.row(i)),
            Self::Sparse(x) => x.row(i),
        }
    }

    /// The rows with these indices, in this order; an index may come twice.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Dense(x) => Self::Dense(x.select_rows(rows)),
            Self::Sparse(x) => Self::Sparse(x.select_rows(rows)),
        }
    }

    /// The columns with these indices, which rise, under their names.
    ///
    /// ```
    /// use prompt_core::{Dense, Matrix};
    /// let x = Matrix::from(Dense::from_rows(&[[1.0, 2.0, 3.0]]));
    /// assert_eq!(x.select_columns(&[0, 2]).unwrap().to_dense().row(0), [1.0, 3.0]);
    /// assert!(x.select_columns(&[3]).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for an index beyond the last column.
    pub fn select_columns(&self, columns: &[u32]) -> Result<Self> {
        if let Some(beyond) = columns.iter().find(|&&j| j as usize >= self.cols()) {
            return Err(Error::shape("columns of x", *beyond as usize + 1, self.cols()));
        }
        let names = Names::list(columns.iter().map(|&j| self.names().get(j as usize).into_owned()));
        match self {
            Self::Dense(x) => {
                let mut data = Vec::with_capacity(x.rows() * columns.len());
                for i in 0..x.rows() {
                    let row = x.row(i);
                    data.extend(columns.iter().map(|&j| row[j as usize]));
                }
                let picked = Dense::new(x.rows(), columns.len(), data)?.with_names(names);
                Ok(Self::Dense(match x.categorical() {
                    Some(levels) => {
                        picked.with_categorical(columns.iter().map(|&j| levels[j as usize]).collect())?
                    }
                    None => picked,
                }))
            }
            Self::Sparse(x) => {
                let mut builder = CsrBuilder::new(columns.len());
                let mut picked = SparseRow::default();
                for i in 0..x.rows() {
                    picked.clear();
                    x.row(i).for_each(|j, v| {
                        if let Ok(at) = columns.binary_search(&(j as u32)) {
                            picked.push(at as u32, v as f32);
                        }
                    });
                    builder.push(&picked);
                }
                Ok(Self::Sparse(builder.finish().with_names(names)))
            }
        }
    }

    /// Whether any number is NaN or infinite, with the first place.
    pub fn first_not_finite(&self) -> Option<(usize, usize)> {
        match self {
            Self::Dense(x) => {
                x.data().iter().position(|v| !v.is_finite()).map(|at| (at / x.cols(), at % x.cols()))
            }
            Self::Sparse(x) => x.first_where(|v| !v.is_finite()),
        }
    }

    /// All numbers as dense `f64`.
    pub fn to_dense(&self) -> Dense {
        match self {
            Self::Dense(x) => x.clone(),
            Self::Sparse(x) => x.to_dense(),
        }
    }

    /// The columns of several matrices side by side. Sparse if any of them is.
    ///
    /// # Errors
    /// [`Error::Shape`] when their numbers of rows differ; [`Error::Input`] when there are none.
    pub fn beside(parts: &[(&str, &Matrix)]) -> Result<Self> {
        let Some((_, first)) = parts.first() else {
            return Err(Error::input("a union of no matrices", "give it at least one part"));
        };
        for (name, part) in parts {
            if part.rows() != first.rows() {
                return Err(Error::shape(format!("rows of part `{name}`"), first.rows(), part.rows()));
            }
        }
        let names = Names::joined(parts.iter().map(|(n, p)| ((*n).to_owned(), p.names().clone())));
        if parts.iter().all(|(_, p)| matches!(p, Self::Dense(_))) {
            let cols = parts.iter().map(|(_, p)| p.cols()).sum();
            let mut data = Vec::with_capacity(first.rows() * cols);
            for i in 0..first.rows() {
                for (_, part) in parts {
                    part.row(i).for_each(|_, v| data.push(v));
                }
            }
            let both = Dense::new(first.rows(), cols, data)?.with_names(names);
            let levels = parts.iter().flat_map(|(_, p)| match p {
                Self::Dense(d) => d.categorical().map_or_else(|| vec![0; d.cols()], <[u32]>::to_vec),
                Self::Sparse(s) => vec![0; s.cols()],
            });
            return Ok(Self::Dense(both.with_categorical(levels.collect())?));
        }
        let cols = parts.iter().map(|(_, p)| p.cols()).sum();
        let mut builder = CsrBuilder::new(cols);
        let mut row = SparseRow::default();
        for i in 0..first.rows() {
            row.clear();
            let mut offset = 0;
            for (_, part) in parts {
                part.row(i).for_each(|j, v| {
                    if v != 0.0 {
                        row.push(offset + j as u32, v as f32);
                    }
                });
                offset += part.cols() as u32;
            }
            builder.push(&row);
        }
        Ok(Self::Sparse(builder.finish().with_names(names)))
    }
}

/// One row of a matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowView<'a> {
    /// Every number.
    Dense(&'a [f64]),
    /// Columns in rising order and their values; both of one length.
    Sparse {
        /// Columns.
        indices: &'a [u32],
        /// Values.
        values: &'a [f32],
    },
}

impl RowView<'_> {
    /// Σ xⱼ·wⱼ, summed in `f64` in column order. Columns beyond `weights` count as zero.
    pub fn dot(&self, weights: &[f64]) -> f64 {
        match self {
            Self::Dense(x) => x.iter().zip(weights).map(|(x, w)| x * w).sum(),
            Self::Sparse { indices, values } => indices
                .iter()
                .zip(*values)
                .map(|(&j, &v)| weights.get(j as usize).map_or(0.0, |w| w * f64::from(v)))
                .sum(),
        }
    }

    /// Calls `f(column, value)` for every stored number in column order.
    pub fn for_each(&self, mut f: impl FnMut(usize, f64)) {
        match self {
            Self::Dense(x) => x.iter().enumerate().for_each(|(j, &v)| f(j, v)),
            Self::Sparse { indices, values } => {
                indices.iter().zip(*values).for_each(|(&j, &v)| f(j as usize, f64::from(v)));
            }
        }
    }

    /// Σ xⱼ².
    pub fn norm2(&self) -> f64 {
        let mut sum = 0.0;
        self.for_each(|_, v| sum += v * v);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse() -> Csr {
        let mut b = CsrBuilder::new(3);
        b.push_pairs(&[(2, 1.5)]);
        b.push_pairs(&[]);
        b.push_pairs(&[(0, 2.0), (1, -1.0)]);
        b.finish()
    }

    #[test]
    fn union_keeps_numbers_and_names() {
        let left = Matrix::from(sparse()).with_names(Names::list(["a", "b", "c"]));
        let right = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [0.0]])).with_names(Names::list(["n"]));
        let both = Matrix::beside(&[("l", &left), ("r", &right)]).unwrap();
        assert_eq!(both.names().get(3), "r__n");
        assert_eq!(both.names().get(0), "l__a");
        let dense = both.to_dense();
        assert_eq!(dense.row(0), [0.0, 0.0, 1.5, 1.0]);
        assert_eq!(dense.row(2), [2.0, -1.0, 0.0, 0.0]);
        let short = Matrix::from(Dense::from_rows(&[[1.0]]));
        let error = Matrix::beside(&[("l", &left), ("r", &short)]).unwrap_err();
        assert_eq!(error.to_string(), "rows of part `r`: expected 3, got 1");
    }

    #[test]
    fn the_first_nan_is_found_with_its_place() {
        let x = Matrix::from(Dense::from_rows(&[[1.0, 2.0], [3.0, f64::NAN]]));
        assert_eq!(x.first_not_finite(), Some((1, 1)));
        let mut b = CsrBuilder::new(4);
        b.push_pairs(&[]);
        b.push_pairs(&[(1, 1.0), (3, f32::INFINITY)]);
        assert_eq!(Matrix::from(b.finish()).first_not_finite(), Some((1, 3)));
        assert_eq!(Matrix::from(sparse()).first_not_finite(), None);
    }

    #[test]
    fn selecting_rows_works_alike_for_both() {
        let x = Matrix::from(sparse());
        let picked = x.select_rows(&[2, 0, 2]);
        assert_eq!(picked.to_dense(), x.to_dense().select_rows(&[2, 0, 2]));
    }
}
