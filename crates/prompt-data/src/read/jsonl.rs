//! Single lines of JSON, without a reader around them.

use std::path::Path;

use prompt_core::{Error, Result};

use super::record;
use crate::example::Example;
use crate::fields::Fields;

/// The text of a JSONL line and nothing else: no map, no copy, no allocation for a text without escapes.
///
/// For scoring a stream, where the other fields are passed on as bytes.
///
/// ```
/// use prompt_data::read::{JsonlText, LineReader};
/// let jsonl = b"{\"id\": 7, \"text\": \"Say hi\"}\n{\"text\": \"two\\nlines\"}\n";
/// let (reader, mut scratch) = (JsonlText::default(), String::new());
/// let mut lines = LineReader::new(&jsonl[..], 1 << 20);
/// let mut texts = Vec::new();
/// while let Some(line) = lines.next_line() {
///     texts.push(reader.extract(line.unwrap().bytes, &mut scratch).unwrap().to_owned());
/// }
/// assert_eq!(texts, ["Say hi", "two\nlines"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct JsonlText {
    fields: Fields,
}

impl JsonlText {
    /// Takes the text from where `fields` says.
    ///
    /// # Errors
    /// [`Error::Param`] as [`Fields::validate`].
    pub fn new(fields: Fields) -> Result<Self> {
        fields.validate()?;
        Ok(Self { fields })
    }

    /// The text of a line: a part of the line, or of `scratch` when it had to be unescaped.
    ///
    /// # Errors
    /// [`Error::Parse`] without a line number (see [`JsonlText::at`]) for anything but a JSON object with a text.
    pub fn extract<'a>(&self, line: &'a [u8], scratch: &'a mut String) -> Result<&'a str> {
        record::utf8(line)
            .and_then(|json| record::text_of(json, &self.fields, scratch))
            .map_err(|bad| Error::parse("<line>", None, bad.column, bad.what, bad.help))
    }

    /// The whole line as an example, with its line number 0; for reading lines on one thread and parsing them on many.
    ///
    /// # Errors
    /// As [`extract`](Self::extract), and for values that do not fit their role.
    pub fn example(&self, line: &[u8]) -> Result<Example> {
        record::utf8(line)
            .and_then(|json| record::parse(json, &self.fields))
            .map_err(|bad| Error::parse("<line>", None, bad.column, bad.what, bad.help))
    }

    /// An error of [`extract`](Self::extract) or [`example`](Self::example), put at its place in a file.
    pub fn at(error: Error, file: &Path, number: u64) -> Error {
        match error {
            Error::Parse { column, what, help, .. } => Error::parse(file, number, column, what, help),
            other => other,
        }
    }
}
