//! The elements of one big JSON list, one at a time, without holding the list.

use std::io::{self, Read};

/// One element of the list as text, and where it starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) bytes: &'a [u8],
    /// One-based line of its first byte.
    pub(super) line: u64,
    /// One-based byte column of its first byte.
    pub(super) column: u64,
}

#[derive(Debug)]
pub(super) enum ListError {
    /// The element that starts at this line is longer than the limit; it was skipped.
    TooLong { line: u64 },
    /// Something between the elements, or an element that does not end.
    Broken { line: u64, column: u64, what: &'static str, help: &'static str },
    /// The stream failed.
    Io { line: u64, source: io::Error },
}

/// Cuts a JSON list into its elements by counting brackets outside strings.
///
/// A line break inside a string is illegal in JSON. It shows that a quote is missing, so the cutter gives the element
/// up and goes on at the next line that starts with `{`: one bad element does not swallow the rest.
pub(super) struct ListReader<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    element: Vec<u8>,
    line: u64,
    column: u64,
    limit: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the `[`.
    Start,
    /// After `[` or `,`.
    WantsElement,
    /// After an element.
    WantsComma,
    /// After something broken: the next line that starts with `{` is an element.
    Lost,
    Done,
}

impl<R: Read> ListReader<R> {
    pub(super) fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            buffer: vec![0; 128 * 1024],
            at: 0,
            end: 0,
            element: Vec::new(),
            line: 1,
            column: 0,
            limit,
            state: State::Start,
        }
    }

    /// The next byte, with `line` and `column` set to its place.
    fn byte(&mut self) -> Result<Option<u8>, ListError> {
        while self.at == self.end {
            self.at = 0;
            self.end = match self.input.read(&mut self.buffer) {
                Ok(0) => {
                    self.end = 0;
                    return Ok(None);
                }
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
                Err(source) => {
                    self.state = State::Done;
                    self.end = 0;
                    return Err(ListError::Io { line: self.line, source });
                }
            };
        }
        let byte = self.buffer.get(self.at).copied();
        self.at += 1;
        self.column += 1;
        Ok(byte)
    }

    fn new_line(&mut self) {
        self.line += 1;
        self.column = 0;
    }

    fn broken(&self, what: &'static str, help: &'static str) -> ListError {
        ListError::Broken { line: self.line, column: self.column.max(1), what, help }
    }

    pub(super) fn next_element(&mut self) -> Option<Result<Element<'_>, ListError>> {
        match self.find() {
            Ok(Some((line, column))) => Some(Ok(Element { bytes: &self.element, line, column })),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Goes to the next element and collects it.
    fn find(&mut self) -> Result<Option<(u64, u64)>, ListError> {
        let mut line_start = self.column == 0;
        loop {
            if self.state == State::Done {
                return Ok(None);
            }
            let Some(byte) = self.byte()? else {
                let started = self.state != State::Start;
                self.state = State::Done;
                return if started {
                    Err(self.broken("the list has no closing `]`", "the file may be cut; complete it"))
                } else {
                    Ok(None)
                };
            };
            if byte == b'\n' {
                self.new_line();
                line_start = true;
                continue;
            }
            if byte.is_ascii_whitespace() {
                continue;
            }
            let first = std::mem::take(&mut line_start);
            match (self.state, byte) {
                (State::Start, b'[') => self.state = State::WantsElement,
                // The byte-order mark.
                (State::Start, 0xef | 0xbb | 0xbf) => {}
                (State::Start, _) => {
                    self.state = State::Done;
                    return Err(self.broken("not a JSON list", "start the file with `[`"));
                }
                (State::WantsElement | State::WantsComma, b']') => return self.after_list(),
                (State::Lost, b']') if first => return self.after_list(),
                (State::Lost, b'{') if first => return self.collect(byte).map(Some),
                (State::Lost, _) => {}
                (State::WantsComma, b',') => self.state = State::WantsElement,
                (State::WantsComma, b'{') => {
                    // Said once; the element itself is whole and comes next.
                    self.at -= 1;
                    self.column -= 1;
                    self.state = State::WantsElement;
                    return Err(ListError::Broken {
                        line: self.line,
                        column: self.column + 1,
                        what: "a comma is missing before this element",
                        help: "put a comma between the elements",
                    });
                }
                (State::WantsElement, b',') => {
                    return Err(self.broken("an element is missing before this comma", "remove the comma"));
                }
                (State::WantsComma, _) => {
                    self.state = State::Lost;
                    return Err(self.broken("expected `,` or `]`", "put a comma between the elements"));
                }
                (State::WantsElement, _) => return self.collect(byte).map(Some),
                (State::Done, _) => return Ok(None),
            }
        }
    }

    fn after_list(&mut self) -> Result<Option<(u64, u64)>, ListError> {
        self.state = State::Done;
        while let Some(byte) = self.byte()? {
            match byte {
                b'\n' => self.new_line(),
                b if b.is_ascii_whitespace() => {}
                _ => return Err(self.broken("something follows the list", "remove what comes after `]`")),
            }
        }
        Ok(None)
    }

    /// Collects the element that starts with `byte`; gives its place.
    fn collect(&mut self, byte: u8) -> Result<(u64, u64), ListError> {
        let (line, column) = (self.line, self.column);
        self.element.clear();
        let (mut depth, mut in_string, mut escaped, mut too_long) = (0_u32, false, false, false);
        let mut next = Some(byte);
        while let Some(byte) = next {
            if !in_string && depth == 0 && matches!(byte, b',' | b']') {
                // The element was a bare value; what ended it is looked at again.
                self.at -= 1;
                self.column -= 1;
                return self.finish(too_long, line, column);
            }
            if self.element.len() < self.limit {
                self.element.push(byte);
            } else {
                too_long = true;
            }
            if byte == b'\n' {
                self.new_line();
            }
            if in_string {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = false,
                    b'\n' => {
                        self.state = State::Lost;
                        return Err(ListError::Broken {
                            line,
                            column,
                            what: "a string of this element has a line break in it or is not closed",
                            help: "close the string; write a line break as \\n",
                        });
                    }
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return self.finish(too_long, line, column);
                        }
                    }
                    _ => {}
                }
            }
            next = self.byte()?;
        }
        self.state = State::Done;
        Err(ListError::Broken {
            line,
            column,
            what: "the element that starts here is cut in the middle",
            help: "complete the element or remove it",
        })
    }

    fn finish(&mut self, too_long: bool, line: u64, column: u64) -> Result<(u64, u64), ListError> {
        self.state = State::WantsComma;
        if too_long {
            self.element = Vec::new();
            return Err(ListError::TooLong { line });
        }
        Ok((line, column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<Result<(String, u64, u64), String>> {
        let mut list = ListReader::new(text.as_bytes(), 1000);
        let mut out = Vec::new();
        while let Some(item) = list.next_element() {
            out.push(match item {
                Ok(e) => Ok((String::from_utf8_lossy(e.bytes).into_owned(), e.line, e.column)),
                Err(ListError::Broken { line, column, what, .. }) => Err(format!("{line}:{column} {what}")),
                Err(ListError::TooLong { line }) => Err(format!("{line} too long")),
                Err(ListError::Io { line, source }) => Err(format!("{line} {source}")),
            });
        }
        out
    }

    #[test]
    fn elements_come_with_their_places() {
        let got = cut("[ {\"a\": \"]},[\\\"\"},\n  {\"b\": [1, {}]},7 ]\n");
        let expected = [("{\"a\": \"]},[\\\"\"}", 1, 3), ("{\"b\": [1, {}]}", 2, 3), ("7 ", 2, 18)];
        assert_eq!(got, expected.map(|(t, l, c)| Ok((t.to_owned(), l, c))));
        assert_eq!(cut("[]"), []);
        assert_eq!(cut(" \n "), []);
    }

    #[test]
    fn what_is_wrong_between_elements_is_said_and_the_rest_is_read() {
        assert_eq!(
            cut("[{} {}, , {}"),
            [
                Ok(("{}".into(), 1, 2)),
                Err("1:5 a comma is missing before this element".into()),
                Ok(("{}".into(), 1, 5)),
                Err("1:9 an element is missing before this comma".into()),
                Ok(("{}".into(), 1, 11)),
                Err("1:12 the list has no closing `]`".into()),
            ]
        );
        assert_eq!(cut("[1] x"), [Ok(("1".into(), 1, 2)), Err("1:5 something follows the list".into())]);
        assert_eq!(cut("{}"), [Err("1:1 not a JSON list".into())]);
    }

    #[test]
    fn an_open_string_costs_one_element() {
        let got = cut("[\n{\"a\": \"open},\n{\"b\": 1},\n{\"c\": 2}\n]");
        assert_eq!(
            got[0],
            Err("2:1 a string of this element has a line break in it or is not closed".into())
        );
        assert_eq!(got[1..], [Ok(("{\"b\": 1}".into(), 3, 1)), Ok(("{\"c\": 2}".into(), 4, 1))]);
    }

    #[test]
    fn a_cut_list_keeps_what_came_before() {
        assert_eq!(
            cut("[{\"a\": 1}, {\"a\": 2"),
            [
                Ok(("{\"a\": 1}".into(), 1, 2)),
                Err("1:12 the element that starts here is cut in the middle".into())
            ]
        );
    }

    #[test]
    fn an_element_beyond_the_limit_is_skipped() {
        let long = "x".repeat(2000);
        assert_eq!(cut(&format!("[\"{long}\",\n1]")), [Err("1 too long".into()), Ok(("1".into(), 2, 1))]);
    }
}
