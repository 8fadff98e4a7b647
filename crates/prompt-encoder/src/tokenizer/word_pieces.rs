//! BERT's tokenizer for ids alone, without spans and without allocating.
//!
//! The crate `tokenizers` keeps the origin of every character through every step, which takes tens of microseconds a
//! prompt. Where ids are all that is wanted, this does in one pass what `BertNormalizer`, `BertPreTokenizer` and
//! `WordPiece` do one after another. What each character becomes is asked of that crate once, so that its Unicode
//! tables are the only ones. What it cannot answer character by character goes through the crate: a run between blanks
//! with a character outside of [`RANGES`], and a text in which a special token stands as text.

use std::ops::Range;
use std::sync::OnceLock;

use prompt_core::Result;
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::{BertNormalizer, NormalizerWrapper};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    Tokenizer as Hf,
};

/// Characters beyond ASCII that are looked up one by one: Latin, Greek, Cyrillic, Armenian with their marks, punctuation,
/// letter-like signs, arrows, mathematics, kana, wide forms, emoji. None of them moves past another under NFD but marks
/// that go with the accents, so that a text's form is the forms of its characters.
const RANGES: [Range<u32>; 8] = [
    0x80..0x590,
    0x1E00..0x20D0,
    0x2100..0x27C0,
    0x3000..0x302E,
    0x3030..0x3100,
    0xFE00..0xFE10,
    0xFF00..0xFFF0,
    0x1_F300..0x1_FB00,
];

/// Ideographs that are as old as Unicode: no table calls them unassigned.
const IDEOGRAPHS: Range<u32> = 0x4E00..0x9FA6;

/// What a character becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Gone,
    /// An end of the word.
    Blank,
    /// A word of its own.
    Alone,
    /// A part of a word.
    Part,
    /// Not to be told by itself.
    Unknown,
}

/// A character's kind and its bytes in a pool.
#[derive(Debug, Clone, Copy)]
struct Form {
    kind: Kind,
    len: u8,
    start: u32,
}

/// Forms of characters, one after another.
#[derive(Debug, Default)]
struct Forms {
    forms: Vec<Form>,
    pool: Vec<u8>,
}

impl Forms {
    fn of(characters: impl Iterator<Item = u32>, normalizer: &BertNormalizer) -> Self {
        let mut all = Self::default();
        for code in characters {
            let (kind, text) = char::from_u32(code)
                .and_then(|c| form(c, normalizer))
                .unwrap_or((Kind::Unknown, String::new()));
            all.forms.push(Form { kind, len: text.len() as u8, start: all.pool.len() as u32 });
            all.pool.extend_from_slice(text.as_bytes());
        }
        all
    }

    fn get(&self, at: usize) -> (Kind, &[u8]) {
        match self.forms.get(at) {
            Some(f) => (f.kind, &self.pool[f.start as usize..f.start as usize + usize::from(f.len)]),
            None => (Kind::Unknown, &[]),
        }
    }
}

/// What the crate makes of a character between two letters; `None` where that is more than one word and its blanks.
fn form(c: char, normalizer: &BertNormalizer) -> Option<(Kind, String)> {
    let between = format!("a{c}a");
    let mut normalized = NormalizedString::from(between.as_str());
    normalizer.normalize(&mut normalized).ok()?;
    let middle = normalized.get().strip_prefix('a')?.strip_suffix('a')?.to_owned();
    let mut words = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut words).ok()?;
    let words = words.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
    let words: Vec<&str> = words.iter().map(|(word, ..)| *word).collect();
    let kind = match words[..] {
        [_] if middle.is_empty() => Kind::Gone,
        [_] => Kind::Part,
        ["a", "a"] => Kind::Blank,
        ["a", word, "a"] => return (word.len() < 256).then(|| (Kind::Alone, word.to_owned())),
        _ => return None,
    };
    (middle.len() < 256).then_some((kind, middle))
}

/// The place of a piece in the table.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u32,
    id: u32,
    start: u32,
    len: u32,
}

/// Pieces by their bytes: those that begin a word and those that go on with one, told apart by the hash's seed.
#[derive(Debug)]
struct Pieces {
    slots: Vec<Slot>,
    shift: u32,
    pool: Vec<u8>,
    /// Bytes of the longest piece.
    longest: usize,
}

