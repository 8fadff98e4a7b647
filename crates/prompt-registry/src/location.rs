//! Where a registry lives.

use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};

/// Where the metadata and the artifacts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A folder with both: `registry.db` (SQLite) and `artifacts/`. It must lie on a local disk, because
    /// SQLite's write-ahead log does not work over a network file system.
    Folder(PathBuf),
    /// Metadata in PostgreSQL, artifacts in a folder that all users of the database share (feature
    /// `postgres`). The folder belongs to this registry alone: [`gc`](crate::Registry::gc) empties it of
    /// what the database does not know.
    Postgres {
        /// `postgres://user:password@host/database`.
        url: String,
        /// The folder of the artifacts.
        artifacts: PathBuf,
    },
}

impl Location {
    /// A location as a person writes it: a folder, or a `postgres://` address with an artifact folder.
    ///
    /// ```
    /// use prompt_registry::Location;
    /// assert_eq!(Location::parse("models", None).unwrap(), Location::Folder("models".into()));
    /// assert!(Location::parse("postgres://db/registry", None).is_err());
    /// assert!(Location::parse("postgres://db/registry", Some("/mnt/models".as_ref())).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Error::Input`] for an address without an artifact folder or a folder with one;
    /// [`Error::Unknown`] for another kind of address.
    pub fn parse(text: &str, artifacts: Option<&Path>) -> Result<Self> {
        match (text.split_once("://"), artifacts) {
            (None, None) if text.is_empty() => Err(Error::input(
                "the registry's location is empty",
                "name a folder or a postgres:// address",
            )),
            (None, None) => Ok(Self::Folder(text.into())),
            (None, Some(_)) => Err(Error::input(
                format!("registry {text} is a folder and keeps its artifacts itself"),
                "give no artifact folder, or a postgres:// address",
            )),
            (Some(("postgres" | "postgresql", _)), Some(artifacts)) => {
                Ok(Self::Postgres { url: text.to_owned(), artifacts: artifacts.to_path_buf() })
            }
            (Some(("postgres" | "postgresql", _)), None) => Err(Error::input(
                format!("registry {} has no artifact folder", without_secrets(text)),
                "name the folder that keeps the models' files",
            )),
            (Some((scheme, _)), _) => {
                Err(Error::unknown("kind of registry", format!("{scheme}://"), ["a folder", "postgres://"]))
            }
        }
    }
}

impl From<&Path> for Location {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_path_buf())
    }
}

impl From<PathBuf> for Location {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<&PathBuf> for Location {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

/// A database's address as messages may show it: no user, no password, no options.
pub(crate) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    // A password may hold anything, also an `@` or a `/`: what follows the last `@` is surely none of it.
    let rest = rest.rsplit('@').next().unwrap_or(rest);
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_never_show_a_password() {
        for url in [
            "postgres://ana:p@ss/word@db:5432/models?password=x",
            "postgres://ana:p%40@db:5432/models#secret",
        ] {
            assert_eq!(without_secrets(url), "postgres://db:5432/models");
        }
        let error = Location::parse("postgres://ana:secret@db/models", None).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn other_kinds_are_named() {
        let error = Location::parse("mysql://db/x", None).unwrap_err().to_string();
        assert_eq!(error, "unknown kind of registry `mysql://`; known: a folder, postgres://");
        assert!(Location::parse("", None).is_err());
        assert!(Location::parse("models", Some("x".as_ref())).is_err());
    }
}
