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

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use prompt_core::{FitContext, Result};

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

/// Learns at most `most` tokens from words and how often they occur: characters that occur at least `least` times (the most
/// frequent, where there are too many), in the order of their code points, then pairs that do, at least twice.
///
/// # Errors
/// Cancellation and time limits.
pub(super) fn subwords(
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

#[cfg(test)]
mod tests {
    use super::super::units::Units;
    use super::super::vocabulary::{Vocabulary, VocabularyOptions};
    use super::*;

    fn options() -> VocabularyOptions {
        let (units, lowercase) = (Units::Subwords, false);
        VocabularyOptions { units, lowercase, min_freq: 1, max_size: 1000, max_length: 1000 }
    }

    #[test]
    fn merges_numbers_and_splits_are_those_of_tokenizers() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/subwords.json");
        let reference: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let strings = |list: &serde_json::Value| -> Vec<String> {
            list.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect()
        };
        let (texts, asked) = (strings(&reference["texts"]), strings(&reference["asked"]));
        for case in reference["cases"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap() as usize;
            let (max_size, min_freq) = (number("max_size"), number("min_freq"));
            let v = Vocabulary::learn(
                &texts,
                VocabularyOptions { max_size, min_freq, ..options() },
                &FitContext::new(1),
            )
            .unwrap();
            assert_eq!(v.tokens(), strings(&case["tokens"]), "{max_size}, {min_freq}");
            for (text, expected) in asked.iter().zip(case["encoded"].as_array().unwrap()) {
                let mut expected: Vec<u32> =
                    expected.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32 + 2).collect();
                if expected.is_empty() {
                    expected.push(1);
                }
                assert_eq!(v.encode(text).ids, expected, "{max_size}, {min_freq}: {text}");
            }
            let node = v.to_node().unwrap();
            assert_eq!(node.get_strings("merges").unwrap(), strings(&case["merges"]));
            assert_eq!(Vocabulary::from_node(&node).unwrap(), v);
        }
    }

    #[test]
    fn a_character_that_was_never_seen_is_unknown_and_loses_no_other() {
        let v = Vocabulary::learn(&["abab abab"], options(), &FitContext::new(1)).unwrap();
        assert_eq!(v.tokens(), ["a", "b", "▁", "ab", "▁ab", "▁abab"]);
        assert_eq!(v.encode("abab").ids, [7]);
        assert_eq!(v.encode("abzab").ids, [6, 1, 5]);
        assert_eq!(v.encode("(abab").ids, [4, 1, 5, 5], "glued to the mark");
    }

    #[test]
    fn rare_characters_and_pairs_have_no_token() {
        let v = Vocabulary::learn(
            &["aa aa b"],
            VocabularyOptions { min_freq: 2, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        assert_eq!(v.tokens(), ["a", "▁", "aa", "▁aa"]);
        let v = Vocabulary::learn(
            &["ab ba"],
            VocabularyOptions { max_size: 2, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        assert_eq!(v.tokens(), ["a", "b"], "the most frequent characters");
    }

    #[test]
    fn texts_and_options_that_leave_no_token_leave_unknown_ones() {
        let nothing = vec!["", " ", "\u{3000}\n"];
        let rare = VocabularyOptions { min_freq: 100, ..options() };
        for (texts, options) in [(nothing, options()), (vec!["abab abab"], rare)] {
            let v = Vocabulary::learn(&texts, options, &FitContext::new(1)).unwrap();
            assert_eq!((v.tokens().len(), v.size()), (0, 2));
            assert_eq!(v.encode("ab (").ids, [1; 5], "▁ a b ▁ (");
            assert_eq!(v.encode(" ").ids, [1]);
            assert_eq!(Vocabulary::from_node(&v.to_node().unwrap()).unwrap(), v);
        }
        let one =
            Vocabulary::learn(&["abb"], VocabularyOptions { max_size: 1, ..options() }, &FitContext::new(1))
                .unwrap();
        assert_eq!((one.tokens(), one.encode("abb").ids), (&["b".to_owned()][..], vec![1, 1, 2, 2]));
    }

    #[test]
    fn letters_that_grow_when_lowered_and_the_mark_itself_are_read_as_any_other() {
        let v = Vocabulary::learn(
            &["İx İx ▁a ▁a"],
            VocabularyOptions { lowercase: true, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        let spelled = |text: &str| -> Vec<String> {
            let token = |id: &u32| v.tokens()[*id as usize - 2].clone();
            v.encode(text).ids.iter().map(token).collect()
        };
        assert_eq!(spelled("İx"), ["▁i\u{307}x"]);
        assert_eq!(spelled("a ▁a"), ["▁", "a", "▁▁", "a"]);
        assert_eq!(Vocabulary::from_node(&v.to_node().unwrap()).unwrap(), v);
    }

    #[test]
    fn a_word_of_a_million_letters_is_learned_and_read_in_parts() {
        let long = "ab".repeat(500_000);
        let v = Vocabulary::learn(
            &[long.as_str()],
            VocabularyOptions { max_length: 50, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        let encoded = v.encode(&long);
        assert_eq!((encoded.ids.len(), encoded.cut), (50, true));
        assert!(v.tokens().iter().all(|token| token.chars().count() <= PART), "{:?}", v.tokens());
        let exact = v.encode(&"a ".repeat(25));
        assert_eq!((exact.ids.len(), exact.cut), (50, false), "▁ and a, 25 times");
    }

    #[test]
    fn learning_can_be_stopped() {
        let token = prompt_core::CancelToken::new();
        token.cancel();
        let stopped = Vocabulary::learn(&["abab"], options(), &FitContext::new(1).with_cancel(token));
        assert!(matches!(stopped, Err(prompt_core::Error::Cancelled)));
    }

    #[test]
    fn a_damaged_vocabulary_is_refused() {
        let v = Vocabulary::learn(&["abab abab"], options(), &FitContext::new(1)).unwrap();
        let node = v.to_node().unwrap();
        for lines in [vec!["a x"], vec!["ab"], vec!["b a"]] {
            let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
            let broken = prompt_core::artifact::Node::new("neural_vocabulary", 1)
                .meta(&options())
                .unwrap()
                .strings("tokens", v.tokens())
                .strings("merges", &lines);
            let error = Vocabulary::from_node(&broken).unwrap_err().to_string();
            assert!(error.contains("joins what is no token"), "{error}");
        }
        assert!(Vocabulary::from_node(&node).is_ok());
    }
}
