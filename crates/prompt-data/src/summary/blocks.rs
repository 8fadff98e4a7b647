//! A CSV stream in blocks that begin and end between rows, and the rows of a block.

use std::io::Read;

use memchr::{memchr, memchr_iter, memrchr};

/// Bytes of a block; the result does not depend on how fast they come.
pub(super) const BLOCK: usize = 8 << 20;

/// Cuts a stream into blocks.
pub(super) struct Blocks<R> {
    input: R,
    rest: Vec<u8>,
    delimiter: u8,
    limit: usize,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(input: R, delimiter: u8, limit: usize) -> Self {
        Self { input, rest: Vec::new(), delimiter, limit, ended: false }
    }

    /// The next block; `None` behind the last. A stream that fails gives what stood before it first.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            if !self.ended {
                let wanted = BLOCK.saturating_sub(self.rest.len()).max(BLOCK / 8);
                let read = (&mut self.input).take(wanted as u64).read_to_end(&mut self.rest)?;
                self.ended = read < wanted;
            }
            if self.ended {
                let last = std::mem::take(&mut self.rest);
                return Ok((!last.is_empty()).then_some(last));
            }
            let cut = match cut(&self.rest, self.delimiter) {
                // A row longer than that is no row: a quote in it was never closed.
                None if self.rest.len() > self.limit => memrchr(b'\n', &self.rest).map(|at| at + 1),
                cut => cut,
            };
            if let Some(cut) = cut {
                let tail = self.rest.split_off(cut);
                return Ok(Some(std::mem::replace(&mut self.rest, tail)));
            }
        }
    }
}

/// The place behind the last line break that is in no quoted cell; the bytes begin a row.
fn cut(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut from = 0;
    let mut last = None;
    loop {
        let open = opening(bytes, from, delimiter);
        let outside = &bytes[from..open.unwrap_or(bytes.len())];
        last = memrchr(b'\n', outside).map(|at| from + at + 1).or(last);
        let Some(open) = open else { return last };
        let Some(close) = closing(bytes, open) else { return last };
        from = close + 1;
    }
}

/// The next quote that begins a cell.
fn opening(bytes: &[u8], from: usize, delimiter: u8) -> Option<usize> {
    let begins = |at: usize| match at.checked_sub(1).map(|before| bytes[before]) {
        None | Some(b'\n') => true,
        Some(before) => before == delimiter,
    };
    memchr_iter(b'"', &bytes[from..]).map(|at| from + at).find(|at| begins(*at))
}

/// The quote that ends the cell which begins at `open`; two in a row are one inside.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Cells of rows of one width: where each begins and ends in the block, or behind its end in `unquoted`.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) cells: Vec<(u32, u32)>,
    /// Cells whose doubled quotes were undone, a zero byte behind each.
    unquoted: Vec<u8>,
}

/// What a row turned out to be.
pub(super) enum Found {
    Row,
    Blank,
    /// A row with so many cells.
    Width(usize),
    Unclosed,
}

