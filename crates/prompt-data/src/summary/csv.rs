//! A CSV file, block by block.

use std::path::Path;

use memchr::memchr_iter;
use prompt_core::{Error, FitContext, Result};

use super::blocks::{Blocks, Found, Rows};
use super::column::{BlockColumn, WholeColumn};
use super::{Summary, TOLD, finished, lower};
use crate::format::Format;
use crate::table::{TableOptions, header_twice};

/// Rows whose cells are cut before they are looked at column by column.
const BATCH: usize = 1024;

/// What all blocks need to know.
struct Setting<'a> {
    delimiter: u8,
    names: &'a [String],
    missing: &'a [String],
    limit: usize,
}

/// A block that was read.
struct Done {
    bytes: Vec<u8>,
    rows: u64,
    lines: u64,
    columns: Vec<BlockColumn>,
    cells: Rows,
    /// The line within the block and what is wrong.
    bad: Vec<(u64, String)>,
    bad_lines: u64,
}

pub(super) fn read(path: &Path, options: &TableOptions, ctx: &FitContext) -> Result<Summary> {
    let delimiter = if Format::is_tsv(path) { b'\t' } else { b',' };
    let mut blocks = Blocks::new(crate::read::open_bytes(path)?, delimiter, options.max_line_bytes);
    let failed = |e: std::io::Error| crate::read::read_error(path, 1, e);
    let Some(mut first) = blocks.next().map_err(failed)? else {
        return Err(Error::parse(
            path,
            None,
            None,
            "the file has no header",
            "name the columns in the first line",
        ));
    };
    let (names, begins) = header(path, &first, delimiter)?;
    let header_lines = memchr_iter(b'\n', &first[..begins]).count() as u64;
    first.drain(..begins);
    let missing = lower(&options.missing);
    let setting = Setting { delimiter, names: &names, missing: &missing, limit: options.max_line_bytes };

    let mut columns: Vec<WholeColumn> = names.iter().map(|_| WholeColumn::default()).collect();
    let mut summary =
        Summary { path: path.to_path_buf(), rows: 0, bad_lines: 0, bad: Vec::new(), columns: Vec::new() };
    let mut line = header_lines;
    let at_once = ctx.thread_budget() * 2;
    let mut batch = vec![first];
    let mut ended: Option<std::io::Error> = None;
    // While the threads look at some blocks, one reads the next.
    while !batch.is_empty() {
        ctx.check()?;
        let mut next = |ended: &mut Option<std::io::Error>| {
            let mut next = Vec::with_capacity(at_once);
            while next.len() < at_once && ended.is_none() {
                match blocks.next() {
                    Ok(Some(block)) => next.push(block),
                    Ok(None) => break,
                    Err(error) => *ended = Some(error),
                }
            }
            next
        };
        let given = std::mem::take(&mut batch);
        let (done, following) = ctx.install(|| {
            let look = || ctx.map(given.len(), |i| setting.block(&given[i]));
            if ctx.thread_budget() == 1 {
                (look(), next(&mut ended))
            } else {
                rayon::join(look, || next(&mut ended))
            }
        });
        for (mut done, bytes) in done.into_iter().zip(given) {
            done.bytes = bytes;
            for (at, what) in &done.bad {
                let error = Error::parse(
                    path,
                    line + at + 1,
                    None,
                    what.clone(),
                    "put cells with commas or line breaks in quotes",
                );
                if options.strict {
                    return Err(error);
                }
                if summary.bad.len() < TOLD {
                    summary.bad.push(error.to_string());
                }
            }
            summary.rows += done.rows;
            summary.bad_lines += done.bad_lines;
            line += done.lines;
            for (whole, block) in columns.iter_mut().zip(std::mem::take(&mut done.columns)) {
                whole.merge(block, |place| done.text(place, delimiter));
            }
        }
        batch = following;
    }
    if let Some(error) = ended {
        let error = crate::read::read_error(path, line + 1, error);
        if summary.rows == 0 || options.strict {
            return Err(error);
        }
        summary.bad_lines += 1;
        summary.bad.push(error.to_string());
    }
    if summary.rows == 0 {
        return Err(Error::parse(path, None, None, "the file has no rows", "give it at least one row"));
    }
    let rows = summary.rows;
    summary.columns =
        names.into_iter().zip(columns).map(|(name, column)| finished(name, column, rows)).collect();
    Ok(summary)
}

