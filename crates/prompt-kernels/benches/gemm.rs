//! Throughput of the matrix products beside the peak of a loop of fused multiply-adds.
//!
//! `cargo bench -p prompt-kernels --bench gemm [-- FILTER]`
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "the peak is measured with the processor's own instruction; a bench unwraps as it goes"
)]

mod common;

use std::hint::black_box;

use common::seconds;
use prompt_kernels::{Activation, Epilogue, Level, PackedF32, PackedI8, Rows, RowsMut};

/// GFLOP/s of twelve independent chains of fused multiply-adds on one thread.
#[cfg(target_arch = "x86_64")]
fn peak() -> Option<f64> {
    use core::arch::x86_64::*;
    const STEPS: usize = 100_000;
    #[target_feature(enable = "avx2,fma")]
    fn avx2() -> f32 {
        let mut acc = [_mm256_set1_ps(1.0); 12];
        let (x, y) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(0.25)));
        for _ in 0..STEPS {
            acc = acc.map(|a| _mm256_fmadd_ps(a, x, y));
        }
        acc.iter().map(|&a| _mm256_cvtss_f32(a)).sum()
    }
    #[target_feature(enable = "avx512f")]
    fn avx512() -> f32 {
        let mut acc = [_mm512_set1_ps(1.0); 12];
        let (x, y) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(0.25)));
        for _ in 0..STEPS {
            acc = acc.map(|a| _mm512_fmadd_ps(a, x, y));
        }
        acc.iter().map(|&a| _mm512_cvtss_f32(a)).sum()
    }
    let work = |lanes: usize| (STEPS * 12 * lanes * 2) as f64 / 1e9;
    if Level::detect().name().starts_with("avx512") {
        // SAFETY: the level says that AVX-512 F is there.
        return Some(work(16) / seconds(|| {
            black_box(unsafe { avx512() });
        }));
    }
    if Level::detect().name() == "avx2" {
        // SAFETY: the level says that AVX2 and FMA are there.
        return Some(work(8) / seconds(|| {
            black_box(unsafe { avx2() });
        }));
    }
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn peak() -> Option<f64> {
    None
}

/// A product to time: label, call.
type Call = Box<dyn FnMut() + Send>;

/// The f32 and the 8-bit product of one shape.
fn products(level: Level, m: usize, k: usize, n: usize, threads: usize) -> [(&'static str, Call); 2] {
    let weight: Vec<f32> = (0..n * k).map(|i| (i % 17) as f32 - 8.0).collect();
    let x: Vec<f32> = (0..m * k).map(|i| (i % 13) as f32 - 6.0).collect();
    let plain = Epilogue::from(Activation::Identity);
    let (floats, bytes) = (
        PackedF32::new(level, k, n, &weight, None).unwrap(),
        PackedI8::new(level, k, n, &weight, None).unwrap(),
    );
    let (x2, mut out, mut out2) = (x.clone(), vec![0.0; m * n], vec![0.0; m * n]);
    let f32_call = move || {
        let (x, to) = (Rows::new(&x, m, k).unwrap(), RowsMut::new(&mut out, m, n).unwrap());
        floats.product(x, to, plain, threads).unwrap();
    };
    let i8_call = move || {
        let (x, to) = (Rows::new(&x2, m, k).unwrap(), RowsMut::new(&mut out2, m, n).unwrap());
        bytes.product(x, to, plain, threads).unwrap();
    };
    [("f32", Box::new(f32_call)), ("i8", Box::new(i8_call))]
}

fn main() {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with("--")).unwrap_or_default();
    let level = Level::detect();
    let peak = peak().unwrap_or(f64::NAN);
    println!("level {level}; peak of one thread {peak:.1} GFLOP/s (fused multiply-adds in registers)");
    println!("{:<28} {:>9} {:>9} {:>7}", "m × k × n, threads", "µs", "Gop/s", "of peak");
    let minilm = [(384, 1152), (384, 384), (384, 1536), (1536, 384)];
    let bert = [(768, 2304), (768, 768), (768, 3072), (3072, 768)];
    for (sizes, rows) in [(minilm, &[1, 32, 128, 4096][..]), (bert, &[128, 4096])] {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for &m in rows {
                for (k, n) in sizes {
                    let label = |kind: &str| format!("{kind} {m}×{k}×{n} t{threads}");
                    if !["f32", "i8"].iter().any(|kind| label(kind).contains(&filter)) {
                        continue;
                    }
                    for (kind, mut call) in products(level, m, k, n, threads) {
                        let label = label(kind);
                        if label.contains(&filter) {
                            let time = pool.install(|| seconds(&mut call));
                            let rate = (2 * m * k * n) as f64 / time / 1e9;
                            let share = 100.0 * rate / peak / threads as f64;
                            println!("{label:<28} {:>9.1} {rate:>9.1} {share:>6.0}%", time * 1e6);
                        }
                    }
                }
            }
        }
    }
}
