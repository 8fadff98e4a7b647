//! The registry for programs that have an async runtime of their own. Everything happens here;
//! [`Registry`](crate::Registry) only waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prompt_core::artifact::Bundle;
use prompt_core::{Error, Result};
use sqlx::Connection;
use sqlx::any::Any;
use sqlx::pool::PoolConnection;

use crate::change::{Change, known, to_move, unknown_model};
use crate::clock::{Clock, SystemClock};
use crate::folder::{DATABASE, prepare_folder, refuse_lost_versions};
use crate::id::{ModelName, ModelRef, Pick};
use crate::location::Location;
use crate::log::{Action, ChangeNote, LogEntry, productions};
use crate::sql::{Database, count, digests, find, log_entries, names, versions};
use crate::stage::Stage;
use crate::store::{ArtifactStore, Candidate, Checked, Digest, Leaving, Swept};
use crate::version::{Filter, RegisterInfo, Version};

/// Named, versioned, staged models. The methods are those of [`Registry`](crate::Registry), and `async`.
///
/// Reading and hashing of files happens on the runtime's blocking threads.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use prompt_registry::AsyncRegistry;
/// let dir = tempfile::tempdir().unwrap();
/// let registry = AsyncRegistry::open(dir.path()).await.unwrap();
/// assert!(registry.names().await.unwrap().is_empty());
/// registry.close().await;
/// # });
/// ```
pub struct AsyncRegistry {
    db: Database,
    store: ArtifactStore,
    clock: Arc<dyn Clock>,
}

impl AsyncRegistry {
    /// As [`Registry::open`](crate::Registry::open).
    ///
    /// # Errors
    /// The same.
    pub async fn open(location: impl Into<Location>) -> Result<Self> {
        Self::open_with_clock(location, Arc::new(SystemClock)).await
    }

    /// The same with a clock of one's own.
    ///
    /// # Errors
    /// The same.
    pub async fn open_with_clock(location: impl Into<Location>, clock: Arc<dyn Clock>) -> Result<Self> {
        match location.into() {
            Location::Folder(folder) => {
                let store = ArtifactStore::new(folder.join("artifacts"));
                let read_only = !prepare_folder(&folder, &store)?;
                let folder = folder.canonicalize().map_err(|e| Error::io("open", &folder, e))?;
                refuse_lost_versions(&folder, &store)?;
                let db = Database::sqlite(&folder.join(DATABASE), read_only).await?;
                Ok(Self { db, store: ArtifactStore::new(folder.join("artifacts")), clock })
            }
            Location::Postgres { url, artifacts } => {
                let db = Database::postgres(&url).await?;
                let store = ArtifactStore::new(artifacts);
                store.create()?;
                Ok(Self { db, store, clock })
            }
        }
    }

    /// As [`Registry::exists`](crate::Registry::exists).
    pub fn exists(folder: impl AsRef<Path>) -> bool {
        folder.as_ref().join(DATABASE).is_file()
    }

