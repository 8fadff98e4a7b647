//! Encoders from the Hugging Face hub by name (feature `hub`).
//!
//! ```text
//! org/name@revision ──listing──> commit, files ──what an encoder needs──> cache ──> a folder as Classifier::open takes it
//! ```
//!
//! The cache is the one of Python's `huggingface_hub`, file for file (`models--org--name/{refs,blobs,snapshots}`), so
//! that what either has fetched serves both. What was fetched whole is opened again without any request.
//!
//! The client is written here on `ureq` (with rustls, 25 crates), not taken from the crate `hf-hub`: its version 1.0 brings
//! an asynchronous runtime and 235 crates; 0.5, on `ureq`, waits for a silent server for ever, sends the token to the
//! host that a redirect names, compares no digests, and panics at a redirect without a place.

mod address;
mod cache;
mod name;
mod options;
mod remote;
mod wanted;

use std::path::PathBuf;

use prompt_core::{Error, Result};

use cache::Repository;
pub use name::HubName;
pub use options::HubOptions;
use remote::Remote;

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The file in the repository.
    pub file: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes of the file, where the server says it.
    pub total: Option<u64>,
}

/// The local folder of an encoder of the hub: `org/name` or `org/name@revision`, also with `hub:` before it. What is
/// missing in the cache is fetched: `config.json`, the tokenizer's files, those of sentence-transformers, and
/// one form of the weights: `model.safetensors` or its shards, else `pytorch_model.bin`, else `model.int8.safetensors`
/// ([`SavedAs::Int8`](crate::SavedAs::Int8)), which comes first where `config.json` says `"prompt_saved_as": "int8"`.
///
/// A revision is a branch, a tag or a commit; `main` where none is named. A branch that was fetched once stays as it was
/// until [`HubOptions::refresh`] asks again.
///
/// ```no_run
/// use prompt_encoder::Encoder;
/// use prompt_encoder::hub::{HubOptions, fetch};
/// # fn main() -> prompt_core::Result<()> {
/// let folder = fetch("sentence-transformers/all-MiniLM-L6-v2", &HubOptions::from_env())?;
/// let vectors = Encoder::open(folder)?.embed(&["sort the list"])?;
/// assert_eq!(vectors[0].vector.len(), 384);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A name that is none; a repository or revision that the hub does not know or does not give to everybody; a repository
/// without such files; a commit that the hub answers with another; a body that ends early (what came is kept, and the
/// next call goes on there) or whose SHA-256 is another (what came is removed, and the next call begins anew); an endpoint
/// with a user or password in it; a server that cannot be reached or falls silent; offline, what the cache lacks.
pub fn fetch(name: &str, options: &HubOptions) -> Result<PathBuf> {
    fetch_watched(name, options, &mut |_| Ok(()))
}

/// [`fetch`], telling how far it is. An error of `watch` ends it; the next call goes on there.
///
/// # Errors
/// As [`fetch`], and what `watch` says.
pub fn fetch_watched(
    name: &str,
    options: &HubOptions,
    watch: &mut dyn FnMut(Progress<'_>) -> Result<()>,
) -> Result<PathBuf> {
    let name: HubName = name.parse()?;
    let revision = name.revision().or(options.revision.as_deref()).unwrap_or("main");
    name::check_revision(revision)?;
    let repository = Repository::new(&options.cache_folder()?, name.id());
    let known = repository.commit(revision);
    let asks = options.refresh && !options.offline;
    if let Some(commit) = known.as_deref().filter(|commit| !asks && repository.is_whole(commit)) {
        return Ok(repository.snapshot(commit));
    }
    if options.offline {
        return repository.without_network(&name, revision, known.as_deref());
    }
    let remote = Remote::new(options)?;
    let listing = remote.listing(name.id(), revision)?;
    let commit = &listing.commit;
    let asked = revision.to_ascii_lowercase();
    if cache::is_commit(&asked) && asked != *commit {
        return Err(not_sound(format!(
            "the hub was asked for the commit {revision} of {} and answers with {commit}",
            name.id()
        )));
    }
    let mut get = |file: &str| -> Result<PathBuf> {
        let path = repository.snapshot(commit).join(file);
        if !path.is_file() {
            let facts = remote.facts(name.id(), commit, file)?;
            repository.keep(commit, file, &facts, |part| {
                remote.download(name.id(), commit, file, part, &facts, watch)
            })?;
        }
        Ok(path)
    };
    let mut fetched = wanted::beside_weights(&listing.files, name.id())?;
    for file in &fetched {
        get(file)?;
    }
    let config = repository.snapshot(commit).join("config.json");
    match wanted::weights(&listing.files, &config, name.id())? {
        wanted::Weights::One(file) => {
            get(file)?;
            fetched.push(file.to_owned());
        }
        wanted::Weights::Shards(index) => {
            let path = get(index)?;
            fetched.push(index.to_owned());
            for shard in wanted::shards(&path, &listing.files)? {
                get(&shard)?;
                fetched.push(shard);
            }
        }
    }
    repository.record(commit, &fetched)?;
    if revision != commit {
        repository.point(revision, commit)?;
    }
    Ok(repository.snapshot(commit))
}

/// What a file that cannot be what it should is told.
fn not_sound(what: String) -> Error {
    Error::input(what, "ask again; if it stays so, the hub or a proxy before it is at fault")
}
