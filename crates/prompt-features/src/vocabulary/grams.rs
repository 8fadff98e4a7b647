//! Finding n-grams of characters: up to seven bytes are a number, longer ones are interned.

use prompt_core::{FitContext, Result};

use super::corpus::blocks;
use super::{Workspace, given_twice};
use crate::table::{Key, KeyMap, Strings};
use crate::text::{Analysis, Analyzer, Prepared, for_each_gram, grams_between};

#[derive(Debug, Clone)]
pub(crate) struct GramIndex {
    /// Packed bytes → (column, 1).
    short: KeyMap,
    long: Strings,
    /// Columns of `long` by id.
    columns: Vec<u32>,
    /// Frequent words (`char_wb`), whose columns need not be looked up one by one.
    frequent: Strings,
    frequent_grams: WordGrams,
}

impl GramIndex {
    pub(crate) fn new(terms: &[String]) -> Result<Self> {
        let mut index = Self {
            short: KeyMap::with_capacity(terms.len()),
            long: Strings::default(),
            columns: Vec::new(),
            frequent: Strings::default(),
            frequent_grams: WordGrams::default(),
        };
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

    /// Looks the n-grams of these words up once and for all.
    pub(crate) fn remember(&mut self, words: Strings, analysis: &Analysis, ctx: &FitContext) {
        self.frequent_grams = self.grams_of(analysis, &words, ctx);
        self.frequent = words;
    }

    /// The words that were remembered.
    pub(crate) fn frequent(&self) -> &Strings {
        &self.frequent
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
        if analysis.analyzer == Analyzer::Char {
            return self.columns(analysis, text, bounds, |column| counter.add(column, 1));
        }
        text.for_each_run(|start, end| {
            if let Some(id) = self.frequent.find(Key::at(text.buffer(), start, end)) {
                return self.frequent_grams.of(id).iter().for_each(|&column| counter.add(column, 1));
            }
            grams_between(text, start - 1, end + 1, analysis.ngram_range, true, bounds, &mut |from, to| {
                if let Some(column) = self.column(Key::at(text.buffer(), from, to)) {
                    counter.add(column, 1);
                }
            });
        });
    }

    #[inline]
    fn columns(
        &self,
        analysis: &Analysis,
        text: &Prepared,
        bounds: &mut Vec<usize>,
        mut visit: impl FnMut(u32),
    ) {
        for_each_gram(text, analysis.analyzer, analysis.ngram_range, bounds, |start, end| {
            if let Some(column) = self.column(Key::at(text.buffer(), start, end)) {
                visit(column);
            }
        });
    }

    /// The columns of the n-grams of each of `words`, which are normalised.
    pub(crate) fn grams_of(&self, analysis: &Analysis, words: &Strings, ctx: &FitContext) -> WordGrams {
        let ranges = blocks(words.len());
        let as_is = analysis.without_normalising();
        let parts = ctx.map(ranges.len(), |b| {
            let (mut part, mut text, mut bounds) = (WordGrams::default(), Prepared::default(), Vec::new());
            for id in ranges[b].clone() {
                text.fill(str::from_utf8(words.get(id as u32)).unwrap_or_default(), &as_is, None);
                self.columns(&as_is, &text, &mut bounds, |column| part.columns.push(column));
                part.ends.push(part.columns.len());
            }
            part
        });
        let mut all = WordGrams::default();
        for part in parts {
            let base = all.columns.len();
            all.ends.extend(part.ends.iter().map(|end| base + end));
            all.columns.extend(part.columns);
        }
        all
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
            let range = match analysis.analyzer {
                Analyzer::Char => start..end,
                _ => text.without_spaces(start, end),
            };
            if !range.is_empty() {
                found(column, range.start, range.end);
            }
        });
    }
}

/// The columns that the n-grams of each word have, one for each occurrence.
#[derive(Debug, Clone, Default)]
pub(crate) struct WordGrams {
    /// Where each word ends in `columns`.
    ends: Vec<usize>,
    columns: Vec<u32>,
}

impl WordGrams {
    /// Those of word `id`.
    #[inline]
    pub(crate) fn of(&self, id: u32) -> &[u32] {
        let start = if id == 0 { 0 } else { self.ends[id as usize - 1] };
        &self.columns[start..self.ends[id as usize]]
    }
}
