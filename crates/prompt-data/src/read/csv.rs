//! Rows of a CSV file (RFC 4180), one at a time.
//!
//! Written here rather than taken from a library for three promises that rest on it: memory is bounded whatever the
//! file holds, a quote that is never closed costs one line instead of the rest of the file, and every error knows its
//! line.

use std::collections::VecDeque;
use std::io::Read;

use super::lines::{LineError, LineReader};
use super::record::{BadRecord, utf8};

/// The cells of one row.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    inside: Inside,
}

/// What the last byte of a [`Row`] was part of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first half of a doubled quote.
    QuoteInQuoted,
}

impl Row {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.inside = Inside::CellStart;
    }

    /// Takes in one physical line; `false` when a quoted cell goes on in the next.
    fn push_line(&mut self, line: &[u8], delimiter: u8) -> bool {
        for &byte in line {
            self.inside = match (self.inside, byte) {
                (Inside::Quoted, b'"') => Inside::QuoteInQuoted,
                (Inside::Quoted, _) => {
                    self.bytes.push(byte);
                    Inside::Quoted
                }
                (_, b) if b == delimiter => {
                    self.ends.push(self.bytes.len());
                    Inside::CellStart
                }
                (Inside::CellStart, b'"') => Inside::Quoted,
                (Inside::QuoteInQuoted, b'"') => {
                    self.bytes.push(b'"');
                    Inside::Quoted
                }
                _ => {
                    self.bytes.push(byte);
                    Inside::Plain
                }
            };
        }
        if self.inside == Inside::Quoted {
            self.bytes.push(b'\n');
            return false;
        }
        self.ends.push(self.bytes.len());
        true
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in order. The lines were checked to be UTF-8 and are cut at ASCII bytes only.
    pub(super) fn cells(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let mut from = 0;
        self.ends.iter().map(move |&to| {
            let cell = text.get(from..to).unwrap_or_default();
            from = to;
            cell
        })
    }
}

/// Why there is no row.
#[derive(Debug)]
pub(super) enum RowError {
    Line(LineError),
    Bad { line: u64, bad: BadRecord },
}

/// Cuts a stream into rows.
pub(super) struct RowReader<R> {
    lines: LineReader<R>,
    delimiter: u8,
    limit: usize,
    row: Row,
    /// Lines of a row that did not end, to be read again without its first.
    again: VecDeque<(u64, Vec<u8>)>,
    /// What was wrong with the line after those.
    after_again: Option<RowError>,
    /// What is wrong with a line of the row that is being read.
    bad: Option<(u64, BadRecord)>,
}

enum Fed {
    /// The row is whole.
    Row,
    /// A quoted cell goes on in the next line.
    Open,
    /// An empty line between rows.
    Blank,
    End,
}

impl<R: Read> RowReader<R> {
    pub(super) fn new(input: R, delimiter: u8, limit: usize) -> Self {
        Self {
            lines: LineReader::new(input, limit),
            delimiter,
            limit,
            row: Row::default(),
            again: VecDeque::new(),
            after_again: None,
            bad: None,
        }
    }

