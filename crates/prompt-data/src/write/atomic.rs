//! A file that appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use prompt_core::{Error, Result};

/// Writes beside the target and renames at the end; dropped before [`commit`](Self::commit), it leaves nothing.
///
/// A target that is there and is no ordinary file (a device, a pipe) is written directly, since renaming would
/// replace it. A link is followed, also one to a file that is yet to be made. A file that is replaced hands its
/// permissions on; a new one gets those of any new file (on Unix: 0666 less the umask).
///
/// ```
/// use std::io::Write;
/// use prompt_data::write::AtomicFile;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("report.txt");
/// let mut file = AtomicFile::create(&path).unwrap();
/// file.write_all(b"all of it").unwrap();
/// assert!(!path.exists());
/// file.commit().unwrap();
/// assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    // `None` once it is committed.
    out: Option<BufWriter<File>>,
    /// What is being written: a temporary file, or the target itself when it is a device.
    writing: PathBuf,
    target: PathBuf,
    in_place: bool,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl AtomicFile {
    /// Starts to write `path`.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder is missing or cannot be written to; [`Error::Input`] when `path` is a folder.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let there = fs::metadata(path).ok();
        if there.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(Error::input(format!("{} is a folder", path.display()), "name a file inside it"));
        }
        if there.as_ref().is_some_and(|m| !m.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(|e| Error::io("write", path, e))?;
            return Ok(Self {
                out: Some(BufWriter::new(file)),
                writing: path.to_path_buf(),
                target: path.to_path_buf(),
                in_place: true,
            });
        }
        let target = followed(path);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let writing = target.with_file_name(format!(".{name}.{}-{n}.tmp", std::process::id()));
        let permissions = there.map(|m| m.permissions());
        let file = create(&writing, permissions.as_ref()).map_err(|e| Error::io("create", path, e))?;
        let new = Self { out: Some(BufWriter::new(file)), writing, target, in_place: false };
        if let Some(permissions) = permissions {
            fs::set_permissions(&new.writing, permissions).map_err(|e| Error::io("create", path, e))?;
        }
        Ok(new)
    }

    /// The file that will appear.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// Puts the file beside its place, under its name and `.partial`: for what is worth keeping and must not replace what is
    /// there. Returns where it is; a device has been written already.
    ///
    /// ```
    /// use std::io::Write;
    /// use prompt_data::write::AtomicFile;
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("scored.csv");
    /// std::fs::write(&path, "the old one").unwrap();
    /// let mut file = AtomicFile::create(&path).unwrap();
    /// file.write_all(b"half of the new one").unwrap();
    /// assert!(file.commit_partial().unwrap().ends_with("scored.csv.partial"));
    /// assert_eq!(std::fs::read(&path).unwrap(), b"the old one");
    /// ```
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_partial(mut self) -> Result<PathBuf> {
        if !self.in_place {
            let mut name = self.target.file_name().unwrap_or_default().to_os_string();
            name.push(".partial");
            self.target.set_file_name(name);
        }
        let target = self.target.clone();
        self.commit()?;
        Ok(target)
    }

    /// Puts the file in its place: flush, fsync, rename.
    ///
    /// # Errors
    /// [`Error::Io`], for instance on a full disk; then nothing is left behind.
    pub fn commit(mut self) -> Result<()> {
        let failed = |e: io::Error| Error::io("write", &self.target, e);
        let Some(out) = self.out.take() else {
            return Ok(());
        };
        let outcome = (|| {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            if self.in_place {
                return Ok(());
            }
            file.sync_all()?;
            fs::rename(&self.writing, &self.target)?;
            // The new name is on disk once its folder is; where folders cannot be synced, the rename still holds.
            if let Some(folder) = self.target.parent().and_then(|f| File::open(f).ok()) {
                let _ = folder.sync_all();
            }
            Ok(())
        })();
        if outcome.is_err() && !self.in_place {
            let _ = fs::remove_file(&self.writing);
        }
        outcome.map_err(failed)
    }
}

/// The target of a temporary file that another process left behind, by the file's name (`.TARGET.PROCESS-N.tmp`); `None`
/// for any other name.
///
/// ```
/// use prompt_data::write::leftover_of;
/// assert_eq!(leftover_of(".run.json.4294967295-0.tmp"), Some("run.json"));
/// assert_eq!(leftover_of(".notes.tmp"), None);
/// ```
pub fn leftover_of(name: &str) -> Option<&str> {
    let (target, number) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let (process, n) = number.split_once('-')?;
    let (process, _): (u32, u64) = (process.parse().ok()?, n.parse().ok()?);
    (process != std::process::id()).then_some(target)
}