    /// Whether the registry can only be read, because its folder is.
    pub fn read_only(&self) -> bool {
        self.db.read_only()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.db
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// As [`Registry::register`](crate::Registry::register).
    ///
    /// # Errors
    /// The same.
    pub async fn register(&self, name: &str, dir: &Path, info: RegisterInfo) -> Result<Version> {
        let name = ModelName::new(name)?;
        self.db.writable()?;
        check(&info)?;
        let (store, dir) = (self.store.clone(), dir.to_path_buf());
        let artifact = blocking(move || {
            let artifact = Checked::open(&dir)?;
            store.put(&artifact)?;
            Ok(artifact)
        })
        .await?;
        let mut connection = self.connection().await?;
        let mut tx = connection.begin().await.map_err(|e| self.db.failed("write", e))?;
        let done = self.add(self.change(&mut tx), name, artifact, info).await;
        self.finish(tx, done).await
    }

    async fn add(
        &self,
        mut change: Change<'_>,
        name: ModelName,
        mut artifact: Checked,
        info: RegisterInfo,
    ) -> Result<Version> {
        change.hold_artifacts().await?;
        if self.store.locate(&artifact.digest).is_err() {
            // A sweep took it between `put` and now; from here on none can.
            let store = self.store.clone();
            artifact = blocking(move || store.put(&artifact).map(|()| artifact)).await?;
        }
        let number = change.next_version(&name).await?;
        if let Some(parent) = info.parent {
            known(change.db, change.connection, &ModelRef::version(name.clone(), parent)).await?;
        }
        let manifest = artifact.bundle.manifest;
        let mut metrics = manifest.metrics;
        metrics.extend(info.metrics);
        let version = Version {
            name,
            version: number,
            stage: info.stage,
            created_ms: change.now_ms,
            created_by: info.by,
            description: info.description,
            tags: info.tags,
            metrics,
            params: manifest.params,
            task: manifest.task,
            classes: manifest.classes,
            kind: manifest.kind,
            data_digest: manifest.data_digest,
            synthetic: manifest.synthetic,
            bytes: artifact.bytes,
            digest: artifact.digest.as_str().to_owned(),
            parent: info.parent,
            run_id: info.run_id,
        };
        let note = ChangeNote::new(version.created_by.as_str(), version.description.as_str());
        change.insert(&version, &note).await?;
        Ok(version)
    }

    /// As [`Registry::get`](crate::Registry::get).
    ///
    /// # Errors
    /// The same.
    pub async fn get(&self, model: &ModelRef) -> Result<Version> {
        let mut connection = self.connection().await?;
        known(&self.db, &mut connection, model).await
    }

    /// As [`Registry::list`](crate::Registry::list).
    ///
    /// # Errors
    /// The same.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Version>> {
        let mut connection = self.connection().await?;
        versions(&self.db, &mut connection, filter).await
    }

    /// As [`Registry::names`](crate::Registry::names).
    ///
    /// # Errors
    /// The same.
    pub async fn names(&self) -> Result<Vec<ModelName>> {
        let mut connection = self.connection().await?;
        names(&self.db, &mut connection).await
    }

    /// As [`Registry::history`](crate::Registry::history).
    ///
    /// # Errors
    /// The same.
    pub async fn history(&self, name: &str) -> Result<Vec<LogEntry>> {
        let name = ModelName::new(name)?;
        let mut connection = self.connection().await?;
        let entries = log_entries(&self.db, &mut connection, &name).await?;
        if entries.is_empty() {
            return Err(unknown_model(&self.db, &mut connection, &name).await);
        }
        Ok(entries)
    }

    /// As [`Registry::resolve`](crate::Registry::resolve).
    ///
    /// # Errors
    /// The same.
    pub async fn resolve(&self, model: &ModelRef) -> Result<PathBuf> {
        loop {
            let version = self.get(model).await?;
            // One look at one folder: not worth a thread.
            let found = self.store.locate(&self.digest(&version)?);
            if found.is_ok() || self.still_means(model, &version).await? {
                return found;
            }
        }
    }

    /// As [`Registry::load`](crate::Registry::load).
    ///
    /// # Errors
    /// The same.
    pub async fn load(&self, model: &ModelRef) -> Result<Bundle> {
        loop {
            let version = self.get(model).await?;
            let found = self.verified(&version).await;
            if found.is_ok() || self.still_means(model, &version).await? {
                return found;
            }
        }
    }

    /// Whether a reference means the same version as before. One that was deleted meanwhile may have been swept:
    /// then its missing files say nothing, and what the reference means now counts.
    async fn still_means(&self, model: &ModelRef, version: &Version) -> Result<bool> {
        Ok(self.get(model).await?.version == version.version)
    }

    /// As [`Registry::promote`](crate::Registry::promote).
    ///
    /// # Errors
    /// The same.
    pub async fn promote(&self, model: &ModelRef, to: Stage, note: &ChangeNote) -> Result<Version> {
        self.db.writable()?;
        let mut connection = self.connection().await?;
        let mut tx = connection.begin().await.map_err(|e| self.db.failed("write", e))?;
        let done = self.move_to(self.change(&mut tx), model, to, note).await;
        self.finish(tx, done).await
    }

