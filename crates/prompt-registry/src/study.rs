//! Studies of parameter trials in the registry's database.

use prompt_core::{Error, Result, StudyStore};
use serde_json::Value;
use sqlx::Row;

use crate::asynchronous::AsyncRegistry;
use crate::blocking::Registry;

/// One study, kept in the registry's database: for searches that several machines look at, or that should not depend on
/// a file.
///
/// One process writes at a time: an event takes the next number of its study, and whoever finds that number taken has
/// been overtaken by another process and gets an error.
///
/// ```
/// use prompt_core::StudyStore;
/// use prompt_registry::Registry;
/// let dir = tempfile::tempdir().unwrap();
/// let registry = Registry::open(dir.path())?;
/// registry.study("adult")?.append(&serde_json::json!({"event": "study"}))?;
/// assert_eq!(registry.study("adult")?.events()?[0]["event"], "study");
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub struct RegistryStudy<'a> {
    registry: &'a Registry,
    name: String,
    /// Events that this process has seen or written.
    known: i64,
}

impl Registry {
    /// The study of this name; it begins with its first event.
    ///
    /// # Errors
    /// [`Error::Param`] for an empty name; [`Error::Io`] when the database does not answer.
    pub fn study(&self, name: &str) -> Result<RegistryStudy<'_>> {
        if name.trim().is_empty() {
            return Err(Error::param("registry", "study", "a name that is not empty", "an empty one"));
        }
        let mut study = RegistryStudy { registry: self, name: name.to_owned(), known: 0 };
        study.events()?;
        Ok(study)
    }
}

impl StudyStore for RegistryStudy<'_> {
    fn events(&mut self) -> Result<Vec<Value>> {
        let events = self.registry.wait(self.registry.inner().study_events(&self.name))?;
        self.known = events.len() as i64;
        Ok(events)
    }

    fn append(&mut self, event: &Value) -> Result<()> {
        let added = self.registry.inner().add_study_event(&self.name, self.known, event);
        self.registry.wait(added)?;
        self.known += 1;
        Ok(())
    }
}

impl AsyncRegistry {
    /// The events of a study, oldest first; none where there is no such study.
    ///
    /// # Errors
    /// [`Error::Io`] when the database does not answer, [`Error::Parse`] for an event that is no JSON.
    pub async fn study_events(&self, name: &str) -> Result<Vec<Value>> {
        let db = self.database();
        let found = sqlx::query("SELECT event FROM registry_study WHERE name = $1 ORDER BY seq")
            .bind(name)
            .fetch_all(db.pool())
            .await
            .map_err(|e| db.failed("read", e))?;
        let event = |row: &sqlx::any::AnyRow| {
            let text: String = row.try_get(0).map_err(|e| db.failed("read", e))?;
            serde_json::from_str(&text)
                .map_err(|e| db.damaged(format!("an event of the study `{name}`: {e}")))
        };
        found.iter().map(event).collect()
    }

    /// Adds event number `seq` (from 0) of a study.
    ///
    /// # Errors
    /// [`Error::Input`] when another process has written that number, [`Error::Io`] when the database does not answer.
    pub async fn add_study_event(&self, name: &str, seq: i64, event: &Value) -> Result<()> {
        let db = self.database();
        db.writable()?;
        let done = sqlx::query(
            "INSERT INTO registry_study (name, seq, at_ms, event) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name, seq) DO NOTHING",
        )
        .bind(name)
        .bind(seq)
        .bind(self.now_ms())
        .bind(event.to_string())
        .execute(db.pool())
        .await
        .map_err(|e| db.failed("write", e))?;
        if done.rows_affected() == 0 {
            return Err(Error::input(
                format!("another process is at work on the study `{name}`"),
                "wait for it and resume the study, or name another one",
            ));
        }
        Ok(())
    }
}