    /// The next row and the line where it starts; `None` after the last.
    pub(super) fn next_row(&mut self) -> Option<Result<(u64, &Row), RowError>> {
        match self.find() {
            Ok(Some(line)) => Some(Ok((line, &self.row))),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn find(&mut self) -> Result<Option<u64>, RowError> {
        self.row.clear();
        self.bad = None;
        let mut kept: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
        let mut held = 0;
        loop {
            let (number, fed) = match self.feed(&mut kept) {
                Ok(fed) => fed,
                Err(error) if kept.is_empty() => return Err(error),
                Err(error) => {
                    self.after_again = Some(error);
                    return Err(self.give_up(kept));
                }
            };
            match fed {
                Fed::Row => match self.bad.take() {
                    Some((line, bad)) => return Err(RowError::Bad { line, bad }),
                    None => return Ok(Some(kept.front().map_or(number, |(line, _)| *line))),
                },
                Fed::Blank => {}
                Fed::End if kept.is_empty() => return Ok(None),
                Fed::End => return Err(self.give_up(kept)),
                Fed::Open => {
                    held += kept.back().map_or(0, |(_, bytes)| bytes.len());
                    if held > self.limit {
                        return Err(self.give_up(kept));
                    }
                }
            }
        }
    }

    /// Gives the next physical line to the row; keeps a copy when the row goes on after it.
    fn feed(&mut self, kept: &mut VecDeque<(u64, Vec<u8>)>) -> Result<(u64, Fed), RowError> {
        let owned;
        let (number, bytes) = match self.again.pop_front() {
            Some((number, bytes)) => {
                owned = bytes;
                (number, owned.as_slice())
            }
            None => {
                if let Some(error) = self.after_again.take() {
                    return Err(error);
                }
                match self.lines.next_line() {
                    None => return Ok((0, Fed::End)),
                    Some(Err(error)) => return Err(RowError::Line(error)),
                    Some(Ok(line)) => (line.number, line.bytes),
                }
            }
        };
        if kept.is_empty() && bytes.is_empty() {
            return Ok((number, Fed::Blank));
        }
        if let Err(bad) = utf8(bytes) {
            self.bad.get_or_insert((number, bad));
        }
        if self.row.push_line(bytes, self.delimiter) {
            return Ok((number, Fed::Row));
        }
        kept.push_back((number, bytes.to_vec()));
        Ok((number, Fed::Open))
    }

    /// The first line of an open row is bad; the others are read again as rows of their own.
    fn give_up(&mut self, mut kept: VecDeque<(u64, Vec<u8>)>) -> RowError {
        let line = kept.pop_front().map_or(0, |(line, _)| line);
        kept.append(&mut self.again);
        self.again = kept;
        RowError::Bad {
            line,
            bad: BadRecord::new(
                "a quoted cell that starts on this line is not closed",
                "close the quote; write a quote inside a cell as \"\"",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], limit: usize) -> Vec<Result<(u64, Vec<String>), String>> {
        let mut reader = RowReader::new(text, b',', limit);
        let mut out = Vec::new();
        while let Some(row) = reader.next_row() {
            out.push(match row {
                Ok((line, row)) => Ok((line, row.cells().map(str::to_owned).collect())),
                Err(RowError::Bad { line, bad }) => Err(format!("{line}:{:?} {}", bad.column, bad.what)),
                Err(RowError::Line(LineError::TooLong { number, bytes })) => {
                    Err(format!("{number}: {bytes}"))
                }
                Err(RowError::Line(LineError::Io { number, source })) => Err(format!("{number}: {source}")),
            });
        }
        out
    }

    fn row(line: u64, cells: &[&str]) -> Result<(u64, Vec<String>), String> {
        Ok((line, cells.iter().map(|c| (*c).to_owned()).collect()))
    }

    #[test]
    fn quotes_commas_and_line_breaks_inside_cells() {
        let got = rows(b"a,\"b, \"\"c\"\"\",\r\n\"two\r\nlines\",x\"y,\n\n,\n", 1000);
        assert_eq!(got[0], row(1, &["a", "b, \"c\"", ""]));
        assert_eq!(got[1], row(2, &["two\nlines", "x\"y", ""]));
        assert_eq!(got[2], row(5, &["", ""]));
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn an_open_quote_costs_one_line() {
        let got = rows(b"a,1\n\"b,2\nc,3\n\"d\",4\n", 1000);
        // The quote that opens on line 2 is closed by the one that opens on line 4.
        assert_eq!(got[1], row(2, &["b,2\nc,3\nd\"", "4"]));
        let got = rows(b"a,1\n\"b,2\nc,3\nd,4\n", 1000);
        assert_eq!(got[0], row(1, &["a", "1"]));
        assert_eq!(got[1], Err("2:None a quoted cell that starts on this line is not closed".into()));
        assert_eq!(got[2..], [row(3, &["c", "3"]), row(4, &["d", "4"])]);
    }

    #[test]
    fn an_open_quote_in_a_long_file_is_given_up_at_the_limit() {
        let mut text = b"\"open\n".to_vec();
        for i in 0..100 {
            text.extend_from_slice(format!("row,{i}\n").as_bytes());
        }
        let got = rows(&text, 64);
        assert_eq!(got.len(), 101);
        assert!(got[0].is_err());
        assert_eq!(got[100], row(101, &["row", "99"]));
    }

    #[test]
    fn a_line_beyond_the_limit_inside_an_open_quote_is_said_too() {
        let got = rows(format!("\"open\n{}\nb,1\n", "x".repeat(90)).as_bytes(), 64);
        assert_eq!(got[0], Err("1:None a quoted cell that starts on this line is not closed".into()));
        assert_eq!(got[1..], [Err("2: 90".into()), row(3, &["b", "1"])]);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_one_error() {
        let got = rows(b"a,b\nc,\xff\nd,e\n", 100);
        assert_eq!(got[1], Err("2:Some(3) invalid UTF-8 (byte 0xff)".into()));
        assert_eq!(got[2], row(3, &["d", "e"]));
    }
}
