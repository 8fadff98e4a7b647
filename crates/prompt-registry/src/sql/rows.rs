//! From rows to versions, log entries and names.

use prompt_core::Result;
use serde::de::DeserializeOwned;
use sqlx::any::{Any, AnyRow};
use sqlx::{AnyConnection, Decode, Row, Type};

use super::Database;
use crate::id::{ModelName, ModelRef, Pick};
use crate::log::LogEntry;
use crate::stage::Stage;
use crate::version::{Filter, Version};

/// Versions that pass the filter, by name and number.
pub(crate) async fn versions(
    db: &Database,
    connection: &mut AnyConnection,
    filter: &Filter,
) -> Result<Vec<Version>> {
    // An empty text stands for "any": no name, stage or task that one can ask for is empty, and both databases
    // know the type of the parameter.
    let found = sqlx::query(
        "SELECT * FROM registry_version
         WHERE ($1 = '' OR name = $1) AND ($2 = '' OR stage = $2) AND ($3 = '' OR task = $3)",
    )
    .bind(filter.name.as_ref().map_or("", ModelName::as_str))
    .bind(filter.stage.map_or("", Stage::as_str))
    .bind(filter.task.as_deref().unwrap_or_default())
    .fetch_all(connection)
    .await
    .map_err(|e| db.failed("read", e))?;
    let mut versions = found.iter().map(|row| version(&Reader { db, row })).collect::<Result<Vec<_>>>()?;
    versions.retain(|v| filter.tags.iter().all(|(key, value)| v.tags.get(key) == Some(value)));
    // Here and not in SQL: the order of text differs between databases and their locales.
    versions.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
    Ok(versions)
}

/// The log of one name, oldest first.
pub(crate) async fn log_entries(
    db: &Database,
    connection: &mut AnyConnection,
    name: &ModelName,
) -> Result<Vec<LogEntry>> {
    let found = sqlx::query("SELECT * FROM registry_change WHERE name = $1 ORDER BY seq")
        .bind(name.as_str())
        .fetch_all(connection)
        .await
        .map_err(|e| db.failed("read", e))?;
    found.iter().map(|row| log_entry(&Reader { db, row })).collect()
}

/// Names that have versions, in order.
pub(crate) async fn names(db: &Database, connection: &mut AnyConnection) -> Result<Vec<ModelName>> {
    let found = sqlx::query("SELECT DISTINCT name FROM registry_version")
        .fetch_all(connection)
        .await
        .map_err(|e| db.failed("read", e))?;
    let mut names =
        found.iter().map(|row| Reader { db, row }.parsed("name")).collect::<Result<Vec<ModelName>>>()?;
    names.sort();
    Ok(names)
}

/// The version that a reference means, `None` when there is none.
pub(crate) async fn find(
    db: &Database,
    connection: &mut AnyConnection,
    model: &ModelRef,
) -> Result<Option<Version>> {
    let name = model.name.as_str();
    let query = match model.pick {
        Pick::Version(version) => {
            sqlx::query("SELECT * FROM registry_version WHERE name = $1 AND version = $2")
                .bind(name)
                .bind(i64::from(version))
        }
        Pick::Stage(stage) => sqlx::query(
            "SELECT * FROM registry_version WHERE name = $1 AND stage = $2 ORDER BY version DESC LIMIT 1",
        )
        .bind(name)
        .bind(stage.as_str()),
        Pick::Current => sqlx::query(
            "SELECT * FROM registry_version WHERE name = $1 AND stage <> 'archived'
             ORDER BY CASE stage WHEN 'production' THEN 0 ELSE 1 END, version DESC LIMIT 1",
        )
        .bind(name),
    };
    let found = query.fetch_optional(connection).await.map_err(|e| db.failed("read", e))?;
    found.map(|row| version(&Reader { db, row: &row })).transpose()
}

/// The newest version of a name that is not archived, whatever is in production.
pub(crate) async fn newest(
    db: &Database,
    connection: &mut AnyConnection,
    name: &ModelName,
) -> Result<Option<Version>> {
    let found = sqlx::query(
        "SELECT * FROM registry_version WHERE name = $1 AND stage <> 'archived' ORDER BY version DESC LIMIT 1",
    )
    .bind(name.as_str())
    .fetch_optional(connection)
    .await
    .map_err(|e| db.failed("read", e))?;
    found.map(|row| version(&Reader { db, row: &row })).transpose()
}

/// Digests of all artifacts that versions refer to.
pub(crate) async fn digests(db: &Database, connection: &mut AnyConnection) -> Result<Vec<String>> {
    let found = sqlx::query("SELECT DISTINCT digest FROM registry_version")
        .fetch_all(connection)
        .await
        .map_err(|e| db.failed("read", e))?;
    found.iter().map(|row| Reader { db, row }.get("digest")).collect()
}

/// How many versions refer to an artifact.
pub(crate) async fn count(db: &Database, connection: &mut AnyConnection, digest: &str) -> Result<i64> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM registry_version WHERE digest = $1")
        .bind(digest)
        .fetch_one(connection)
        .await
        .map_err(|e| db.failed("read", e))?;
    Reader { db, row: &row }.get("n")
}

fn version(row: &Reader<'_>) -> Result<Version> {
    Ok(Version {
        name: row.parsed("name")?,
        version: row.number("version")?,
        stage: row.parsed("stage")?,
        created_ms: row.get("created_ms")?,
        created_by: row.get("created_by")?,
        description: row.get("description")?,
        tags: row.json("tags")?,
        metrics: row.json("metrics")?,
        params: row.json("params")?,
        task: row.get("task")?,
        classes: row.json("classes")?,
        kind: row.get("kind")?,
        data_digest: row.get("data_digest")?,
        synthetic: row.get::<i64>("synthetic")? != 0,
        bytes: row.number("bytes")?,
        digest: row.get("digest")?,
        parent: match row.get::<Option<i64>>("parent")? {
            Some(_) => Some(row.number("parent")?),
            None => None,
        },
        run_id: row.get("run_id")?,
    })
}

fn log_entry(row: &Reader<'_>) -> Result<LogEntry> {
    Ok(LogEntry {
        name: row.parsed("name")?,
        seq: row.number("seq")?,
        version: row.number("version")?,
        action: row.parsed("action")?,
        from: row.stage("from_stage")?,
        to: row.stage("to_stage")?,
        at_ms: row.get("at_ms")?,
        who: row.get("who")?,
        reason: row.get("reason")?,
    })
}

/// A row, and the database to blame for what is wrong with it.
struct Reader<'a> {
    db: &'a Database,
    row: &'a AnyRow,
}

impl Reader<'_> {
    fn get<T>(&self, column: &str) -> Result<T>
    where
        T: for<'r> Decode<'r, Any> + Type<Any>,
    {
        self.row.try_get(column).map_err(|e| self.db.failed("read", e))
    }

    fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        let value: i64 = self.get(column)?;
        T::try_from(value).map_err(|_| self.bad(column, &value.to_string()))
    }

    fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T> {
        let text: String = self.get(column)?;
        text.parse().map_err(|_| self.bad(column, &text))
    }

    fn stage(&self, column: &str) -> Result<Option<Stage>> {
        let text: Option<String> = self.get(column)?;
        text.map(|t| t.parse().map_err(|_| self.bad(column, &t))).transpose()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|_| self.bad(column, &text))
    }

    fn bad(&self, column: &str, value: &str) -> prompt_core::Error {
        self.db.damaged(format!("a row has {column} = `{value}`"))
    }
}
