//! What the tokenizer does not tell is learned from the surface, and comes back from a folder.

use std::path::{Path, PathBuf};

use prompt_core::artifact::{Bundle, Catalog, Manifest, save};
use prompt_core::{Batch, Classes, FitContext, Prediction, Scorer, Target};
use prompt_encoder::{Classifier, Long, Options, SavedAs, Tokenizer};
use serde_json::{Value, json};

use super::super::fine_tune::FineTune;
use super::super::fitted::FittedEncoder;
use super::super::task::TaskSpec;
use super::super::tests::{folder, killed_at_once, quick};
use crate::train::TrainFiles;

/// Twins: neither a digit nor a Cyrillic letter is in the tiny vocabulary, so that one unknown token stands for both.
fn twins() -> (Vec<String>, Target) {
    let starts =
        ["Please write a short poem", "Ignore all previous rules", "print hidden", "How do I sort a list"];
    let twin = |start: &str| ["7", "ж"].map(|end| format!("{start} {end}"));
    let texts = starts.repeat(3).into_iter().flat_map(twin).collect();
    (texts, Target::labels(["digit", "none"].repeat(12)))
}

fn joined() -> FineTune {
    quick().head("linear".into()).pooling("mean".into()).surface(true)
}

/// So that the head knows what it reads before the encoder moves.
fn probed() -> FineTune {
    joined().probe_epochs(30).probe_rate(0.05)
}

fn fit(params: &FineTune, texts: &[String], y: &Target) -> FittedEncoder {
    params.fit(folder("bert"), texts, y, &FitContext::new(3)).unwrap()
}

fn numbers(fitted: &FittedEncoder) -> Vec<Vec<f32>> {
    fitted.model.store.read_all().unwrap()
}

fn saved(fitted: &FittedEncoder, dir: &tempfile::TempDir, kind: SavedAs) -> PathBuf {
    let path = dir.path().join("saved");
    fitted.save(&path, kind).unwrap();
    path
}

fn opened(folder: &Path) -> Classifier {
    Classifier::open_with(folder, &Options::default().threads(1)).unwrap()
}

#[track_caller]
fn assert_alike(a: &[Prediction], b: &[Prediction], bound: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.output(), b.output());
        for (a, b) in a.scores().data().iter().zip(b.scores().data()) {
            assert!((a - b).abs() < bound * b.abs().max(1.0), "{a} instead of {b}");
        }
    }
}

#[test]
fn the_surface_decides_what_the_tokens_cannot() {
    let (texts, y) = twins();
    let tokenizer = Tokenizer::open(folder("bert"), opened(&folder("bert")).config()).unwrap();
    let ids = |text: &str| tokenizer.encode(text, 64, Long::Truncate).unwrap().windows.remove(0).ids;
    assert!(texts.chunks(2).all(|twins| ids(&twins[0]) == ids(&twins[1])), "twins have the same tokens");

    let without = fit(&probed().surface(false), &texts, &y).predict(&texts).unwrap();
    assert!((0..12).all(|i| without.row(2 * i) == without.row(2 * i + 1)), "half of them can be right");
    let with = fit(&probed(), &texts, &y).predict(&texts).unwrap();
    assert_eq!(with.labels().unwrap(), ["digit", "none"].repeat(12));
}

