//! Whole pages of small experiments.

use std::fmt::Write;
use std::path::Path;

use prompt_core::FitContext;

use super::super::config::{Evaluation, ExperimentConfig, Task};
use super::super::families::{Grid, Model, Models};
use super::super::result::{ExperimentResults, Status};
use super::super::{Experiment, gates};
use super::html;
use super::wellformed;

/// Two quick models on synthetic prompts, in a folder that goes when the test ends.
fn config(dir: &Path) -> ExperimentConfig {
    let model = Model { grid: Grid::None, ..Model::default() };
    let mut config =
        ExperimentConfig { name: "small".into(), threads: Some(1), ..ExperimentConfig::default() };
    config.data.synthetic.rows = 400;
    config.traditional.folds = 2;
    config.traditional.models =
        Models(["majority", "multinomial_nb"].map(|name| (name.to_owned(), model.clone())).into());
    config.evaluation.bootstrap = 50;
    config.evaluation.latency_samples = 5;
    config.output.dir = dir.to_path_buf();
    config.output.registry = None;
    config
}

fn run(change: impl FnOnce(&mut ExperimentConfig)) -> ExperimentResults {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    change(&mut config);
    Experiment::new(config).unwrap().run(&FitContext::new(1)).unwrap()
}

/// The page of these results, which must be well formed whatever they are.
fn page(results: &ExperimentResults) -> String {
    let page = html(results, &Evaluation::default()).unwrap();
    wellformed::check(&page).unwrap();
    page
}

/// A data set of `k` classes, named by `class`, in which most prompts tell their class.
fn text_task(k: usize, class: impl Fn(usize) -> String) -> ExperimentResults {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.jsonl");
    let mut lines = String::new();
    for row in 0..k * 12 {
        let (label, told) = (row % k, if row % 11 == 0 { (row + 1) % k } else { row % k });
        let text = format!("topic{told} word{told} number {row} of the set, said in way {}", row * row % 97);
        let line = serde_json::json!({ "text": text, "label": class(label), "source": "made up" });
        writeln!(lines, "{line}").unwrap();
    }
    std::fs::write(&path, lines).unwrap();
    run(|config| {
        config.task = Task::Text;
        config.data.path = Some(path);
        config.selection.criteria = vec!["f1_macro".into()];
        config.split.keep_near_duplicates_together = false;
        config.traditional.models.0.remove(0);
    })
}

fn anchors(page: &str) -> Vec<&str> {
    page.split("<section id=\"").skip(1).filter_map(|s| s.split('"').next()).collect()
}

#[test]
fn a_page_has_every_section_in_order_and_no_way_out() {
    let results = run(|_| {});
    let page = page(&results);
    assert_eq!(
        anchors(&page),
        ["data", "models", "winner", "pictures", "blind", "errors", "validation", "notes", "reproduce"]
    );
    assert!(page.contains("<strong>Synthetic data.</strong>"));
    assert_eq!(results.best.as_deref(), Some("multinomial_nb"));
    let best = results.best().unwrap().test.as_ref().unwrap();
    assert!(page.contains(&format!("{:.4}<small>[", best.report.f1_macro)));
    // Two bar charts and four pictures of the winner, each with the text a screen reader says.
    assert_eq!(page.matches("<svg xmlns=").count(), 6);
    for picture in
        ["Confusion matrix: confusion matrix of 3 classes", "ROC: ROC curves", "Calibration: reliability"]
    {
        assert!(page.contains(&format!("aria-label=\"{picture}")), "{picture}");
    }
    assert_eq!(page.matches(">pass<").count() + page.matches(">FAIL<").count(), results.gates.len());
    assert!(page.contains("Detection at a promised false-alarm rate"));
    assert!(page.contains(&results.data.digest) && page.contains("config.json --fresh"));
    // Nothing is fetched: the only addresses name the SVG format.
    assert_eq!(page.matches("http").count(), 6 + page.matches("http-equiv").count());
    assert!(!page.contains("@import") && !page.contains("url("));
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let results = run(|_| {});
    assert_eq!(page(&results), page(&results.clone()));
    // Two runs differ in what a clock and the machine say, and in nothing else.
    let mut again = run(|_| {});
    again.wall_seconds = results.wall_seconds;
    again.peak_memory_mib = results.peak_memory_mib;
    again.dir = results.dir.clone();
    again.gates = results.gates.clone();
    for (new, old) in again.models.iter_mut().zip(&results.models) {
        new.fit_seconds = old.fit_seconds;
        new.predict_us_per_prompt = old.predict_us_per_prompt;
    }
    assert_eq!(page(&results), page(&again));
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let hostile = "<script>alert(1)</script> \"'&\u{202e}\0";
    let mut results = text_task(5, |i| format!("<script>class{i}\u{202e}</script>"));
    let name = "</th><script>model</script>";
    for model in &mut results.models {
        model.model = name.into();
    }
    results.best = Some(name.into());
    results.name = hostile.into();
    results.data.origin = hostile.into();
    results.data.removed.insert(hostile.into(), 3);
    results.notes.push(hostile.into());
    results.test.texts.fill(hostile.into());
    results.test.sources.fill(Some(hostile.into()));
    let mut failed = results.models[0].clone();
    (failed.test, failed.status) = (None, Status::Failed(hostile.into()));
    results.models.push(failed);
    let page = page(&results);
    // One element of our own; every other is text.
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(
        "&lt;script&gt;alert(1)&lt;/script&gt; &quot;&#39;&amp;<mark class=\"hidden-char\">U+202E</mark>"
    ));
    assert!(page.contains("&lt;script&gt;class0⟨U+202E⟩&lt;/script&gt;"), "labels in pictures");
    assert!(!page.contains('\u{202e}') && !page.contains('\0'));
}

