//! The registry for programs without an async runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prompt_core::artifact::Bundle;
use prompt_core::{Error, Result};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::asynchronous::AsyncRegistry;
use crate::clock::{Clock, SystemClock};
use crate::id::{ModelName, ModelRef};
use crate::location::Location;
use crate::log::{ChangeNote, LogEntry};
use crate::stage::Stage;
use crate::store::{Checked, Swept};
use crate::version::{Filter, RegisterInfo, Version};

/// Named, versioned, staged models. Every method waits until it is done.
///
/// It can be shared between threads and processes. Inside an async runtime use [`AsyncRegistry`]: there every
/// method of this type answers with an error instead of blocking the runtime.
pub struct Registry {
    inner: AsyncRegistry,
    /// Taken out only when dropped.
    runtime: Option<Runtime>,
}

impl Registry {
    /// Whether a folder holds a registry, so that one who only reads need not make an empty one.
    ///
    /// ```
    /// use prompt_registry::Registry;
    /// let dir = tempfile::tempdir().unwrap();
    /// assert!(!Registry::exists(dir.path()));
    /// Registry::open(dir.path()).unwrap();
    /// assert!(Registry::exists(dir.path()));
    /// ```
    pub fn exists(folder: impl AsRef<Path>) -> bool {
        AsyncRegistry::exists(folder)
    }

    /// Opens the registry at a location, and makes it where there is none.
    ///
    /// A folder that can be read but not written is opened for reading (see [`read_only`](Self::read_only)).
    ///
    /// # Errors
    /// [`Error::Io`] when the folder or database cannot be made or opened; [`Error::Parse`] when the file is no
    /// database, is damaged, or has a schema newer than [`SCHEMA_VERSION`](crate::SCHEMA_VERSION);
    /// [`Error::Unsupported`] for PostgreSQL in a build without it, or inside an async runtime.
    pub fn open(location: impl Into<Location>) -> Result<Self> {
        Self::open_with_clock(location, Arc::new(SystemClock))
    }

