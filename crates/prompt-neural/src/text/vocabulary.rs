//! Which tokens a network knows, and their numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use prompt_core::artifact::Node;
use prompt_core::{Error, FitContext, Result, Texts};
use serde::{Deserialize, Serialize};

use super::subwords::{Merges, parts, subwords};
use super::units::Units;

/// The number that fills short rows. Networks give it no weight.
pub(crate) const PAD: u32 = 0;
/// The number of every token that the vocabulary lacks, and of an empty text.
pub(crate) const UNKNOWN: u32 = 1;
/// Numbers before the first token of the data.
const RESERVED: u32 = 2;

/// Tokens of more bytes are not worth a place: base64, hashes, a million letters without a space.
const LONGEST: usize = 64;

/// How a vocabulary is learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VocabularyOptions {
    pub(crate) units: Units,
    pub(crate) lowercase: bool,
    /// Tokens seen in fewer texts than this are unknown.
    pub(crate) min_freq: usize,
    /// Most tokens, the two reserved ones not counted.
    pub(crate) max_size: usize,
    /// Tokens of a text beyond this many are not read.
    pub(crate) max_length: usize,
}

/// Tokens and their numbers: 0 fills, 1 is unknown, then the tokens of the data, the most frequent first (ties in the
/// order of their bytes); of subwords the characters, then pairs in the order in which they were joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    options: VocabularyOptions,
    tokens: Vec<String>,
    numbers: HashMap<String, u32>,
    /// How subwords are put together; empty for other units.
    merges: Merges,
}

/// A text as numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encoded {
    /// At least one number, at most `max_length`.
    pub(crate) ids: Vec<u32>,
    /// Whether the text went on beyond `max_length`.
    pub(crate) cut: bool,
}

impl Vocabulary {
    /// Learns from texts: a token counts once a text, a subword as often as it occurs.
    pub(crate) fn learn(texts: &dyn Texts, options: VocabularyOptions, ctx: &FitContext) -> Result<Self> {
        if options.units == Units::Subwords {
            return Self::learn_subwords(texts, options, ctx);
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for i in 0..texts.count() {
            ctx.check()?;
            let mut read = 0;
            let mut seen: Vec<Cow<'_, str>> = Vec::new();
            // Cut first and lowered then, as a text is read later: lowering may change where words end.
            options.units.visit(texts.text(i), |_, token| {
                if token.len() <= LONGEST {
                    seen.push(folded(token, options.lowercase));
                }
                read += 1;
                read < options.max_length
            });
            seen.sort_unstable();
            seen.dedup();
            for token in seen {
                match counts.get_mut(token.as_ref()) {
                    Some(count) => *count += 1,
                    None => {
                        counts.insert(token.into_owned(), 1);
                    }
                }
            }
        }
        let mut kept: Vec<(String, usize)> =
            counts.into_iter().filter(|(_, count)| *count >= options.min_freq).collect();
        // Stable: equal counts stay in the order of their bytes.
        kept.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kept.truncate(options.max_size);
        Ok(Self::of(options, kept.into_iter().map(|(token, _)| token).collect(), Merges::default()))
    }

    fn learn_subwords(texts: &dyn Texts, options: VocabularyOptions, ctx: &FitContext) -> Result<Self> {
        let mut words: BTreeMap<Vec<char>, u64> = BTreeMap::new();
        let mut count = |part: &[char]| {
            match words.get_mut(part) {
                Some(count) => *count += 1,
                None => drop(words.insert(part.to_vec(), 1)),
            }
            true
        };
        for i in 0..texts.count() {
            ctx.check()?;
            let (text, mut read) = (texts.text(i), 0);
            options.units.visit(text, |at, word| {
                parts(&folded(word, options.lowercase), is_glued(text, at), &mut count);
                read += 1;
                read < options.max_length
            });
        }
        let (tokens, merges) = subwords(&words, options.min_freq as u64, options.max_size, ctx)?;
        Ok(Self::of(options, tokens, merges))
    }

    fn of(options: VocabularyOptions, tokens: Vec<String>, merges: Merges) -> Self {
        let numbers =
            tokens.iter().enumerate().map(|(i, token)| (token.clone(), i as u32 + RESERVED)).collect();
        Self { options, tokens, numbers, merges }
    }

    /// Numbers in all, the reserved ones included.
    pub fn size(&self) -> usize {
        let learned = if self.options.units == Units::Bytes { 256 } else { self.tokens.len() };
        learned + RESERVED as usize
    }

    /// The learned tokens in the order of their numbers, which start at 2. Empty for bytes.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Refuses a vocabulary in which every token would be unknown.
    pub(crate) fn not_empty(self) -> Result<Self> {
        if self.size() > RESERVED as usize {
            return Ok(self);
        }
        let what = match self.options.min_freq {
            0 | 1 => "there is no token in the texts to learn from".to_owned(),
            n => format!("no token occurs in {n} of the texts to learn from (`min_freq`)"),
        };
        Err(Error::input(what, "lower min_freq, give more texts, or take tokens `bytes`"))
    }

    /// Most tokens that are read of a text.
    pub fn max_length(&self) -> usize {
        self.options.max_length
    }

    /// A text as numbers. A text without tokens is one unknown token.
    pub(crate) fn encode(&self, text: &str) -> Encoded {
        let limit = self.options.max_length;
        let mut out = Encoded { ids: Vec::new(), cut: false };
        if self.options.units == Units::Bytes {
            out.ids.extend(text.bytes().take(limit).map(|b| u32::from(b) + RESERVED));
            out.cut = text.len() > limit;
        } else if self.options.units == Units::Subwords {
            self.options.units.visit(text, |at, word| {
                parts(&folded(word, self.options.lowercase), is_glued(text, at), |part| {
                    out.ids.extend(self.merges.split(part).map(|id| id.map_or(UNKNOWN, |id| id + RESERVED)));
                    out.cut = out.ids.len() > limit;
                    !out.cut
                })
            });
            out.ids.truncate(limit);
        } else {
            // Tokens are lowered one by one, so that the rest of a very long text is never touched.
            self.options.units.visit(text, |_, token| {
                if out.ids.len() == limit {
                    out.cut = true;
                    return false;
                }
                let token = folded(token, self.options.lowercase);
                out.ids.push(self.numbers.get(token.as_ref()).copied().unwrap_or(UNKNOWN));
                true
            });
        }
        if out.ids.is_empty() {
            out.ids.push(UNKNOWN);
        }
        out
    }

    /// As a part of an artifact.
    pub(crate) fn to_node(&self) -> Result<Node> {
        let node = Node::new(KIND, 1).meta(&self.options)?.strings("tokens", &self.tokens);
        match self.options.units {
            Units::Subwords => Ok(node.strings(MERGES, self.merges.to_lines(&self.tokens))),
            _ => Ok(node),
        }
    }

    /// Read back.
    pub(crate) fn from_node(node: &Node) -> Result<Self> {
        node.expect(KIND, 1)?;
        let damaged = |what| Error::artifact(KIND, what, "the file is damaged; save the model again");
        let (options, tokens): (VocabularyOptions, _) = (node.get_meta()?, node.get_strings("tokens")?);
        let merges = match options.units {
            Units::Subwords => Merges::from_lines(&node.get_strings(MERGES)?, &tokens)
                .ok_or_else(|| damaged("the vocabulary joins what is no token"))?,
            _ => Merges::default(),
        };
        let read = Self::of(options, tokens, merges);
        if read.numbers.len() != read.tokens.len() {
            return Err(damaged("a token comes twice in the vocabulary"));
        }
        Ok(read)
    }
}

const KIND: &str = "neural_vocabulary";
const MERGES: &str = "merges";

/// Whether what stands at this place is glued to what is before it.
fn is_glued(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|c| !c.is_whitespace())
}

