//! The tables, and how an older registry comes up to date.

use std::time::Instant;

use prompt_core::{Error, Result};
use sqlx::{AnyConnection, Connection, Row};

use super::{PATIENCE, Place, code, is_busy, pause};

/// The version of the tables that this program writes. It brings older ones up to it and refuses newer ones.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Step `n` leads from version `n` to `n + 1`. A step that was released is never changed; the next one follows.
///
/// Times are milliseconds since the epoch; tags, metrics, params and classes are JSON.
const MIGRATIONS: &[&[&str]] = &[
    &[
        // One row a name: the lock of everything that changes it, and its counters, which outlive its versions.
        "CREATE TABLE registry_model (
        name TEXT PRIMARY KEY,
        last_version BIGINT NOT NULL,
        last_change BIGINT NOT NULL
    )",
        "CREATE TABLE registry_version (
        name TEXT NOT NULL REFERENCES registry_model (name),
        version BIGINT NOT NULL,
        stage TEXT NOT NULL CHECK (stage IN ('training', 'staged', 'production', 'archived')),
        created_ms BIGINT NOT NULL,
        created_by TEXT NOT NULL,
        description TEXT NOT NULL,
        tags TEXT NOT NULL,
        metrics TEXT NOT NULL,
        params TEXT NOT NULL,
        task TEXT NOT NULL,
        classes TEXT NOT NULL,
        kind TEXT NOT NULL,
        data_digest TEXT NOT NULL,
        synthetic BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        digest TEXT NOT NULL,
        parent BIGINT,
        run_id TEXT NOT NULL,
        PRIMARY KEY (name, version)
    )",
        // The database itself keeps two versions of a name from serving at once.
        "CREATE UNIQUE INDEX registry_one_production ON registry_version (name) WHERE stage = 'production'",
        "CREATE INDEX registry_version_digest ON registry_version (digest)",
        "CREATE TABLE registry_change (
        name TEXT NOT NULL REFERENCES registry_model (name),
        seq BIGINT NOT NULL,
        version BIGINT NOT NULL,
        action TEXT NOT NULL,
        from_stage TEXT,
        to_stage TEXT,
        at_ms BIGINT NOT NULL,
        who TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (name, seq)
    )",
    ],
    &[
        // Events of parameter studies; the number keeps two processes from writing one study at once.
        "CREATE TABLE registry_study (
        name TEXT NOT NULL,
        seq BIGINT NOT NULL,
        at_ms BIGINT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (name, seq)
    )",
    ],
];

/// Brings the tables up to [`SCHEMA_VERSION`], whatever others do at the same moment.
pub(super) async fn migrate(connection: &mut AnyConnection, place: &Place) -> Result<()> {
    let start = Instant::now();
    loop {
        let found = current(connection).await.map_err(|e| place.failed("open", e))?;
        match found {
            Some(SCHEMA_VERSION) => return Ok(()),
            Some(newer) if newer > SCHEMA_VERSION => {
                return Err(Error::parse(
                    &place.shown,
                    None,
                    None,
                    format!(
                        "its schema version {newer} is newer than {SCHEMA_VERSION}, the newest this program knows"
                    ),
                    "update the program",
                ));
            }
            _ if place.read_only => {
                return Err(Error::parse(
                    &place.shown,
                    None,
                    None,
                    format!(
                        "its schema version {} is older than {SCHEMA_VERSION} and its folder is read-only",
                        found.unwrap_or(0)
                    ),
                    "open it once where it can be written",
                ));
            }
            _ => {}
        }
        match upgrade(connection).await {
            Ok(()) => {}
            Err(e) if lost_a_race(&e) && start.elapsed() < PATIENCE => pause().await,
            Err(e) => return Err(place.failed("set up", e)),
        }
    }
}

/// The version of the tables, `None` where there are none.
async fn current(connection: &mut AnyConnection) -> sqlx::Result<Option<i64>> {
    let row =
        sqlx::query("SELECT version FROM registry_schema WHERE id = 1").fetch_optional(connection).await;
    match row {
        Ok(row) => row.map(|r| r.try_get(0)).transpose(),
        // No such table: SQLite's general error, PostgreSQL's undefined_table.
        Err(e) if has_code(&e, &["1", "42P01"]) => Ok(None),
        Err(e) => Err(e),
    }
}

async fn upgrade(connection: &mut AnyConnection) -> sqlx::Result<()> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS registry_schema (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query("INSERT INTO registry_schema (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING")
        .execute(&mut *connection)
        .await?;
    let mut tx = connection.begin().await?;
    // Writing first keeps others out until the end.
    sqlx::query("UPDATE registry_schema SET version = version WHERE id = 1").execute(&mut *tx).await?;
    let from = current(&mut tx).await?.unwrap_or(0);
    for step in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        for statement in *step {
            sqlx::query(*statement).execute(&mut *tx).await?;
        }
    }
    sqlx::query("UPDATE registry_schema SET version = $1 WHERE id = 1 AND version < $1")
        .bind(SCHEMA_VERSION)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Whether another process made the same table at the same moment, or holds the file.
fn lost_a_race(error: &sqlx::Error) -> bool {
    // PostgreSQL: unique_violation (in its catalog), duplicate_table, duplicate_object.
    is_busy(error) || has_code(error, &["23505", "42P07", "42710"])
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    code(error).is_some_and(|c| codes.contains(&c.as_ref()))
}
