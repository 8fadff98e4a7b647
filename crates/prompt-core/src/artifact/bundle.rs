//! The folder: manifest, structure, weights; written all or nothing, read with every byte checked.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Node, Persist, Tensor};
use crate::error::{Error, Result};
use crate::folder::replace_folder;

/// The version of the folder's layout that this program writes; it reads all up to it.
pub const FORMAT_VERSION: u32 = 1;

const MANIFEST: &str = "manifest.json";
const STRUCTURE: &str = "structure.json";
const WEIGHTS: &str = "weights.safetensors";

/// What is known about a saved thing besides its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout's version.
    pub format_version: u32,
    /// The kind of the outermost part.
    pub kind: String,
    /// Name and version of the program that wrote it.
    pub created_by: String,
    /// The name it is known by (a model's name in a report).
    #[serde(default)]
    pub name: String,
    /// The task it serves (`security`, `text`, …).
    #[serde(default)]
    pub task: String,
    /// Parameters of its parts, as the configuration would state them.
    #[serde(default)]
    pub params: Value,
    /// Class names in the order of the probabilities.
    #[serde(default)]
    pub classes: Vec<String>,
    /// The seed of the fit.
    #[serde(default)]
    pub seed: u64,
    /// Digest of the data it was fitted on.
    #[serde(default)]
    pub data_digest: String,
    /// Whether that data was made by a generator.
    #[serde(default)]
    pub synthetic: bool,
    /// Numbers measured on held-out rows.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Size and SHA-256 of every other file.
    #[serde(default)]
    pub files: BTreeMap<String, FileSum>,
    /// SHA-256 of this manifest with this field empty.
    #[serde(default)]
    pub checksum: String,
}

/// Size and digest of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileSum {
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            format_version: FORMAT_VERSION,
            kind: String::new(),
            created_by: concat!("prompt ", env!("CARGO_PKG_VERSION")).to_owned(),
            name: String::new(),
            task: String::new(),
            params: Value::Null,
            classes: Vec::new(),
            seed: 0,
            data_digest: String::new(),
            synthetic: false,
            metrics: BTreeMap::new(),
            files: BTreeMap::new(),
            checksum: String::new(),
        }
    }
}

/// Saves a fitted thing as a folder. A new folder appears whole or not at all. One that is there is replaced in two
/// renames; a process killed between them leaves the previous one beside it as `.NAME.old-…`, and opening the missing
/// folder says so.
///
/// Returns the manifest as written.
///
/// # Errors
/// [`Error::Io`] for what the system refuses (nothing half-written is left behind).
pub fn save(dir: &Path, thing: &dyn Persist, manifest: Manifest) -> Result<Manifest> {
    let (manifest, files) = to_files(thing, manifest)?;
    write_folder(dir, &files)?;
    Ok(manifest)
}

/// The files of a saved thing by name, manifest included.
fn to_files(thing: &dyn Persist, mut manifest: Manifest) -> Result<(Manifest, BTreeMap<String, Vec<u8>>)> {
    let root = thing.encode()?;
    let mut tensors = Vec::new();
    let structure = Structure::of(&root, "", &mut tensors);
    let mut files = BTreeMap::new();
    files.insert(STRUCTURE.to_owned(), to_json(&structure)?);
    files.insert(WEIGHTS.to_owned(), to_safetensors(&tensors)?);
    manifest.format_version = FORMAT_VERSION;
    thing.kind().clone_into(&mut manifest.kind);
    manifest.files = files
        .iter()
        .map(|(name, bytes)| (name.clone(), FileSum { bytes: bytes.len() as u64, sha256: hex_digest(bytes) }))
        .collect();
    manifest.checksum = manifest.sum()?;
    files.insert(MANIFEST.to_owned(), to_json(&manifest)?);
    Ok((manifest, files))
}

impl Manifest {
    /// The checksum that this manifest should carry.
    fn sum(&self) -> Result<String> {
        let plain = Self { checksum: String::new(), ..self.clone() };
        let value = serde_json::to_value(plain).map_err(|e| unwritable(&e))?;
        let mut text = String::new();
        write_sorted(&value, &mut text);
        Ok(hex_digest(text.as_bytes()))
    }
}

/// A checked artifact: its manifest and its tree of parts.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What is known about it.
    pub manifest: Manifest,
    /// The outermost part.
    pub root: Node,
}

