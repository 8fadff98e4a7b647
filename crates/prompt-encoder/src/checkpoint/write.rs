//! Tensors back into a file.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Whole numbers of 8 bits for everything but vectors (biases and norms stay 32-bit floats): a quarter of the size.
    ///
    /// Row r of a matrix is saved as q = round(w / s) in [−127, 127] with the scale s = max |w| / 127 of that row, so a
    /// number moves by at most s / 2, and one that stands out costs its own row alone. Only this crate reads it; Python
    /// finds no `model.safetensors` and says so. Where other weights stand beside it, `"prompt_saved_as": "int8"` in
    /// `config.json` says that it is meant.
    Int8,
}

/// What the scales of a tensor are called: its name, and this.
pub(super) const SCALES: &str = ".scale";

/// What the metadata of a file with 8-bit numbers and scales gives as its format.
pub(super) const INT8_FORMAT: &str = "prompt-int8";

impl SavedAs {
    /// The names there are.
    pub const NAMES: [&'static str; 3] = ["f32", "f16", "int8"];

    /// The type of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "int8" => Ok(Self::Int8),
            other => Err(Error::unknown("type of saved weights", other, Self::NAMES)),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// What the weights are called in a Hugging Face folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::F32 | Self::F16 => "model.safetensors",
            Self::Int8 => "model.int8.safetensors",
        }
    }

    /// Bytes of a tensor's numbers in the file, scales included; the header is beside that.
    ///
    /// ```
    /// use prompt_encoder::SavedAs;
    /// assert_eq!(SavedAs::F16.bytes(&[1000, 768]), 2 * 768_000);
    /// assert_eq!(SavedAs::Int8.bytes(&[1000, 768]), 768_000 + 4 * 1000);
    /// assert_eq!(SavedAs::Int8.bytes(&[768]), 4 * 768);
    /// ```
    pub fn bytes(self, shape: &[usize]) -> u64 {
        let numbers = count(shape).unwrap_or(0) as u64;
        match (self, shape) {
            (Self::F16, _) => 2 * numbers,
            (Self::Int8, [rows, _, ..]) => numbers + 4 * *rows as u64,
            (Self::F32 | Self::Int8, _) => 4 * numbers,
        }
    }
}

/// A tensor as it lies in the file.
struct Laid {
    name: String,
    kind: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Writes `tensors` as safetensors with the metadata `format = "pt"`, without which `transformers` refuses a file; with
/// [`SavedAs::Int8`] it says `prompt-int8`, without which 8-bit numbers are not read back. The file appears whole or not
/// at all; of several threads or programs that write it at one time, the last one's stays.
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
/// A shape that does not fit its numbers, a number beyond 65504 in [`SavedAs::F16`], one that is NaN or infinite in either
/// small type, and what the system refuses.
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &BTreeMap<String, Tensor>,
    kind: SavedAs,
) -> Result<()> {
    let path = path.as_ref();
    let mut laid = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if count(&tensor.shape) != Some(tensor.data.len()) {
            return Err(Error::input(
                format!("tensor `{name}` of shape {:?} has {} numbers", tensor.shape, tensor.data.len()),
                "give as many numbers as the shape holds",
            ));
        }
        let (name, shape) = (name.clone(), tensor.shape.clone());
        match (kind, shape.as_slice()) {
            (SavedAs::F16, _) => {
                let bytes = halves(&name, &tensor.data)?;
                laid.push(Laid { name, kind: Dtype::F16, shape, bytes });
            }
            (SavedAs::Int8, &[rows, _, ..]) => {
                let (bytes, scales) = eighths(&name, &tensor.data, rows)?;
                let scaled = format!("{name}{SCALES}");
                if tensors.contains_key(&scaled) {
                    return Err(Error::input(
                        format!("the tensor `{scaled}` has the name that the scales of `{name}` need"),
                        "give it another name, or save as F16",
                    ));
                }
                laid.push(Laid { name, kind: Dtype::I8, shape, bytes });
                laid.push(Laid { name: scaled, kind: Dtype::F32, shape: vec![rows], bytes: floats(&scales) });
            }
            (SavedAs::F32 | SavedAs::Int8, _) => {
                let bytes = floats(&tensor.data);
                laid.push(Laid { name, kind: Dtype::F32, shape, bytes });
            }
        }
    }
    let refuse = |e: safetensors::SafeTensorError| {
        Error::artifact(path, format!("cannot be written: {e}"), "check the tensors' names and shapes")
    };
    let views = laid
        .iter()
        .map(|t| TensorView::new(t.kind, t.shape.clone(), &t.bytes).map(|view| (t.name.as_str(), view)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(refuse)?;
    let format = if kind == SavedAs::Int8 { INT8_FORMAT } else { "pt" };
    let metadata = HashMap::from([("format".to_owned(), format.to_owned())]);
    let written = safetensors::serialize(views, Some(metadata)).map_err(refuse)?;
    replace(path, &written)
}

/// Writes a file beside `path`, of a name that nobody else has, and puts it in place.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let (fresh, mut file) = loop {
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let fresh = path.with_extension(format!("new-{}-{unique}", std::process::id()));
        match File::create_new(&fresh) {
            // Left by a process of the same number that was killed, or that of another container.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("write", &fresh, e)),
            Ok(file) => break (fresh, file),
        }
    };
    let put = file.write_all(bytes).map_err(|e| Error::io("write", &fresh, e));
    let put = put.and_then(|()| fs::rename(&fresh, path).map_err(|e| Error::io("put in place", path, e)));
    if put.is_err() {
        // What could not be finished is in nobody's way.
        let _ = fs::remove_file(&fresh);
    }
    put
}

