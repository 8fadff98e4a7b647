//! Removing what no version refers to, also while others register.
//!
//! A sweep and a registration never decide at the same time: each does so in a transaction that holds the same
//! lock. A sweep counts the versions that refer to a folder and, when there are none, sets it aside by renaming
//! it; a registration makes sure that its folder is there, written again where a sweep was faster, and adds its
//! row. So what a version refers to is at its place from the moment the version can be seen. What was set aside
//! is removed after the transaction.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prompt_core::{Error, Result};

use super::{ArtifactStore, Digest, INCOMING, LEAVING, remove, unique};
use crate::clock::epoch_ms;

/// For how long at least a writer at work is left alone, whatever the grace.
const WRITING_MS: i64 = 3_600_000;

/// What a sweep removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Digests of the artifacts that are gone.
    pub artifacts: Vec<String>,
    /// Half-written folders of writers that died.
    pub unfinished: usize,
    /// Bytes freed.
    pub bytes: u64,
}

/// Something in the store that is old enough to be looked at.
#[derive(Debug)]
pub(crate) enum Candidate {
    /// A complete artifact.
    Artifact(Digest),
    /// An artifact that an earlier sweep set aside and did not finish.
    Leaving(Leaving),
    /// A folder that a writer left behind.
    Unfinished(PathBuf),
}

/// An artifact set aside.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) digest: Digest,
    path: PathBuf,
}

impl ArtifactStore {
    /// Whether it holds no artifact.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        for (_, shelf) in entries(&self.root)? {
            if entries(&shelf)?.iter().any(|(name, _)| Digest::parse(name).is_some()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Everything older than `grace` at the time `now_ms`, in the order of names.
    pub(crate) fn candidates(&self, now_ms: i64, grace: Duration) -> Result<Vec<Candidate>> {
        let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        let old = |path: &Path, grace: i64| -> Result<bool> {
            match fs::metadata(path).and_then(|m| m.modified()) {
                Ok(time) => Ok(now_ms.saturating_sub(epoch_ms(time)) >= grace),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
                Err(e) => Err(Error::io("look at", path, e)),
            }
        };
        let mut found = Vec::new();
        for (name, path) in entries(&self.root)? {
            if name.starts_with(INCOMING) {
                if old(&path, grace.max(WRITING_MS))? {
                    found.push(Candidate::Unfinished(path));
                }
            } else if let Some(rest) = name.strip_prefix(LEAVING) {
                // The rename that sets aside does not make a folder younger, so this one is old already.
                if let Some(digest) = rest.get(..64).and_then(Digest::parse) {
                    found.push(Candidate::Leaving(Leaving { digest, path }));
                }
            } else {
                for (name, path) in entries(&path)? {
                    // What has another name is not ours to judge.
                    if let Some(digest) = Digest::parse(&name)
                        && old(&path, grace)?
                    {
                        found.push(Candidate::Artifact(digest));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Sets an artifact aside; `None` when it is gone already.
    pub(crate) fn set_aside(&self, digest: Digest) -> Result<Option<Leaving>> {
        let path = self.root.join(unique(&format!("{LEAVING}{}-", digest.as_str())));
        match fs::rename(self.folder(&digest), &path) {
            Ok(()) => Ok(Some(Leaving { digest, path })),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("set aside", self.folder(&digest), e)),
        }
    }

    /// Puts an artifact back that a version refers to.
    pub(crate) fn put_back(&self, leaving: &Leaving) -> Result<()> {
        let target = self.folder(&leaving.digest);
        match fs::rename(&leaving.path, &target) {
            Ok(()) => Ok(()),
            // Its registration has written it again.
            Err(_) if target.exists() => remove(&leaving.path),
            Err(e) => Err(Error::io("put back", &target, e)),
        }
    }

    /// Removes an artifact that was set aside; returns the bytes freed.
    pub(crate) fn discard(&self, leaving: &Leaving) -> Result<u64> {
        self.discard_folder(&leaving.path)
    }

    /// Removes a folder of the store; returns the bytes freed.
    pub(crate) fn discard_folder(&self, path: &Path) -> Result<u64> {
        let mut bytes = 0;
        for (_, file) in entries(path)? {
            bytes += fs::metadata(&file).map_or(0, |m| m.len());
        }
        remove(path)?;
        Ok(bytes)
    }
}

/// The entries of a folder in the order of their names; none when it is no folder (any more).
fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", dir, e)),
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|e| Error::io("list", dir, e))?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}
