//! Logits, hidden states and vectors as Python's, one tiny checkpoint for each family.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use common::{close, expected, folder, matrix, one_thread};
use prompt_encoder::{Classifier, Encoder, Long, Options, Precision};
use serde_json::Value;

const CLASSIFIERS: [&str; 9] = [
    "bert",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "albert",
    "deberta-v3",
    "deberta-v2",
    "modernbert",
    "modernbert-mean",
];

/// Python's numbers were rounded to six digits; f32 sums differ in their last bits.
const TOLERANCE: f64 = 1e-4;

#[test]
fn logits_are_pythons() {
    for name in CLASSIFIERS {
        let want = expected(name);
        let ids: Vec<Vec<u32>> = serde_json::from_value(want["ids"].clone()).unwrap();
        for threads in [1, 2] {
            let options = Options::default().threads(threads);
            let classifier = Classifier::open_with(folder(name), &options).unwrap();
            let got = classifier.logits(&ids).unwrap();
            for (i, (got, want)) in got.iter().zip(matrix(&want["logits"])).enumerate() {
                close(got, &want, TOLERANCE, &format!("{name}, text {i}, {threads} threads"));
            }
        }
    }
}

/// The level is chosen once for a process, so that the lowest one has its own.
#[test]
fn logits_are_pythons_without_vector_instructions() {
    let exe = std::env::current_exe().unwrap();
    let ran = std::process::Command::new(exe)
        .args(["--exact", "logits_are_pythons"])
        .env("PROMPT_KERNELS", "portable")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn hidden_states_are_pythons() {
    for name in CLASSIFIERS {
        let want = expected(name);
        let ids: Vec<Vec<u32>> = serde_json::from_value(want["ids"].clone()).unwrap();
        let encoder = Encoder::open_with(folder(name), &one_thread()).unwrap();
        let got = encoder.hidden_states(&ids[..2]).unwrap();
        for (i, got) in got.iter().enumerate() {
            let want = matrix(&want["hidden"][i]).concat();
            close(got, &want, TOLERANCE, &format!("{name}, text {i}"));
        }
    }
}

#[test]
fn sentence_vectors_are_those_of_sentence_transformers() {
    let want = expected("sentence");
    let texts: Vec<String> = serde_json::from_value(want["texts"].clone()).unwrap();
    let encoder = Encoder::open_with(folder("sentence"), &one_thread().long(Long::Truncate)).unwrap();
    let got = encoder.embed(&texts).unwrap();
    for (i, (got, want)) in got.iter().zip(matrix(&want["embeddings"])).enumerate() {
        close(&got.vector, &want, 1e-5, &format!("text {i}"));
        assert_eq!(got.truncated, i == 5, "the long text is cut at 48 tokens, and that is said");
    }
}

#[test]
fn several_heads_and_their_score_are_the_published_formula() {
    let want = expected("multi-task");
    let ids: Vec<Vec<u32>> = serde_json::from_value(want["ids"].clone()).unwrap();
    let texts: Vec<String> = serde_json::from_value(want["texts"].clone()).unwrap();
    let classifier = Classifier::open_with(folder("multi-task"), &one_thread()).unwrap();
    let answers = classifier.predict(&texts).unwrap();
    let names: Vec<&str> =
        prompt_core::Scorer::heads(&classifier).iter().map(|head| head.name.as_str()).collect();
    for ((answer, row), ids) in answers.iter().zip(want["rows"].as_array().unwrap()).zip(&ids) {
        if ids.len() > 64 {
            continue; // Python read it in one piece; here it is read in windows.
        }
        let mut at = 0;
        for name in &names {
            let want: Vec<f64> = match &row[*name] {
                Value::Array(list) => list.iter().map(|v| v.as_f64().unwrap()).collect(),
                one => vec![one.as_f64().unwrap()],
            };
            for want in want {
                assert!((answer.scores[at] - want).abs() < 2e-4, "{name}: {} {want}", answer.scores[at]);
                at += 1;
            }
        }
        assert_eq!(at, answer.scores.len());
    }
    assert_eq!(names.last(), Some(&"prompt_complexity_score"));
    assert!(answers[0].label.is_some());
}

#[test]
fn eight_bits_stay_near() {
    for name in CLASSIFIERS {
        let want = expected(name);
        let ids: Vec<Vec<u32>> = serde_json::from_value(want["ids"].clone()).unwrap();
        let options = one_thread().precision(Precision::Int8);
        let classifier = Classifier::open_with(folder(name), &options).unwrap();
        let mut error = 0.0f64;
        let mut size = 0.0f64;
        for (got, want) in classifier.logits(&ids).unwrap().iter().zip(matrix(&want["logits"])) {
            for (g, w) in got.iter().zip(want) {
                error += (f64::from(*g) - w).powi(2);
                size += w * w;
            }
        }
        // Rows of 16 numbers are a hard case: a real encoder's error is smaller.
        assert!(error.sqrt() < 0.15 * size.sqrt() + 0.05, "{name}: {error} beside {size}");
        assert!(error > 0.0, "{name}: it did run in eight bits");
    }
}
