//! exp, the normal distribution function, tanh and the activations made of them, on vectors.
//!
//! The coefficients are minimax fits in relative error, made for these ranges: exp on ±ln 2 / 2 (3e-9), Φ(x) − ½ as
//! x·P(x²)/Q(x²) up to 5.6 (2.2e-8), tanh likewise up to 9.1 (2.3e-8). What is left is the rounding of `f32`.
//!
//! Bounds on `max` and `min` are written first: they return their second argument where one is NaN, so NaN stays NaN.

use crate::simd::Simd;

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 = HI + LO, HI short enough that its product with a small whole number is exact.
const LN2_HI: f32 = 0.693_359_375;
const LN2_LO: f32 = -2.121_944_4e-4;

/// c₀ + x·(c₁ + x·(…)).
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::V, c: [f32; N]) -> S::V {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.mul_add(sum, x, s.splat(c[i]));
    }
    sum
}

/// x = n·ln 2 + r; returns n and eʳ.
#[inline(always)]
fn split_exp<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let n = s.round(s.mul(x, s.splat(LOG2_E)));
    let r = s.mul_add(n, s.splat(-LN2_HI), x);
    let r = s.mul_add(n, s.splat(-LN2_LO), r);
    let c = [1.0, 1.0, 0.499_999_93, 0.166_665_2, 0.041_668_39, 0.008_368_75, 0.001_381_45];
    (n, polynomial(s, r, c))
}

/// eˣ. At most 2 units in the last place off; 0 below −87.33 (no subnormal results), ∞ above 88.72.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    let inside = s.min(s.splat(89.0), s.max(s.splat(-88.0), x));
    let (n, y) = split_exp(s, inside);
    // 2ⁿ in two steps: n = 128 has no exponent of its own.
    let half = s.round(s.mul(n, s.splat(0.5)));
    let y = s.mul(s.mul(y, s.exp2_whole(half)), s.exp2_whole(s.sub(n, half)));
    s.select_less(x, s.splat(-87.33), s.splat(0.0), y)
}

/// eˣ for x ≤ 0 (softmax): the same, with fewer steps. Exactly 0 at −∞.
#[inline(always)]
pub(crate) fn exp_below_zero<S: Simd>(s: S, x: S::V) -> S::V {
    let (n, y) = split_exp(s, s.max(s.splat(-87.33), x));
    let y = s.mul(y, s.exp2_whole(n));
    s.select_less(x, s.splat(-87.33), s.splat(0.0), y)
}

/// Φ(x) − ½ = ½·erf(x/√2).
#[inline(always)]
fn half_erf<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(5.6), s.max(s.splat(-5.6), x));
    let u = s.mul(x, x);
    let p = [0.398_942_27, 0.033_927_407, 0.004_677_222, 1.689_088_8e-4, 6.289_308_6e-6, 2.229_666_6e-8];
    let q = [1.0, 0.251_709_73, 0.028_676_555, 0.001_885_377_8, 7.333_593e-5, 1.179_6e-6];
    let y = s.div(s.mul(x, polynomial(s, u, p)), polynomial(s, u, q));
    s.min(s.splat(0.5), s.max(s.splat(-0.5), y))
}

/// tanh x.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.min(s.splat(9.1), s.max(s.splat(-9.1), x));
    let u = s.mul(x, x);
    let p = [1.0, 0.133_744_27, 0.003_487_752_5, 2.048_021_3e-5, 1.317_618_5e-8];
    let q = [1.0, 0.467_077_4, 0.025_847_167, 3.272_823_8e-4, 7.703_495e-7];
    let y = s.div(s.mul(x, polynomial(s, u, p)), polynomial(s, u, q));
    s.min(s.splat(1.0), s.max(s.splat(-1.0), y))
}

/// x·Φ(x).
#[inline(always)]
fn gelu_erf<S: Simd>(s: S, x: S::V) -> S::V {
    s.mul(x, s.add(s.splat(0.5), half_erf(s, x)))
}

/// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
#[inline(always)]
fn gelu_tanh<S: Simd>(s: S, x: S::V) -> S::V {
    // Beyond ±10 the tanh is ±1; the cube of a large x would overflow.
    let t = s.min(s.splat(10.0), s.max(s.splat(-10.0), x));
    let cubic = s.mul_add(s.mul(t, t), s.splat(0.044_715), s.splat(1.0));
    let inner = s.mul(s.mul(t, s.splat(0.797_884_6)), cubic);
    let half = s.mul(x, s.splat(0.5));
    s.mul_add(half, tanh(s, inner), half)
}

/// x / (1 + e⁻ˣ).
#[inline(always)]
fn silu<S: Simd>(s: S, x: S::V) -> S::V {
    let e = exp(s, s.sub(s.splat(0.0), x));
    s.div(x, s.add(s.splat(1.0), e))
}

/// What is done to each number of a product.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Activation {
    /// x
    #[default]
    Identity,
    /// x·Φ(x) with the exact normal distribution (`gelu` of Hugging Face, `approximate="none"` of PyTorch); within
    /// 3e-7·max(1, |x|).
    GeluErf,
    /// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (`gelu_new`, `gelu_pytorch_tanh`); within 3e-7·max(1, |x|).
    GeluTanh,
    /// max(x, 0)
    Relu,
    /// x / (1 + e⁻ˣ) (`silu`, `swish`); within 4e-7·max(1, |x|).
    Silu,
    /// tanh x; within 3e-7.
    Tanh,
}

/// The activation of each number of a row.
#[inline(always)]
pub(crate) fn activate<S: Simd>(s: S, activation: Activation, row: &mut [f32]) {
    match activation {
        Activation::Identity => {}
        Activation::GeluErf => map(s, row, |x| gelu_erf(s, x)),
        Activation::GeluTanh => map(s, row, |x| gelu_tanh(s, x)),
        Activation::Relu => map(s, row, |x| s.max(s.splat(0.0), x)),
        Activation::Silu => map(s, row, |x| silu(s, x)),
        Activation::Tanh => map(s, row, |x| tanh(s, x)),
    }
}

/// Replaces each number by a function of it. The last few go through a vector of their own, so that a number's result
/// does not depend on where it stands.
#[inline(always)]
pub(crate) fn map<S: Simd>(s: S, row: &mut [f32], f: impl Fn(S::V) -> S::V) {
    let mut chunks = row.chunks_exact_mut(S::LANES);
    for chunk in &mut chunks {
        s.store(chunk, f(s.load(chunk)));
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        let mut last = [0.0; crate::simd::MAX_LANES];
        last[..rest.len()].copy_from_slice(rest);
        let y = f(s.load(&last));
        s.store(&mut last, y);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// Replaces each number of a row by a function of it and its partner.
#[inline(always)]
pub(crate) fn zip<S: Simd>(s: S, row: &mut [f32], other: &[f32], f: impl Fn(S::V, S::V) -> S::V) {
    let whole = row.len() / S::LANES * S::LANES;
    let (head, rest) = row.split_at_mut(whole);
    let (other_head, other_rest) = other.split_at(whole);
    for (chunk, partner) in head.chunks_exact_mut(S::LANES).zip(other_head.chunks_exact(S::LANES)) {
        s.store(chunk, f(s.load(chunk), s.load(partner)));
    }
    if !rest.is_empty() {
        let (mut a, mut b) = ([0.0; crate::simd::MAX_LANES], [0.0; crate::simd::MAX_LANES]);
        a[..rest.len()].copy_from_slice(rest);
        b[..rest.len()].copy_from_slice(&other_rest[..rest.len()]);
        let y = f(s.load(&a), s.load(&b));
        s.store(&mut a, y);
        rest.copy_from_slice(&a[..rest.len()]);
    }
}
