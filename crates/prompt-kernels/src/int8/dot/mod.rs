//! Products of small whole numbers, four bytes at a time.
//!
//! A *word* holds the next few activations of a row, or the next few weights of an output: four bytes, or two 16-bit
//! numbers. AVX2's product of bytes (`vpmaddubsw`) adds two products in 16 bits and cuts the sum at ±32767. Activations from
//! 0 to 255 and weights of 7 bits (−64 … 64) stay within it: 2 · 255 · 64 = 32640. Weights of 8 bits do not; without VNNI,
//! whose `vpdpbusd` adds in 32 bits, they are multiplied as 16-bit numbers (`vpmaddwd`), exact as well and a quarter slower.
#![allow(unsafe_code, reason = "words are read from and written to pointers in the innermost loops")]

#[cfg(target_arch = "x86_64")]
mod bytes;
#[cfg(target_arch = "x86_64")]
mod vnni;
#[cfg(target_arch = "x86_64")]
mod words;

use crate::simd::{Portable, Simd};
#[cfg(target_arch = "x86_64")]
pub(crate) use bytes::{Avx2Bytes, Avx512Bytes};
#[cfg(target_arch = "x86_64")]
pub(crate) use vnni::{AvxVnni, Vnni};

/// Sums of products of words, one sum in each lane.
pub(crate) trait Words: Copy + Send + Sync + 'static {
    /// The float vectors of the same processor.
    type Float: Simd;
    /// One sum (i32) in each lane of [`Float`](Self::Float).
    type Sums: Copy;
    /// Numbers in a word.
    const GROUP: usize;
    /// Rows of a tile. A sum is one cycle behind the next, so few fill the pipeline.
    const TILE_ROWS: usize;

    fn float(self) -> Self::Float;
    fn zero(self) -> Self::Sums;
    /// Adds the products of one word of activations with a word of weights in each lane.
    ///
    /// # Safety
    /// A vector of words is readable at `weights`.
    unsafe fn dot(self, sums: Self::Sums, activations: u32, weights: *const u32) -> Self::Sums;
    /// `sums − zero · weights` as floats, `weights` a whole number for each lane.
    ///
    /// # Safety
    /// A whole number for each lane is readable at `weights`.
    unsafe fn rest(self, sums: Self::Sums, zero: i32, weights: *const i32) -> <Self::Float as Simd>::V;
    /// Writes the lowest bytes of the lanes (floats whose bits end in a number from 0 to 255) as words.
    ///
    /// # Safety
    /// `LANES / GROUP` words are writable at `to`.
    unsafe fn write_bytes(self, to: *mut u32, lanes: <Self::Float as Simd>::V);
}

impl Words for Portable {
    type Float = Self;
    type Sums = [i32; 4];
    const GROUP: usize = 2;
    const TILE_ROWS: usize = 4;

    #[inline(always)]
    fn float(self) -> Self {
        self
    }

    #[inline(always)]
    fn zero(self) -> [i32; 4] {
        [0; 4]
    }

    #[inline(always)]
    unsafe fn dot(self, sums: [i32; 4], activations: u32, weights: *const u32) -> [i32; 4] {
        // SAFETY: the caller's four words; an array has the alignment of its items.
        let words = unsafe { weights.cast::<[u32; 4]>().read() };
        let halves = |word: u32| (i32::from(word as i16), i32::from((word >> 16) as i16));
        let (a, b) = halves(activations);
        std::array::from_fn(|i| {
            let (x, y) = halves(words[i]);
            sums[i] + a * x + b * y
        })
    }

    #[inline(always)]
    unsafe fn rest(self, sums: [i32; 4], zero: i32, weights: *const i32) -> [f32; 4] {
        // SAFETY: the caller's four numbers; an array has the alignment of its items.
        let weights = unsafe { weights.cast::<[i32; 4]>().read() };
        std::array::from_fn(|i| (sums[i] - zero * weights[i]) as f32)
    }

    #[inline(always)]
    unsafe fn write_bytes(self, to: *mut u32, lanes: [f32; 4]) {
        let q = lanes.map(|lane| lane.to_bits() & 0xff);
        // SAFETY: the caller's two words; an array has the alignment of its items.
        unsafe { to.cast::<[u32; 2]>().write([q[0] | q[1] << 16, q[2] | q[3] << 16]) };
    }
}
