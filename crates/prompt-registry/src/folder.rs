//! The folder of a registry, before its database is opened.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use prompt_core::{Error, Result};

use crate::store::ArtifactStore;

/// The file of the metadata.
pub(crate) const DATABASE: &str = "registry.db";

/// Makes what a registry needs; tells whether the folder can be written.
pub(crate) fn prepare_folder(folder: &Path, store: &ArtifactStore) -> Result<bool> {
    // A name of its own for every call: threads of one process may open the same registry at once.
    static PROBES: AtomicU64 = AtomicU64::new(0);
    let number = PROBES.fetch_add(1, Ordering::Relaxed);
    let probe = folder.join(format!(".probe-{}-{number}", std::process::id()));
    let made = store.create().and_then(|()| {
        fs::write(&probe, [])
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|e| Error::io("write to", folder, e))
    });
    match made {
        Ok(()) => Ok(true),
        Err(Error::Io { source, .. })
            if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
                && folder.join(DATABASE).is_file() =>
        {
            Ok(false)
        }
        Err(e) => Err(e),
    }
}

/// Refuses a folder whose artifacts have outlived their database: a new one would show no models, and a sweep
/// would then remove them.
pub(crate) fn refuse_lost_versions(folder: &Path, store: &ArtifactStore) -> Result<()> {
    // The database is there before the first artifact, so looking in the other order never blames a registry
    // that another process makes at this moment.
    if store.is_empty()? {
        return Ok(());
    }
    let file = folder.join(DATABASE);
    let what = match fs::metadata(&file) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => "the database is damaged: it is empty, but there are artifacts",
        Err(e) if e.kind() == ErrorKind::NotFound => "the database is missing, but there are artifacts",
        Err(e) => return Err(Error::io("look at", &file, e)),
    };
    Err(Error::parse(&file, None, None, what, "restore it from a copy, or choose another registry"))
}
