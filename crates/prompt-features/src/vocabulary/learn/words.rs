//! Counting n-grams of words, one length after the other.
//!
//! An n-gram is counted only where both its (n−1)-grams reached the floor, since it cannot occur more often than
//! they do.

use prompt_core::{FitContext, Result, Texts};

use super::{Keep, select};
use crate::table::{Key, KeyMap, Strings, hash_u64};
use crate::text::{Analysis, Prepared};
use crate::vocabulary::NONE;
use crate::vocabulary::counts::blocks;

/// The words of a block of texts.
struct Block {
    words: Strings,
    counts: Vec<u64>,
    /// Word ids of all texts, stop words left out: the block's own first, then those of all blocks.
    tokens: Vec<u32>,
    /// Where each text ends in `tokens`.
    ends: Vec<usize>,
}

/// The distinct n-grams of one length: (node of the first n−1 words, last word) and their counts.
struct Level {
    grams: Vec<(u64, u64)>,
}

pub(super) fn learn(
    analysis: &Analysis,
    texts: &dyn Texts,
    mut keep: Keep,
    ctx: &FitContext,
) -> Result<Vec<String>> {
    let (low, high) = analysis.ngram_range;
    let mut stop_words = Strings::default();
    for word in analysis.stop_words.words() {
        stop_words.insert(Key::of(word.as_bytes()));
    }
    let ranges = blocks(texts.count());
    let mut blocks = ctx.map(ranges.len(), |b| {
        let range = ranges[b].clone();
        read(analysis, &stop_words, high > 1, range.map(|i| texts.text(i)))
    });
    ctx.check()?;
    let (words, counts) = merge(&mut blocks, ctx);
    let text = |id: u32| String::from_utf8_lossy(words.get(id)).into_owned();

    // The counts of all terms so far, to know how many occurrences a term needs.
    let mut all: Vec<u64> = if low == 1 { counts.clone() } else { Vec::new() };
    keep.raise(&mut all);
    let mut levels: Vec<Level> = Vec::new();
    let frequent: Vec<bool> = counts.iter().map(|&n| n >= keep.floor).collect();
    // By block and place: the node of the (n−1)-gram that starts there.
    let mut nodes = ctx.map(blocks.len(), |b| -> Vec<u32> {
        blocks[b].tokens.iter().map(|&t| if frequent[t as usize] { t } else { NONE }).collect()
    });
    for n in 2..=high {
        ctx.check()?;
        let maps = count_pairs(&blocks, &nodes, n, ctx);
        let last = n == high;
        let mut grams: Vec<(u64, u64)> = Vec::new();
        if !last {
            // Nodes are numbered by their place in `grams`.
            let maps: Vec<KeyMap> = maps
                .into_iter()
                .map(|mut map| {
                    let start = grams.len();
                    grams.extend(map.iter().map(|(key, (count, _))| (key, u64::from(count))));
                    map.values_mut().zip(start..).for_each(|(v, node)| v.1 = node as u32);
                    map
                })
                .collect();
            raise_with(&mut keep, &mut all, &grams, n >= low);
            nodes = next_nodes(&blocks, &nodes, n, &maps, keep.floor, ctx);
        } else {
            let floor = keep.floor;
            for map in &maps {
                let kept = map.iter().map(|(key, (count, _))| (key, u64::from(count)));
                grams.extend(kept.filter(|(_, count)| *count >= floor));
            }
            raise_with(&mut keep, &mut all, &grams, n >= low);
        }
        levels.push(Level { grams });
    }

    let mut terms = Vec::new();
    if low == 1 {
        let kept = counts.iter().enumerate().skip(stop_words.len()).filter(|(_, n)| **n >= keep.floor);
        terms.extend(kept.map(|(id, &n)| (text(id as u32), n)));
    }
    for (at, level) in levels.iter().enumerate().skip(low.saturating_sub(2)) {
        for &(key, count) in level.grams.iter().filter(|(_, n)| *n >= keep.floor) {
            let mut term = vec![text(key as u32)];
            let mut node = (key >> 32) as u32;
            for below in levels[..at].iter().rev() {
                let (key, _) = below.grams[node as usize];
                term.push(text(key as u32));
                node = (key >> 32) as u32;
            }
            term.push(text(node));
            term.reverse();
            terms.push((term.join(" "), count));
        }
    }
    Ok(select(terms, keep.top))
}

