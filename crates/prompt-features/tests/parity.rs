//! scikit-learn's numbers, from `tests/reference/features/make.py`.

// A test says what it expects by unwrapping, its helpers too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use std::path::Path;

use prompt_core::{FitContext, FitTransform, Matrix, TextEstimator};
use prompt_features::{CountVectorizer, HashingVectorizer, Tfidf, is_space, is_word};
use serde_json::Value;

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/features").join(name);
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
}

const FNV: u64 = 0xCBF2_9CE4_8422_2325;

fn check(name: &str, blank: &dyn TextEstimator, least: usize) {
    let file = fixture(name);
    let (texts, queries) = (strings(&file["texts"]), strings(&file["queries"]));
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= least);
    for case in cases {
        let mut estimator = blank.boxed();
        for (key, value) in case["params"].as_object().unwrap() {
            estimator = estimator.with_param(key, value).unwrap();
        }
        let what = format!("{name} {}", case["params"]);
        let (fitted, x) = estimator.fit_transform(&texts, &(), &FitContext::new(0).threads(2)).unwrap();
        assert_eq!(x.cols() as u64, case["cols"].as_u64().unwrap(), "{what}");
        if let Some(digest) = case.get("terms_fnv") {
            let terms: Vec<_> = fitted.names().iter().collect();
            if let Some(expected) = case.get("terms") {
                assert_eq!(terms, strings(expected), "{what}");
            }
            let found = terms.join("\n").bytes().fold(FNV, fnv);
            assert_eq!(format!("{found:016x}"), digest.as_str().unwrap(), "{what}");
        }
        compare(&what, &x, &case["rows"]);
        compare(&what, &fitted.featurize(&queries).unwrap(), &case["queries"]);
    }
}

fn compare(what: &str, x: &Matrix, expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(x.rows(), expected.len(), "{what}");
    for (i, row) in expected.iter().enumerate() {
        let expected: Vec<f64> = row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let mut found = Vec::new();
        x.row(i).for_each(|column, value| found.extend([column as f64, value]));
        assert_eq!(found.len(), expected.len(), "{what}, row {i}");
        for (a, b) in found.iter().zip(&expected) {
            assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{what}, row {i}: {a} instead of {b}");
        }
    }
}

#[test]
fn counts_are_scikit_learns() {
    check("count.json", &CountVectorizer::default(), 12);
}

#[test]
fn tfidf_is_scikit_learns() {
    check("tfidf.json", &Tfidf::default(), 10);
}

#[test]
fn hashing_is_scikit_learns() {
    check("hashing.json", &HashingVectorizer::default(), 6);
}

/// Every code point.
#[test]
fn characters_are_pythons() {
    let file = fixture("characters.json");
    let classes =
        ('\0'..=char::MAX).fold(FNV, |h, c| fnv(h, u8::from(is_word(c)) | u8::from(is_space(c)) << 1));
    assert_eq!(format!("{classes:016x}"), file["classes"].as_str().unwrap());
}
