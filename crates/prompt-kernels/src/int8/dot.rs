//! Products of small whole numbers, four bytes at a time.
//!
//! A *word* holds the next few activations of a row, or the next few weights of an output: four bytes, or two 16-bit
//! numbers. AVX2's product of bytes (`vpmaddubsw`) adds two products in 16 bits and cuts the sum at ±32767. Activations from
//! 0 to 255 and weights of 7 bits (−64 … 64) stay within it: 2 · 255 · 64 = 32640. Weights of 8 bits do not; without VNNI,
//! whose `vpdpbusd` adds in 32 bits, they are multiplied as 16-bit numbers (`vpmaddwd`), exact as well and a quarter slower.
#![allow(
    unsafe_code,
    reason = "calls the processor's vector instructions; the token proves that they are there"
)]

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

#[cfg(target_arch = "x86_64")]
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
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn pairs(_: Avx2, lanes: __m256) -> __m128i {
    // SAFETY: the token proves AVX2.
    unsafe {
        let q = _mm256_and_si256(_mm256_castps_si256(lanes), _mm256_set1_epi32(0xff));
        _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256::<1>(q))
    }
}

/// The lowest bytes of eight lanes into two words.
///
/// # Safety
/// Two words are writable at `to`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn eight_bytes(token: Avx2, to: *mut u32, lanes: __m256) {
    let q = pairs(token, lanes);
    // SAFETY: the token proves AVX2; the caller's two words, of any alignment.
    unsafe { _mm_storel_epi64(to.cast(), _mm_packus_epi16(q, q)) }
}

/// The lowest bytes of sixteen lanes into four words.
///
/// # Safety
/// Four words are writable at `to`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn sixteen_bytes(_: Avx512, to: *mut u32, lanes: __m512) {
    // SAFETY: the token proves AVX-512 F; the caller's four words, of any alignment.
    unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_castps_si512(lanes))) }
}

#[cfg(target_arch = "x86_64")]
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

/// AVX2 with products of bytes: for weights of 7 bits.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2Bytes(Avx2);

#[cfg(target_arch = "x86_64")]
impl Avx2Bytes {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn here() -> Self {
        Self(Avx2::here())
    }
}

#[cfg(target_arch = "x86_64")]
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
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Bytes(Avx512);

#[cfg(target_arch = "x86_64")]
impl Avx512Bytes {
    /// Only callable (without `unsafe`) where the instructions are already in use.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(crate) fn here() -> Self {
        Self(Avx512::here())
    }
}

#[cfg(target_arch = "x86_64")]
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
