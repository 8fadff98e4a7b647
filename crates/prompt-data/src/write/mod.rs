//! Data sets to JSONL, JSON, CSV and (with the feature `parquet`) Parquet files, whole or not at all.

mod atomic;
mod csv;
mod folder;
mod lock;
#[cfg(feature = "parquet")]
mod parquet;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::example::Example;
use crate::format::Format;
pub use atomic::{AtomicFile, leftover_of, remove_leftovers};
pub use csv::{CsvWriter, disarm};
pub use folder::{refuse_what_is_not_ours, write_folder};
pub use lock::{FolderLock, LOCK_FILE};
#[cfg(feature = "parquet")]
pub use parquet::{ParquetCell, ParquetColumn, ParquetWriter};

/// How to write a data set.
///
/// ```
/// use prompt_data::{Dataset, Example, read::ReadOptions, write::WriteOptions};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("prompts.jsonl.gz");
/// let data = Dataset::new([Example::new("Hello").with_label("benign")]);
/// assert_eq!(WriteOptions::default().write(&data, &path).unwrap().rows, 1);
/// let back = ReadOptions::default().read(&path).unwrap().dataset;
/// assert_eq!(back.digest(), data.digest());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriteOptions {
    /// The format; by the file's name when absent.
    pub format: Option<Format>,
    /// Whether CSV cells that a spreadsheet would run as formulas are disarmed (see [`CsvWriter`]).
    pub guard_formulas: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { format: None, guard_formulas: true }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Number of rows.
    pub rows: usize,
    /// CSV cells that were disarmed.
    pub guarded_cells: usize,
}

impl WriteOptions {
    /// Writes a data set to a file, in one step from the reader's point of view.
    ///
    /// # Errors
    /// [`Error::Input`] for a name that does not say the format; [`Error::Io`] for a folder that cannot be written
    /// to or a full disk, and then no half file is left.
    pub fn write(&self, data: &Dataset, path: impl AsRef<Path>) -> Result<Written> {
        let path = path.as_ref();
        let format = self.format.map_or_else(|| Format::for_writing(path), Ok)?;
        let mut out = match format {
            Format::Parquet => return parquet_rows(data, path),
            _ => Output::create(path)?,
        };
        let guarded_cells = match format {
            Format::Csv => {
                let delimiter = if Format::is_tsv(path) { b'\t' } else { b',' };
                csv_rows(data, &mut out, delimiter, self.guard_formulas)
            }
            Format::Json => json(data, &mut out),
            _ => jsonl(data, &mut out),
        }
        .map_err(|e| Error::io("write", path, e))?;
        out.commit()?;
        Ok(Written { rows: data.len(), guarded_cells })
    }
}

/// An [`AtomicFile`], compressed when its name ends in `.gz` or `.zst`.
pub struct Output(Encoder);

