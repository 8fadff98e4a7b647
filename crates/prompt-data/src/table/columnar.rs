//! Files that are no text: Parquet and Excel, each behind its feature.

use std::path::Path;

#[cfg(not(feature = "excel"))]
use prompt_core::Error;
use prompt_core::Result;

use super::raw::RawTable;

/// Whether a name promises a spreadsheet.
pub(super) fn is_excel(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|e| ["xlsx", "xlsm", "xlsb", "xls", "ods"].contains(&e.as_str()))
}

#[cfg(not(feature = "parquet"))]
pub(super) fn parquet(path: &Path, _: bool) -> Result<RawTable> {
    Err(crate::format::Format::not_built(path))
}

#[cfg(not(feature = "excel"))]
pub(super) fn excel(path: &Path, _: bool) -> Result<RawTable> {
    Err(Error::unsupported(
        "this build",
        format!("spreadsheets ({})", path.display()),
        "build with the feature `excel` (cargo build --release --features prompt-cli/excel), or save the sheet as CSV",
    ))
}

#[cfg(feature = "parquet")]
pub(super) use with_parquet::parquet;

#[cfg(feature = "parquet")]
mod with_parquet {
    use prompt_core::Error;

    use super::*;
    use crate::read::rows::{LineError, ParquetRows, RowError};
    use crate::table::raw::Object;

    /// The rows of a Parquet file; nested values become JSON.
    pub(in crate::table) fn parquet(path: &Path, strict: bool) -> Result<RawTable> {
        let mut table = RawTable::default();
        let mut rows = ParquetRows::open(path)?;
        while let Some(row) = rows.next_row() {
            match row {
                Ok((line, Ok(json))) => {
                    let object: Object<'_> = serde_json::from_str(json)
                        .map_err(|e| Error::parse(path, line, None, e.to_string(), "report this as a bug"))?;
                    table.push_object(&object, line);
                }
                Ok((line, Err(bad))) => {
                    table.complain(RowError::Bad { line, bad }.into_error(path, 0), strict)?;
                }
                Err((number, source)) => {
                    let error = RowError::Line(LineError::Io { number, source });
                    table.ended(error.into_error(path, 0), strict)?;
                    break;
                }
            }
        }
        Ok(table)
    }
}

#[cfg(feature = "excel")]
pub(super) use with_excel::excel;

#[cfg(feature = "excel")]
mod with_excel {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use calamine::{Data, Range, Reader, open_workbook_auto};
    use prompt_core::Error;

    use super::*;
    use crate::table::time;

    /// The first sheet of a workbook: its first row names the columns.
    pub(in crate::table) fn excel(path: &Path, strict: bool) -> Result<RawTable> {
        let help = "open it in a spreadsheet program and save it again, or save the sheet as CSV";
        let broken = |what: String| Error::parse(path, None, None, what, help);
        // Says what is wrong with a missing file or a folder.
        drop(crate::read::open_bytes(path)?);
        // The library does not foresee every kind of damage.
        let read = catch_unwind(AssertUnwindSafe(|| -> std::result::Result<Range<Data>, String> {
            let mut book = open_workbook_auto(path).map_err(|e| e.to_string())?;
            match book.worksheet_range_at(0) {
                Some(sheet) => sheet.map_err(|e| e.to_string()),
                None => Err("it has no sheet".to_owned()),
            }
        }));
        let sheet = read
            .unwrap_or_else(|_| Err("its parts contradict each other".to_owned()))
            .map_err(|why| broken(format!("this is no whole spreadsheet ({why})")))?;
        let mut rows = sheet.rows().zip(sheet.start().map_or(0, |(row, _)| u64::from(row)) + 1..);
        let Some((header, line)) = rows.next() else {
            return Err(broken("the first sheet is empty".to_owned()));
        };
        let mut table = RawTable::default();
        let names: Vec<String> = header.iter().map(|cell| written(cell).trim().to_owned()).collect();
        // Columns to the right that have no name are left out where they are empty.
        let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        table.header(path, line, &names[..width])?;
        for (row, line) in rows {
            if row.iter().all(|cell| matches!(cell, Data::Empty)) {
                continue;
            }
            if let Some(extra) = row.iter().skip(width).find(|cell| !matches!(cell, Data::Empty)) {
                let what = format!("`{}` stands in a column without a name", written(extra));
                table.complain(
                    Error::parse(path, line, None, what, "name its column, or clear the cell"),
                    strict,
                )?;
                continue;
            }
            for (column, cell) in table.columns.iter_mut().zip(row) {
                column.push(&written(cell));
            }
            table.lines.push(line);
        }
        Ok(table)
    }

    /// A cell as a CSV file would hold it; an error of a formula has no value.
    fn written(cell: &Data) -> String {
        match cell {
            Data::Empty | Data::Error(_) => String::new(),
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
            Data::Float(value) => value.to_string(),
            Data::Int(value) => value.to_string(),
            Data::Bool(value) => value.to_string(),
            Data::DateTime(at) if at.is_datetime() => {
                let (year, month, day, hour, minute, second, millis) = at.to_ymd_hms_milli();
                let text =
                    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}");
                time::parse(&text, None).map_or(text, time::format)
            }
            Data::DateTime(duration) => duration.as_f64().to_string(),
            #[allow(unreachable_patterns, reason = "the library may add kinds of cells")]
            _ => String::new(),
        }
    }
}
