//! The name of a repository.

use std::fmt;
use std::str::FromStr;

use prompt_core::{Error, Result};

/// A repository of the hub and, where it is named, a revision: `org/name` or `org/name@revision`, also with `hub:`
/// before it. The oldest repositories have no `org/`.
///
/// ```
/// use prompt_encoder::hub::HubName;
/// let name: HubName = "hub:org/small-encoder@v1.0".parse().unwrap();
/// assert_eq!((name.id(), name.revision()), ("org/small-encoder", Some("v1.0")));
/// assert!("org/../name".parse::<HubName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HubName {
    id: String,
    revision: Option<String>,
}

impl HubName {
    /// `org/name`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The revision, where one was named.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
    }
}

impl FromStr for HubName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.strip_prefix("hub:").unwrap_or(text);
        let (id, revision) = name.split_once('@').map_or((name, None), |(id, rev)| (id, Some(rev)));
        // The cache joins the parts by two dashes, which must stay tellable.
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty()
                && part.chars().all(plain)
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
        };
        let sound = id.len() <= 96
            && id.split('/').count() <= 2
            && id.split('/').all(part)
            && !id.contains("..")
            && !id.contains("--");
        if !sound {
            return Err(Error::input(
                format!("`{text}` does not name a repository of the hub"),
                "write org/name or org/name@revision, of letters, digits and `-_.`",
            ));
        }
        revision.map_or(Ok(()), check_revision)?;
        Ok(Self { id: id.to_owned(), revision: revision.map(str::to_owned) })
    }
}

/// A revision becomes part of a path and of an address.
pub(super) fn check_revision(revision: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let sound = revision.len() <= 255
        && revision.chars().all(plain)
        && revision.split('/').all(|part| !part.is_empty() && !part.starts_with(['.', '-']))
        && !revision.contains("..");
    if sound {
        return Ok(());
    }
    Err(Error::input(
        format!("`{revision}` names no revision"),
        "name a branch, a tag or a commit, of letters, digits and `-_./`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_or_refused() {
        for good in ["bert-base-uncased", "org/name", "hub:o/n@refs/pr/5", "a_b/c.d@1f3a"] {
            let name: HubName = good.parse().unwrap();
            assert_eq!(name.to_string(), good.trim_start_matches("hub:"));
        }
        let bad = [
            "", "hub:", "/", "a/", "/b", "a/b/c", "a b/c", "../x", "a/..", "a/.b", "a/b@", "a/b@../x",
            "a/b@/x", "a/b@x y", "a--b/c", "a/b?x", "a/b@-x", "a/ö",
        ];
        for bad in bad {
            assert!(bad.parse::<HubName>().is_err(), "{bad}");
        }
    }
}
