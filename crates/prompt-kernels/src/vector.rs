//! Single rows: dot product, sums of rows, pooling.

use crate::error::{self, Result};
use crate::level::{Kernel, Level};
use crate::math::zip;
use crate::norm::sum;
use crate::rows::Rows;
use crate::simd::{MAX_LANES, Simd};

/// Σ aᵢ·bᵢ, in an order that only the length decides.
///
/// # Errors
/// If the lengths differ.
pub fn dot(level: Level, a: &[f32], b: &[f32]) -> Result<f32> {
    error::exact("b", b.len(), a.len(), "the length of a")?;
    Ok(level.run(Dot { a, b }))
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Out = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut parts = [s.splat(0.0); 4];
        let (mut a, mut b) = (self.a.chunks_exact(4 * S::LANES), self.b.chunks_exact(4 * S::LANES));
        for (a, b) in (&mut a).zip(&mut b) {
            for (part, (a, b)) in
                parts.iter_mut().zip(a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES)))
            {
                *part = s.mul_add(s.load(a), s.load(b), *part);
            }
        }
        for (a, b) in a.remainder().chunks(S::LANES).zip(b.remainder().chunks(S::LANES)) {
            let (mut x, mut y) = ([0.0; MAX_LANES], [0.0; MAX_LANES]);
            x[..a.len()].copy_from_slice(a);
            y[..b.len()].copy_from_slice(b);
            parts[0] = s.mul_add(s.load(&x), s.load(&y), parts[0]);
        }
        s.sum(s.add(s.add(parts[0], parts[1]), s.add(parts[2], parts[3])))
    }
}

/// `y += factor · x`.
///
/// # Errors
/// If the lengths differ.
pub fn axpy(level: Level, factor: f32, x: &[f32], y: &mut [f32]) -> Result<()> {
    error::exact("x", x.len(), y.len(), "the length of y")?;
    level.run(Axpy { factor, x, y });
    Ok(())
}

struct Axpy<'a> {
    factor: f32,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Axpy<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let factor = s.splat(self.factor);
        zip(s, self.y, self.x, |y, x| s.mul_add(factor, x, y));
    }
}

/// How rows become one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pool {
    /// The mean of each column.
    Mean,
    /// The largest number of each column; NaN if there is one.
    Max,
}

/// One row from all rows, column by column, in the order of the rows. No rows give zeros.
///
/// # Errors
/// If `out` has another length than a row.
///
/// ```
/// use prompt_kernels::{Level, Pool, Rows, pool};
///
/// let x = [1.0, 5.0, 3.0, -1.0];
/// let mut out = [0.0; 2];
/// pool(Level::detect(), Pool::Mean, Rows::new(&x, 2, 2)?, &mut out)?;
/// assert_eq!(out, [2.0, 2.0]);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
pub fn pool(level: Level, how: Pool, x: Rows<'_>, out: &mut [f32]) -> Result<()> {
    error::exact("the output", out.len(), x.cols(), "the columns of x")?;
    level.run(Pooled { how, x, out });
    Ok(())
}

struct Pooled<'a> {
    how: Pool,
    x: Rows<'a>,
    out: &'a mut [f32],
}

impl Kernel for Pooled<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { how, x, out } = self;
        if x.rows() == 0 {
            out.fill(0.0);
            return;
        }
        out.copy_from_slice(x.row(0));
        for i in 1..x.rows() {
            match how {
                Pool::Mean => zip(s, out, x.row(i), |a, b| s.add(a, b)),
                // The maximum gives its second argument where one is NaN; a NaN in the first stays through the sum.
                Pool::Max => zip(s, out, x.row(i), |a, b| {
                    let kept = s.add(a, s.max(s.splat(0.0), b));
                    s.select_less(a, s.splat(f32::INFINITY), s.max(a, b), kept)
                }),
            }
        }
        if how == Pool::Mean {
            let scale = s.splat(1.0 / x.rows() as f32);
            crate::math::map(s, out, |a| s.mul(a, scale));
        }
    }
}

/// Scales a row to Euclidean length 1, as `x / max(‖x‖, 1e-12)`.
pub fn unit_length(level: Level, x: &mut [f32]) {
    level.run(UnitLength { x });
}

struct UnitLength<'a> {
    x: &'a mut [f32],
}

impl Kernel for UnitLength<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let length = sum(s, self.x, |x| s.mul(x, x)).sqrt();
        // The bound first: a NaN stays one.
        let length = if 1e-12 > length { 1e-12 } else { length };
        let scale = s.splat(1.0 / length);
        crate::math::map(s, self.x, |x| s.mul(x, scale));
    }
}