const FIRST: u64 = 0xCBF2_9CE4_8422_2325;
const LATER: u64 = 0x9AE1_6A3B_2F90_404F;

/// FNV-1a, a byte at a time, so that every beginning of a word has its hash on the way to the end.
fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
}

impl Pieces {
    fn new(model: &WordPiece) -> Self {
        let vocabulary = model.get_vocab();
        let mut sorted: Vec<(&str, u32)> = vocabulary.iter().map(|(t, id)| (t.as_str(), *id)).collect();
        sorted.sort_unstable();
        let size = (4 * sorted.len()).next_power_of_two().max(16);
        let mut pieces = Self {
            slots: vec![Slot::default(); size],
            shift: 64 - size.trailing_zeros(),
            pool: Vec::new(),
            longest: 0,
        };
        for (token, id) in sorted {
            pieces.insert(FIRST, token.as_bytes(), id);
            if let Some(rest) = token.strip_prefix(model.continuing_subword_prefix.as_str()) {
                pieces.insert(LATER, rest.as_bytes(), id);
            }
        }
        pieces
    }

    /// Room for twice as many pieces as there can be is there, so that a free slot is always found.
    fn insert(&mut self, seed: u64, piece: &[u8], id: u32) {
        if piece.is_empty() {
            return;
        }
        let hash = piece.iter().fold(seed, |h, b| step(h, *b));
        let mut at = self.home(hash);
        while self.slots[at].len > 0 {
            at = (at + 1) % self.slots.len();
        }
        // The seed's kind is the first byte of what is compared.
        self.slots[at] =
            Slot { hash: hash as u32, id, start: self.pool.len() as u32, len: piece.len() as u32 + 1 };
        self.pool.push(u8::from(seed == LATER));
        self.pool.extend_from_slice(piece);
        self.longest = self.longest.max(piece.len());
    }

