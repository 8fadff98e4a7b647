//! Networks as learners by name: trained, saved, opened, compared, tuned; and what is said where they cannot be had.
//! What needs networks runs in a build with the feature `neural`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use prompt_core::{Error, Task};
use prompt_models::experiment::{Experiment, ExperimentConfig, ExperimentResults, Status};
use prompt_models::neural::{AVAILABLE, NAMES};
use prompt_models::prelude::*;
use prompt_models::train::Recipe;

fn config(text: &str, dir: &std::path::Path) -> ExperimentConfig {
    let mut config: ExperimentConfig =
        prompt_models::config::parse("test.toml".as_ref(), text, []).unwrap_or_else(|e| panic!("{e}"));
    config.output.dir = dir.to_path_buf();
    config.output.registry = None;
    config.evaluation.bootstrap = 20;
    config.evaluation.latency_samples = 5;
    config
}

fn run(config: ExperimentConfig) -> ExperimentResults {
    Experiment::new(config).unwrap().run(&FitContext::new(1)).unwrap()
}

const LINEAR: &str = "[data.synthetic]\nrows = 300\n[features.word]\ntype = 'tfidf'\n[traditional]\nfolds = 2\n\
                      [traditional.models]\nmultinomial_nb = true\n";

#[test]
fn networks_read_texts_and_no_columns() {
    for name in NAMES {
        let error = prompt_models::learners::estimator(Task::Classification, name).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("reads texts itself"), "{error}");
    }
    let error = Recipe::of_task("text").unwrap().model("perceptron").unwrap_err().to_string();
    assert!(error.contains("linear_svm") && error.contains("bilstm"), "{error}");
}

#[test]
fn a_build_without_networks_says_which_one_has_them() {
    if AVAILABLE {
        return;
    }
    let error = Recipe::of_task("text").unwrap().model("cnn").unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("--features neural"));
    let dir = tempfile::tempdir().unwrap();
    let results = run(config(&format!("{LINEAR}[deep]\nenabled = true\n"), dir.path()));
    let of = |name: &str| &results.models.iter().find(|m| m.model == name).unwrap().status;
    assert!(matches!(of("cnn"), Status::Unavailable(why) if why.contains("feature `neural`")));
}

#[cfg(feature = "neural")]
mod built {
    use std::path::{Path, PathBuf};

    use prompt_core::artifact::save;
    use prompt_core::{Batch, CancelToken, Control, Event, MemoryStudy, Target};
    use prompt_models::Report;
    use prompt_models::data::Dataset;
    use prompt_models::data::read::ReadOptions;
    use prompt_models::neural::{Network, Traces};
    use prompt_models::select::{Method, State, Tune};
    use prompt_models::train::{TrainOptions, train};
    use prompt_models::tune::tune_texts;
    use serde_json::json;

    use super::*;

