//! Row-major matrices with a row stride, borrowed: the arguments of every kernel.

use crate::error::{Error, Result};

/// Checks that `rows` rows of `cols` numbers, `stride` apart, lie in a slice of `len` numbers.
fn fits(what: &'static str, len: usize, rows: usize, cols: usize, stride: usize) -> Result<()> {
    if stride < cols && rows > 1 {
        return Err(Error::Stride { what, stride, columns: cols });
    }
    let need = match rows.checked_sub(1) {
        None => Some(0),
        Some(gaps) => gaps.checked_mul(stride).and_then(|n| n.checked_add(cols)),
    };
    let rule = "(rows − 1) · stride + columns";
    match need {
        Some(expected) if expected <= len => Ok(()),
        Some(expected) => Err(Error::Length { what, found: len, expected, rule }),
        None => Err(Error::Length { what, found: len, expected: usize::MAX, rule }),
    }
}

/// A matrix to read: `rows` × `cols`, row `i` begins at number `i · stride` of the slice.
///
/// ```
/// use prompt_kernels::Rows;
///
/// // The first two columns of a 3 × 4 matrix.
/// let data: Vec<f32> = (0..12).map(|i| i as f32).collect();
/// let left = Rows::strided(&data, 3, 2, 4)?;
/// assert_eq!(left.row(2), [8.0, 9.0]);
/// assert!(Rows::new(&data, 4, 4).is_err());
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<'a> Rows<'a> {
    /// A matrix whose rows follow one another.
    ///
    /// # Errors
    /// If the slice is shorter than `rows · cols`.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Result<Self> {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix whose rows begin `stride` numbers apart.
    ///
    /// # Errors
    /// If rows would overlap or the last one would end beyond the slice.
    pub fn strided(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Result<Self> {
        fits("the matrix", data.len(), rows, cols, stride)?;
        Ok(Self { data, rows, cols, stride })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Numbers from the beginning of a row to the beginning of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row(&self, i: usize) -> &'a [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &self.data[i * self.stride..][..self.cols]
    }

    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr()
    }
}

/// A matrix to write; see [`Rows`].
#[derive(Debug)]
pub struct RowsMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<'a> RowsMut<'a> {
    /// A matrix whose rows follow one another.
    ///
    /// # Errors
    /// If the slice is shorter than `rows · cols`.
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Result<Self> {
        Self::strided(data, rows, cols, cols)
    }

    /// A matrix whose rows begin `stride` numbers apart.
    ///
    /// # Errors
    /// If rows would overlap or the last one would end beyond the slice.
    pub fn strided(data: &'a mut [f32], rows: usize, cols: usize, stride: usize) -> Result<Self> {
        fits("the output", data.len(), rows, cols, stride)?;
        Ok(Self { data, rows, cols, stride })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Numbers from the beginning of a row to the beginning of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &mut self.data[i * self.stride..][..self.cols]
    }

    /// The same matrix, to read.
    pub fn as_rows(&self) -> Rows<'_> {
        Rows { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    /// The same matrix for a shorter time.
    pub fn reborrow(&mut self) -> RowsMut<'_> {
        RowsMut { data: self.data, rows: self.rows, cols: self.cols, stride: self.stride }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }
}
