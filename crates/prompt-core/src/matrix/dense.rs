//! Row-major `f64`.

use std::sync::Arc;

use super::Names;
use crate::error::{Error, Result};

/// A dense matrix, row after row. NaN means "missing".
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
    names: Names,
    /// Number of levels of every column; 0 for plain numbers. Absent when all are plain numbers.
    levels: Option<Arc<[u32]>>,
}

impl Dense {
    /// A matrix over `data`, row after row.
    ///
    /// # Errors
    /// [`Error::Shape`] unless `data` holds `rows × cols` numbers.
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Result<Self> {
        if rows.checked_mul(cols) != Some(data.len()) {
            return Err(Error::shape(
                format!("numbers in a {rows}×{cols} matrix"),
                rows.saturating_mul(cols),
                data.len(),
            ));
        }
        Ok(Self { rows, cols, data, names: Names::numbered("x", cols), levels: None })
    }

    /// All zero.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols], names: Names::numbered("x", cols), levels: None }
    }

    /// A matrix from rows of one length.
    pub fn from_rows<const N: usize>(rows: &[[f64; N]]) -> Self {
        Self { rows: rows.len(), cols: N, data: rows.concat(), names: Names::numbered("x", N), levels: None }
    }

    /// The same numbers under these names. Names of another length are taken as they are given.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// The same numbers, where column `j` holds the codes of a category with `levels[j]` levels: whole numbers below
    /// it, or NaN for missing. 0 levels: plain numbers.
    ///
    /// ```
    /// use prompt_core::Dense;
    /// let x = Dense::from_rows(&[[0.5, 2.0], [1.5, f64::NAN]]);
    /// assert_eq!(x.clone().with_categorical(vec![0, 3]).unwrap().categorical(), Some(&[0, 3][..]));
    /// assert!(x.with_categorical(vec![0, 2]).unwrap_err().to_string().contains("row 0, column 1"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a number for every column; [`Error::Input`] for a value that is no code.
    pub fn with_categorical(mut self, levels: Vec<u32>) -> Result<Self> {
        if levels.len() != self.cols {
            return Err(Error::shape("numbers of levels (columns)", self.cols, levels.len()));
        }
        for (at, v) in self.data.iter().enumerate() {
            let (column, n) = (at % self.cols, levels[at % self.cols]);
            if n > 0 && !v.is_nan() && (*v < 0.0 || *v >= f64::from(n) || v.fract() != 0.0) {
                return Err(Error::input(
                    format!("row {}, column {column} (`{}`) is {v}", at / self.cols, self.names.get(column)),
                    format!("a category of {n} levels has whole numbers from 0 to {}, or NaN", n - 1),
                ));
            }
        }
        self.levels = levels.iter().any(|n| *n > 0).then(|| levels.into());
        Ok(self)
    }

    /// The number of levels of every column, where some column holds categories; 0 for plain numbers.
    pub fn categorical(&self) -> Option<&[u32]> {
        self.levels.as_deref()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Names of the columns.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// All numbers, row after row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// All numbers, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The numbers, without the shape.
    pub fn into_data(self) -> Vec<f64> {
        self.data
    }

    /// Row `i`. Panics when there is no such row, as slices do.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Row `i`, to be changed in place.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Column `j`, copied.
    pub fn column(&self, j: usize) -> Vec<f64> {
        self.data.iter().skip(j).step_by(self.cols.max(1)).copied().collect()
    }

    /// The rows with these indices, in this order.
    #[must_use]
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        let mut data = Vec::with_capacity(rows.len() * self.cols);
        for &i in rows {
            data.extend_from_slice(self.row(i));
        }
        Self {
            rows: rows.len(),
            cols: self.cols,
            data,
            names: self.names.clone(),
            levels: self.levels.clone(),
        }
    }
}

#[cfg(feature = "ndarray")]
impl From<Dense> for ndarray::Array2<f64> {
    fn from(x: Dense) -> Self {
        let shape = (x.rows, x.cols);
        ndarray::Array2::from_shape_vec(shape, x.data).unwrap_or_else(|_| ndarray::Array2::zeros(shape))
    }
}

#[cfg(feature = "ndarray")]
impl From<ndarray::ArrayView2<'_, f64>> for Dense {
    fn from(x: ndarray::ArrayView2<'_, f64>) -> Self {
        let (rows, cols) = x.dim();
        Self {
            rows,
            cols,
            data: x.iter().copied().collect(),
            names: Names::numbered("x", cols),
            levels: None,
        }
    }
}