enum Encoder {
    Plain(AtomicFile),
    Gzip(GzEncoder<AtomicFile>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Encoder<'static, AtomicFile>),
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

impl Output {
    /// Starts to write `path`.
    ///
    /// # Errors
    /// As [`AtomicFile::create`]; [`Error::Unsupported`] for `.zst` in a build without the feature.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let named = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
        Ok(Self(if named("gz") {
            Encoder::Gzip(GzEncoder::new(AtomicFile::create(path)?, Compression::default()))
        } else if named("zst") {
            zstd_encoder(path)?
        } else {
            Encoder::Plain(AtomicFile::create(path)?)
        }))
    }

    /// Ends the compressed stream and puts the file in its place.
    ///
    /// # Errors
    /// [`Error::Io`]; then nothing is left behind.
    pub fn commit(self) -> Result<()> {
        let file = match self.0 {
            Encoder::Plain(file) => file,
            Encoder::Gzip(mut encoder) => {
                let ended = encoder.try_finish();
                ended
                    .and_then(|()| encoder.finish())
                    .map_err(|e| Error::io("write", "the compressed file", e))?
            }
            #[cfg(feature = "zstd")]
            Encoder::Zstd(encoder) => {
                encoder.finish().map_err(|e| Error::io("write", "the compressed file", e))?
            }
        };
        file.commit()
    }
}

#[cfg(feature = "zstd")]
fn zstd_encoder(path: &Path) -> Result<Encoder> {
    let file = AtomicFile::create(path)?;
    Ok(Encoder::Zstd(zstd::Encoder::new(file, 0).map_err(|e| Error::io("write", path, e))?))
}

#[cfg(not(feature = "zstd"))]
fn zstd_encoder(path: &Path) -> Result<Encoder> {
    Err(Error::unsupported(
        "this build",
        format!("zstd ({})", path.display()),
        "build with the feature `zstd`, or end the name in .gz",
    ))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Encoder::Plain(out) => out.write(bytes),
            Encoder::Gzip(out) => out.write(bytes),
            #[cfg(feature = "zstd")]
            Encoder::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Encoder::Plain(out) => out.flush(),
            Encoder::Gzip(out) => out.flush(),
            #[cfg(feature = "zstd")]
            Encoder::Zstd(out) => out.flush(),
        }
    }
}

/// Writes one example as a JSON object on one line: the roles that it has, then its other fields as they came.
///
/// # Errors
/// What the stream says.
pub fn json_object(example: &Example, out: &mut impl Write) -> io::Result<()> {
    fn field(out: &mut impl Write, first: &mut bool, name: &str, value: &impl Serialize) -> io::Result<()> {
        out.write_all(if std::mem::take(first) { b"{" } else { b", " })?;
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b": ")?;
        Ok(serde_json::to_writer(out, value)?)
    }
    let mut first = true;
    field(out, &mut first, "text", &example.text)?;
    if let Some(label) = &example.label {
        field(out, &mut first, "label", label)?;
    }
    if let Some(target) = &example.target {
        field(out, &mut first, "target", target)?;
    }
    if let Some(source) = &example.source {
        field(out, &mut first, "source", source)?;
    }
    if let Some(split) = &example.split {
        field(out, &mut first, "split", split)?;
    }
    let mut value = Vec::new();
    for (name, raw) in example.extra.iter().filter(|(name, _)| !ROLES.contains(name)) {
        out.write_all(b", ")?;
        serde_json::to_writer(&mut *out, name)?;
        out.write_all(b": ")?;
        value.clear();
        compact_json(raw, &mut value);
        out.write_all(&value)?;
    }
    out.write_all(b"}")
}

/// Appends one JSON value as it came but on one line, so that a value that spanned lines in a JSON list does not break
/// a JSONL line. In valid JSON raw line breaks lie between tokens only, so no value changes.
///
/// ```
/// let mut out = Vec::new();
/// prompt_data::write::compact_json("{\n  \"k\": \"v\\nw\"\r\n}", &mut out);
/// assert_eq!(out, b"{  \"k\": \"v\\nw\"}");
/// ```
pub fn compact_json(raw: &str, out: &mut Vec<u8>) {
    for part in raw.split(['\n', '\r']) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The names under which roles are written.
const ROLES: [&str; 5] = ["text", "label", "target", "source", "split"];

fn jsonl(data: &Dataset, out: &mut impl Write) -> io::Result<usize> {
    for example in data {
        json_object(example, out)?;
        out.write_all(b"\n")?;
    }
    Ok(0)
}

fn json(data: &Dataset, out: &mut impl Write) -> io::Result<usize> {
    for (i, example) in data.iter().enumerate() {
        out.write_all(if i == 0 { b"[\n" } else { b",\n" })?;
        json_object(example, out)?;
    }
    out.write_all(if data.is_empty() { b"[]\n" } else { b"\n]\n" })?;
    Ok(0)
}

/// The roles that some row has, then all other fields in the order in which they first come.
fn columns(data: &Dataset) -> (Vec<&'static str>, Vec<&str>) {
    let has = [
        true,
        data.iter().any(|e| e.label.is_some()),
        data.iter().any(|e| e.target.is_some()),
        data.iter().any(|e| e.source.is_some()),
        data.iter().any(|e| e.split.is_some()),
    ];
    let mut seen: BTreeSet<&str> = ROLES.into();
    let extra =
        data.iter().flat_map(|e| e.extra.iter()).map(|(name, _)| name).filter(|n| seen.insert(n)).collect();
    (ROLES.into_iter().zip(has).filter(|(_, has)| *has).map(|(name, _)| name).collect(), extra)
}

/// A field as text: texts as they are, everything else as JSON, null as nothing.
fn field_text(example: &Example, name: &str) -> Option<String> {
    match example.extra.raw(name)? {
        "null" => None,
        raw => Some(serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())),
    }
}

