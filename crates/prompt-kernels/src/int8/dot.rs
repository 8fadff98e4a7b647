//! Products of small whole numbers, four bytes at a time.
//!
//! A *word* holds the next few activations of a row, or the next few weights of an output: two 16-bit numbers, or four
//! bytes where the processor multiplies bytes exactly (VNNI). AVX2's own byte product (`vpmaddubsw`) adds two products in
//! 16 bits and cuts the sum at ±32767, which activations of 8 bits and weights of 8 bits overrun; `vpmaddwd` on 16-bit
//! numbers adds in 32 bits and cuts nothing, at the same number of products per cycle.
#![allow(unsafe_code, reason = "calls the processor's vector instructions; the token proves that they are there")]

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};

/// Sums of products of words, one sum in each lane.
pub(crate) trait Words: Copy + Send + Sync + 'static {
    /// The float vectors of the same processor.
    type Float: Simd;
    /// One sum (i32) in each lane of [`Float`](Self::Float).
    type Sums: Copy;
    /// Numbers in a word.
    const GROUP: usize;

    fn float(self) -> Self::Float;
    fn zero(self) -> Self::Sums;
    /// Adds the products of one word of activations with a word of weights in each lane.
    ///
    /// # Safety
    /// A vector of words is readable at `weights`.
    unsafe fn dot(self, sums: Self::Sums, activations: u32, weights: *const u32) -> Self::Sums;
    fn store(self, to: &mut [i32], sums: Self::Sums);
}

impl Words for Portable {
    type Float = Self;
    type Sums = [i32; 4];
    const GROUP: usize = 2;

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
    fn store(self, to: &mut [i32], sums: [i32; 4]) {
        to[..4].copy_from_slice(&sums);
    }
}

#[cfg(target_arch = "x86_64")]
impl Words for Avx2 {
    type Float = Self;
    type Sums = __m256i;
    const GROUP: usize = 2;

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
    fn store(self, to: &mut [i32], sums: __m256i) {
        assert!(to.len() >= 8);
        // SAFETY: the token proves AVX2; the slice holds eight numbers.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Words for Avx512 {
    type Float = Self;
    type Sums = __m512i;
    const GROUP: usize = 2;

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
    fn store(self, to: &mut [i32], sums: __m512i) {
        assert!(to.len() >= 16);
        // SAFETY: the token proves AVX-512 F; the slice holds sixteen numbers.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) }
    }
}

/// Proof of AVX-512 VNNI beside what [`Avx512`] proves.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vnni(Avx512);

#[cfg(target_arch = "x86_64")]
impl Vnni {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(crate) fn here() -> Self {
        Self(Avx512::here())
    }
}

#[cfg(target_arch = "x86_64")]
impl Words for Vnni {
    type Float = Avx512;
    type Sums = __m512i;
    const GROUP: usize = 4;

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
    fn store(self, to: &mut [i32], sums: __m512i) {
        Words::store(self.0, to, sums);
    }
}

/// Proof of AVX-VNNI (the 256-bit form) beside what [`Avx2`] proves.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvxVnni(Avx2);

#[cfg(target_arch = "x86_64")]
impl AvxVnni {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx2,fma,avxvnni")]
    pub(crate) fn here() -> Self {
        Self(Avx2::here())
    }
}

#[cfg(target_arch = "x86_64")]
impl Words for AvxVnni {
    type Float = Avx2;
    type Sums = __m256i;
    const GROUP: usize = 4;

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
    fn store(self, to: &mut [i32], sums: __m256i) {
        Words::store(self.0, to, sums);
    }
}
