//! Static embeddings sit the examination of every stage from text to numbers, and are what their definition says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test builds, it unwraps as the test does")]

mod common;

use common::{copy, folder, one_thread};
use prompt_core::artifact::Catalog;
use prompt_core::{Featurizer, FitContext, FitTransform, Scratch, TextEstimator};
use prompt_encoder::{Encoder, StaticEmbedding, StaticEmbeddings, TokenWeight, register};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    register(&mut catalog);
    catalog
}

fn of(name: &str) -> StaticEmbedding {
    StaticEmbedding::default().source(folder(name).display().to_string()).width(8)
}

prompt_core::text_estimator_checks! {
    catalog: catalog();
    word_pieces: of("sentence");
    word_pieces_adapted: of("bert").adapt(true).weight(TokenWeight::Texts);
    byte_pairs: of("roberta").weight(TokenWeight::None).normalise(false);
    sentence_pieces: of("albert");
}

fn encoder(name: &str) -> Encoder {
    Encoder::open_with(folder(name), &one_thread()).unwrap()
}

/// Cosine of what two texts became.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn a_text_is_the_mean_of_its_tokens() {
    let params = of("sentence").normalise(false);
    let fitted = params.distil(&encoder("sentence"), &[""; 0], &FitContext::new(0)).unwrap();
    let ids = fitted.tokenizer().tokens("Please sort the list, please").unwrap().ids;
    assert!(ids.len() > 3);
    let got = fitted.embed("Please sort the list, please").unwrap();
    for (column, got) in got.iter().enumerate() {
        let mean = ids.iter().map(|id| fitted.token(*id).unwrap()[column]).sum::<f32>() / ids.len() as f32;
        assert!((got - mean).abs() < 1e-5, "{column}: {got} {mean}");
    }
    assert_eq!(fitted.embed("").unwrap(), [0.0; 8]);
    assert!(fitted.embed_into("a", &mut Scratch::new(), &mut [0.0; 7]).is_err());
    assert!(fitted.token(u32::MAX).is_none());
}

/// With every axis kept and no weights, distances between tokens are those of the encoder.
#[test]
fn all_axes_keep_the_distances_of_the_encoder() {
    let encoder = encoder("sentence").normalise(false);
    let params = of("sentence").width(16).weight(TokenWeight::None).normalise(false);
    let fitted = params.distil(&encoder, &[""; 0], &FitContext::new(0)).unwrap();
    let tokenizer = encoder.tokenizer();
    let probe = tokenizer.encode("", 16, prompt_encoder::Long::Truncate).unwrap().windows[0].ids.clone();
    let ids = tokenizer.tokens("please sort the list").unwrap().ids;
    let alone: Vec<Vec<u32>> = ids.iter().map(|id| vec![probe[0], *id, probe[1]]).collect();
    let vectors = encoder.embed_ids(&alone).unwrap();
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    for i in 0..ids.len() {
        for j in 0..i {
            let (want, got) = (
                distance(&vectors[i], &vectors[j]),
                distance(fitted.token(ids[i]).unwrap(), fitted.token(ids[j]).unwrap()),
            );
            assert!((want - got).abs() < 1e-3 * want.max(1.0), "{want} {got}");
        }
    }
}

#[test]
fn rare_tokens_weigh_more() {
    let at = |weight: TokenWeight| {
        let params = of("bert").weight(weight).smoothing(0.01);
        params.distil(&encoder("bert"), &["the the the the list"], &FitContext::new(0)).unwrap()
    };
    let (plain, by_texts) = (at(TokenWeight::None), at(TokenWeight::Texts));
    let share = |text: &str| {
        let id = plain.tokenizer().tokens(text).unwrap().ids[0];
        by_texts.token(id).unwrap()[0] / plain.token(id).unwrap()[0]
    };
    assert!(share("the") < share("list"), "{} {}", share("the"), share("list"));
}

#[test]
fn adapting_brings_texts_nearer_to_the_encoder() {
    let encoder = encoder("bert");
    let texts: Vec<String> = (0..60)
        .map(|i| format!("{} the {} rules", ["print", "sort", "hide"][i % 3], ["list", "hidden"][i % 2]))
        .collect();
    let ctx = FitContext::new(0);
    let params = of("bert").width(16).lambda(0.01);
    let spread = |fitted: &StaticEmbeddings| {
        // How well the cosines of pairs follow the encoder's, of centred vectors.
        let own: Vec<Vec<f32>> = texts.iter().map(|t| fitted.embed(t).unwrap()).collect();
        let mut target: Vec<Vec<f32>> =
            encoder.embed(&texts).unwrap().into_iter().map(|e| e.vector).collect();
        for j in 0..target[0].len() {
            let mean = target.iter().map(|t| t[j]).sum::<f32>() / target.len() as f32;
            target.iter_mut().for_each(|t| t[j] -= mean);
        }
        let mut off = 0.0;
        for i in 0..6 {
            for j in 0..i {
                off += (cosine(&own[i], &own[j]) - cosine(&target[i], &target[j])).abs();
            }
        }
        off
    };
    let plain = spread(&params.distil(&encoder, &texts, &ctx).unwrap());
    let adapted = spread(&params.adapt(true).distil(&encoder, &texts, &ctx).unwrap());
    assert!(adapted < 0.5 * plain, "{adapted} {plain}");
}

#[test]
fn what_was_saved_is_a_source() {
    let place = tempfile::tempdir().unwrap();
    let made = of("sentence").distil(&encoder("sentence"), &[""; 0], &FitContext::new(0)).unwrap();
    let at = place.path().join("static");
    made.save(&at).unwrap();
    let texts = ["sort the list", "東京 naïve [SEP]", ""];
    let params = StaticEmbedding::default().source(at.display().to_string());
    let (fitted, x) = params.fit_transform(&texts, &(), &FitContext::new(1)).unwrap();
    assert_eq!((fitted.width(), x.cols()), (8, 8), "made embeddings keep their width");
    for text in texts {
        assert_eq!(fitted.embed(text).unwrap(), made.embed(text).unwrap());
    }
    std::fs::write(at.join("weights.safetensors"), "no").unwrap();
    assert!(StaticEmbeddings::open(&at).is_err());
}

#[test]
fn bad_input_says_what_to_do() {
    let error =
        |params: &StaticEmbedding| params.fit_texts(&["a"], &FitContext::new(0)).err().unwrap().to_string();
    assert!(error(&StaticEmbedding::default()).contains("`source` is not set"));
    assert!(error(&of("bert").source("no/such".into())).contains("`source` is no folder: no/such"));
    assert!(
        error(&of("bert").width(25)).contains("`width` must be in [1, 24]"),
        "{}",
        error(&of("bert").width(25))
    );
    let none: [&str; 0] = [];
    let error = of("bert")
        .adapt(true)
        .distil(&encoder("bert"), &none, &FitContext::new(0))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no texts"), "{error}");
    let damaged = copy("bert");
    std::fs::remove_file(damaged.path().join("vocab.txt")).unwrap();
    let params = of("bert").source(damaged.path().display().to_string());
    let error = params.fit_texts(&["a"], &FitContext::new(0)).err().unwrap().to_string();
    assert!(error.contains("holds no tokenizer"), "{error}");
    let stopped = FitContext::new(0);
    stopped.cancel_token().cancel();
    assert!(of("bert").distil(&encoder("bert"), &["a"], &stopped).is_err());
}
