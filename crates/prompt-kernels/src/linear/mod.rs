//! The matrix product of a linear layer, f32.
//!
//! ```text
//! weight [n × k]  --pack once-->  panels of 2 vectors of columns, row after row of k, beside one another
//! x [m × k]  ·  panels  -->  out [m × n]  = activation(x·Wᵀ + bias)  (+ or ·) another matrix
//! ```
//!
//! Every number of the output is one chain `bias + x₀w₀ + x₁w₁ + …` in the order of k, whatever the tile, the block or the
//! thread that computes it.

mod epilogue;
mod pack;
mod product;
mod tile;

pub(crate) use epilogue::Finish;
pub use epilogue::{Combine, Epilogue};
pub(crate) use product::Split;
pub(crate) use tile::{tile, tile_rows};

use std::ops::Range;

use crate::error::{self, Result};
use crate::level::Level;
use crate::rows::{Rows, RowsMut};

/// Vectors in a panel of columns.
pub(crate) const PANEL_VECTORS: usize = 2;

/// A linear layer's weight and bias, laid out for one [`Level`].
///
/// `y[i][j] = activation(bias[j] + Σₖ x[i][k]·weight[j][k])`, then [`Combine`]d with another matrix.
///
/// # Shapes
/// `weight` is n × k, row-major, as PyTorch's `Linear.weight` (out × in); `bias` n; `x` m × k; output m × n.
///
/// ```
/// use prompt_kernels::{Activation, Epilogue, Level, PackedF32, Rows, RowsMut};
///
/// let weight = [1.0, 2.0, 3.0, -1.0, 0.0, 1.0]; // 2 outputs × 3 inputs
/// let layer = PackedF32::new(Level::detect(), 3, 2, &weight, Some(&[0.5, -0.5]))?;
/// let x = [1.0, 1.0, 1.0];
/// let mut y = [0.0; 2];
/// let relu = Epilogue::from(Activation::Relu);
/// layer.product(Rows::new(&x, 1, 3)?, RowsMut::new(&mut y, 1, 2)?, relu, 1)?;
/// assert_eq!(y, [6.5, 0.0]);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PackedF32 {
    level: Level,
    k: usize,
    n: usize,
    /// Columns of a panel.
    width: usize,
    /// Large blocks of k, each in small ones.
    steps: Vec<Vec<Range<usize>>>,
    /// Panel after panel, each k × width; the last one is filled up with zeros.
    panels: Vec<f32>,
    /// n numbers, filled up with zeros to whole panels.
    bias: Vec<f32>,
}

impl PackedF32 {
    /// Lays a weight out for a level.
    ///
    /// # Errors
    /// If `weight` has not n · k numbers or `bias` not n.
    pub fn new(level: Level, k: usize, n: usize, weight: &[f32], bias: Option<&[f32]>) -> Result<Self> {
        let size = error::size("weight", n, k)?;
        error::exact("weight", weight.len(), size, "outputs · inputs")?;
        if let Some(bias) = bias {
            error::exact("bias", bias.len(), n, "one for each output")?;
        }
        let width = PANEL_VECTORS * level.lanes();
        let padded = n.div_ceil(width) * width;
        let mut full = vec![0.0; padded];
        if let Some(bias) = bias {
            full[..n].copy_from_slice(bias);
        }
        let panels = pack::panels(weight, k, n, width);
        Ok(Self { level, k, n, width, steps: product::steps(k), panels, bias: full })
    }

    /// Inputs of the layer: columns of x.
    pub fn inputs(&self) -> usize {
        self.k
    }

    /// Outputs of the layer: columns of the result.
    pub fn outputs(&self) -> usize {
        self.n
    }

    /// The level that the weight was laid out for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Bytes that weight and bias take in memory.
    pub fn bytes(&self) -> usize {
        (self.panels.len() + self.bias.len()) * size_of::<f32>()
    }

    /// The product, on up to `threads` threads of the surrounding rayon pool (0 or 1: on the calling thread alone).
    /// No rows is not an error; NaN spreads to the numbers that it takes part in.
    ///
    /// # Errors
    /// If `x`, `out` or the epilogue's matrix has another shape than the layer asks for; `out` is then untouched.
    pub fn product(
        &self,
        x: Rows<'_>,
        mut out: RowsMut<'_>,
        epilogue: Epilogue<'_>,
        threads: usize,
    ) -> Result<()> {
        check(x, &out, epilogue, self.k, self.n)?;
        product::product(self, x, &mut out, epilogue, 0..self.n, threads);
        Ok(())
    }

    /// The smallest range that [`product_columns`](Self::product_columns) can compute and that holds these outputs.
    pub fn whole_columns(&self, columns: Range<usize>) -> Range<usize> {
        let end = columns.end.min(self.n);
        let start = columns.start.min(end) / self.width * self.width;
        start..(end.div_ceil(self.width) * self.width).min(self.n)
    }

    /// Some outputs of the product alone: `out[i][j] = y[i][columns.start + j]`, the same bits as in the whole.
    ///
    /// # Shapes
    /// `columns` is as [`whole_columns`](Self::whole_columns) makes it; `out` has as many columns.
    ///
    /// # Errors
    /// If `x` or `out` has another shape, or `columns` is no such range; `out` is then untouched.
    ///
    /// ```
    /// use prompt_kernels::{Level, PackedF32, Rows, RowsMut};
    ///
    /// let weight: Vec<f32> = (0..200).map(|j| j as f32).collect(); // 200 outputs of one input
    /// let layer = PackedF32::new(Level::detect(), 1, 200, &weight, None)?;
    /// let columns = layer.whole_columns(100..150);
    /// assert!(columns.start <= 100 && columns.end >= 150 && columns.len() < 200);
    /// let mut y = vec![0.0; columns.len()];
    /// let n = columns.len();
    /// layer.product_columns(Rows::new(&[2.0], 1, 1)?, RowsMut::new(&mut y, 1, n)?, columns.clone(), 1)?;
    /// assert_eq!(y[120 - columns.start], 240.0);
    /// # Ok::<(), prompt_kernels::Error>(())
    /// ```
    pub fn product_columns(
        &self,
        x: Rows<'_>,
        mut out: RowsMut<'_>,
        columns: Range<usize>,
        threads: usize,
    ) -> Result<()> {
        let whole = self.whole_columns(columns.clone());
        error::axis("the columns", "start", columns.start, whole.start, "where a panel begins")?;
        error::axis("the columns", "end", columns.end, whole.end, "where a panel or the layer ends")?;
        check(x, &out, Epilogue::default(), self.k, columns.len())?;
        product::product(self, x, &mut out, Epilogue::default(), columns, threads);
        Ok(())
    }
}

/// The shapes of a product.
pub(crate) fn check(
    x: Rows<'_>,
    out: &RowsMut<'_>,
    epilogue: Epilogue<'_>,
    k: usize,
    n: usize,
) -> Result<()> {
    error::axis("x", "columns", x.cols(), k, "the layer's inputs")?;
    error::axis("the output", "columns", out.cols(), n, "the layer's outputs")?;
    error::axis("the output", "rows", out.rows(), x.rows(), "the rows of x")?;
    if let Some(other) = epilogue.combine.matrix() {
        error::axis("the combined matrix", "columns", other.cols(), n, "the layer's outputs")?;
        error::axis("the combined matrix", "rows", other.rows(), x.rows(), "the rows of x")?;
    }
    Ok(())
}
