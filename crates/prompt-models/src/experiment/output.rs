//! Everything that a run writes into its folder.
//!
//! ```text
//! results.csv  results.json  experiment_results.json  report.html  training_insights.txt  experiment.log
//! plots/<picture>.svg  validation_<model>.json  models/<model>/{model/, config.json, performance.json}
//! DATA_CARD.md  models/<model>/README.md
//! models/<model>/epochs.jsonl  the training of a network; models/<model>/training/ while it lasts
//! dl_insights.txt             where a learner reports its losses round by round
//! run.json                    what a later run must agree with to go on from here, and the list of these files
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use prompt_core::artifact::{Manifest, save};
use prompt_core::{Error, Persist, Prediction, Result, utc};
use prompt_data::write::AtomicFile;
use serde::Serialize;
use serde_json::json;

use super::earlier::{self, CHECKPOINTS, EPOCHS, LOG_FILE, RUN_FILE, RunFile, planned};
use super::result::{ExperimentResults, LabelledSet, ModelResult, Scores};
use crate::card::{self, Measured};
use crate::neural::Traces;

/// The columns of `results.csv`, and their older names where they had one.
const COLUMNS: &[(&str, Option<&str>)] = &[
    ("model", None),
    ("accuracy", None),
    ("precision_macro", None),
    ("recall_macro", None),
    ("f1_macro", None),
    ("roc_auc", None),
    ("best_params", None),
    ("status", None),
    ("f1_external", None),
    ("precision_suspicious", Some("precision_c1")),
    ("recall_malicious", Some("recall_c2")),
    ("f1_benign", Some("f1_c0")),
    ("security_score", Some("custom_score")),
    ("false_alarm_rate", None),
    ("missed_threat_rate", None),
    ("per_class_f1", None),
    ("cv_mean", None),
    ("cv_std", None),
    ("fit_seconds", None),
    ("predict_us_per_prompt", None),
    ("model_bytes", None),
];

/// The results as CSV, one row a model, best first. A number that a model does not have is an empty field.
///
/// # Errors
/// None for results of an experiment: their parameters can be written as JSON.
pub fn results_csv(results: &ExperimentResults, legacy_names: bool) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let bad = |e: csv::Error| {
        Error::input(format!("results cannot be written as CSV: {e}"), "report this as a bug")
    };
    let header = COLUMNS.iter().map(|(name, old)| if legacy_names { old.unwrap_or(name) } else { name });
    writer.write_record(header).map_err(bad)?;
    for model in &results.models {
        writer.write_record(row(model)?).map_err(bad)?;
    }
    writer.into_inner().map_err(|e| Error::io("write", "results.csv", e.into_error()))
}

fn row(m: &ModelResult) -> Result<Vec<String>> {
    let number = |v: Option<f64>| v.map_or_else(String::new, |v| v.to_string());
    let test = m.test.as_ref().map(|t| &t.report);
    let security = m.test.as_ref().and_then(|t| t.security.as_ref());
    let per_class = test.map(|t| {
        t.per_class.iter().map(|c| (c.class.clone(), json!(c.scores.f1))).collect::<serde_json::Map<_, _>>()
    });
    Ok(vec![
        m.model.clone(),
        number(test.map(|t| t.accuracy)),
        number(test.map(|t| t.precision_macro)),
        number(test.map(|t| t.recall_macro)),
        number(test.map(|t| t.f1_macro)),
        number(test.and_then(|t| t.probabilities.roc_auc_ovr)),
        if m.is_ok() { json(&m.best_params)? } else { String::new() },
        m.status.to_string(),
        number(m.external.as_ref().map(|e| e.report.f1_macro)),
        number(security.map(|s| s.precision_suspicious)),
        number(security.map(|s| s.recall_malicious)),
        number(security.map(|s| s.f1_benign)),
        number(security.map(|s| s.score)),
        number(security.map(|s| s.false_alarm_rate)),
        number(security.map(|s| s.missed_threat_rate)),
        per_class.map_or(Ok(String::new()), |p| json(&p))?,
        number(m.cv.as_ref().map(|cv| cv.mean)),
        number(m.cv.as_ref().map(|cv| cv.std)),
        number(m.fit_seconds),
        number(m.predict_us_per_prompt),
        m.model_bytes.map_or_else(String::new, |b| b.to_string()),
    ])
}