impl Bundle {
    /// Opens a folder and checks every byte.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Artifact`] when it is no artifact, is newer than this
    /// program, or was altered.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::from_files(dir, &read_files(dir)?)
    }

    /// The same from named bytes; `origin` is for messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files(origin: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let bad =
            |what: String| Error::artifact(origin, what, "restore it from a good copy or save it again");
        let manifest = files.get(MANIFEST).ok_or_else(|| {
            Error::artifact(origin, format!("there is no {MANIFEST}"), "name the folder of a saved model")
        })?;
        let value: Value =
            serde_json::from_slice(manifest).map_err(|e| bad(format!("{MANIFEST} is not readable: {e}")))?;
        // The version comes first: a newer manifest may have another form.
        let version = value.get("format_version").and_then(Value::as_u64);
        if version.is_some_and(|v| v > u64::from(FORMAT_VERSION)) {
            return Err(Error::artifact(
                origin,
                format!(
                    "format version {} is newer than {FORMAT_VERSION}, the newest this program reads",
                    version.unwrap_or(0)
                ),
                "update the program",
            ));
        }
        let manifest: Manifest =
            serde_json::from_value(value).map_err(|e| bad(format!("{MANIFEST} is not readable: {e}")))?;
        if manifest.checksum != manifest.sum()? {
            return Err(bad(format!("{MANIFEST} was altered: its checksum does not match")));
        }
        let mut parts: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for (name, sum) in &manifest.files {
            let bytes = files.get(name).ok_or_else(|| bad(format!("{name} is missing")))?;
            if bytes.len() as u64 != sum.bytes {
                return Err(bad(format!("{name} has {} bytes instead of {}", bytes.len(), sum.bytes)));
            }
            if hex_digest(bytes) != sum.sha256 {
                return Err(bad(format!("{name} was altered: its checksum does not match")));
            }
            parts.insert(name, bytes);
        }
        let part = |name: &str| parts.get(name).copied().ok_or_else(|| bad(format!("{name} is not listed")));
        let structure: Structure = serde_json::from_slice(part(STRUCTURE)?)
            .map_err(|e| bad(format!("{STRUCTURE} is not readable: {e}")))?;
        let tensors = SafeTensors::deserialize(part(WEIGHTS)?)
            .map_err(|e| bad(format!("{WEIGHTS} is not readable: {e}")))?;
        let root = structure.into_node("", &tensors).map_err(bad)?;
        Ok(Self { manifest, root })
    }
}

/// The files of an artifact's folder by name.
///
/// # Errors
/// [`Error::Io`]; [`Error::Artifact`] when `dir` is not a folder.
pub fn read_files(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    if dir.is_file() {
        return Err(Error::artifact(dir, "is a file", "name the folder of a saved model"));
    }
    let mut files = BTreeMap::new();
    for name in [MANIFEST, STRUCTURE, WEIGHTS] {
        let path = dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => {
                files.insert(name.to_owned(), bytes);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => {}
            Err(e) => {
                return Err(match set_aside(dir) {
                    Some(old) => Error::artifact(
                        dir,
                        format!(
                            "is missing: a save was interrupted; the model before it is in {}",
                            old.display()
                        ),
                        "rename that folder back, or save again",
                    ),
                    None => Error::io("read", &path, e),
                });
            }
        }
    }
    Ok(files)
}

/// What an interrupted save of `dir` left of the model before it.
fn set_aside(dir: &Path) -> Option<PathBuf> {
    let prefix = format!(".{}.old-", dir.file_name()?.to_string_lossy());
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut entries = fs::read_dir(parent).ok()?.flatten();
    entries.find(|e| e.file_name().to_string_lossy().starts_with(&prefix)).map(|e| e.path())
}

/// Writes all files into a new folder, makes them durable, and puts the folder in place.
fn write_folder(dir: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    refuse_what_is_no_model(dir)?;
    replace_folder(dir, |fresh| write_all(fresh, files))
}

