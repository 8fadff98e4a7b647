//! A hub on this machine: enough of its protocol to fetch a checkpoint, and ways to go wrong.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const OTHER_COMMIT: &str = "76543210fedcba9876543210fedcba9876543210";

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Bodies of large files end after so many bytes, whatever was promised.
    EndsAfter(usize),
    /// Large files have a changed byte.
    Altered,
    /// It takes the request and says nothing.
    Silent,
    /// Its answers carry no ETag.
    NoEtag,
    /// It sends on without saying where.
    Nowhere,
    /// Ranges are ignored: every body begins at the first byte.
    NoRanges,
    /// Whatever commit is asked for, the listing is another's.
    OtherCommit,
    /// Large files lie on another port of the same host.
    OnPort(u16),
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<usize>,
    pub(crate) token: Option<String>,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    token: Option<String>,
    fault: Mutex<Fault>,
    asked: Mutex<Vec<Asked>>,
    over: AtomicBool,
    port: u16,
}

pub(crate) struct Hub {
    state: Arc<State>,
}

impl Hub {
    /// Serves the files of a folder as `org/tiny` at `main` and `v1` (one commit) and at `next` (another). `token` must be
    /// sent where it is given.
    pub(crate) fn serve(folder: &Path, token: Option<&str>) -> Self {
        let mut files = BTreeMap::new();
        collect(folder, folder, &mut files);
        files.insert("README.md".to_owned(), b"not wanted".to_vec());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let token = token.map(str::to_owned);
        let (fault, asked, over) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let state = Arc::new(State { files, token, fault, asked, over, port });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = shared.clone();
                std::thread::spawn(move || shared.answer(stream));
            }
        });
        Self { state }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.state.port)
    }

    pub(crate) fn fails(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }

    /// Stops listening.
    pub(crate) fn end(&self) {
        self.state.over.store(true, Ordering::SeqCst);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(("127.0.0.1", self.state.port));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(path).unwrap());
        }
    }
}

/// Large files lie elsewhere, as on the hub.
fn is_large(file: &str) -> bool {
    file.ends_with(".safetensors") || file.ends_with(".bin")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

impl State {
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let Some(Ok(first)) = lines.next() else { return };
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let (mut range, mut token) = (None, None);
        for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            match name.to_lowercase().as_str() {
                "range" => {
                    range = value.strip_prefix("bytes=").and_then(|r| r.trim_end_matches('-').parse().ok());
                }
                "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
                _ => {}
            }
        }
        let asked = Asked { method: method.clone(), path: path.clone(), range, token: token.clone() };
        self.asked.lock().unwrap().push(asked);
        let fault = *self.fault.lock().unwrap();
        if fault == Fault::Silent {
            std::thread::sleep(Duration::from_secs(5));
            return;
        }
        if self.token.is_some() && self.token != token && !path.starts_with("/elsewhere/") {
            let more = "X-Error-Code: GatedRepo\r\nX-Error-Message: Access to it is restricted\r\n";
            return send(&mut stream, "401 Unauthorized", more, b"");
        }
        let (head, parts) = (method == "HEAD", path.trim_start_matches('/').split('/').collect::<Vec<_>>());
        match parts.as_slice() {
            // A repository that has another name by now.
            ["api", "models", "org", "old", ..] | ["org", "old", ..] => {
                let more =
                    format!("Location: {}\r\nContent-Length: 0\r\n", path.replace("org/old", "org/tiny"));
                send(&mut stream, "307 Temporary Redirect", &more, b"");
            }
            ["api", "models", "org", "tiny", "revision", revision] => {
                self.listing(&mut stream, if fault == Fault::OtherCommit { "next" } else { revision });
            }
            ["org", "tiny", "resolve", commit, file @ ..] if [COMMIT, OTHER_COMMIT].contains(commit) => {
                self.file(&mut stream, &file.join("/"), fault, head);
            }
            ["elsewhere", file] => {
                let Some(bytes) = self.files.get(*file) else { return };
                let mut bytes = bytes.clone();
                if fault == Fault::Altered {
                    *bytes.last_mut().unwrap() ^= 1;
                }
                let from = if fault == Fault::NoRanges { 0 } else { range.unwrap_or(0).min(bytes.len()) };
                let end = match fault {
                    Fault::EndsAfter(n) => (from + n).min(bytes.len()),
                    _ => bytes.len(),
                };
                let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
                let mut more = format!("Content-Length: {}\r\n", bytes.len() - from);
                if from > 0 {
                    more += &format!("Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
                }
                let head = format!("HTTP/1.1 {status}\r\n{more}Connection: close\r\n\r\n");
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&bytes[from..end]);
            }
            _ => {
                let more = "X-Error-Code: RepoNotFound\r\nX-Error-Message: Repository not found\r\n";
                send(&mut stream, "404 Not Found", more, b"{}");
            }
        }
    }

    fn listing(&self, stream: &mut TcpStream, revision: &str) {
        let commit = match revision {
            "main" | "v1" | COMMIT => COMMIT,
            "next" => OTHER_COMMIT,
            _ => {
                let more = "X-Error-Code: RevisionNotFound\r\nX-Error-Message: Invalid rev id\r\n";
                return send(stream, "404 Not Found", more, b"{}");
            }
        };
        let files: Vec<String> =
            self.files.keys().map(|name| format!(r#"{{"rfilename":"{name}"}}"#)).collect();
        let body = format!(r#"{{"id":"org/tiny","sha":"{commit}","siblings":[{}]}}"#, files.join(","));
        let more = format!("Content-Length: {}\r\n", body.len());
        send(stream, "200 OK", &more, body.as_bytes());
    }

    fn file(&self, stream: &mut TcpStream, file: &str, fault: Fault, head: bool) {
        let Some(bytes) = self.files.get(file) else {
            return send(stream, "404 Not Found", "X-Error-Code: EntryNotFound\r\n", b"");
        };
        let digest = sha256(bytes);
        if is_large(file) {
            let etag = match fault {
                Fault::NoEtag => String::new(),
                _ => format!("X-Linked-Etag: \"{digest}\"\r\n"),
            };
            let place = match fault {
                Fault::Nowhere => String::new(),
                Fault::OnPort(port) => format!("Location: http://127.0.0.1:{port}/elsewhere/{file}\r\n"),
                // Another host by name, so that the token must not follow.
                _ => format!("Location: http://localhost:{}/elsewhere/{file}\r\n", self.port),
            };
            let more = format!("{etag}{place}X-Linked-Size: {}\r\nContent-Length: 0\r\n", bytes.len());
            send(stream, "302 Found", &more, b"");
        } else {
            // As git names it: forty digits.
            let more = format!("ETag: \"{}\"\r\nContent-Length: {}\r\n", &digest[..40], bytes.len());
            send(stream, "200 OK", &more, if head { b"" } else { bytes });
        }
    }
}

fn send(stream: &mut TcpStream, status: &str, more: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{more}Connection: close\r\n\r\n");
    // The other side may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}
