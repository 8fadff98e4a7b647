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
    /// Something else of so many bytes a number; it can stand in a file, but not be read.
    Other(usize),
}

impl Stored {
    pub(super) fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
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
}

/// Numbers in a tensor of this shape; None when the product overflows.
pub(super) fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n))
}

impl Entry {
    pub(super) fn bytes(&self) -> u64 {
        count(&self.shape).unwrap_or(0) as u64 * self.stored.size() as u64
    }

    /// The numbers in f32. Bytes pass through a small buffer, so that a table is in memory once.
    pub(super) fn read(&self, name: &str) -> Result<Vec<f32>> {
        if let Stored::Other(_) = self.stored {
            return Err(Error::artifact(
                self.file.as_ref(),
                format!("tensor `{name}` does not hold floats"),
                "convert the weights to F32, F16, BF16 or F64",
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
        Ok(data)
    }

    fn convert(&self, bytes: &[u8], out: &mut Vec<f32>) {
        match self.stored {
            Stored::F32 => out.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            Stored::F16 => out.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
            Stored::Bf16 => out.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32())),
            Stored::F64 => out.extend(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
            Stored::Other(_) => {}
        }
    }
}