fn csv_rows(data: &Dataset, out: &mut impl Write, delimiter: u8, guard: bool) -> io::Result<usize> {
    let (roles, extra) = columns(data);
    let mut csv = CsvWriter::new(out, delimiter, guard);
    csv.row(roles.iter().chain(&extra))?;
    for example in data {
        let role = |role: &&str| match *role {
            "text" => example.text.clone(),
            "label" => example.label.clone().unwrap_or_default(),
            "target" => example.target.map(|t| t.to_string()).unwrap_or_default(),
            "source" => example.source.clone().unwrap_or_default(),
            _ => example.split.map(|s| s.to_string()).unwrap_or_default(),
        };
        let field = |name: &&str| field_text(example, name).unwrap_or_default();
        csv.row(roles.iter().map(role).chain(extra.iter().map(field)))?;
    }
    let guarded = csv.guarded_cells();
    csv.into_inner()?;
    Ok(guarded)
}

/// The target is a number, all other columns are text.
#[cfg(feature = "parquet")]
fn parquet_rows(data: &Dataset, path: &Path) -> Result<Written> {
    let (roles, extra) = columns(data);
    let kind = |name: &&str| match *name {
        "target" => ParquetColumn::Number,
        _ => ParquetColumn::Text,
    };
    let names: Vec<(String, ParquetColumn)> = (roles.iter().map(|name| ((*name).to_owned(), kind(name))))
        .chain(extra.iter().map(|name| ((*name).to_owned(), ParquetColumn::Text)))
        .collect();
    let text = |text: Option<String>| text.map_or(ParquetCell::Null, ParquetCell::Text);
    let write = |file: AtomicFile| -> io::Result<AtomicFile> {
        let mut out = ParquetWriter::new(file, &names)?;
        for example in data {
            let role = |role: &&str| match *role {
                "text" => ParquetCell::Text(example.text.clone()),
                "label" => text(example.label.clone()),
                "target" => example.target.map_or(ParquetCell::Null, ParquetCell::Number),
                "source" => text(example.source.clone()),
                _ => text(example.split.map(|s| s.to_string())),
            };
            let field = |name: &&str| text(field_text(example, name));
            out.row(roles.iter().map(role).chain(extra.iter().map(field)))?;
        }
        out.finish()
    };
    write(AtomicFile::create(path)?).map_err(|e| Error::io("write", path, e))?.commit()?;
    Ok(Written { rows: data.len(), guarded_cells: 0 })
}

