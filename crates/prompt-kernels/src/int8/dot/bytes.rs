//! Words of four bytes, multiplied in 16 bits (`vpmaddubsw`): for weights of 7 bits.
#![allow(
    unsafe_code,
    reason = "calls the processor's vector instructions; the token proves that they are there"
)]

use core::arch::x86_64::*;

use super::Words;
use super::words::pairs;
use crate::simd::{Avx2, Avx512};

/// AVX2 with products of bytes: for weights of 7 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2Bytes(Avx2);

impl Avx2Bytes {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn here() -> Self {
        Self(Avx2::here())
    }
}

impl Words for Avx2Bytes {
    type Float = Avx2;
    type Sums = __m256i;
    const GROUP: usize = 4;
    const TILE_ROWS: usize = 4;

    #[inline(always)]
    fn float(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    fn zero(self) -> __m256i {
        self.0.zero()
    }

    #[inline(always)]
    unsafe fn dot(self, sums: __m256i, activations: u32, weights: *const u32) -> __m256i {
        // SAFETY: the token proves AVX2; eight words are readable at `weights`, of any alignment.
        unsafe {
            let words = _mm256_loadu_si256(weights.cast());
            let pairs = _mm256_maddubs_epi16(_mm256_set1_epi32(activations as i32), words);
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn rest(self, sums: __m256i, zero: i32, weights: *const i32) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { self.0.rest(sums, zero, weights) }
    }

    #[inline(always)]
    unsafe fn write_bytes(self, to: *mut u32, lanes: __m256) {
        // SAFETY: the caller's promise.
        unsafe { eight_bytes(self.0, to, lanes) }
    }
}

/// AVX-512 F and BW with products of bytes: for weights of 7 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Bytes(Avx512);

impl Avx512Bytes {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(crate) fn here() -> Self {
        Self(Avx512::here())
    }
}

impl Words for Avx512Bytes {
    type Float = Avx512;
    type Sums = __m512i;
    const GROUP: usize = 4;
    const TILE_ROWS: usize = 12;

    #[inline(always)]
    fn float(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    fn zero(self) -> __m512i {
        self.0.zero()
    }

    #[inline(always)]
    unsafe fn dot(self, sums: __m512i, activations: u32, weights: *const u32) -> __m512i {
        // SAFETY: the token proves AVX-512 F and BW; sixteen words are readable at `weights`, of any alignment.
        unsafe {
            let words = _mm512_loadu_si512(weights.cast());
            let pairs = _mm512_maddubs_epi16(_mm512_set1_epi32(activations as i32), words);
            _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn rest(self, sums: __m512i, zero: i32, weights: *const i32) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { self.0.rest(sums, zero, weights) }
    }

    #[inline(always)]
    unsafe fn write_bytes(self, to: *mut u32, lanes: __m512) {
        // SAFETY: the caller's promise.
        unsafe { sixteen_bytes(self.0, to, lanes) }
    }
}

/// The lowest bytes of eight lanes into two words.
///
/// # Safety
/// Two words are writable at `to`.
#[inline(always)]
pub(super) unsafe fn eight_bytes(token: Avx2, to: *mut u32, lanes: __m256) {
    let q = pairs(token, lanes);
    // SAFETY: the token proves AVX2; the caller's two words, of any alignment.
    unsafe { _mm_storel_epi64(to.cast(), _mm_packus_epi16(q, q)) }
}

/// The lowest bytes of sixteen lanes into four words.
///
/// # Safety
/// Four words are writable at `to`.
#[inline(always)]
pub(super) unsafe fn sixteen_bytes(_: Avx512, to: *mut u32, lanes: __m512) {
    // SAFETY: the token proves AVX-512 F; the caller's four words, of any alignment.
    unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_castps_si512(lanes))) }
}
