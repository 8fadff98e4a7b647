//! A normalised text with its token characters marked, in memory that is kept from text to text.

use super::analyse::{Analysis, Analyzer, TokenPattern};
use super::normalise::Origins;
use super::unicode::{is_space, is_space_byte, is_word, is_word_byte};

/// Bytes that may be read after any token.
const PADDING: usize = 17;

/// ` normalised text      …`: a space before, spaces after up to a whole number of 64-byte blocks, and a bit a byte
/// that says whether the byte belongs to a token.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    buffer: Vec<u8>,
    /// One past the text's last byte.
    end: usize,
    marks: Vec<u64>,
    ascii: bool,
    /// Whether a single word character is a word.
    single: bool,
}

impl Prepared {
    /// Normalises `text`, and marks words (`word`) or what is not white space (`char_wb`). With `origins` the way
    /// back is noted too.
    pub(crate) fn fill(&mut self, text: &str, analysis: &Analysis, origins: Option<&mut Origins>) {
        self.buffer.clear();
        self.buffer.push(b' ');
        if text.is_ascii() && origins.is_none() && analysis.analyzer != Analyzer::Char {
            self.buffer.extend_from_slice(text.as_bytes());
            if analysis.lowercase {
                self.buffer.make_ascii_lowercase();
            }
            if analysis.analyzer == Analyzer::CharWb {
                self.buffer.iter_mut().filter(|b| is_space_byte(**b)).for_each(|b| *b = b' ');
            }
        } else {
            self.normalise(text, analysis, origins);
        }
        self.end = self.buffer.len();
        self.ascii = self.buffer.is_ascii();
        self.single = analysis.token_pattern == TokenPattern::OneOrMore;
        self.buffer.resize((self.end + PADDING).next_multiple_of(64), b' ');
        match analysis.analyzer {
            Analyzer::Word => self.mark_words(),
            Analyzer::CharWb => mark(&mut self.marks, &self.buffer, |b| !is_space_byte(b)),
            Analyzer::Char => self.marks.clear(),
        }
    }

    fn normalise(&mut self, text: &str, analysis: &Analysis, mut origins: Option<&mut Origins>) {
        let normaliser = analysis.normaliser();
        let mut utf8 = [0; 4];
        // Where the white space at the end of the buffer starts, if there is some.
        let mut space = None;
        if let Some(origins) = &mut origins {
            origins.push(1, 0..0);
        }
        for (at, c) in text.char_indices() {
            let range = at..at + c.len_utf8();
            let before = self.buffer.len();
            normaliser.character(text, at, c, |c| {
                let mut bytes = c.encode_utf8(&mut utf8).as_bytes();
                if analysis.analyzer != Analyzer::Word && is_space(c) {
                    match (analysis.analyzer, space) {
                        (Analyzer::Char, Some(start)) => {
                            self.buffer.truncate(start);
                            bytes = b" ";
                        }
                        (Analyzer::Char, None) => space = Some(self.buffer.len()),
                        _ => bytes = b" ",
                    }
                } else {
                    space = None;
                }
                self.buffer.extend_from_slice(bytes);
            });
            if let Some(origins) = &mut origins {
                match self.buffer.len().checked_sub(before) {
                    None | Some(0) => origins.swallow(self.buffer.len(), &range),
                    Some(n) => origins.push(n, range),
                }
            }
        }
    }

    fn mark_words(&mut self) {
        mark(&mut self.marks, &self.buffer, is_word_byte);
        if self.ascii {
            return;
        }
        let text = std::str::from_utf8(&self.buffer).unwrap_or_default();
        let mut from = 0;
        while let Some(skip) = self.buffer[from..].iter().position(|b| !b.is_ascii()) {
            from += skip;
            for (at, c) in text[from..].char_indices() {
                if c.is_ascii() {
                    from += at;
                    break;
                }
                if is_word(c) {
                    (from + at..from + at + c.len_utf8()).for_each(|i| self.marks[i >> 6] |= 1 << (i & 63));
                }
            }
        }
    }

    /// The bytes, with one space before the text and at least 17 after.
    pub(crate) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// One past the text's last byte in [`buffer`](Self::buffer); its first is at 1.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// `start..end` without a space at either end: the spaces around a word of `char_wb` are not the text's own.
    pub(crate) fn without_spaces(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let space = |at: usize| self.buffer.get(at) == Some(&b' ');
        let start = if space(start) { start + 1 } else { start };
        start..if end > start && space(end - 1) { end - 1 } else { end }
    }

    /// Whether all bytes are ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Calls `visit(start, end)` for each run of marked bytes.
    #[inline]
    pub(crate) fn for_each_run(&self, mut visit: impl FnMut(usize, usize)) {
        let mut carry = 0;
        let mut start = None;
        for (i, &marks) in self.marks.iter().enumerate() {
            // A bit where the class changes; the padding closes the last run.
            let mut edges = marks ^ (marks << 1 | carry);
            carry = marks >> 63;
            while edges != 0 {
                let at = i << 6 | edges.trailing_zeros() as usize;
                edges &= edges - 1;
                match start.take() {
                    Some(start) => visit(start, at),
                    None => start = Some(at),
                }
            }
        }
    }

    /// Calls `visit(start, end)` for each word: a run of word characters as long as the token pattern asks for.
    #[inline]
    pub(crate) fn for_each_word(&self, mut visit: impl FnMut(usize, usize)) {
        if self.single {
            return self.for_each_run(visit);
        }
        let ascii = self.ascii;
        self.for_each_run(|start, end| {
            let one =
                end - start < 2 || !ascii && end - start <= 4 && is_one_character(&self.buffer[start..end]);
            if !one {
                visit(start, end);
            }
        });
    }
}

fn is_one_character(bytes: &[u8]) -> bool {
    bytes.iter().filter(|b| **b & 0xC0 != 0x80).count() == 1
}

/// One bit a byte, 64 at a time: written so that the class is computed on whole vectors.
#[inline]
fn mark(marks: &mut Vec<u64>, buffer: &[u8], class: impl Fn(u8) -> bool) {
    marks.clear();
    marks.extend(buffer.as_chunks::<64>().0.iter().map(|block| {
        let mut flags = [0u8; 64];
        for (flag, &b) in flags.iter_mut().zip(block) {
            *flag = u8::from(class(b));
        }
        let mut bits = 0;
        for (i, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
            // The product gathers the lowest bit of each byte in its top byte.
            let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            bits |= gathered << (8 * i);
        }
        bits
    }));
}
