//! Rows of a CSV file (RFC 4180), one at a time.
//!
//! Written here rather than taken from a library for three promises that rest on it: memory is bounded whatever the
//! file holds, a quote that is never closed costs one line instead of the rest of the file, and every error knows its
//! line.
//!
//! A line begins either a row or inside a quoted cell; there is nothing else that the lines before it could have left
//! behind. So what a line does to an open cell is found out once and kept, and a file of nothing but unclosed quotes is
//! still read in one pass:
//!
//! ```text
//! held:   [ begins the row | leaves the cell open … | closes it, breaks it, or not looked at yet … ]
//!           0                1 ..= passed             passed + 1 ..
//! ```

use std::collections::VecDeque;
use std::io::Read;

use super::lines::{LineError, LineReader};
use super::record::{BadRecord, utf8};
use super::row::{Effect, Row};

/// Why there is no row.
#[derive(Debug)]
pub(crate) enum RowError {
    Line(LineError),
    Bad { line: u64, bad: BadRecord },
}

/// A line that was read ahead.
struct Held {
    number: u64,
    bytes: Vec<u8>,
    effect: Option<Effect>,
}

/// What stands behind the lines that were read ahead.
enum Behind {
    More,
    Error(LineError),
    End,
}

/// Cuts a stream into rows.
pub(crate) struct RowReader<R> {
    lines: LineReader<R>,
    delimiter: u8,
    limit: usize,
    row: Row,
    /// The lines of a row that goes over several, or of one that did not end.
    held: VecDeque<Held>,
    /// How many held lines behind the first are known to leave a quoted cell open, and their bytes.
    passed: usize,
    passed_bytes: usize,
    /// The last line passed on which a quoted cell begins.
    opened: u64,
    behind: Behind,
}

impl<R: Read> RowReader<R> {
    pub(crate) fn new(input: R, delimiter: u8, limit: usize) -> Self {
        Self {
            lines: LineReader::new(input, limit),
            delimiter,
            limit,
            row: Row::default(),
            held: VecDeque::new(),
            passed: 0,
            passed_bytes: 0,
            opened: 0,
            behind: Behind::More,
        }
    }

