//! An artifact whose every byte was checked, and the digest that names it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use prompt_core::artifact::{Bundle, Manifest, read_files};
use prompt_core::{Error, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The name of an artifact: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(String);

impl Digest {
    /// Checks a digest that comes from outside: it becomes part of a path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (text.len() == 64 && hex).then(|| Self(text.to_owned()))
    }

    /// Of what makes a model predict as it does: its kind, task, class names, and the sums of its files.
    ///
    /// Name, measured numbers and origin are facts about a registration, and are kept with the version: the
    /// same model registered twice under two names is stored once.
    fn of(manifest: &Manifest) -> Self {
        // `Value`'s maps are sorted, so the text is the same for equal facts.
        let facts = json!({
            "kind": manifest.kind,
            "task": manifest.task,
            "classes": manifest.classes,
            "files": manifest.files.iter().map(|(name, sum)| (name, &sum.sha256)).collect::<BTreeMap<_, _>>(),
        });
        let sum = Sha256::digest(facts.to_string().as_bytes());
        Self(sum.iter().fold(String::with_capacity(64), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        }))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first two digits: the folder in which the artifact's folder stands.
    pub(crate) fn prefix(&self) -> &str {
        self.0.get(..2).unwrap_or(&self.0)
    }
}

/// An artifact in memory: its files, checked and opened.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) bundle: Bundle,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

impl Checked {
    /// Reads a folder once and checks what was read, so that what is stored is what was checked.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        if !dir.exists() {
            return Err(Error::artifact(dir, "does not exist", "name the folder of a saved model"));
        }
        let files = read_files(dir)?;
        let bundle = Bundle::from_files(dir, &files)?;
        let digest = Digest::of(&bundle.manifest);
        let bytes = files.values().map(|f| f.len() as u64).sum();
        Ok(Self { files, bundle, digest, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_becomes_part_of_a_path() {
        assert_eq!(Digest::parse(&"0f".repeat(32)).unwrap().prefix(), "0f");
        for text in ["", "../../etc", &"0F".repeat(32), &"0f".repeat(31), &"é".repeat(32)] {
            assert!(Digest::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_changes_predictions_changes_the_digest_and_the_rest_does_not() {
        let base =
            Manifest { kind: "k".into(), classes: vec!["a".into(), "b".into()], ..Manifest::default() };
        let digest = Digest::of(&base);
        let other_name = Manifest {
            name: "x".into(),
            metrics: [("f1".to_owned(), 0.5)].into(),
            created_by: "prompt 9".into(),
            ..base.clone()
        };
        assert_eq!(Digest::of(&other_name), digest);
        let swapped = Manifest { classes: vec!["b".into(), "a".into()], ..base };
        assert_ne!(Digest::of(&swapped), digest);
    }
}
