//! Row by row: layer norm, RMS norm, softmax, and functions of single numbers.
#![allow(unsafe_code, reason = "tasks normalise disjoint rows of one matrix in place")]

use std::ops::Range;

use crate::error::{self, Result};
use crate::level::{Kernel, Level};
use crate::math::{self, Activation, activate};
use crate::output::Out;
use crate::rows::{Rows, RowsMut};
use crate::simd::{MAX_LANES, Simd};
use crate::threads;

/// How a row is centred and scaled.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// γ, one factor for each column.
    pub gamma: &'a [f32],
    /// β, one summand for each column.
    pub beta: Option<&'a [f32]>,
    /// ε, added to the variance.
    pub epsilon: f32,
    /// Whether the mean is taken off first (layer norm) or not (RMS norm).
    pub centred: bool,
}

impl<'a> Norm<'a> {
    /// Layer norm: `(x − mean) / √(variance + ε) · γ + β`, with the variance of the row itself (divided by its length).
    pub fn layer(gamma: &'a [f32], beta: Option<&'a [f32]>, epsilon: f32) -> Self {
        Self { gamma, beta, epsilon, centred: true }
    }

    /// RMS norm: `x / √(mean of x² + ε) · γ`.
    pub fn rms(gamma: &'a [f32], epsilon: f32) -> Self {
        Self { gamma, beta: None, epsilon, centred: false }
    }
}

/// Normalises every row in place, after adding the same row of `residual`, if there is one, on up to `threads` threads.
///
/// # Shapes
/// `x` and `residual` rows × columns; γ and β columns.
///
/// # Errors
/// If shapes differ; `x` is then untouched.
///
/// ```
/// use prompt_kernels::{Level, Norm, RowsMut, normalise};
///
/// let mut x = [1.0, 2.0, 3.0];
/// let norm = Norm::layer(&[1.0, 1.0, 1.0], Some(&[0.0, 10.0, 0.0]), 0.0);
/// normalise(Level::detect(), RowsMut::new(&mut x, 1, 3)?, None, norm, 1)?;
/// assert_eq!(x[1], 10.0);
/// assert!((x[2] - 1.5f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
pub fn normalise(
    level: Level,
    mut x: RowsMut<'_>,
    residual: Option<Rows<'_>>,
    norm: Norm<'_>,
    threads: usize,
) -> Result<()> {
    error::exact("gamma", norm.gamma.len(), x.cols(), "one for each column")?;
    if let Some(beta) = norm.beta {
        error::exact("beta", beta.len(), x.cols(), "one for each column")?;
    }
    if let Some(residual) = residual {
        error::axis("the residual", "columns", residual.cols(), x.cols(), "the columns of x")?;
        error::axis("the residual", "rows", residual.rows(), x.rows(), "the rows of x")?;
    }
    let (rows, cols) = (x.rows(), x.cols());
    if cols > 0 {
        let threads = threads::worth(threads, rows.saturating_mul(cols * 10));
        let x = Out::new(&mut x);
        threads::for_each(threads, rows.div_ceil(ROWS), |i| {
            let rows = i * ROWS..rows.min((i + 1) * ROWS);
            level.run(Normalise { x, rows, cols, residual, norm });
        });
    }
    Ok(())
}

/// Rows of a task.
const ROWS: usize = 16;

struct Normalise<'a> {
    x: Out,
    rows: Range<usize>,
    cols: usize,
    residual: Option<Rows<'a>>,
    norm: Norm<'a>,
}

impl Kernel for Normalise<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for i in self.rows {
            // SAFETY: x has these rows and columns, and no other task has the same rows.
            let row = unsafe { self.x.slice(i, 0, self.cols) };
            if let Some(residual) = self.residual {
                math::zip(s, row, residual.row(i), |a, b| s.add(a, b));
            }
            let n = row.len() as f32;
            if self.norm.centred {
                let mean = sum(s, row, |x| x) / n;
                math::map(s, row, |x| s.sub(x, s.splat(mean)));
            }
            let variance = sum(s, row, |x| s.mul(x, x)) / n;
            let scale = s.splat(1.0 / (variance + self.norm.epsilon).sqrt());
            math::zip(s, row, self.norm.gamma, |x, g| s.mul(s.mul(x, scale), g));
            if let Some(beta) = self.norm.beta {
                math::zip(s, row, beta, |x, b| s.add(x, b));
            }
        }
    }
}