#[test]
fn a_run_of_failures_says_why() {
    let results = run(|config| {
        config.traditional.timeout_s = 1e-9;
        config.traditional.models.0.push(("xgboost".into(), Model::default()));
    });
    let page = page(&results);
    assert_eq!(anchors(&page), ["data", "models", "validation", "notes", "reproduce"]);
    assert!(page.contains("<strong>No winner.</strong>"));
    assert_eq!(page.matches(">timeout</span>").count(), 2);
    assert_eq!(page.matches(">unavailable</span>").count(), 1);
    assert!(page.contains("No model was cross-validated."));
    assert_eq!(page.matches("<svg").count(), 0);
}

#[test]
fn a_run_without_a_blind_set_says_so() {
    let page = page(&run(|config| config.external.enabled = false));
    assert!(page.contains("No blind set was scored (off)."));
    assert!(!page.contains("Blind macro-F1"));
}

#[test]
fn a_text_task_has_no_words_of_security() {
    let results = text_task(5, |i| format!("topic {i}"));
    let page = page(&results);
    assert_eq!(page.matches("<svg xmlns=").count(), 5);
    assert!(
        !page.contains("Security score") && !page.contains("False alarms") && !page.contains("malicious")
    );
    assert!(!page.contains("Synthetic data."));
    assert!(page.contains("confusion matrix of 5 classes"));
    // Every error is listed with its place, and those places are where the truth differs.
    let best = results.best().unwrap();
    let called = best.held.as_ref().unwrap().test.codes().unwrap();
    let wrong: Vec<usize> = (0..called.len()).filter(|&i| called[i] != results.test.codes[i]).collect();
    assert!(!wrong.is_empty());
    assert_eq!(page.matches("<li data-truth=").count(), wrong.len().min(25));
    for row in wrong.iter().take(25) {
        assert!(page.contains(&format!("; row {}</span>", row + 1)), "row {row}");
    }
}

#[test]
fn pictures_of_very_many_classes_are_left_out() {
    let page = page(&text_task(31, |i| format!("topic {i:02}")));
    assert!(page.contains("Pictures are left out: with 31 classes"));
    assert!(page.contains("Most frequent confusions"));
    assert!(page.contains("<summary>All classes (31)</summary>"));
    // The bars compare models, not classes.
    assert_eq!(page.matches("<svg xmlns=").count(), 1);
}

#[test]
fn a_very_long_prompt_is_folded_and_cut() {
    let mut results = text_task(5, |i| format!("topic {i}"));
    results.test.texts.fill("long ".repeat(1_000_000));
    let page = page(&results);
    assert!(page.contains("… and 4\u{202f}996\u{202f}000 more characters."));
    assert!(page.len() < 300_000, "{} bytes", page.len());
}

#[test]
fn a_gate_that_was_not_measured_fails_in_words() {
    let mut results = run(|config| config.gates.min_security_score = Some(2.0));
    let gate = results.gates.iter_mut().find(|g| g.name == "security_score").unwrap();
    assert!(!gate.passed);
    *gate = gates::Gate { value: None, ..gate.clone() };
    assert!(page(&results).contains(
        "security_score</th><td data-key=\"\"><span class=\"chip bad\">FAIL</span></td><td data-key=\"not measured\">not measured</td>"
    ));
}

#[test]
fn what_is_missing_from_the_results_is_no_error() {
    let mut results = run(|_| {});
    for model in &mut results.models {
        model.held = None;
        model.cv = None;
        model.intervals.clear();
        model.versus_best = None;
    }
    results.cancelled = true;
    let page = page(&results);
    assert!(page.contains("There are no pictures: the winner’s predictions are not at hand."));
    assert!(page.contains("<strong>Stopped early.</strong>"));
}