fn folded(text: &str, lowercase: bool) -> Cow<'_, str> {
    if lowercase && text.chars().any(char::is_uppercase) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> VocabularyOptions {
        VocabularyOptions { units: Units::Words, lowercase: true, min_freq: 1, max_size: 100, max_length: 8 }
    }

    #[test]
    fn the_most_frequent_come_first_and_ties_in_order() {
        let v = Vocabulary::learn(&["b a", "A c", "a b b b"], options(), &FitContext::new(1)).unwrap();
        assert_eq!(v.tokens(), ["a", "b", "c"]);
        assert_eq!(v.size(), 5);
        assert_eq!(v.encode("C b zebra").ids, [4, 3, UNKNOWN]);
    }

    #[test]
    fn rare_tokens_and_those_beyond_the_size_are_unknown() {
        let v = Vocabulary::learn(
            &["a b", "a c"],
            VocabularyOptions { min_freq: 2, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        assert_eq!(v.tokens(), ["a"]);
        let v = Vocabulary::learn(
            &["a b", "a c"],
            VocabularyOptions { max_size: 2, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        assert_eq!(v.tokens(), ["a", "b"]);
    }

    #[test]
    fn empty_texts_are_one_unknown_token_and_long_ones_are_cut_and_say_so() {
        let v = Vocabulary::learn(&["a"], options(), &FitContext::new(1)).unwrap();
        assert_eq!(v.encode(" "), Encoded { ids: vec![UNKNOWN], cut: false });
        assert_eq!(v.encode("a a a a a a a a").ids.len(), 8);
        assert!(!v.encode("a a a a a a a a").cut);
        assert!(v.encode("a a a a a a a a a").cut);
    }

    #[test]
    fn a_text_of_a_million_characters_is_read_to_its_limit() {
        let v = Vocabulary::learn(&["a"], options(), &FitContext::new(1)).unwrap();
        let encoded = v.encode(&"word ".repeat(200_000));
        assert_eq!((encoded.ids.len(), encoded.cut), (8, true));
        let one_word = v.encode(&"x".repeat(1_000_000));
        assert_eq!(one_word, Encoded { ids: vec![UNKNOWN], cut: false });
    }

    #[test]
    fn bytes_know_everything() {
        let v = Vocabulary::learn(
            &["a"],
            VocabularyOptions { units: Units::Bytes, ..options() },
            &FitContext::new(1),
        )
        .unwrap();
        assert_eq!(v.size(), 258);
        assert_eq!(v.encode("é").ids, [0xc3 + 2, 0xa9 + 2]);
    }

    #[test]
    fn it_is_saved_and_read_back() {
        let v = Vocabulary::learn(&["b a", "a c"], options(), &FitContext::new(1)).unwrap();
        assert_eq!(Vocabulary::from_node(&v.to_node().unwrap()).unwrap(), v);
        let twice = Vocabulary::of(options(), vec!["a".into(), "a".into()], Merges::default());
        assert!(Vocabulary::from_node(&twice.to_node().unwrap()).is_err());
    }
}