impl Rows {
    /// Forgets the cells; what was unquoted stays, because places in it may be asked for later.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
    }

    /// The bytes of the cell that begins at a place in the block, or behind its end.
    pub(super) fn text_at(&self, block: &[u8], place: usize, delimiter: u8) -> String {
        let bytes = match place.checked_sub(block.len()) {
            Some(from) => {
                let rest = self.unquoted.get(from..).unwrap_or_default();
                &rest[..memchr(0, rest).unwrap_or(rest.len())]
            }
            None if place > 0 && block[place - 1] == b'"' => {
                &block[place..memchr(b'"', &block[place..]).map_or(block.len(), |n| place + n)]
            }
            None => &block[place..special(block, place, delimiter)],
        };
        String::from_utf8_lossy(bytes.trim_ascii()).into_owned()
    }

    /// A cell's bytes, without the spaces around it.
    pub(super) fn cell<'a>(&'a self, block: &'a [u8], (from, to): (u32, u32)) -> &'a [u8] {
        let (from, to) = (from as usize, to as usize);
        let bytes = match from.checked_sub(block.len()) {
            None => &block[from..to],
            Some(from) => &self.unquoted[from..to - block.len()],
        };
        match bytes {
            [b' ' | b'\t' | b'\r', ..] | [.., b' ' | b'\t' | b'\r'] => bytes.trim_ascii(),
            _ => bytes,
        }
    }

    /// Reads the row that begins at `*at` and moves there where the next one begins. A row of another width, or one
    /// whose quote is never closed, leaves no cells.
    pub(super) fn read(&mut self, block: &[u8], at: &mut usize, delimiter: u8, width: usize) -> Found {
        let (first, start) = (self.cells.len(), *at);
        loop {
            let cell = *at;
            if block.get(cell) == Some(&b'"') {
                let Some(close) = closing(block, cell) else {
                    self.cells.truncate(first);
                    *at = memchr(b'\n', &block[start..]).map_or(block.len(), |n| start + n + 1);
                    return Found::Unclosed;
                };
                let inside = &block[cell + 1..close];
                *at = special(block, close + 1, delimiter);
                if memchr(b'"', inside).is_some() || *at > close + 1 {
                    let from = self.unquoted.len();
                    let mut quotes = 0;
                    self.unquoted.extend(inside.iter().filter(|b| {
                        quotes = if **b == b'"' { quotes + 1 } else { 0 };
                        quotes % 2 != 0 || quotes == 0
                    }));
                    // What follows the closing quote belongs to the cell, as the readers take it.
                    self.unquoted.extend(block[close + 1..*at].trim_ascii_end());
                    let place = |n: usize| (block.len() + n) as u32;
                    self.cells.push((place(from), place(self.unquoted.len())));
                    self.unquoted.push(0);
                } else {
                    self.cells.push((cell as u32 + 1, close as u32));
                }
            } else {
                *at = special(block, cell, delimiter);
                self.cells.push((cell as u32, *at as u32));
            }
            if block.get(*at) == Some(&delimiter) {
                *at += 1;
                continue;
            }
            *at = (*at + 1).min(block.len());
            break;
        }
        let found = self.cells.len() - first;
        if found == width && !(width == 1 && block[start..*at].trim_ascii().is_empty()) {
            return Found::Row;
        }
        self.cells.truncate(first);
        if block[start..*at].trim_ascii().is_empty() { Found::Blank } else { Found::Width(found) }
    }
}

/// The next delimiter or line break from `from` on, or the end: eight bytes at a time.
fn special(bytes: &[u8], from: usize, delimiter: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (d, n) = (u64::from(delimiter) * ONES, u64::from(b'\n') * ONES);
    let mut at = from;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let (x, y) = (word ^ d, word ^ n);
        // The lowest byte that is zero in x or y keeps its high bit.
        let hit = (x.wrapping_sub(ONES) & !x | y.wrapping_sub(ONES) & !y) & HIGH;
        if hit != 0 {
            return at + (hit.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|b| *b == delimiter || *b == b'\n').unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(block: &[u8], width: usize) -> (Vec<Vec<String>>, usize) {
        let (mut rows, mut at, mut all, mut bad) = (Rows::default(), 0, Vec::new(), 0);
        while at < block.len() {
            rows.clear();
            match rows.read(block, &mut at, b',', width) {
                Found::Row => all.push(
                    rows.cells
                        .iter()
                        .map(|c| String::from_utf8_lossy(rows.cell(block, *c)).into_owned())
                        .collect(),
                ),
                Found::Blank => {}
                _ => bad += 1,
            }
        }
        (all, bad)
    }

    #[test]
    fn cells_are_cut_with_quotes_and_without() {
        let (all, bad) =
            rows(b"a,bb\r\n\"x,y\", long enough cell \n\n\"say \"\"hi\"\"\",\"two\nlines\"\n1\n,\n", 2);
        assert_eq!(bad, 1);
        assert_eq!(all, [["a", "bb"], ["x,y", "long enough cell"], ["say \"hi\"", "two\nlines"], ["", ""]]);
        let (all, bad) = rows(b"\"open,1\nb,2\n", 2);
        assert_eq!((all, bad), (vec![vec!["b".to_owned(), "2".to_owned()]], 1));
    }

    #[test]
    fn blocks_end_between_rows() {
        assert_eq!(cut(b"a,b\nc", b','), Some(4));
        assert_eq!(cut(b"a,\"x\ny\"\nc,\"d\ne", b','), Some(8));
        assert_eq!(cut(b"a,\"x\ny", b','), None);
        // A quote in the middle of a cell is a letter like any other.
        assert_eq!(cut(b"5\" pipe,b\nc", b','), Some(10));
    }
}