#[cfg(not(feature = "parquet"))]
fn parquet_rows(_: &Dataset, path: &Path) -> Result<Written> {
    Err(Format::not_built(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::Split;
    use crate::read::ReadOptions;

    fn sample() -> Dataset {
        let mut odd = Example::new("=cmd|' /C calc'!A0").with_label("b").with_target(-0.25);
        odd.extra.set("note", &"two\nlines, \"quoted\"").unwrap();
        odd.extra.set("n", &serde_json::json!({"z": 1, "a": [true]})).unwrap();
        let plain = Example::new("naïve 👍🏽 text").with_source("s").with_split(Split::Test);
        Dataset::new([odd, plain])
    }

    fn round_trip(name: &str, options: &WriteOptions) -> (Written, Dataset) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let written = options.write(&sample(), &path).unwrap();
        (written, ReadOptions::default().read(&path).unwrap().dataset)
    }

    #[test]
    fn json_files_come_back_with_the_same_digest() {
        let names: &[&str] = &["a.jsonl", "a.json", "a.jsonl.gz", "a.ndjson", "a.json.gz"];
        for name in names {
            let (written, back) = round_trip(name, &WriteOptions::default());
            assert_eq!(written, Written { rows: 2, guarded_cells: 0 });
            assert_eq!(back.digest(), sample().digest(), "{name}");
        }
        #[cfg(feature = "zstd")]
        assert_eq!(round_trip("a.jsonl.zst", &WriteOptions::default()).1.digest(), sample().digest());
    }

    #[test]
    fn csv_guards_formulas_unless_told_otherwise() {
        let (written, back) = round_trip("a.csv", &WriteOptions::default());
        assert_eq!(written.guarded_cells, 1);
        assert_eq!(back.get(0).unwrap().text, "'=cmd|' /C calc'!A0");
        assert_eq!(back.get(0).unwrap().target, Some(-0.25));
        assert_eq!(back.get(0).unwrap().extra.get("note").unwrap(), "two\nlines, \"quoted\"");
        assert_eq!(back.get(0).unwrap().extra.get("n").unwrap(), "{\"z\":1,\"a\":[true]}");
        assert_eq!(back.get(1).unwrap().split, Some(Split::Test));
        let plain = WriteOptions { guard_formulas: false, ..WriteOptions::default() };
        let (written, back) = round_trip("a.csv.gz", &plain);
        assert_eq!(written.guarded_cells, 0);
        assert_eq!(back.texts(), sample().texts());
    }

    #[test]
    fn a_value_of_any_depth_is_written_as_it_came() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let line = format!("{{\"text\": \"a\", \"deep\": {deep}, \"none\": null, \"s\": \"\\u0061\"}}");
        let read = |name: &str, bytes: &[u8]| -> Dataset {
            ReadOptions::default().from_bytes(name, bytes).unwrap().map(Result::unwrap).collect()
        };
        let data = read("a.jsonl", line.as_bytes());
        let mut out = Vec::new();
        csv_rows(&data, &mut out, b',', true).unwrap();
        assert_eq!(String::from_utf8(out.clone()).unwrap(), format!("text,deep,none,s\na,{deep},,a\n"));
        assert_eq!(read("a.csv", &out).get(0).unwrap().extra.get("deep").unwrap(), deep);
        let mut out = Vec::new();
        jsonl(&data, &mut out).unwrap();
        assert_eq!(read("a.jsonl", &out).digest(), data.digest());
    }

    #[test]
    fn a_name_without_a_format_is_refused() {
        let error = WriteOptions::default().write(&sample(), "/tmp/prompts.xls").unwrap_err().to_string();
        assert!(error.contains("does not say which format to write"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told() {
        let options = WriteOptions { format: Some(Format::Jsonl), ..WriteOptions::default() };
        let error = options.write(&sample(), "/dev/full").unwrap_err().to_string();
        assert!(error.starts_with("cannot write /dev/full: No space left"), "{error}");
    }

    #[test]
    fn values_that_spanned_lines_stay_on_one() {
        let json = b"[{\"text\": \"a\", \"m\": {\n  \"k\": \"v\\nw\"\n}}]";
        let data: Dataset =
            ReadOptions::default().from_bytes("a.json", json).unwrap().map(Result::unwrap).collect();
        let mut out = Vec::new();
        jsonl(&data, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"text\": \"a\", \"m\": {  \"k\": \"v\\nw\"}}\n");
    }
}
