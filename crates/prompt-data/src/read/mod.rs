//! Examples from JSONL, JSON, CSV and (with the feature `parquet`) Parquet files, one at a time.
//!
//! ```text
//! file | stdin | reader --decompress (gzip, zstd)--> bytes
//!   --cut into--> lines (JSONL) | list elements (JSON) | rows (CSV)
//!   --by field name (Fields)--> Result<Example>, Result<Example>, …
//! ```
//!
//! A bad line is a value of the stream, [`Error::Parse`] with its line and column, so that it never loses the others;
//! with [`ReadOptions::strict`] it is the last one. Memory is bounded by [`ReadOptions::max_line_bytes`], whatever the
//! file holds.

mod csv;
mod header;
mod input;
mod json;
mod jsonl;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod record;
mod row;

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Origin};
use crate::example::Example;
use crate::fields::Fields;
use crate::format::Format;
use csv::{RowError, RowReader};
use header::Header;
use input::Input;
pub use input::read_error;
use json::{ListError, ListReader};
pub use jsonl::JsonlText;
pub use lines::{Line, LineError, LineReader};
use record::BadRecord;
pub use record::{repeated_key, there_twice};

/// How to read examples.
///
/// | option | default | meaning |
/// |---|---|---|
/// | `format` | by the file's name | `jsonl`, `json`, `csv` or `parquet` |
/// | `fields` | see [`Fields`] | names of the fields and meaning of the labels |
/// | `delimiter` | `,` (tab for `.tsv`) | between the cells of a CSV row |
/// | `max_line_bytes` | 16 MiB | longer lines, elements and rows are skipped with an error |
/// | `strict` | no | stop at the first bad line |
///
/// ```
/// use prompt_data::read::ReadOptions;
/// let jsonl = "{\"text\": \"Hello\", \"label\": 0}\n{\"text\": broken}\n{\"user_message\": \"Bye\"}\n";
/// let mut examples = ReadOptions::default().from_bytes("mail.jsonl", jsonl.as_bytes()).unwrap();
/// assert_eq!(examples.next().unwrap().unwrap().label.as_deref(), Some("0"));
/// let error = examples.next().unwrap().unwrap_err().to_string();
/// assert!(error.starts_with("mail.jsonl, line 2, column 10: not valid JSON"), "{error}");
/// assert_eq!(examples.next().unwrap().unwrap().text, "Bye");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The format; by the file's name when absent.
    pub format: Option<Format>,
    /// Names of the fields and meaning of the labels.
    pub fields: Fields,
    /// What stands between the cells of a CSV row; by the file's name when absent.
    pub delimiter: Option<char>,
    /// Longest legal line in bytes.
    pub max_line_bytes: usize,
    /// Whether to stop at the first bad line.
    pub strict: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            fields: Fields::default(),
            delimiter: None,
            max_line_bytes: 16 << 20,
            strict: false,
        }
    }
}

/// A data set and the lines that did not make it into it.
#[derive(Debug)]
pub struct Loaded {
    /// The good rows.
    pub dataset: Dataset,
    /// What was wrong with the others, in order.
    pub bad: Vec<Error>,
    /// Whether the file ends before its time (a truncated or damaged archive): then the last of `bad` says from which
    /// line on rows are missing.
    pub cut: bool,
}