/// Removes the temporary files that killed processes left in a folder for targets that are `ours`. Call it only where no
/// other process can be writing them.
pub fn remove_leftovers(dir: &Path, ours: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().and_then(leftover_of).is_some_and(&ours) {
            // One that cannot be removed disturbs nobody.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where a chain of links ends, whether or not something is there.
fn followed(path: &Path) -> PathBuf {
    if let Ok(found) = fs::canonicalize(path) {
        return found;
    }
    let mut target = path.to_path_buf();
    // As many links as Linux follows; a circle of links cannot be written through and is replaced.
    for _ in 0..40 {
        match fs::read_link(&target) {
            // A relative link starts at its own folder; an absolute one replaces all.
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return target,
        }
    }
    path.to_path_buf()
}

/// Creates the file so that nobody can read it meanwhile who could not read the one it replaces.
fn create(path: &Path, permissions: Option<&fs::Permissions>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if let Some(permissions) = permissions {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(permissions.mode() & 0o777);
    }
    #[cfg(not(unix))]
    let _ = permissions;
    options.open(path)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Some(out) => out.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(out) = self.out.take()
            && !self.in_place
        {
            // Bytes still in the buffer are not wanted any more.
            drop(out.into_parts());
            let _ = fs::remove_file(&self.writing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
        names.map(|n| n.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn dropped_before_commit_it_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half of the new").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(entries(folder.path()), ["a.txt"]);
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(entries(folder.path()), ["a.txt"]);
    }

    #[test]
    fn only_what_killed_writers_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let kept =
            [".other.1-0.tmp".to_owned(), format!(".a.txt.{}-7.tmp", std::process::id()), "a.txt".into()];
        for name in kept.iter().map(String::as_str).chain([".a.txt.4294967295-3.tmp"]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_leftovers(folder.path(), |target| target == "a.txt");
        let mut there = entries(folder.path());
        there.sort();
        let mut expected = kept.to_vec();
        expected.sort();
        assert_eq!(there, expected);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_new_files_have_the_usual_ones() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let write = |path: &Path, text: &[u8]| {
            let mut file = AtomicFile::create(path).unwrap();
            file.write_all(text).unwrap();
            let writing = mode(&file.writing);
            file.commit().unwrap();
            writing
        };
        write(&path, b"first");
        fs::write(folder.path().join("plain.txt"), "").unwrap();
        assert_eq!(mode(&path), mode(&folder.path().join("plain.txt")));
        for kept in [0o600, 0o640, 0o666, 0o755, 0o444] {
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            assert_eq!(write(&path, b"again"), kept, "also while it is being written");
            assert_eq!(mode(&path), kept);
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/old.txt"), "old").unwrap();
        symlink("sub/old.txt", at("old-link")).unwrap();
        symlink("sub/new.txt", at("new-link")).unwrap();
        symlink(at("new-link"), at("link-to-link")).unwrap();
        for (link, file) in [("old-link", "sub/old.txt"), ("link-to-link", "sub/new.txt")] {
            let mut out = AtomicFile::create(at(link)).unwrap();
            out.write_all(link.as_bytes()).unwrap();
            out.commit().unwrap();
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
            assert!(fs::symlink_metadata(at(file)).unwrap().is_file(), "{file}");
            assert_eq!(fs::read(at(file)).unwrap(), link.as_bytes());
        }
        assert!(fs::symlink_metadata(at("new-link")).unwrap().is_symlink());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_the_device_stays() {
        let mut file = AtomicFile::create("/dev/full").unwrap();
        file.write_all(b"x").unwrap();
        let error = file.commit().unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: No space left"), "{error}");
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }

    #[test]
    fn a_missing_folder_and_a_folder_as_target_are_refused() {
        let error = AtomicFile::create("/no/such/folder/a.txt").unwrap_err().to_string();
        assert!(error.starts_with("cannot create /no/such/folder/a.txt: No such file"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let error = AtomicFile::create(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("is a folder; name a file inside it"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_read_only_folder_is_refused() {
        // Not even root may create files there.
        let error = AtomicFile::create("/proc/self/fdinfo/a.txt").unwrap_err().to_string();
        assert!(error.starts_with("cannot create /proc/self/fdinfo/a.txt: "), "{error}");
    }
}
