//! What is asked of the hub.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::address::{Origin, has_user, onward};
use super::cache::is_commit;
use super::{HubOptions, Progress, not_sound};

/// How often a body that ended early is gone on with.
const TRIES: usize = 3;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// A listing beyond this is none.
const LONGEST_LISTING: u64 = 64 << 20;

pub(super) struct Remote {
    agent: Agent,
    endpoint: String,
    origin: Origin,
    token: Option<String>,
}

/// A revision: its commit and its files.
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

/// What the hub says of a file.
pub(super) struct Facts {
    /// Names the bytes; of a large file it is their SHA-256.
    pub(super) etag: String,
    pub(super) size: Option<u64>,
}

impl Facts {
    /// The digest, where the hub gives one.
    fn sha256(&self) -> Option<&str> {
        (self.etag.len() == 64 && is_commit(&self.etag)).then_some(&self.etag)
    }
}

/// Why a try brought no whole file.
enum Failed {
    /// Another try may go on where this one ended.
    Broken(String),
    Finally(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Finally(error)
    }
}

impl Remote {
    pub(super) fn new(options: &HubOptions) -> Result<Self> {
        let endpoint = options.endpoint.trim().trim_end_matches('/').to_owned();
        // Not repeated: there may be a password in it.
        if has_user(&endpoint) {
            return Err(Error::input(
                "the hub's address names a user or a password before an `@`",
                "set HF_ENDPOINT to the address alone, and HF_TOKEN to a token",
            ));
        }
        let Some(origin) = Origin::of(&endpoint).filter(|_| !endpoint.contains(['?', '#'])) else {
            return Err(Error::input(
                format!("`{}` is no address of a hub", options.endpoint),
                "set HF_ENDPOINT to one like https://huggingface.co",
            ));
        };
        if options.token.is_some() && !origin.is_https && !origin.is_own() {
            return Err(Error::input(
                format!("the token would go to {endpoint} in the open"),
                "use an https address, or no token (HF_TOKEN, the file `token` in HF_HOME)",
            ));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // Followed here: the client would let the token go to another port of the same host.
            .max_redirects(0)
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .timeout_connect(Some(options.patience))
            .timeout_resolve(Some(options.patience))
            .timeout_per_read(Some(options.patience))
            .timeout_per_write(Some(options.patience))
            // What is counted are the file's own bytes.
            .accept_encoding("identity")
            .user_agent(concat!("prompt-encoder/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self { agent, endpoint, origin, token: options.token.clone() })
    }

    /// The commit and the files of a revision.
    pub(super) fn listing(&self, id: &str, revision: &str) -> Result<Listing> {
        let url = format!("{}/api/models/{id}/revision/{}", self.endpoint, revision.replace('/', "%2F"));
        let mut response = self.get(url, 0).map_err(|e| self.unreachable(&e))?;
        self.check(&response, id, revision, None)?;
        let body = response.body_mut().with_config().limit(LONGEST_LISTING).read_to_string();
        let text = body.map_err(|e| self.unreachable(&e))?;
        let parsed: Value = serde_json::from_str(&text)
            .map_err(|e| not_sound(format!("the hub's listing of {id} is not JSON: {e}")))?;
        let commit = parsed["sha"].as_str().filter(|sha| is_commit(sha));
        let commit = commit.ok_or_else(|| not_sound(format!("the hub's listing of {id} names no commit")))?;
        let files = parsed["siblings"].as_array().into_iter().flatten();
        let files = files.filter_map(|file| file["rfilename"].as_str()).map(str::to_owned).collect();
        Ok(Listing { commit: commit.to_owned(), files })
    }

    fn address(&self, id: &str, commit: &str, file: &str) -> String {
        format!("{}/{id}/resolve/{commit}/{file}", self.endpoint)
    }

    /// A file's name and size. Large files lie elsewhere; the hub's own answer, before it sends there, has both.
    pub(super) fn facts(&self, id: &str, commit: &str, file: &str) -> Result<Facts> {
        let mut url = self.address(id, commit, file);
        for _ in 0..MOST_REDIRECTS {
            let request = self.with_token(self.agent.head(&url), &url);
            let response = request.call().map_err(|e| self.unreachable(&e))?;
            let linked = text(&response, "x-linked-etag");
            let location = text(&response, header::LOCATION.as_str());
            let location = location.filter(|_| response.status().is_redirection());
            // A renamed repository: the same hub, another path. What has an ETag already is sent on to its bytes.
            let is_path = |location: &str| location.starts_with('/') && !location.starts_with("//");
            let place = location.filter(|location| linked.is_none() || is_path(location));
            let place = place.and_then(|location| onward(&url, location));
            if let Some(to) = place.filter(|to| Origin::of(to).as_ref() == Some(&self.origin)) {
                url = to;
                continue;
            }
            if !response.status().is_redirection() {
                self.check(&response, id, commit, Some(file))?;
            }
            let etag = linked.or_else(|| text(&response, header::ETAG.as_str()));
            let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
            let plain = |etag: &String| {
                !etag.is_empty()
                    && etag.len() <= 128
                    && etag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            let Some(etag) = etag.filter(plain) else {
                return Err(not_sound(format!("the hub gives {file} of {id} no usable ETag")));
            };
            let own = || {
                text(&response, header::CONTENT_LENGTH.as_str()).filter(|_| response.status().is_success())
            };
            let size = text(&response, "x-linked-size").or_else(own).and_then(|size| size.parse().ok());
            return Ok(Facts { etag, size });
        }
        Err(not_sound(format!("the hub sends {file} of {id} round in circles")))
    }

    /// Fills `part`, going on after what it holds.
    pub(super) fn download(
        &self,
        id: &str,
        commit: &str,
        file: &str,
        part: &Path,
        facts: &Facts,
        watch: &mut dyn FnMut(Progress<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.attempt(id, commit, file, part, facts, watch) {
                Ok(()) => return check_digest(file, part, facts),
                Err(Failed::Finally(error)) => return Err(error),
                Err(Failed::Broken(why)) => last = why,
            }
        }
        let kept = part.metadata().map_or(0, |m| m.len());
        Err(Error::input(
            format!("{file} of {id} did not come whole: {last} ({kept} bytes are kept, after {TRIES} tries)"),
            "ask again: it goes on where it ended",
        ))
    }

    fn attempt(
        &self,
        id: &str,
        commit: &str,
        file: &str,
        part: &Path,
        facts: &Facts,
        watch: &mut dyn FnMut(Progress<'_>) -> Result<()>,
    ) -> std::result::Result<(), Failed> {
        let fail = |e| Error::io("write", part, e);
        let mut out = OpenOptions::new().create(true).append(true).open(part).map_err(fail)?;
        let mut done = out.metadata().map_err(fail)?.len();
        if facts.size.is_some_and(|size| done > size) {
            out.set_len(0).map_err(fail)?;
            done = 0;
        }
        if done > 0 && facts.size == Some(done) {
            return Ok(());
        }
        let mut response = self.get(self.address(id, commit, file), done).map_err(Failed::Broken)?;
        let goes_on = text(&response, header::CONTENT_RANGE.as_str())
            .is_some_and(|range| range.starts_with(&format!("bytes {done}-")));
        match response.status().as_u16() {
            206 if goes_on => {}
            // The server begins anew, or what is here cannot be gone on with.
            200 | 206 | 416 if done > 0 => {
                out.set_len(0).map_err(fail)?;
                done = 0;
                if response.status().as_u16() != 200 {
                    return Err(Failed::Broken("the server does not go on where it was asked to".to_owned()));
                }
            }
            _ => self.check(&response, id, commit, Some(file))?,
        }
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 64 << 10];
        loop {
            watch(Progress { file, done, total: facts.size })?;
            let n = match body.read(&mut buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Failed::Broken(e.to_string())),
            };
            if n == 0 {
                break;
            }
            out.write_all(&buffer[..n]).map_err(fail)?;
            done += n as u64;
        }
        out.sync_all().map_err(fail)?;
        match facts.size {
            Some(size) if size != done => Err(Failed::Broken(format!("{done} of {size} bytes came"))),
            _ => Ok(()),
        }
    }

    /// Asks for what is there after so many bytes, and goes where it is sent.
    fn get(&self, mut url: String, after: u64) -> std::result::Result<Response<Body>, String> {
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.with_token(self.agent.get(&url), &url);
            if after > 0 {
                request = request.header(header::RANGE, format!("bytes={after}-"));
            }
            let response = request.call().map_err(|e| e.to_string())?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = text(&response, header::LOCATION.as_str());
            url = location
                .and_then(|location| onward(&url, location))
                .ok_or("the server sends on without a usable address")?;
        }
        Err(format!("the server sends on more than {MOST_REDIRECTS} times"))
    }

    /// The token goes to the hub's own scheme, host and port alone.
    fn with_token<B>(&self, request: ureq::RequestBuilder<B>, url: &str) -> ureq::RequestBuilder<B> {
        match self.token.as_ref().filter(|_| Origin::of(url).as_ref() == Some(&self.origin)) {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    fn unreachable(&self, error: &dyn Display) -> Error {
        Error::input(
            format!("the hub at {} cannot be reached: {error}", self.endpoint),
            "check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use the cache alone",
        )
    }

    /// Refuses an answer that is not what was asked for, with the hub's own words.
    fn check(&self, response: &Response<Body>, id: &str, revision: &str, file: Option<&str>) -> Result<()> {
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(());
        }
        let words = text(response, "x-error-message").map_or_else(String::new, |words| format!(" ({words})"));
        let revision_alone = text(response, "x-error-code") == Some("RevisionNotFound");
        let what = match (file, revision_alone) {
            (Some(file), _) => format!("{file} of {id} at {revision}"),
            (None, true) => format!("the revision {revision} of {id}"),
            (None, false) => format!("{id} at revision {revision}"),
        };
        Err(match status {
            401 | 403 => Error::input(
                format!("the hub does not give {what} to everybody{words}"),
                "check the name; set HF_TOKEN to a token that may read it, and accept its terms on its page if it is gated",
            ),
            404 => Error::input(
                format!("the hub does not know {what}{words}"),
                "check the name and the revision",
            ),
            429 => Error::input(
                format!("the hub has answered too often{words}"),
                "wait some minutes; with HF_TOKEN set more is allowed",
            ),
            status => Error::input(
                format!("the hub answered {status} when asked for {what}{words}"),
                "ask again later, or set HF_HUB_OFFLINE=1 to use the cache alone",
            ),
        })
    }
}

fn text<'a>(response: &'a Response<Body>, header: &str) -> Option<&'a str> {
    response.headers().get(header).and_then(|value| value.to_str().ok())
}

/// Compares the bytes with the digest that the hub gives for large files. What is wrong does not stay.
fn check_digest(file: &str, part: &Path, facts: &Facts) -> Result<()> {
    let Some(wanted) = facts.sha256() else { return Ok(()) };
    let fail = |e| Error::io("read", part, e);
    let mut hash = Sha256::new();
    let mut bytes = File::open(part).map_err(fail)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = bytes.read(&mut buffer).map_err(fail)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == wanted {
        return Ok(());
    }
    std::fs::remove_file(part).map_err(|e| Error::io("remove", part, e))?;
    Err(not_sound(format!("{file} came with the SHA-256 {found}, the hub says {wanted}")))
}
