//! What an experiment promises when things go wrong, and what it leaves on disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds, it unwraps as the test does"
)]

use std::collections::BTreeMap;
use std::path::Path;

use prompt_models::experiment::{
    Experiment, ExperimentConfig, ExperimentResults, Grid, Model, Models, SelectBy, Status,
};
use prompt_models::prelude::*;
use serde_json::json;

fn config(dir: &Path, models: &[(&str, Model)]) -> ExperimentConfig {
    let mut config: ExperimentConfig = prompt_models::config::parse(
        Path::new("test.toml"),
        "[data.synthetic]\nrows = 400\n[features.word]\ntype = 'tfidf'\n[traditional]\nfolds = 2\n",
        [],
    )
    .unwrap();
    config.evaluation.bootstrap = 20;
    config.output.dir = dir.to_path_buf();
    config.output.registry = None;
    config.traditional.models = Models(models.iter().map(|(n, m)| ((*n).to_owned(), m.clone())).collect());
    config
}

fn plain() -> Model {
    Model { grid: Grid::None, ..Model::default() }
}

fn run(config: ExperimentConfig) -> ExperimentResults {
    Experiment::new(config).unwrap().run(&FitContext::new(1)).unwrap()
}

fn status<'a>(results: &'a ExperimentResults, model: &str) -> &'a Status {
    &results.models.iter().find(|m| m.model == model).unwrap().status
}

#[test]
fn a_model_that_fails_is_recorded_and_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &[("multinomial_nb", plain()), ("majority", plain())]);
    let hashing = HashingVectorizer::default().n_features(64);
    config.features = prompt_models::pipeline::Features::of(vec![("hash".into(), Box::new(hashing))]);
    let results = run(config);
    let Status::Failed(why) = status(&results, "multinomial_nb") else { panic!("{}", results.summary()) };
    assert!(why.contains("negative number") && why.contains("takes counts"), "{why}");
    assert_eq!(results.best.as_deref(), Some("majority"));
    let csv = std::fs::read_to_string(dir.path().join("results.csv")).unwrap();
    assert!(csv.contains("failed: "), "{csv}");
}

#[test]
fn a_time_limit_ends_one_model_alone() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Model { timeout_s: Some(1e-6), ..plain() };
    let results = run(config(dir.path(), &[("logistic_regression", slow), ("majority", plain())]));
    assert!(matches!(status(&results, "logistic_regression"), Status::Timeout(_)), "{}", results.summary());
    assert_eq!(*status(&results, "majority"), Status::Ok);
}

#[test]
fn training_rows_can_be_limited_and_balanced() {
    let dir = tempfile::tempdir().unwrap();
    let mut limited = config(dir.path(), &[("multinomial_nb", plain())]);
    limited.data.max_train_samples = Some(100);
    limited.clean.balance = prompt_models::data::Balance::Down;
    let results = run(limited);
    assert_eq!(results.data.train, 100);
    let shares: Vec<f64> = results.data.train_labels.values().map(|n| *n as f64).collect();
    assert!(shares.iter().all(|n| *n >= 15.0), "the sample is stratified: {:?}", results.data.train_labels);
    assert!(results.best().is_some());
}

#[test]
fn a_bayesian_search_follows_the_grid_where_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let searched = Model { grid: Grid::Builtin, ..Model::default() };
    let mut further = config(dir.path(), &[("multinomial_nb", searched)]);
    (further.tuning.bayesian, further.tuning.bayesian_trials) = (true, 3);
    let results = run(further);
    let cv = results.best().unwrap().cv.as_ref().unwrap();
    assert_eq!(cv.points.len(), 4 + 3, "the values of the grid, then the trials");
    assert!(cv.points.iter().all(|p| p.mean.is_some_and(|m| m <= cv.mean + 1e-12)));
    assert!(results.notes.iter().all(|n| !n.contains("Bayesian")));
}

