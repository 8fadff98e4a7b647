//! Where the hub and the cache are.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use prompt_core::{Error, Result};

use super::address::has_user;

/// The public hub.
const PUBLIC: &str = "https://huggingface.co";

/// Where encoders come from and where they are kept.
///
/// [`HubOptions::from_env`] reads what Python's `huggingface_hub` reads; [`HubOptions::default`] reads nothing: the public
/// hub, no token, and the cache in the home folder.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubOptions {
    /// The revision where a name has none; `main` where this is none too.
    pub revision: Option<String>,
    /// The folder of the cache (`HF_HUB_CACHE`); none for `~/.cache/huggingface/hub`.
    pub cache: Option<PathBuf>,
    /// The hub's address: http or https, without a user or password.
    pub endpoint: String,
    /// Whether the cache alone is used.
    pub offline: bool,
    /// The token for repositories that are private or gated. It is sent to the endpoint's scheme, host and port alone, and
    /// only over https or to this machine.
    pub token: Option<String>,
    /// Whether the hub is asked for the revision's commit although the cache has one.
    pub refresh: bool,
    /// How long a server may be silent; 30 s.
    pub patience: Duration,
}

impl Default for HubOptions {
    fn default() -> Self {
        Self {
            revision: None,
            cache: None,
            endpoint: PUBLIC.to_owned(),
            offline: false,
            token: None,
            refresh: false,
            patience: Duration::from_secs(30),
        }
    }
}

/// The token stays out of messages and logs, and so does an endpoint with a password, which is refused later.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("revision", &self.revision)
            .field("cache", &self.cache)
            .field("endpoint", if has_user(&self.endpoint) { &"…" } else { &self.endpoint })
            .field("offline", &self.offline)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("refresh", &self.refresh)
            .field("patience", &self.patience)
            .finish()
    }
}

impl HubOptions {
    /// What the environment says, as in Python's library: `HF_HUB_CACHE` (or its old name `HUGGINGFACE_HUB_CACHE`), or
    /// `HF_HOME` with `hub` in it, or `XDG_CACHE_HOME`; `HF_ENDPOINT`; `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE` (1, on,
    /// yes, true); `HF_TOKEN` (or its old name `HUGGING_FACE_HUB_TOKEN`), or the file `HF_TOKEN_PATH`, or `token` in
    /// `HF_HOME`. In folders a leading `~` is the home folder, and `$NAME` and `${NAME}` are what the environment has.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let is_true = |name: &str| {
            given(name).map(|v| ["1", "on", "yes", "true"].contains(&v.trim().to_lowercase().as_str()))
        };
        let folder = |name: &str| given(name).map(|path| expanded(&path, &variable));
        let home = folder("HF_HOME").or_else(|| {
            let caches = folder("XDG_CACHE_HOME");
            let own = || home_folder(&variable).map(|home| PathBuf::from(home).join(".cache"));
            caches.or_else(own).map(|caches| caches.join("huggingface"))
        });
        let cache = folder("HF_HUB_CACHE").or_else(|| folder("HUGGINGFACE_HUB_CACHE"));
        let token_file = folder("HF_TOKEN_PATH").or_else(|| Some(home.clone()?.join("token")));
        let read = |path: PathBuf| std::fs::read_to_string(path).ok();
        let token = given("HF_TOKEN")
            .or_else(|| given("HUGGING_FACE_HUB_TOKEN"))
            .or_else(|| token_file.and_then(read))
            .map(|t| t.trim().to_owned());
        Self {
            cache: cache.or_else(|| home.map(|home| home.join("hub"))),
            endpoint: given("HF_ENDPOINT").map_or_else(|| PUBLIC.to_owned(), |e| e.trim().to_owned()),
            offline: is_true("HF_HUB_OFFLINE").or_else(|| is_true("TRANSFORMERS_OFFLINE")).unwrap_or(false),
            token: token.filter(|token| !token.is_empty()),
            ..Self::default()
        }
    }

    /// The same with this revision for names that have none.
    #[must_use]
    pub fn revision(self, revision: impl Into<String>) -> Self {
        Self { revision: Some(revision.into()), ..self }
    }

    /// The same with this folder for the cache.
    #[must_use]
    pub fn cache(self, cache: impl Into<PathBuf>) -> Self {
        Self { cache: Some(cache.into()), ..self }
    }

    /// The same with the hub at this address.
    #[must_use]
    pub fn endpoint(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), ..self }
    }

    /// The same from the cache alone, or not.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// The same with this token.
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// The same asking the hub for the revision's commit again, or not.
    #[must_use]
    pub fn refresh(self, refresh: bool) -> Self {
        Self { refresh, ..self }
    }

    /// The same with this much patience for a silent server.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The cache's folder.
    pub(super) fn cache_folder(&self) -> Result<PathBuf> {
        self.cache.clone().or_else(|| Self::from_variables(home_alone).cache).ok_or_else(|| {
            Error::input("there is no home folder to keep encoders in", "set HF_HOME to a folder for them")
        })
    }
}

