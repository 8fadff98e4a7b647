//! From floats to small whole numbers.
#![allow(unsafe_code, reason = "vectors are read from and written to pointers in the innermost loops")]

use super::dot::Words;
use crate::simd::{MAX_LANES, Simd};

/// Below this spread a row counts as all zeros.
const LEAST: f32 = 1e-30;
/// 1.5 · 2²³: a number from 0 to 255 added to it stands, rounded, in the sum's lowest byte.
const SHIFT: f32 = 12_582_912.0;

/// 1.5 · 2⁵²: a small number added to it is rounded to a whole one, without a call of the mathematics library.
const WIDE_SHIFT: f64 = 6_755_399_441_055_744.0;

/// How a quantised row is read: `x ≈ scale · (q − zero)`, q from 0 to 255.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scale {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

/// Quantises one row of activations into words; the last word is filled up with zeros.
///
/// The range always includes 0, so that 0 is exact; NaN or an infinity anywhere in the row makes its scale NaN. Products and
/// sums are rounded apart from each other, so that every level finds the same q.
#[inline(always)]
pub(crate) fn row<W: Words>(w: W, x: &[f32], words: &mut [u32]) -> Scale {
    let s = w.float();
    let (low, high) = range(s, x);
    let spread = high - low;
    if !(LEAST..f32::INFINITY).contains(&spread) {
        words.fill(0);
        let scale = if spread < LEAST { 0.0 } else { f32::NAN };
        return Scale { scale, zero: 0 };
    }
    let inverse = 255.0 / spread;
    let zero = (-low * inverse).round_ties_even();
    let numbers = Numbers { inverse: s.splat(inverse), zero: s.splat(zero) };
    let lanes = <W::Float as Simd>::LANES;
    let whole = x.len() / lanes;
    assert!(words.len() * W::GROUP >= x.len());
    for i in 0..whole {
        // SAFETY: x holds `whole` vectors, and the words hold as many bytes (or pairs of them) as x has numbers.
        unsafe {
            let q = numbers.quantise(s, s.load_ptr(x.as_ptr().add(i * lanes)));
            w.write_bytes(words.as_mut_ptr().add(i * lanes / W::GROUP), q);
        }
    }
    let (rest, words) = (&x[whole * lanes..], &mut words[whole * lanes / W::GROUP..]);
    if !rest.is_empty() {
        let mut q = [0.0f32; MAX_LANES];
        q[..rest.len()].copy_from_slice(rest);
        let y = numbers.quantise(s, s.load(&q));
        s.store(&mut q, y);
        q[rest.len()..].fill(SHIFT);
        for (word, q) in words.iter_mut().zip(q.chunks_exact(W::GROUP)) {
            *word = pack::<W>(|i| (q[i].to_bits() & 0xff) as i32);
        }
    }
    Scale { scale: spread / 255.0, zero: zero as i32 }
}

/// What floats of a row become.
#[derive(Clone, Copy)]
struct Numbers<S: Simd> {
    inverse: S::V,
    zero: S::V,
}

impl<S: Simd> Numbers<S> {
    /// Each lane as a float whose bits end in a number from 0 to 255.
    #[inline(always)]
    fn quantise(self, s: S, x: S::V) -> S::V {
        let q = s.add(s.mul(x, self.inverse), self.zero);
        s.add(s.min(s.splat(255.0), s.max(s.splat(0.0), q)), s.splat(SHIFT))
    }
}

/// The numbers of a word.
#[inline(always)]
pub(crate) fn pack<W: Words>(number: impl Fn(usize) -> i32) -> u32 {
    let bits = 32 / W::GROUP;
    let mask = u32::MAX >> (32 - bits);
    (0..W::GROUP).fold(0, |word, i| word | ((number(i) as u32 & mask) << (i * bits)))
}

/// The least and the largest number of a row and 0; NaN both if the row has a NaN or an infinity.
#[inline(always)]
fn range<S: Simd>(s: S, x: &[f32]) -> (f32, f32) {
    let zero = s.splat(0.0);
    let mut parts = [Extent { low: zero, high: zero, poison: zero }; 2];
    let whole = x.len() / S::LANES;
    for i in 0..whole {
        // SAFETY: x holds `whole` vectors.
        let v = unsafe { s.load_ptr(x.as_ptr().add(i * S::LANES)) };
        parts[i % 2] = parts[i % 2].with(s, v);
    }
    let rest = &x[whole * S::LANES..];
    let mut last = [0.0; MAX_LANES];
    last[..rest.len()].copy_from_slice(rest);
    let [a, b] = [parts[0].with(s, s.load(&last)), parts[1]];
    let poison = s.sum(s.add(a.poison, b.poison));
    let negative = s.max_lane(s.sub(zero, s.min(a.low, b.low)));
    (-negative + poison, s.max_lane(s.max(a.high, b.high)) + poison)
}

/// The extremes of the numbers so far; `poison` is NaN once one of them was NaN or infinite, and 0 before.
#[derive(Clone, Copy)]
struct Extent<S: Simd> {
    low: S::V,
    high: S::V,
    poison: S::V,
}

impl<S: Simd> Extent<S> {
    #[inline(always)]
    fn with(self, s: S, v: S::V) -> Self {
        Self {
            low: s.min(v, self.low),
            high: s.max(v, self.high),
            poison: s.add(self.poison, s.mul(v, s.splat(0.0))),
        }
    }
}

/// A weight's row as whole numbers from −most to most and their scale; NaN scale where the row has a NaN or an infinity.
pub(super) fn weights(row: &[f32], most: f32) -> (Vec<i32>, f32) {
    let top = row.iter().fold(0.0f32, |top, &w| if w.abs() <= top { top } else { w.abs() });
    let finite = row.iter().all(|w| w.is_finite());
    if !finite {
        return (vec![0; row.len()], f32::NAN);
    }
    if top < LEAST {
        return (vec![0; row.len()], 0.0);
    }
    let inverse = f64::from(most) / f64::from(top);
    let q = row.iter().map(|&w| ((f64::from(w) * inverse + WIDE_SHIFT) - WIDE_SHIFT) as i32).collect();
    (q, top / most)
}
