use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn made(params: &SynthParams, seed: u64) -> Dataset {
    generate(params, Seed::new(seed)).unwrap()
}

fn flagged(data: &Dataset, name: &str) -> usize {
    data.iter().filter(|e| e.extra.get(name) == Some(true.into())).count()
}

#[test]
fn the_grammar_reads_and_uses_every_slot() {
    let grammar = Grammar::security().unwrap();
    let frames = ["frame_open", "frame_close", "emoji"];
    assert_eq!(grammar.unused_slots().filter(|name| !frames.contains(name)).collect::<Vec<_>>(), [""; 0]);
    for name in frames {
        assert!(grammar.expand_slot(name, &mut Seed::new(0).rng()).is_some(), "{name}");
    }
    let mut pools: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for family in grammar.families() {
        assert!(SECURITY_CLASSES.contains(&family.class.as_str()), "{}", family.class);
        *pools.entry((&family.class, family.hard)).or_default() += 1;
    }
    assert_eq!(pools.len(), 6, "each class has easy and hard families: {pools:?}");
}

#[test]
fn thirty_thousand_prompts_are_distinct_and_of_every_length() {
    let data = made(&SynthParams::default().rows(30_000), 1);
    let keys: BTreeSet<String> = data.texts().into_iter().map(distinct_key).collect();
    assert_eq!((data.len(), keys.len()), (30_000, 30_000));
    let mut words: Vec<usize> = data.texts().iter().map(|t| t.split_whitespace().count()).collect();
    words.sort_unstable();
    assert!(words[0] <= 3 && words[29_999] >= 250, "{} to {}", words[0], words[29_999]);
    assert!((10..25).contains(&words[15_000]), "median {}", words[15_000]);
    let foreign = data.texts().iter().filter(|t| !t.is_ascii()).count();
    assert!((3_000..7_000).contains(&foreign), "{foreign}");
}

#[test]
fn shares_noise_and_hardness_are_what_was_asked_for() {
    let clean = made(&SynthParams::default().noise(0.0), 2);
    let counts = |data: &Dataset| SECURITY_CLASSES.map(|c| data.label_counts().get(c).copied().unwrap_or(0));
    assert_eq!(counts(&clean), [2700, 1200, 2100]);
    assert!((2880..3120).contains(&flagged(&clean, "hard")), "{}", flagged(&clean, "hard"));
    assert_eq!(flagged(&clean, "noisy"), 0);

    let noisy = made(&SynthParams::default().noise(0.2), 2);
    let families: BTreeMap<String, String> =
        Grammar::security().unwrap().families().iter().map(|f| (f.name.clone(), f.class.clone())).collect();
    let wrong =
        noisy.iter().filter(|e| families[e.source.as_ref().unwrap()] != e.label.clone().unwrap()).count();
    assert_eq!(wrong, flagged(&noisy, "noisy"));
    assert!((1100..1300).contains(&wrong), "{wrong}");

    let params =
        SynthParams::default().rows(7).noise(0.5).benign(1.0).suspicious(0.0).malicious(1.0).hard(1.0);
    let two = made(&params, 3);
    assert_eq!((two.len(), counts(&two)[1], flagged(&two, "hard")), (7, 0, 7));
}

#[test]
fn every_family_is_drawn_and_none_rules() {
    let data = made(&SynthParams::default(), 4);
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    for source in data.sources().unwrap() {
        *rows.entry(source).or_default() += 1;
    }
    assert_eq!(rows.len(), Grammar::security().unwrap().families().len());
    assert!(rows.values().all(|n| (30..480).contains(n)), "{rows:?}");
}

#[test]
fn the_same_seed_gives_the_same_prompts() {
    let params = SynthParams::default().rows(300);
    assert_eq!(made(&params, 5), made(&params, 5));
    assert_ne!(made(&params, 5).texts(), made(&params, 6).texts());
}

#[test]
fn bad_parameters_name_themselves_and_an_exhausted_grammar_says_so() {
    let error = |params: SynthParams| generate(&params, Seed::new(0)).unwrap_err().to_string();
    assert_eq!(
        error(SynthParams::default().noise(0.7)),
        "synth: parameter `noise` must be a number in [0, 0.5], got 0.7"
    );
    assert_eq!(
        error(SynthParams::default().rows(0)).split(',').next(),
        Some("synth: parameter `rows` must be a whole number in [1")
    );
    assert_eq!(
        error(SynthParams::default().benign(0.0).suspicious(0.0).malicious(0.0)),
        "synth: parameter `benign` must be > 0 when `suspicious` and `malicious` are 0, got 0"
    );
    let small = Grammar::parse(&[(
        "g.txt",
        "@class benign\n@family f easy 1\nyes\n@slot frame_open\n5*\n@slot frame_close\n5*\n@slot emoji\n5*",
    )])
    .unwrap();
    let error =
        generate_from(&small, &SynthParams::default().suspicious(0.0).malicious(0.0).hard(0.0), Seed::new(0));
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("the grammar has no more than") && error.contains("ask for fewer rows"),
        "{error}"
    );
}

#[test]
fn the_distinct_key_sees_letters_and_word_ends_alone() {
    for (text, key) in [
        ("  Hello,  WORLD!! ", "hello world"),
        ("l'été — 5€", "lété 5"),
        ("你好，世界。", "你好世界"),
        ("🙂 !", ""),
    ] {
        assert_eq!(distinct_key(text), key);
    }
}
