//! Rotary position embedding.

use crate::error::{self, Error, Result};
use crate::level::{Kernel, Level};
use crate::rows::RowsMut;
use crate::simd::{MAX_LANES, Simd};

/// Cosines and sines for the positions of a sequence, as in RoFormer, with the halves of a head as pairs (`rotate_half` of
/// Hugging Face).
///
/// For position p and i < d / 2, with the angle `a = p · base^(−2i / d)`:
///
/// ```text
/// y[i]         = x[i] · cos a − x[i + d/2] · sin a
/// y[i + d/2]   = x[i + d/2] · cos a + x[i] · sin a
/// ```
///
/// Angles are computed in `f64`.
///
/// ```
/// use prompt_kernels::{Level, Rotary, RowsMut};
///
/// let rotary = Rotary::new(2, 8, 10_000.0)?;
/// let mut x = [1.0, 0.0, 1.0, 0.0]; // two tokens, one head of two numbers
/// rotary.apply(Level::detect(), RowsMut::new(&mut x, 2, 2)?, &[0, 2])?;
/// assert_eq!(x[..2], [1.0, 0.0]); // position 0
/// assert!((x[2] - 1f32.cos()).abs() < 1e-6 && (x[3] - 1f32.sin()).abs() < 1e-6);
/// # Ok::<(), prompt_kernels::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rotary {
    half: usize,
    /// Position after position, half numbers each.
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotary {
    /// Tables for heads of `size` numbers and positions from 0 to `positions − 1`.
    ///
    /// # Errors
    /// If `size` is odd or zero, or the tables would not fit memory.
    pub fn new(size: usize, positions: usize, base: f64) -> Result<Self> {
        if size == 0 || !size.is_multiple_of(2) {
            let (expected, rule) = (size + size % 2 + 2 * usize::from(size == 0), "halves of a head are rotated as pairs");
            return Err(Error::Shape { what: "a head", axis: "columns", found: size, expected, rule });
        }
        let half = size / 2;
        error::size("the rotary table", positions, half)?;
        let angle = |i: usize| {
            let frequency = base.powf(-((2 * (i % half)) as f64) / size as f64);
            (i / half) as f64 * frequency
        };
        let cos = (0..positions * half).map(|i| angle(i).cos() as f32).collect();
        let sin = (0..positions * half).map(|i| angle(i).sin() as f32).collect();
        Ok(Self { half, cos, sin })
    }

    /// How many positions the tables have.
    pub fn positions(&self) -> usize {
        self.cos.len() / self.half
    }

    /// Rotates every head of every token in place. `x` is tokens × (heads · size); the tokens of sequence `s` are the rows
    /// `offsets[s]..offsets[s + 1]`, and positions count from its first.
    ///
    /// # Errors
    /// If the columns are no whole number of heads, `offsets` are no boundaries, or a sequence is longer than the tables; `x`
    /// is then untouched.
    pub fn apply(&self, level: Level, x: RowsMut<'_>, offsets: &[usize]) -> Result<()> {
        let (found, size) = (x.cols(), 2 * self.half);
        if !found.is_multiple_of(size) {
            let (expected, rule) = (found.next_multiple_of(size), "whole heads");
            return Err(Error::Shape { what: "x", axis: "columns", found, expected, rule });
        }
        error::boundaries(offsets, x.rows())?;
        for bounds in offsets.windows(2) {
            let (found, limit) = (bounds[1] - bounds[0], self.positions());
            if found > limit {
                let rule = "the rotary tables have so many positions";
                return Err(Error::TooLarge { what: "the length of a sequence", found, limit, rule });
            }
        }
        level.run(Apply { table: self, x, offsets });
        Ok(())
    }
}

struct Apply<'a> {
    table: &'a Rotary,
    x: RowsMut<'a>,
    offsets: &'a [usize],
}

impl Kernel for Apply<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let half = self.table.half;
        for bounds in self.offsets.windows(2) {
            for (position, token) in (bounds[0]..bounds[1]).enumerate() {
                let cos = &self.table.cos[position * half..][..half];
                let sin = &self.table.sin[position * half..][..half];
                for head in self.x.row_mut(token).chunks_exact_mut(2 * half) {
                    let (first, second) = head.split_at_mut(half);
                    rotate(s, first, second, cos, sin);
                }
            }
        }
    }
}

/// Rotates pairs of numbers.
#[inline(always)]
fn rotate<S: Simd>(s: S, first: &mut [f32], second: &mut [f32], cos: &[f32], sin: &[f32]) {
    let pairs = first.chunks_mut(S::LANES).zip(second.chunks_mut(S::LANES));
    let angles = cos.chunks(S::LANES).zip(sin.chunks(S::LANES));
    for ((x, y), (cos, sin)) in pairs.zip(angles) {
        let turn = |x: S::V, y: S::V, cos: S::V, sin: S::V| {
            (s.sub(s.mul(x, cos), s.mul(y, sin)), s.add(s.mul(y, cos), s.mul(x, sin)))
        };
        if x.len() == S::LANES {
            let (a, b) = turn(s.load(x), s.load(y), s.load(cos), s.load(sin));
            s.store(x, a);
            s.store(y, b);
        } else {
            let wide = |part: &[f32]| {
                let mut full = [0.0; MAX_LANES];
                full[..part.len()].copy_from_slice(part);
                s.load(&full)
            };
            let (a, b) = turn(wide(x), wide(y), wide(cos), wide(sin));
            for (to, from) in [(x, a), (y, b)] {
                let mut full = [0.0; MAX_LANES];
                s.store(&mut full, from);
                to.copy_from_slice(&full[..to.len()]);
            }
        }
    }
}
