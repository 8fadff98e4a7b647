//! Bytes from a file, standard input or memory, decompressed when they need it.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use prompt_core::{Error, Result};

/// Bytes to read examples from.
pub(super) type Input = Box<dyn Read + Send>;

const GZIP: &[u8] = &[0x1f, 0x8b];
const PARQUET: &[u8] = b"PAR1";
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file, or standard input for `-`.
pub(super) fn open(path: &Path) -> Result<Input> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let about = fs::metadata(path).map_err(|e| Error::io("read", path, e))?;
    if about.is_dir() {
        return Err(Error::input(
            format!("{} is a folder, not a file", path.display()),
            "name a file inside it",
        ));
    }
    Ok(Box::new(File::open(path).map_err(|e| Error::io("read", path, e))?))
}

/// The bytes after decompression, by what they start with rather than by the file's name.
pub(super) fn decompress(mut input: Input, path: &Path) -> Result<Input> {
    let mut start = Vec::with_capacity(ZSTD.len());
    (&mut input).take(ZSTD.len() as u64).read_to_end(&mut start).map_err(|e| Error::io("read", path, e))?;
    if start.is_empty() {
        return Err(Error::parse(path, None, None, "the file is empty", "give a file with at least one row"));
    }
    if start.starts_with(PARQUET) {
        let what =
            "its first bytes are those of a Parquet file, which is read from a file, not from a stream";
        return Err(Error::parse(path, None, None, what, "give a file whose name ends in .parquet"));
    }
    let (gzip, zstd) = (start.starts_with(GZIP), start.starts_with(ZSTD));
    let whole: Input = Box::new(Cursor::new(start).chain(input));
    let named = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if gzip {
        Ok(Box::new(MultiGzDecoder::new(whole)))
    } else if zstd {
        unzstd(whole, path)
    } else if named("gz") || named("zst") {
        Err(Error::parse(
            path,
            None,
            None,
            "the name says that the file is compressed, but its first bytes do not",
            "rename it, or compress it again",
        ))
    } else {
        Ok(whole)
    }
}

#[cfg(feature = "zstd")]
fn unzstd(input: Input, path: &Path) -> Result<Input> {
    Ok(Box::new(zstd::Decoder::new(input).map_err(|e| Error::io("decompress", path, e))?))
}

#[cfg(not(feature = "zstd"))]
fn unzstd(_: Input, path: &Path) -> Result<Input> {
    Err(Error::unsupported(
        "this build",
        format!("zstd ({})", path.display()),
        "build with the feature `zstd`, or compress the file with gzip",
    ))
}

/// What it means to the user that a stream of a file fails on `line`.
pub fn read_error(path: &Path, line: u64, error: io::Error) -> Error {
    // The decompressors say UnexpectedEof when the stream stops early; plain files never do.
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::parse(
            path,
            line,
            None,
            "the compressed data ends in the middle (the file is truncated): what stood from this line on is missing",
            "copy or download the file again; the lines before this one were read",
        );
    }
    if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) {
        return Error::parse(
            path,
            line,
            None,
            format!("the compressed data is damaged ({error}): what stood from this line on is missing"),
            "copy or download the file again; the lines before this one were read",
        );
    }
    Error::io("read", path, error)
}
