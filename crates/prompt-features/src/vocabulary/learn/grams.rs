//! Counting n-grams of characters: of each distinct word once (`char_wb`), or of all texts (`char`).

use prompt_core::{FitContext, Result, Texts};

use super::{Keep, select};
use crate::table::{Key, KeyMap, Strings, unpacked};
use crate::text::{Analysis, Prepared, for_each_gram};
use crate::vocabulary::corpus::{Corpus, blocks};

/// Counts of byte strings, the short ones as numbers.
#[derive(Default)]
struct Tally {
    short: KeyMap,
    long: Strings,
    /// Counts of `long` by id.
    counts: Vec<u64>,
}

impl Tally {
    #[inline]
    fn add(&mut self, key: Key<'_>, n: u64) {
        match key.packed() {
            Some(packed) => add_wide(self.short.entry(packed), n),
            None => {
                let id = self.long.insert(key) as usize;
                match self.counts.get_mut(id) {
                    Some(count) => *count += n,
                    None => self.counts.push(n),
                }
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        for (packed, count) in other.short.iter() {
            add_wide(self.short.entry(packed), wide(count));
        }
        for (id, &count) in other.counts.iter().enumerate() {
            self.add(Key::of(other.long.get(id as u32)), count);
        }
    }

    /// All counts in an order of their own.
    fn counts(&self) -> Vec<u64> {
        self.short.iter().map(|(_, count)| wide(count)).chain(self.counts.iter().copied()).collect()
    }

    fn at_least(&self, floor: u64) -> Vec<(String, u64)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let short = self.short.iter().map(|(packed, count)| (packed, wide(count)));
        let short = short.filter(|(_, n)| *n >= floor).map(|(packed, n)| (text(&unpacked(packed)), n));
        let long = self.counts.iter().enumerate().filter(|(_, n)| **n >= floor);
        short.chain(long.map(|(id, &n)| (text(self.long.get(id as u32)), n))).collect()
    }
}

/// A count in two halves.
fn wide((low, high): (u32, u32)) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn add_wide(halves: &mut (u32, u32), n: u64) {
    let sum = wide(*halves).saturating_add(n);
    *halves = (sum as u32, (sum >> 32) as u32);
}

/// The terms of texts taken as they are.
pub(super) fn of_texts(
    analysis: &Analysis,
    texts: &dyn Texts,
    keep: Keep,
    ctx: &FitContext,
) -> Result<Vec<String>> {
    let ranges = blocks(texts.count());
    let tallies = ctx.map(ranges.len(), |b| tally(analysis, ranges[b].clone().map(|i| (texts.text(i), 1))));
    finish(tallies, keep, ctx)
}

/// The terms inside words. A word's n-grams are its own, so each distinct word is cut once and counts as often as
/// it occurs.
pub(super) fn of_words(
    corpus: &Corpus,
    analysis: &Analysis,
    keep: Keep,
    ctx: &FitContext,
) -> Result<Vec<String>> {
    let as_is = analysis.without_normalising();
    let ranges = blocks(corpus.words.len());
    let tallies = ctx.map(ranges.len(), |b| {
        let ids = ranges[b].clone();
        let words = ids.map(|id| (str::from_utf8(corpus.words.get(id as u32)), corpus.counts[id]));
        tally(&as_is, words.filter_map(|(word, n)| Some((word.ok()?, n))))
    });
    finish(tallies, keep, ctx)
}

fn finish(tallies: Vec<Tally>, mut keep: Keep, ctx: &FitContext) -> Result<Vec<String>> {
    ctx.check()?;
    let all = merged(tallies);
    keep.raise(&mut all.counts());
    Ok(select(all.at_least(keep.floor), keep.top))
}

fn merged(tallies: Vec<Tally>) -> Tally {
    let merged = tallies.into_iter().reduce(|mut left, right| {
        left.merge(&right);
        left
    });
    merged.unwrap_or_default()
}

/// The n-grams of some texts, each of which counts n times.
fn tally<'a>(analysis: &Analysis, texts: impl Iterator<Item = (&'a str, u64)>) -> Tally {
    let (mut tally, mut prepared, mut bounds) = (Tally::default(), Prepared::default(), Vec::new());
    for (text, n) in texts {
        prepared.fill(text, analysis, None);
        for_each_gram(&prepared, analysis.analyzer, analysis.ngram_range, &mut bounds, |start, end| {
            tally.add(Key::at(prepared.buffer(), start, end), n);
        });
    }
    tally
}