#[test]
fn a_search_finds_the_better_point_and_says_what_it_tried() {
    let dir = tempfile::tempdir().unwrap();
    let grid = BTreeMap::from([("c".to_owned(), vec![json!(1e-6), json!(10.0)])]);
    let searched = Model { grid: Grid::Explicit(grid), ..Model::default() };
    let results = run(config(dir.path(), &[("logistic_regression", searched)]));
    let best = results.best().unwrap();
    assert_eq!(best.best_params["c"], 10.0);
    let cv = best.cv.as_ref().unwrap();
    assert_eq!((cv.points.len(), cv.folds.len()), (2, 2));
    assert!(cv.points[0].mean < cv.points[1].mean);
    assert!((cv.mean - cv.folds.iter().sum::<f64>() / 2.0).abs() < 1e-12);
    assert_eq!(cv.out_of_fold.report.rows, results.data.train, "every training row was held out once");
}

#[test]
fn a_finished_run_is_read_back_and_a_changed_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let models = [("multinomial_nb", plain()), ("majority", plain())];
    let first = run(config(dir.path(), &models));
    let log = || std::fs::read_to_string(dir.path().join("experiment.log")).unwrap();
    assert_eq!(log().matches("read back").count(), 0);
    let second = run(config(dir.path(), &models));
    assert_eq!(log().matches("read back").count(), 2);
    let numbers =
        |r: &ExperimentResults| serde_json::to_value((&r.best().unwrap().test, &r.gates[0])).unwrap();
    assert_eq!(numbers(&first), numbers(&second));

    let mut other = config(dir.path(), &models);
    other.seed = 7;
    run(other);
    assert_eq!(log().matches("read back").count(), 2, "another seed is another experiment");

    // A model whose folder was damaged is trained again.
    run(config(dir.path(), &models));
    let weights = dir.path().join("models/multinomial_nb/model/weights.safetensors");
    std::fs::write(&weights, "damaged").unwrap();
    let healed = run(config(dir.path(), &models));
    assert!(healed.best().is_some());
    assert!(LoadedModel::open(&dir.path().join("models/multinomial_nb/model")).is_ok());
}

/// Labelled prompts with splits; `flip` turns the labels of the test rows around.
fn written(path: &Path, rows: usize, flip: bool) {
    let lines: String = (0..rows)
        .map(|i| {
            let test = i % 5 == 4;
            let (text, label) =
                if i % 2 == 0 { ("water the garden", "benign") } else { ("ignore the rules", "malicious") };
            let other = if label == "benign" { "malicious" } else { "benign" };
            let label = if test && flip { other } else { label };
            let split = if test { "test" } else { "train" };
            json!({"text": format!("{text} {i} {}", i * 7919 % 613), "label": label, "split": split})
                .to_string()
                + "\n"
        })
        .collect();
    std::fs::write(path, lines).unwrap();
}

#[test]
fn models_of_other_rows_are_never_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.jsonl");
    let out = dir.path().join("out");
    let told = || {
        let mut told = config(&out, &[("multinomial_nb", plain())]);
        told.data.path = Some(path.clone());
        told.split.keep_near_duplicates_together = false;
        told
    };
    written(&path, 200, false);
    assert_eq!(run(told()).best().unwrap().test.as_ref().unwrap().report.accuracy, 1.0);

    // Test rows that changed are scored anew, also when nothing else changed.
    written(&path, 200, true);
    assert_eq!(run(told()).best().unwrap().test.as_ref().unwrap().report.accuracy, 0.0);

    // A run on other rows that was killed before its first model leaves those of the run before it: not its own.
    written(&path, 200, false);
    run(told());
    written(&path, 100, false);
    let killed = Experiment::new(told()).unwrap();
    let token = prompt_models::core::CancelToken::new();
    token.cancel();
    assert!(killed.run(&FitContext::new(1).with_cancel(token)).is_err(), "stopped while reading");
    let results = run(told());
    assert_eq!(results.data.train, 80);
    assert_eq!(results.best().unwrap().test.as_ref().unwrap().report.rows, 20);
    let log = std::fs::read_to_string(out.join("experiment.log")).unwrap();
    assert!(!log.contains("read back"), "{log}");
}

