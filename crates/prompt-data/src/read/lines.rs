//! Lines of bytes from a stream, without copying those that lie whole in the buffer.

use std::io::{self, Read};

const CHUNK: usize = 128 * 1024;

/// One line without its line break (`\n` or `\r\n`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// One-based number in the stream; empty lines are counted.
    pub number: u64,
    /// The bytes of the line.
    pub bytes: &'a [u8],
}

/// Why there is no line.
#[derive(Debug)]
#[non_exhaustive]
pub enum LineError {
    /// The line is longer than the limit. It was skipped; the next call gives the line after it.
    TooLong {
        /// Its number.
        number: u64,
        /// Its length in bytes.
        bytes: u64,
    },
    /// The stream failed while this line was read; there is nothing after it.
    Io {
        /// Its number.
        number: u64,
        /// What the stream said.
        source: io::Error,
    },
}

/// Reads a stream line by line into one buffer that is used again and again.
///
/// A byte-order mark at the start is skipped. Memory is bounded by the longest legal line: what is longer is
/// skipped and said.
///
/// ```
/// use prompt_data::read::LineReader;
/// let mut lines = LineReader::new(&b"one\r\n\ntwo"[..], 1024);
/// let mut seen = Vec::new();
/// while let Some(line) = lines.next_line() {
///     let line = line.unwrap();
///     seen.push((line.number, line.bytes.to_vec()));
/// }
/// assert_eq!(seen, [(1, b"one".to_vec()), (2, b"".to_vec()), (3, b"two".to_vec())]);
/// ```
#[derive(Debug)]
pub struct LineReader<R> {
    input: R,
    buffer: Vec<u8>,
    // The unread bytes are buffer[start..end]; those before `searched` hold no line break.
    start: usize,
    searched: usize,
    end: usize,
    finished: bool,
    number: u64,
    limit: usize,
}

/// Where the next line lies in the buffer.
enum Found {
    At { from: usize, to: usize },
    Nothing,
}

