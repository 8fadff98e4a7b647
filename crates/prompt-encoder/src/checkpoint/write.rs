//! Tensors back into a file that Python reads.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use half::f16;
use prompt_core::{Error, Result};
use safetensors::tensor::{Dtype, TensorView};

use super::Tensor;
use super::source::count;

/// The type of the numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SavedAs {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats: half the size, about three decimal digits, numbers up to 65504.
    F16,
}

/// Writes `tensors` as safetensors with the metadata `format = "pt"`, without which `transformers` refuses a file.
/// The file appears whole or not at all.
///
/// ```
/// use std::collections::BTreeMap;
/// use prompt_encoder::{SavedAs, Tensor, write_safetensors};
/// let folder = tempfile::tempdir().unwrap();
/// let tensor = Tensor { shape: vec![1, 2], data: vec![0.5, -1.0] };
/// let tensors = BTreeMap::from([("classifier.weight".to_owned(), tensor)]);
/// let path = folder.path().join("model.safetensors");
/// write_safetensors(&path, &tensors, SavedAs::F16).unwrap();
/// assert!(std::fs::read(&path).unwrap().windows(13).any(|w| w == br#""format":"pt""#));
/// ```
///
/// # Errors
/// A shape that does not fit its numbers, a number beyond 65504 in [`SavedAs::F16`], and what the system refuses.
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &BTreeMap<String, Tensor>,
    kind: SavedAs,
) -> Result<()> {
    let path = path.as_ref();
    let mut bytes = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if count(&tensor.shape) != Some(tensor.data.len()) {
            return Err(Error::input(
                format!("tensor `{name}` of shape {:?} has {} numbers", tensor.shape, tensor.data.len()),
                "give as many numbers as the shape holds",
            ));
        }
        bytes.push(match kind {
            SavedAs::F32 => tensor.data.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>(),
            SavedAs::F16 => halves(name, &tensor.data)?,
        });
    }
    let dtype = match kind {
        SavedAs::F32 => Dtype::F32,
        SavedAs::F16 => Dtype::F16,
    };
    let refuse = |e: safetensors::SafeTensorError| {
        Error::artifact(path, format!("cannot be written: {e}"), "check the tensors' names and shapes")
    };
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, tensor), bytes)| {
            TensorView::new(dtype, tensor.shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(refuse)?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let written = safetensors::serialize(views, Some(metadata)).map_err(refuse)?;
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(&fresh, written).map_err(|e| Error::io("write", &fresh, e))?;
    std::fs::rename(&fresh, path).map_err(|e| Error::io("put in place", path, e))
}

fn halves(name: &str, data: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(data.len() * 2);
    for &v in data {
        let half = f16::from_f32(v);
        if !half.is_finite() {
            return Err(Error::input(
                format!("tensor `{name}` holds {v}, which no 16-bit float can"),
                "save as F32",
            ));
        }
        bytes.extend_from_slice(&half.to_le_bytes());
    }
    Ok(bytes)
}
