//! A training step of an encoder of MiniLM-L6's size: 16 rows of 128 tokens, forward, backward, AdamW. Then forward passes
//! of the trained network, 1×128 and 32×128.
//!
//! ```sh
//! RAYON_NUM_THREADS=2 cargo bench -p prompt-neural --bench step --features avx512 [-- --again] [--rows N]
//! ```
//!
//! `--again` computes layers again on the way back (gradient checkpointing); `--rows` are those of a training step.
//!
//! Weights are random; times do not depend on them. The peer is PyTorch's `BertModel` of the same size with mean pooling,
//! a linear head and `torch.optim.AdamW`, dropout 0, two threads (`benches/peers/encoder.py`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench ends where it cannot go on"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use prompt_core::{FitContext, Seed, Target};
use prompt_encoder::{SavedAs, Tensor, write_safetensors};
use prompt_neural::FineTune;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: usize = 7;
const WORDS: usize = 30_522;
const WIDTH: usize = 384;
const INNER: usize = 1536;
const LAYERS: usize = 6;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    // `cargo test --benches` only wants to know that it builds.
    if !has("--bench") {
        return;
    }
    let again = has("--again");
    let given = args.iter().position(|a| a == "--rows").and_then(|at| args.get(at + 1));
    let step_rows: usize = given.map_or(16, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    write_checkpoint(folder.path());
    let mut rng = Seed::new(1).rng();
    // 126 words and two special tokens.
    let texts: Vec<String> = (0..step_rows * STEPS)
        .map(|_| (0..126).map(|_| format!("w{}", rng.below(WORDS - 5))).collect::<Vec<_>>().join(" "))
        .collect();
    let y = Target::labels((0..texts.len()).map(|i| ["a", "b", "c", "d"][i % 4]));
    let params = FineTune::default()
        .pooling("mean".into())
        .batch_size(step_rows)
        .max_epochs(1)
        .max_length(128)
        .validation_fraction(0.0)
        .eval_steps(Some(1))
        .clip_norm(None)
        .dropout(0.0)
        .head_dropout(0.0)
        .gradient_checkpointing(again);
    let fitted = params.fit(folder.path(), &texts, &y, &FitContext::new(1)).unwrap();
    let mut ms: Vec<f64> = fitted.history().iter().skip(1).map(|r| r.seconds * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    println!(
        "{{\"job\": \"minilm training step {step_rows}x128\", \"engine\": \"prompt-neural\", \"again\": {again}, \"ms\": {:.1}, \"peak_mib\": {}}}",
        ms[ms.len() / 2],
        peak_mib()
    );
    println!("all steps: {ms:.1?}");
    if again {
        return;
    }
    for (rows, repeats) in [(1, 15), (32, 5)] {
        let texts = &texts[..rows.min(texts.len())];
        fitted.predict(texts).unwrap();
        let mut ms: Vec<f64> = (0..repeats)
            .map(|_| {
                let start = Instant::now();
                fitted.predict(texts).unwrap();
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        ms.sort_by(f64::total_cmp);
        let median = ms[ms.len() / 2];
        println!("{{\"job\": \"minilm {rows}x128\", \"engine\": \"prompt-neural\", \"ms\": {median:.1}}}");
    }
}

/// The most memory that was resident so far.
fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) / 1024
}

fn write_checkpoint(folder: &Path) {
    let config = format!(
        r#"{{"model_type": "bert", "vocab_size": {WORDS}, "hidden_size": {WIDTH}, "num_hidden_layers": {LAYERS},
            "num_attention_heads": 12, "intermediate_size": {INNER}, "max_position_embeddings": 512}}"#
    );
    std::fs::write(folder.join("config.json"), config).unwrap();
    let words = (0..WORDS - 5).map(|i| format!("w{i}"));
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let vocabulary: Vec<String> = special.into_iter().chain(words).collect();
    std::fs::write(folder.join("vocab.txt"), vocabulary.join("\n")).unwrap();
    let mut tensors = BTreeMap::new();
    let mut rng = Seed::new(2).rng();
    let mut put = |name: &str, shape: &[usize]| {
        let n = shape.iter().product();
        let data: Vec<f32> = if name.ends_with("LayerNorm.weight") {
            vec![1.0; n]
        } else {
            (0..n).map(|_| (rng.normal() * 0.02) as f32).collect()
        };
        tensors.insert(name.to_owned(), Tensor { shape: shape.to_vec(), data });
    };
    put("embeddings.word_embeddings.weight", &[WORDS, WIDTH]);
    put("embeddings.position_embeddings.weight", &[512, WIDTH]);
    put("embeddings.token_type_embeddings.weight", &[2, WIDTH]);
    put("embeddings.LayerNorm.weight", &[WIDTH]);
    put("embeddings.LayerNorm.bias", &[WIDTH]);
    for i in 0..LAYERS {
        for (part, outputs, inputs) in [
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", INNER, WIDTH),
            ("output.dense", WIDTH, INNER),
        ] {
            put(&format!("encoder.layer.{i}.{part}.weight"), &[outputs, inputs]);
            put(&format!("encoder.layer.{i}.{part}.bias"), &[outputs]);
        }
        for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
            put(&format!("encoder.layer.{i}.{part}.weight"), &[WIDTH]);
            put(&format!("encoder.layer.{i}.{part}.bias"), &[WIDTH]);
        }
    }
    write_safetensors(folder.join("model.safetensors"), &tensors, SavedAs::F32).unwrap();
}