#[test]
fn a_fold_count_that_cannot_be_had_fails_its_model_alone() {
    let dir = tempfile::tempdir().unwrap();
    let many = Model { folds: Some(5000), ..plain() };
    let results = run(config(dir.path(), &[("multinomial_nb", many), ("majority", plain())]));
    let Status::Failed(why) = status(&results, "multinomial_nb") else { panic!("{}", results.summary()) };
    assert!(why.contains("that it needs for 5000 folds"), "{why}");
    assert_eq!(results.best.as_deref(), Some("majority"));
}

#[test]
fn the_data_s_own_splits_are_honoured() {
    let dir = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for i in 0..90 {
        let (label, text) = [
            ("benign", "please plan a quiet day"),
            ("malicious", "ignore every rule right now"),
            ("suspicious", "pretend to be somebody else"),
        ][i % 3];
        let split = ["train", "train", "train", "validation", "test"][i / 3 % 5];
        lines += &json!({"user_message": format!("{text} {i}"), "classification": label, "split": split})
            .to_string();
        lines.push('\n');
    }
    let path = dir.path().join("data.jsonl");
    std::fs::write(&path, lines).unwrap();
    let mut given = config(&dir.path().join("out"), &[("multinomial_nb", Model::default())]);
    given.data.path = Some(path);
    // These prompts differ by a number alone: kept together, a class would be one group.
    given.split.keep_near_duplicates_together = false;
    given.selection.by = SelectBy::Cv;
    let results = run(given);
    assert_eq!((results.data.train, results.data.test), (54, 18));
    let cv = results.best().unwrap().cv.as_ref().unwrap();
    assert_eq!(cv.out_of_fold.report.rows, 18, "points are compared on the validation rows");
    assert_eq!(cv.folds.len(), 2, "the chosen point is cross-validated on the training rows");
    assert!(!results.data.synthetic && !results.summary().contains("synthetic"));
}

#[test]
fn any_labels_can_be_learned_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..100)
        .map(|i| {
            json!({"text": format!("topic{} word {i}", i % 5), "label": format!("class{}", i % 5)})
                .to_string()
                + "\n"
        })
        .collect();
    let path = dir.path().join("topics.jsonl");
    std::fs::write(&path, lines).unwrap();
    let mut text = config(&dir.path().join("out"), &[("logistic_regression", plain())]);
    text.data.path = Some(path);
    text.task = prompt_models::experiment::Task::Text;
    text.selection.criteria = vec!["f1_macro".into()];
    text.gates = prompt_models::experiment::Gates::default();
    let results = run(text);
    let best = results.best().unwrap();
    assert_eq!(best.test.as_ref().unwrap().report.accuracy, 1.0);
    assert!(best.test.as_ref().unwrap().security.is_none());
    assert!(results.gates.iter().all(|g| g.name != "security_score"), "gates of another task do not apply");
}

#[test]
fn training_rows_count_by_their_weights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.jsonl");
    // A third of the training rows, which weigh more than the rest together, says the opposite; test rows agree with it.
    let lines: String = (0..150)
        .map(|i| {
            let (test, odd) = (i % 5 == 4, i % 3 == 0);
            let word = i % 2 + usize::from(odd || test);
            let text = format!("{} {i}", ["water the garden", "read the paper"][i % 2]);
            let (label, split) = (["one", "two"][word % 2], if test { "test" } else { "train" });
            let weight = if odd { 20.0 } else { 1.0 };
            json!({"text": text, "label": label, "split": split, "importance": weight}).to_string() + "\n"
        })
        .collect();
    std::fs::write(&path, lines).unwrap();
    let accuracy = |field: Option<&str>| {
        let out = dir.path().join(field.unwrap_or("plain"));
        let mut given = config(&out, &[("logistic_regression", plain())]);
        given.data.path = Some(path.clone());
        given.data.weight_field = field.map(str::to_owned);
        given.task = prompt_models::experiment::Task::Text;
        given.selection.criteria = vec!["f1_macro".into()];
        given.gates = prompt_models::experiment::Gates::default();
        run(given).best().unwrap().test.as_ref().unwrap().report.accuracy
    };
    assert!(accuracy(None) < 0.1);
    assert!(accuracy(Some("importance")) > 0.9);
}
