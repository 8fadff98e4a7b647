//! Vectors of `f32` behind one trait, so that a kernel is written once.
//!
//! A value of a vector type's *token* (`Avx2`, `Avx512`) is the proof that the processor has the instructions: it can only
//! be made inside a function compiled with them, which only a [`Level`](crate::Level) reaches.

#![allow(unsafe_code, reason = "vectors are read from and written to pointers in the innermost loops")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// The widest vector of any level, in floats.
pub(crate) const MAX_LANES: usize = 16;

/// One set of vector instructions.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// [`LANES`](Self::LANES) floats.
    type V: Copy;
    /// Floats in a vector.
    const LANES: usize;
    /// Rows of a tile: as many as the registers hold, two vectors each, beside what is multiplied.
    const TILE_ROWS: usize;

    fn splat(self, x: f32) -> Self::V;
    /// Reads [`LANES`](Self::LANES) floats.
    ///
    /// # Safety
    /// They are readable at `p`.
    unsafe fn load_ptr(self, p: *const f32) -> Self::V;
    /// Writes [`LANES`](Self::LANES) floats.
    ///
    /// # Safety
    /// They are writable at `p`.
    unsafe fn store_ptr(self, p: *mut f32, v: Self::V);
    /// Asks for the cache line at `p`, which need not be readable, to be brought near.
    fn prefetch(self, p: *const f32);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`, rounded once or twice.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a > b ? a : b` in each lane: `b` where one of them is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? a : b` in each lane: `b` where one of them is NaN.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? x : y` in each lane: `y` where `a` or `b` is NaN.
    fn select_less(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;
    /// To the nearest whole number, ties to even; below 2²² in magnitude.
    fn round(self, a: Self::V) -> Self::V;
    /// 2ⁿ for whole n from −126 to 127; anything at all for other n.
    fn exp2_whole(self, n: Self::V) -> Self::V;
    /// The lanes, added in a fixed order.
    fn sum(self, v: Self::V) -> f32;
    /// The largest lane; a NaN lane may be passed over.
    fn max_lane(self, v: Self::V) -> f32;

    /// The first [`LANES`](Self::LANES) floats of a slice.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        assert!(from.len() >= Self::LANES);
        // SAFETY: the slice is long enough.
        unsafe { self.load_ptr(from.as_ptr()) }
    }

    /// Writes the first [`LANES`](Self::LANES) floats of a slice.
    #[inline(always)]
    fn store(self, to: &mut [f32], v: Self::V) {
        assert!(to.len() >= Self::LANES);
        // SAFETY: the slice is long enough.
        unsafe { self.store_ptr(to.as_mut_ptr(), v) }
    }
}
