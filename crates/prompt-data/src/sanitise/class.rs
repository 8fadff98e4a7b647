//! Which characters cannot be seen, and whether they have a good reason to be where they are.

use serde::{Deserialize, Serialize};

/// Why a character was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A control character (C0, DEL, C1).
    Control,
    /// A separator that few programs show as one; it became a line break or a space.
    Separator,
    /// A zero-width character where writing does not need one.
    ZeroWidth,
    /// A joiner or variation selector where writing needs one: inside an emoji, Persian, an Indic script.
    Joiner,
    /// A control of the writing direction.
    Bidi,
    /// A tag character: an invisible copy of ASCII.
    Tag,
    /// A variation selector where it selects nothing; runs of them can carry bytes.
    VariationSelector,
    /// Any other character without a shape (fillers, soft hyphen, annotation marks).
    Invisible,
    /// A character that NFKC replaced by its plain form.
    Compatibility,
}

/// What is to be done with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Drop(Kind),
    Replace(char, Kind),
}

/// Whether all bytes are visible ASCII, space, tab or line breaks: nothing to do, whatever the parameters.
///
/// Branch-free inside a block, so that it runs at the speed of memory.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    fn odd(byte: u8) -> bool {
        (byte.wrapping_sub(0x20) > 0x5e) & (byte != b'\n') & (byte != b'\t') & (byte != b'\r')
    }
    let (blocks, rest) = bytes.as_chunks::<64>();
    blocks.iter().all(|block| !block.iter().fold(false, |any, &b| any | odd(b)))
        && !rest.iter().fold(false, |any, &b| any | odd(b))
}

/// First bytes of the characters that some [`verdict`] touches.
const SUSPECT: [bool; 256] = {
    let mut suspect = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        suspect[byte] = matches!(byte, 0..=8 | 0xb | 0xc | 0xe..=0x1f | 0x7f)
            || matches!(byte, 0xc2 | 0xcd | 0xd8 | 0xe1..=0xe3 | 0xef | 0xf0 | 0xf3);
        byte += 1;
    }
    suspect
};

/// The first character from `at` on that a verdict might touch, with its place. Most letters of most scripts are
/// passed over without being decoded.
pub(super) fn next_suspect(text: &str, at: usize) -> Option<(usize, char)> {
    let rest = text.get(at..)?;
    let offset = rest.bytes().position(|byte| SUSPECT[usize::from(byte)])?;
    Some((at + offset, rest.get(offset..)?.chars().next()?))
}

/// What to do with `c` between these; whether it is kept does not depend on them.
pub(super) fn verdict(c: char, before: Option<char>, after: Option<char>) -> Verdict {
    use Kind::{Bidi, Control, Invisible, Joiner, Separator, Tag, VariationSelector, ZeroWidth};
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => Verdict::Keep,
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Verdict::Replace('\n', Separator),
        '\u{1c}'..='\u{1f}' => Verdict::Replace(' ', Separator),
        '\0'..='\u{8}' | '\u{e}'..='\u{1b}' | '\u{7f}'..='\u{9f}' => Verdict::Drop(Control),
        '\u{200c}' | '\u{200d}' => Verdict::Drop(if joins(before, after) { Joiner } else { ZeroWidth }),
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' => Verdict::Drop(ZeroWidth),
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => {
            Verdict::Drop(Bidi)
        }
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => {
            Verdict::Drop(if selects(before) { Joiner } else { VariationSelector })
        }
        '\u{e0000}'..='\u{e007f}' => Verdict::Drop(Tag),
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Verdict::Drop(Invisible),
        _ => Verdict::Keep,
    }
}

/// Whether a joiner between these has a meaning.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    match (before, after) {
        (Some(a), Some(b)) => {
            (is_pictograph(a) && is_pictograph(b)) || (is_joining_script(a) && is_joining_script(b))
        }
        // Indic writing also ends words with a joiner.
        (Some(a), None) => is_joining_script(a),
        _ => false,
    }
}

/// Whether this is a variation selector.
pub(super) fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether a text starts with the tags of a flag: up to six letters or digits and the tag that ends them.
pub(super) fn is_flag(text: &str) -> bool {
    let letters = text
        .chars()
        .take_while(|c| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'))
        .count();
    letters <= 6 && text.chars().nth(letters) == Some('\u{e007f}')
}

/// Whether a variation selector after this selects something.
fn selects(before: Option<char>) -> bool {
    before.is_some_and(|c| {
        is_pictograph(c)
            || matches!(
                c,
                '0'..='9' | '#' | '*' | '©' | '®' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
            )
            || matches!(c, '\u{1800}'..='\u{18af}' | '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{9fff}')
            || matches!(c, '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
    })
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Arabic, Syriac and their like, the Indic scripts, Khmer, Myanmar, Mongolian.
fn is_joining_script(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}'
        | '\u{a840}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_what_no_verdict_touches() {
        for byte in 0..=127_u8 {
            let keeps = verdict(byte as char, None, None) == Verdict::Keep;
            for length in [1, 63, 64, 65, 200] {
                let mut text = vec![b'a'; length];
                text[length / 2] = byte;
                assert_eq!(is_plain(&text), keeps, "byte {byte} in {length}");
            }
        }
        assert!(!is_plain("é".as_bytes()));
        assert!(is_plain(b""));
    }

    #[test]
    fn no_character_with_a_verdict_is_passed_over() {
        for c in '\0'..=char::MAX {
            if verdict(c, None, None) != Verdict::Keep {
                assert_eq!(next_suspect(&format!("a{c}"), 0), Some((1, c)), "U+{:04X}", c as u32);
            }
        }
        assert_eq!(next_suspect("plain é ж ก 中 한", 0), None);
    }

    #[test]
    fn joiners_are_told_from_disguise() {
        let kind = |before, c, after| match verdict(c, Some(before), Some(after)) {
            Verdict::Drop(kind) => kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind('👩', '\u{200d}', '💻'), Kind::Joiner);
        assert_eq!(kind('ی', '\u{200c}', 'خ'), Kind::Joiner);
        assert_eq!(kind('क', '\u{200d}', 'ष'), Kind::Joiner);
        assert_eq!(kind('g', '\u{200d}', 'n'), Kind::ZeroWidth);
        assert_eq!(kind('g', '\u{200c}', 'n'), Kind::ZeroWidth);
        assert_eq!(kind('❤', '\u{fe0f}', ' '), Kind::Joiner);
        assert_eq!(kind('a', '\u{fe0f}', ' '), Kind::VariationSelector);
    }
}