    async fn move_to(
        &self,
        mut change: Change<'_>,
        model: &ModelRef,
        to: Stage,
        note: &ChangeNote,
    ) -> Result<Version> {
        change.lock(&model.name).await?;
        let mut version = to_move(change.db, change.connection, model).await?;
        if version.stage == to {
            return Ok(version);
        }
        if to == Stage::Production {
            self.verified(&version).await?;
        }
        change.set_stage(&mut version, to, Action::Moved, note).await?;
        Ok(version)
    }

    /// As [`Registry::rollback`](crate::Registry::rollback).
    ///
    /// # Errors
    /// The same.
    pub async fn rollback(&self, name: &str, to: Option<u32>, note: &ChangeNote) -> Result<Version> {
        let name = ModelName::new(name)?;
        self.db.writable()?;
        let mut connection = self.connection().await?;
        let mut tx = connection.begin().await.map_err(|e| self.db.failed("write", e))?;
        let done = self.go_back(self.change(&mut tx), name, to, note).await;
        self.finish(tx, done).await
    }

    async fn go_back(
        &self,
        mut change: Change<'_>,
        name: ModelName,
        to: Option<u32>,
        note: &ChangeNote,
    ) -> Result<Version> {
        change.lock(&name).await?;
        let serving = ModelRef { name: name.clone(), pick: Pick::Stage(Stage::Production) };
        let serving = find(change.db, change.connection, &serving).await?.map(|v| v.version);
        let log = log_entries(change.db, change.connection, &name).await?;
        let target = match to {
            Some(version) => version,
            None => {
                productions(&log).iter().rev().copied().find(|v| Some(*v) != serving).ok_or_else(|| {
                    Error::input(
                        format!("model `{name}` has no earlier production version to go back to"),
                        "promote a version to production instead",
                    )
                })?
            }
        };
        let mut version = known(change.db, change.connection, &ModelRef::version(name, target)).await?;
        let reference = version.reference();
        if Some(target) == serving {
            return Err(Error::input(
                format!("{reference} is in production already"),
                "name an earlier version, or none for the one before",
            ));
        }
        if !log.iter().any(|e| e.version == target && e.to == Some(Stage::Production)) {
            return Err(Error::input(
                format!("{reference} was never in production"),
                "to put it there for the first time, promote it",
            ));
        }
        self.verified(&version).await?;
        change.set_stage(&mut version, Stage::Production, Action::RolledBack, note).await?;
        Ok(version)
    }

    /// As [`Registry::delete`](crate::Registry::delete).
    ///
    /// # Errors
    /// The same.
    pub async fn delete(&self, model: &ModelRef, note: &ChangeNote) -> Result<Version> {
        self.db.writable()?;
        let mut connection = self.connection().await?;
        let mut tx = connection.begin().await.map_err(|e| self.db.failed("write", e))?;
        let done = self.drop_version(self.change(&mut tx), model, note).await;
        self.finish(tx, done).await
    }

    async fn drop_version(
        &self,
        mut change: Change<'_>,
        model: &ModelRef,
        note: &ChangeNote,
    ) -> Result<Version> {
        change.lock(&model.name).await?;
        let version = known(change.db, change.connection, model).await?;
        if version.stage == Stage::Production {
            return Err(Error::input(
                format!("{} is in production and cannot be deleted", version.reference()),
                "promote another version or archive this one first",
            ));
        }
        change.delete(&version, note).await?;
        Ok(version)
    }

    /// As [`Registry::gc`](crate::Registry::gc).
    ///
    /// # Errors
    /// The same.
    pub async fn gc(&self, grace: Duration) -> Result<Swept> {
        self.db.writable()?;
        let mut connection = self.connection().await?;
        let in_use = digests(&self.db, &mut connection).await?;
        let (store, now_ms) = (self.store.clone(), self.clock.now_ms());
        let candidates = blocking(move || store.candidates(now_ms, grace)).await?;
        let mut swept = Swept::default();
        for candidate in candidates {
            let store = self.store.clone();
            let (digest, aside) = match candidate {
                Candidate::Unfinished(folder) => {
                    swept.bytes += blocking(move || store.discard_folder(&folder)).await?;
                    swept.unfinished += 1;
                    continue;
                }
                Candidate::Artifact(digest) if in_use.iter().any(|d| d == digest.as_str()) => continue,
                Candidate::Artifact(digest) => (digest, None),
                Candidate::Leaving(leaving) => (leaving.digest.clone(), Some(leaving)),
            };
            let mut tx = connection.begin().await.map_err(|e| self.db.failed("write", e))?;
            let done = self.unneeded(self.change(&mut tx), digest, aside).await;
            if let Some(leaving) = self.finish(tx, done).await? {
                swept.artifacts.push(leaving.digest.as_str().to_owned());
                swept.bytes += blocking(move || store.discard(&leaving)).await?;
            }
        }
        Ok(swept)
    }