    fn home(&self, hash: u64) -> usize {
        (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The id of a piece whose hash is known.
    #[inline]
    fn find(&self, hash: u64, later: bool, piece: &[u8]) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot.len == 0 {
                return None;
            }
            if slot.hash == hash as u32 && slot.len as usize == piece.len() + 1 {
                let (start, end) = (slot.start as usize, (slot.start + slot.len) as usize);
                if self.pool[start] == u8::from(later) && self.pool[start + 1..end] == *piece {
                    return Some(slot.id);
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// What one text needs.
#[derive(Debug, Default)]
pub(super) struct Work {
    word: Vec<u8>,
    hashes: Vec<u64>,
}

/// BERT's tokenizer; see the module.
#[derive(Debug)]
pub(super) struct WordPieces {
    normalizer: BertNormalizer,
    ascii: Forms,
    /// Made when a text first needs it.
    wide: OnceLock<Forms>,
    pieces: Pieces,
    unknown: u32,
    /// Words of more characters are unknown.
    most: usize,
    /// Tokens that are found in the text before anything else, and which bytes they begin with.
    added: Vec<String>,
    begins: [bool; 256],
}

impl WordPieces {
    /// The same tokenizer, where it is one of BERT's.
    pub(super) fn of(hf: &Hf) -> Option<Self> {
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = hf.get_normalizer() else { return None };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = hf.get_pre_tokenizer() else { return None };
        let ModelWrapper::WordPiece(model) = hf.get_model() else { return None };
        let tokens = hf.get_added_tokens_decoder();
        // A token that is searched in the normalised text could begin anywhere.
        if !normalizer.clean_text || tokens.values().any(|t| t.normalized || t.content.is_empty()) {
            return None;
        }
        let mut added: Vec<String> = tokens.values().map(|t| t.content.clone()).collect();
        added.sort_unstable();
        let mut begins = [false; 256];
        added.iter().filter_map(|t| t.bytes().next()).for_each(|b| begins[usize::from(b)] = true);
        Some(Self {
            normalizer: *normalizer,
            ascii: Forms::of(0..0x80, normalizer),
            wide: OnceLock::new(),
            pieces: Pieces::new(model),
            unknown: model.token_to_id(&model.unk_token)?,
            most: model.max_input_chars_per_word,
            added,
            begins,
        })
    }

    /// Appends the ids of a text. `slow` appends those of a piece of it as the crate gives them.
    pub(super) fn ids(
        &self,
        text: &str,
        work: &mut Work,
        out: &mut Vec<u32>,
        mut slow: impl FnMut(&str, &mut Vec<u32>) -> Result<()>,
    ) -> Result<()> {
        let special = |text: &str| self.added.iter().any(|token| text.contains(token.as_str()));
        if text.bytes().any(|b| self.begins[usize::from(b)]) && special(text) {
            return slow(text, out);
        }
        work.word.clear();
        // Where the run between blanks began, in the text and in the ids.
        let (mut run, mut before) = (0, out.len());
        let mut at = 0;
        while let Some(&byte) = text.as_bytes().get(at) {
            let (width, (kind, form)) = if byte < 0x80 {
                (1, self.ascii.get(usize::from(byte)))
            } else {
                let c = text[at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                (c.len_utf8(), self.wide(c))
            };
            match kind {
                Kind::Part => work.word.extend_from_slice(form),
                Kind::Gone => {}
                Kind::Blank => {
                    self.word(work, out);
                    if byte < 0x80 {
                        (run, before) = (at + 1, out.len());
                    }
                }
                Kind::Alone if byte >= 0x80 && form.is_empty() => {
                    self.word(work, out);
                    work.word.extend_from_slice(&text.as_bytes()[at..at + width]);
                    self.word(work, out);
                }
                Kind::Alone => {
                    self.word(work, out);
                    work.word.extend_from_slice(form);
                    self.word(work, out);
                }
                Kind::Unknown => {
                    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
                    let end = text.as_bytes()[at..].iter().position(blank).map_or(text.len(), |n| at + n);
                    work.word.clear();
                    out.truncate(before);
                    slow(&text[run..end], out)?;
                    // What follows is a blank or the end.
                    (at, run, before) = (end, end, out.len());
                    continue;
                }
            }
            at += width;
        }
        self.word(work, out);
        Ok(())
    }

    /// The form of a character beyond ASCII; an ideograph's own bytes are left to the caller.
    fn wide(&self, c: char) -> (Kind, &[u8]) {
        let code = c as u32;
        if IDEOGRAPHS.contains(&code) && self.normalizer.handle_chinese_chars {
            return (Kind::Alone, &[]);
        }
        let mut before = 0;
        for range in &RANGES {
            if range.contains(&code) {
                let forms = self
                    .wide
                    .get_or_init(|| Forms::of(RANGES.iter().flat_map(Clone::clone), &self.normalizer));
                return forms.get(before + (code - range.start) as usize);
            }
            before += range.len();
        }
        (Kind::Unknown, &[])
    }

    /// Appends the ids of the word, which is then empty.
    #[inline]
    fn word(&self, work: &mut Work, out: &mut Vec<u32>) {
        if work.word.is_empty() {
            return;
        }
        let word = work.word.as_slice();
        let whole = word.iter().fold(FIRST, |h, b| step(h, *b));
        let short = word.len() <= self.most || characters(word) <= self.most;
        match self.pieces.find(whole, false, word) {
            Some(id) if short => out.push(id),
            _ if !short => out.push(self.unknown),
            _ => self.split(word, &mut work.hashes, out),
        }
        work.word.clear();
    }

    /// The longest piece from the left, again and again; a rest without a piece makes the whole word unknown.
    fn split(&self, word: &[u8], hashes: &mut Vec<u64>, out: &mut Vec<u32>) {
        let before = out.len();
        let mut start = 0;
        while start < word.len() {
            let rest = &word[start..];
            let later = start > 0;
            let mut hash = if later { LATER } else { FIRST };
            hashes.clear();
            hashes.extend(rest.iter().take(self.pieces.longest).map(|b| {
                hash = step(hash, *b);
                hash
            }));
            let found = (0..hashes.len())
                .rev()
                .find_map(|i| Some((i + 1, self.pieces.find(hashes[i], later, &rest[..=i])?)));
            let Some((len, id)) = found else {
                out.truncate(before);
                out.push(self.unknown);
                return;
            };
            out.push(id);
            start += len;
        }
    }
}

/// Characters of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b & 0xC0 != 0x80).count()
}
