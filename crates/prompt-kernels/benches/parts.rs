//! Time of what stands between the products: attention, norms, softmax, activations.
//!
//! `cargo bench -p prompt-kernels --bench parts [-- FILTER]`
#![allow(clippy::unwrap_used, reason = "a bench unwraps as it goes")]

mod common;

use common::seconds;
use prompt_kernels::{
    Activation, Attention, Level, Norm, Rows, RowsMut, apply, attention, exp, normalise, softmax,
};

fn main() {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with("--")).unwrap_or_default();
    let level = Level::detect();
    println!("level {level}");
    let report = |label: &str, call: &mut (dyn FnMut() + Send)| {
        if label.contains(&filter) {
            println!("{label:<44} {:>9.1} µs", seconds(call) * 1e6);
        }
    };
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (sequences, n, heads, size) in [(1, 32, 12, 32), (1, 128, 12, 32), (32, 128, 12, 32), (1, 128, 12, 64), (1, 512, 12, 64)] {
            let (tokens, cols) = (sequences * n, heads * size);
            let qkv: Vec<f32> = (0..tokens * 3 * cols).map(|i| ((i * 7) % 31) as f32 / 31.0 - 0.5).collect();
            let mut out = vec![0.0; tokens * cols];
            let offsets: Vec<usize> = (0..=sequences).map(|s| s * n).collect();
            let label = format!("attention {sequences}×{n} {heads} heads of {size} t{threads}");
            pool.install(|| {
                report(&label, &mut || {
                    let part = |i: usize| Rows::strided(&qkv[i * cols..], tokens, cols, 3 * cols).unwrap();
                    let work = Attention::new(part(0), part(1), part(2), heads, &offsets);
                    attention(level, work, RowsMut::new(&mut out, tokens, cols).unwrap(), threads).unwrap();
                });
            });
        }
    }
    let mut x: Vec<f32> = (0..128 * 1536).map(|i| ((i * 7) % 31) as f32 / 8.0 - 2.0).collect();
    let y = x.clone();
    let gamma = vec![1.0; 1536];
    for a in [Activation::GeluErf, Activation::GeluTanh, Activation::Silu, Activation::Tanh] {
        report(&format!("{a:?} 128×1536"), &mut || {
            x.copy_from_slice(&y);
            apply(level, a, &mut x);
        });
    }
    report("exp 128×1536", &mut || {
        x.copy_from_slice(&y);
        exp(level, &mut x);
    });
    report("copy 128×1536", &mut || x.copy_from_slice(&y));
    report("residual and layer norm 128×384", &mut || {
        let rows = RowsMut::new(&mut x, 128, 384).unwrap();
        let residual = Rows::new(&y, 128, 384).unwrap();
        normalise(level, rows, Some(residual), Norm::layer(&gamma[..384], Some(&gamma[..384]), 1e-12), 1).unwrap();
    });
    report("softmax 1536×128", &mut || softmax(level, RowsMut::new(&mut x, 1536, 128).unwrap()));
}