fn unwritable(e: &serde_json::Error) -> Error {
    Error::input(format!("results cannot be written as JSON: {e}"), "report this as a bug")
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| unwritable(&e))
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| unwritable(&e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The folder of a run, which must be locked.
pub(super) struct Folder {
    dir: PathBuf,
    log: Mutex<fs::File>,
    /// What was written and counts, relative to the folder.
    written: Mutex<BTreeSet<String>>,
}

impl Folder {
    /// Opens the folder and its log; nothing else is changed.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(LOG_FILE);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        Ok(Self { dir: dir.to_path_buf(), log: Mutex::new(log), written: Mutex::default() })
    }

    /// Makes the folder this run's. What an earlier one wrote stays where this one goes on from it, and is removed where it
    /// does not (`anew`, or another fingerprint); returns whether the fingerprint is another one.
    pub(super) fn begin<'a>(
        &self,
        fingerprint: &str,
        models: impl IntoIterator<Item = &'a str>,
        anew: bool,
    ) -> Result<bool> {
        let earlier = RunFile::read(&self.dir);
        let changed = earlier.as_ref().is_some_and(|run| run.fingerprint != fingerprint);
        let theirs = earlier.map(|run| run.files).unwrap_or_default();
        let mut files = planned(models);
        files.extend(theirs.iter().cloned());
        earlier::clear_leftovers(&self.dir, &files);
        let run = RunFile { fingerprint: fingerprint.to_owned(), files };
        // First of all: a run that is killed from here on is known by it.
        self.write_json(RUN_FILE, &run)?;
        if changed || anew {
            earlier::remove(&self.dir, &theirs)?;
        }
        Ok(changed)
    }

    /// Removes what the list of [`begin`](Self::begin) names and this run did not write, and lists what it did.
    pub(super) fn finish(&self, fingerprint: &str) -> Result<()> {
        let mut files = self.written.lock().map(|written| written.clone()).unwrap_or_default();
        files.remove(RUN_FILE);
        let listed = RunFile::read(&self.dir).map(|run| run.files).unwrap_or_default();
        // States that are still there are those of trainings that were stopped, in this run or before it came to them.
        let state = |name: &&String| {
            CHECKPOINTS.iter().any(|file| name.ends_with(file)) && self.dir.join(name).exists()
        };
        files.extend(listed.iter().filter(state).cloned());
        earlier::remove(&self.dir, listed.difference(&files))?;
        self.write_json(RUN_FILE, &RunFile { fingerprint: fingerprint.to_owned(), files })
    }

    /// Forgets what was written of models: those that count in the end are saved once more.
    pub(super) fn forget_models(&self) {
        if let Ok(mut written) = self.written.lock() {
            let state = |name: &str| CHECKPOINTS.iter().any(|file| name.ends_with(file));
            written.retain(|name| {
                state(name) || !name.starts_with("models/") && !name.starts_with("validation_")
            });
        }
    }

    /// One line in the log, with the time. A log that cannot be written stops no experiment.
    pub(super) fn log(&self, line: impl AsRef<str>) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Ok(mut log) = self.log.lock() {
            let _ = writeln!(log, "{} {}", utc(since.as_secs()), line.as_ref());
        }
    }

    /// A file, all or nothing.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
        }
        let mut file = AtomicFile::create(&path)?;
        file.write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
        file.commit()?;
        if let Ok(mut written) = self.written.lock() {
            written.insert(name.to_owned());
        }
        Ok(())
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.write(name, &pretty(value)?)
    }

    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.dir.join(name)).ok()
    }

    /// Where a model's pipeline is kept.
    pub(super) fn model_dir(&self, model: &str) -> PathBuf {
        self.dir.join("models").join(model).join("model")
    }

    /// Where the training of a network leaves its traces, to go on from them unless all begins anew.
    pub(super) fn traces(&self, model: &str, fresh: bool) -> Traces {
        let base = self.dir.join("models").join(model);
        Traces { log: Some(base.join(EPOCHS)), checkpoints: Some(base.join("training")), resume: !fresh }
    }

    /// A training has ended: its states go. One that was stopped keeps them, so that a later run goes on.
    pub(super) fn end_training(&self, model: &str, stopped: bool) -> Result<()> {
        let states = CHECKPOINTS.map(|file| format!("models/{model}/{file}"));
        if !stopped {
            earlier::remove(&self.dir, &states)?;
        } else if let Ok(mut written) = self.written.lock() {
            written.extend(states);
        }
        Ok(())
    }

    /// Saves a pipeline; returns its size in bytes.
    pub(super) fn save_pipeline(&self, model: &str, thing: &dyn Persist, manifest: Manifest) -> Result<u64> {
        let dir = self.model_dir(model);
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
        }
        let manifest = save(&dir, thing, manifest)?;
        Ok(manifest.files.values().map(|f| f.bytes).sum())
    }

    /// What is known about a model, beside its pipeline. `performance.json` comes last: a model without it is not
    /// finished.
    pub(super) fn save_result(&self, result: &ModelResult, test: &LabelledSet) -> Result<()> {
        let base = format!("models/{}", result.model);
        fs::create_dir_all(self.dir.join(&base)).map_err(|e| Error::io("create", self.dir.join(&base), e))?;
        self.write_json(
            &format!("{base}/config.json"),
            &json!({ "model": result.model, "params": result.params }),
        )?;
        if let Some(held) = &result.held {
            self.write_json(
                &format!("validation_{}.json", result.model),
                &validation(result, &held.test, test)?,
            )?;
        }
        if let Ok(mut written) = self.written.lock() {
            for file in fs::read_dir(self.model_dir(&result.model)).into_iter().flatten().flatten() {
                written.insert(format!("{base}/model/{}", file.file_name().to_string_lossy()));
            }
            if self.dir.join(&base).join(EPOCHS).is_file() {
                written.insert(format!("{base}/{EPOCHS}"));
            }
        }
        self.write_json(&format!("{base}/performance.json"), result)
    }
}

