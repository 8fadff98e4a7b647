//! The connection: SQLite and PostgreSQL behind one path of code.
//!
//! What both understand: `BIGINT`, `TEXT`, `$N`, `ON CONFLICT`, `RETURNING`, partial indexes. Every transaction
//! that changes something begins with a write, so that SQLite takes its write lock at once (a reader that turns
//! writer may be refused) and PostgreSQL locks the row of the name.

mod rows;
mod schema;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use prompt_core::{Error, Result};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, AnyPool, Connection};

use crate::location::without_secrets;

pub(crate) use rows::{count, digests, find, log_entries, names, newest, versions};
pub use schema::SCHEMA_VERSION;

/// How long a writer waits for another one before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connections of one registry: enough for a server's readers, few enough for a shared database.
const CONNECTIONS: u32 = 4;

/// An open database with the schema this program knows.
#[derive(Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    place: Place,
}

/// Where the database is, for connecting and for messages.
#[derive(Debug)]
struct Place {
    url: String,
    shown: PathBuf,
    sqlite: bool,
    read_only: bool,
}

impl Database {
    /// Opens a SQLite file, and makes it unless `read_only`.
    pub(crate) async fn sqlite(file: &Path, read_only: bool) -> Result<Self> {
        let path = file.to_str().ok_or_else(|| {
            Error::input(
                format!("the path of the registry, {}, is not valid UTF-8", file.display()),
                "choose a folder with a plain name",
            )
        })?;
        let mode = match (read_only, file.with_extension("db-wal").exists()) {
            (false, _) => "mode=rwc",
            // Another process may be writing: take part in its log.
            (true, true) => "mode=ro",
            // Without a log SQLite would need to make one, which a read-only folder does not allow.
            (true, false) => "mode=ro&immutable=true",
        };
        let url = format!("sqlite://{}?{mode}", percent_encoded(path));
        Self::connect(Place { url, shown: file.to_path_buf(), sqlite: true, read_only }).await
    }

    /// Connects to PostgreSQL.
    pub(crate) async fn postgres(url: &str) -> Result<Self> {
        let shown = PathBuf::from(without_secrets(url));
        if !cfg!(feature = "postgres") {
            return Err(Error::unsupported(
                "this build of prompt-registry",
                format!("{}", shown.display()),
                "build it with the feature `postgres`, or name a folder",
            ));
        }
        Self::connect(Place { url: url.to_owned(), shown, sqlite: false, read_only: false }).await
    }

    async fn connect(place: Place) -> Result<Self> {
        install_default_drivers();
        let options = AnyConnectOptions::from_str(&place.url).map_err(|e| place.failed("open", e))?;
        // One connection first: a pool would try again for half a minute what cannot succeed.
        let mut first = AnyConnection::connect_with(&options).await.map_err(|e| place.failed("open", e))?;
        place.prepare(&mut first).await?;
        schema::migrate(&mut first, &place).await?;
        let sqlite = place.sqlite;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            // A file does not hang up.
            .test_before_acquire(!sqlite)
            .after_connect(move |connection, _| {
                Box::pin(async move { if sqlite { wait_for_others(connection).await } else { Ok(()) } })
            })
            .connect_lazy_with(options);
        // Kept until the pool has one of its own, so that SQLite does not fold its log away in between.
        let opened = pool.acquire().await.map_err(|e| place.failed("open", e))?;
        drop(opened);
        first.close().await.map_err(|e| place.failed("open", e))?;
        Ok(Self { pool, place })
    }

    /// The connections.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Refuses a change where nothing can be changed.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.place.read_only {
            let folder = self.place.shown.parent().unwrap_or(&self.place.shown);
            let source = std::io::Error::new(
                std::io::ErrorKind::ReadOnlyFilesystem,
                "the registry's folder is read-only; ask for write permission, or use another registry",
            );
            return Err(Error::io("change", folder, source));
        }
        Ok(())
    }

    /// Whether nothing can be changed.
    pub(crate) fn read_only(&self) -> bool {
        self.place.read_only
    }

    /// The workspace's error for what the database answered to `action`.
    pub(crate) fn failed(&self, action: &'static str, error: sqlx::Error) -> Error {
        self.place.failed(action, error)
    }

    /// The error for a row that does not make sense.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> Error {
        self.place.damaged(what)
    }

    /// Closes all connections; SQLite folds its log into the file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Place {
    /// Settings that a SQLite file keeps (its write-ahead log: readers do not block the writer) and that a
    /// connection needs.
    async fn prepare(&self, connection: &mut AnyConnection) -> Result<()> {
        if !self.sqlite {
            return Ok(());
        }
        wait_for_others(connection).await.map_err(|e| self.failed("open", e))?;
        if self.read_only {
            return Ok(());
        }
        // Switching to the log does not wait for others by itself.
        let start = Instant::now();
        loop {
            match sqlx::query("PRAGMA journal_mode = WAL").fetch_optional(&mut *connection).await {
                Ok(_) => return Ok(()),
                Err(e) if is_busy(&e) && start.elapsed() < PATIENCE => pause().await,
                Err(e) => return Err(self.failed("open", e)),
            }
        }
    }

    fn failed(&self, action: &'static str, error: sqlx::Error) -> Error {
        use std::io::ErrorKind;
        let io =
            |kind: ErrorKind, what: String| Error::io(action, &self.shown, std::io::Error::new(kind, what));
        if let sqlx::Error::Io(source) = error {
            return Error::io(action, &self.shown, source);
        }
        if matches!(error, sqlx::Error::PoolTimedOut) || is_busy(&error) {
            let what = format!("others kept it busy for {} s; try again", PATIENCE.as_secs());
            return io(ErrorKind::TimedOut, what);
        }
        match sqlite_code(&error) {
            Some(8) => io(ErrorKind::PermissionDenied, "it is read-only; ask for write permission".into()),
            Some(13) => io(ErrorKind::StorageFull, "the disk is full; make room and try again".into()),
            Some(14) => io(ErrorKind::PermissionDenied, "SQLite cannot open the file".into()),
            Some(11) => self.damaged("the database is damaged"),
            Some(26) => self.damaged("is not a SQLite database"),
            _ => io(ErrorKind::Other, error.to_string()),
        }
    }

    fn damaged(&self, what: impl Into<String>) -> Error {
        Error::parse(&self.shown, None, None, what, "restore it from a copy, or choose another registry")
    }
}

/// Lets a connection wait for another writer instead of failing at once.
async fn wait_for_others(connection: &mut AnyConnection) -> sqlx::Result<()> {
    // 30,000 ms, as PATIENCE says; a PRAGMA takes no parameters.
    sqlx::query("PRAGMA busy_timeout = 30000").fetch_optional(connection).await?;
    Ok(())
}

/// A moment for another process to finish.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// The database's own code of an error.
fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error().and_then(DatabaseError::code)
}

/// SQLite's primary result code, where the error has one. SQLite's codes have up to four digits, PostgreSQL's
/// five characters.
fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let code = code(error).filter(|c| c.len() < 5)?;
    Some(code.parse::<u32>().ok()? & 0xff)
}

/// Whether SQLite refused because another connection is at work.
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(sqlite_code(error), Some(5 | 6))
}

/// A path inside an address: `?`, `#`, `%` and blanks would end or change it.
fn percent_encoded(path: &str) -> String {
    use std::fmt::Write;
    path.bytes().fold(String::with_capacity(path.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}
