//! What happened to a name: who changed what, when and why; and what that says about going back.

use std::fmt;
use std::str::FromStr;

use prompt_core::{Error, Result, utc};
use serde::{Deserialize, Serialize};

use crate::id::ModelName;
use crate::stage::Stage;

/// Who asks for a change, and why. Both may be empty; both are kept for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeNote {
    /// The person or program.
    pub who: String,
    /// The reason, for the reader of the log.
    pub reason: String,
}

impl ChangeNote {
    /// Who and why.
    pub fn new(who: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { who: who.into(), reason: reason.into() }
    }
}

/// What was done to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was added.
    Registered,
    /// It was moved to another stage.
    Moved,
    /// It left production because another version took its place.
    Replaced,
    /// It came back to production.
    RolledBack,
    /// Its row was removed.
    Deleted,
}

impl Action {
    const ALL: [Self; 5] = [Self::Registered, Self::Moved, Self::Replaced, Self::RolledBack, Self::Deleted];

    /// Its name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Moved => "moved",
            Self::Replaced => "replaced",
            Self::RolledBack => "rolled_back",
            Self::Deleted => "deleted",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|a| a.as_str() == text)
            .ok_or_else(|| Error::unknown("action", text, Self::ALL.map(Self::as_str)))
    }
}

/// One line of a name's log. Lines are never changed or removed, not even with their version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The model's name.
    pub name: ModelName,
    /// Its place in the log of this name, from 1 without gaps.
    pub seq: u64,
    /// The version it happened to.
    pub version: u32,
    /// What was done.
    pub action: Action,
    /// The stage before; none for a new version.
    pub from: Option<Stage>,
    /// The stage after; none for a deleted version.
    pub to: Option<Stage>,
    /// When, in milliseconds since 1970-01-01 00:00 UTC.
    pub at_ms: i64,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// The versions that served and can be returned to, oldest first; the last is the one that serves or served
/// last.
///
/// Going back is like undoing: it takes versions off the end, so going back twice ends two versions earlier and
/// not where it started.
pub(crate) fn productions(log: &[LogEntry]) -> Vec<u32> {
    let mut served: Vec<u32> = Vec::new();
    for entry in log {
        match entry.action {
            Action::Moved if entry.to == Some(Stage::Production) => served.push(entry.version),
            Action::RolledBack => match served.iter().rposition(|v| *v == entry.version) {
                Some(at) => served.truncate(at + 1),
                None => served.push(entry.version),
            },
            Action::Deleted => served.retain(|v| *v != entry.version),
            _ => {}
        }
        // A version that came back to where it already was (after a demotion or a deletion) counts once.
        served.dedup();
    }
    served
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = |s: Option<Stage>| s.map_or("–", Stage::as_str);
        let seconds = u64::try_from(self.at_ms / 1000).unwrap_or(0);
        write!(
            f,
            "{}  {}:{}  {}  {} → {}",
            utc(seconds),
            self.name.as_str(),
            self.version,
            self.action.as_str(),
            stage(self.from),
            stage(self.to)
        )?;
        write!(f, "  by {}", self.who)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(steps: &[(u32, Action, Option<Stage>)]) -> Vec<LogEntry> {
        steps
            .iter()
            .zip(1..)
            .map(|(&(version, action, to), seq)| LogEntry {
                name: ModelName::new("m").unwrap(),
                seq,
                version,
                action,
                from: None,
                to,
                at_ms: 0,
                who: String::new(),
                reason: String::new(),
            })
            .collect()
    }

    #[test]
    fn going_back_takes_versions_off_the_end() {
        let live = Some(Stage::Production);
        let mut steps = vec![
            (1, Action::Registered, Some(Stage::Staged)),
            (1, Action::Moved, live),
            (1, Action::Replaced, Some(Stage::Archived)),
            (2, Action::Moved, live),
            (3, Action::Moved, live),
        ];
        assert_eq!(productions(&log(&steps)), [1, 2, 3]);
        steps.push((2, Action::RolledBack, live));
        assert_eq!(productions(&log(&steps)), [1, 2]);
        steps.push((4, Action::Moved, live));
        steps.push((1, Action::Moved, live));
        assert_eq!(productions(&log(&steps)), [1, 2, 4, 1]);
        steps.push((4, Action::Deleted, None));
        steps.push((2, Action::Deleted, None));
        assert_eq!(productions(&log(&steps)), [1]);
        steps.push((1, Action::Moved, Some(Stage::Archived)));
        steps.push((1, Action::Moved, live));
        assert_eq!(productions(&log(&steps)), [1]);
    }
}
