//! Finding n-grams of words: words to ids, then a walk from id to id.

use prompt_core::Result;

use super::{NONE, Workspace, given_twice};
use crate::table::{ColumnCounter, Key, KeyMap, Strings};
use crate::text::{Analysis, Prepared};

/// A trie over word ids whose edges lie in one hash table.
#[derive(Debug, Clone)]
pub(crate) struct WordIndex {
    /// Stop words first, then every word of a term.
    words: Strings,
    stops: u32,
    /// By word id: its own column or [`NONE`], and whether longer terms start with it.
    single: Vec<(u32, bool)>,
    /// `node of the words so far << 32 | next word` → (node, column or [`NONE`]). A word's node is its id.
    longer: KeyMap,
    /// Words of the longest term.
    longest: usize,
}

impl WordIndex {
    pub(crate) fn new(analysis: &Analysis, terms: &[String]) -> Result<Self> {
        let mut words = Strings::default();
        for word in analysis.stop_words.words() {
            words.insert(Key::of(word.as_bytes()));
        }
        let stops = words.len() as u32;
        for word in terms.iter().flat_map(|t| t.split(' ')) {
            words.insert(Key::of(word.as_bytes()));
        }
        let mut index = Self {
            single: vec![(NONE, false); words.len()],
            words,
            stops,
            longer: KeyMap::default(),
            longest: 1,
        };
        let mut nodes = index.words.len() as u32;
        for (column, term) in terms.iter().enumerate() {
            let column = column as u32;
            let length = term.split(' ').count();
            let (low, high) = analysis.ngram_range;
            let mut ids = term.split(' ').filter_map(|w| index.words.find(Key::of(w.as_bytes())));
            let Some(first) = ids.next() else { continue };
            let rest: Vec<u32> = ids.collect();
            // A term that this analysis never makes keeps a column of zeros, as a fixed vocabulary may ask for.
            let reachable =
                (low..=high).contains(&length) && first >= stops && rest.iter().all(|&word| word >= stops);
            if !reachable {
                continue;
            }
            let mut place = &mut index.single[first as usize].0;
            let mut node = first;
            for (i, &word) in rest.iter().enumerate() {
                if i == 0 {
                    index.single[first as usize].1 = true;
                }
                let entry = index.longer.entry(u64::from(node) << 32 | u64::from(word));
                if *entry == (0, 0) {
                    *entry = (nodes, NONE);
                    nodes += 1;
                }
                node = entry.0;
                place = &mut entry.1;
            }
            if *place != NONE {
                return Err(given_twice(term));
            }
            *place = column;
            index.longest = index.longest.max(length);
        }
        Ok(index)
    }

    /// Ids of the words of `text`, [`NONE`] for unknown ones, stop words left out.
    #[inline]
    fn tokens(&self, text: &Prepared, mut push: impl FnMut(u32, usize, usize)) {
        text.for_each_word(|start, end| match self.words.find(Key::at(text.buffer(), start, end)) {
            Some(id) if id < self.stops => {}
            found => push(found.unwrap_or(NONE), start, end),
        });
    }

    /// Calls `emit(column, first token, last token)` for every term.
    #[inline]
    fn walk(&self, tokens: &[u32], mut emit: impl FnMut(u32, usize, usize)) {
        for (i, &first) in tokens.iter().enumerate() {
            let Some(&(column, goes_on)) = self.single.get(first as usize) else { continue };
            if column != NONE {
                emit(column, i, i);
            }
            if !goes_on {
                continue;
            }
            let mut node = first;
            for (j, &next) in tokens.iter().enumerate().skip(i + 1).take(self.longest - 1) {
                if next == NONE {
                    break;
                }
                let Some((longer, column)) = self.longer.get(u64::from(node) << 32 | u64::from(next)) else {
                    break;
                };
                if column != NONE {
                    emit(column, i, j);
                }
                node = longer;
            }
        }
    }

    /// For each of other `words` its id here, or [`NONE`].
    pub(crate) fn translate(&self, words: &Strings) -> Vec<u32> {
        let id = |id| self.words.find(Key::of(words.get(id))).unwrap_or(NONE);
        (0..words.len() as u32).map(id).collect()
    }

    /// Counts a text that was cut into ids of this index before.
    #[inline]
    pub(crate) fn count_tokens(&self, tokens: &[u32], counter: &mut ColumnCounter) {
        self.walk(tokens, |column, _, _| counter.add(column, 1));
    }

    #[inline]
    pub(crate) fn count(&self, work: &mut Workspace) {
        let Workspace { text, tokens, counter, .. } = work;
        tokens.clear();
        self.tokens(text, |id, _, _| tokens.push(id));
        self.count_tokens(tokens, counter);
    }

    pub(crate) fn visit(&self, text: &Prepared, found: &mut dyn FnMut(u32, usize, usize)) {
        let (mut tokens, mut places) = (Vec::new(), Vec::new());
        self.tokens(text, |id, start, end| {
            tokens.push(id);
            places.push((start, end));
        });
        self.walk(&tokens, |column, first, last| {
            if let (Some((start, _)), Some((_, end))) = (places.get(first), places.get(last)) {
                found(column, *start, *end);
            }
        });
    }
}
