//! The output folder: whole files, a list of them, and what an earlier run left.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};
use prompt_data::write::{AtomicFile, remove_leftovers};
use serde::Serialize;

use crate::experiment::remove_files;

/// The list of files that a run wrote.
const LIST: &str = "files.json";

/// What a study's file is called before its number.
const STUDY: &str = "study-";

pub(super) struct Folder<'a> {
    dir: &'a Path,
    written: RefCell<BTreeSet<String>>,
}

impl<'a> Folder<'a> {
    /// Takes the folder: what the list of an earlier run names is removed, but for its study, if that is the one of this
    /// run.
    pub(super) fn take(dir: &'a Path) -> Result<Self> {
        let earlier: Vec<String> = std::fs::read(dir.join(LIST))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let (studies, others): (BTreeSet<String>, BTreeSet<String>) =
            earlier.into_iter().partition(|name| name.starts_with(STUDY));
        remove_files(dir, &others)?;
        // The folder is locked: what a killed run left half-written is nobody's.
        let listed = |name: &str| name == LIST || others.contains(name) || studies.contains(name);
        remove_leftovers(dir, listed);
        let folders: BTreeSet<&str> =
            others.iter().filter_map(|name| name.rsplit_once('/')).map(|(folder, _)| folder).collect();
        for folder in folders {
            remove_leftovers(&dir.join(folder), |name| others.contains(&format!("{folder}/{name}")));
        }
        Ok(Self { dir, written: RefCell::new(studies) })
    }

    /// The place of a study of these settings; one of others is removed.
    pub(super) fn study(&self, settings: &impl Serialize) -> Result<PathBuf> {
        let bytes = serde_json::to_vec(settings).unwrap_or_default();
        let digest = prompt_core::artifact::digest([bytes.as_slice()]);
        let name = format!("{STUDY}{}.jsonl", &digest[..digest.len().min(12)]);
        let others: Vec<String> = {
            let written = self.written.borrow();
            written.iter().filter(|file| file.starts_with(STUDY) && **file != name).cloned().collect()
        };
        remove_files(self.dir, &others)?;
        self.written.borrow_mut().retain(|file| !others.contains(file));
        self.note(&name)?;
        Ok(self.dir.join(name))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.note(name)?;
        put(&self.dir.join(name), bytes)
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|e| {
            Error::input(format!("{}: {e}", self.dir.join(name).display()), "report this as a bug")
        })?;
        self.write(name, text.as_bytes())
    }

    /// Puts the files of a saved model on the list.
    pub(super) fn note_model(&self, name: &str) -> Result<()> {
        let files = ["manifest.json", "structure.json", "weights.safetensors"];
        files.iter().try_for_each(|file| self.note(&format!("{name}/{file}")))
    }

    /// Puts a file on the list before it is written, so that a run that is killed leaves nothing that no list names.
    fn note(&self, name: &str) -> Result<()> {
        if !self.written.borrow_mut().insert(name.to_owned()) {
            return Ok(());
        }
        let list = serde_json::to_vec_pretty(&*self.written.borrow()).unwrap_or_default();
        put(&self.dir.join(LIST), &list)
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|e| Error::io("write", path, e))?;
    file.commit()
}