    /// The same with a clock of one's own, from which every recorded time is taken.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(location: impl Into<Location>, clock: Arc<dyn Clock>) -> Result<Self> {
        outside_a_runtime()?;
        let location = location.into();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::io("start a runtime for", "the registry", e))?;
        let inner = runtime.block_on(AsyncRegistry::open_with_clock(location, clock))?;
        Ok(Self { inner, runtime: Some(runtime) })
    }

    /// Whether the registry can only be read, because its folder is.
    pub fn read_only(&self) -> bool {
        self.inner.read_only()
    }

    /// Adds the artifact in `dir` as the next version of `name`.
    ///
    /// The artifact is checked, copied into the store under its digest, made durable and checked again before
    /// the version appears; the same model twice is stored once. A crash at any moment leaves either the
    /// version or nothing but files that [`gc`](Self::gc) removes.
    ///
    /// # Errors
    /// [`Error::Param`] for an illegal name, starting stage or metric; [`Error::Artifact`] when the folder is
    /// no artifact, damaged or newer than this program; [`Error::Unknown`] for a parent there is not;
    /// [`Error::Io`] when it cannot be stored.
    pub fn register(&self, name: &str, dir: &Path, info: RegisterInfo) -> Result<Version> {
        self.wait(self.inner.register(name, dir, info))
    }

    /// The newest version of a name, where it is this very model: one need not register it again.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn newest_if_same(&self, name: &str, dir: &Path) -> Result<Option<Version>> {
        let name = Some(ModelName::new(name)?);
        let digest = Checked::open(dir)?.digest;
        let newest = self.list(&Filter { name, ..Filter::default() })?.into_iter().max_by_key(|v| v.version);
        Ok(newest.filter(|version| version.digest == digest.as_str()))
    }

    /// What is known about a version.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the known names or versions; [`Error::Io`] when the database does not answer.
    pub fn get(&self, model: &ModelRef) -> Result<Version> {
        self.wait(self.inner.get(model))
    }

    /// The versions that pass a filter, by name and number.
    ///
    /// # Errors
    /// [`Error::Io`] when the database does not answer.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Version>> {
        self.wait(self.inner.list(filter))
    }

    /// The names that have versions, in order.
    ///
    /// # Errors
    /// [`Error::Io`] when the database does not answer.
    pub fn names(&self) -> Result<Vec<ModelName>> {
        self.wait(self.inner.names())
    }

    /// All that happened to a name, oldest first, deleted versions included.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn history(&self, name: &str) -> Result<Vec<LogEntry>> {
        self.wait(self.inner.history(name))
    }

    /// The folder of a version's artifact. It is shared by all versions of the same model and must not be
    /// changed.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Error::Artifact`] when the folder is missing.
    pub fn resolve(&self, model: &ModelRef) -> Result<PathBuf> {
        self.wait(self.inner.resolve(model))
    }

    /// A version's artifact, with every byte checked, also against the digest it was registered with.
    ///
    /// The bundle's manifest is that of the first registration of this model; what was said about this version
    /// (its metrics, for one) is in [`get`](Self::get).
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and [`Error::Artifact`] when the artifact is damaged.
    pub fn load(&self, model: &ModelRef) -> Result<Bundle> {
        self.wait(self.inner.load(model))
    }

    /// Moves a version to a stage; a name alone means its newest version that is not archived.
    ///
    /// One that goes to production is checked first, and the one that was there is archived in the same
    /// transaction. A version that is there already stays as it is, without a line in the log.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Error::Artifact`] when a version whose artifact is missing or damaged
    /// should go to production.
    pub fn promote(&self, model: &ModelRef, to: Stage, note: &ChangeNote) -> Result<Version> {
        self.wait(self.inner.promote(model, to, note))
    }

    /// Brings an earlier version back to production: the one before (`to` is `None`), or the one given.
    ///
    /// It works like undoing: going back twice ends two versions earlier. Where nothing is in production, the
    /// one that was there last comes back.
    ///
    /// # Errors
    /// As [`promote`](Self::promote), and [`Error::Input`] when there is no earlier one, or the one given never
    /// was in production or is there already.
    pub fn rollback(&self, name: &str, to: Option<u32>, note: &ChangeNote) -> Result<Version> {
        self.wait(self.inner.rollback(name, to, note))
    }

    /// Deletes a version that is not in production, and returns what was known about it. Its number is not given
    /// out again, its lines in the log stay, and its files go with the next [`gc`](Self::gc).
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`Error::Input`] for a version in production.
    pub fn delete(&self, model: &ModelRef, note: &ChangeNote) -> Result<Version> {
        self.wait(self.inner.delete(model, note))
    }

    /// Removes artifacts that no version refers to, and what writers that died left behind, where they are older
    /// than `grace`. It may run while others register: what a version needs stays at its place, and a half-written
    /// folder is left alone for an hour at least.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder cannot be removed or the database does not answer.
    pub fn gc(&self, grace: Duration) -> Result<Swept> {
        self.wait(self.inner.gc(grace))
    }

    pub(crate) fn inner(&self) -> &AsyncRegistry {
        &self.inner
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        outside_a_runtime()?;
        let Some(runtime) = &self.runtime else {
            return Err(Error::unsupported("a closed registry", "any call", "open it again"));
        };
        runtime.block_on(async {
            let done = work.await;
            // Lets the connection go back to its pool, which it does on its own when the runtime next runs.
            tokio::task::yield_now().await;
            done
        })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            if Handle::try_current().is_err() {
                // So that a SQLite registry at rest is one file, and can be copied or opened read-only.
                runtime.block_on(self.inner.close());
            }
            // Unlike a plain drop, allowed everywhere.
            runtime.shutdown_background();
        }
    }
}

fn outside_a_runtime() -> Result<()> {
    if Handle::try_current().is_ok() {
        return Err(Error::unsupported(
            "the blocking Registry",
            "calls inside an async runtime",
            "use AsyncRegistry there",
        ));
    }
    Ok(())
}
