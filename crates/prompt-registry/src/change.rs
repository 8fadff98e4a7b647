//! The writes. Each works inside a transaction that holds the lock of its name, and each leaves a line in the log.

use prompt_core::{Error, Result};
use serde::Serialize;
use sqlx::{AnyConnection, Row};

use crate::id::{ModelName, ModelRef, Pick};
use crate::log::{Action, ChangeNote};
use crate::sql::{Database, find, names, newest, versions};
use crate::stage::Stage;
use crate::version::{Filter, Version};

/// A transaction on one name, at one moment.
pub(crate) struct Change<'a> {
    pub(crate) db: &'a Database,
    pub(crate) connection: &'a mut AnyConnection,
    pub(crate) now_ms: i64,
}

impl Change<'_> {
    /// The next number of a name, which becomes known by it; others who want one wait.
    pub(crate) async fn next_version(&mut self, name: &ModelName) -> Result<u32> {
        let row = sqlx::query(
            "INSERT INTO registry_model (name, last_version, last_change) VALUES ($1, 1, 0)
             ON CONFLICT (name) DO UPDATE SET last_version = registry_model.last_version + 1
             RETURNING last_version",
        )
        .bind(name.as_str())
        .fetch_one(&mut *self.connection)
        .await
        .map_err(|e| self.db.failed("write", e))?;
        let number: i64 = row.try_get(0).map_err(|e| self.db.failed("write", e))?;
        u32::try_from(number).map_err(|_| {
            Error::input(format!("model `{name}` has used all version numbers"), "register under a new name")
        })
    }

    /// Keeps others from changing a name until the transaction ends.
    pub(crate) async fn lock(&mut self, name: &ModelName) -> Result<()> {
        let locked = sqlx::query("UPDATE registry_model SET last_change = last_change WHERE name = $1")
            .bind(name.as_str())
            .execute(&mut *self.connection)
            .await
            .map_err(|e| self.db.failed("write", e))?;
        if locked.rows_affected() == 0 {
            return Err(unknown_model(self.db, self.connection, name).await);
        }
        Ok(())
    }

    /// Keeps others from registering and from sweeping until the transaction ends. Taken before the lock of a
    /// name.
    pub(crate) async fn hold_artifacts(&mut self) -> Result<()> {
        // The one row that every registry has.
        sqlx::query("UPDATE registry_schema SET version = version WHERE id = 1")
            .execute(&mut *self.connection)
            .await
            .map_err(|e| self.db.failed("write", e))?;
        Ok(())
    }

    /// Adds a version and says so in the log.
    pub(crate) async fn insert(&mut self, version: &Version, note: &ChangeNote) -> Result<()> {
        sqlx::query(
            "INSERT INTO registry_version (name, version, stage, created_ms, created_by, description, tags,
                 metrics, params, task, classes, kind, data_digest, synthetic, bytes, digest, parent, run_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        )
        .bind(version.name.as_str())
        .bind(i64::from(version.version))
        .bind(version.stage.as_str())
        .bind(version.created_ms)
        .bind(version.created_by.as_str())
        .bind(version.description.as_str())
        .bind(json(&version.tags)?)
        .bind(json(&version.metrics)?)
        .bind(json(&version.params)?)
        .bind(version.task.as_str())
        .bind(json(&version.classes)?)
        .bind(version.kind.as_str())
        .bind(version.data_digest.as_str())
        .bind(i64::from(version.synthetic))
        .bind(i64::try_from(version.bytes).unwrap_or(i64::MAX))
        .bind(version.digest.as_str())
        .bind(version.parent.map(i64::from))
        .bind(version.run_id.as_str())
        .execute(&mut *self.connection)
        .await
        .map_err(|e| self.db.failed("write", e))?;
        self.append(version, Action::Registered, None, Some(version.stage), note).await
    }

    /// Moves a version. What is in production now makes room for one that goes there.
    pub(crate) async fn set_stage(
        &mut self,
        version: &mut Version,
        to: Stage,
        action: Action,
        note: &ChangeNote,
    ) -> Result<()> {
        if to == Stage::Production {
            let serving = ModelRef { name: version.name.clone(), pick: Pick::Stage(Stage::Production) };
            if let Some(serving) = find(self.db, self.connection, &serving).await? {
                self.update_stage(&serving, Stage::Archived).await?;
                let why = ChangeNote::new(&note.who, format!("replaced by version {}", version.version));
                self.append(&serving, Action::Replaced, Some(serving.stage), Some(Stage::Archived), &why)
                    .await?;
            }
        }
        self.update_stage(version, to).await?;
        self.append(version, action, Some(version.stage), Some(to), note).await?;
        version.stage = to;
        Ok(())
    }

    /// Removes a version's row; its lines in the log stay.
    pub(crate) async fn delete(&mut self, version: &Version, note: &ChangeNote) -> Result<()> {
        sqlx::query("DELETE FROM registry_version WHERE name = $1 AND version = $2")
            .bind(version.name.as_str())
            .bind(i64::from(version.version))
            .execute(&mut *self.connection)
            .await
            .map_err(|e| self.db.failed("write", e))?;
        self.append(version, Action::Deleted, Some(version.stage), None, note).await
    }

    async fn update_stage(&mut self, version: &Version, to: Stage) -> Result<()> {
        sqlx::query("UPDATE registry_version SET stage = $1 WHERE name = $2 AND version = $3")
            .bind(to.as_str())
            .bind(version.name.as_str())
            .bind(i64::from(version.version))
            .execute(&mut *self.connection)
            .await
            .map_err(|e| self.db.failed("write", e))?;
        Ok(())
    }

    async fn append(
        &mut self,
        version: &Version,
        action: Action,
        from: Option<Stage>,
        to: Option<Stage>,
        note: &ChangeNote,
    ) -> Result<()> {
        let failed = |e| self.db.failed("write", e);
        let row = sqlx::query(
            "UPDATE registry_model SET last_change = last_change + 1 WHERE name = $1 RETURNING last_change",
        )
        .bind(version.name.as_str())
        .fetch_one(&mut *self.connection)
        .await
        .map_err(failed)?;
        let seq: i64 = row.try_get(0).map_err(failed)?;
        sqlx::query(
            "INSERT INTO registry_change (name, seq, version, action, from_stage, to_stage, at_ms, who, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(version.name.as_str())
        .bind(seq)
        .bind(i64::from(version.version))
        .bind(action.as_str())
        .bind(from.map(Stage::as_str))
        .bind(to.map(Stage::as_str))
        .bind(self.now_ms)
        .bind(note.who.as_str())
        .bind(note.reason.as_str())
        .execute(&mut *self.connection)
        .await
        .map_err(failed)?;
        Ok(())
    }
}

