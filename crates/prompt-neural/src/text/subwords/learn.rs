//! Which pairs are joined: the most frequent, again and again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use prompt_core::{FitContext, Result};

use super::{Merges, NONE, Pair};

/// Learns at most `most` tokens from words and how often they occur: characters that occur at least `least` times (the most
/// frequent, where there are too many), in the order of their code points, then pairs that do, at least twice.
///
/// # Errors
/// Cancellation and time limits.
pub(in crate::text) fn subwords(
    words: &BTreeMap<Vec<char>, u64>,
    least: u64,
    most: usize,
    ctx: &FitContext,
) -> Result<(Vec<String>, Merges)> {
    let mut tokens = alphabet(words, least, most);
    let mut merges = Merges::of(&tokens);
    let mut numbers: HashMap<String, u32> =
        tokens.iter().enumerate().map(|(i, token)| (token.clone(), i as u32)).collect();
    let mut corpus = Corpus::new(words, &merges);
    while tokens.len() < most {
        ctx.check()?;
        let Some(pair) = corpus.most_frequent(least.max(2)) else { break };
        let joined = format!("{}{}", tokens[pair.0 as usize], tokens[pair.1 as usize]);
        // Another pair may have spelled the same token before.
        let number = *numbers.entry(joined).or_insert_with_key(|joined| {
            tokens.push(joined.clone());
            tokens.len() as u32 - 1
        });
        merges.push(pair, number);
        corpus.join(pair, number);
    }
    Ok((tokens, merges))
}

fn alphabet(words: &BTreeMap<Vec<char>, u64>, least: u64, most: usize) -> Vec<String> {
    let mut counts: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in words {
        word.iter().for_each(|c| *counts.entry(*c).or_default() += count);
    }
    let mut kept: Vec<(char, u64)> = counts.into_iter().filter(|(_, count)| *count >= least).collect();
    kept.sort_by_key(|(_, count)| Reverse(*count));
    kept.truncate(most);
    kept.sort_unstable();
    kept.into_iter().map(|(c, _)| c.to_string()).collect()
}

/// Words as they are spelled so far, and the pairs in them.
struct Corpus {
    words: Vec<(Vec<u32>, u64)>,
    counts: HashMap<Pair, u64>,
    /// In which words a pair may be; a word may come twice.
    places: HashMap<Pair, Vec<u32>>,
    /// The most frequent on top; counts may have changed since they were put here.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Corpus {
    fn new(words: &BTreeMap<Vec<char>, u64>, merges: &Merges) -> Self {
        let words: Vec<(Vec<u32>, u64)> =
            words.iter().map(|(word, count)| (merges.spell(word), *count)).collect();
        let mut corpus =
            Self { words, counts: HashMap::new(), places: HashMap::new(), queue: BinaryHeap::new() };
        for word in 0..corpus.words.len() {
            for at in 1..corpus.words[word].0.len() {
                let symbols = &corpus.words[word].0;
                corpus.gain((symbols[at - 1], symbols[at]), word as u32);
            }
        }
        corpus.queue = corpus.counts.iter().map(|(pair, count)| (*count, Reverse(*pair))).collect();
        corpus
    }

    /// Counts a pair that a word has.
    fn gain(&mut self, (left, right): Pair, word: u32) {
        if left == NONE || right == NONE {
            return;
        }
        *self.counts.entry((left, right)).or_default() += self.words[word as usize].1;
        let places = self.places.entry((left, right)).or_default();
        if places.last() != Some(&word) {
            places.push(word);
        }
    }

    /// Counts a pair no more that a word had.
    fn lose(&mut self, pair: Pair, word: u32) {
        if let Some(count) = self.counts.get_mut(&pair) {
            *count -= self.words[word as usize].1;
        }
    }

    /// The pair that is joined next, if it occurs at least so often.
    fn most_frequent(&mut self, least: u64) -> Option<Pair> {
        while let Some((count, Reverse(pair))) = self.queue.pop() {
            let now = self.counts.get(&pair).copied().unwrap_or(0);
            if now == count {
                return (count >= least).then_some(pair);
            }
            if now > 0 {
                self.queue.push((now, Reverse(pair)));
            }
        }
        None
    }

    /// Joins a pair in all words, from the left. What is counted anew are the pairs at its places, not all of a word:
    /// time grows with how often the pair occurs.
    fn join(&mut self, pair: Pair, number: u32) {
        let mut gained: Vec<Pair> = Vec::new();
        for word in self.places.remove(&pair).unwrap_or_default() {
            let symbols = std::mem::take(&mut self.words[word as usize].0);
            let mut joined = Vec::with_capacity(symbols.len());
            let mut at = 0;
            while at < symbols.len() {
                if !symbols[at..].starts_with(&[pair.0, pair.1]) {
                    joined.push(symbols[at]);
                    at += 1;
                    continue;
                }
                let before = joined.last().map(|&before| [(before, pair.0), (before, number)]);
                let behind = symbols.get(at + 2).map(|&behind| [(pair.1, behind), (number, behind)]);
                for [old, new] in before.into_iter().chain(behind) {
                    self.lose(old, word);
                    self.gain(new, word);
                    gained.push(new);
                }
                joined.push(number);
                at += 2;
            }
            self.words[word as usize].0 = joined;
        }
        self.counts.remove(&pair);
        gained.sort_unstable();
        gained.dedup();
        let counted = |pair: &Pair| Some((*self.counts.get(pair)?, Reverse(*pair)));
        self.queue.extend(gained.iter().filter_map(counted));
    }
}
