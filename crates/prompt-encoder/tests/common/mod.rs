//! What the tests share.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;

use prompt_encoder::Options;
use serde_json::Value;

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

pub(crate) fn expected(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder(name).join("expected.json")).unwrap()).unwrap()
}

pub(crate) fn matrix(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

pub(crate) fn one_thread() -> Options {
    Options::default().threads(1)
}

pub(crate) fn close(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let limit = tolerance * w.abs().max(1.0);
        assert!((f64::from(*g) - w).abs() <= limit, "{what}, number {i}: {g} instead of {w}");
    }
}

/// A copy of a fixture that a test may spoil.
pub(crate) fn copy(name: &str) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder(name)).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
    to
}