    /// Sets an artifact aside that no version refers to; what an interrupted sweep set aside and a version needs
    /// comes back.
    async fn unneeded(
        &self,
        mut change: Change<'_>,
        digest: Digest,
        aside: Option<Leaving>,
    ) -> Result<Option<Leaving>> {
        change.hold_artifacts().await?;
        let needed = count(change.db, change.connection, digest.as_str()).await? > 0;
        // One rename: not worth a thread, and here nothing can come between it and the count.
        match (needed, aside) {
            (true, None) => Ok(None),
            (true, Some(leaving)) => self.store.put_back(&leaving).map(|()| None),
            (false, None) => self.store.set_aside(digest),
            (false, aside) => Ok(aside),
        }
    }

    /// Closes the database. Dropping does too, but does not wait until it is done.
    pub async fn close(&self) {
        self.db.close().await;
    }

    async fn connection(&self) -> Result<PoolConnection<Any>> {
        self.db.pool().acquire().await.map_err(|e| self.db.failed("open", e))
    }

    fn change<'a>(&'a self, tx: &'a mut sqlx::Transaction<'_, Any>) -> Change<'a> {
        Change { db: &self.db, connection: &mut *tx, now_ms: self.clock.now_ms() }
    }

    /// Commits what was done, or undoes it now: a transaction that is only dropped keeps its locks until its
    /// connection is used again.
    async fn finish<T>(&self, tx: sqlx::Transaction<'_, Any>, done: Result<T>) -> Result<T> {
        match done {
            Ok(value) => {
                tx.commit().await.map_err(|e| self.db.failed("write", e))?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one that matters.
                let _ = tx.rollback().await;
                Err(error)
            }
        }
    }

    fn digest(&self, version: &Version) -> Result<Digest> {
        Digest::parse(&version.digest)
            .ok_or_else(|| self.db.damaged(format!("{} has no legal digest", version.reference())))
    }

    async fn verified(&self, version: &Version) -> Result<Bundle> {
        let (store, digest) = (self.store.clone(), self.digest(version)?);
        blocking(move || store.verify(&digest)).await
    }
}

fn check(info: &RegisterInfo) -> Result<()> {
    if !matches!(info.stage, Stage::Training | Stage::Staged) {
        return Err(Error::param(
            "register",
            "stage",
            "training or staged; production is reached by promotion",
            info.stage,
        ));
    }
    for (name, value) in &info.metrics {
        if !value.is_finite() {
            return Err(Error::param("register", format!("metrics.{name}"), "a finite number", value));
        }
    }
    Ok(())
}

/// Runs file work where it blocks nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
        Err(Error::input(format!("the work on an artifact's files stopped: {e}"), "try again"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server moves its futures between threads: this compiles only while they can be.
    #[test]
    fn futures_can_move_between_threads() {
        fn movable<T: Send>(future: T) -> T {
            future
        }
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let registry = movable(AsyncRegistry::open(dir.path())).await.unwrap();
            let model: ModelRef = "m:1".parse().unwrap();
            let note = ChangeNote::default();
            let missing = dir.path().join("none");
            assert!(movable(registry.register("m", &missing, RegisterInfo::default())).await.is_err());
            assert!(movable(registry.load(&model)).await.is_err());
            assert!(movable(registry.promote(&model, Stage::Production, &note)).await.is_err());
            assert!(movable(registry.rollback("m", None, &note)).await.is_err());
            assert!(movable(registry.delete(&model, &note)).await.is_err());
            assert!(movable(registry.list(&Filter::default())).await.unwrap().is_empty());
            assert_eq!(movable(registry.gc(Duration::ZERO)).await.unwrap(), Swept::default());
            movable(registry.close()).await;
        });
    }
}
