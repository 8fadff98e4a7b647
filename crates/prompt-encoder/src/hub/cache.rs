//! The cache: laid out as Python's `huggingface_hub` lays it out.
//!
//! ```text
//! models--org--name/refs/main                    the commit that a branch was at
//! models--org--name/blobs/ETAG                   a file's bytes (ETAG.incomplete while it comes)
//! models--org--name/snapshots/COMMIT/config.json a link to them
//! models--org--name/fetched/COMMIT.json          ours: which files were fetched, so that the rest need not be asked for
//! .locks/models--org--name/ETAG.lock             who writes it
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use prompt_core::{Error, Result};

use super::remote::Facts;
use super::{HubName, wanted};
use crate::checkpoint::found;

/// One of these is a tokenizer.
const TOKENIZERS: [&str; 7] = [
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spm.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
];

/// One repository in the cache.
pub(super) struct Repository {
    root: PathBuf,
    locks: PathBuf,
}

/// Whether this is what a commit is called: forty hexadecimal digits (sixty-four where git uses SHA-256).
pub(super) fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl Repository {
    pub(super) fn new(cache: &Path, id: &str) -> Self {
        let name = format!("models--{}", id.replace('/', "--"));
        Self { root: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The commit of a revision, as far as the cache knows.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return self.snapshot(revision).is_dir().then(|| revision.to_owned());
        }
        let commit = fs::read_to_string(self.root.join("refs").join(revision)).ok()?.trim().to_owned();
        is_commit(&commit).then_some(commit)
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.root.join("snapshots").join(commit)
    }

    fn list(&self, commit: &str) -> PathBuf {
        self.root.join("fetched").join(format!("{commit}.json"))
    }

    /// Whether everything was fetched, and is still there.
    pub(super) fn is_whole(&self, commit: &str) -> bool {
        let listed: Option<Vec<String>> =
            fs::read(self.list(commit)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let snapshot = self.snapshot(commit);
        listed
            .is_some_and(|files| !files.is_empty() && files.iter().all(|file| snapshot.join(file).is_file()))
    }

    /// Writes down that these files are all there are to fetch.
    pub(super) fn record(&self, commit: &str, files: &[String]) -> Result<()> {
        let text = serde_json::to_string(files).unwrap_or_default();
        write_whole(&self.list(commit), text.as_bytes())
    }

    /// A branch or tag stands for a commit from now on.
    pub(super) fn point(&self, revision: &str, commit: &str) -> Result<()> {
        write_whole(&self.root.join("refs").join(revision), commit.as_bytes())
    }

    /// What the cache alone gives. What Python's library fetched has no list; there an encoder's parts must be found.
    pub(super) fn without_network(
        &self,
        name: &HubName,
        revision: &str,
        commit: Option<&str>,
    ) -> Result<PathBuf> {
        let cache = self.root.parent().unwrap_or(&self.root).display();
        let missing = |what: String| {
            Err(Error::input(
                format!("the cache {cache} has {what}, and nothing is fetched offline"),
                "unset HF_HUB_OFFLINE, or fetch it where there is a network and copy the cache",
            ))
        };
        let Some(commit) = commit else {
            return missing(format!("no {} at revision {revision}", name.id()));
        };
        let folder = self.snapshot(commit);
        let has = |file: &str| folder.join(file).is_file();
        let config = folder.join("config.json");
        let lacks = if !config.is_file() {
            Some("config.json")
        } else if found::file(wanted::saved_as(&config)?, has).is_none() {
            Some("weights")
        } else if !TOKENIZERS.into_iter().any(has) {
            Some("tokenizer")
        } else {
            None
        };
        match lacks {
            Some(part) => missing(format!("{} at revision {revision} without its {part}", name.id())),
            None => Ok(folder),
        }
    }

    /// Puts a file into a snapshot. `fetch` fills the file that it is given, which may hold a beginning; one process at a
    /// time does so. Bytes that another snapshot has are not fetched again.
    pub(super) fn keep(
        &self,
        commit: &str,
        file: &str,
        facts: &Facts,
        fetch: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let blob = self.root.join("blobs").join(&facts.etag);
        let lock_path = self.locks.join(format!("{}.lock", facts.etag));
        make_parent(&blob)?;
        make_parent(&lock_path)?;
        let lock = File::create(&lock_path).map_err(|e| Error::io("create", &lock_path, e))?;
        lock.lock().map_err(|e| Error::io("lock", &lock_path, e))?;
        if !blob.is_file() {
            let part = blob.with_file_name(format!("{}.incomplete", facts.etag));
            fetch(&part)?;
            fs::rename(&part, &blob).map_err(|e| Error::io("put in place", &blob, e))?;
        }
        let path = self.snapshot(commit).join(file);
        make_parent(&path)?;
        if !path.is_file() {
            // A link to what is no longer there.
            let _ = fs::remove_file(&path);
            link(&blob, &facts.etag, file, &path)?;
        }
        Ok(())
    }
}

/// A link from a snapshot to the bytes: relative, so that the cache can be moved.
#[cfg(unix)]
fn link(_: &Path, etag: &str, file: &str, path: &Path) -> Result<()> {
    let up = "../".repeat(2 + file.matches('/').count());
    std::os::unix::fs::symlink(format!("{up}blobs/{etag}"), path).map_err(|e| Error::io("link", path, e))
}

/// Links need a right that few users have there.
#[cfg(not(unix))]
fn link(blob: &Path, _: &str, _: &str, path: &Path) -> Result<()> {
    fs::hard_link(blob, path)
        .or_else(|_| fs::copy(blob, path).map(drop))
        .map_err(|e| Error::io("put in place", path, e))
}

fn make_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))
}

/// Files written by this process.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// Writes a small file that appears whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    make_parent(path)?;
    let mut fresh = path.as_os_str().to_owned();
    // Of this process and this call: two threads may write the same file.
    fresh.push(format!(".new-{}-{}", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    fs::write(&fresh, bytes).map_err(|e| Error::io("write", &fresh, e))?;
    fs::rename(&fresh, path).map_err(|e| Error::io("put in place", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_write_the_same_file_do_not_meet() {
        let cache = tempfile::tempdir().unwrap();
        let repository = Repository::new(cache.path(), "org/tiny");
        let commit = "0".repeat(40);
        let files = ["config.json".to_owned()];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        repository.record(&commit, &files).unwrap();
                        repository.point("main", &commit).unwrap();
                    }
                });
            }
        });
        assert_eq!(repository.commit("main"), Some(commit));
        let refs: Vec<_> = fs::read_dir(repository.root.join("refs")).unwrap().flatten().collect();
        assert_eq!(refs.len(), 1, "nothing is left beside the branch: {refs:?}");
    }
}
