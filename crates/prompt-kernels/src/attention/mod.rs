//! Attention of several heads over several sequences, without padding and without an n × n matrix.
//!
//! ```text
//! task = one sequence, one head, up to 192 queries
//!   for each block of up to 256 keys:   pack keys (transposed, scaled) and values
//!     for each few queries:   scores = q·kᵀ + bias  →  new maximum, rescale what was summed  →  exp  →  sum of exp·v
//!   divide by the sum of the exponentials
//! ```
//!
//! Blocks begin at fixed positions of the sequence, so what a token gets depends on its sequence alone.

mod block;

use crate::error::{self, Error, Result};
use crate::level::Level;
use crate::output::Out;
use crate::rows::{Rows, RowsMut};
use crate::{scratch, threads};

/// Queries of a task.
pub(crate) const QUERIES: usize = if cfg!(miri) { 4 } else { 192 };
/// Keys of a block.
pub(crate) const KEYS: usize = if cfg!(miri) { 8 } else { 256 };

/// Something that is added to the scores before the softmax: relative positions, slopes, a mask (−∞).
pub trait ScoreBias: Sync {
    /// Adds to the scores of query `query` with the keys from `first_key` on, as many as there are scores. Positions count
    /// from the beginning of the sequence.
    fn add(&self, sequence: usize, head: usize, query: usize, first_key: usize, scores: &mut [f32]);
}

/// What [`attention`] is computed from.
///
/// `out = softmax(q·kᵀ · scale + bias) · v` for each head of each sequence.
///
/// # Shapes
/// `q`, `k`, `v` and the output are tokens × (heads · size of a head), the heads beside one another; with a row stride they
/// may be parts of one fused product. The tokens of sequence `s` are the rows `offsets[s]..offsets[s + 1]`.
///
/// ```
/// use prompt_kernels::{Attention, Level, Rows, RowsMut, attention};
///
/// // One fused product of 2 tokens: q | k | v, one head of two numbers.
/// let qkv = [1.0, 0.0, 0.0, 0.0, 1.0, 2.0, /**/ 0.0, 1.0, 0.0, 0.0, 3.0, 4.0];
/// let part = |at: usize| Rows::strided(&qkv[at..], 2, 2, 6);
/// let mut out = [0.0; 4];
/// let work = Attention::new(part(0)?, part(2)?, part(4)?, 1, &[0, 2]);
/// attention(Level::detect(), work, RowsMut::new(&mut out, 2, 2)?, 1)?;
/// assert_eq!(out, [2.0, 3.0, 2.0, 3.0]); // equal keys: the mean of the values
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// Queries.
    pub q: Rows<'a>,
    /// Keys.
    pub k: Rows<'a>,
    /// Values.
    pub v: Rows<'a>,
    /// Number of heads.
    pub heads: usize,
    /// Where each sequence begins, and at last the number of tokens.
    pub offsets: &'a [usize],
    /// Factor of q·k.
    pub scale: f32,
    /// How far a key may be from its query (`Some(64)`: 64 to the left, itself, 64 to the right). Outside of it, a token
    /// gets no weight; a NaN there may still spread to queries near by.
    pub window: Option<usize>,
    /// Added to the scaled scores.
    pub bias: Option<&'a dyn ScoreBias>,
}

impl<'a> Attention<'a> {
    /// Attention with scale 1/√(size of a head), no window and no bias.
    pub fn new(q: Rows<'a>, k: Rows<'a>, v: Rows<'a>, heads: usize, offsets: &'a [usize]) -> Self {
        let size = q.cols().checked_div(heads).unwrap_or(0);
        let scale = if size == 0 { 1.0 } else { 1.0 / (size as f32).sqrt() };
        Self { q, k, v, heads, offsets, scale, window: None, bias: None }
    }

    fn check(&self, out: &RowsMut<'_>) -> Result<()> {
        let cols = self.q.cols();
        if self.heads == 0 || !cols.is_multiple_of(self.heads) {
            let expected = cols.next_multiple_of(self.heads.max(1));
            let rule = "a multiple of the heads, of which there is at least one";
            return Err(Error::Shape { what: "q", axis: "columns", found: cols, expected, rule });
        }
        for (what, found) in [("k", self.k.cols()), ("v", self.v.cols()), ("the output", out.cols())] {
            error::axis(what, "columns", found, cols, "the columns of q")?;
        }
        for (what, found) in [("k", self.k.rows()), ("v", self.v.rows()), ("the output", out.rows())] {
            error::axis(what, "rows", found, self.q.rows(), "the rows of q")?;
        }
        error::boundaries(self.offsets, self.q.rows())
    }
}

/// Computes [`Attention`] on up to `threads` threads of the surrounding rayon pool (0 or 1: on the calling thread alone).
/// Memory beside the arguments: about 200 KiB a thread, however long a sequence is. A query whose scores are all −∞ gets NaN,
/// as in PyTorch.
///
/// # Errors
/// If shapes differ, heads do not divide the columns, or `offsets` are no boundaries; `out` is then untouched.
pub fn attention(level: Level, work: Attention<'_>, mut out: RowsMut<'_>, threads: usize) -> Result<()> {
    work.check(&out)?;
    let size = work.q.cols() / work.heads;
    if size == 0 {
        return Ok(());
    }
    let mut units = Vec::new();
    let mut scores = 0usize;
    for (sequence, bounds) in work.offsets.windows(2).enumerate() {
        let n = bounds[1] - bounds[0];
        units.extend((0..n).step_by(QUERIES).map(|first| (sequence, first)));
        scores =
            scores.saturating_add(n.saturating_mul(n.min(work.window.map_or(n, |w| w.saturating_mul(2)))));
    }
    let threads = threads::worth(threads, scores.saturating_mul(work.q.cols() * 4));
    let out = Out::new(&mut out);
    let need = block::scratch(level.lanes(), size);
    threads::for_each(threads, units.len() * work.heads, |i| {
        let (sequence, first) = units[i / work.heads];
        let head = i % work.heads;
        scratch::floats(need, |scratch| {
            level.run(block::Block { work: &work, out, size, sequence, head, first, scratch });
        });
    });
    Ok(())
}
