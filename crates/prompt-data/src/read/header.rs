//! Rows of a CSV file by the names in its first one.

use std::path::Path;

use prompt_core::{Error, Result};
use serde_json::value::to_raw_value;

use super::Bad;
use super::csv::RowReader;
use super::input::Input;
use super::record::{BadRecord, Found, Scalar, missing_text, repeated_key};
use super::row::Row;
use crate::example::{Example, Extra};
use crate::fields::{Fields, Role};

/// The names of a CSV file's columns, and what each is for.
pub(super) struct Header {
    columns: Vec<(String, Option<(Role, usize)>)>,
}

impl Header {
    pub(super) fn read(rows: &mut RowReader<Input>, path: &Path, fields: &Fields) -> Result<Self> {
        let no_rows =
            || Error::parse(path, None, None, "the file has no header", "name the columns in the first line");
        let (line, row) =
            rows.next_row().ok_or_else(no_rows)?.map_err(|error| Bad::from(error).into_error(path, 0))?;
        let columns: Vec<(String, Option<(Role, usize)>)> =
            row.cells().map(|name| (name.trim().to_owned(), fields.role(name.trim()))).collect();
        let bad = |bad: BadRecord| Error::parse(path, line, bad.column, bad.what, bad.help);
        if let Some(name) = repeated_key(columns.iter().map(|(name, _)| name.as_str())) {
            let what = format!("the header names the column `{name}` twice");
            return Err(bad(BadRecord::new(what, "rename one of them")));
        }
        if !columns.iter().any(|(_, role)| role.is_some_and(|(role, _)| role == Role::Text)) {
            return Err(bad(missing_text(fields, columns.iter().map(|(name, _)| name.as_str()))));
        }
        Ok(Self { columns })
    }

    pub(super) fn example(&self, row: &Row, fields: &Fields) -> Result<Example, BadRecord> {
        if row.len() != self.columns.len() {
            return Err(BadRecord::new(
                format!("the row has {} cells, the header {}", row.len(), self.columns.len()),
                "put cells with commas or line breaks in quotes",
            ));
        }
        let json = |value: &Scalar<'_>| {
            to_raw_value(value).map_err(|e| BadRecord::new(e.to_string(), "change the cell"))
        };
        let (mut found, mut extra) = (Found::default(), Extra::new());
        for ((name, role), cell) in self.columns.iter().zip(row.cells()) {
            match role {
                Some((role, rank)) if found.wants(*role, *rank) => {
                    if let Some((old, value)) = found.put(*role, *rank, Scalar::Text(cell.into())) {
                        let name = fields.names(*role).get(old).unwrap_or_default();
                        extra.push(name, json(&value)?);
                    }
                }
                _ => extra.push(name, json(&Scalar::Text(cell.into()))?),
            }
        }
        found.into_example(fields, extra)
    }
}
