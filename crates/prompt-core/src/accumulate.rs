//! Observe, merge, finish: what lets the same code learn from a list, a stream and a cluster.

use crate::context::FitContext;
use crate::error::{Error, Result};

/// Something that is learned piece by piece.
///
/// `merge` must give what one accumulator would have given that observed the pieces of `self` and then those of
/// `other`; for floating-point sums that holds up to rounding, so parallel code merges in a fixed order over
/// fixed blocks ([`accumulate`]).
///
/// ```
/// use prompt_core::{Accumulate, FitContext, Result, accumulate};
/// #[derive(Default)]
/// struct Mean { sum: f64, n: u64 }
/// impl Accumulate<f64> for Mean {
///     type Output = f64;
///     fn observe(&mut self, x: &f64) -> Result<()> { self.sum += x; self.n += 1; Ok(()) }
///     fn merge(&mut self, other: Self) { self.sum += other.sum; self.n += other.n; }
///     fn finish(self) -> Result<f64> { Ok(self.sum / self.n as f64) }
/// }
/// let mean = accumulate(&[1.0, 2.0, 6.0], Mean::default, &FitContext::new(0)).unwrap();
/// assert_eq!(mean, 3.0);
/// ```
pub trait Accumulate<X: ?Sized>: Sized {
    /// What it comes to.
    type Output;

    /// Takes one more piece in.
    ///
    /// # Errors
    /// A piece that cannot be used; the accumulator stays as it was.
    fn observe(&mut self, x: &X) -> Result<()>;

    /// Takes in everything that another observed after this one.
    fn merge(&mut self, other: Self);

    /// The result.
    ///
    /// # Errors
    /// When too little was observed.
    fn finish(self) -> Result<Self::Output>;
}

/// Accumulates a slice in parallel: fixed blocks, merged in order, so that the result is the same for any number
/// of threads.
///
/// # Errors
/// The first error in order of the items.
pub fn accumulate<X: Sync, A: Accumulate<X> + Send>(
    items: &[X],
    new: impl Fn() -> A + Sync + Send,
    ctx: &FitContext,
) -> Result<A::Output> {
    const BLOCK: usize = 4096;
    let parts = ctx.try_map(items.len().div_ceil(BLOCK), |block| {
        let mut part = new();
        for item in items.iter().skip(block * BLOCK).take(BLOCK) {
            part.observe(item)?;
        }
        Ok(part)
    })?;
    let merged = parts.into_iter().reduce(|mut left, right| {
        left.merge(right);
        left
    });
    merged.ok_or_else(|| Error::input("nothing to learn from", "give at least one item"))?.finish()
}
