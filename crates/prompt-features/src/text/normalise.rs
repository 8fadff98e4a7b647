//! Lower-casing and accent stripping, one character at a time, so that the way back to the text stays known.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};

/// What becomes of accents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StripAccents {
    /// They stay.
    #[default]
    None,
    /// NFKD, then everything outside ASCII goes.
    Ascii,
    /// NFKD, then combining marks (canonical combining class other than 0) go.
    Unicode,
}

/// What happens to characters before tokens are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Normaliser {
    pub(crate) lowercase: bool,
    pub(crate) strip_accents: StripAccents,
}

impl Normaliser {
    /// Calls `push(c)` for what the character at `text[at..]` becomes.
    ///
    /// Canonical reordering of NFKD moves only characters that accent stripping removes, so that each character
    /// can be decomposed by itself.
    pub(crate) fn character(self, text: &str, at: usize, c: char, mut push: impl FnMut(char)) {
        let mut strip = |c: char| match self.strip_accents {
            _ if c.is_ascii() => push(c),
            StripAccents::None => push(c),
            StripAccents::Ascii => decompose_compatible(c, |d| {
                if d.is_ascii() {
                    push(d);
                }
            }),
            StripAccents::Unicode => decompose_compatible(c, |d| {
                if canonical_combining_class(d) == 0 {
                    push(d);
                }
            }),
        };
        if !self.lowercase {
            strip(c);
        } else if c == 'Σ' {
            strip(if is_final_sigma(text, at) { 'ς' } else { 'σ' });
        } else {
            c.to_lowercase().for_each(strip);
        }
    }
}

/// Whether the capital sigma at `at` ends its word: whether a cased letter stands before it and none after it,
/// case-ignorable characters left out. The lower-casing of whole strings knows; it is asked about the
/// neighbourhood, and only where the next characters leave a doubt.
fn is_final_sigma(text: &str, at: usize) -> bool {
    const REACH: usize = 256;
    let plain = |c: char| c.is_ascii_alphabetic() || ('Α'..='ω').contains(&c);
    let (before, after) = (&text[..at], &text[at + 'Σ'.len_utf8()..]);
    if after.chars().next().is_some_and(plain) {
        return false;
    }
    if after.chars().next().is_none_or(|c| c == ' ') && before.chars().next_back().is_some_and(plain) {
        return true;
    }
    let from = text.floor_char_boundary(at.saturating_sub(REACH));
    let to = text.ceil_char_boundary((at + REACH).min(text.len()));
    let before = text[from..at].to_lowercase().len();
    text[from..to].to_lowercase().get(before..).is_some_and(|rest| rest.starts_with('ς'))
}

/// Where each byte of a normalised text came from.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Origins {
    /// `n` more bytes that came from `range`.
    pub(crate) fn push(&mut self, n: usize, range: Range<usize>) {
        self.starts.resize(self.starts.len() + n, range.start);
        self.ends.resize(self.ends.len() + n, range.end);
    }

    /// What stood at `range` left nothing of its own behind: of `len` bytes so far, the last character covers it.
    pub(crate) fn swallow(&mut self, len: usize, range: &Range<usize>) {
        let first = self.starts.get(len.saturating_sub(1)).copied();
        self.starts.truncate(len);
        self.ends.truncate(len);
        // The space that stands before every text belongs to nothing.
        let own = self.starts.iter().skip(1).rev().take_while(|start| Some(**start) == first).count();
        self.ends.iter_mut().rev().take(own).for_each(|end| *end = range.end);
    }

    /// The bytes that `range` of the normalised text came from.
    pub(crate) fn original(&self, range: Range<usize>) -> Range<usize> {
        match (self.starts.get(range.start), self.ends.get(range.end.saturating_sub(1))) {
            (Some(&start), Some(&end)) if start <= end && !range.is_empty() => start..end,
            _ => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(text: &str, strip_accents: StripAccents) -> String {
        let normaliser = Normaliser { lowercase: true, strip_accents };
        let mut out = String::new();
        text.char_indices().for_each(|(at, c)| normaliser.character(text, at, c, |c| out.push(c)));
        out
    }

    #[test]
    fn lower_casing_is_that_of_the_whole_string() {
        for text in ["ΟΔΟΣ ΟΔΟΣ.", "ΣΑΣ Σ ΣΣ", "AΣ", "Α.Σ", "ΑΣ'Α", "İstanbul STRASSE ẞ", "ǅ K Å"]
        {
            assert_eq!(normalised(text, StripAccents::None), text.to_lowercase());
        }
    }

    #[test]
    fn accents_go_and_letters_stay() {
        assert_eq!(
            normalised("Crème BRÛLÉE ﬁ ½ Ａ e\u{301}", StripAccents::Unicode),
            "creme brulee fi 1⁄2 a e"
        );
        assert_eq!(normalised("Crème ½ Привет ß", StripAccents::Ascii), "creme 12  ");
        assert_eq!(normalised("İ", StripAccents::Unicode), "i");
    }

    /// Every code point that the Unicode version of the fixture's CPython assigns.
    #[test]
    fn every_character_becomes_what_python_makes_of_it() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/features/characters.json");
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let unassigned: Vec<(u32, u32)> = serde_json::from_value(file["unassigned"].clone()).unwrap();
        let assigned = |c: &char| {
            let at = unassigned.partition_point(|range| range.1 < *c as u32);
            unassigned.get(at).is_none_or(|range| (*c as u32) < range.0)
        };
        assert_eq!(('\0'..=char::MAX).filter(assigned).count(), 282_230);
        for (digest, strip_accents) in [("lower", StripAccents::None), ("stripped", StripAccents::Unicode)] {
            let (mut bytes, mut hash) = ([0; 4], 0xCBF2_9CE4_8422_2325_u64);
            for c in ('\0'..=char::MAX).filter(assigned) {
                let text = c.encode_utf8(&mut bytes).to_owned();
                for byte in normalised(&text, strip_accents).bytes() {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
                }
            }
            assert_eq!(format!("{hash:016x}"), file[digest].as_str().unwrap(), "{digest}");
        }
    }
}