impl ReadOptions {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// A missing, empty or unreadable file; a folder; a CSV header without a text column or with a name twice; a Parquet
    /// file in a build without that feature.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Examples> {
        let path = path.as_ref();
        self.fields.validate()?;
        if self.format_of(path) == Format::Parquet {
            return Ok(self.examples(parquet_rows(path)?, path));
        }
        let input = input::decompress(input::open(path)?, path)?;
        let shown = if path.as_os_str() == "-" { Path::new("<stdin>") } else { path };
        self.start(shown, input)
    }

    /// Reads from any stream; `name` stands for it in errors and tells the format where the options do not.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_reader(&self, name: impl AsRef<Path>, input: impl Read + Send + 'static) -> Result<Examples> {
        self.fields.validate()?;
        let name = name.as_ref();
        self.start(name, input::decompress(Box::new(input), name)?)
    }

    /// Reads from memory; as [`from_reader`](Self::from_reader).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<Examples> {
        self.from_reader(name, Cursor::new(bytes.to_vec()))
    }

    /// Reads a whole file, keeping the good rows and the complaints about the bad ones.
    ///
    /// # Errors
    /// As [`open`](Self::open); a file without a good row; with `strict`, the first bad line.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Loaded> {
        let path = path.as_ref();
        self.collect(path, self.open(path)?)
    }

    fn collect(&self, path: &Path, mut examples: Examples) -> Result<Loaded> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for example in &mut examples {
            match example {
                Ok(example) => good.push(example),
                Err(error) if self.strict || !matches!(error, Error::Parse { .. }) => return Err(error),
                Err(error) => bad.push(error),
            }
        }
        if good.is_empty() {
            return Err(match bad.into_iter().next() {
                Some(first) => first,
                None => Error::parse(path, None, None, "the file has no rows", "give it at least one row"),
            });
        }
        let dataset = Dataset::new(good).with_origin(Origin::File { path: path.to_path_buf() });
        Ok(Loaded { dataset, bad, cut: examples.is_cut() })
    }

    fn format_of(&self, path: &Path) -> Format {
        self.format.or_else(|| Format::of_path(path)).unwrap_or(Format::Jsonl)
    }

    fn start(&self, path: &Path, mut input: Input) -> Result<Examples> {
        let limit = self.max_line_bytes;
        let rows = match self.format_of(path) {
            Format::Parquet => {
                return Err(Error::parse(
                    path,
                    None,
                    None,
                    "Parquet is read from a file, not from a stream",
                    "name the file",
                ));
            }
            Format::Csv => {
                let delimiter = self.delimiter.unwrap_or(if Format::is_tsv(path) { '\t' } else { ',' });
                let delimiter = u8::try_from(delimiter)
                    .ok()
                    .filter(|d| d.is_ascii() && !matches!(d, b'"' | b'\n' | b'\r'))
                    .ok_or_else(|| {
                        Error::param("read", "delimiter", "an ASCII character other than a quote", delimiter)
                    })?;
                let mut rows = RowReader::new(input, delimiter, limit);
                let header = Header::read(&mut rows, path, &self.fields)?;
                Rows::Csv(Box::new(rows), header)
            }
            // Both names are used for both shapes; the first character tells.
            Format::Jsonl | Format::Json => {
                let mut start = Vec::new();
                let mut byte = [0];
                let is_list = loop {
                    let read = input.read(&mut byte).map_err(|e| read_error(path, 1, e))?;
                    if read == 0 {
                        break false;
                    }
                    start.push(byte[0]);
                    if !(byte[0].is_ascii_whitespace() || b"\xef\xbb\xbf".contains(&byte[0])) {
                        break byte[0] == b'[';
                    }
                    if start.len() > limit {
                        break false;
                    }
                };
                let input: Input = Box::new(Cursor::new(start).chain(input));
                if is_list {
                    Rows::List(ListReader::new(input, limit))
                } else {
                    Rows::Lines(LineReader::new(input, limit))
                }
            }
        };
        Ok(self.examples(rows, path))
    }

    fn examples(&self, rows: Rows, path: &Path) -> Examples {
        Examples {
            rows,
            path: path.to_path_buf(),
            fields: self.fields.clone(),
            limit: self.max_line_bytes,
            strict: self.strict,
            done: false,
            cut: false,
        }
    }
}

#[cfg(feature = "parquet")]
fn parquet_rows(path: &Path) -> Result<Rows> {
    Ok(Rows::Parquet(Box::new(parquet::ParquetRows::open(path)?)))
}

#[cfg(not(feature = "parquet"))]
fn parquet_rows(path: &Path) -> Result<Rows> {
    Err(Format::not_built(path))
}

enum Rows {
    Lines(LineReader<Input>),
    List(ListReader<Input>),
    Csv(Box<RowReader<Input>>, Header),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetRows>),
}

/// The examples of a file, one at a time: `Ok` or what is wrong with a line. Made by [`ReadOptions`].
pub struct Examples {
    rows: Rows,
    path: PathBuf,
    fields: Fields,
    limit: usize,
    strict: bool,
    done: bool,
    cut: bool,
}

impl Examples {
    /// Whether the stream failed, so that the error last given stands for all rows that were still to come.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

impl std::fmt::Debug for Examples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examples").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Iterator for Examples {
    type Item = Result<Example>;

    fn next(&mut self) -> Option<Result<Example>> {
        if self.done {
            return None;
        }
        let next = match &mut self.rows {
            Rows::Lines(lines) => next_line(lines, &self.fields),
            Rows::List(list) => next_element(list, &self.fields),
            Rows::Csv(rows, header) => next_row(rows, header, &self.fields),
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => next_parquet_row(rows, &self.fields),
        };
        let example = match next {
            None => {
                self.done = true;
                return None;
            }
            Some(example) => example,
        };
        Some(example.map_err(|bad| {
            self.cut = matches!(bad, Bad::Io { .. });
            self.done = self.strict || self.cut;
            bad.into_error(&self.path, self.limit)
        }))
    }
}

