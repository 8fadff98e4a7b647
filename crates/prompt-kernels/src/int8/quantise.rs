//! From floats to small whole numbers.

use super::dot::Words;
use crate::simd::{MAX_LANES, Simd};

/// Below this spread a row counts as all zeros.
const LEAST: f32 = 1e-30;
/// 1.5 · 2²³: a number from 0 to 255 added to it stands, rounded, in the sum's lowest byte.
const SHIFT: f32 = 12_582_912.0;

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
    if !(spread >= LEAST && spread < f32::INFINITY) {
        words.fill(0);
        let scale = if spread < LEAST { 0.0 } else { f32::NAN };
        return Scale { scale, zero: 0 };
    }
    let inverse = 255.0 / spread;
    let zero = (-low * inverse).round_ties_even();
    let quantised = |x: W_<W>| {
        let q = s.add(s.mul(x, s.splat(inverse)), s.splat(zero));
        s.add(s.min(s.splat(255.0), s.max(s.splat(0.0), q)), s.splat(SHIFT))
    };
    let lanes = <W::Float as Simd>::LANES;
    for (words, x) in words.chunks_mut(lanes / W::GROUP).zip(x.chunks(lanes)) {
        let mut q = [0.0f32; MAX_LANES];
        if x.len() == lanes {
            s.store(&mut q, quantised(s.load(x)));
        } else {
            q[..x.len()].copy_from_slice(x);
            let y = quantised(s.load(&q));
            s.store(&mut q, y);
            q[x.len()..].fill(SHIFT);
        }
        for (word, q) in words.iter_mut().zip(q.chunks_exact(W::GROUP)) {
            *word = pack::<W>(|i| (q[i].to_bits() & 0xff) as i32);
        }
    }
    Scale { scale: spread / 255.0, zero: zero as i32 }
}

type W_<W> = <<W as Words>::Float as Simd>::V;

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
    let (mut low, mut high, mut poison) = (zero, zero, zero);
    let mut take = |v: S::V| {
        low = s.min(v, low);
        high = s.max(v, high);
        poison = s.add(poison, s.mul(v, zero));
    };
    let mut chunks = x.chunks_exact(S::LANES);
    for chunk in &mut chunks {
        take(s.load(chunk));
    }
    let mut last = [0.0; MAX_LANES];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    take(s.load(&last));
    let poison = s.sum(poison);
    let negative = s.max_lane(s.sub(zero, low));
    (-negative + poison, s.max_lane(high) + poison)
}

/// A weight's row as whole numbers from −127 to 127 and their scale; NaN scale where the row has a NaN or an infinity.
pub(super) fn weights(row: &[f32]) -> (Vec<i32>, f32) {
    let top = row.iter().fold(0.0f32, |top, &w| if w.abs() <= top { top } else { w.abs() });
    let finite = row.iter().all(|w| w.is_finite());
    if !finite {
        return (vec![0; row.len()], f32::NAN);
    }
    if top < LEAST {
        return (vec![0; row.len()], 0.0);
    }
    let inverse = 127.0 / f64::from(top);
    let q = row.iter().map(|&w| (f64::from(w) * inverse).round_ties_even() as i32).collect();
    (q, top / 127.0)
}
