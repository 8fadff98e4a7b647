//! The file formats, and which one a file's name promises.

use std::path::Path;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A file format. The forms of text may be compressed (`.gz`, and `.zst` with the feature `zstd`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// One list of JSON objects.
    Json,
    /// A header, then one row a line.
    Csv,
    /// Columns, compressed on their own (with the feature `parquet`).
    Parquet,
}

impl Format {
    /// By the name's extension: `.jsonl`, `.ndjson`, `.json`, `.csv`, `.tsv`, before `.gz` or `.zst`; `.parquet`.
    pub fn of_path(path: &Path) -> Option<Self> {
        match bare_extension(path)?.as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
            "csv" | "tsv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// As [`of_path`](Self::of_path), for a file that is to be written.
    ///
    /// # Errors
    /// [`Error::Input`] when the name promises none.
    pub fn for_writing(path: &Path) -> Result<Self> {
        Self::of_path(path).ok_or_else(|| {
            Error::input(
                format!("the name {} does not say which format to write", path.display()),
                "end it in .jsonl, .json or .csv (and .gz) or in .parquet, or say the format",
            )
        })
    }

    /// The complaint of a build that lacks a format.
    #[cfg(not(feature = "parquet"))]
    pub(crate) fn not_built(path: &Path) -> Error {
        Error::unsupported(
            "this build",
            format!("Parquet ({})", path.display()),
            "build with the feature `parquet` (cargo build --release --features prompt-cli/parquet), or take JSON lines or CSV",
        )
    }

    pub(crate) fn is_tsv(path: &Path) -> bool {
        bare_extension(path).is_some_and(|e| e == "tsv")
    }
}

fn bare_extension(path: &Path) -> Option<String> {
    let extension = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension(path)?.as_str() {
        "gz" | "zst" => extension(Path::new(path.file_stem()?)),
        other => Some(other.to_owned()),
    }
}