/// What the readers of other shapes stand on: rows and lines of a stream.
pub(crate) mod rows {
    pub(crate) use super::csv::{RowError, RowReader};
    pub(crate) use super::lines::{LineError, LineReader};
    #[cfg(feature = "parquet")]
    pub(crate) use super::parquet::ParquetRows;
}

impl RowError {
    /// The error with the name of its file; `limit` is that of the reader.
    pub(crate) fn into_error(self, path: &Path, limit: usize) -> Error {
        Bad::from(self).into_error(path, limit)
    }
}

/// What is wrong with a line of a file, before the file's name is put to it.
enum Bad {
    Record { line: u64, bad: BadRecord },
    TooLong { line: u64, bytes: Option<u64> },
    Io { line: u64, source: std::io::Error },
}

impl From<LineError> for Bad {
    fn from(error: LineError) -> Self {
        match error {
            LineError::TooLong { number, bytes } => Self::TooLong { line: number, bytes: Some(bytes) },
            LineError::Io { number, source } => Self::Io { line: number, source },
        }
    }
}

impl From<RowError> for Bad {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Line(error) => error.into(),
            RowError::Bad { line, bad } => Self::Record { line, bad },
        }
    }
}

impl Bad {
    fn into_error(self, path: &Path, limit: usize) -> Error {
        match self {
            Self::Record { line, bad } => Error::parse(path, line + bad.line, bad.column, bad.what, bad.help),
            Self::TooLong { line, bytes } => Error::parse(
                path,
                line,
                None,
                match bytes {
                    Some(bytes) => format!("the line has {bytes} bytes, the limit is {limit}"),
                    None => format!("the element has more bytes than the limit of {limit}"),
                },
                "it was skipped; cut it, or raise `max_line_bytes` (`--max-line-bytes`; in a configuration `data.max_line_bytes`)",
            ),
            Self::Io { line, source } => read_error(path, line, source),
        }
    }
}

fn next_line(lines: &mut LineReader<Input>, fields: &Fields) -> Option<Result<Example, Bad>> {
    loop {
        let line = match lines.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error.into())),
        };
        if line.bytes.trim_ascii().is_empty() {
            continue;
        }
        let number = line.number;
        return Some(match record::utf8(line.bytes).and_then(|json| record::parse(json, fields)) {
            Ok(example) => Ok(Example { line: number, ..example }),
            Err(bad) => Err(Bad::Record { line: number, bad }),
        });
    }
}

fn next_element(list: &mut ListReader<Input>, fields: &Fields) -> Option<Result<Example, Bad>> {
    let element = match list.next_element()? {
        Ok(element) => element,
        Err(ListError::TooLong { line }) => return Some(Err(Bad::TooLong { line, bytes: None })),
        Err(ListError::Io { line, source }) => return Some(Err(Bad::Io { line, source })),
        Err(ListError::Broken { line, column, what, help }) => {
            return Some(Err(Bad::Record { line, bad: BadRecord::new(what, help).at(column) }));
        }
    };
    let (line, column) = (element.line, element.column);
    Some(match record::utf8(element.bytes).and_then(|json| record::parse(json, fields)) {
        Ok(example) => Ok(Example { line, ..example }),
        Err(mut bad) => {
            // On its first line the element does not start at column 1.
            if bad.line == 0 {
                bad.column = bad.column.map(|c| c + column - 1);
            }
            Err(Bad::Record { line, bad })
        }
    })
}

fn next_row(rows: &mut RowReader<Input>, header: &Header, fields: &Fields) -> Option<Result<Example, Bad>> {
    Some(match rows.next_row()? {
        Err(error) => Err(error.into()),
        Ok((line, row)) => match header.example(row, fields) {
            Ok(example) => Ok(Example { line, ..example }),
            Err(bad) => Err(Bad::Record { line, bad }),
        },
    })
}

#[cfg(feature = "parquet")]
fn next_parquet_row(rows: &mut parquet::ParquetRows, fields: &Fields) -> Option<Result<Example, Bad>> {
    Some(match rows.next_row()? {
        Err((line, source)) => Err(Bad::Io { line, source }),
        // The place in the JSON means nothing to someone who has none.
        Ok((line, row)) => match row.and_then(|json| record::parse(json, fields)) {
            Ok(example) => Ok(Example { line, ..example }),
            Err(bad) => Err(Bad::Record { line, bad: BadRecord { line: 0, column: None, ..bad } }),
        },
    })
}

/// The bytes of a file (standard input for `-`), decompressed by the ending of its name.
///
/// # Errors
/// A missing, empty or unreadable file, a folder, or `.zst` in a build without that feature.
pub fn open_bytes(path: impl AsRef<Path>) -> Result<Box<dyn Read + Send>> {
    let path = path.as_ref();
    input::decompress(input::open(path)?, path)
}

#[cfg(test)]
mod tests;
