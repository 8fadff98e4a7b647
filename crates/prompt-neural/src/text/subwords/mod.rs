//! Parts of words by byte-pair encoding (Sennrich, Haddow and Birch, 2016): what is frequent is one token, what is rare is
//! spelled.
//!
//! ```text
//! "the theft" ─ words ─> ▁the ▁theft ─ characters ─> ▁ t h e   ▁ t h e f t ─ merges, the first learned first ─> ▁the   ▁the f t
//! ```
//!
//! ▁ stands before a word that follows a space or begins the text, as in SentencePiece. Learning starts with the characters and joins
//! the most frequent pair of neighbours again and again; of pairs as frequent, the one of the lowest numbers. Merges,
//! numbers and splits are those of the crate tokenizers' `BpeTrainer`, which gives every character a token, joins pairs that occur once
//! where it may, and has no longest word.

mod learn;

use std::collections::HashMap;

pub(super) use learn::subwords;

/// What stands before a word that is not glued to what is before it.
const START: char = '▁';

/// Characters of a word that are looked at together: what is longer (base64, a million letters without a space) is read in
/// parts of this many, so that time grows with the length and not with its square.
const PART: usize = 64;

/// A pair of neighbours, by the numbers of its tokens.
type Pair = (u32, u32);

/// A character that no token spells.
const NONE: u32 = u32::MAX;

/// The place and the token of a pair that is not joined: behind all others.
const NEVER: (u32, u32) = (u32::MAX, NONE);

/// Which neighbours become one token, in the order in which that was learned.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Merges {
    pairs: Vec<Pair>,
    /// Of a pair its place in that order and the token that it becomes.
    by_pair: HashMap<Pair, (u32, u32)>,
    characters: HashMap<char, u32>,
}

/// Calls `visit` with the parts of a word as it is read here, until it answers `false`; whether it never did. `glued` says that no
/// space is before the word.
pub(super) fn parts(word: &str, glued: bool, mut visit: impl FnMut(&[char]) -> bool) -> bool {
    let start = (!glued).then_some(START);
    let mut part = Vec::with_capacity(PART);
    for c in start.into_iter().chain(word.chars()) {
        part.push(c);
        if part.len() == PART {
            if !visit(&part) {
                return false;
            }
            part.clear();
        }
    }
    part.is_empty() || visit(&part)
}

impl Merges {
    /// None yet, over these characters; longer tokens are no characters.
    fn of(tokens: &[String]) -> Self {
        let character = |(i, token): (usize, &String)| {
            let mut chars = token.chars();
            chars.next().filter(|_| chars.next().is_none()).map(|c| (c, i as u32))
        };
        let characters = tokens.iter().enumerate().filter_map(character).collect();
        Self { characters, ..Self::default() }
    }

    fn push(&mut self, pair: Pair, number: u32) {
        self.by_pair.insert(pair, (self.pairs.len() as u32, number));
        self.pairs.push(pair);
    }

    /// The numbers of the characters of a part.
    fn spell(&self, part: &[char]) -> Vec<u32> {
        part.iter().map(|c| self.characters.get(c).copied().unwrap_or(NONE)).collect()
    }

    /// The tokens of a part: of all pairs that are there the one learned first is joined, from the left, until none is left. A
    /// character that is no token is `None`.
    pub(super) fn split(&self, part: &[char]) -> impl Iterator<Item = Option<u32>> + use<> {
        let mut symbols = self.spell(part);
        let joins = |symbols: &[u32], at: usize| {
            let right = *symbols.get(at + 1)?;
            self.by_pair.get(&(symbols[at], right)).copied()
        };
        // Looked up once: to join two changes the pairs at their place and before it alone.
        let mut joined: Vec<(u32, u32)> =
            (0..symbols.len()).map(|at| joins(&symbols, at).unwrap_or(NEVER)).collect();
        while let Some((at, &(rank, number))) = joined.iter().enumerate().min_by_key(|(_, (rank, _))| *rank)
            && (rank, number) != NEVER
        {
            symbols[at] = number;
            symbols.remove(at + 1);
            joined.remove(at + 1);
            for changed in at.saturating_sub(1)..=at {
                joined[changed] = joins(&symbols, changed).unwrap_or(NEVER);
            }
        }
        symbols.into_iter().map(|n| (n != NONE).then_some(n))
    }

    /// As the files of tokenizers have them: `left right`.
    pub(super) fn to_lines(&self, tokens: &[String]) -> Vec<String> {
        let line = |&(a, b): &Pair| format!("{} {}", tokens[a as usize], tokens[b as usize]);
        self.pairs.iter().map(line).collect()
    }

    /// Read back; `None` where a line names what is no token.
    pub(super) fn from_lines(lines: &[String], tokens: &[String]) -> Option<Self> {
        let numbers: HashMap<&str, u32> =
            tokens.iter().enumerate().map(|(i, token)| (token.as_str(), i as u32)).collect();
        let mut merges = Self::of(tokens);
        for line in lines {
            let (left, right) = line.split_once(' ')?;
            let joined = numbers.get(format!("{left}{right}").as_str())?;
            merges.push((*numbers.get(left)?, *numbers.get(right)?), *joined);
        }
        Some(merges)
    }
}

#[cfg(test)]
mod tests;
