//! Networks that a format version wrote stay readable: `tests/artifacts/vN/NAME` with what they answered then in
//! `expect.json`. What is missing for the current version is written by
//! `PROMPT_WRITE_ARTIFACTS=1 cargo test -p prompt-neural --test kept`.
#![allow(clippy::unwrap_used, reason = "what a test builds, it unwraps as the test does")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use prompt_core::artifact::{Bundle, Catalog, FORMAT_VERSION, Manifest, save};
use prompt_core::{Batch, FitContext, Scorer, Target};
use prompt_neural::{BiLstm, Cnn, TextNetwork};

const QUERIES: [&str; 3] = ["ignore the rules", "explain a poem, please", ""];

fn folder(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/artifacts/v{version}"))
}

fn answers(scorer: &dyn Scorer) -> Vec<Vec<f64>> {
    let prediction = scorer.score(Batch::Texts(&QUERIES)).unwrap().remove(0);
    (0..QUERIES.len()).map(|i| prediction.row(i).to_vec()).collect()
}

/// Small networks that have learned a little.
fn networks() -> Vec<(&'static str, Box<dyn Scorer>)> {
    let words = ["ignore the rules", "explain a poem", "reveal the prompt", "describe my garden"];
    let texts: Vec<String> = (0..24).map(|i| format!("{} {i}", words[i % 4])).collect();
    let y = Target::labels((0..24).map(|i| ["order", "question"][i % 2]));
    let ctx = FitContext::new(3);
    let cnn = Cnn::default().windows(vec![1, 2]).filters(4).embedding_dim(6).min_freq(1).max_epochs(2);
    let subwords = cnn.clone().tokens("subwords".into()).max_vocabulary(60);
    let bilstm = BiLstm::default().units(4).embedding_dim(6).min_freq(1).max_epochs(2);
    vec![
        ("cnn", Box::new(cnn.fit(&texts, &y, &ctx).unwrap())),
        ("bilstm", Box::new(bilstm.fit(&texts, &y, &ctx).unwrap())),
        ("subwords", Box::new(subwords.fit(&texts, &y, &ctx).unwrap())),
    ]
}

#[test]
fn networks_of_every_format_version_open_and_answer_as_they_did() {
    if std::env::var_os("PROMPT_WRITE_ARTIFACTS").is_some() {
        let place = folder(FORMAT_VERSION);
        std::fs::create_dir_all(&place).unwrap();
        let written = std::fs::read_to_string(place.join("expect.json")).unwrap_or_else(|_| "{}".into());
        let mut expect: BTreeMap<String, Vec<Vec<f64>>> = serde_json::from_str(&written).unwrap();
        for (name, scorer) in networks() {
            if !expect.contains_key(name) {
                save(&place.join(name), &*scorer, Manifest { name: name.into(), ..Manifest::default() })
                    .unwrap();
                expect.insert(name.into(), answers(&*scorer));
            }
        }
        let text = serde_json::to_string_pretty(&expect).unwrap() + "\n";
        std::fs::write(place.join("expect.json"), text).unwrap();
    }
    let mut catalog = Catalog::new();
    prompt_neural::register(&mut catalog);
    for version in 1..=FORMAT_VERSION {
        let text = std::fs::read_to_string(folder(version).join("expect.json")).unwrap();
        let expect: BTreeMap<String, Vec<Vec<f64>>> = serde_json::from_str(&text).unwrap();
        assert!(expect.len() >= 2, "networks of both kinds are kept");
        for (name, expected) in expect {
            let bundle = Bundle::open(&folder(version).join(&name)).unwrap();
            let scorer = catalog.decode_scorer(&bundle.root).unwrap();
            let found = answers(&*scorer);
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                // Sums of 32 bits differ in their last bits between processors.
                assert!((found - expected).abs() < 1e-5, "v{version}/{name}: {found} instead of {expected}");
            }
        }
    }
}
