//! One JSON object → one [`Example`].

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Number;
use serde_json::value::{RawValue, to_raw_value};

use crate::example::{Example, Extra, Split};
use crate::fields::{Fields, Role};

/// What is wrong with a record; the place is relative to its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRecord {
    /// Lines after the record's first.
    pub(super) line: u64,
    /// One-based byte column in that line, where known.
    pub(super) column: Option<u64>,
    pub(super) what: String,
    pub(super) help: String,
}

impl BadRecord {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { line: 0, column: None, what: what.into(), help: help.into() }
    }

    pub(super) fn at(mut self, column: u64) -> Self {
        self.column = Some(column);
        self
    }
}

/// The text of a line, or where its bytes are not UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, BadRecord> {
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        BadRecord::new(format!("invalid UTF-8 (byte 0x{byte:02x})"), "save the file as UTF-8")
            .at(at as u64 + 1)
    })
}

/// Reads one JSON object.
pub(super) fn parse(json: &str, fields: &Fields) -> Result<Example, BadRecord> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let (found, raw) = RecordSeed { fields }.deserialize(&mut reader).map_err(|e| explain(json, &e))?;
    reader.end().map_err(|e| explain(json, &e))?;
    found.into_example(fields, raw)
}

/// What serde_json's complaint means to someone who looks at the line.
fn explain(json: &str, error: &serde_json::Error) -> BadRecord {
    let column = error.column() as u64;
    let line = error.line().saturating_sub(1) as u64;
    let at = |bad: BadRecord| BadRecord { line, column: Some(column.max(1)), ..bad };
    if error.is_eof() {
        return at(BadRecord::new(
            "the JSON object is cut in the middle",
            "complete the object or remove it",
        ));
    }
    if error.is_data() {
        // Raised by our own visitors: the words before serde_json's " at line …" are ours.
        let full = error.to_string();
        let what = full.split(" at line ").next().unwrap_or(&full).to_owned();
        let help = if what.ends_with("is there twice") {
            "write it once"
        } else {
            "see the README for the fields of a row"
        };
        return at(BadRecord::new(what, help));
    }
    let near = json.lines().nth(line as usize).unwrap_or_default();
    let tail = near.as_bytes().get(error.column().saturating_sub(1)..).unwrap_or_default();
    if tail.starts_with(b"NaN") || tail.starts_with(b"Infinity") {
        return at(BadRecord::new("NaN and Infinity are not JSON numbers", "write null, or remove the row"));
    }
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or(&full);
    at(BadRecord::new(format!("not valid JSON: {what}"), "one JSON object a row is expected"))
}

/// A text, number, boolean or null; borrowed from the line where it can be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Scalar<'a> {
    Null,
    Text(Cow<'a, str>),
    Number(Number),
    Bool(bool),
}

impl Scalar<'_> {
    fn into_text(self) -> Result<String, BadRecord> {
        match self {
            Self::Null => Ok(String::new()),
            Self::Text(text) => Ok(text.into_owned()),
            Self::Number(_) | Self::Bool(_) => Err(BadRecord::new(
                "the text is a number or a boolean, not a string",
                "put it in quotes, or say which field holds the text (`fields.text`)",
            )),
        }
    }

    /// The value as a class name or source; `None` for null and the empty text.
    fn into_name(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) if text.is_empty() => None,
            Self::Text(text) => Some(text.into_owned()),
            Self::Number(value) => Some(value.to_string()),
            Self::Bool(value) => Some(value.to_string()),
        }
    }

    fn into_number(self) -> Result<Option<f64>, BadRecord> {
        let refused = |value: &dyn fmt::Display| {
            BadRecord::new(
                format!("the target must be a finite number, got `{value}`"),
                "write a number, or leave it out",
            )
        };
        let value: f64 = match &self {
            Self::Null => return Ok(None),
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => text.trim().parse().map_err(|_| refused(text))?,
            Self::Number(value) => value.as_f64().ok_or_else(|| refused(value))?,
            Self::Bool(value) => return Err(refused(value)),
        };
        if value.is_finite() { Ok(Some(value)) } else { Err(refused(&value)) }
    }
}

