//! Throughput of the matrix products beside the peak of a loop of fused multiply-adds.
//!
//! `cargo bench -p prompt-kernels --bench gemm [-- FILTER]`
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "the peak is measured with the processor's own instruction; a bench unwraps as it goes"
)]

use std::hint::black_box;
use std::time::Instant;

use prompt_kernels::{Activation, Epilogue, Level, PackedF32, Rows, RowsMut};

/// Median seconds of a call, over at least seven calls and a fifth of a second.
fn seconds(mut call: impl FnMut()) -> f64 {
    call();
    let (mut times, begun) = (Vec::new(), Instant::now());
    while times.len() < 7 || (begun.elapsed().as_secs_f64() < 0.2 && times.len() < 10_000) {
        let t = Instant::now();
        call();
        times.push(t.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

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
        return Some(work(16) / seconds(|| drop(black_box(unsafe { avx512() }))));
    }
    if Level::detect().name() == "avx2" {
        // SAFETY: the level says that AVX2 and FMA are there.
        return Some(work(8) / seconds(|| drop(black_box(unsafe { avx2() }))));
    }
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn peak() -> Option<f64> {
    None
}

fn main() {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with("--")).unwrap_or_default();
    let level = Level::detect();
    let peak = peak().unwrap_or(f64::NAN);
    println!("level {level}; peak of one thread {peak:.1} GFLOP/s (fused multiply-adds in registers)");
    println!("{:<28} {:>9} {:>9} {:>7}", "m × k × n, threads", "µs", "GFLOP/s", "of peak");
    let minilm = [(384, 1152), (384, 384), (384, 1536), (1536, 384)];
    let bert = [(768, 2304), (768, 768), (768, 3072), (3072, 768)];
    for (sizes, rows) in [(minilm, &[1, 32, 128, 4096][..]), (bert, &[128, 4096])] {
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for &m in rows {
                for (k, n) in sizes {
                    let label = format!("f32 {m}×{k}×{n} t{threads}");
                    if !label.contains(&filter) {
                        continue;
                    }
                    let weight: Vec<f32> = (0..n * k).map(|i| (i % 17) as f32 - 8.0).collect();
                    let x: Vec<f32> = (0..m * k).map(|i| (i % 13) as f32 - 6.0).collect();
                    let mut out = vec![0.0; m * n];
                    let layer = PackedF32::new(level, k, n, &weight, None).unwrap();
                    let time = pool.install(|| {
                        seconds(|| {
                            let to = RowsMut::new(&mut out, m, n).unwrap();
                            layer.product(Rows::new(&x, m, k).unwrap(), to, Epilogue::from(Activation::Identity), threads).unwrap();
                        })
                    });
                    let rate = (2 * m * k * n) as f64 / time / 1e9;
                    let share = 100.0 * rate / peak / threads as f64;
                    println!("{label:<28} {:>9.1} {rate:>9.1} {share:>6.0}%", time * 1e6);
                }
            }
        }
    }
}