impl<R: Read> LineReader<R> {
    /// Reads `input`; a line may have `limit` bytes.
    pub fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            start: 0,
            searched: 0,
            end: 0,
            finished: false,
            number: 0,
            limit: limit.max(1),
        }
    }

    /// The number of the line last given.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` after the last.
    pub fn next_line(&mut self) -> Option<Result<Line<'_>, LineError>> {
        match self.find() {
            Err(error) => Some(Err(error)),
            Ok(Found::Nothing) => None,
            Ok(Found::At { from, to }) => {
                let bytes = self.buffer.get(from..to).unwrap_or_default();
                Some(Ok(Line { number: self.number, bytes: without_marks(bytes, self.number) }))
            }
        }
    }

    fn find(&mut self) -> Result<Found, LineError> {
        loop {
            let unsearched = self.buffer.get(self.searched..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unsearched) {
                let (from, to) = (self.start, self.searched + at);
                self.start = to + 1;
                self.searched = self.start;
                self.number += 1;
                return self.within_limit(from, to);
            }
            self.searched = self.end;
            if self.finished {
                if self.start == self.end {
                    return Ok(Found::Nothing);
                }
                let (from, to) = (self.start, self.end);
                self.start = self.end;
                self.number += 1;
                return self.within_limit(from, to);
            }
            // One byte more than the limit may be the `\r` of a legal line.
            if self.end - self.start > self.limit.saturating_add(1) {
                return self.skip_line();
            }
            self.fill()?;
        }
    }

    fn within_limit(&self, from: usize, to: usize) -> Result<Found, LineError> {
        let length = to - from;
        let ends_in_return =
            length == self.limit.saturating_add(1) && self.buffer.get(to - 1) == Some(&b'\r');
        if length > self.limit && !ends_in_return {
            return Err(LineError::TooLong { number: self.number, bytes: length as u64 });
        }
        Ok(Found::At { from, to })
    }

    /// Reads on to the next line break, keeping nothing.
    fn skip_line(&mut self) -> Result<Found, LineError> {
        let mut bytes = (self.end - self.start) as u64;
        self.number += 1;
        loop {
            self.start = 0;
            self.searched = 0;
            self.end = 0;
            match self.read_more() {
                Ok(()) => {}
                Err(source) => {
                    self.finished = true;
                    return Err(LineError::Io { number: self.number, source });
                }
            }
            match memchr::memchr(b'\n', self.buffer.get(..self.end).unwrap_or_default()) {
                Some(at) => {
                    self.start = at + 1;
                    self.searched = self.start;
                    bytes += at as u64;
                    break;
                }
                None => bytes += self.end as u64,
            }
            if self.finished {
                self.start = self.end;
                break;
            }
        }
        // A buffer that grew for this line is not kept at that size.
        if self.buffer.len() > 4 * CHUNK && self.end <= CHUNK {
            self.buffer.truncate(CHUNK);
            self.buffer.shrink_to_fit();
        }
        Err(LineError::TooLong { number: self.number, bytes })
    }

    /// Makes room behind the unread bytes and reads into it.
    fn fill(&mut self) -> Result<(), LineError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let grown = (self.buffer.len() * 2).min(self.limit.saturating_add(CHUNK)).max(self.end + CHUNK);
            self.buffer.resize(grown, 0);
        }
        self.read_more().map_err(|source| {
            // What was read of this line is not a line.
            self.finished = true;
            self.start = self.end;
            LineError::Io { number: self.number + 1, source }
        })
    }

    fn read_more(&mut self) -> io::Result<()> {
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.input.read(room) {
                Ok(0) => {
                    self.finished = true;
                    return Ok(());
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// The line without its `\r` and, when it is the first, without a byte-order mark.
fn without_marks(bytes: &[u8], number: u64) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if number == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: impl Read, limit: usize) -> Vec<Result<(u64, String), String>> {
        let mut lines = LineReader::new(input, limit);
        let mut out = Vec::new();
        while let Some(line) = lines.next_line() {
            out.push(match line {
                Ok(line) => Ok((line.number, String::from_utf8_lossy(line.bytes).into_owned())),
                Err(LineError::TooLong { number, bytes }) => Err(format!("{number}: {bytes} bytes")),
                Err(LineError::Io { number, source }) => Err(format!("{number}: {source}")),
            });
        }
        out
    }

    /// Gives its bytes a few at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(room.len());
            room[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let text = b"\xef\xbb\xbffirst\r\n\nthird line\nlast";
        let whole = read(&text[..], 100);
        let expected = [(1, "first"), (2, ""), (3, "third line"), (4, "last")];
        assert_eq!(whole, expected.map(|(n, t)| Ok((n, t.to_owned()))));
        for step in 1..8 {
            assert_eq!(read(Drip(text, step), 100), whole, "{step} bytes at a time");
        }
    }

    #[test]
    fn the_limit_counts_the_line_without_its_break() {
        let got = read(&b"12345\r\n123456\n12345\n"[..], 5);
        assert_eq!(got, [Ok((1, "12345".into())), Err("2: 6 bytes".into()), Ok((3, "12345".into()))]);
    }

    #[test]
    fn a_line_of_fifty_megabytes_is_skipped_and_the_buffer_stays_small() {
        let long = io::repeat(b'x').take(50 << 20);
        let mut lines = LineReader::new(b"a\n".chain(long).chain(&b"\nb\n"[..]), 1 << 20);
        assert_eq!(lines.next_line().unwrap().unwrap().bytes, b"a");
        match lines.next_line().unwrap() {
            Err(LineError::TooLong { number: 2, bytes }) => assert_eq!(bytes, 50 << 20),
            other => panic!("{other:?}"),
        }
        assert!(lines.buffer.capacity() <= 1 << 20, "{} bytes kept", lines.buffer.capacity());
        assert_eq!(lines.next_line().unwrap().unwrap(), Line { number: 3, bytes: b"b" });
        assert!(lines.next_line().is_none());
    }

    #[test]
    fn a_failing_stream_gives_the_whole_lines_before_and_no_half_line() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("cable pulled"))
            }
        }
        let got = read(b"whole\nhal".chain(Fails), 100);
        assert_eq!(got, [Ok((1, "whole".into())), Err("2: cable pulled".into())]);
    }
}
