//! One record as it was written.

use std::borrow::Cow;
use std::fmt;

use prompt_core::{Error, Result};
use prompt_data::read::{repeated_key, there_twice};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::RecordWriter;

/// One input object: its text, and all fields as they were written.
pub(in crate::score) struct Record<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Record<'a> {
    pub(in crate::score) fn text(&self) -> &str {
        &self.text
    }

    /// Reads a JSON object.
    pub(in crate::score) fn parse(line: &'a [u8], writer: &RecordWriter<'_>) -> Result<Self> {
        let explained = || match writer.explain.extract(line, &mut String::new()) {
            Err(error) => error,
            Ok(_) => Error::parse("<line>", None, None, "not a JSON object with a text", "one object a line"),
        };
        let Ok(RawFields(fields)) = serde_json::from_slice::<RawFields<'a>>(line) else {
            return Err(explained());
        };
        let names = writer.fields.text.names();
        if let Some(key) = repeated_key(fields.iter().map(|(key, _)| &**key)) {
            return Err(Error::parse("<line>", None, None, there_twice(key), "write it once"));
        }
        let raw = names.iter().find_map(|n| fields.iter().find(|(k, _)| k == n)).map(|(_, raw)| *raw);
        match raw.map(|raw| serde_json::from_str::<Option<BorrowedStr<'a>>>(raw.get())) {
            Some(Ok(text)) => Ok(Self { text: text.map_or(Cow::Borrowed(""), |t| t.0), fields }),
            _ => Err(explained()),
        }
    }
}

struct RawFields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawFields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawFields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(key) = map.next_key::<BorrowedStr<'de>>()? {
                    fields.push((key.0, map.next_value()?));
                }
                Ok(RawFields(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A string that is borrowed where it has no escapes. (`Cow<str>` itself always copies in serde.)
#[derive(Deserialize)]
#[serde(transparent)]
struct BorrowedStr<'a>(#[serde(borrow)] Cow<'a, str>);