/// What stands at `dir` is replaced, so it must be nothing, an empty folder, or a model.
fn refuse_what_is_no_model(dir: &Path) -> Result<()> {
    const OURS: [&str; 4] = ["manifest.json", "structure.json", "weights.safetensors", "tokenizer.json"];
    let Ok(about) = fs::metadata(dir) else { return Ok(()) };
    let other = if about.is_dir() {
        let entries = fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))?;
        entries
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .find(|n| !OURS.contains(&n.as_str()))
    } else {
        Some("a file, not a folder".to_owned())
    };
    match other {
        None => Ok(()),
        Some(what) => Err(Error::input(
            format!("{} is no saved model ({what}) and would be lost", dir.display()),
            "save to a new folder, or remove this one first",
        )),
    }
}

fn write_all(dir: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    for (name, bytes) in files {
        let path = dir.join(name);
        let write = || -> std::io::Result<()> {
            let mut file = fs::File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|e| Error::io("write", &path, e))?;
    }
    Ok(())
}

fn unwritable(e: &serde_json::Error) -> Error {
    Error::input(format!("facts cannot be written as JSON: {e}"), "check names and numbers")
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| unwritable(&e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// JSON with the keys of every object in order: the digest must not depend on the order of fields in a file, nor on
/// whether some crate of the build asks serde_json to keep that order.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            out.push('{');
            for (i, (key, value)) in sorted.into_iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                write_sorted(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn hex_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// SHA-256 over parts, each preceded by its length as eight little-endian bytes, in hexadecimal: two lists of parts
/// have the same digest only if they are the same list.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// A node without its numbers.
#[derive(Serialize, Deserialize)]
struct Structure {
    kind: String,
    version: u32,
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    tensors: Vec<String>,
    #[serde(default)]
    children: Vec<(String, Structure)>,
}

impl Structure {
    fn of<'a>(node: &'a Node, path: &str, tensors: &mut Vec<(String, &'a Tensor)>) -> Self {
        for (name, tensor) in &node.tensors {
            tensors.push((format!("{path}{name}"), tensor));
        }
        Self {
            kind: node.kind.clone(),
            version: node.version,
            meta: node.meta.clone(),
            tensors: node.tensors.keys().cloned().collect(),
            children: node
                .children
                .iter()
                .map(|(name, child)| (name.clone(), Self::of(child, &format!("{path}{name}/"), tensors)))
                .collect(),
        }
    }

    fn into_node(self, path: &str, all: &SafeTensors<'_>) -> std::result::Result<Node, String> {
        let mut tensors = BTreeMap::new();
        for name in self.tensors {
            let full = format!("{path}{name}");
            let view = all.tensor(&full).map_err(|e| format!("tensor `{full}`: {e}"))?;
            tensors.insert(name, from_view(&full, &view)?);
        }
        let mut children = Vec::new();
        for (name, child) in self.children {
            let child = child.into_node(&format!("{path}{name}/"), all)?;
            children.push((name, child));
        }
        Ok(Node { kind: self.kind, version: self.version, meta: self.meta, tensors, children })
    }
}

fn to_safetensors(tensors: &[(String, &Tensor)]) -> Result<Vec<u8>> {
    let bytes: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let (dtype, shape, data) = match tensor {
                Tensor::F64(s, v) => (Dtype::F64, s, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
                Tensor::F32(s, v) => (Dtype::F32, s, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
                Tensor::U32(s, v) => (Dtype::U32, s, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
                Tensor::U8(s, v) => (Dtype::U8, s, v.clone()),
            };
            (name.clone(), dtype, shape.clone(), data)
        })
        .collect();
    let bad = |e: safetensors::SafeTensorError| {
        Error::input(format!("numbers cannot be written: {e}"), "check the shapes of the tensors")
    };
    let views = bytes
        .iter()
        .map(|(name, dtype, shape, data)| {
            Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), data).map_err(bad)?))
        })
        .collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, None).map_err(bad)
}

fn from_view(name: &str, view: &TensorView<'_>) -> std::result::Result<Tensor, String> {
    fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|b| read(*b)).collect()
    }
    let (shape, data) = (view.shape().to_vec(), view.data());
    Ok(match view.dtype() {
        Dtype::F64 => Tensor::F64(shape, numbers(data, f64::from_le_bytes)),
        Dtype::F32 => Tensor::F32(shape, numbers(data, f32::from_le_bytes)),
        Dtype::U32 => Tensor::U32(shape, numbers(data, u32::from_le_bytes)),
        Dtype::U8 => Tensor::U8(shape, data.to_vec()),
        other => return Err(format!("tensor `{name}` has type {other:?}, which no part uses")),
    })
}
