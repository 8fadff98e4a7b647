//! A Hugging Face folder: `config.json` beside weights, read tensor by tensor.
//!
//! ```text
//! config.json ──────────────────────────────────────────────────────────────────────> EncoderConfig
//! model.safetensors | …index.json | pytorch_model.bin | model.int8.safetensors ──> Weights ──> tensors in f32, by canonical name
//! ```
//!
//! The canonical name of a tensor is its published name without the encoder's prefix (`bert.`, `roberta.`, `model.`,
//! …) and with `weight` and `bias` for the old `gamma` and `beta`: `embeddings.word_embeddings.weight`,
//! `encoder.layer.0.attention.self.query.weight`, `classifier.bias`. A checkpoint with and one without prefix read
//! alike.

pub(crate) mod found;
mod names;
mod pickle;
mod safetensors;
mod source;
mod torch;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};

use crate::config::EncoderConfig;
use source::Entry;
pub use write::{SavedAs, write_safetensors};

/// A tensor in f32, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub data: Vec<f32>,
}

/// Where a checkpoint's tensors are, by canonical name. Nothing is read before it is asked for.
#[derive(Debug)]
pub struct Weights {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    read: BTreeSet<String>,
    /// What is to be said of the file that was taken.
    notice: Option<String>,
}

impl Weights {
    /// The tensors of `model.safetensors`, of the shards of `model.safetensors.index.json`, of `pytorch_model.bin`, or of
    /// `model.int8.safetensors` ([`SavedAs::Int8`]), whichever of them is there first; of `model.int8.safetensors` before
    /// all others where `config.json` says `"prompt_saved_as": "int8"`. Where it stands beside others,
    /// [`Weights::finish`] tells which file was read.
    ///
    /// # Errors
    /// A folder with none of them, or without the one that `config.json` speaks of; a `prompt_saved_as` that is none of
    /// [`SavedAs::NAMES`]; a truncated or damaged file, with what was expected.
    pub fn open(folder: impl AsRef<Path>, config: &EncoderConfig) -> Result<Self> {
        let folder = folder.as_ref();
        let (name, notice) = found::in_folder(folder, config.raw())?;
        let path = folder.join(name);
        let raw = match path.extension().and_then(|end| end.to_str()) {
            Some("json") => safetensors::sharded(&path)?,
            Some("bin") => torch::entries(&path)?,
            _ => safetensors::entries(&path)?,
        };
        let mut entries = BTreeMap::new();
        for (name, entry) in raw {
            let canonical = names::canonical(config.family, &name);
            if entries.insert(canonical.clone(), entry).is_some() {
                return Err(Error::artifact(
                    &path,
                    format!("two tensors stand for `{canonical}`, one of them called `{name}`"),
                    "save the checkpoint again",
                ));
            }
        }
        Ok(Self { path, entries, read: BTreeSet::new(), notice })
    }

    /// The names there are, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, where it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Whether the tensor is there.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Bytes of all tensors as stored.
    pub fn stored_bytes(&self) -> u64 {
        self.entries.values().map(Entry::all_bytes).sum()
    }

    /// Reads one tensor of this shape.
    ///
    /// # Errors
    /// A missing tensor (the nearest names are given), another shape (both are given), a number that is NaN or
    /// infinite, a type that is no float.
    pub fn get(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(entry) = self.entries.get(name) else {
            return Err(self.missing(name, shape));
        };
        if entry.shape != shape {
            return Err(Error::artifact(
                &self.path,
                format!("tensor `{name}` has shape {:?}, config.json wants {shape:?}", entry.shape),
                "use the config.json that belongs to these weights",
            ));
        }
        self.read_entry(name)
    }

    /// Reads one tensor of whatever shape.
    ///
    /// # Errors
    /// As [`Weights::get`], but for the shape.
    pub fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let Some(entry) = self.entries.get(name) else {
            return Err(self.missing(name, &[]));
        };
        let shape = entry.shape.clone();
        Ok(Tensor { shape, data: self.read_entry(name)? })
    }

    /// Reads everything that is a float and not a leftover that no encoder uses.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn all(&mut self) -> Result<BTreeMap<String, Tensor>> {
        let names: Vec<String> = self.entries.keys().filter(|n| !names::is_leftover(n)).cloned().collect();
        names.into_iter().map(|name| self.tensor(&name).map(|tensor| (name, tensor))).collect()
    }

    fn read_entry(&mut self, name: &str) -> Result<Vec<f32>> {
        let data = self.entries[name].read(name)?;
        if let Some(at) = data.iter().position(|v| !v.is_finite()) {
            return Err(Error::artifact(
                &self.path,
                format!("tensor `{name}` holds {} at position {at} of {}", data[at], data.len()),
                "the training that made this checkpoint went wrong; use another one",
            ));
        }
        self.read.insert(name.to_owned());
        Ok(data)
    }

    fn missing(&self, name: &str, shape: &[usize]) -> Error {
        let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
        let near: Vec<&str> =
            self.names().filter(|known| known.ends_with(last)).take(3).map(|known| known as &str).collect();
        let shape = if shape.is_empty() { String::new() } else { format!(" of shape {shape:?}") };
        Error::artifact(
            &self.path,
            format!(
                "tensor `{name}`{shape} is missing among {} tensors (there are, for example, {})",
                self.entries.len(),
                if near.is_empty() { "none alike".to_owned() } else { near.join(", ") }
            ),
            "use the config.json that belongs to these weights",
        )
    }

    /// Looks at what was not read: a tensor within the encoder's own parts is an error (the configuration describes
    /// another network), anything else (a head for another task) is a notice. So is a second file of weights.
    ///
    /// # Errors
    /// [`Error::Artifact`] naming the tensor.
    pub fn finish(&self) -> Result<Vec<String>> {
        let mut notices: Vec<String> = self.notice.iter().cloned().collect();
        for (name, entry) in &self.entries {
            if self.read.contains(name) || names::is_leftover(name) {
                continue;
            }
            if names::is_backbone(name) {
                return Err(Error::artifact(
                    &self.path,
                    format!("tensor `{name}` of shape {:?} has no place in this network", entry.shape),
                    "use the config.json that belongs to these weights (its number of layers, for example)",
                ));
            }
            notices.push(format!("tensor `{name}` of shape {:?} is not used", entry.shape));
        }
        Ok(notices)
    }
}

/// A Hugging Face folder, opened.
///
/// ```no_run
/// use prompt_encoder::Checkpoint;
/// # fn main() -> prompt_core::Result<()> {
/// let mut checkpoint = Checkpoint::open("models/deberta-v3-small")?;
/// let (vocabulary, width) = (checkpoint.config.vocab_size, checkpoint.config.embedding_size);
/// let table = checkpoint.weights.get("embeddings.word_embeddings.weight", &[vocabulary, width])?;
/// assert_eq!(table.len(), vocabulary * width);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    /// What `config.json` says.
    pub config: EncoderConfig,
    /// The tensors.
    pub weights: Weights,
    folder: PathBuf,
}

impl Checkpoint {
    /// Opens a folder with `config.json` and weights. No tensor is read yet.
    ///
    /// # Errors
    /// As [`EncoderConfig::open`] and [`Weights::open`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let config = EncoderConfig::open(folder.join("config.json"))?;
        let weights = Weights::open(folder, &config)?;
        Ok(Self { config, weights, folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn into_parts(self) -> (EncoderConfig, Weights, PathBuf) {
        (self.config, self.weights, self.folder)
    }
}
