//! Words of four bytes, multiplied and added in 32 bits (`vpdpbusd`): for weights of 8 bits.
#![allow(
    unsafe_code,
    reason = "calls the processor's vector instructions; the token proves that they are there"
)]

use core::arch::x86_64::*;

use super::Words;
use super::bytes::{eight_bytes, sixteen_bytes};
use crate::simd::{Avx2, Avx512};

/// Proof of AVX-512 VNNI beside what [`Avx512`] proves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vnni(Avx512);

impl Vnni {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(crate) fn here() -> Self {
        Self(Avx512::here())
    }
}

impl Words for Vnni {
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
        // SAFETY: the token proves AVX-512 F and VNNI; sixteen words are readable at `weights`, of any alignment.
        unsafe {
            let words = _mm512_loadu_si512(weights.cast());
            _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(activations as i32), words)
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

/// Proof of AVX-VNNI (the 256-bit form) beside what [`Avx2`] proves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvxVnni(Avx2);

impl AvxVnni {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx2,fma,avxvnni")]
    pub(crate) fn here() -> Self {
        Self(Avx2::here())
    }
}

impl Words for AvxVnni {
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
        // SAFETY: the token proves AVX2 and AVX-VNNI; eight words are readable at `weights`, of any alignment.
        unsafe {
            let words = _mm256_loadu_si256(weights.cast());
            _mm256_dpbusd_avx_epi32(sums, _mm256_set1_epi32(activations as i32), words)
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
