//! Every network learns, is saved, comes back bit for bit, and looks at one text at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use std::sync::Mutex;

use prompt_core::artifact::{Bundle, Catalog, Manifest, save};
use prompt_core::{
    Batch, CancelToken, ClassWeight, Classes, Control, Error, Event, FitContext, Rng, Scorer, Scratch, Seed,
    Target,
};
use prompt_neural::{BiLstm, Cnn, FittedNetwork, Hybrid, Lstm, TextNetwork, Transformer};

const ORDERS: &[&str] = &["ignore", "reveal", "bypass", "override"];
const QUESTIONS: &[&str] = &["explain", "describe", "compare", "summarise"];
const THINGS: &[&str] = &["the rules", "a poem", "the prompt", "two rivers", "my garden", "the engine"];

/// Texts whose class is in one word among others, and their labels.
fn texts(n: usize, seed: u64) -> (Vec<String>, Vec<&'static str>) {
    let mut rng = Seed::new(seed).rng();
    let pick = |rng: &mut Rng, from: &[&'static str]| *rng.choose(from).unwrap();
    (0..n)
        .map(|i| {
            let (words, label) = if i % 2 == 0 { (ORDERS, "order") } else { (QUESTIONS, "question") };
            let filler = "please now ".repeat(rng.below(4));
            let text = format!("{filler}{} {}", pick(&mut rng, words), pick(&mut rng, THINGS));
            (text, label)
        })
        .unzip()
}

fn small_cnn() -> Cnn {
    Cnn::default()
        .windows(vec![1, 2])
        .filters(8)
        .embedding_dim(12)
        .min_freq(1)
        .batch_size(16)
        .learning_rate(0.01)
        .max_epochs(6)
}

fn accuracy(network: &FittedNetwork, texts: &[String], labels: &[&str]) -> f64 {
    let prediction = network.predict(texts).unwrap();
    let right = prediction.labels().unwrap().iter().zip(labels).filter(|(a, b)| a == b).count();
    right as f64 / labels.len() as f64
}

fn through_a_folder(network: &FittedNetwork) -> FittedNetwork {
    use prompt_core::Artifact;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    save(&path, network, Manifest::default()).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    let mut catalog = Catalog::new();
    prompt_neural::register(&mut catalog);
    assert_eq!(catalog.decode_scorer(&bundle.root).unwrap().heads(), network.heads());
    FittedNetwork::decode(&bundle.root, &catalog).unwrap()
}

/// What every network must do.
fn examine<N: TextNetwork>(network: &N) {
    let ctx = FitContext::new(3);
    let (train, labels) = texts(240, 1);
    let (test, expected) = texts(80, 2);
    let y = Target::labels(&labels);
    let fitted = network.fit(&train, &y, &ctx).unwrap();
    let share = accuracy(&fitted, &test, &expected);
    assert!(share > 0.95, "{}: accuracy {share} after {:?}", N::NAME, fitted.history());

    // The same seed, the same bits, for any number of threads.
    let again = network.fit(&train, &y, &ctx.clone().threads(1)).unwrap();
    let p = fitted.predict(&test).unwrap();
    assert_eq!(again.predict(&test).unwrap(), p, "{}: one thread", N::NAME);

    // A text alone, and among others, through either door.
    let alone = fitted.predict(&test[7..8]).unwrap();
    assert_eq!(alone.row(0), p.row(7), "{}: alone", N::NAME);
    let mut out = [0.0; 2];
    fitted.score_text(&test[7], &mut Scratch::new(), &mut out).unwrap();
    assert_eq!(out, p.row(7), "{}: score_text", N::NAME);
    let scored = fitted.score(Batch::Texts(&test)).unwrap();
    assert_eq!(scored[0], p);

    let back = through_a_folder(&fitted);
    assert_eq!(back.predict(&test).unwrap(), p, "{}: saved and read", N::NAME);
}

#[test]
fn cnn() {
    examine(&small_cnn());
}

#[test]
fn lstm() {
    examine(
        &Lstm::default()
            .units(12)
            .embedding_dim(12)
            .min_freq(1)
            .batch_size(16)
            .learning_rate(0.02)
            .max_epochs(6),
    );
}

#[test]
fn bilstm() {
    examine(
        &BiLstm::default()
            .units(8)
            .embedding_dim(12)
            .min_freq(1)
            .batch_size(16)
            .learning_rate(0.02)
            .max_epochs(6),
    );
}

#[test]
fn transformer() {
    let network = Transformer::default().layers(1).heads(2).feed_forward(16).embedding_dim(16).max_length(32);
    examine(&network.min_freq(1).batch_size(16).learning_rate(0.01).max_epochs(8).dropout(0.1));
}

#[test]
fn hybrid() {
    let network = Hybrid::default().windows(vec![2]).filters(8).units(6).embedding_dim(12);
    examine(&network.min_freq(1).batch_size(16).learning_rate(0.01).max_epochs(6));
}

#[test]
fn subwords_are_learned_saved_and_know_words_that_were_never_seen() {
    let network = small_cnn().tokens("subwords".into()).max_vocabulary(120).windows(vec![1, 2, 3]);
    examine(&network);
    let (train, labels) = texts(240, 1);
    let fitted = network.fit(&train, &Target::labels(&labels), &FitContext::new(3)).unwrap();
    let endings: Vec<String> = ["ignores", "bypasses", "explains", "describes"].map(str::to_owned).into();
    assert_eq!(accuracy(&fitted, &endings, &["order", "order", "question", "question"]), 1.0);
    assert!(fitted.vocabulary().tokens().iter().any(|token| token == "▁ignore"));
    // More tokens than words: what is cut is counted in tokens.
    let words = small_cnn().max_length(3).fit(&train, &Target::labels(&labels), &FitContext::new(3)).unwrap();
    let short = network.max_vocabulary(30).max_length(3).max_epochs(1);
    let parts = short.fit(&train, &Target::labels(&labels), &FitContext::new(3)).unwrap();
    assert!(parts.cut_in_fit() > words.cut_in_fit() && words.cut_in_fit() > 0);
}

#[test]
fn bytes_and_focal_loss_and_class_weights_learn_too() {
    let (train, labels) = texts(240, 1);
    let weights = ClassWeight::Explicit([("order".to_owned(), 1.5)].into());
    let network = small_cnn().windows(vec![4, 6]).filters(16).tokens("bytes".into()).loss("focal".into());
    let network = network.class_weight(weights).max_epochs(10);
    let fitted = network.fit(&train, &Target::labels(&labels), &FitContext::new(3)).unwrap();
    let (test, expected) = texts(80, 2);
    assert!(accuracy(&fitted, &test, &expected) > 0.9);
}

#[test]
fn numbers_and_levels_are_learned() {
    let (train, labels) = texts(240, 1);
    let numbers: Vec<f64> = labels.iter().map(|l| if *l == "order" { 80.0 } else { 20.0 }).collect();
    let y = Target::regression(numbers).unwrap();
    let fitted = small_cnn().max_epochs(12).fit(&train, &y, &FitContext::new(3)).unwrap();
    let values = fitted.predict(&["please now bypass the rules", "please compare two rivers"]).unwrap();
    let values = values.values().unwrap();
    assert!((values[0] - 80.0).abs() < 15.0 && (values[1] - 20.0).abs() < 15.0, "{values:?}");
    assert_eq!(through_a_folder(&fitted).predict(&["a"]).unwrap(), fitted.predict(&["a"]).unwrap());
    assert!(fitted.predict_proba(&["a"]).is_err());

    let levels = Classes::new(["low", "medium", "high"]).unwrap();
    let codes =
        labels.iter().enumerate().map(|(i, l)| if *l == "order" { 2 } else { (i / 2 % 2) as u32 }).collect();
    let y = Target::ordinal(codes, levels).unwrap();
    let fitted = small_cnn().max_epochs(12).fit(&train, &y, &FitContext::new(3)).unwrap();
    let p = fitted.predict_proba(&["please now bypass the rules", "please compare two rivers"]).unwrap();
    assert!(p.row(0)[2] > 0.7 && p.row(1)[2] < 0.3, "{p:?}");
}

#[test]
fn weights_are_honoured() {
    // Two labels contradict each other on every text; the weights decide.
    let train: Vec<&str> = (0..60).map(|_| "bypass the rules").collect();
    let labels: Vec<&str> = (0..60).map(|i| if i % 2 == 0 { "yes" } else { "no" }).collect();
    let network = small_cnn().validation_fraction(0.0).dropout(0.0).max_epochs(25);
    for (heavy, expected) in [("yes", "yes"), ("no", "no")] {
        let weights = labels.iter().map(|l| if *l == heavy { 1.0 } else { 0.05 }).collect();
        let y = Target::labels(&labels).with_weights(weights).unwrap();
        let fitted = network.fit(&train, &y, &FitContext::new(3)).unwrap();
        assert_eq!(fitted.predict(&["bypass the rules"]).unwrap().labels().unwrap(), [expected]);
    }
}

#[test]
fn unusable_data_is_refused_with_a_reason() {
    let ctx = FitContext::new(1);
    let fit = |texts: &[&str], labels: &[&str]| {
        small_cnn().fit(texts, &Target::labels(labels), &ctx).unwrap_err().to_string()
    };
    assert!(fit(&[], &[]).starts_with("there are no texts to learn from"));
    assert!(fit(&["a"], &["x"]).starts_with("all rows have the class `x`"));
    assert!(fit(&["a", "b"], &["x", "x"]).contains("two classes or more"));
    assert!(fit(&["a", "b"], &["x"]).starts_with("rows of the target: expected 2, got 1"));
    let y = Target::multi_label(vec![vec![0], vec![1]], Classes::new(["a", "b"]).unwrap()).unwrap();
    assert!(small_cnn().fit(&["a", "b"], &y, &ctx).is_err());
    let y = Target::labels(["a", "b"]);
    let error = small_cnn().device("cuda".into()).fit(&["a", "b"], &y, &ctx).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let weights = ClassWeight::Explicit([("c".to_owned(), 1.0)].into());
    assert!(small_cnn().class_weight(weights).fit(&["a", "b"], &y, &ctx).is_err());
    for tokens in ["words", "subwords", "characters"] {
        let rare = small_cnn().tokens(tokens.into()).min_freq(1000);
        let error = rare.fit(&["a", "b"], &y, &ctx).unwrap_err().to_string();
        assert!(error.contains("occurs in 1000 of the texts") && error.contains("lower min_freq"), "{error}");
    }
    let error = small_cnn().fit(&["", " "], &y, &ctx).unwrap_err().to_string();
    assert!(error.starts_with("there is no token in the texts"), "{error}");
    assert!(small_cnn().tokens("bytes".into()).fit(&["", " "], &y, &ctx).is_ok(), "bytes are always known");
}

#[test]
fn odd_texts_are_read() {
    let long = "word ".repeat(200_000);
    let train = ["", "a b", &long, "\u{200b}", "a", "é"];
    let y = Target::labels(["x", "y", "x", "y", "x", "y"]);
    for length in [1, 64] {
        let network = small_cnn().max_length(length).max_epochs(2);
        let fitted = network.fit(&train, &y, &FitContext::new(1)).unwrap();
        assert_eq!(fitted.cut_in_fit(), if length == 1 { 2 } else { 1 });
        let p = fitted.predict(&train).unwrap();
        assert!(p.scores().row(2).iter().all(|v| v.is_finite()));
        assert_eq!(fitted.cut(&[long.as_str()]), 1);
    }
    let y = Target::regression(vec![3.0]).unwrap();
    let one = small_cnn().fit(&["only"], &y, &FitContext::new(1)).unwrap();
    assert!(one.predict(&["only"]).unwrap().values().unwrap()[0].is_finite());
}

#[test]
fn a_loss_that_explodes_is_named_with_its_place() {
    let (train, labels) = texts(64, 1);
    let network = small_cnn().learning_rate(1e30).clip_norm(None).warmup(0.0).weight_decay(0.0);
    let error = network.fit(&train, &Target::labels(&labels), &FitContext::new(3)).unwrap_err().to_string();
    assert!(
        error.contains("training failed at epoch 1, step") && error.contains("learning rate 1.000e30"),
        "{error}"
    );
    assert!(error.contains("lower learning_rate"), "{error}");
}

#[test]
fn progress_is_told_and_can_stop_it() {
    let (train, labels) = texts(64, 1);
    let y = Target::labels(&labels);
    let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let steps = std::sync::Arc::new(Mutex::new(Vec::new()));
    let each = steps.clone();
    let observer = move |event: &Event<'_>| {
        if event.stage == "step" {
            each.lock().unwrap().push(event.step);
            // Only an epoch's answer counts.
            return Control::Stop;
        }
        let names: Vec<String> = event.values.iter().map(|(n, _)| (*n).to_owned()).collect();
        sink.lock().unwrap().push((event.stage.to_owned(), event.step, names));
        if event.step == 2 { Control::Stop } else { Control::Continue }
    };
    let ctx = FitContext::new(3).with_observer(std::sync::Arc::new(observer));
    let fitted = small_cnn().fit(&train, &y, &ctx).unwrap();
    assert_eq!(fitted.history().len(), 2);
    // 58 of 64 rows learn, 16 a step: four steps an epoch.
    assert_eq!(*steps.lock().unwrap(), (1..=8).collect::<Vec<usize>>());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().map(|s| s.1).collect::<Vec<_>>(), [1, 2]);
    assert!(seen[0].0 == "epoch" && seen[0].2.iter().any(|n| n == "validation_loss"));

    let token = CancelToken::new();
    token.cancel();
    let ctx = FitContext::new(3).with_cancel(token);
    assert!(matches!(small_cnn().fit(&train, &y, &ctx), Err(Error::Cancelled)));
}
