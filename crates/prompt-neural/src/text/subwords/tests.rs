//! Against tokenizers, and what no other library has to say.

use prompt_core::FitContext;

use super::super::units::Units;
use super::super::vocabulary::{Vocabulary, VocabularyOptions};
use super::*;

fn options() -> VocabularyOptions {
    let (units, lowercase) = (Units::Subwords, false);
    VocabularyOptions { units, lowercase, min_freq: 1, max_size: 1000, max_length: 1000 }
}

#[test]
fn merges_numbers_and_splits_are_those_of_tokenizers() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/subwords.json");
    let reference: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let strings = |list: &serde_json::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect()
    };
    let (texts, asked) = (strings(&reference["texts"]), strings(&reference["asked"]));
    for case in reference["cases"].as_array().unwrap() {
        let number = |name: &str| case[name].as_u64().unwrap() as usize;
        let (max_size, min_freq) = (number("max_size"), number("min_freq"));
        let v = Vocabulary::learn(
            &texts,
            VocabularyOptions { max_size, min_freq, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        assert_eq!(v.tokens(), strings(&case["tokens"]), "{max_size}, {min_freq}");
        for (text, expected) in asked.iter().zip(case["encoded"].as_array().unwrap()) {
            let mut expected: Vec<u32> =
                expected.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32 + 2).collect();
            if expected.is_empty() {
                expected.push(1);
            }
            assert_eq!(v.encode(text).ids, expected, "{max_size}, {min_freq}: {text}");
        }
        let node = v.to_node().unwrap();
        assert_eq!(node.get_strings("merges").unwrap(), strings(&case["merges"]));
        assert_eq!(Vocabulary::from_node(&node).unwrap(), v);
    }
}

#[test]
fn a_character_that_was_never_seen_is_unknown_and_loses_no_other() {
    let v = Vocabulary::learn(&["abab abab"], options(), &FitContext::new(1)).unwrap();
    assert_eq!(v.tokens(), ["a", "b", "▁", "ab", "▁ab", "▁abab"]);
    assert_eq!(v.encode("abab").ids, [7]);
    assert_eq!(v.encode("abzab").ids, [6, 1, 5]);
    assert_eq!(v.encode("(abab").ids, [4, 1, 5, 5], "glued to the mark");
}

#[test]
fn rare_characters_and_pairs_have_no_token() {
    let v =
        Vocabulary::learn(&["aa aa b"], VocabularyOptions { min_freq: 2, ..options() }, &FitContext::new(1))
            .unwrap();
    assert_eq!(v.tokens(), ["a", "▁", "aa", "▁aa"]);
    let v =
        Vocabulary::learn(&["ab ba"], VocabularyOptions { max_size: 2, ..options() }, &FitContext::new(1))
            .unwrap();
    assert_eq!(v.tokens(), ["a", "b"], "the most frequent characters");
}

#[test]
fn texts_and_options_that_leave_no_token_leave_unknown_ones() {
    let nothing = vec!["", " ", "\u{3000}\n"];
    let rare = VocabularyOptions { min_freq: 100, ..options() };
    for (texts, options) in [(nothing, options()), (vec!["abab abab"], rare)] {
        let v = Vocabulary::learn(&texts, options, &FitContext::new(1)).unwrap();
        assert_eq!((v.tokens().len(), v.size()), (0, 2));
        assert_eq!(v.encode("ab (").ids, [1; 5], "▁ a b ▁ (");
        assert_eq!(v.encode(" ").ids, [1]);
        assert_eq!(Vocabulary::from_node(&v.to_node().unwrap()).unwrap(), v);
    }
    let one =
        Vocabulary::learn(&["abb"], VocabularyOptions { max_size: 1, ..options() }, &FitContext::new(1))
            .unwrap();
    assert_eq!((one.tokens(), one.encode("abb").ids), (&["b".to_owned()][..], vec![1, 1, 2, 2]));
}

#[test]
fn letters_that_grow_when_lowered_and_the_mark_itself_are_read_as_any_other() {
    let v = Vocabulary::learn(
        &["İx İx ▁a ▁a"],
        VocabularyOptions { lowercase: true, ..options() },
        &FitContext::new(1),
    )
    .unwrap();
    let spelled = |text: &str| -> Vec<String> {
        let token = |id: &u32| v.tokens()[*id as usize - 2].clone();
        v.encode(text).ids.iter().map(token).collect()
    };
    assert_eq!(spelled("İx"), ["▁i\u{307}x"]);
    assert_eq!(spelled("a ▁a"), ["▁", "a", "▁▁", "a"]);
    assert_eq!(Vocabulary::from_node(&v.to_node().unwrap()).unwrap(), v);
}

#[test]
fn a_word_of_a_million_letters_is_learned_and_read_in_parts() {
    let long = "ab".repeat(500_000);
    let v = Vocabulary::learn(
        &[long.as_str()],
        VocabularyOptions { max_length: 50, ..options() },
        &FitContext::new(1),
    )
    .unwrap();
    let encoded = v.encode(&long);
    assert_eq!((encoded.ids.len(), encoded.cut), (50, true));
    assert!(v.tokens().iter().all(|token| token.chars().count() <= PART), "{:?}", v.tokens());
    let exact = v.encode(&"a ".repeat(25));
    assert_eq!((exact.ids.len(), exact.cut), (50, false), "▁ and a, 25 times");
}

#[test]
fn learning_can_be_stopped() {
    let token = prompt_core::CancelToken::new();
    token.cancel();
    let stopped = Vocabulary::learn(&["abab"], options(), &FitContext::new(1).with_cancel(token));
    assert!(matches!(stopped, Err(prompt_core::Error::Cancelled)));
}

#[test]
fn a_damaged_vocabulary_is_refused() {
    let v = Vocabulary::learn(&["abab abab"], options(), &FitContext::new(1)).unwrap();
    let node = v.to_node().unwrap();
    for lines in [vec!["a x"], vec!["ab"], vec!["b a"]] {
        let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        let broken = prompt_core::artifact::Node::new("neural_vocabulary", 1)
            .meta(&options())
            .unwrap()
            .strings("tokens", v.tokens())
            .strings("merges", &lines);
        let error = Vocabulary::from_node(&broken).unwrap_err().to_string();
        assert!(error.contains("joins what is no token"), "{error}");
    }
    assert!(Vocabulary::from_node(&node).is_ok());
}
