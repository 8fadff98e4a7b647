//! A classifier as an artifact: the files of its checkpoint, byte for byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prompt_core::artifact::{Catalog, Node};
use prompt_core::{Artifact, Error, Result};
use serde_json::{Value, json};

use super::{Aggregate, Classifier, Options};
use crate::engine::Precision;
use crate::tokenizer::Long;

pub(super) const KIND: &str = "text_encoder_classifier";
const VERSION: u32 = 1;

/// Files that a checkpoint may consist of. Shards of weights are found by their ending.
const FILES: [&str; 11] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "spm.model",
    "sentencepiece.bpe.model",
    "spiece.model",
    "sentencepiece.model",
    "model.safetensors.index.json",
];

/// Adds the decoders to a catalog, so that saved classifiers and static embeddings open.
pub fn register(catalog: &mut Catalog) {
    register_with(catalog, Options::default());
}

/// The same; classifiers open with the threads, the engine and the fallback of `options`, and with the rest as they were
/// saved.
pub fn register_with(catalog: &mut Catalog, options: Options) {
    catalog.scorer_by(KIND, move |node, _| Ok(Arc::new(Classifier::decoded(node, &options)?)));
    crate::statics::register(catalog);
}

pub(super) fn encode(classifier: &Classifier) -> Result<Node> {
    let folder = classifier.folder();
    let options = classifier.options();
    let overlap = match options.long {
        Long::Windows { overlap } => Some(overlap),
        Long::Truncate => None,
    };
    let mut names = Vec::new();
    let listing = std::fs::read_dir(folder).map_err(|e| Error::io("read", folder, e))?;
    for entry in listing.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if FILES.contains(&name.as_str()) || name.ends_with(".safetensors") || name == "pytorch_model.bin" {
            names.push(name);
        }
    }
    names.sort_unstable();
    let mut lengths = Vec::new();
    let mut node = Node::new(KIND, VERSION);
    for name in &names {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        lengths.push(bytes.len());
        node = node.u32s(name, words(&bytes));
    }
    node.meta(&json!({
        "files": names, "bytes": lengths, "int8": options.precision == Precision::Int8,
        "max_tokens": options.max_tokens, "overlap": overlap, "token_budget": options.token_budget,
        "aggregate": match options.aggregate {
            Aggregate::Mean => "mean", Aggregate::Max => "max", Aggregate::Attention => "attention",
        },
    }))
}

/// Bytes as 32-bit words, filled up with zeros.
fn words(bytes: &[u8]) -> Vec<u32> {
    let (whole, rest) = bytes.as_chunks::<4>();
    let mut words: Vec<u32> = whole.iter().map(|w| u32::from_le_bytes(*w)).collect();
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        words.push(u32::from_le_bytes(last));
    }
    words
}

impl Classifier {
    /// The kind of its artifact.
    pub const KIND: &'static str = KIND;

    /// Opens what `write` puts into a temporary folder, which goes with the classifier: a checkpoint that was just
    /// learned need not lie anywhere to be scored and saved as an artifact.
    ///
    /// # Errors
    /// What `write` says, and as [`Classifier::open_with`].
    pub fn open_written(write: impl FnOnce(&Path) -> Result<()>, options: &Options) -> Result<Self> {
        let folder = Arc::new(Temporary::new()?);
        write(&folder.0)?;
        let mut classifier = Self::open_with(&folder.0, options)?;
        classifier.home = Some(folder);
        Ok(classifier)
    }
}

impl Artifact for Classifier {
    fn decode(node: &Node, _catalog: &Catalog) -> Result<Self> {
        Self::decoded(node, &Options::default())
    }
}

impl Classifier {
    /// Lays the checkpoint out in a temporary folder and opens it there. The folder goes with the classifier, which can
    /// be saved again until then.
    fn decoded(node: &Node, given: &Options) -> Result<Self> {
        node.expect(KIND, VERSION)?;
        let facts: Value = node.get_meta()?;
        let bad = |what: &str| Error::artifact(KIND, what, "the file is damaged; save the model again");
        let names: Vec<&str> =
            facts["files"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let lengths: Vec<u64> =
            facts["bytes"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        if names.is_empty() || names.len() != lengths.len() {
            return Err(bad("its list of files does not fit"));
        }
        let folder = Arc::new(Temporary::new()?);
        for (name, &length) in names.iter().zip(&lengths) {
            if name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(bad("it names a file outside of its folder"));
            }
            let words = node.get_u32s(name, Some(length.div_ceil(4) as usize))?;
            let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            bytes.truncate(length as usize);
            let path = folder.0.join(name);
            std::fs::write(&path, bytes).map_err(|e| Error::io("write", &path, e))?;
        }
        let size = |key: &str| facts[key].as_u64().map(|n| n as usize);
        let options = Options {
            precision: if facts["int8"] == true { Precision::Int8 } else { Precision::F32 },
            max_tokens: size("max_tokens"),
            long: size("overlap").map_or(Long::Truncate, |overlap| Long::Windows { overlap }),
            aggregate: match facts["aggregate"].as_str() {
                Some("mean") => Aggregate::Mean,
                Some("max") => Aggregate::Max,
                Some("attention") => Aggregate::Attention,
                _ => return Err(bad("it does not say how windows become one answer")),
            },
            token_budget: size("token_budget").ok_or_else(|| bad("its token budget is missing"))?,
            ..given.clone()
        };
        let mut classifier = Self::open_with(&folder.0, &options)?;
        classifier.home = Some(folder);
        Ok(classifier)
    }
}

/// A folder that goes when this does.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("prompt-encoder-{}-{unique}", std::process::id()));
            match std::fs::create_dir(&path) {
                // Left by a process of the same number that was killed, or that of another container.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create", &path, e)),
                Ok(()) => return Ok(Self(path)),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Best effort: nothing depends on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
