//! `pytorch_model.bin`: a zip of one pickle and one entry for each storage.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prompt_core::{Error, Result};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{TensorRef, state_dict};
use super::source::{Entry, count};

/// A pickle of names beyond this is none.
const LONGEST_PICKLE: u64 = 16 << 20;

/// How often all bytes may be shared by several tensors.
const MOST_TIES: u64 = 4;

/// Where a storage lies in the file.
struct Place {
    offset: u64,
    bytes: u64,
}

/// The tensors of the file.
pub(super) fn entries(path: &Path) -> Result<Vec<(String, Entry)>> {
    let bad = |what: String| {
        Error::artifact(
            path,
            what,
            "save the checkpoint again with a current PyTorch, or better as model.safetensors",
        )
    };
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let length = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    let mut archive = ZipArchive::new(BufReader::new(file))
        .map_err(|e| bad(format!("not a complete zip archive as PyTorch writes since 1.6 ({e})")))?;
    let mut pickle = None;
    let mut places = HashMap::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index_raw(i).map_err(|e| bad(format!("entry {i} of the archive: {e}")))?;
        let name = entry.name().map_err(|e| bad(format!("entry {i} of the archive: {e}")))?.into_owned();
        if entry.compression() != CompressionMethod::Stored {
            return Err(bad(format!("entry `{name}` is compressed")));
        }
        if name.ends_with("/data.pkl") {
            if entry.size() > LONGEST_PICKLE {
                return Err(bad(format!("the list of tensors has {} bytes", entry.size())));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
            pickle = Some(bytes);
        } else if let Some((_, key)) = name.rsplit_once("/data/") {
            let offset = entry.data_start().ok_or_else(|| bad(format!("entry `{name}` has no place")))?;
            // The archive's own list may say anything.
            if offset.checked_add(entry.size()).is_none_or(|end| end > length) {
                return Err(bad(format!("the file is truncated: entry `{name}` ends beyond it")));
            }
            places.insert(key.to_owned(), Place { offset, bytes: entry.size() });
        }
    }
    let pickle = pickle.ok_or_else(|| bad("there is no data.pkl in the archive".into()))?;
    let shared = Arc::new(path.to_owned());
    let entries = state_dict(&pickle)
        .map_err(&bad)?
        .into_iter()
        .map(|(name, tensor)| {
            let entry =
                entry(&shared, &places, &tensor).map_err(|what| bad(format!("tensor `{name}`: {what}")))?;
            Ok((name, entry))
        })
        .collect::<Result<Vec<_>>>()?;
    // Layers may be tied; thousands of names for one storage are an attack on memory.
    let bytes = entries.iter().fold(0u64, |sum, (_, entry)| sum.saturating_add(entry.bytes()));
    if bytes > length.saturating_mul(MOST_TIES) {
        return Err(bad(format!("its tensors have {bytes} bytes, the file {length}")));
    }
    Ok(entries)
}

fn entry(
    file: &Arc<PathBuf>,
    places: &HashMap<String, Place>,
    tensor: &TensorRef,
) -> std::result::Result<Entry, String> {
    let storage = &tensor.storage;
    let place = places.get(&storage.key).ok_or_else(|| format!("the archive has no data/{}", storage.key))?;
    let mut step = 1usize;
    for (&n, &stride) in tensor.shape.iter().zip(&tensor.stride).rev() {
        if n > 1 && stride != step {
            return Err(format!(
                "shape {:?} with strides {:?} is not contiguous",
                tensor.shape, tensor.stride
            ));
        }
        step = step.saturating_mul(n.max(1));
    }
    let size = storage.stored.size();
    let end = count(&tensor.shape)
        .and_then(|n| n.checked_add(tensor.offset))
        .filter(|&end| end <= storage.numbers)
        .and_then(|end| end.checked_mul(size));
    if tensor.stride.len() != tensor.shape.len() || end.is_none_or(|end| end as u64 > place.bytes) {
        return Err(format!(
            "shape {:?} at {} does not fit into its storage of {} bytes",
            tensor.shape, tensor.offset, place.bytes
        ));
    }
    Ok(Entry {
        file: file.clone(),
        offset: place.offset + (tensor.offset * size) as u64,
        shape: tensor.shape.clone(),
        stored: storage.stored,
        scales: None,
    })
}
