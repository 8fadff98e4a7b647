//! Artifacts in a folder, by digest.
//!
//! ```text
//! artifacts/
//!   3f/3f9a…c2/            manifest.json  structure.json  weights.safetensors
//!   .incoming-<pid>-<n>/   being written; renamed into place when every byte is durable and checked
//!   .leaving-<digest>-…/   set aside by a sweep, not yet removed
//! ```
//!
//! A folder with a digest for a name is complete, and never changes. Everything here blocks.

mod checked;
mod sweep;

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use prompt_core::artifact::Bundle;
use prompt_core::{Error, Result};

pub(crate) use checked::{Checked, Digest};
pub use sweep::Swept;
pub(crate) use sweep::{Candidate, Leaving};

const INCOMING: &str = ".incoming-";
const LEAVING: &str = ".leaving-";

/// How often a writer tries to put its folder in place while others write and sweep the same model.
const TRIES: u32 = 16;

/// The folder of all artifacts.
#[derive(Debug, Clone)]
pub(crate) struct ArtifactStore {
    root: PathBuf,
}

impl ArtifactStore {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes the folder where there is none.
    pub(crate) fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.root).map_err(|e| Error::io("create", &self.root, e))
    }

    /// Where the artifact of this digest is, or would be.
    pub(crate) fn folder(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.prefix()).join(digest.as_str())
    }

    /// Takes a checked artifact in. One that is there already, whole, is left as it is.
    pub(crate) fn put(&self, artifact: &Checked) -> Result<()> {
        let target = self.folder(&artifact.digest);
        match self.verify(&artifact.digest) {
            Ok(_) => return Ok(()),
            // Not there is the usual case; damaged is healed by the good copy at hand.
            Err(Error::Artifact { .. } | Error::Io { .. }) => {}
            Err(other) => return Err(other),
        }
        let fresh = self.root.join(unique(INCOMING));
        let result = self.write(&fresh, &target, artifact);
        if result.is_err() {
            // Best effort: the error that matters is the one already in hand, and a sweep removes the rest.
            let _ = fs::remove_dir_all(&fresh);
        }
        result
    }

    fn write(&self, fresh: &Path, target: &Path, artifact: &Checked) -> Result<()> {
        write_files(fresh, &artifact.files)?;
        // What counts is what the disk gives back.
        let copy = Checked::open(fresh)?;
        if copy.digest != artifact.digest {
            return Err(Error::artifact(fresh, "the copy differs from its source", "check the disk"));
        }
        let shelf = self.root.join(artifact.digest.prefix());
        fs::create_dir_all(&shelf).map_err(|e| Error::io("create", &shelf, e))?;
        let mut tries = 0;
        while let Err(e) = fs::rename(fresh, target) {
            tries += 1;
            // A folder cannot be renamed over a full one; other writers and sweeps may come in between.
            if !is_occupied(&e) || tries == TRIES {
                return Err(Error::io("put in place", target, e));
            }
            if self.verify(&artifact.digest).is_ok() {
                // Another writer of the same model was faster.
                let _ = fs::remove_dir_all(fresh);
                return Ok(());
            }
            // Damaged: named so that no sweep puts it back.
            let aside = self.root.join(unique(INCOMING));
            match fs::rename(target, &aside) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::io("replace", target, e)),
                _ => {}
            }
            let _ = fs::remove_dir_all(&aside);
        }
        sync_folder(&shelf);
        sync_folder(&self.root);
        Ok(())
    }

    /// The folder of an artifact that must be there.
    pub(crate) fn locate(&self, digest: &Digest) -> Result<PathBuf> {
        let folder = self.folder(digest);
        if folder.is_dir() {
            return Ok(folder);
        }
        Err(Error::artifact(&folder, "is missing", "restore it from a copy, or register the model again"))
    }

    /// Opens an artifact, checks every byte, and that it is the one its name says.
    pub(crate) fn verify(&self, digest: &Digest) -> Result<Bundle> {
        let folder = self.locate(digest)?;
        let found = Checked::open(&folder)?;
        if found.digest != *digest {
            return Err(Error::artifact(
                &folder,
                format!("holds another model (digest {})", found.digest.as_str()),
                "restore it from a copy, or register the model again",
            ));
        }
        Ok(found.bundle)
    }
}

/// Whether a rename failed because something is at its target.
fn is_occupied(error: &std::io::Error) -> bool {
    use ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory, PermissionDenied};
    // Windows says that access is denied.
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
        || cfg!(windows) && error.kind() == PermissionDenied
}

/// Writes files into a new folder and makes them durable.
fn write_files(dir: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    fs::create_dir(dir).map_err(|e| Error::io("create", dir, e))?;
    for (name, bytes) in files {
        let path = dir.join(name);
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| Error::io("write", &path, e))?;
    }
    sync_folder(dir);
    Ok(())
}

/// A name that no other writer uses, in this process or another.
fn unique(prefix: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    // Process numbers come back after a restart, or are the same in two containers: the time tells them apart.
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    format!("{prefix}{}-{nanos}-{count}", std::process::id())
}

/// Makes renames durable where the system can; elsewhere there is nothing to do.
fn sync_folder(dir: &Path) {
    if let Ok(folder) = fs::File::open(dir) {
        let _ = folder.sync_all();
    }
}

/// Removes a folder; one that is gone already is as good.
fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", dir, e)),
        _ => Ok(()),
    }
}
