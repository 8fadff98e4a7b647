//! What a training run writes: a line for each evaluation, and the states it can go on from.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use super::history::EpochRecord;
use super::monitor::Stopper;
use super::optimizer::AdamW;
use super::scale::LossScale;
use super::schedule::Plateau;
use crate::net::Store;

/// Where a training run leaves its traces. Nothing is written by default.
///
/// ```
/// use prompt_neural::TrainFiles;
/// let files = TrainFiles::default().log("run/epochs.jsonl").checkpoints("run/checkpoints").resume(true);
/// assert_eq!(files, files.clone());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainFiles {
    pub(crate) log: Option<PathBuf>,
    pub(crate) checkpoints: Option<PathBuf>,
    pub(crate) resume: bool,
}

impl TrainFiles {
    /// The same with a JSON lines file of [`EpochRecord`]s.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// The same with a folder for `best.safetensors` (the weights alone) and `last.safetensors` (all that is needed
    /// to go on), written after each evaluation, each whole or not at all.
    #[must_use]
    pub fn checkpoints(mut self, folder: impl Into<PathBuf>) -> Self {
        self.checkpoints = Some(folder.into());
        self
    }

    /// Whether to go on from `last.safetensors` where there is one. The result is that of a run that was never
    /// interrupted, bit for bit; a state of other data, parameters or seed is refused.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Whether there is a state of this run to go on from.
    ///
    /// # Errors
    /// A state that is damaged, or of another run.
    pub(crate) fn goes_on(&self, store: &Store, identity: &str) -> Result<bool> {
        match &self.checkpoints {
            Some(folder) if self.resume => Ok(Checkpoint::read(folder, store, identity)?.is_some()),
            _ => Ok(false),
        }
    }

