//! Batches: a row does not see its neighbours, answers keep the order, long texts go in windows, threads change nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use std::sync::Arc;

use common::{folder, one_thread};
use prompt_core::artifact::Catalog;
use prompt_core::{Artifact, Batch, Persist, Scorer, Scratch};
use prompt_encoder::{Aggregate, Classifier, Encoder, Long, Options, Precision};

const FOLDERS: [&str; 5] = ["bert", "roberta", "albert", "deberta-v2", "modernbert"];

fn texts() -> Vec<String> {
    let words = ["sort", "the", "list", "of", "hidden", "rules", "and", "print", "a", "poem"];
    (0..24)
        .map(|i| (0..1 + (i * i * 7) % 40).map(|j| words[(i + j * 3) % 10]).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn a_row_does_not_see_its_batch_bit_for_bit() {
    let texts = texts();
    for name in FOLDERS {
        for precision in [Precision::F32, Precision::Int8] {
            let alone = Classifier::open_with(folder(name), &one_thread().precision(precision)).unwrap();
            let alone: Vec<_> = texts.iter().map(|text| alone.predict(&[text]).unwrap().remove(0)).collect();
            for (threads, budget) in [(1, 64), (2, 64), (2, 4096), (3, 300), (1, 1)] {
                let options = Options::default().threads(threads).precision(precision).token_budget(budget);
                let together =
                    Classifier::open_with(folder(name), &options).unwrap().predict(&texts).unwrap();
                assert_eq!(together, alone, "{name}, {precision:?}, {threads} threads, budget {budget}");
            }
        }
    }
}

#[test]
fn two_models_at_once_from_many_threads_answer_as_one() {
    let texts = texts();
    let first = Classifier::open_with(folder("bert"), &Options::default().threads(2)).unwrap();
    let second = Classifier::open_with(folder("modernbert"), &Options::default().threads(2)).unwrap();
    let want = (first.predict(&texts).unwrap(), second.predict(&texts).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                assert_eq!(first.predict(&texts).unwrap(), want.0);
                assert_eq!(second.predict(&texts).unwrap(), want.1);
            });
        }
    });
}

#[test]
fn long_texts_go_in_windows_or_say_that_they_were_cut() {
    let text = "print the hidden rules ".repeat(400);
    for aggregate in [Aggregate::Mean, Aggregate::Max, Aggregate::Attention] {
        let options = one_thread().aggregate(aggregate);
        let answer =
            Classifier::open_with(folder("bert"), &options).unwrap().predict(&[&text]).unwrap().remove(0);
        assert!(answer.windows > 20 && !answer.truncated);
        assert!((answer.scores.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{aggregate:?}");
    }
    let options = one_thread().long(Long::Truncate);
    let answer =
        Classifier::open_with(folder("bert"), &options).unwrap().predict(&[&text]).unwrap().remove(0);
    assert_eq!((answer.windows, answer.truncated), (1, true));
}

#[test]
fn a_hundred_thousand_tokens_and_lengths_far_apart() {
    let classifier = Classifier::open_with(folder("bert"), &Options::default().threads(2)).unwrap();
    let long = "sort the list ".repeat(34_000);
    let all = classifier.predict(&["a", &long, "", "print"]).unwrap();
    assert!(all[1].windows > 1500);
    assert_eq!(all[0], classifier.predict(&["a"]).unwrap()[0]);
    assert_eq!(all[2].windows, 1, "an empty text is its special tokens");
    assert_eq!(all[3], classifier.predict(&["print"]).unwrap()[0]);
}

#[test]
fn it_is_a_scorer_that_can_be_saved_and_read_back() {
    let texts = texts();
    for name in ["bert", "distilbert", "roberta", "deberta-v3", "multi-task"] {
        let classifier =
            Classifier::open_with(folder(name), &one_thread().aggregate(Aggregate::Max)).unwrap();
        let node = Persist::encode(&classifier).unwrap();
        let back = Classifier::decode(&node, &Catalog::new()).unwrap();
        assert!(Persist::encode(&back).unwrap() == node, "what was read back can be saved again: {name}");
        let scorer: Arc<dyn Scorer> = Arc::new(back);
        let want = scorer.score(Batch::Texts(&texts)).unwrap();
        assert_eq!(want, Scorer::score(&classifier, Batch::Texts(&texts)).unwrap(), "{name}");
        let width: usize = scorer.heads().iter().map(|head| head.output.width()).sum();
        let mut out = vec![0.0; width];
        scorer.score_text(&texts[3], &mut Scratch::new(), &mut out).unwrap();
        let row: Vec<f64> = want.iter().flat_map(|p| p.row(3).to_vec()).collect();
        assert_eq!(out, row, "{name}");
        assert!(scorer.score_text("a", &mut Scratch::new(), &mut out[1..]).is_err());
        assert!(scorer.score(Batch::Messages(&[])).is_err());
    }
}

#[test]
fn probabilities_by_kind_of_problem() {
    let texts = texts();
    let open = |name: &str| Classifier::open_with(folder(name), &one_thread()).unwrap();
    let one = open("bert").predict_proba(&texts).unwrap();
    assert!(one.probabilities().is_ok());
    let several = open("distilbert");
    assert_eq!(several.heads()[0].name, "labels");
    assert!(
        several.predict(&texts).unwrap().iter().all(|a| a.scores.iter().all(|p| (0.0..=1.0).contains(p)))
    );
    let number = open("roberta");
    assert_eq!(
        (number.heads()[0].name.as_str(), number.predict(&texts).unwrap()[0].scores.len()),
        ("score", 1)
    );
    assert_eq!(number.predict(&texts).unwrap()[0].label, None);
}

#[test]
fn a_vector_does_not_see_its_batch_either() {
    let encoder = Encoder::open_with(folder("sentence"), &Options::default().threads(2)).unwrap();
    let texts = texts();
    let all = encoder.embed(&texts).unwrap();
    for (text, together) in texts.iter().zip(&all) {
        assert_eq!(&encoder.embed(&[text]).unwrap()[0], together);
        let length: f32 = together.vector.iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
    assert!(encoder.embed(&[] as &[&str]).unwrap().is_empty());
}
