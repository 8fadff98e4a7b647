//! Encoders of the Hugging Face hub by name, wherever an encoder's folder is named: `hub:org/name` or
//! `hub:org/name@revision`. A build without the feature `hub` says which one has it.
//!
//! ```
//! use std::path::Path;
//! use prompt_models::hub;
//! assert!(hub::is_name("hub:org/name") && !hub::is_name("models/name"));
//! // What is no such name is a folder as it is.
//! assert_eq!(hub::folder(Path::new("models/name")).unwrap(), Path::new("models/name"));
//! ```

use std::path::{Path, PathBuf};

use prompt_core::Result;

/// What stands before a name of the hub.
pub const PREFIX: &str = "hub:";

/// Whether this names something of the hub.
pub fn is_name(from: &str) -> bool {
    from.starts_with(PREFIX)
}

/// The local folder that `from` means: of a name of the hub the one in the cache, fetched where it is not there yet
/// (`prompt_encoder::hub::fetch`, with what the environment says); anything else as it is.
///
/// # Errors
/// As `prompt_encoder::hub::fetch`; [`Unsupported`](prompt_core::Error::Unsupported) for a name of the hub in a build
/// without the feature `hub`.
pub fn folder(from: &Path) -> Result<PathBuf> {
    folder_watched(from, &mut |_, _, _| Ok(()))
}

/// Told a file, the bytes of it that are here, and its bytes where they are known. Its error ends the fetching.
pub type Watch<'a> = &'a mut dyn FnMut(&str, u64, Option<u64>) -> Result<()>;

/// [`folder`], telling how far each file is.
///
/// # Errors
/// As [`folder`], and what `watch` says.
pub fn folder_watched(from: &Path, watch: Watch<'_>) -> Result<PathBuf> {
    match from.to_str().filter(|name| is_name(name)) {
        Some(name) => fetch(name, watch),
        None => Ok(from.to_path_buf()),
    }
}

#[cfg(feature = "hub")]
fn fetch(name: &str, watch: Watch<'_>) -> Result<PathBuf> {
    use prompt_encoder::hub::{HubOptions, fetch_watched};
    fetch_watched(name, &HubOptions::from_env(), &mut |p| watch(p.file, p.done, p.total))
}

#[cfg(not(feature = "hub"))]
fn fetch(name: &str, _: Watch<'_>) -> Result<PathBuf> {
    Err(prompt_core::Error::unsupported(
        "this build",
        format!("names of the hub (`{name}`)"),
        "build with the feature `hub` (cargo install --path crates/prompt-cli --features hub,neural), or fetch its files and \
         name their folder",
    ))
}

#[cfg(all(test, not(feature = "hub")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_the_hub_says_which_one_has_it() {
        let error = folder(Path::new("hub:org/name")).unwrap_err().to_string();
        assert!(error.contains("`hub:org/name`") && error.contains("--features hub"), "{error}");
    }
}
