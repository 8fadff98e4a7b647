//! Rows of cells as CSV, safe to open in a spreadsheet.

use std::borrow::Cow;
use std::io::{self, Write};

/// Writes CSV rows and, unless told otherwise, disarms cells that a spreadsheet would run as formulas.
///
/// A cell that starts with `=`, `+`, `-`, `@`, a tab or a carriage return, and is no plain number, gets a `'` in
/// front. The bytes of the prompt are changed by that, so the writer counts such cells.
///
/// ```
/// use prompt_data::write::CsvWriter;
/// let mut out = Vec::new();
/// let mut csv = CsvWriter::new(&mut out, b',', true);
/// csv.row(["text", "score"]).unwrap();
/// csv.row(["=HYPERLINK(\"x\")", "-0.5"]).unwrap();
/// assert_eq!(csv.guarded_cells(), 1);
/// drop(csv);
/// assert_eq!(out, b"text,score\n\"'=HYPERLINK(\"\"x\"\")\",-0.5\n");
/// ```
pub struct CsvWriter<W: Write> {
    out: csv::Writer<W>,
    guard: bool,
    guarded: usize,
}

impl<W: Write> std::fmt::Debug for CsvWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvWriter").field("guard", &self.guard).field("guarded", &self.guarded).finish()
    }
}

impl<W: Write> CsvWriter<W> {
    /// Writes to `out`; `guard` says whether formulas are disarmed.
    pub fn new(out: W, delimiter: u8, guard: bool) -> Self {
        let out = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(out);
        Self { out, guard, guarded: 0 }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// What the stream says.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> io::Result<()> {
        for cell in cells {
            let cell = cell.as_ref();
            let cell = if self.guard { disarm(cell) } else { Cow::Borrowed(cell) };
            self.guarded += usize::from(matches!(cell, Cow::Owned(_)));
            self.out.write_field(cell.as_bytes()).map_err(to_io)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(to_io)
    }

    /// How many cells were disarmed.
    pub fn guarded_cells(&self) -> usize {
        self.guarded
    }

    /// Writes what is left and gives the stream back.
    ///
    /// # Errors
    /// What the stream says.
    pub fn into_inner(self) -> io::Result<W> {
        self.out.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

fn to_io(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The cell with a `'` in front when a spreadsheet would take it for a formula.
pub fn disarm(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && !cell.parse::<f64>().is_ok_and(f64::is_finite);
    if formula { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed_and_numbers_and_prose_are_left_alone() {
        for cell in ["=1+1", "+A1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-inf"] {
            assert_eq!(disarm(cell), format!("'{cell}"));
        }
        for cell in ["", "-1.5", "+3e2", "a=b", "'=1", " =1", "hello"] {
            assert_eq!(disarm(cell), cell);
        }
    }
}
