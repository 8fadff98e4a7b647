//! The whole story once, as a user of the library tells it: generate, split, train, measure, save, load, score.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use prompt_models::core::artifact::{Manifest, save};
use prompt_models::data::split::HoldOut;
use prompt_models::data::synth::{SynthParams, generate};
use prompt_models::metrics::ClassificationReport;
use prompt_models::prelude::*;

#[test]
fn from_text_to_a_served_answer() {
    let data = generate(&SynthParams::default().rows(1500), Seed::new(7)).unwrap();
    let y = data.class_target(None).unwrap();
    let (codes, classes) = y.as_classes().unwrap();
    let fold = HoldOut::default().split(data.len(), Some(codes), None, Seed::new(7)).unwrap();
    let texts = data.texts();
    let pick = |rows: &[usize]| rows.iter().map(|&i| texts[i]).collect::<Vec<_>>();
    let (train, test) = (pick(&fold.train), pick(&fold.test));

    let pipeline = Sanitiser::default()
        .then(Tfidf::default().ngram_range((1, 2)).sublinear_tf(true))
        .then(LogisticRegression::default().c(10.0));
    let model = pipeline.fit(&train, &y.select(&fold.train), &FitContext::new(7)).unwrap();

    let answer = model.predict(&test).unwrap();
    let truth: Vec<u32> = fold.test.iter().map(|&i| codes[i]).collect();
    let (probabilities, _) = answer.probabilities().unwrap();
    let report = ClassificationReport::new(
        &truth,
        &answer.codes().unwrap(),
        classes.names(),
        Some(probabilities),
        None,
    )
    .unwrap();
    assert!(report.f1_macro > 0.6, "{report}");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    save(&path, &model, Manifest { seed: 7, synthetic: true, ..Manifest::default() }).unwrap();
    let loaded = LoadedModel::open(&path).unwrap();
    assert!(loaded.manifest.synthetic);
    assert_eq!(loaded.scorer.score(Batch::Texts(&test)).unwrap(), std::slice::from_ref(&answer));

    let (mut scratch, mut out) = (Scratch::new(), vec![0.0; classes.len()]);
    for (i, text) in test.iter().enumerate() {
        loaded.scorer.score_text(text, &mut scratch, &mut out).unwrap();
        assert_eq!(out, answer.row(i), "one text alone is scored as in the batch");
    }
}