/// The names of the columns, and where the rows begin.
fn header(path: &Path, block: &[u8], delimiter: u8) -> Result<(Vec<String>, usize)> {
    // A byte order mark is no part of a name.
    let start = if block.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    let mut at = start;
    loop {
        let mut rows = Rows::default();
        let begins = at;
        // The width is what the first row has.
        let width = match rows.read(block, &mut at, delimiter, usize::MAX) {
            Found::Width(width) => width,
            Found::Blank if at < block.len() => continue,
            _ => {
                return Err(Error::parse(
                    path,
                    1,
                    None,
                    "the header is no row",
                    "name the columns in the first line",
                ));
            }
        };
        at = begins;
        rows.read(block, &mut at, delimiter, width);
        let name = |cell: &(u32, u32)| String::from_utf8_lossy(rows.cell(block, *cell)).into_owned();
        let names: Vec<String> = rows.cells.iter().map(name).collect();
        header_twice(path, 1, &names)?;
        return Ok((names, at));
    }
}

impl Setting<'_> {
    fn block(&self, bytes: &[u8]) -> Done {
        let width = self.names.len();
        let mut done = Done {
            bytes: Vec::new(),
            rows: 0,
            lines: memchr_iter(b'\n', bytes).count() as u64,
            columns: (0..width).map(|_| BlockColumn::default()).collect(),
            cells: Rows::default(),
            bad: Vec::new(),
            bad_lines: 0,
        };
        let valid = std::str::from_utf8(bytes).is_ok();
        let mut at = 0;
        while at < bytes.len() {
            done.cells.clear();
            let mut rows = 0;
            while rows < BATCH && at < bytes.len() {
                let start = at;
                let found = done.cells.read(bytes, &mut at, self.delimiter, width);
                let what = match found {
                    Found::Blank => continue,
                    Found::Width(n) => format!("the row has {n} cells, the header {width}"),
                    Found::Unclosed => "a quoted cell that starts on this line is not closed".to_owned(),
                    Found::Row if at - start > self.limit => {
                        format!("the line has {} bytes, the limit is {}", at - start, self.limit)
                    }
                    Found::Row if !valid && std::str::from_utf8(&bytes[start..at]).is_err() => {
                        "invalid UTF-8".to_owned()
                    }
                    Found::Row if self.is_header(&done.cells, bytes, width) => {
                        "the header stands here again".to_owned()
                    }
                    Found::Row => {
                        rows += 1;
                        continue;
                    }
                };
                if matches!(found, Found::Row) {
                    let keep = done.cells.cells.len() - width;
                    done.cells.cells.truncate(keep);
                }
                done.bad_lines += 1;
                if done.bad.len() < TOLD {
                    done.bad.push((memchr_iter(b'\n', &bytes[..start]).count() as u64, what));
                }
            }
            done.rows += rows as u64;
            for (j, column) in done.columns.iter_mut().enumerate() {
                for place in done.cells.cells.iter().skip(j).step_by(width) {
                    column.push(done.cells.cell(bytes, *place), place.0, self.missing);
                }
            }
        }
        done
    }

    /// Whether the row that was read last is the header again.
    fn is_header(&self, rows: &Rows, block: &[u8], width: usize) -> bool {
        let cells = &rows.cells[rows.cells.len() - width..];
        cells.iter().zip(self.names).all(|(cell, name)| rows.cell(block, *cell) == name.as_bytes())
    }
}

impl Done {
    /// The cell that begins at a place.
    fn text(&self, place: u32, delimiter: u8) -> String {
        self.cells.text_at(&self.bytes, place as usize, delimiter)
    }
}
