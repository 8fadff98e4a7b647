//! A folder that appears whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Fills a new folder beside `dir` and puts it in the place of `dir`. Whatever stands at `dir` is lost: the caller has
/// made sure that it may be. A process that is killed in between leaves the old folder as it was, or beside it as
/// `.NAME.old-…`.
///
/// ```
/// use prompt_core::replace_folder;
/// let place = tempfile::tempdir().unwrap();
/// let dir = place.path().join("made").join("report");
/// let write = |text: &'static str| move |new: &std::path::Path| {
///     std::fs::write(new.join("a.txt"), text).map_err(|e| prompt_core::Error::io("write", new, e))
/// };
/// replace_folder(&dir, write("1")).unwrap();
/// replace_folder(&dir, write("2")).unwrap();
/// assert_eq!(std::fs::read_to_string(dir.join("a.txt")).unwrap(), "2");
/// ```
///
/// # Errors
/// What `fill` says, and [`Error::Io`] for what the system refuses; then nothing new stays, and `dir` is as it was.
pub fn replace_folder(dir: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = match dir.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
    let fresh = beside(dir, "new");
    let filled = fs::create_dir(&fresh).map_err(|e| Error::io("create", &fresh, e));
    let outcome = filled.and_then(|()| fill(&fresh)).and_then(|()| {
        sync_folder(&fresh);
        put_in_place(&fresh, dir)
    });
    if outcome.is_err() {
        // Best effort: the error that matters is the one already in hand.
        let _ = fs::remove_dir_all(&fresh);
        return outcome;
    }
    sync_folder(parent);
    Ok(())
}

fn put_in_place(fresh: &Path, dir: &Path) -> Result<()> {
    if fs::symlink_metadata(dir).is_err() {
        return fs::rename(fresh, dir).map_err(|e| Error::io("put in place", dir, e));
    }
    // A folder cannot be renamed over a full one: move the old one aside, and back if anything fails.
    let old = beside(dir, "old");
    fs::rename(dir, &old).map_err(|e| Error::io("replace", dir, e))?;
    if let Err(e) = fs::rename(fresh, dir) {
        let _ = fs::rename(&old, dir);
        return Err(Error::io("put in place", dir, e));
    }
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

/// A name next to `dir` that no other writer uses.
fn beside(dir: &Path, what: &str) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = dir.file_name().map_or_else(|| "folder".into(), |n| n.to_string_lossy().into_owned());
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    dir.with_file_name(format!(".{name}.{what}-{}-{unique}", std::process::id()))
}

/// Makes renames durable where the system can; elsewhere there is nothing to do.
fn sync_folder(dir: &Path) {
    if let Ok(folder) = fs::File::open(dir) {
        let _ = folder.sync_all();
    }
}
