//! Texts read once: every distinct word interned, every text a list of word ids.

use std::ops::Range;

use prompt_core::{FitContext, Texts};

use crate::table::{Key, Strings};
use crate::text::{Analysis, Analyzer, Prepared};

/// Fixed blocks of rows, whatever the number of threads.
pub(crate) fn blocks(rows: usize) -> Vec<Range<usize>> {
    let size = rows.div_ceil(16).clamp(128, 16_384);
    (0..rows).step_by(size).map(|start| start..rows.min(start + size)).collect()
}

/// The words of many texts. Stop words have the first ids and leave no token.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) words: Strings,
    /// How often each word occurs, by id.
    pub(crate) counts: Vec<u64>,
    pub(crate) blocks: Vec<Tokens>,
}

/// The word ids of a block of texts.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) ids: Vec<u32>,
    /// Where each text ends in `ids`.
    pub(crate) ends: Vec<usize>,
}

impl Tokens {
    /// The range of each text in `ids`.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| std::mem::replace(&mut start, end)..end)
    }
}

impl Corpus {
    /// Reads the words (`word`) or what stands between white space (`char_wb`).
    pub(crate) fn read(analysis: &Analysis, texts: &dyn Texts, ctx: &FitContext) -> Self {
        let mut stop_words = Strings::default();
        for word in analysis.stop_words.words() {
            stop_words.insert(Key::of(word.as_bytes()));
        }
        let ranges = blocks(texts.count());
        let read = ctx.map(ranges.len(), |b| {
            Reader::read(analysis, &stop_words, ranges[b].clone().map(|i| texts.text(i)))
        });
        // One after the other: ids depend on the order of the blocks alone.
        let (mut words, mut counts) = (Strings::default(), Vec::<u64>::new());
        let mut common = Vec::with_capacity(read.len());
        for block in &read {
            let ids = (0..).zip(&block.counts).map(|(id, count)| {
                let id = words.insert(Key::of(block.words.get(id)));
                match counts.get_mut(id as usize) {
                    Some(sum) => *sum += count,
                    None => counts.push(*count),
                }
                id
            });
            common.push(ids.collect::<Vec<u32>>());
        }
        let blocks = ctx.map(read.len(), |b| Tokens {
            ids: read[b].tokens.ids.iter().map(|&id| common[b][id as usize]).collect(),
            ends: read[b].tokens.ends.clone(),
        });
        Self { words, counts, blocks }
    }

    /// The most frequent words, at most `n`; of equally frequent ones those seen first.
    pub(crate) fn frequent(&self, n: usize) -> Strings {
        most_frequent(&self.words, &self.counts, n)
    }
}

/// So many of the most frequent words are looked up once and for all.
pub(super) const REMEMBERED: usize = 8192;

/// The strings of the largest counts (by id), at most `n`; of equal ones those of the lowest id.
pub(super) fn most_frequent(strings: &Strings, counts: &[u64], n: usize) -> Strings {
    let mut ids: Vec<u32> = (0..strings.len() as u32).collect();
    ids.sort_unstable_by_key(|id| (std::cmp::Reverse(counts[*id as usize]), *id));
    let mut frequent = Strings::default();
    for id in ids.into_iter().take(n) {
        frequent.insert(Key::of(strings.get(id)));
    }
    frequent
}

/// The words of a block, with ids of its own.
struct Reader {
    words: Strings,
    counts: Vec<u64>,
    tokens: Tokens,
}

impl Reader {
    fn read<'a>(analysis: &Analysis, stop_words: &Strings, texts: impl Iterator<Item = &'a str>) -> Self {
        let mut this =
            Self { words: stop_words.clone(), counts: vec![0; stop_words.len()], tokens: Tokens::default() };
        let stops = stop_words.len() as u32;
        let mut prepared = Prepared::default();
        for text in texts {
            prepared.fill(text, analysis, None);
            let mut token = |start, end| {
                let id = this.words.insert(Key::at(prepared.buffer(), start, end));
                if id < stops {
                    return;
                }
                match this.counts.get_mut(id as usize) {
                    Some(count) => *count += 1,
                    None => this.counts.push(1),
                }
                this.tokens.ids.push(id);
            };
            if analysis.analyzer == Analyzer::Word {
                prepared.for_each_word(&mut token);
            } else {
                prepared.for_each_run(&mut token);
            }
            this.tokens.ends.push(this.tokens.ids.len());
        }
        this
    }
}
