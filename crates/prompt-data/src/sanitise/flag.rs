//! What a person should look at in a prompt. Nothing here changes the text.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Change;
use super::class::Kind;

/// Why a place in a prompt was flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FlagKind {
    /// Text hidden in tag characters or variation selectors; it is decoded in [`Flag::decoded`].
    HiddenText,
    /// Zero-width or other invisible characters where writing does not need them.
    Invisible,
    /// Control characters.
    Control,
    /// Embeddings, overrides or isolates of the writing direction: what is read is not what is there.
    BidiOverride,
    /// An HTML element.
    Html,
    /// HTML that runs a script, or a script address.
    Script,
}

impl FlagKind {
    /// The name in files: `hidden_text`, `invisible`, `control`, `bidi_override`, `html` or `script`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HiddenText => "hidden_text",
            Self::Invisible => "invisible",
            Self::Control => "control",
            Self::BidiOverride => "bidi_override",
            Self::Html => "html",
            Self::Script => "script",
        }
    }

    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::HiddenText => "hidden text",
            Self::Invisible => "invisible characters",
            Self::Control => "control characters",
            Self::BidiOverride => "a changed writing direction",
            Self::Html => "HTML",
            Self::Script => "a script",
        }
    }
}

/// A place to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// Why.
    pub kind: FlagKind,
    /// Where, in bytes of the original text.
    pub range: Range<usize>,
    /// The hidden text, where there is one.
    pub decoded: Option<String>,
}

/// The flags of a text, by place.
pub(super) fn flags(text: &str, changes: &[Change]) -> Vec<Flag> {
    let mut flags = Vec::new();
    for change in changes {
        let of = text.get(change.range.clone()).unwrap_or_default();
        let mut flag = |kind, decoded| flags.push(Flag { kind, range: change.range.clone(), decoded });
        match change.kind {
            Kind::Tag => flag(FlagKind::HiddenText, Some(of.chars().filter_map(tag_to_ascii).collect())),
            Kind::VariationSelector if of.chars().nth(1).is_some() => {
                let bytes: Vec<u8> = of.chars().filter_map(selector_to_byte).collect();
                flag(FlagKind::HiddenText, Some(String::from_utf8_lossy(&bytes).into_owned()));
            }
            Kind::ZeroWidth | Kind::Invisible | Kind::VariationSelector => flag(FlagKind::Invisible, None),
            Kind::Control => flag(FlagKind::Control, None),
            // Marks alone (LRM, RLM, ALM) are ordinary in Arabic and Hebrew.
            Kind::Bidi if of.chars().any(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')) => {
                flag(FlagKind::BidiOverride, None);
            }
            Kind::Bidi | Kind::Joiner | Kind::Separator | Kind::Compatibility => {}
        }
    }
    markup(text, &mut flags);
    flags.sort_by_key(|f| (f.range.start, f.range.end, f.kind));
    flags
}

fn tag_to_ascii(c: char) -> Option<char> {
    matches!(c, '\u{e0020}'..='\u{e007e}').then(|| char::from_u32(c as u32 - 0xe0000)).flatten()
}

/// Variation selector n carries byte n − 1 in the scheme by which bytes are smuggled behind a character.
fn selector_to_byte(c: char) -> Option<u8> {
    match c {
        '\u{fe00}'..='\u{fe0f}' => u8::try_from(c as u32 - 0xfe00).ok(),
        '\u{e0100}'..='\u{e01ef}' => u8::try_from(c as u32 - 0xe0100 + 16).ok(),
        _ => None,
    }
}

/// Elements that a page shows; `Vec<String>` and `a < b` are none of them.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "article",
    "audio",
    "b",
    "base",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "center",
    "code",
    "details",
    "div",
    "em",
    "embed",
    "fieldset",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "label",
    "li",
    "link",
    "marquee",
    "math",
    "meta",
    "nav",
    "noscript",
    "object",
    "ol",
    "option",
    "p",
    "pre",
    "script",
    "section",
    "select",
    "source",
    "span",
    "strong",
    "style",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "th",
    "thead",
    "title",
    "tr",
    "u",
    "ul",
    "video",
];

/// Elements that run or load something by being there.
const ACTIVE: &[&str] = &["base", "embed", "frame", "iframe", "object", "script"];

/// How far the end of an element is looked for.
const LONGEST_TAG: usize = 2000;

fn markup(text: &str, flags: &mut Vec<Flag>) {
    let bytes = text.as_bytes();
    for start in memchr::memchr_iter(b'<', bytes) {
        let after = bytes.get(start + 1..).unwrap_or_default();
        let after = after.strip_prefix(b"/").unwrap_or(after);
        let length = after.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let name = String::from_utf8_lossy(after.get(..length).unwrap_or_default()).to_ascii_lowercase();
        let ends_here = after.get(length).is_none_or(|b| b.is_ascii_whitespace() || b"/>".contains(b));
        if !ends_here || !ELEMENTS.contains(&name.as_str()) {
            continue;
        }
        let reach = after.get(..LONGEST_TAG.min(after.len())).unwrap_or_default();
        let Some(end) = memchr::memchr(b'>', reach) else {
            // Without its end it is an element only when browsers would run it all the same.
            if ACTIVE.contains(&name.as_str()) {
                flags.push(Flag { kind: FlagKind::Script, range: start..start + 1 + length, decoded: None });
            }
            continue;
        };
        let attributes = after.get(length..end).unwrap_or_default().trim_ascii();
        let end = bytes.len() - after.len() + end + 1;
        let active = ACTIVE.contains(&name.as_str());
        // Without an attribute it is prose between angle brackets: `if a <b and c> d`.
        if !active && !matches!(attributes, b"" | b"/") && !attributes.contains(&b'=') {
            continue;
        }
        let runs = active || has_handler(bytes.get(start..end).unwrap_or_default());
        let kind = if runs { FlagKind::Script } else { FlagKind::Html };
        flags.push(Flag { kind, range: start..end, decoded: None });
    }
    for colon in memchr::memchr_iter(b':', bytes) {
        let before = bytes.get(..colon).unwrap_or_default();
        let ends = |word: &[u8]| {
            before.len() >= word.len() && before[before.len() - word.len()..].eq_ignore_ascii_case(word)
        };
        let html = bytes.get(colon + 1..colon + 10).is_some_and(|b| b.eq_ignore_ascii_case(b"text/html"));
        let (word, tail) = if ends(b"javascript") || ends(b"vbscript") {
            (if ends(b"javascript") { 10 } else { 8 }, 1)
        } else if html && ends(b"data") {
            (4, 10)
        } else {
            continue;
        };
        flags.push(Flag { kind: FlagKind::Script, range: colon - word..colon + tail, decoded: None });
    }
}

/// Whether an element has an attribute like `onerror=`.
fn has_handler(tag: &[u8]) -> bool {
    memchr::memchr_iter(b'=', tag).any(|equals| {
        let before = tag.get(..equals).unwrap_or_default().trim_ascii_end();
        let letters = before.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
        let start = before.len() - letters;
        let separated =
            start > 0 && matches!(before[start - 1], b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'"' | b'\'');
        letters > 3 && separated && before[start..start + 2].eq_ignore_ascii_case(b"on")
    })
}