    /// Writes the lines of a run so far; appends when only the last one is new.
    pub(crate) fn write_log(&self, history: &[EpochRecord], only_last: bool) -> Result<()> {
        let Some(path) = &self.log else { return Ok(()) };
        make_parent(path)?;
        let new = if only_last { &history[history.len().saturating_sub(1)..] } else { history };
        let mut text = String::new();
        for record in new {
            let line =
                serde_json::to_string(record).map_err(|e| Error::input(e.to_string(), "check the loss"))?;
            text.push_str(&line);
            text.push('\n');
        }
        let mut options = fs::OpenOptions::new();
        if only_last {
            options.append(true)
        } else {
            options.write(true).truncate(true)
        };
        let mut file = options.create(true).open(path).map_err(|e| Error::io("open", path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", path, e))
    }
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Digest of data, parameters and seed.
    pub(crate) identity: String,
    /// Epoch from 0, and steps done in it.
    pub(crate) epoch: usize,
    pub(crate) steps_in_epoch: usize,
    pub(crate) step: usize,
    /// How often each parameter has moved.
    pub(crate) optimizer_steps: Vec<usize>,
    pub(crate) stopper: Stopper,
    pub(crate) plateau: Plateau,
    pub(crate) loss_scale: LossScale,
    pub(crate) history: Vec<EpochRecord>,
    /// Whether the run has ended.
    pub(crate) done: bool,
}

/// A state to go on from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) position: Position,
    pub(crate) values: Vec<Vec<f32>>,
    pub(crate) optimizer: AdamW,
}

const LAST: &str = "last.safetensors";
const BEST: &str = "best.safetensors";

/// Removes both files of another run.
pub(crate) fn start_anew(folder: &Path) -> Result<()> {
    for path in [LAST, BEST].map(|name| folder.join(name)) {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", path, e)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes `best.safetensors` of the run with this identity.
pub(crate) fn write_best(folder: &Path, store: &Store, values: &[Vec<f32>], identity: &str) -> Result<()> {
    let views = store.params().iter().zip(values).map(|(p, v)| (p.name.clone(), F32View(&p.shape, v)));
    let meta = HashMap::from([("identity".to_owned(), identity.to_owned())]);
    write_safetensors(&folder.join(BEST), views.collect(), meta)
}

/// Reads `best.safetensors` of the run with this identity.
pub(crate) fn read_best(folder: &Path, store: &Store, identity: &str) -> Result<Vec<Vec<f32>>> {
    let path = folder.join(BEST);
    let bytes = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let (meta, tensors) = open(&path, &bytes)?;
    if meta.get("identity").is_none_or(|of| of != identity) {
        return Err(damaged(&path, "it is of another run"));
    }
    store.params().iter().map(|p| tensor(&path, &tensors, &p.name, &p.shape)).collect()
}

impl Checkpoint {
    /// Writes `last.safetensors`.
    pub(crate) fn write(&self, folder: &Path, store: &Store) -> Result<()> {
        let parts =
            [("value", &self.values), ("first", &self.optimizer.first), ("second", &self.optimizer.second)];
        let mut views = Vec::with_capacity(3 * self.values.len());
        for (part, all) in parts {
            for (param, values) in store.params().iter().zip(all) {
                views.push((format!("{part}.{}", param.name), F32View(&param.shape, values)));
            }
        }
        let position = serde_json::to_string(&self.position)
            .map_err(|e| Error::input(format!("the state cannot be written: {e}"), "check the loss"))?;
        write_safetensors(&folder.join(LAST), views, HashMap::from([("position".to_owned(), position)]))
    }

    /// Reads `last.safetensors`; `None` when there is none.
    pub(crate) fn read(folder: &Path, store: &Store, identity: &str) -> Result<Option<Self>> {
        let path = folder.join(LAST);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let (meta, tensors) = open(&path, &bytes)?;
        let position = meta.get("position").ok_or_else(|| damaged(&path, "it has no position"))?;
        let position: Position = serde_json::from_str(position).map_err(|e| damaged(&path, e))?;
        if position.identity != identity {
            let what = "belongs to other data, parameters or another seed";
            return Err(Error::artifact(&path, what, "go on with those, or start anew in another folder"));
        }
        let part = |part: &str| -> Result<Vec<Vec<f32>>> {
            let one =
                |p: &crate::net::Param| tensor(&path, &tensors, &format!("{part}.{}", p.name), &p.shape);
            store.params().iter().map(one).collect()
        };
        if position.optimizer_steps.len() != store.len() {
            return Err(damaged(&path, "it counts the steps of other parameters"));
        }
        let steps = position.optimizer_steps.clone();
        let optimizer = AdamW { first: part("first")?, second: part("second")?, steps };
        Ok(Some(Self { values: part("value")?, optimizer, position }))
    }
}

struct F32View<'a>(&'a [usize], &'a [f32]);

impl View for F32View<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        self.0
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.1.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
    fn data_len(&self) -> usize {
        4 * self.1.len()
    }
}

/// Writes a file that Python's safetensors opens as PyTorch's, whole or not at all.
fn write_safetensors(
    path: &Path,
    views: Vec<(String, F32View<'_>)>,
    mut meta: HashMap<String, String>,
) -> Result<()> {
    make_parent(path)?;
    meta.insert("format".to_owned(), "pt".to_owned());
    let bytes = safetensors::serialize(views, Some(meta))
        .map_err(|e| Error::input(format!("weights cannot be written: {e}"), "check their shapes"))?;
    let fresh = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    write().map_err(|e| Error::io("write", &fresh, e))?;
    fs::rename(&fresh, path).map_err(|e| Error::io("put in place", path, e))
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e)),
        None => Ok(()),
    }
}

fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<(HashMap<String, String>, SafeTensors<'a>)> {
    let (_, meta) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(path, e))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(path, e))?;
    Ok((meta.metadata().clone().unwrap_or_default(), tensors))
}

fn tensor(path: &Path, all: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let view = all.tensor(name).map_err(|e| damaged(path, format!("`{name}`: {e}")))?;
    if view.dtype() != Dtype::F32 || view.shape() != shape {
        let what = format!("`{name}` is {:?} {:?} instead of F32 {shape:?}", view.dtype(), view.shape());
        return Err(damaged(path, what));
    }
    Ok(view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    let help = "restore it from a good copy, or remove the folder and start anew";
    Error::artifact(path, format!("is no readable checkpoint: {what}"), help)
}
