//! The folder of a run: one run at a time, nothing of an earlier one lost by a failed start or mixed with a later one.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Ran, Shell};

/// Two quick models and no intervals.
const MODELS: &str =
    "[evaluation]\nbootstrap = 0\n[traditional.models]\nmultinomial_nb = true\nmajority = true";

/// Every file of a folder and what it holds, but the log, which every run adds to.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if !path.ends_with("experiment.log") && !path.ends_with(".run.lock") {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn versions(shell: &Shell) -> usize {
    let list = shell.run(&["registry", "--registry", "registry", "list", "--json"]).succeeds().json();
    list.as_array().unwrap().len()
}

#[test]
fn a_second_run_in_the_same_folder_waits_for_nobody_and_changes_nothing() {
    let shell = Shell::new();
    let config = shell.small_config(MODELS);
    fs::create_dir(shell.path("out")).unwrap();
    let first = fs::File::create(shell.path("out/.run.lock")).unwrap();
    first.lock().unwrap();
    shell.write("out/.run.lock", "12345");
    let second = shell.run(&["run", config]);
    second.fails_with(&["another run is working in out (process 12345)", "--out"]);
    assert!(contents(&shell.path("out")).is_empty());
    drop(first);
    shell.run(&["run", config]).succeeds();
    assert_eq!(versions(&shell), 1);

    // The winner of an unchanged run is registered once.
    let again = shell.run(&["run", config]).succeeds();
    assert!(again.out.contains("Already registered as security:1"), "{}", again.out);
    assert_eq!(versions(&shell), 1);
}

#[test]
fn a_start_that_fails_leaves_a_finished_run_as_it_was() {
    let shell = Shell::new();
    let config = shell.small_config(MODELS);
    shell.run(&["run", config]).succeeds();
    let before = contents(&shell.path("out"));
    shell.write("empty.jsonl", "");
    shell.write("foreign.jsonl", "{\"text\": \"a row\", \"label\": \"evil\"}\n");
    for data in ["nowhere.jsonl", "empty.jsonl", "foreign.jsonl"] {
        for fresh in [&["run", config][..], &["run", config, "--fresh"]] {
            let ran = shell.command(fresh).env("PROMPT_CFG__DATA__PATH", data).output().unwrap();
            let ran = Ran::from(ran);
            ran.fails_with(&[]);
            assert!(contents(&shell.path("out")) == before, "{data} changed the folder: {}", ran.err);
        }
    }
}

#[test]
fn nothing_of_another_configuration_stays_and_other_files_do() {
    let shell = Shell::new();
    let config = shell.small_config(MODELS);
    shell.run(&["run", config]).succeeds();
    shell.write("out/notes.txt", "mine");
    shell.write("out/models/multinomial_nb/notes.txt", "mine");
    shell.small_config("[evaluation]\nbootstrap = 0\n[traditional.models]\nmajority = true");
    let ran = shell.run(&["run", config]).succeeds();
    assert!(ran.out.contains("all models are trained anew"), "{}", ran.out);
    for gone in
        ["validation_multinomial_nb.json", "models/multinomial_nb/model", "models/multinomial_nb/README.md"]
    {
        assert!(!shell.path("out").join(gone).exists(), "{gone}");
    }
    for stays in
        ["notes.txt", "models/multinomial_nb/notes.txt", "validation_majority.json", "plots/confusion.svg"]
    {
        assert!(shell.path("out").join(stays).exists(), "{stays}");
    }

    // A folder of something else is no place for a run.
    fs::create_dir(shell.path("thesis")).unwrap();
    shell.write("thesis/chapter.txt", "mine");
    let refused = shell.run(&["run", config, "--out", "thesis"]);
    refused.fails_with(&["thesis holds what is not of a run (chapter.txt)", "--out"]);
    assert_eq!(contents(&shell.path("thesis")).len(), 1);
}

#[test]
fn a_killed_run_goes_on_and_its_half_written_files_go() {
    let shell = Shell::new();
    let slow = "logistic_regression = { grid = { c = [1, 2, 3, 4, 5, 6, 7, 8], tol = [1e-9, 1e-10] } }";
    let config = shell.small_config(&format!("{MODELS}\n{slow}"));
    let mut child =
        shell.command(&["run", config]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let done = shell.path("out/models/multinomial_nb/performance.json");
    let started = Instant::now();
    while !done.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL on Unix: nothing can be tidied up.
    child.kill().unwrap();
    child.wait().unwrap();
    let left = ["out/.run.json.4294967295-0.tmp", "out/models/majority/.performance.json.4294967295-1.tmp"];
    fs::create_dir_all(shell.path("out/models/majority")).unwrap();
    for name in left {
        shell.write(name, "{");
    }
    shell.run(&["run", config]).succeeds();
    assert!(shell.read("out/experiment.log").contains("multinomial_nb: read back from an earlier run"));
    for name in left {
        assert!(!shell.path(name).exists(), "{name}");
    }
}

#[test]
fn results_are_shown_also_where_they_cannot_all_be_written() {
    let shell = Shell::new();
    let config = shell.small_config(MODELS);
    shell.run(&["run", config]).succeeds();
    // A picture is a note, and the run is whole.
    fs::remove_dir_all(shell.path("out/plots")).unwrap();
    shell.write("out/plots", "in the way");
    let ran = shell.run(&["run", config]).succeeds();
    assert!(ran.out.contains("Chosen: multinomial_nb"), "{}", ran.out);
    assert!(
        ran.err.contains("warning: The results are complete, but not all pages and pictures"),
        "{}",
        ran.err
    );
    assert!(shell.path("out/results.csv").is_file());

    // The results themselves are an error, after they were shown.
    fs::remove_file(shell.path("out/results.csv")).unwrap();
    fs::create_dir(shell.path("out/results.csv")).unwrap();
    let ran = shell.run(&["run", config]);
    ran.fails_with(&["out/results.csv"]);
    assert!(ran.out.contains("Chosen: multinomial_nb"), "{}", ran.out);
    assert!(shell.path("out/models/multinomial_nb/performance.json").is_file(), "the models are kept");
}

/// Makes a folder read-only; false where that binds nobody (root).
#[cfg(unix)]
fn closed(dir: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).unwrap();
    fs::write(dir.join("try"), "").is_err()
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_told_before_the_work_and_keeps_what_it_has() {
    use std::os::unix::fs::PermissionsExt;
    let shell = Shell::new();
    let config = shell.small_config(MODELS);
    let model = shell.small_model();
    let before = contents(&shell.path(model));
    fs::create_dir(shell.path("closed")).unwrap();
    if closed(&shell.path("closed")) {
        shell.run(&["run", config, "--out", "closed/out"]).fails_with(&["cannot create closed/out"]);
        shell.run(&["run", config, "--out", "closed"]).fails_with(&["cannot create closed/.run.lock"]);
        let out = ["--out", "closed/model"];
        shell.run(&["train", "--data", "small.jsonl", out[0], out[1]]).fails_with(&["closed"]);
    }
    fs::set_permissions(shell.path("closed"), fs::Permissions::from_mode(0o755)).unwrap();

    // Binds root too: a file where a folder is needed.
    shell.write("file", "mine");
    for out in ["file", "file/out"] {
        shell.run(&["run", config, "--out", out]).fails_with(&["file"]);
        shell.run(&["train", "--data", "small.jsonl", "--out", out]).fails_with(&["file"]);
    }
    assert_eq!(shell.read("file"), "mine");
    assert!(contents(&shell.path(model)) == before);
}
