//! Parallel work in fixed blocks of rows, so that the number of threads changes no bit.

use std::ops::Range;

use prompt_core::FitContext;

/// Rows of a block.
pub(super) const BLOCK: usize = 4096;

/// Runs blocks on the threads of a context, inside whose pool the caller already is.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a>(&'a FitContext);

impl<'a> Blocks<'a> {
    pub(super) fn new(ctx: &'a FitContext) -> Self {
        Self(ctx)
    }

    /// Whether work may be shared out at all.
    pub(super) fn parallel(self) -> bool {
        self.0.thread_budget() > 1
    }

    /// `f(first index, block)` for every block of `out`; what it returns, in order.
    pub(super) fn fill<T: Send, R: Send>(
        self,
        out: &mut [T],
        f: impl Fn(usize, &mut [T]) -> R + Sync + Send,
    ) -> Vec<R> {
        use rayon::prelude::*;
        if self.parallel() && out.len() > BLOCK {
            out.par_chunks_mut(BLOCK).enumerate().map(|(b, block)| f(b * BLOCK, block)).collect()
        } else {
            out.chunks_mut(BLOCK).enumerate().map(|(b, block)| f(b * BLOCK, block)).collect()
        }
    }

    /// `f(rows)` for every block of `n` rows, in order.
    pub(super) fn map<R: Send>(self, n: usize, f: impl Fn(Range<usize>) -> R + Sync + Send) -> Vec<R> {
        self.0.map(n.div_ceil(BLOCK), |b| f(b * BLOCK..((b + 1) * BLOCK).min(n)))
    }

    /// `f(0), …, f(n − 1)`, in order.
    pub(super) fn each<R: Send>(self, n: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        self.0.map(n, f)
    }
}