/// The values of a row by role, each with how good its name was (0 is best). Every format ends here.
#[derive(Debug, Default)]
pub(super) struct Found<'a>([Option<(usize, Scalar<'a>)>; Role::ALL.len()]);

impl<'a> Found<'a> {
    /// Whether a field of this name's rank is to be taken; a worse one is an ordinary field.
    pub(super) fn wants(&self, role: Role, rank: usize) -> bool {
        self.0[role as usize].as_ref().is_none_or(|(there, _)| rank <= *there)
    }

    /// Puts a value in its place and gives the one that was there with its rank: that of a worse name, or, where a row
    /// has a field twice, of the same one.
    pub(super) fn put(&mut self, role: Role, rank: usize, value: Scalar<'a>) -> Option<(usize, Scalar<'a>)> {
        self.0[role as usize].replace((rank, value))
    }

    /// The names of the fields that were taken.
    fn names<'f>(&'f self, fields: &'f Fields) -> impl Iterator<Item = &'f str> + Clone {
        Role::ALL.into_iter().filter_map(|role| {
            let (rank, _) = self.0[role as usize].as_ref()?;
            fields.names(role).get(*rank)
        })
    }

    fn take(&mut self, role: Role) -> Option<Scalar<'a>> {
        self.0[role as usize].take().map(|(_, value)| value)
    }

    /// Checks the values and puts them together.
    pub(super) fn into_example(mut self, fields: &Fields, extra: Extra) -> Result<Example, BadRecord> {
        let Some(text) = self.take(Role::Text) else {
            return Err(missing_text(fields, self.names(fields).chain(extra.iter().map(|(name, _)| name))));
        };
        let split = match self.take(Role::Split).and_then(Scalar::into_name) {
            Some(name) => Some(name.parse::<Split>().map_err(|_| {
                BadRecord::new(
                    format!("unknown split `{name}`"),
                    "write train, validation or test, or name another field as the split (`fields.split`)",
                )
            })?),
            None => None,
        };
        Ok(Example {
            text: text.into_text()?,
            label: self.take(Role::Label).and_then(Scalar::into_name).map(|label| fields.map_label(label)),
            target: self.take(Role::Target).map_or(Ok(None), Scalar::into_number)?,
            source: self.take(Role::Source).and_then(Scalar::into_name),
            split,
            extra,
            line: 0,
        })
    }
}

/// The first key that stands twice. Readers of JSON disagree on which of two equal keys counts: what one of them checks,
/// another would act on. So a row with one is refused, whoever reads it.
///
/// ```
/// use prompt_data::read::repeated_key;
/// assert_eq!(repeated_key(["text", "id", "text"].into_iter()), Some("text"));
/// assert_eq!(repeated_key(["text", "id"].into_iter()), None);
/// ```
pub fn repeated_key<'k>(mut keys: impl Iterator<Item = &'k str> + Clone) -> Option<&'k str> {
    // Few keys are compared without an allocation; many would be compared too often.
    const FEW: usize = 16;
    if keys.clone().nth(FEW).is_none() {
        while let Some(key) = keys.next() {
            if keys.clone().any(|other| other == key) {
                return Some(key);
            }
        }
        return None;
    }
    let mut seen = std::collections::HashSet::new();
    keys.find(|key| !seen.insert(*key))
}

/// The complaint about a key that stands twice.
pub fn there_twice(key: &str) -> String {
    format!("field `{key}` is there twice")
}

/// The complaint about a row or a header without a text, with the fields there are.
pub(super) fn missing_text<'a>(fields: &Fields, there: impl Iterator<Item = &'a str>) -> BadRecord {
    let wanted: Vec<String> = fields.text.names().iter().map(|n| format!("`{n}`")).collect();
    let there: Vec<&str> = there.collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    BadRecord::new(
        format!("no field {}; the fields there are: {there}", wanted.join(" or ")),
        "say which field holds the text (`fields.text`)",
    )
}