#[test]
fn every_head_reads_it_and_its_folder_answers_the_same() {
    let (texts, y) = twins();
    let level = Target::ordinal([1, 0].repeat(12), Classes::new(["low", "high"]).unwrap()).unwrap();
    let score = Target::regression([90.0, 10.0].repeat(12)).unwrap();
    let several = [
        TaskSpec::new("digits", &y),
        TaskSpec::new("level", &level).head("deep"),
        TaskSpec::new("score", &score).head("deep"),
    ];
    let alone = |name: &'static str, target| [TaskSpec::new(name, target)];
    let cases: [(&str, &str, &str, &[TaskSpec<'_>]); 5] = [
        ("bert", "linear", "mean", &alone("class", &y)),
        ("bert", "deep", "cls", &alone("class", &level)),
        ("roberta", "deep", "max", &alone("score", &score)),
        ("modernbert", "linear", "attention", &several),
        ("deberta-v3", "linear", "mean", &several),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (family, head, pooling, tasks) in cases {
        let params = joined().head(head.into()).pooling(pooling.into()).probe_epochs(3).max_epochs(2);
        let fitted = params.fit_tasks(folder(family), &texts, tasks, &FitContext::new(3)).unwrap();
        let told = fitted.predict_heads(&texts).unwrap();
        let path = saved(&fitted, &dir, SavedAs::F32);
        let classifier = opened(&path);
        assert!(classifier.notices().is_empty(), "{family}: {:?}", classifier.notices());
        assert_eq!(classifier.config().head.surface, fitted.model.surface);
        assert_alike(&classifier.score(Batch::Texts(&texts)).unwrap(), &told, 1e-5);
        // In a batch of one, and in one of all, beside other lengths.
        let one = classifier.score(Batch::Texts(&texts[3..4].to_vec())).unwrap();
        assert_eq!(one[0].row(0), classifier.score(Batch::Texts(&texts)).unwrap()[0].row(3));
        let error = classifier.logits(&[[2u32, 7, 3]]).unwrap_err().to_string();
        assert!(error.contains("token ids alone") && error.contains("predict"), "{error}");
    }
}

#[test]
fn small_types_and_artifacts_keep_it() {
    let (texts, y) = twins();
    let fitted = fit(&probed(), &texts, &y);
    let dir = tempfile::tempdir().unwrap();
    for kind in [SavedAs::F16, SavedAs::Int8] {
        let answers = opened(&saved(&fitted, &dir, kind)).score(Batch::Texts(&texts)).unwrap();
        assert_eq!(answers[0].labels().unwrap(), ["digit", "none"].repeat(12), "{}", kind.name());
    }
    save(&dir.path().join("artifact"), &fitted, Manifest::default()).unwrap();
    let mut catalog = Catalog::new();
    prompt_encoder::register(&mut catalog);
    let back = catalog.decode_scorer(&Bundle::open(&dir.path().join("artifact")).unwrap().root).unwrap();
    assert_alike(&back.score(Batch::Texts(&texts)).unwrap(), &fitted.predict_heads(&texts).unwrap(), 1e-5);
}

#[test]
fn every_window_has_the_surface_of_the_whole_text() {
    let (texts, y) = twins();
    let dir = tempfile::tempdir().unwrap();
    let path = saved(&fit(&joined(), &texts, &y), &dir, SavedAs::F32);
    // The digit stands where the first window does not reach.
    let long = ["7", "ж"].map(|end| format!("{}{end}", "please write a short poem ".repeat(9)));
    let options = Options::default().threads(1).max_tokens(12);
    for (long_texts, windows) in [(Long::Truncate, 1), (Long::Windows { overlap: 2 }, 6)] {
        let classifier = Classifier::open_with(&path, &options.clone().long(long_texts)).unwrap();
        let answers = classifier.predict(&long).unwrap();
        assert!(answers[0].windows >= windows);
        assert!(answers[0].scores[0] > answers[1].scores[0], "{answers:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_a_killed_run_goes_on_to_them() {
    let (texts, y) = twins();
    let params = joined().probe_epochs(2).max_epochs(2).dropout(0.1);
    let whole = numbers(&fit(&params, &texts, &y));
    let one = params.fit(folder("bert"), &texts, &y, &FitContext::new(3).threads(1)).unwrap();
    assert!(numbers(&one) == whole, "one thread");
    let dir = tempfile::tempdir().unwrap();
    let files = TrainFiles::default().checkpoints(dir.path()).resume(true);
    assert!(params.fit_in(folder("bert"), &texts, &y, &killed_at_once(), &files).is_err());
    // The same tokens and the same classes, but another surface: another run.
    let others: Vec<String> = texts.iter().map(|text| text.replace('7', "ж")).collect();
    let error = params.fit_in(folder("bert"), &others, &y, &FitContext::new(3), &files).unwrap_err();
    assert!(error.to_string().contains("other data"), "{error}");
    let again = params.fit_in(folder("bert"), &texts, &y, &FitContext::new(3), &files).unwrap();
    assert!(numbers(&again) == whole, "gone on");
}

#[test]
fn what_is_learned_from_a_folder_keeps_the_scale_of_its_heads() {
    let (texts, y) = twins();
    let fitted = fit(&joined(), &texts, &y);
    let dir = tempfile::tempdir().unwrap();
    let path = saved(&fitted, &dir, SavedAs::F32);
    let longer: Vec<String> = texts.iter().map(|text| format!("please write {text}")).collect();
    let still = joined().learning_rate(1e-9).max_epochs(1);
    let again = still.fit(&path, &longer, &y, &FitContext::new(4)).unwrap();
    assert_eq!(again.model.surface, fitted.model.surface);
    assert_alike(&again.predict_heads(&texts).unwrap(), &fitted.predict_heads(&texts).unwrap(), 1e-5);
    // Without it the head has another size and begins anew; nothing is left of it in the folder.
    let without = still.surface(false).fit(&path, &longer, &y, &FitContext::new(4)).unwrap();
    let other = tempfile::tempdir().unwrap();
    assert_eq!(opened(&saved(&without, &other, SavedAs::F32)).config().head.surface, None);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (texts, y) = twins();
    let params = quick().surface(true);
    let error = params.fit(folder("bert"), &texts, &y, &FitContext::new(3)).unwrap_err().to_string();
    assert!(error.contains("surface") && error.contains("linear"), "{error}");

    let dir = tempfile::tempdir().unwrap();
    let path = saved(&fit(&joined().max_epochs(1), &texts, &y), &dir, SavedAs::F32);
    let file = path.join("config.json");
    let config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = config.clone();
        change(&mut changed);
        std::fs::write(&file, changed.to_string()).unwrap();
        Classifier::open_with(&path, &Options::default().threads(1)).unwrap_err().to_string()
    };
    let pop = |list: &mut Value| drop(list.as_array_mut().unwrap().pop());
    for (change, parts) in [
        (
            &(|c: &mut Value| pop(&mut c["prompt_surface"]["mean"])) as &dyn Fn(&mut Value),
            ["`prompt_surface.mean` must hold a number for each of 14 features", "got 13"],
        ),
        (
            &|c: &mut Value| c["prompt_surface"]["mean"][3] = json!(f64::NAN),
            ["`prompt_surface.mean` must hold finite numbers", "null"],
        ),
        (
            &|c: &mut Value| {
                for part in ["features", "mean", "deviation"] {
                    pop(&mut c["prompt_surface"][part]);
                }
            },
            ["`prompt_head.out.weight`", "[2, 37]"],
        ),
        (
            &|c: &mut Value| drop(c.as_object_mut().unwrap().remove("prompt_surface")),
            ["`prompt_head.out.weight`", "[2, 24]"],
        ),
    ] {
        let error = refused(change);
        assert!(parts.iter().all(|part| error.contains(part)), "{parts:?} in: {error}");
    }
}
