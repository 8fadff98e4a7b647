//! Counting n-grams of words, one length after the other.
//!
//! An n-gram is counted only where both its (n−1)-grams reached the floor, since it cannot occur more often than
//! they do.

use prompt_core::{FitContext, Result};

use super::{Keep, select};
use crate::table::{KeyMap, hash_u64};
use crate::vocabulary::NONE;
use crate::vocabulary::corpus::{Corpus, Tokens};

/// The distinct n-grams of one length: `node of the first n−1 words << 32 | last word`, and their counts. An
/// n-gram's node is its place; a word's is its id.
type Level = Vec<(u64, u64)>;

pub(super) fn learn(
    corpus: &Corpus,
    (low, high): (usize, usize),
    mut keep: Keep,
    ctx: &FitContext,
) -> Result<Vec<String>> {
    let counts = &corpus.counts;
    // The counts of all terms so far, to know how many occurrences a term needs. Stop words have none.
    let mut all: Vec<u64> =
        if low == 1 { counts.iter().copied().filter(|&n| n > 0).collect() } else { Vec::new() };
    keep.raise(&mut all);
    let mut levels: Vec<Level> = Vec::new();
    // By block and place: the node of the (n−1)-gram that starts there.
    let mut nodes: Vec<Vec<u32>> = if high == 1 {
        Vec::new()
    } else {
        ctx.map(corpus.blocks.len(), |b| {
            let frequent = |id: u32| if counts[id as usize] >= keep.floor { id } else { NONE };
            corpus.blocks[b].ids.iter().map(|&id| frequent(id)).collect()
        })
    };
    for n in 2..=high {
        ctx.check()?;
        let mut maps = count_pairs(&corpus.blocks, &nodes, n, ctx);
        let mut level = Level::new();
        for map in &mut maps {
            for (key, values) in map.iter_mut().filter(|(_, values)| u64::from(values.0) >= keep.floor) {
                values.1 = level.len() as u32;
                level.push((key, u64::from(values.0)));
            }
        }
        if n >= low && keep.top.is_some() {
            all.extend(level.iter().map(|gram| gram.1));
            keep.raise(&mut all);
        }
        if n < high {
            nodes = next_nodes(&corpus.blocks, &nodes, n, &maps, keep.floor, ctx);
        }
        levels.push(level);
    }

    let word = |id: u32| String::from_utf8_lossy(corpus.words.get(id));
    let mut terms = Vec::new();
    if low == 1 {
        let kept = (0..).zip(counts).filter(|(_, n)| **n >= keep.floor);
        terms.extend(kept.map(|(id, &n)| (word(id).into_owned(), n)));
    }
    for (at, level) in levels.iter().enumerate().skip(low.saturating_sub(2)) {
        let mut ids = Vec::new();
        for &(key, count) in level.iter().filter(|(_, n)| *n >= keep.floor) {
            ids.clear();
            let mut key = key;
            for below in levels[..at].iter().rev() {
                ids.push(key as u32);
                key = below[(key >> 32) as usize].0;
            }
            ids.extend([key as u32, (key >> 32) as u32]);
            let words: Vec<_> = ids.iter().rev().map(|&id| word(id)).collect();
            terms.push((words.join(" "), count));
        }
    }
    Ok(select(terms, keep.top))
}

/// How many parts the n-grams are counted in, by the upper bits of their hashes: a part's table fits the cache.
const PARTS: usize = 64;

fn part(key: u64) -> usize {
    (hash_u64(key) >> 58) as usize
}

/// Calls `visit(place, key)` for each n-gram whose (n−1)-grams both have a node.
fn for_each_pair(tokens: &Tokens, nodes: &[u32], n: usize, mut visit: impl FnMut(usize, u64)) {
    for text in tokens.texts().filter(|text| text.len() >= n) {
        let (starts, ends) = (text.start, text.end - (n - 1));
        let seconds = &nodes[starts + 1..ends + 1];
        let lasts = &tokens.ids[starts + n - 1..text.end];
        for (i, ((&first, &second), &last)) in nodes[starts..ends].iter().zip(seconds).zip(lasts).enumerate()
        {
            if first != NONE && second != NONE {
                visit(starts + i, u64::from(first) << 32 | u64::from(last));
            }
        }
    }
}

/// The counts of all n-grams, by part.
fn count_pairs(blocks: &[Tokens], nodes: &[Vec<u32>], n: usize, ctx: &FitContext) -> Vec<KeyMap> {
    let keys = ctx.map(blocks.len(), |b| {
        let room = blocks[b].ids.len() / PARTS + 64;
        let mut parts: Vec<Vec<u64>> = (0..PARTS).map(|_| Vec::with_capacity(room)).collect();
        for_each_pair(&blocks[b], &nodes[b], n, |_, key| parts[part(key)].push(key));
        parts
    });
    ctx.map(PARTS, |p| {
        let total: usize = keys.iter().map(|parts| parts[p].len()).sum();
        let mut map = KeyMap::with_capacity(total / 4);
        for &key in keys.iter().flat_map(|parts| &parts[p]) {
            let count = &mut map.entry(key).0;
            *count = count.saturating_add(1);
        }
        map
    })
}

/// The nodes of the n-grams at each place.
fn next_nodes(
    blocks: &[Tokens],
    nodes: &[Vec<u32>],
    n: usize,
    maps: &[KeyMap],
    floor: u64,
    ctx: &FitContext,
) -> Vec<Vec<u32>> {
    ctx.map(blocks.len(), |b| {
        let mut next = vec![NONE; nodes[b].len()];
        for_each_pair(&blocks[b], &nodes[b], n, |at, key| {
            if let Some((_, node)) = maps[part(key)].get(key).filter(|(count, _)| u64::from(*count) >= floor)
            {
                next[at] = node;
            }
        });
        next
    })
}
