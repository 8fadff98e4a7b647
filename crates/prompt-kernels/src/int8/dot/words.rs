//! Words of two 16-bit numbers (`vpmaddwd`): exact for weights of 8 bits on every processor with these vectors.
#![allow(
    unsafe_code,
    reason = "calls the processor's vector instructions; the token proves that they are there"
)]

use core::arch::x86_64::*;

use super::Words;
use crate::simd::{Avx2, Avx512};

impl Words for Avx2 {
    type Float = Self;
    type Sums = __m256i;
    const GROUP: usize = 2;
    const TILE_ROWS: usize = 4;

    #[inline(always)]
    fn float(self) -> Self {
        self
    }

    #[inline(always)]
    fn zero(self) -> __m256i {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn dot(self, sums: __m256i, activations: u32, weights: *const u32) -> __m256i {
        // SAFETY: the token proves AVX2; eight words are readable at `weights`, of any alignment.
        unsafe {
            let words = _mm256_loadu_si256(weights.cast());
            _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_set1_epi32(activations as i32), words))
        }
    }

    #[inline(always)]
    unsafe fn rest(self, sums: __m256i, zero: i32, weights: *const i32) -> __m256 {
        // SAFETY: the token proves AVX2; eight numbers are readable at `weights`, of any alignment.
        unsafe {
            let off = _mm256_mullo_epi32(_mm256_set1_epi32(zero), _mm256_loadu_si256(weights.cast()));
            _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, off))
        }
    }

    #[inline(always)]
    unsafe fn write_bytes(self, to: *mut u32, lanes: __m256) {
        // SAFETY: four words are writable at `to`, of any alignment.
        unsafe { _mm_storeu_si128(to.cast(), pairs(self, lanes)) }
    }
}

/// The lowest bytes of eight lanes as 16-bit numbers.
#[inline(always)]
pub(super) fn pairs(_: Avx2, lanes: __m256) -> __m128i {
    // SAFETY: the token proves AVX2.
    unsafe {
        let q = _mm256_and_si256(_mm256_castps_si256(lanes), _mm256_set1_epi32(0xff));
        _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256::<1>(q))
    }
}

impl Words for Avx512 {
    type Float = Self;
    type Sums = __m512i;
    const GROUP: usize = 2;
    const TILE_ROWS: usize = 12;

    #[inline(always)]
    fn float(self) -> Self {
        self
    }

    #[inline(always)]
    fn zero(self) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn dot(self, sums: __m512i, activations: u32, weights: *const u32) -> __m512i {
        // SAFETY: the token proves AVX-512 F and BW; sixteen words are readable at `weights`, of any alignment.
        unsafe {
            let words = _mm512_loadu_si512(weights.cast());
            _mm512_add_epi32(sums, _mm512_madd_epi16(_mm512_set1_epi32(activations as i32), words))
        }
    }

    #[inline(always)]
    unsafe fn rest(self, sums: __m512i, zero: i32, weights: *const i32) -> __m512 {
        // SAFETY: the token proves AVX-512 F; sixteen numbers are readable at `weights`, of any alignment.
        unsafe {
            let off = _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_loadu_si512(weights.cast()));
            _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, off))
        }
    }

    #[inline(always)]
    unsafe fn write_bytes(self, to: *mut u32, lanes: __m512) {
        // SAFETY: the token proves AVX-512 F; eight words are writable at `to`, of any alignment.
        unsafe {
            let q = _mm512_and_si512(_mm512_castps_si512(lanes), _mm512_set1_epi32(0xff));
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(q));
        }
    }
}