/// The version that a reference means.
pub(crate) async fn known(
    db: &Database,
    connection: &mut AnyConnection,
    model: &ModelRef,
) -> Result<Version> {
    match find(db, connection, model).await? {
        Some(version) => Ok(version),
        None => Err(unknown_version(db, connection, model).await),
    }
}

/// The version that a reference means to someone who moves it: for a name alone the newest that is not archived, since
/// the one in production is where it should be.
pub(crate) async fn to_move(
    db: &Database,
    connection: &mut AnyConnection,
    model: &ModelRef,
) -> Result<Version> {
    if model.pick != Pick::Current {
        return known(db, connection, model).await;
    }
    match newest(db, connection, &model.name).await? {
        Some(version) => Ok(version),
        None => Err(unknown_version(db, connection, model).await),
    }
}

/// The error for a name without versions, with the names that have some.
pub(crate) async fn unknown_model(db: &Database, connection: &mut AnyConnection, name: &ModelName) -> Error {
    match names(db, connection).await {
        Ok(known) => Error::unknown("model", name.as_str(), known),
        Err(e) => e,
    }
}

/// The error for a reference to nothing, with the versions the name has.
async fn unknown_version(db: &Database, connection: &mut AnyConnection, model: &ModelRef) -> Error {
    let filter = Filter { name: Some(model.name.clone()), ..Filter::default() };
    match versions(db, connection, &filter).await {
        Ok(known) if known.is_empty() => unknown_model(db, connection, &model.name).await,
        Ok(known) => {
            let known = known.iter().map(|v| format!("{} ({})", v.reference(), v.stage));
            Error::unknown("version", model.to_string(), known)
        }
        Err(e) => e,
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::input(format!("facts cannot be written as JSON: {e}"), "check names and numbers"))
}
