//! The cells of one CSV row, and what a line does to a cell that is open where it begins.

#[cfg(test)]
thread_local! {
    /// How many bytes were looked at, each as often as it was: for the test that a file is read in one pass.
    pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn look_at(line: &[u8]) {
    #[cfg(test)]
    LOOKED_AT.set(LOOKED_AT.get() + line.len());
    #[cfg(not(test))]
    let _ = line;
}

/// The cells of one row.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Row {
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

impl Inside {
    /// What the next byte is part of.
    fn then(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::QuoteInQuoted,
            (Self::Quoted, _) | (Self::QuoteInQuoted | Self::CellStart, b'"') => Self::Quoted,
            (_, b) if b == delimiter => Self::CellStart,
            _ => Self::Plain,
        }
    }
}

impl Row {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.inside = Inside::CellStart;
    }

    /// Takes in one physical line; `false` when a quoted cell goes on in the next.
    pub(super) fn push_line(&mut self, line: &[u8], delimiter: u8) -> bool {
        look_at(line);
        for &byte in line {
            let next = self.inside.then(byte, delimiter);
            match (self.inside, next) {
                (_, Inside::CellStart) => self.ends.push(self.bytes.len()),
                // The quotes around a cell are no part of it, nor is the first of two.
                (Inside::CellStart, Inside::Quoted) | (_, Inside::QuoteInQuoted) => {}
                _ => self.bytes.push(byte),
            }
            self.inside = next;
        }
        if self.inside == Inside::Quoted {
            self.bytes.push(b'\n');
            return false;
        }
        self.ends.push(self.bytes.len());
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in order. The lines were checked to be UTF-8 and are cut at ASCII bytes only.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or_default();
        let mut from = 0;
        self.ends.iter().map(move |&to| {
            let cell = text.get(from..to).unwrap_or_default();
            from = to;
            cell
        })
    }
}

/// What a line does to the quoted cell that is open where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The cell goes on behind it.
    LeavesOpen,
    /// It ends the cell, and another one that begins on it goes on.
    OpensAnother,
    /// It ends the row.
    Closes,
    /// Text follows the quote that would have ended the cell, so that quote begins a cell, and the open one was a slip.
    Breaks,
}

impl Effect {
    pub(super) fn of(line: &[u8], delimiter: u8) -> Self {
        look_at(line);
        let (mut inside, mut first) = (Inside::Quoted, true);
        for &byte in line {
            let next = inside.then(byte, delimiter);
            // Some programs put spaces behind a quoted cell.
            if first
                && (inside, next) == (Inside::QuoteInQuoted, Inside::Plain)
                && !byte.is_ascii_whitespace()
            {
                return Self::Breaks;
            }
            first &= next != Inside::CellStart;
            inside = next;
        }
        match (inside, first) {
            (Inside::Quoted, true) => Self::LeavesOpen,
            (Inside::Quoted, false) => Self::OpensAnother,
            _ => Self::Closes,
        }
    }
}