/// Σ f(x) over a row, in an order that only its length decides. `f(0)` must be 0.
#[inline(always)]
pub(crate) fn sum<S: Simd>(s: S, row: &[f32], f: impl Fn(S::V) -> S::V) -> f32 {
    let mut parts = [s.splat(0.0); 4];
    let mut blocks = row.chunks_exact(4 * S::LANES);
    for block in &mut blocks {
        for (part, chunk) in parts.iter_mut().zip(block.chunks_exact(S::LANES)) {
            *part = s.add(*part, f(s.load(chunk)));
        }
    }
    let mut chunks = blocks.remainder().chunks_exact(S::LANES);
    for chunk in &mut chunks {
        parts[0] = s.add(parts[0], f(s.load(chunk)));
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut last = [0.0; MAX_LANES];
        last[..rest.len()].copy_from_slice(rest);
        parts[1] = s.add(parts[1], f(s.load(&last)));
    }
    s.sum(s.add(s.add(parts[0], parts[1]), s.add(parts[2], parts[3])))
}

/// The largest number of a row; NaN if there is one, −∞ if there is none at all.
#[inline(always)]
pub(crate) fn largest<S: Simd>(s: S, row: &[f32]) -> f32 {
    let mut parts = [s.splat(f32::NEG_INFINITY); 4];
    let mut blocks = row.chunks_exact(4 * S::LANES);
    for block in &mut blocks {
        for (part, chunk) in parts.iter_mut().zip(block.chunks_exact(S::LANES)) {
            *part = s.max(*part, s.load(chunk));
        }
    }
    let all = s.max(s.max(parts[0], parts[1]), s.max(parts[2], parts[3]));
    // A NaN need not arrive here: it may be passed over on the way, and then shows in the sum of the exponentials.
    blocks.remainder().iter().fold(s.max_lane(all), |a, &b| if a > b { a } else { b })
}

/// Each row becomes `exp(x − max) / Σ exp(x − max)`. A row with NaN becomes NaN; so does one of −∞ alone.
///
/// ```
/// use prompt_kernels::{Level, RowsMut, softmax};
///
/// let mut x = [0.0, 0.0, f32::NEG_INFINITY];
/// softmax(Level::detect(), RowsMut::new(&mut x, 1, 3)?);
/// assert_eq!(x, [0.5, 0.5, 0.0]);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
pub fn softmax(level: Level, x: RowsMut<'_>) {
    level.run(Softmax { x });
}

struct Softmax<'a> {
    x: RowsMut<'a>,
}

impl Kernel for Softmax<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        for i in 0..self.x.rows() {
            let row = self.x.row_mut(i);
            let top = s.splat(largest(s, row));
            math::map(s, row, |x| math::exp_below_zero(s, s.sub(x, top)));
            let scale = s.splat(1.0 / sum(s, row, |x| x));
            math::map(s, row, |x| s.mul(x, scale));
        }
    }
}

/// The activation of each number, in place. A number's result does not depend on where in the slice it stands.
///
/// ```
/// use prompt_kernels::{Activation, Level, apply};
///
/// let mut x = [0.0, 1.0, -20.0];
/// apply(Level::detect(), Activation::GeluErf, &mut x);
/// assert!((x[1] - 0.841_344_7).abs() < 1e-6);
/// assert_eq!((x[0], x[2]), (0.0, 0.0));
/// ```
pub fn apply(level: Level, activation: Activation, x: &mut [f32]) {
    level.run(Apply { activation, x });
}

struct Apply<'a> {
    activation: Activation,
    x: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        activate(s, self.activation, self.x);
    }
}

/// eˣ of each number, in place: at most 2 units in the last place off, 0 below −87.33 (no subnormal results), ∞ above
/// 88.72.
pub fn exp(level: Level, x: &mut [f32]) {
    level.run(Exp { x });
}

struct Exp<'a> {
    x: &'a mut [f32],
}

impl Kernel for Exp<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        math::map(s, self.x, |x| math::exp(s, x));
    }
}
