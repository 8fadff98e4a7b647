//! The default store: a file of JSON lines.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result, StudyStore};
use serde_json::Value;

/// A study in a file: one event a line, each on the disk before the next trial begins.
///
/// The file is locked while it is open, so that a second process gets an error instead of a muddle; the system lets
/// go of the lock when the process ends, however it ends. A last line that was cut (a full disk, a lost machine) is
/// dropped, and its trial runs again; damage before the last line is an error that names the line.
///
/// ```
/// use prompt_core::StudyStore;
/// use prompt_models::select::JsonlStudy;
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("study.jsonl");
/// let mut study = JsonlStudy::open(&path)?;
/// study.append(&serde_json::json!({"event": "study"}))?;
/// assert!(JsonlStudy::open(&path).unwrap_err().to_string().contains("another process"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonlStudy {
    path: PathBuf,
    file: File,
}

impl JsonlStudy {
    /// Opens or makes the file, and locks it.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened, or another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("make the folder of", path, e))?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| Error::io("open", path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), file }),
            Err(TryLockError::WouldBlock) => Err(Error::io(
                "open",
                path,
                std::io::Error::new(
                    std::io::ErrorKind::ResourceBusy,
                    "another process is at work on this study; wait for it, or name another file",
                ),
            )),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", path, e)),
        }
    }

    fn failed(&self, action: &'static str, error: std::io::Error) -> Error {
        Error::io(action, &self.path, error)
    }
}

impl StudyStore for JsonlStudy {
    fn events(&mut self) -> Result<Vec<Value>> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(|e| self.failed("read", e))?;
        let mut events = Vec::new();
        let mut at = 0;
        for (number, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
            let end = at + line.len();
            let last = end == bytes.len();
            let whole = line.ends_with(b"\n");
            match serde_json::from_slice::<Value>(line) {
                Ok(event) if whole => events.push(event),
                // Cut, or written without its end: the trial runs again.
                _ if last => {
                    self.file.set_len(at as u64).map_err(|e| self.failed("repair", e))?;
                    break;
                }
                Ok(_) => break,
                Err(error) => {
                    return Err(Error::parse(
                        &self.path,
                        number as u64 + 1,
                        None,
                        format!("no event of a study: {error}"),
                        "mend the line, or begin another study with a new file",
                    ));
                }
            }
            at = end;
        }
        Ok(events)
    }

    fn append(&mut self, event: &Value) -> Result<()> {
        let line = format!("{event}\n");
        self.file
            .seek(SeekFrom::End(0))
            .and_then(|_| self.file.write_all(line.as_bytes()))
            .and_then(|()| self.file.sync_data())
            .map_err(|e| self.failed("write", e))
    }
}