/// The card of a model, from what is saved with it and what was measured; `None` where its manifest is not at hand.
pub(super) fn model_card(
    folder: &Folder,
    results: &ExperimentResults,
    model: &ModelResult,
) -> Option<String> {
    let manifest = folder.read(&format!("models/{}/model/manifest.json", model.model))?;
    let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
    let of = |dataset: &str, split, scores: &Scores| Measured::classes(dataset, split, &scores.report);
    let test = model.test.as_ref().map(|scores| {
        let names = [("accuracy", "Accuracy"), ("f1_macro", "Macro F1")];
        names.iter().fold(of(&results.data.origin, "test", scores), |measured, (metric, name)| {
            match model.intervals.get(*metric) {
                Some(interval) => measured.bounded(name, *interval),
                None => measured,
            }
        })
    });
    let blind = model.external.as_ref().map(|s| of(&results.data.external_origin, "blind", s));
    let measured: Vec<Measured> = test.into_iter().chain(blind).collect();
    Some(card::model_card(&manifest, &measured))
}

/// Truth, decision and probabilities of every test row.
fn validation(result: &ModelResult, p: &Prediction, test: &LabelledSet) -> Result<serde_json::Value> {
    let (scores, classes) = p.probabilities()?;
    let rows: Vec<&[f64]> = (0..scores.rows()).map(|i| scores.row(i)).collect();
    Ok(json!({
        "model": result.model,
        "classes": classes.names(),
        "y_true": test.codes.iter().map(|c| classes.name(*c)).collect::<Vec<_>>(),
        "y_pred": p.labels()?,
        "probabilities": rows,
    }))
}
