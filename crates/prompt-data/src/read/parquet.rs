//! Rows of a Parquet file, each as a JSON object, so that they are understood like any other row.
//!
//! | column | becomes |
//! |---|---|
//! | text; bytes that are UTF-8 | a string |
//! | whole numbers, floating-point numbers, booleans | themselves; NaN and infinities a string that says so |
//! | decimals | a string, so that no digit is lost |
//! | dates, points in time | a string as `2024-12-05` or `2024-12-05T06:07:08.009` |
//! | times of day | the number that is stored |
//! | lists, maps, groups | lists and objects |
//!
//! A Parquet file keeps its index at its end: it is read from a file, never from a stream. Memory holds a row group's
//! pages.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use prompt_core::{Error, Result};

use super::record::BadRecord;
use crate::table::time;

/// The rows of a file in order.
pub(crate) struct ParquetRows {
    rows: RowIter<'static>,
    number: u64,
    json: String,
}

impl ParquetRows {
    /// Reads the schema and the index.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // Says what is wrong with a missing file or a folder.
        drop(super::input::open(path)?);
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        if file.metadata().is_ok_and(|m| m.len() == 0) {
            return Err(Error::parse(
                path,
                None,
                None,
                "the file is empty",
                "give a file with at least one row",
            ));
        }
        let rows = guarded(|| {
            let reader = SerializedFileReader::new(file)?;
            Ok(RowIter::from_file_into(Box::new(reader)))
        });
        let rows = rows.map_err(|why| {
            Error::parse(
                path,
                None,
                None,
                format!("this is no whole Parquet file ({why})"),
                "it may be truncated or of another format: copy it again, or correct its name",
            )
        })?;
        Ok(Self { rows, number: 0, json: String::new() })
    }

    /// The next row.
    pub(crate) fn next_row(&mut self) -> Option<Next<'_>> {
        self.number += 1;
        let Self { rows, number, json } = self;
        let row = match guarded(|| rows.next().transpose()) {
            Ok(None) => return None,
            Ok(Some(row)) => row,
            Err(why) => return Some(Err((*number, io::Error::new(io::ErrorKind::InvalidData, why)))),
        };
        json.clear();
        let row = match object(&row, json) {
            Ok(()) => Ok(json.as_str()),
            Err(column) => Err(BadRecord::new(
                format!("the column `{column}` holds bytes that are not UTF-8"),
                "store text in it, or leave the column out",
            )),
        };
        Some(Ok((*number, row)))
    }
}

/// A row's number (from one) and its JSON, or what is wrong with it; the outer error ends the file.
pub(crate) type Next<'a> = Result<(u64, Result<&'a str, BadRecord>), (u64, io::Error)>;

/// Runs the library, which does not foresee every kind of damage.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("its parts contradict each other".to_owned()),
    }
}

/// Writes a row as an object; the error is the column that cannot be written.
fn object(row: &Row, out: &mut String) -> Result<(), String> {
    out.push('{');
    for (i, (name, field)) in row.get_column_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        string(name, out);
        out.push(':');
        value(field, out).map_err(|()| name.clone())?;
    }
    out.push('}');
    Ok(())
}

fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn number(value: impl std::fmt::Display, finite: bool, out: &mut String) {
    if finite {
        // Writing to a string cannot fail.
        let _ = write!(out, "{value}");
    } else {
        string(&value.to_string(), out);
    }
}

/// Writes a value; fails at bytes that are no text.
fn value(field: &Field, out: &mut String) -> Result<(), ()> {
    match field {
        Field::Null => out.push_str("null"),
        Field::Bool(v) => number(v, true, out),
        Field::Byte(v) => number(v, true, out),
        Field::Short(v) => number(v, true, out),
        Field::Int(v) | Field::TimeMillis(v) => number(v, true, out),
        Field::Long(v) | Field::TimeMicros(v) => number(v, true, out),
        Field::Date(days) => string(&time::format(i64::from(*days) * 86_400_000), out),
        Field::TimestampMillis(millis) => string(&time::format(*millis), out),
        Field::TimestampMicros(micros) => string(&time::format(micros.div_euclid(1000)), out),
        Field::UByte(v) => number(v, true, out),
        Field::UShort(v) => number(v, true, out),
        Field::UInt(v) => number(v, true, out),
        Field::ULong(v) => number(v, true, out),
        Field::Float16(v) => number(v, v.is_finite(), out),
        Field::Float(v) => number(v, v.is_finite(), out),
        Field::Double(v) => number(v, v.is_finite(), out),
        Field::Decimal(_) => string(&field.to_string(), out),
        Field::Str(text) => string(text, out),
        Field::Bytes(bytes) => string(std::str::from_utf8(bytes.data()).map_err(drop)?, out),
        Field::Group(row) => object(row, out).map_err(drop)?,
        Field::ListInternal(list) => {
            out.push('[');
            for (i, element) in list.elements().iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                value(element, out)?;
            }
            out.push(']');
        }
        Field::MapInternal(map) => {
            out.push('{');
            for (i, (key, of)) in map.entries().iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                match key {
                    Field::Str(key) => string(key, out),
                    other => string(&other.to_string(), out),
                }
                out.push(':');
                value(of, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}
