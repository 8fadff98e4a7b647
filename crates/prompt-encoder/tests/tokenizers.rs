//! Ids as Python's tokenizers give them, from every kind of tokenizer file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use common::folder;
use prompt_core::{Scratch, Seed};
use prompt_encoder::{EncoderConfig, Long, Tokenizer};
use serde_json::Value;

fn open(name: &str) -> Tokenizer {
    let config = EncoderConfig::open(folder(name).join("config.json")).unwrap();
    Tokenizer::open(folder(name), &config).unwrap()
}

fn expected(name: &str) -> (Vec<String>, Vec<Vec<u32>>) {
    let value: Value = common::expected(name);
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
    for (name, size) in
        [("bert", 1_000_000), ("roberta", 100_000), ("xlm-roberta", 100_000), ("deberta-v3", 100_000)]
    {
        let tokenizer = open(name);
        let once = tokenizer.tokens("Please sort the list of words").unwrap().ids;
        let times = size / 29 + 1;
        let text = vec!["Please sort the list of words"; times].join(" ");
        let many = tokenizer.tokens(&text).unwrap();
        if name == "roberta" {
            assert!(many.ids.len() > size / 10 && many.ids.starts_with(&once));
        } else {
            assert_eq!(many.ids.len(), once.len() * times, "{name}");
            assert_eq!(many.ids[once.len() * (times - 1)..], once, "{name}");
        }
        assert_eq!(many.spans.last().unwrap().end, text.len());
        let solid = tokenizer.tokens(&"a".repeat(size / 3)).unwrap();
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

/// A tokenizer of BERT's with a piece for every ASCII character, some longer ones, and some that are not ASCII.
fn bert_with_letters(settings: &str) -> Tokenizer {
    let place = tempfile::tempdir().unwrap();
    let mut vocabulary: Vec<String> =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned).into();
    let printable = (b'!'..=b'~').map(char::from);
    let more = "éèüßıσς\u{1e9b}、。「ァか東京写例🙂—“”’€×\u{307}\u{301}".chars();
    for c in printable.filter(|c| *c != '%').chain(more) {
        vocabulary.extend([c.to_string(), format!("##{c}")]);
    }
    let long =
        ["the", "th", "in", "ing", "##ing", "##in", "un", "##able", "token", "##ization", "istanbul", "caf"];
    vocabulary.extend(long.map(str::to_owned));
    std::fs::write(place.path().join("vocab.txt"), vocabulary.join("\n")).unwrap();
    std::fs::write(place.path().join("tokenizer_config.json"), settings).unwrap();
    let path = folder("bert").join("config.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("\"vocab_size\": 120", "\"vocab_size\": 900");
    Tokenizer::open(place.path(), &EncoderConfig::from_json(&text, &path).unwrap()).unwrap()
}

#[track_caller]
fn same_ids(tokenizer: &Tokenizer, text: &str) {
    let mut got = vec![7];
    tokenizer.ids(text, &mut Scratch::new(), &mut got).unwrap();
    assert_eq!(got[0], 7, "what was there stays");
    assert_eq!(got[1..], tokenizer.tokens(text).unwrap().ids, "{text:?}");
}

const SETTINGS: [&str; 4] = [
    "{}",
    r#"{"do_lower_case": false}"#,
    r#"{"do_lower_case": false, "strip_accents": true, "tokenize_chinese_chars": false}"#,
    r#"{"strip_accents": false}"#,
];

#[test]
fn every_character_has_the_ids_of_the_crate() {
    for (settings, end) in SETTINGS.into_iter().zip([0x3_1000, 0x1_0000, 0x3200, 0x3200]) {
        let tokenizer = bert_with_letters(settings);
        let all: Vec<char> = (0..end).filter_map(char::from_u32).collect();
        for part in all.chunks(64) {
            let text: String = part.iter().map(|c| format!("a{c}b ")).collect();
            same_ids(&tokenizer, &text);
        }
    }
}

#[test]
fn mixed_texts_have_the_ids_of_the_crate() {
    let pieces = [
        "token",
        "tokenization",
        "the",
        "unable",
        "THE",
        "ing",
        "%",
        "100%",
        "don't",
        "a_b",
        "caf",
        "é",
        "e\u{301}",
        "İstanbul",
        "ΟΔΟΣ",
        "straße",
        "ﬁ",
        "東京",
        "か\u{3099}",
        "が",
        "🙂",
        "👩\u{200d}💻",
        "\u{200b}",
        "\u{ad}",
        "\0",
        "\u{fffd}",
        "\u{a0}",
        "\u{3000}",
        " ",
        "\t",
        "\r\n",
        "\u{b}",
        "—",
        "“",
        "’",
        "##",
        "[",
        "]",
        "[MASK]",
        "[SEP]x",
        "[mask]",
        "\u{302e}",
        "\u{1bf2}\u{334}",
        "क\u{94d}ष",
        "한국어",
        "\u{2260}",
        "\u{37e}",
        "x\u{345}\u{334}",
        "\u{e0001}",
        "\u{f900}",
        "\u{2f800}",
        "مرحبا",
        "9.99€",
        "\u{85}",
        "\u{2028}",
    ];
    let mut rng = Seed::new(5).rng();
    for settings in SETTINGS {
        let tokenizer = bert_with_letters(settings);
        for _ in 0..3000 {
            let n = rng.below(12);
            let text: String = (0..n)
                .flat_map(|_| [pieces[rng.below(pieces.len())], ["", " ", "", "\n"][rng.below(4)]])
                .collect();
            same_ids(&tokenizer, &text);
        }
        for length in [99, 100, 101, 5000] {
            same_ids(&tokenizer, &"a".repeat(length));
            same_ids(&tokenizer, &"é".repeat(length));
            same_ids(&tokenizer, &format!("{} the", "🙂".repeat(length)));
        }
        same_ids(&tokenizer, &"the token, ".repeat(10_000));
        same_ids(&tokenizer, &"東京a".repeat(20_000));
    }
}

#[test]
fn ids_alone_are_those_of_tokens() {
    for name in FOLDERS {
        let tokenizer = open(name);
        for text in expected(name).0 {
            same_ids(&tokenizer, &text);
        }
    }
}
