//! Where one tensor lies in a file, and how its bytes become f32.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use half::{bf16, f16};
use prompt_core::{Error, Result};

/// The type of the numbers as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    F16,
    Bf16,
    F32,
    F64,
    /// Whole numbers that a scale a row makes floats of.
    I8,
    /// Something else of so many bytes a number; it can stand in a file, but not be read.
    Other(usize),
}

impl Stored {
    pub(super) fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::I8 => 1,
            Self::Other(size) => size,
        }
    }
}

/// One tensor in a file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) file: Arc<PathBuf>,
    /// First byte.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    pub(super) stored: Stored,
    /// Of [`Stored::I8`]: where its scales are, one a row of the first dimension.
    pub(super) scales: Option<Box<Entry>>,
}

/// Numbers in a tensor of this shape; None when the product overflows.
pub(super) fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))
}

impl Entry {
    pub(super) fn bytes(&self) -> u64 {
        count(&self.shape).unwrap_or(0) as u64 * self.stored.size() as u64
    }

    /// Bytes of the numbers and of their scales.
    pub(super) fn all_bytes(&self) -> u64 {
        self.bytes() + self.scales.as_ref().map_or(0, |scales| scales.bytes())
    }

    /// The numbers in f32. Bytes pass through a small buffer, so that a table is in memory once.
    pub(super) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let unreadable =
            matches!(self.stored, Stored::Other(_)) || self.stored == Stored::I8 && self.scales.is_none();
        if unreadable {
            return Err(Error::artifact(
                self.file.as_ref(),
                format!("tensor `{name}` does not hold floats"),
                "convert the weights to F32, F16, BF16 or F64 (8-bit numbers are read from a file of `write_safetensors` alone)",
            ));
        }
        let size = self.stored.size();
        let mut left = count(&self.shape).unwrap_or(0);
        let mut data = Vec::with_capacity(left);
        let fail = |e| Error::io("read", self.file.as_ref(), e);
        let mut file = File::open(self.file.as_ref()).map_err(fail)?;
        file.seek(SeekFrom::Start(self.offset)).map_err(fail)?;
        let mut buffer = vec![0u8; (64 << 10).min(left.saturating_mul(size))];
        while left > 0 {
            let now = left.min(buffer.len() / size);
            let bytes = &mut buffer[..now * size];
            file.read_exact(bytes).map_err(fail)?;
            self.convert(bytes, &mut data);
            left -= now;
        }
        if let Some(scales) = &self.scales {
            scales.scale(name, &mut data)?;
        }
        Ok(data)
    }

    /// Multiplies the rows of tensor `name` by the scales that lie here.
    fn scale(&self, name: &str, data: &mut [f32]) -> Result<()> {
        let scales = self.read(name)?;
        if let Some(row) = scales.iter().position(|s| !(s.is_finite() && *s >= 0.0)) {
            return Err(Error::artifact(
                self.file.as_ref(),
                format!("the scale of row {row} of tensor `{name}` is {}", scales[row]),
                "save the model again",
            ));
        }
        // As many as rows: looked at when the file was opened.
        let width = (data.len() / scales.len().max(1)).max(1);
        for (row, scale) in data.chunks_exact_mut(width).zip(scales) {
            row.iter_mut().for_each(|v| *v *= scale);
        }
        Ok(())
    }

    fn convert(&self, bytes: &[u8], out: &mut Vec<f32>) {
        match self.stored {
            Stored::F32 => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            Stored::F16 => out.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
            Stored::Bf16 => out.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32())),
            Stored::F64 => out.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
            Stored::I8 => out.extend(bytes.iter().map(|b| f32::from(b.cast_signed()))),
            Stored::Other(_) => {}
        }
    }
}