struct RecordSeed<'f> {
    fields: &'f Fields,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = (Found<'de>, Extra);

    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = (Found<'de>, Extra);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut extra) = (Found::default(), Extra::new());
        while let Some(key) = map.next_key_seed(TextSeed)? {
            match self.fields.role(&key) {
                Some((role, rank)) if found.wants(role, rank) => {
                    let value = map.next_value_seed(ScalarSeed(role))?;
                    if let Some((old, value)) = found.put(role, rank, value) {
                        if old == rank {
                            return Err(A::Error::custom(there_twice(&key)));
                        }
                        let name = self.fields.names(role).get(old).unwrap_or_default();
                        extra.push(name, to_raw_value(&value).map_err(A::Error::custom)?);
                    }
                }
                _ => extra.push(&key, map.next_value::<Box<RawValue>>()?),
            }
        }
        match repeated_key(found.names(self.fields).chain(extra.iter().map(|(name, _)| name))) {
            Some(key) => Err(A::Error::custom(there_twice(key))),
            None => Ok((found, extra)),
        }
    }
}

/// A string, borrowed from the input unless it holds an escape.
pub(super) struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }
}

/// A scalar of the role named; lists and objects are refused.
struct ScalarSeed(Role);

impl<'de> DeserializeSeed<'de> for ScalarSeed {
    type Value = Scalar<'de>;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed {
    type Value = Scalar<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a single value for the {}", self.0.name())
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(v.to_owned())))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(v).map_or(Scalar::Null, Scalar::Number))
    }
    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(v))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }
}

/// A JSON object of which only the text matters.
pub(super) struct TextOnly<'f, 's> {
    pub(super) fields: &'f Fields,
    /// Where a text with escapes is unescaped to.
    pub(super) scratch: &'s mut String,
}

/// Where the text of a [`TextOnly`] is.
pub(super) enum TextAt<'de> {
    Line(&'de str),
    Scratch,
    Nowhere,
}

impl<'de> DeserializeSeed<'de> for TextOnly<'_, '_> {
    type Value = TextAt<'de>;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TextOnly<'_, '_> {
    type Value = TextAt<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut best: Option<usize> = None;
        // A bit for each name of the text that was met.
        let mut met = 0_u64;
        let mut at = TextAt::Nowhere;
        while let Some(key) = map.next_key_seed(TextSeed)? {
            let rank = self.fields.text.names().iter().position(|n| *n == key);
            if let Some(bit) = rank.and_then(|rank| 1_u64.checked_shl(u32::try_from(rank).ok()?)) {
                if met & bit != 0 {
                    return Err(A::Error::custom(there_twice(&key)));
                }
                met |= bit;
            }
            match rank {
                Some(rank) if best.is_none_or(|b| rank < b) => {
                    best = Some(rank);
                    self.scratch.clear();
                    at = map.next_value_seed(TextInto(&mut *self.scratch))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(at)
    }
}

struct TextInto<'s>(&'s mut String);

impl<'de> DeserializeSeed<'de> for TextInto<'_> {
    type Value = TextAt<'de>;
    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextInto<'_> {
    type Value = TextAt<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string for the text")
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(TextAt::Line(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        self.0.push_str(v);
        Ok(TextAt::Scratch)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(TextAt::Scratch)
    }
}

/// The text of one JSON object; `Err` as [`parse`].
pub(super) fn text_of<'a>(
    json: &'a str,
    fields: &Fields,
    scratch: &'a mut String,
) -> Result<&'a str, BadRecord> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let at = TextOnly { fields, scratch }.deserialize(&mut reader).map_err(|e| explain(json, &e))?;
    reader.end().map_err(|e| explain(json, &e))?;
    match at {
        TextAt::Line(text) => Ok(text),
        TextAt::Scratch => Ok(scratch),
        // The slow reader knows the names of the fields there are.
        TextAt::Nowhere => match parse(json, fields) {
            Err(bad) => Err(bad),
            Ok(_) => Err(missing_text(fields, std::iter::empty())),
        },
    }
}