fn raise_with(keep: &mut Keep, all: &mut Vec<u64>, grams: &[(u64, u64)], counted: bool) {
    if counted && keep.top.is_some() {
        all.extend(grams.iter().map(|gram| gram.1).filter(|&count| count >= keep.floor));
        keep.raise(all);
    }
}

/// The words of some texts. Stop words have the first ids and leave no token.
fn read<'a>(
    analysis: &Analysis,
    stop_words: &Strings,
    keep_tokens: bool,
    texts: impl Iterator<Item = &'a str>,
) -> Block {
    let stops = stop_words.len() as u32;
    let mut block = Block {
        words: stop_words.clone(),
        counts: vec![0; stop_words.len()],
        tokens: Vec::new(),
        ends: Vec::new(),
    };
    let mut prepared = Prepared::default();
    for text in texts {
        prepared.fill(text, analysis, None);
        prepared.for_each_word(|start, end| {
            let id = block.words.insert(Key::at(prepared.buffer(), start, end));
            if id < stops {
                return;
            }
            match block.counts.get_mut(id as usize) {
                Some(count) => *count += 1,
                None => block.counts.push(1),
            }
            if keep_tokens {
                block.tokens.push(id);
            }
        });
        block.ends.push(block.tokens.len());
    }
    block
}

/// The words of all blocks with their counts; the blocks' tokens get the common ids.
fn merge(blocks: &mut [Block], ctx: &FitContext) -> (Strings, Vec<u64>) {
    let mut words = Strings::default();
    let mut counts: Vec<u64> = Vec::new();
    let mut ids: Vec<Vec<u32>> = Vec::with_capacity(blocks.len());
    for block in blocks.iter() {
        ids.push(
            (0..block.words.len() as u32)
                .zip(&block.counts)
                .map(|(id, &count)| {
                    let common = words.insert(Key::of(block.words.get(id)));
                    match counts.get_mut(common as usize) {
                        Some(sum) => *sum += count,
                        None => counts.push(count),
                    }
                    common
                })
                .collect(),
        );
    }
    let tokens = ctx.map(blocks.len(), |b| -> Vec<u32> {
        blocks[b].tokens.iter().map(|&t| ids[b][t as usize]).collect()
    });
    for (block, tokens) in blocks.iter_mut().zip(tokens) {
        block.tokens = tokens;
    }
    (words, counts)
}

/// How many parts the n-grams are counted in, by the upper bits of their hashes.
const PARTS: usize = 64;

fn part(key: u64) -> usize {
    (hash_u64(key) >> 58) as usize
}

/// Calls `visit(place, key)` for each n-gram whose (n−1)-grams both have a node.
fn for_each_pair(block: &Block, nodes: &[u32], n: usize, mut visit: impl FnMut(usize, u64)) {
    let mut start = 0;
    for &end in &block.ends {
        for at in start..end.saturating_sub(n - 1).max(start) {
            let (first, second) = (nodes[at], nodes[at + 1]);
            if first != NONE && second != NONE {
                visit(at, u64::from(first) << 32 | u64::from(block.tokens[at + n - 1]));
            }
        }
        start = end;
    }
}

/// The counts of all n-grams, by part.
fn count_pairs(blocks: &[Block], nodes: &[Vec<u32>], n: usize, ctx: &FitContext) -> Vec<KeyMap> {
    let keys = ctx.map(blocks.len(), |b| {
        let mut parts: Vec<Vec<u64>> = vec![Vec::new(); PARTS];
        for_each_pair(&blocks[b], &nodes[b], n, |_, key| parts[part(key)].push(key));
        parts
    });
    ctx.map(PARTS, |p| {
        let mut map = KeyMap::default();
        for &key in keys.iter().flat_map(|parts| &parts[p]) {
            let count = &mut map.entry(key).0;
            *count = count.saturating_add(1);
        }
        map
    })
}

/// The nodes of the n-grams at each place.
fn next_nodes(
    blocks: &[Block],
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