    /// The next row and the line where it starts; `None` after the last.
    pub(crate) fn next_row(&mut self) -> Option<Result<(u64, &Row), RowError>> {
        match self.find() {
            Ok(Some(line)) => Some(Ok((line, &self.row))),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn find(&mut self) -> Result<Option<u64>, RowError> {
        loop {
            self.row.clear();
            if self.held.is_empty() {
                match self.read_row_of_one_line()? {
                    Begun::Row(line) => return Ok(Some(line)),
                    Begun::End => return Ok(None),
                    // The row goes on: its line is held now.
                    Begun::Open => {}
                }
            } else if let Some(first) = self.held.front() {
                let (number, blank) = (first.number, first.bytes.is_empty());
                let bad = utf8(&first.bytes).err();
                let whole = !blank && self.row.push_line(&first.bytes, self.delimiter);
                if blank || whole {
                    self.drop_first();
                    match bad {
                        _ if blank => continue,
                        Some(bad) => return Err(RowError::Bad { line: number, bad }),
                        None => return Ok(Some(number)),
                    }
                }
            }
            return self.finish_open_row().map(Some);
        }
    }

    /// Reads a row from the stream itself, without a copy of its line where it has but one.
    fn read_row_of_one_line(&mut self) -> Result<Begun, RowError> {
        loop {
            match std::mem::replace(&mut self.behind, Behind::More) {
                Behind::More => {}
                Behind::Error(error) => return Err(RowError::Line(error)),
                Behind::End => {
                    self.behind = Behind::End;
                    return Ok(Begun::End);
                }
            }
            let line = match self.lines.next_line() {
                None => {
                    self.behind = Behind::End;
                    continue;
                }
                Some(line) => line.map_err(RowError::Line)?,
            };
            if line.bytes.is_empty() {
                continue;
            }
            if self.row.push_line(line.bytes, self.delimiter) {
                return match utf8(line.bytes) {
                    Ok(_) => Ok(Begun::Row(line.number)),
                    Err(bad) => Err(RowError::Bad { line: line.number, bad }),
                };
            }
            self.held.push_back(Held { number: line.number, bytes: line.bytes.to_vec(), effect: None });
            return Ok(Begun::Open);
        }
    }

    /// Looks for the end of the row that the first held line begins, whose last cell is open.
    fn finish_open_row(&mut self) -> Result<u64, RowError> {
        loop {
            let first = self.held.front().map_or(0, |first| first.bytes.len());
            if first + self.passed_bytes > self.limit {
                return Err(self.give_up_first());
            }
            let last = self.passed + 1;
            if self.held.len() <= last && !self.hold_next() {
                return Err(self.give_up_first());
            }
            let Some(line) = self.held.get_mut(last) else { return Err(self.give_up_first()) };
            let (number, bytes) = (line.number, line.bytes.len());
            let effect = *line.effect.get_or_insert_with(|| Effect::of(&line.bytes, self.delimiter));
            match effect {
                Effect::Breaks => return Err(self.give_up_first()),
                Effect::LeavesOpen | Effect::OpensAnother => {
                    self.passed = last;
                    self.passed_bytes += bytes;
                    if effect == Effect::OpensAnother {
                        self.opened = number;
                    }
                }
                Effect::Closes => return self.take_row(last),
            }
        }
    }

    /// Puts the row together that ends on the held line `last`.
    fn take_row(&mut self, last: usize) -> Result<u64, RowError> {
        let mut start = None;
        let mut wrong = None;
        for (i, line) in self.held.drain(..=last).enumerate() {
            start.get_or_insert(line.number);
            if let Err(bad) = utf8(&line.bytes) {
                wrong.get_or_insert(RowError::Bad { line: line.number, bad });
            }
            // The first was taken in when it was found to be open.
            if i > 0 {
                self.row.push_line(&line.bytes, self.delimiter);
            }
        }
        (self.passed, self.passed_bytes) = (0, 0);
        wrong.map_or(Ok(start.unwrap_or_default()), Err)
    }

    /// Reads one more line ahead; `false` when there is none.
    fn hold_next(&mut self) -> bool {
        if !matches!(self.behind, Behind::More) {
            return false;
        }
        match self.lines.next_line() {
            Some(Ok(line)) => {
                self.held.push_back(Held { number: line.number, bytes: line.bytes.to_vec(), effect: None });
                return true;
            }
            Some(Err(error)) => self.behind = Behind::Error(error),
            None => self.behind = Behind::End,
        }
        false
    }

    /// Forgets the first held line; the one behind it may begin a row.
    fn drop_first(&mut self) {
        self.held.pop_front();
        if let Some(passed) = self.passed.checked_sub(1) {
            self.passed = passed;
            self.passed_bytes -= self.held.front().map_or(0, |line| line.bytes.len());
        }
    }

    /// The first held line is bad; those behind it are read as rows of their own.
    fn give_up_first(&mut self) -> RowError {
        let line = self.held.front().map_or(0, |first| first.number);
        self.drop_first();
        let what = if self.opened > line {
            format!(
                "the row that starts on this line does not end: a quoted cell that starts on line {} is not closed",
                self.opened
            )
        } else {
            "a quoted cell that starts on this line is not closed".to_owned()
        };
        RowError::Bad {
            line,
            bad: BadRecord::new(what, "close the quote; write a quote inside a cell as \"\""),
        }
    }
}

/// How far a line from the stream went.
enum Begun {
    Row(u64),
    Open,
    End,
}

#[cfg(test)]
mod tests {
    use super::super::row::LOOKED_AT;
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
        let open =
            |line: u64| Err(format!("{line}:None a quoted cell that starts on this line is not closed"));
        let got = rows(b"a,1\n\"b,2\nc,3\nd,4\n", 1000);
        assert_eq!(got, [row(1, &["a", "1"]), open(2), row(3, &["c", "3"]), row(4, &["d", "4"])]);
        // A quote behind which text goes on begins a cell: it does not close the one that was left open.
        let got = rows(b"\"b,2\nc,3\n\"d\",4\n5,\"e\"\n", 1000);
        assert_eq!(got, [open(1), row(2, &["c", "3"]), row(3, &["d", "4"]), row(4, &["5", "e"])]);
        // Spaces behind a closing quote are no such text.
        assert_eq!(rows(b"\"b\nc\" ,2\n", 1000), [row(1, &["b\nc ", "2"])]);
    }

    #[test]
    fn the_line_of_the_open_quote_is_named() {
        let got = rows(b"\"a\nb\",\"c\nd,1\n", 1000);
        let first = "1:None the row that starts on this line does not end: a quoted cell that starts on line 2 is not \
                     closed";
        assert_eq!(got[0], Err(first.into()));
        assert_eq!(got[1], Err("2:None a quoted cell that starts on this line is not closed".into()));
        assert_eq!(got[2..], [row(3, &["d", "1"])]);
    }

    #[test]
    fn lines_that_leave_quotes_open_are_looked_at_a_few_times_each() {
        // Each of these closes a cell and opens the next, so no row ever ends.
        for limit in [16 << 20, 10_000] {
            let mut text = "x\",\"y\n".repeat(20_000);
            text.push_str("good,row\n");
            LOOKED_AT.set(0);
            let got = rows(text.as_bytes(), limit);
            assert_eq!(got.len(), 20_001);
            assert_eq!(got[20_000], row(20_001, &["good", "row"]));
            let looks = LOOKED_AT.get() as f64 / text.len() as f64;
            assert!(looks < 3.0, "{looks} looks at each byte with limit {limit}");
        }
        // One quote that a long line breaks, with many lines open before it.
        let text = format!("{}{}\"l\n", "x\",\"y\n".repeat(2000), "z".repeat(20_000));
        LOOKED_AT.set(0);
        assert_eq!(rows(text.as_bytes(), 16 << 20).len(), 2001);
        assert!(LOOKED_AT.get() < 3 * text.len(), "{} looks at {} bytes", LOOKED_AT.get(), text.len());
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