fn home_folder(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["HOME", "USERPROFILE"].into_iter().find_map(|name| variable(name).filter(|home| !home.trim().is_empty()))
}

/// A path with the home folder for a leading `~` and values for the names of variables; what is not known stays as it is.
fn expanded(path: &str, variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let rest =
        path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(std::path::is_separator));
    let home = rest.and_then(|rest| Some(home_folder(&variable)? + rest));
    let path = home.as_deref().unwrap_or(path);
    let (mut out, mut rest) = (String::new(), path);
    while let Some((before, after)) = rest.split_once('$') {
        out += before;
        let (name, end) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        if let Some(value) = variable(name) {
            out += &value;
            rest = &after[end..];
        } else {
            out.push('$');
            rest = after;
        }
    }
    PathBuf::from(out + rest)
}

/// The home folder, and nothing else of the environment.
fn home_alone(name: &str) -> Option<String> {
    ["HOME", "USERPROFILE"].contains(&name).then(|| std::env::var(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn of(variables: &[(&str, &str)]) -> HubOptions {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        HubOptions::from_variables(find)
    }

    #[test]
    fn the_environment_is_read_as_python_reads_it() {
        let plain = of(&[("HOME", "/home/a")]);
        assert_eq!(plain.cache.as_deref(), Some(Path::new("/home/a/.cache/huggingface/hub")));
        assert_eq!((plain.endpoint.as_str(), plain.offline), (PUBLIC, false));
        let cache = |variables: &[(&str, &str)]| of(variables).cache.unwrap();
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/f")]), Path::new("/f/hub"));
        assert_eq!(cache(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/f")]), Path::new("/c"));
        assert_eq!(cache(&[("HUGGINGFACE_HUB_CACHE", "/o"), ("HF_HOME", "/f")]), Path::new("/o"));
        assert_eq!(cache(&[("HUGGINGFACE_HUB_CACHE", "/o"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert!(of(&[("HF_HUB_OFFLINE", "Yes")]).offline && of(&[("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert!(!of(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert_eq!(of(&[("HF_ENDPOINT", "http://127.0.0.1:1")]).endpoint, "http://127.0.0.1:1");
    }

    #[test]
    fn folders_are_written_with_the_home_folder_and_variables() {
        let cache = |path: &str, name: &str| {
            let variables = [(name, path), ("HOME", "/home/a"), ("DISK", "/disk")];
            of(&variables).cache.unwrap().to_str().unwrap().to_owned()
        };
        for (path, folder) in [
            ("~", "/home/a"),
            ("~/x", "/home/a/x"),
            ("$DISK/x", "/disk/x"),
            ("${DISK}s/$NONE/$", "/disks/$NONE/$"),
            ("${NONE}/${DISK", "${NONE}/${DISK"),
            ("~b/x", "~b/x"),
            ("x/~", "x/~"),
        ] {
            assert_eq!(cache(path, "HF_HUB_CACHE"), folder);
            assert_eq!(cache(path, "HUGGINGFACE_HUB_CACHE"), folder);
        }
        assert_eq!(cache("~/x", "HF_HOME"), "/home/a/x/hub");
        assert_eq!(cache("~/x", "XDG_CACHE_HOME"), "/home/a/x/huggingface/hub");
    }

    #[test]
    fn a_token_comes_from_the_environment_or_a_file_and_is_not_shown() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let path = home.path().to_str().unwrap();
        assert_eq!(of(&[("HF_HOME", path)]).token.as_deref(), Some("hf_file"));
        let both = of(&[("HF_HOME", path), ("HF_TOKEN", "hf_secret")]);
        assert_eq!(both.token.as_deref(), Some("hf_secret"));
        assert!(!format!("{both:?}").contains("secret"));
        let old = ("HUGGING_FACE_HUB_TOKEN", "hf_old");
        assert_eq!(of(&[("HF_HOME", path), old]).token.as_deref(), Some("hf_old"));
        assert_eq!(of(&[old, ("HF_TOKEN", "hf_secret")]).token.as_deref(), Some("hf_secret"));
    }
}
