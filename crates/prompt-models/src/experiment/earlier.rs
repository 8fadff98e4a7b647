//! What an earlier run left in the output folder: what is taken over, what goes, and what is nobody's to touch.
//!
//! `run.json` lists the files of the run that wrote it. While a run is at work the list holds whatever it may write, so that
//! a killed run is known by it too; in the end it holds what was written.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path};

use prompt_core::{Error, Result};
use prompt_data::write::{LOCK_FILE, leftover_of, remove_leftovers};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pictures;

/// The list of files, and what a later run must agree with to go on from here.
pub(super) const RUN_FILE: &str = "run.json";
/// The log is added to by every run and taken away by none.
pub(super) const LOG_FILE: &str = "experiment.log";

/// Whatever a run may write beside its models and pictures.
const FILES: [&str; 10] = [
    "config.json",
    "data_quality.json",
    "results.csv",
    "results.json",
    "experiment_results.json",
    "training_insights.txt",
    "dl_insights.txt",
    "DATA_CARD.md",
    "summary.txt",
    "report.html",
];
/// What a saved pipeline may consist of.
const PIPELINE: [&str; 4] = ["manifest.json", "structure.json", "weights.safetensors", "tokenizer.json"];

/// A line for each evaluation of a network's training, beside its pipeline.
pub(super) const EPOCHS: &str = "epochs.jsonl";
/// The states of a training that has not ended.
pub(super) const CHECKPOINTS: [&str; 2] = ["training/best.safetensors", "training/last.safetensors"];

/// `run.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunFile {
    pub(super) fingerprint: String,
    #[serde(default)]
    pub(super) files: BTreeSet<String>,
}

impl RunFile {
    /// That of a folder, where a run was at work there. One without a list names what its results tell of.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let mut run: Self = serde_json::from_slice(&fs::read(dir.join(RUN_FILE)).ok()?).ok()?;
        if run.files.is_empty() {
            let results = fs::read(dir.join("results.json")).unwrap_or_default();
            let results: Value = serde_json::from_slice(&results).unwrap_or_default();
            let models = results["models"].as_array().into_iter().flatten();
            run.files = planned(models.filter_map(|m| m["model"].as_str()));
        }
        Some(run)
    }
}

/// Whatever a run of these models may write.
pub(super) fn planned<'a>(models: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut files: BTreeSet<String> = FILES.map(str::to_owned).into();
    for name in pictures::NAMES {
        files.extend(["svg", "png"].map(|kind| format!("plots/{name}.{kind}")));
    }
    for model in models {
        files.insert(format!("validation_{model}.json"));
        files.extend(
            ["config.json", "performance.json", "README.md", EPOCHS, CHECKPOINTS[0], CHECKPOINTS[1]]
                .map(|file| format!("models/{model}/{file}")),
        );
        files.extend(PIPELINE.map(|file| format!("models/{model}/model/{file}")));
    }
    files
}

/// Whether a run may begin in a folder: it is new or empty, or holds a run. The registry may lie in it.
///
/// # Errors
/// [`Error::Input`] naming a file that a run would be mixed with.
pub(super) fn refuse_what_is_no_run(dir: &Path, registry: Option<&Path>) -> Result<()> {
    if !dir.is_dir() || RunFile::read(dir).is_some() {
        return Ok(());
    }
    let entries = fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))?;
    let foreign = entries.flatten().find(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        // What a run leaves that was stopped before it began.
        let left = name == LOCK_FILE || name == LOG_FILE || leftover_of(&name).is_some();
        !left && registry != Some(entry.path().as_path())
    });
    match foreign {
        None => Ok(()),
        Some(entry) => Err(Error::input(
            format!(
                "{} holds what is not of a run ({}), and a run would be mixed with it",
                dir.display(),
                entry.file_name().to_string_lossy()
            ),
            "name a new folder (`--out`, `output.dir`), or remove this one first",
        )),
    }
}

/// Removes files of a run, and the folders that are empty then. What is not there is no error.
///
/// # Errors
/// [`Error::Io`] when one cannot be removed.
pub(crate) fn remove<'a>(dir: &Path, files: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let mut folders = BTreeSet::new();
    for name in files {
        let name = Path::new(name);
        // The list is a file that anybody may have changed: nothing outside the folder is touched.
        if !name.components().all(|part| matches!(part, Component::Normal(_))) {
            continue;
        }
        match fs::remove_file(dir.join(name)) {
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(Error::io("remove", dir.join(name), e));
            }
            _ => {}
        }
        folders.extend(name.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()));
    }
    // The inner ones first. One that holds something else stays, and so does the folder of the run.
    for folder in folders.into_iter().rev() {
        let _ = fs::remove_dir(dir.join(folder));
    }
    Ok(())
}

/// Removes the half-written files of killed runs, for targets that are on the list. The folder must be locked.
pub(super) fn clear_leftovers(dir: &Path, files: &BTreeSet<String>) {
    remove_leftovers(dir, |target| target == RUN_FILE || files.contains(target));
    let folders: BTreeSet<&Path> = files
        .iter()
        .filter_map(|file| Path::new(file).parent())
        .filter(|f| !f.as_os_str().is_empty())
        .collect();
    for folder in folders {
        let prefix = folder.to_string_lossy();
        remove_leftovers(&dir.join(folder), |target| files.contains(&format!("{prefix}/{target}")));
        let half = [".model.new-", ".model.old-"];
        for entry in fs::read_dir(dir.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if half.iter().any(|start| name.starts_with(start)) {
                // One that cannot be removed disturbs nobody.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_the_list_inside_the_folder_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("run");
        fs::create_dir_all(dir.join("models/a/model")).unwrap();
        for name in ["models/a/model/manifest.json", "models/a/notes.txt", "results.csv", "../other"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let list = ["models/a/model/manifest.json", "results.csv", "../other", "gone/file", "results.csv/x"];
        remove(&dir, &list.map(str::to_owned)).unwrap();
        assert!(!dir.join("results.csv").exists() && !dir.join("models/a/model").exists());
        assert!(dir.join("models/a/notes.txt").exists() && place.path().join("other").exists());
    }

    #[test]
    fn half_written_files_of_killed_runs_go() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path();
        fs::create_dir_all(dir.join("models/a/.model.new-1-0")).unwrap();
        let (ours, theirs) = (
            [".run.json.4294967295-1.tmp", "models/a/.performance.json.4294967295-1.tmp"],
            [".scored.jsonl.4294967295-1.tmp", "models/a/.mine"],
        );
        for name in ours.iter().chain(&theirs) {
            fs::write(dir.join(name), "").unwrap();
        }
        clear_leftovers(dir, &planned(["a"]));
        assert!(ours.iter().all(|name| !dir.join(name).exists()));
        assert!(theirs.iter().all(|name| dir.join(name).exists()));
        assert!(!dir.join("models/a/.model.new-1-0").exists());
    }

    #[test]
    fn a_folder_of_something_else_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path();
        refuse_what_is_no_run(&dir.join("new"), None).unwrap();
        fs::write(dir.join(LOG_FILE), "").unwrap();
        fs::create_dir(dir.join("registry")).unwrap();
        refuse_what_is_no_run(dir, Some(&dir.join("registry"))).unwrap();
        let error = refuse_what_is_no_run(dir, None).unwrap_err().to_string();
        assert!(error.contains("not of a run (registry)"), "{error}");
        fs::write(dir.join(RUN_FILE), "{\"fingerprint\": \"f\"}").unwrap();
        refuse_what_is_no_run(dir, None).unwrap();
    }
}