    fn encoder_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../prompt-encoder/tests/reference/bert")
    }

    /// Two classes that one word tells apart; the last quarter are validation rows.
    fn data(n: usize) -> Dataset {
        let example = |i: usize| {
            let (word, label) =
                if i.is_multiple_of(2) { ("explain", "question") } else { ("ignore", "order") };
            let split = if i < n * 3 / 4 { "train" } else { "validation" };
            let place = ["garden", "shore", "hall"][i % 3];
            let number = if i.is_multiple_of(5) { json!(null) } else { json!(i % 3) };
            let line = json!({
                "text": format!("please {word} the {} of rule {i}", ["poem", "river", "engine"][i % 3]),
                "label": label,
                "split": split,
                "place": place,
                "number": number,
            });
            line.to_string() + "\n"
        };
        let lines: String = (0..n).map(example).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made.jsonl");
        std::fs::write(&path, lines).unwrap();
        ReadOptions::default().read(&path).unwrap().dataset
    }

    /// A small network that learns in a blink.
    fn small(name: &str) -> Recipe {
        let mut params = vec![
            ("embedding_dim", json!(8)),
            ("max_epochs", json!(12)),
            ("patience", json!(12)),
            ("batch_size", json!(8)),
            ("learning_rate", json!(0.02)),
            ("min_freq", json!(1)),
        ];
        match name {
            "cnn" => params.extend([("windows", json!([1, 2])), ("filters", json!(4))]),
            "hybrid" => {
                params.extend([("windows", json!([1, 2])), ("filters", json!(4)), ("units", json!(4))]);
            }
            "transformer" => {
                params.extend([("heads", json!(2)), ("layers", json!(1)), ("feed_forward", json!(8))]);
            }
            "encoder" => {
                params = vec![
                    ("from", json!(encoder_folder())),
                    ("max_epochs", json!(2)),
                    ("learning_rate", json!(0.002)),
                ];
            }
            _ => params.push(("units", json!(6))),
        }
        let recipe = Recipe::of_task("text").unwrap().model(name).unwrap();
        params.into_iter().fold(recipe, |recipe, (name, value)| recipe.param(name, &value).unwrap())
    }

    fn scores(scorer: &dyn Scorer, texts: &[String]) -> Vec<f64> {
        scorer.score(Batch::Texts(&texts.to_vec())).unwrap()[0].probabilities().unwrap().0.data().to_vec()
    }

    #[test]
    fn every_network_is_trained_saved_and_comes_back() {
        let data = data(160);
        let texts: Vec<String> = data.iter().map(|e| e.text.clone()).collect();
        for name in NAMES {
            // A sanitiser before it is part of what is saved.
            let recipe = small(name).sanitiser(Some(Default::default()));
            let dir = tempfile::tempdir().unwrap();
            let log = dir.path().join("epochs.jsonl");
            let traces = Traces { log: Some(log.clone()), ..Traces::default() };
            let options = TrainOptions { traces, ..TrainOptions::default() };
            let trained = train(&recipe, &data, &options, &FitContext::new(3)).unwrap();
            assert_eq!((trained.manifest.name.as_str(), trained.train_rows), (name, 120));
            assert_eq!(trained.manifest.params["model"]["type"], name);
            if name != "encoder" {
                let Some(Report::Classification(report)) = &trained.validation else { panic!("{name}") };
                assert!(report.f1_macro > 0.9, "{name}: {report}");
            }
            let lines = std::fs::read_to_string(&log).unwrap();
            let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
            assert!(
                first["epoch"] == 1 && first["train_loss"].is_f64() && first["tokens_per_second"].is_f64()
            );

            let before = scores(&*trained.scorer, &texts);
            let saved = dir.path().join("model");
            save(&saved, &trained.scorer, trained.manifest.clone()).unwrap();
            let opened = LoadedModel::open(&saved).unwrap();
            assert_eq!(scores(&*opened.scorer, &texts), before, "{name}");
            assert_eq!(opened.classes().unwrap().names(), ["order", "question"]);
            let mut one = [0.0; 2];
            opened.scorer.score_text(&texts[3], &mut Default::default(), &mut one).unwrap();
            assert!((one[0] - before[6]).abs() < 1e-6, "{name}: {one:?} {:?}", &before[6..8]);
        }
    }

    #[test]
    fn a_stopped_training_goes_on_to_the_same_model() {
        let data = data(80);
        let texts: Vec<String> = data.iter().map(|e| e.text.clone()).collect();
        let dir = tempfile::tempdir().unwrap();
        let traces = Traces {
            log: Some(dir.path().join("epochs.jsonl")),
            checkpoints: Some(dir.path().join("states")),
            resume: true,
        };
        let options = TrainOptions { traces, ..TrainOptions::default() };
        let whole = train(&small("cnn"), &data, &TrainOptions::default(), &FitContext::new(3)).unwrap();
        let token = CancelToken::new();
        let cancel = token.clone();
        let stop = move |event: &Event<'_>| {
            if event.stage == "epoch" && event.step == 2 {
                cancel.cancel();
            }
            Control::Continue
        };
        let ctx = FitContext::new(3).with_cancel(token).with_observer(std::sync::Arc::new(stop));
        assert!(matches!(train(&small("cnn"), &data, &options, &ctx), Err(Error::Cancelled)));
        assert!(dir.path().join("states/last.safetensors").is_file());
        let rest = train(&small("cnn"), &data, &options, &FitContext::new(3)).unwrap();
        assert_eq!(scores(&*rest.scorer, &texts), scores(&*whole.scorer, &texts));
        // Another run does not go on from there.
        let other = small("cnn").param("filters", &json!(5)).unwrap();
        let error = train(&other, &data, &options, &FitContext::new(3)).err().unwrap().to_string();
        assert!(error.contains("belongs to other data, parameters or another seed"), "{error}");
    }

    #[test]
    fn an_encoder_learns_numbers_in_their_own_scale() {
        let texts: Vec<String> =
            (0..24).map(|i| ["a short note", "a long story"][i % 2].to_owned()).collect();
        let y = Target::regression((0..24).map(|i| [40.0, 60.0][i % 2]).collect()).unwrap();
        let network = Network::named("encoder")
            .and_then(|n| n.with_param("from", &json!(encoder_folder())))
            .and_then(|n| n.with_param("max_epochs", &json!(1)))
            .unwrap();
        let fitted = network.fit(&texts, &y, &FitContext::new(1), &Traces::default()).unwrap();
        let mut out = [0.0];
        fitted.scorer.score_text("a long story", &mut Default::default(), &mut out).unwrap();
        assert!((30.0..70.0).contains(&out[0]), "near the mean of what was learned: {out:?}");
    }

    #[test]
    fn an_encoder_with_several_heads_of_its_own_is_saved_and_comes_back() {
        let data = data(80);
        let texts: Vec<String> = data.iter().map(|e| e.text.clone()).collect();
        let recipe = [("head", "linear"), ("pooling", "attention"), ("loss", "focal")]
            .into_iter()
            .try_fold(small("encoder"), |recipe, (name, value)| recipe.param(name, &json!(value)))
            .and_then(|recipe| recipe.param("probe_epochs", &json!(5)))
            .unwrap();
        let task_fields = vec!["place".parse().unwrap(), "number=0.5".parse().unwrap()];
        let options = TrainOptions { task_fields, ..TrainOptions::default() };
        let trained = train(&recipe, &data, &options, &FitContext::new(3)).unwrap();
        let names: Vec<&str> = trained.scorer.heads().iter().map(|head| head.name.as_str()).collect();
        assert_eq!(names, ["class", "place", "number"]);
        let measured = trained.validation.unwrap();
        let Report::Classification(measured) = measured else { panic!("{measured:?}") };
        assert_eq!(measured.rows, 20, "the label is what is measured");
        let told = json!([{ "name": "place", "weight": 1.0 }, { "name": "number", "weight": 0.5 }]);
        assert_eq!(trained.manifest.params["task_fields"], told);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model");
        save(&path, &*trained.scorer, trained.manifest).unwrap();
        let again = LoadedModel::open(&path).unwrap();
        let answers = |scorer: &dyn Scorer| {
            let all = scorer.score(Batch::Texts(&texts)).unwrap();
            all.iter().flat_map(|p| (0..texts.len()).flat_map(|i| p.row(i).to_vec())).collect::<Vec<_>>()
        };
        assert_eq!(answers(&*again.scorer), answers(&*trained.scorer));
        // A field that would be called as another's column.
        let twice = |name: &str| {
            let rows = data.iter().cloned().map(|mut row| {
                row.extra.set(name, &1.5).unwrap();
                row
            });
            let task_fields = vec!["place".parse().unwrap(), name.parse().unwrap()];
            let options = TrainOptions { task_fields, ..TrainOptions::default() };
            train(&recipe, &Dataset::new(rows), &options, &FitContext::new(3)).err().unwrap().to_string()
        };
        for name in ["p_order", "place_confidence"] {
            assert!(twice(name).contains(&format!("would be called `{name}`")), "{}", twice(name));
        }
        // No other learner has further heads.
        let error = train(&small("cnn"), &data, &options, &FitContext::new(3)).err().unwrap().to_string();
        assert!(error.contains("further fields"), "{error}");
        let error = train(&Recipe::of_task("text").unwrap(), &data, &options, &FitContext::new(3));
        assert!(error.err().unwrap().to_string().contains("`place`"));
    }

    #[test]
    fn bad_input_is_said() {
        let data = data(40);
        let refused = |recipe: Recipe, parts: &[&str]| {
            let error = train(&recipe, &data, &TrainOptions::default(), &FitContext::new(1)).err().unwrap();
            let error = error.to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        };
        refused(Recipe::of_task("text").unwrap().model("encoder").unwrap(), &["--from DIR"]);
        let from = |path: &Path| small("encoder").param("from", &json!(path)).unwrap();
        refused(from("no/such".as_ref()), &["no/such", "config.json"]);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), r#"{"model_type": "ouija"}"#).unwrap();
        refused(from(dir.path()), &["ouija", "bert"]);
        refused(small("encoder").param("head", &json!("deep")).unwrap(), &["the deep head", "linear"]);
        if !cfg!(feature = "cuda") {
            refused(
                small("cnn").param("device", &json!("cuda")).unwrap(),
                &["device `cuda`", "feature `cuda`"],
            );
        }
        let error = small("cnn").param("device", &json!("gpu")).unwrap_err().to_string();
        assert!(error.contains("one of cpu, wgpu, cuda"), "{error}");
        let error = small("cnn").param("dropout", &json!(1.5)).unwrap_err().to_string();
        assert!(error.contains("cnn: parameter `dropout`"), "{error}");
    }

    const NETWORKS: &str = "[deep]\nenabled = true\nmax_epochs = 2\nbatch = 16\nmax_length = 32\n[deep.models]\n\
         cnn = { params = { embedding_dim = 8, filters = 4, windows = [1, 2] } }\n\
         transformer = { params = { embedding_dim = 8, feed_forward = 8, heads = 2, layers = 1 } }\nlstm = false\n";

    #[test]
    fn an_experiment_compares_them_with_linear_models() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(&format!("{LINEAR}{NETWORKS}"), dir.path());
        let told =
            json!({ "minilm": { "from": encoder_folder(), "params": { "max_epochs": 1 } }, "bert": true });
        config.encoders.enabled = true;
        config.encoders.models = serde_json::from_value(told).unwrap();
        config.encoders.saved_as = "f16".to_owned();
        config.deep.folds = Some(2);
        let results = run(config.clone());
        let of = |name: &str| results.models.iter().find(|m| m.model == name).unwrap();
        for name in ["multinomial_nb", "cnn", "transformer", "minilm"] {
            let model = of(name);
            assert_eq!(model.status, Status::Ok, "{name}: {}", model.status);
            assert!(model.test.is_some() && model.cv.as_ref().unwrap().mean > 0.0);
            let opened = LoadedModel::open(model.path.as_ref().unwrap()).unwrap();
            assert_eq!(opened.classes().unwrap().len(), 3);
        }
        assert_eq!(of("cnn").cv.as_ref().unwrap().folds.len(), 2);
        assert_eq!(of("minilm").cv.as_ref().unwrap().folds.len(), 1, "one of the linear models' folds");
        assert_eq!(of("minilm").params["saved_as"], "f16");
        assert_eq!(of("cnn").params["loss"], "focal");
        assert_eq!(of("cnn").params["class_weight"]["malicious"], 1.5);
        assert!(
            matches!(&of("bert").status, Status::Unavailable(why) if why.contains("encoders.models.bert.from"))
        );
        assert!(results.models.iter().all(|m| m.model != "lstm"));
        assert!(of("cnn").history.as_ref().is_some_and(|h| h.epochs.len() == 2));
        assert!(dir.path().join("models/cnn/epochs.jsonl").is_file());
        assert!(
            !dir.path().join("models/cnn/training").exists(),
            "a training that has ended leaves no states"
        );

        // Once more: everything is read back.
        let again = run(config);
        let log = std::fs::read_to_string(dir.path().join("experiment.log")).unwrap();
        assert!(log.contains("cnn: read back") && log.contains("minilm: read back"), "{log}");
        let f1 = |r: &ExperimentResults| {
            let models =
                r.models.iter().filter_map(|m| Some((m.model.clone(), m.test.as_ref()?.report.f1_macro)));
            models.collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(f1(&again), f1(&results));
        assert!(dir.path().join("models/cnn/epochs.jsonl").is_file(), "still this run's");
    }

    #[test]
    fn an_encoder_is_cross_validated_over_the_folds_that_are_asked_for() {
        let cv_on = |threads: usize| {
            let dir = tempfile::tempdir().unwrap();
            let mut config = config(LINEAR, dir.path());
            let params = json!({
                "head": "linear", "pooling": "mean", "probe_epochs": 40, "probe_rate": 0.05, "max_epochs": 1,
            });
            config.encoders.enabled = true;
            config.encoders.models =
                serde_json::from_value(json!({ "minilm": { "from": encoder_folder(), "params": params } }))
                    .unwrap();
            config.encoders.folds = Some(3);
            let results = Experiment::new(config).unwrap().run(&FitContext::new(1).threads(threads)).unwrap();
            results.models.into_iter().find(|m| m.model == "minilm").unwrap().cv.unwrap()
        };
        let cv = cv_on(2);
        assert_eq!(cv.folds.len(), 3);
        let mean = cv.folds.iter().sum::<f64>() / 3.0;
        let variance = cv.folds.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0;
        assert!((cv.mean - mean).abs() < 1e-12 && (cv.std - variance.sqrt()).abs() < 1e-12, "{cv:?}");
        assert!(cv.std > 0.0, "a fit of its own for each fold: {:?}", cv.folds);
        assert!(cv.mean > 0.25, "one class for all has 1/6: {:?}", cv.folds);
        assert_eq!(cv, cv_on(1), "same seed, same bits for any number of threads");
    }

    #[test]
    fn a_stopped_experiment_goes_on_inside_a_training() {
        let dir = tempfile::tempdir().unwrap();
        let whole = tempfile::tempdir().unwrap();
        let text = format!("{LINEAR}{NETWORKS}");
        let token = CancelToken::new();
        let cancel = token.clone();
        let epochs = std::sync::atomic::AtomicUsize::new(0);
        let stop = move |event: &Event<'_>| {
            // The fold's two, then the first of the fit that counts.
            if event.stage == "epoch" && epochs.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2 {
                cancel.cancel();
            }
            Control::Continue
        };
        let ctx = FitContext::new(1).with_cancel(token).with_observer(std::sync::Arc::new(stop));
        let stopped = Experiment::new(config(&text, dir.path())).unwrap().run(&ctx).unwrap();
        assert!(stopped.cancelled);
        assert!(dir.path().join("models/cnn/training/last.safetensors").is_file());
        let rest = run(config(&text, dir.path()));
        let whole = run(config(&text, whole.path()));
        let test = |r: &ExperimentResults, name: &str| {
            let held = r.models.iter().find(|m| m.model == name).unwrap().held.as_ref().unwrap().test.clone();
            held.scores().data().to_vec()
        };
        for name in ["cnn", "transformer"] {
            assert_eq!(test(&rest, name), test(&whole, name), "{name}");
        }
        assert!(!dir.path().join("models/cnn/training").exists());
    }

    #[test]
    fn a_wrong_key_of_a_network_is_said() {
        let read = |text: &str| {
            prompt_models::config::parse::<ExperimentConfig>("a.toml".as_ref(), text, [])
                .unwrap_err()
                .to_string()
        };
        let error = read("[deep]\nenabled = true\n[deep.models]\ncnn = { parms = {} }\n");
        assert!(error.contains("line 4") && error.contains("parms"), "{error}");
        let dir = tempfile::tempdir().unwrap();
        let text =
            format!("{LINEAR}[deep]\nenabled = true\n[deep.models]\ncnn = {{ params = {{ filter = 3 }} }}\n");
        let results = run(config(&text, dir.path()));
        let cnn = results.models.iter().find(|m| m.model == "cnn").unwrap();
        assert!(matches!(&cnn.status, Status::Failed(why) if why.contains("filter")), "{}", cnn.status);
    }

    #[test]
    fn a_study_chooses_the_parameters_of_a_network_and_ends_bad_trials_early() {
        let data = data(160);
        let recipe = small("cnn").param("max_epochs", &json!(4)).unwrap();
        let tune: Tune = serde_json::from_value(json!({
            "method": "random", "trials": 14, "folds": 2, "generation": 1,
            "space": { "learning_rate": { "type": "choice", "values": [0.03, 0.02, 0.00001] } },
        }))
        .unwrap();
        let cleaner = TrainOptions::default().cleaner;
        let study = || Box::new(MemoryStudy::default());
        let ctx = FitContext::new(5);
        let (tuned, chosen) = tune_texts(&recipe, &data, (&tune, &cleaner), study(), &ctx).unwrap();
        assert_ne!(chosen.params()["learning_rate"], 0.00001);
        assert!(tuned.value > 0.8, "{tuned:?}");
        let pruned: Vec<_> = tuned.trials.iter().filter(|t| t.state == State::Pruned).collect();
        assert!(pruned.iter().any(|t| t.steps.len() < 4), "given up inside a fold: {pruned:?}");
        let complete = tuned.trials.iter().find(|t| t.state == State::Complete).unwrap();
        assert_eq!(complete.steps.len(), 4 + 1, "the first fold's epochs, then the mean after it");
        // The same seed, the same study, for another number of threads.
        let (again, _) =
            tune_texts(&recipe, &data, (&tune, &cleaner), study(), &ctx.clone().threads(1)).unwrap();
        let outcome = |t: &prompt_models::select::Tuned| -> Vec<_> {
            t.trials.iter().map(|t| (t.params.clone(), t.state, t.score, t.steps.clone())).collect()
        };
        assert_eq!(outcome(&again), outcome(&tuned));

        // Without a space of its own it searches the built-in one.
        let tune = Tune { method: Method::Tpe, trials: Some(2), folds: 2, ..Tune::default() };
        let (tuned, _) = tune_texts(&recipe, &data, (&tune, &cleaner), study(), &ctx).unwrap();
        // What the caller set is not searched.
        assert!(
            tuned.best.contains_key("dropout") && !tuned.best.contains_key("learning_rate"),
            "{:?}",
            tuned.best
        );
    }

    #[test]
    fn a_study_chooses_the_parameters_of_an_encoder() {
        let data = data(80);
        let quick = [("max_epochs", json!(6)), ("batch_size", json!(6)), ("dropout", json!(0.0))];
        let recipe = quick
            .into_iter()
            .fold(small("encoder"), |recipe, (name, value)| recipe.param(name, &value).unwrap());
        let tune: Tune = serde_json::from_value(json!({
            "method": "random", "trials": 6, "folds": 2, "generation": 1,
            "space": {
                "learning_rate": { "type": "choice", "values": [0.01, 1e-7] },
                "pooling": { "type": "choice", "values": ["cls", "mean"] },
            },
        }))
        .unwrap();
        let cleaner = TrainOptions::default().cleaner;
        let study = Box::new(MemoryStudy::default());
        let (tuned, chosen) =
            tune_texts(&recipe, &data, (&tune, &cleaner), study, &FitContext::new(5)).unwrap();
        let rates = |rate: f64| tuned.trials.iter().filter(|t| t.params["learning_rate"] == rate).count();
        assert!(rates(0.01) > 0 && rates(1e-7) > 0, "{tuned:?}");
        assert_eq!(chosen.params()["learning_rate"], 0.01);
        assert_eq!(chosen.params()["pooling"], tuned.best["pooling"]);
        assert!(tuned.value > 0.8, "{tuned:?}");
    }
}
