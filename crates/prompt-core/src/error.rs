//! One error type for the whole workspace, so that two stages of any crates can be chained without
//! inventing a third error. Every variant says what was wrong, where, what was expected and what to do,
//! and its facts can be matched on.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// `Result` with the workspace's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a prompt and its score.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter lies outside its legal range.
    #[error("{owner}: parameter `{name}` must be {legal}, got {value}")]
    Param {
        /// The estimator or configuration section that owns the parameter.
        owner: String,
        /// The parameter.
        name: String,
        /// The legal range in words.
        legal: String,
        /// The value that was given.
        value: String,
    },

    /// Two things that must agree in size do not.
    #[error("{what}: expected {expected}, got {found}")]
    Shape {
        /// Which quantity, e.g. `columns of x`.
        what: String,
        /// The size that was needed.
        expected: usize,
        /// The size that was given.
        found: usize,
    },

    /// Data that is readable but cannot be worked with (empty, one class, NaN, …).
    #[error("{what}; {help}")]
    Input {
        /// What was wrong and where.
        what: String,
        /// What to do about it.
        help: String,
    },

    /// A file's content is not what its format promises.
    #[error("{}{}: {what}; {help}", path.display(), Place(*line, *column))]
    Parse {
        /// The file (or `<stdin>`, `<text>`).
        path: PathBuf,
        /// One-based line, where known.
        line: Option<u64>,
        /// One-based column (in bytes), where known.
        column: Option<u64>,
        /// What was wrong.
        what: String,
        /// What to do about it.
        help: String,
    },

    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// A saved artifact is damaged, altered, or from a newer program.
    #[error("artifact {}: {what}; {help}", path.display())]
    Artifact {
        /// The artifact's folder or file.
        path: PathBuf,
        /// What was wrong.
        what: String,
        /// What to do about it.
        help: String,
    },

    /// The estimator cannot do what was asked of it, and says so instead of ignoring it.
    #[error("{who} does not support {what}; {help}")]
    Unsupported {
        /// Who refuses.
        who: String,
        /// What was asked.
        what: String,
        /// What to do instead.
        help: String,
    },

    /// A name that nothing answers to.
    #[error("unknown {kind} `{name}`; {}", Known(name, known))]
    Unknown {
        /// What kind of thing was looked up.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },

    /// The caller asked to stop.
    #[error("stopped: cancelled by the caller")]
    Cancelled,

    /// The time limit of the context ran out.
    #[error("stopped: the time limit of {seconds} s ran out; raise the timeout or lower the work")]
    Timeout {
        /// The limit in seconds.
        seconds: f64,
    },
}

struct Place(Option<u64>, Option<u64>);

impl Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0, self.1) {
            (Some(line), Some(column)) => write!(f, ", line {line}, column {column}"),
            (Some(line), None) => write!(f, ", line {line}"),
            _ => Ok(()),
        }
    }
}

struct Known<'a>(&'a str, &'a [String]);

impl Display for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(name, known) = self;
        if known.is_empty() {
            return f.write_str("there are none");
        }
        write!(f, "known: {}", known.join(", "))?;
        // Where there are few, the eye finds the right one.
        match nearest(name, known) {
            Some(near) if known.len() > 1 => write!(f, "; did you mean `{near}`?"),
            _ => Ok(()),
        }
    }
}

/// The known name that a slip of the hand turns into `name`: the fewest letters put in, left out or changed, at most one in
/// three.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let most = name.chars().count() / 3;
    let with = known.iter().map(|other| (distance(name, other), other.as_str()));
    with.filter(|(steps, _)| (1..=most).contains(steps))
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, other)| other)
}

/// Letters to put in, leave out or change to make one word of the other (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl Error {
    /// Unusable data: what is wrong, and what to do.
    pub fn input(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Input { what: what.into(), help: help.into() }
    }

    /// Two sizes that must agree do not.
    pub fn shape(what: impl Into<String>, expected: usize, found: usize) -> Self {
        Self::Shape { what: what.into(), expected, found }
    }

    /// A parameter outside its legal range.
    pub fn param(
        owner: impl Into<String>,
        name: impl Into<String>,
        legal: impl Display,
        value: impl Display,
    ) -> Self {
        Self::Param {
            owner: owner.into(),
            name: name.into(),
            legal: legal.to_string(),
            value: value.to_string(),
        }
    }

    /// The system refused `action` on `path`.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// A place in a file whose content is wrong.
    pub fn parse(
        path: impl AsRef<Path>,
        line: impl Into<Option<u64>>,
        column: impl Into<Option<u64>>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::Parse {
            path: path.as_ref().to_path_buf(),
            line: line.into(),
            column: column.into(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// A damaged or foreign artifact.
    pub fn artifact(path: impl AsRef<Path>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Artifact { path: path.as_ref().to_path_buf(), what: what.into(), help: help.into() }
    }

    /// Something the caller asked for and will not get.
    pub fn unsupported(who: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Unsupported { who: who.into(), what: what.into(), help: help.into() }
    }

    /// A name that nothing answers to, with the names there are.
    pub fn unknown<S: Into<String>>(
        kind: &'static str,
        name: impl Into<String>,
        known: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::Unknown { kind, name: name.into(), known: known.into_iter().map(Into::into).collect() }
    }

    /// Whether the work was stopped from outside rather than failed.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Timeout { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_where_and_what_to_do() {
        let e = Error::param("logistic_regression", "c", "a number > 0", -1.0);
        assert_eq!(e.to_string(), "logistic_regression: parameter `c` must be a number > 0, got -1");
        let e = Error::parse("a.jsonl", 812, 3, "invalid UTF-8", "save the file as UTF-8");
        assert_eq!(e.to_string(), "a.jsonl, line 812, column 3: invalid UTF-8; save the file as UTF-8");
        let e = Error::unknown("model", "xgbost", ["xgboost"]);
        assert_eq!(e.to_string(), "unknown model `xgbost`; known: xgboost");
        let e = Error::unknown("model", "laso", ["ridge", "lasso", "lars"]);
        assert_eq!(e.to_string(), "unknown model `laso`; known: ridge, lasso, lars; did you mean `lasso`?");
        let e = Error::unknown("model", "poem", ["ridge", "lasso"]);
        assert_eq!(e.to_string(), "unknown model `poem`; known: ridge, lasso");
        assert_eq!((distance("kitten", "sitting"), distance("", "ab"), distance("é", "é")), (3, 2, 0));
    }

    #[test]
    fn errors_stay_small_enough_to_return_by_value() {
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }
}
