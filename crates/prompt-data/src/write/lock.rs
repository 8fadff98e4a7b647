//! One run at a time in a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};

/// The file that is locked; it holds the number of the process and stays when the lock is gone.
pub const LOCK_FILE: &str = ".run.lock";

/// The right to write into a folder, for one process at a time; given back when it is dropped.
///
/// The system ends the lock with its process, however that ends: a killed run blocks nobody. Where a file system has no
/// locks (some network folders), none is held.
///
/// ```
/// use prompt_data::write::FolderLock;
/// let place = tempfile::tempdir().unwrap();
/// let lock = FolderLock::take(place.path().join("run")).unwrap();
/// let second = FolderLock::take(lock.dir()).unwrap_err().to_string();
/// assert!(second.starts_with("another run is working in"), "{second}");
/// let dir = lock.dir().to_path_buf();
/// drop(lock);
/// assert!(FolderLock::take(dir).is_ok());
/// ```
#[derive(Debug)]
pub struct FolderLock {
    dir: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Takes the lock; a folder that is not there is made.
    ///
    /// # Errors
    /// [`Error::Input`] naming the process that holds it; [`Error::Io`] when the folder cannot be made or written to.
    pub fn take(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        let path = dir.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(|e| Error::io("create", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(&dir, &mut file)),
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &path, e)),
        }
        // For people alone: without the number (on a full disk) the lock holds as well.
        let _ = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        Ok(Self { dir, _file: file })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn taken(dir: &Path, file: &mut File) -> Error {
    const LONGEST: u64 = 20;
    let mut process = String::new();
    let read = file.take(LONGEST).read_to_string(&mut process);
    let process = match process.trim() {
        number if read.is_ok() && !number.is_empty() => format!(" (process {number})"),
        _ => String::new(),
    };
    Error::input(
        format!("another run is working in {}{process}", dir.display()),
        "wait until it is done, or give this one another folder (`--out`, `output.dir`)",
    )
}