fn floats(data: &[f32]) -> Vec<u8> {
    data.iter().flat_map(|v| v.to_le_bytes()).collect()
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

/// The numbers in eight bits, and the scale of each row.
fn eighths(name: &str, data: &[f32], rows: usize) -> Result<(Vec<u8>, Vec<f32>)> {
    if let Some(v) = data.iter().find(|v| !v.is_finite()) {
        return Err(Error::input(
            format!("tensor `{name}` holds {v}, which no 8-bit number can"),
            "look at the training that made it: its numbers are not sound",
        ));
    }
    let width = (data.len() / rows.max(1)).max(1);
    let mut bytes = Vec::with_capacity(data.len());
    let mut scales = vec![0.0; rows];
    for (row, scale) in data.chunks_exact(width).zip(&mut scales) {
        let most = row.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        let step = most / 127.0;
        // A row of nothing, or of numbers too small to be divided by: zeros.
        *scale = if step.is_normal() { step } else { 0.0 };
        let whole = |v: &f32| if *scale > 0.0 { (v / *scale).round().clamp(-127.0, 127.0) as i8 } else { 0 };
        bytes.extend(row.iter().map(|v| whole(v).cast_unsigned()));
    }
    Ok((bytes, scales))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_moves_by_half_a_step_of_its_own_row() {
        // The second row has a number that stands out: the first does not suffer from it.
        let data = [0.5, -0.3, 0.001, 0.0, 1000.0, 0.4, -0.2, 3.0, 0.0, 0.0, 0.0, 1e-44];
        let (bytes, scales) = eighths("w", &data, 3).unwrap();
        for (i, (v, b)) in data.iter().zip(&bytes).enumerate() {
            let scale = scales[i / 4];
            let back = f32::from(b.cast_signed()) * scale;
            assert!((v - back).abs() <= scale * 0.5001 + 1e-40, "{v} became {back}");
        }
        assert!((scales[0] - 0.5 / 127.0).abs() < 1e-9 && scales[2] == 0.0);
        assert_eq!(bytes[4].cast_signed(), 127);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in [f32::NAN, f32::INFINITY] {
            let error = eighths("layer.weight", &[0.0, bad], 1).unwrap_err().to_string();
            assert!(error.contains("`layer.weight` holds"), "{error}");
        }
    }

    #[test]
    fn names_and_types_agree() {
        for name in SavedAs::NAMES {
            assert_eq!(SavedAs::named(name).unwrap().name(), name);
        }
        assert!(SavedAs::named("int4").unwrap_err().to_string().contains("f32, f16, int8"));
    }
}
