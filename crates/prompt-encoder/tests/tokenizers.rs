//! Ids as Python's tokenizers give them, from every kind of tokenizer file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

use std::path::PathBuf;

use prompt_encoder::{EncoderConfig, Long, Tokenizer};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn open(name: &str) -> Tokenizer {
    let config = EncoderConfig::open(folder(name).join("config.json")).unwrap();
    Tokenizer::open(folder(name), &config).unwrap()
}

fn expected(name: &str) -> (Vec<String>, Vec<Vec<u32>>) {
    let text = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    (
        serde_json::from_value(value["texts"].clone()).unwrap(),
        serde_json::from_value(value["ids"].clone()).unwrap(),
    )
}

const FOLDERS: [&str; 9] = [
    "bert",
    "distilbert",
    "roberta",
    "xlm-roberta",
    "albert",
    "deberta-v3",
    "deberta-v2",
    "modernbert",
    "multi-task",
];

#[test]
fn ids_are_pythons() {
    for name in FOLDERS {
        let tokenizer = open(name);
        let (texts, ids) = expected(name);
        for (text, want) in texts.iter().zip(&ids) {
            let max = want.len().max(3);
            let got = tokenizer.encode(text, max, Long::Truncate).unwrap();
            assert_eq!(&got.windows[0].ids, want, "{name}: {text:?}");
        }
    }
}

#[test]
fn spans_are_bytes_of_the_prompt() {
    for name in FOLDERS {
        let tokenizer = open(name);
        let text = "caf\u{e9} \u{4f60}\u{597d} print the Rust";
        let tokens = tokenizer.tokens(text).unwrap();
        let mut end = 0;
        for span in &tokens.spans {
            assert!(text.get(span.clone()).is_some(), "{name}: {span:?} cuts a character");
            assert!(span.start >= end.min(span.start) && span.end >= end, "{name}: in order");
            end = span.end;
        }
        let last = tokens.spans.last().unwrap();
        assert!("Rust".ends_with(text[last.clone()].trim()), "{name}: {:?}", &text[last.clone()]);
    }
}

#[test]
fn a_million_characters_are_tokenized_as_their_parts_are() {
    for name in ["bert", "roberta", "xlm-roberta", "deberta-v3"] {
        let tokenizer = open(name);
        let once = tokenizer.tokens("Please sort the list of words").unwrap().ids;
        let times = 1_000_000 / 30;
        let text = vec!["Please sort the list of words"; times].join(" ");
        let many = tokenizer.tokens(&text).unwrap();
        if name == "roberta" {
            assert!(many.ids.len() > 100_000 && many.ids.starts_with(&once));
        } else {
            assert_eq!(many.ids.len(), once.len() * times, "{name}");
            assert_eq!(many.ids[once.len() * (times - 1)..], once, "{name}");
        }
        assert_eq!(many.spans.last().unwrap().end, text.len());
        let solid = tokenizer.tokens(&"a".repeat(300_000)).unwrap();
        assert!(!solid.ids.is_empty());
    }
}

#[test]
fn a_tokenizer_that_knows_more_ids_than_the_encoder_is_refused() {
    let path = folder("bert").join("config.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"vocab_size\": 120", "\"vocab_size\": 50");
    let config = EncoderConfig::from_json(&text, &path).unwrap();
    let error = Tokenizer::open(folder("bert"), &config).unwrap_err().to_string();
    assert!(error.contains("but the encoder knows 50 ids"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = Tokenizer::open(empty.path(), &config).unwrap_err().to_string();
    assert!(error.contains("holds no tokenizer"), "{error}");
    std::fs::write(empty.path().join("tokenizer.json"), "{\"version\": ").unwrap();
    let error = Tokenizer::open(empty.path(), &config).unwrap_err().to_string();
    assert!(error.contains("the tokenizer cannot be used"), "{error}");
}
