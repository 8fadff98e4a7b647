//! Which instructions the kernels may use.

#![allow(unsafe_code, reason = "calls functions compiled for instructions that the level proves to be there")]

use std::sync::OnceLock;

use crate::int8::Words;
#[cfg(target_arch = "x86_64")]
use crate::int8::{AvxVnni, Vnni};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};

/// A set of processor instructions, known to be there.
///
/// A level can only be had for what the running processor offers, so a kernel that takes one needs no further check.
/// At one level every kernel gives the same bits for any number of threads and for any other rows in the batch; between
/// levels sums differ in their last bits (to about 1e-5, relative), because vectors have other widths and products are
/// fused with sums or not.
///
/// ```
/// use prompt_kernels::Level;
///
/// let level = Level::detect();
/// assert!(Level::available().contains(&level));
/// assert_eq!(Level::from_name("portable"), Some(Level::PORTABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Level(Kind);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

/// The environment variable that names a lower level than the processor's best.
const VARIABLE: &str = "PROMPT_KERNELS";

impl Level {
    /// Plain Rust without any special instruction; there on every machine.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// The names that [`from_name`](Self::from_name) knows, from the lowest level to the highest.
    pub const NAMES: [&'static str; 5] = ["portable", "avx2", "avxvnni", "avx512", "avx512vnni"];

    /// The best level of this processor, or the lower one that the environment variable `PROMPT_KERNELS` names
    /// (one of [`NAMES`](Self::NAMES)). Looked up once; an unknown name, or a level that the processor
    /// does not have, is passed over.
    pub fn detect() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let named = std::env::var(VARIABLE).ok().and_then(|name| Self::from_name(&name));
            named.unwrap_or_else(|| Self::available().pop().unwrap_or(Self::PORTABLE))
        })
    }

    /// The levels of this processor, from the lowest to the highest.
    pub fn available() -> Vec<Self> {
        Self::NAMES.iter().filter_map(|name| Self::from_name(name)).collect()
    }

    /// The level of this name, if the processor has it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "portable" => Some(Self::PORTABLE),
            #[cfg(target_arch = "x86_64")]
            "avx2" => has_avx2().then_some(Self(Kind::Avx2)),
            #[cfg(target_arch = "x86_64")]
            "avxvnni" => (has_avx2() && is_x86_feature_detected!("avxvnni")).then_some(Self(Kind::AvxVnni)),
            #[cfg(target_arch = "x86_64")]
            "avx512" => has_avx512().then_some(Self(Kind::Avx512)),
            #[cfg(target_arch = "x86_64")]
            "avx512vnni" => {
                (has_avx512() && is_x86_feature_detected!("avx512vnni")).then_some(Self(Kind::Avx512Vnni))
            }
            _ => None,
        }
    }

    /// The name, as [`from_name`](Self::from_name) takes it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.0 as usize]
    }

    /// Floats in a vector.
    pub(crate) fn lanes(self) -> usize {
        self.run(Lanes)
    }

    /// Rows of a tile of the matrix product.
    pub(crate) fn tile_rows(self) -> usize {
        self.run(TileRows)
    }

    /// Runs a kernel with this level's vectors.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Out {
        match self.0 {
            Kind::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level of these kinds is only made by `from_name`, after AVX2 and FMA were detected.
            Kind::Avx2 | Kind::AvxVnni => unsafe { with_avx2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level of these kinds is only made by `from_name`, after AVX-512 F, BW, DQ and VL were detected.
            Kind::Avx512 | Kind::Avx512Vnni => unsafe { with_avx512(kernel) },
        }
    }
}

impl Level {
    /// Runs a kernel with this level's products of small whole numbers.
    #[inline]
    pub(crate) fn run_words<K: WordKernel>(self, kernel: K) -> K::Out {
        match self.0 {
            Kind::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level of this kind is only made by `from_name`, after AVX2 and FMA were detected.
            Kind::Avx2 => unsafe { words_avx2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level of this kind is only made by `from_name`, after AVX2, FMA and AVX-VNNI were detected.
            Kind::AvxVnni => unsafe { words_avx_vnni(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level of this kind is only made by `from_name`, after AVX-512 F, BW, DQ and VL were detected.
            Kind::Avx512 => unsafe { words_avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level of this kind is only made by `from_name`, after these and AVX-512 VNNI were detected.
            Kind::Avx512Vnni => unsafe { words_avx512_vnni(kernel) },
        }
    }
}

impl Default for Level {
    /// [`Level::detect`].
    fn default() -> Self {
        Self::detect()
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// Code written once for vectors of any width. `run` must be `#[inline(always)]`, and so must everything generic that it
/// calls: that is how it comes to be compiled with the level's instructions.
pub(crate) trait Kernel {
    type Out;
    fn run<S: Simd>(self, s: S) -> Self::Out;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Out {
    kernel.run(Avx2::here())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Out {
    kernel.run(Avx512::here())
}

/// [`Kernel`] for sums of products of small whole numbers.
pub(crate) trait WordKernel {
    type Out;
    fn run<W: Words>(self, w: W) -> Self::Out;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn words_avx2<K: WordKernel>(kernel: K) -> K::Out {
    kernel.run(Avx2::here())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avxvnni")]
fn words_avx_vnni<K: WordKernel>(kernel: K) -> K::Out {
    kernel.run(AvxVnni::here())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn words_avx512<K: WordKernel>(kernel: K) -> K::Out {
    kernel.run(Avx512::here())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn words_avx512_vnni<K: WordKernel>(kernel: K) -> K::Out {
    kernel.run(Vnni::here())
}

struct Lanes;

impl Kernel for Lanes {
    type Out = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
}

struct TileRows;

impl Kernel for TileRows {
    type Out = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::TILE_ROWS
    }
}
