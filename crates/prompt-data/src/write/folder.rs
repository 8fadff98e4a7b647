//! A folder of files that appears whole or not at all, and replaces nothing but its own kind.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use prompt_core::{Error, Result, replace_folder};

/// The file that says which other files of a folder were written with it.
const CONTENTS: &str = ".files.json";

/// Writes files into a folder: into a new one beside it first, which is then renamed. A name may hold one folder
/// (`plots/roc.svg`).
///
/// What is there is replaced only where it is an empty folder, or one that this function wrote and nobody added to; it
/// keeps a list of its files in `.files.json`. A process that is killed in between leaves the old folder as it was, or
/// beside it as `.NAME.old-…`.
///
/// ```
/// use prompt_data::write::write_folder;
/// let place = tempfile::tempdir().unwrap();
/// let report = place.path().join("report");
/// write_folder(&report, [("numbers.txt", "1".as_bytes())]).unwrap();
/// write_folder(&report, [("numbers.txt", "2".as_bytes())]).unwrap();
/// assert_eq!(std::fs::read_to_string(report.join("numbers.txt")).unwrap(), "2");
/// std::fs::write(report.join("mine.txt"), "do not lose this").unwrap();
/// assert!(write_folder(&report, [("numbers.txt", "3".as_bytes())]).unwrap_err().to_string().contains("mine.txt"));
/// ```
///
/// # Errors
/// [`Error::Input`] where something would be lost; [`Error::Io`] for what the system refuses (nothing half-written stays).
pub fn write_folder<'a>(dir: &Path, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<()> {
    refuse_what_is_not_ours(dir)?;
    replace_folder(dir, |fresh| fill(fresh, files))
}

/// Whether [`write_folder`] would replace nothing that it did not write.
///
/// # Errors
/// [`Error::Input`] naming what would be lost: ask before long work, not after it.
pub fn refuse_what_is_not_ours(dir: &Path) -> Result<()> {
    let Ok(about) = fs::metadata(dir) else { return Ok(()) };
    let lost = if about.is_dir() {
        let list = fs::read(dir.join(CONTENTS)).unwrap_or_default();
        let ours: BTreeSet<String> = serde_json::from_slice(&list).unwrap_or_default();
        let mut there = Vec::new();
        names(dir, "", &mut there)?;
        there.into_iter().find(|name| name != CONTENTS && !ours.contains(name))
    } else {
        Some("it is a file".to_owned())
    };
    match lost {
        None => Ok(()),
        Some(what) => Err(Error::input(
            format!(
                "{} holds what was not written by this program ({what}) and would be lost",
                dir.display()
            ),
            "name a new folder, or remove this one first",
        )),
    }
}

/// The files below a folder, relative to it.
fn names(dir: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))?.flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            // A link is a file of its own, wherever it leads.
            Ok(kind) if kind.is_dir() => names(&entry.path(), &format!("{name}/"), found)?,
            _ => found.push(name),
        }
    }
    Ok(())
}

fn fill<'a>(dir: &Path, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<()> {
    let mut list = BTreeSet::new();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        let all = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        all().map_err(|e| Error::io("write", &path, e))
    };
    for (name, bytes) in files {
        write(name, bytes)?;
        list.insert(name);
    }
    write(CONTENTS, &serde_json::to_vec(&list).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        names(dir, "", &mut found).unwrap();
        found.sort();
        found
    }

    #[test]
    fn a_folder_is_replaced_whole_and_nothing_of_others_is() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("report");
        write_folder(&dir, [("a.txt", &b"1"[..]), ("plots/b.svg", &b"2"[..])]).unwrap();
        write_folder(&dir, [("c.txt", &b"3"[..])]).unwrap();
        assert_eq!(there(&dir), [".files.json", "c.txt"]);
        for foreign in ["notes.md", "plots/mine.svg"] {
            fs::create_dir_all(dir.join("plots")).unwrap();
            fs::write(dir.join(foreign), "x").unwrap();
            let message = write_folder(&dir, [("c.txt", &b"4"[..])]).unwrap_err().to_string();
            assert!(message.contains(foreign), "{message}");
            fs::remove_file(dir.join(foreign)).unwrap();
        }
        assert_eq!(fs::read(dir.join("c.txt")).unwrap(), b"3");
        // A file, and an empty folder.
        let file = place.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(write_folder(&file, [("a", &b""[..])]).unwrap_err().to_string().contains("it is a file"));
        let empty = place.path().join("empty");
        fs::create_dir(&empty).unwrap();
        write_folder(&empty, [("a", &b""[..])]).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3, "nothing is left beside them");
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_folder() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("report");
        write_folder(&dir, [("a.txt", &b"1"[..])]).unwrap();
        // A file cannot be a folder too.
        assert!(write_folder(&dir, [("x", &b"1"[..]), ("x/y", &b"2"[..])]).is_err());
        assert_eq!(there(&dir), [".files.json", "a.txt"]);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
