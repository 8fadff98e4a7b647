//! Finding n-grams of characters: up to seven bytes are a number, longer ones are interned.

use prompt_core::Result;

use super::{Workspace, given_twice};
use crate::table::{Key, KeyMap, Strings};
use crate::text::{Analysis, Analyzer, Prepared, for_each_gram};

#[derive(Debug, Clone)]
pub(crate) struct GramIndex {
    /// Packed bytes → (column, 1).
    short: KeyMap,
    long: Strings,
    /// Columns of `long` by id.
    columns: Vec<u32>,
}

impl GramIndex {
    pub(crate) fn new(terms: &[String]) -> Result<Self> {
        let mut index =
            Self { short: KeyMap::with_capacity(terms.len()), long: Strings::default(), columns: Vec::new() };
        for (column, term) in terms.iter().enumerate() {
            let key = Key::of(term.as_bytes());
            if let Some(packed) = key.packed() {
                let entry = index.short.entry(packed);
                if entry.1 == 1 {
                    return Err(given_twice(term));
                }
                *entry = (column as u32, 1);
            } else {
                if (index.long.insert(key) as usize) < index.columns.len() {
                    return Err(given_twice(term));
                }
                index.columns.push(column as u32);
            }
        }
        Ok(index)
    }

    #[inline]
    fn column(&self, key: Key<'_>) -> Option<u32> {
        match key.packed() {
            Some(packed) => self.short.get(packed).map(|entry| entry.0),
            None => self.long.find(key).and_then(|id| self.columns.get(id as usize).copied()),
        }
    }

    #[inline]
    pub(crate) fn count(&self, analysis: &Analysis, work: &mut Workspace) {
        let Workspace { text, bounds, counter, .. } = work;
        for_each_gram(text, analysis.analyzer, analysis.ngram_range, bounds, |start, end| {
            if let Some(column) = self.column(Key::at(text.buffer(), start, end)) {
                counter.add(column, 1);
            }
        });
    }

    /// The spaces around a word of `char_wb` are not the text's own: a range leaves them out.
    pub(crate) fn visit(
        &self,
        analysis: &Analysis,
        text: &Prepared,
        found: &mut dyn FnMut(u32, usize, usize),
    ) {
        let buffer = text.buffer();
        for_each_gram(text, analysis.analyzer, analysis.ngram_range, &mut Vec::new(), |start, end| {
            let Some(column) = self.column(Key::at(buffer, start, end)) else { return };
            if analysis.analyzer == Analyzer::Char {
                return found(column, start, end);
            }
            let start = if buffer[start] == b' ' { start + 1 } else { start };
            let end = if end > start && buffer[end - 1] == b' ' { end - 1 } else { end };
            if start < end {
                found(column, start, end);
            }
        });
    }
}
