//! The header of a safetensors file: eight bytes of length, JSON, then the numbers. The header alone is read here, so
//! that no tensor is in memory before it is asked for.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prompt_core::{Error, Result};
use serde_json::Value;

use super::source::{Entry, Stored, count};
use super::write::{INT8_FORMAT, SCALES};

/// A header beyond this is not one.
const LONGEST_HEADER: u64 = 100 << 20;

fn bad(path: &Path, what: impl Into<String>) -> Error {
    Error::artifact(path, what.into(), "fetch the file again")
}

/// The tensors of one file.
pub(super) fn entries(path: &Path) -> Result<Vec<(String, Entry)>> {
    let fail = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut first = [0u8; 8];
    if length < 8 {
        return Err(bad(path, format!("the file ends after {length} bytes, before its header")));
    }
    file.read_exact(&mut first).map_err(fail)?;
    let header = u64::from_le_bytes(first);
    if header > LONGEST_HEADER {
        return Err(bad(
            path,
            format!("the file does not begin like safetensors (a header of {header} bytes)"),
        ));
    }
    let begin = 8 + header;
    if begin > length {
        return Err(bad(
            path,
            format!("the file ends after {length} bytes, within its header of {header} bytes"),
        ));
    }
    let mut text = vec![0u8; header as usize];
    file.read_exact(&mut text).map_err(fail)?;
    let parsed: Value =
        serde_json::from_slice(&text).map_err(|e| bad(path, format!("the header is not JSON: {e}")))?;
    let object = parsed.as_object().ok_or_else(|| bad(path, "the header is not an object"))?;
    let shared = Arc::new(path.to_owned());
    let entries: Vec<(String, Entry)> = object
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, value)| {
            let entry = entry(path, &shared, name, value, begin, length)?;
            Ok((name.clone(), entry))
        })
        .collect::<Result<_>>()?;
    // The format has a place of its own for every tensor; a small file must not stand for much memory.
    let mut places: Vec<(u64, u64)> = entries.iter().map(|(_, e)| (e.offset, e.bytes())).collect();
    places.sort_unstable();
    if places.windows(2).any(|two| two[0].0 + two[0].1 > two[1].0) {
        return Err(bad(path, "two tensors share bytes"));
    }
    // 8-bit numbers of another program have a meaning of their own: they are left as what is no float.
    let format = object.get("__metadata__").and_then(|m| m.get("format")).and_then(Value::as_str);
    if format == Some(INT8_FORMAT) { with_scales(path, entries) } else { Ok(entries) }
}

fn entry(
    path: &Path,
    file: &Arc<PathBuf>,
    name: &str,
    value: &Value,
    begin: u64,
    length: u64,
) -> Result<Entry> {
    let numbers = |key: &str| -> Option<Vec<u64>> {
        value.get(key)?.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>()
    };
    let kind = value.get("dtype").and_then(Value::as_str).unwrap_or("(none)");
    let stored = match kind {
        "F32" => Stored::F32,
        "F16" => Stored::F16,
        "BF16" => Stored::Bf16,
        "F64" => Stored::F64,
        "I64" | "U64" => Stored::Other(8),
        "I32" | "U32" => Stored::Other(4),
        "I16" | "U16" => Stored::Other(2),
        "I8" => Stored::I8,
        "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => Stored::Other(1),
        other => return Err(bad(path, format!("tensor `{name}` has the unknown type {other}"))),
    };
    let (Some(shape), Some(range)) = (numbers("shape"), numbers("data_offsets")) else {
        return Err(bad(path, format!("tensor `{name}` has no shape or no place in the file")));
    };
    let shape: Vec<usize> = shape.into_iter().map(|n| n as usize).collect();
    let wanted = count(&shape).and_then(|n| n.checked_mul(stored.size()));
    let [from, to] = range[..] else {
        return Err(bad(path, format!("tensor `{name}` has no place in the file")));
    };
    if wanted.map(|n| n as u64) != to.checked_sub(from) {
        return Err(bad(
            path,
            format!("tensor `{name}` of shape {shape:?} and type {kind} does not fill bytes {from} to {to}"),
        ));
    }
    if begin.checked_add(to).is_none_or(|end| end > length) {
        return Err(bad(
            path,
            format!(
                "the file is truncated: tensor `{name}` ends at byte {}, the file at {length}",
                begin.saturating_add(to)
            ),
        ));
    }
    Ok(Entry { file: file.clone(), offset: begin + from, shape, stored, scales: None })
}

/// Puts the scales that [`SavedAs::Int8`](super::SavedAs::Int8) writes beside its numbers where they belong.
fn with_scales(path: &Path, entries: Vec<(String, Entry)>) -> Result<Vec<(String, Entry)>> {
    let mut all: BTreeMap<String, Entry> = entries.into_iter().collect();
    let whole: Vec<String> =
        all.iter().filter(|(_, entry)| entry.stored == Stored::I8).map(|(name, _)| name.clone()).collect();
    for name in whole {
        let Some(scales) = all.remove(&format!("{name}{SCALES}")) else { continue };
        let Some(entry) = all.get_mut(&name) else { continue };
        if scales.stored != Stored::F32 || Some(&scales.shape[..]) != entry.shape.get(..1) {
            return Err(bad(
                path,
                format!(
                    "tensor `{name}` of shape {:?} has scales of shape {:?}, one F32 a row is wanted",
                    entry.shape, scales.shape
                ),
            ));
        }
        entry.scales = Some(Box::new(scales));
    }
    Ok(all.into_iter().collect())
}

/// The tensors of the files that an index names.
pub(super) fn sharded(index: &Path) -> Result<Vec<(String, Entry)>> {
    let text = std::fs::read_to_string(index).map_err(|e| Error::io("read", index, e))?;
    let parsed: Value =
        serde_json::from_str(&text).map_err(|e| bad(index, format!("the index is not JSON: {e}")))?;
    let map = parsed
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or_else(|| bad(index, "the index has no `weight_map`"))?;
    let mut files: Vec<&str> = map.values().filter_map(Value::as_str).collect();
    files.sort_unstable();
    files.dedup();
    let folder = index.parent().unwrap_or(Path::new("."));
    let mut all = Vec::new();
    for file in files {
        if file.contains(['/', '\\']) || file == ".." {
            return Err(bad(index, format!("the index names `{file}`, which is not a file of this folder")));
        }
        all.extend(entries(&folder.join(file))?);
    }
    let known: HashSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    for name in map.keys() {
        if !known.contains(name.as_str()) {
            return Err(bad(index, format!("no shard holds the tensor `{name}` that the index names")));
        }
    }
    Ok(all)
}
