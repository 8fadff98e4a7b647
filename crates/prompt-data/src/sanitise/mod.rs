//! The same prompt for training and for scoring: what cannot be seen is taken out, what can be seen stays.
//!
//! ```text
//! original --strip or map what is invisible--> --NFKC (optional)--> clean
//!     ^                                                               |
//!     +------------ original_range(clean range): spans lead back -----+
//! ```
//!
//! [`Sanitiser`] is a stage of a pipeline and is saved with the model. Visible text is never deleted: markup and
//! scripts are flagged, not removed, and every change is recorded as a span of the original bytes with what it became.

mod class;
mod flag;
mod span;

use std::borrow::Cow;
use std::ops::Range;

use prompt_core::artifact::{Catalog, Node};
use prompt_core::{
    Artifact, FitContext, Legal, Params, Persist, Result, Scratch, TextLearner, TextMap, Texts, map_texts,
    params, transform_by_mapping,
};
use serde::{Deserialize, Serialize};
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

pub use class::Kind;
use class::Verdict;
pub use flag::{Flag, FlagKind};

params! {
    /// Takes out what cannot be seen.
    ///
    /// | what | becomes | recorded as |
    /// |---|---|---|
    /// | C0, DEL and C1 controls but tab, LF and CR | nothing | [`Kind::Control`] |
    /// | VT, FF, NEL, U+2028, U+2029 · FS, GS, RS, US | a line break · a space | [`Kind::Separator`] |
    /// | zero-width space, joiners, word joiner, invisible operators, BOM | nothing | [`Kind::ZeroWidth`] |
    /// | the joiners where writing needs them (emoji, Arabic and Indic scripts), variation selectors after what they select | nothing, and no flag | [`Kind::Joiner`] |
    /// | marks, embeddings, overrides and isolates of direction | nothing | [`Kind::Bidi`] |
    /// | tag characters U+E0000–E007F | nothing; decoded in a flag | [`Kind::Tag`] |
    /// | other variation selectors | nothing; runs are decoded in a flag | [`Kind::VariationSelector`] |
    /// | fillers, soft hyphen, annotation and shorthand marks | nothing | [`Kind::Invisible`] |
    /// | with `nfkc`: full-width, ligature, superscript, styled letters … | their plain form | [`Kind::Compatibility`] |
    ///
    /// A joiner that writing needs is taken out like any other, since a model that sees `می‌خواهم` in two ways learns it
    /// twice; it raises no flag, because it is no sign of disguise.
    ///
    /// ```
    /// use prompt_data::sanitise::{FlagKind, Sanitiser};
    /// let prompt = "Ig\u{200b}nore <b>this</b>";
    /// let clean = Sanitiser::default().sanitise(prompt);
    /// assert_eq!(clean.text, "Ignore <b>this</b>");
    /// assert_eq!(&prompt[clean.original_range(0..6)], "Ig\u{200b}nore");
    /// assert_eq!(clean.flags[0].kind, FlagKind::Invisible);
    /// assert_eq!(clean.flags[1].kind, FlagKind::Html);
    /// ```
    pub struct Sanitiser named "sanitiser" {
        /// Whether control characters and odd separators are mapped.
        control: bool = true, Legal::Bool;
        /// Whether other invisible characters are taken out.
        invisible: bool = true, Legal::Bool;
        /// Whether the text is normalised to NFKC.
        nfkc: bool = false, Legal::Bool;
    }
}

/// One change: bytes of the original text, and what they became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The bytes of the original text.
    pub range: Range<usize>,
    /// Why.
    pub kind: Kind,
    /// What stands there now; empty when nothing does.
    pub replacement: Cow<'static, str>,
}

/// A sanitised text with the way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sanitised<'a> {
    /// The clean text; borrowed when nothing changed.
    pub text: Cow<'a, str>,
    /// What was changed, in order; neighbours of one kind are one change.
    pub changes: Vec<Change>,
    /// What a person should look at, in order.
    pub flags: Vec<Flag>,
}

impl Sanitised<'_> {
    /// The bytes of the original text that a range of the clean text came from. A range that touches replaced
    /// bytes gives all of them; what was taken out at its very edges is left out.
    pub fn original_range(&self, clean: Range<usize>) -> Range<usize> {
        span::original_range(&self.changes, clean)
    }
}

/// Strings that a caller keeps between texts, so that sanitising allocates nothing once they are long enough.
#[derive(Debug, Default, Clone)]
pub struct Buffer {
    stripped: String,
    normal: String,
}

impl Sanitiser {
    /// The clean text with changes and flags. A prompt of plain ASCII costs one pass over its bytes (and one for
    /// the flags) and is borrowed.
    pub fn sanitise<'a>(&self, text: &'a str) -> Sanitised<'a> {
        let mut changes = Vec::new();
        let mut clean = Cow::Borrowed(text);
        if !class::is_plain(text.as_bytes()) {
            let mut buffer = Buffer::default();
            if self.strip(text, &mut buffer.stripped, &mut |change| span::push(&mut changes, change)) {
                clean = Cow::Owned(buffer.stripped);
            }
            if self.nfkc && is_nfkc_quick(clean.chars()) != IsNormalized::Yes {
                let mut composed = Vec::new();
                compose(&clean, &mut buffer.normal, &mut |change| composed.push(change));
                if !composed.is_empty() {
                    span::merge(&mut changes, composed);
                    clean = Cow::Owned(buffer.normal);
                }
            }
        }
        let flags = flag::flags(text, &changes);
        Sanitised { text: clean, changes, flags }
    }

    /// The flags alone. A prompt of plain ASCII without markup costs a few passes over its bytes and no allocation.
    ///
    /// ```
    /// use prompt_data::sanitise::{FlagKind, Sanitiser};
    /// let flags = Sanitiser::default().flags("Click <a href=\"javascript:go()\">here</a>");
    /// assert_eq!(flags[0].kind, FlagKind::Html);
    /// assert!(flags.iter().any(|f| f.kind == FlagKind::Script));
    /// ```
    pub fn flags(&self, text: &str) -> Vec<Flag> {
        if class::is_plain(text.as_bytes()) { flag::flags(text, &[]) } else { self.sanitise(text).flags }
    }

    /// The clean text alone: `text` itself, or a string in `buffer`. Allocates nothing once the buffer is warm.
    ///
    /// ```
    /// use prompt_data::sanitise::{Buffer, Sanitiser};
    /// let (sanitiser, mut buffer) = (Sanitiser::default(), Buffer::default());
    /// assert_eq!(sanitiser.sanitise_into("a\u{202e}b", &mut buffer), "ab");
    /// ```
    pub fn sanitise_into<'a>(&self, text: &'a str, buffer: &'a mut Buffer) -> &'a str {
        if class::is_plain(text.as_bytes()) { text } else { self.clean_into(text, buffer) }
    }

    fn wants(&self, kind: Kind) -> bool {
        match kind {
            Kind::Control | Kind::Separator => self.control,
            _ => self.invisible,
        }
    }

    /// Writes the text without what cannot be seen to `out`; `false`, and nothing written, when all can be seen.
    fn strip(&self, text: &str, out: &mut String, on_change: &mut impl FnMut(Change)) -> bool {
        out.clear();
        // Kept text is copied in runs: `copied` is where the next one starts, `before_copied` what a joiner there
        // would join to.
        let (mut copied, mut before_copied) = (0, None);
        let mut flag_sequence = false;
        let mut at = 0;
        let mut last_selects = false;
        while let Some((start, c)) = class::next_suspect(text, at) {
            at = start + c.len_utf8();
            let follows_change = start == copied && copied > 0;
            let before = if follows_change { before_copied } else { text.get(..start).and_then(last_char) };
            let after = text.get(at..).and_then(|rest| rest.chars().next());
            let verdict = match class::verdict(c, before, after) {
                // The flags of England, Scotland and Wales are a black flag and tags.
                Verdict::Drop(Kind::Tag)
                    if (before == Some('🏴') && class::is_flag(text.get(start..).unwrap_or_default()))
                        || (flag_sequence && follows_change) =>
                {
                    flag_sequence = c != '\u{e007f}';
                    Verdict::Drop(Kind::Joiner)
                }
                // One selector selects; a run of them behind one character carries bytes.
                Verdict::Drop(Kind::Joiner) if class::is_selector(c) && follows_change && last_selects => {
                    Verdict::Drop(Kind::VariationSelector)
                }
                other => other,
            };
            last_selects = class::is_selector(c);
            let (kind, replacement) = match verdict {
                Verdict::Drop(kind) if self.wants(kind) => (kind, None),
                Verdict::Replace(new, kind) if self.wants(kind) => (kind, Some(new)),
                _ => continue,
            };
            // After an emoji's own selector or joiner the emoji goes on (heart, selector, joiner, fire); after
            // anything else that was taken out, there is nothing to join to.
            before_copied = if kind == Kind::Joiner { before } else { replacement };
            out.push_str(text.get(copied..start).unwrap_or_default());
            out.extend(replacement);
            copied = at;
            on_change(Change {
                range: start..at,
                kind,
                replacement: match replacement {
                    None => Cow::Borrowed(""),
                    Some('\n') => Cow::Borrowed("\n"),
                    Some(_) => Cow::Borrowed(" "),
                },
            });
        }
        if copied == 0 {
            return false;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        true
    }

    /// [`sanitise_into`](Self::sanitise_into) for a text that is not plain.
    fn clean_into<'a>(&self, text: &'a str, buffer: &'a mut Buffer) -> &'a str {
        let Buffer { stripped, normal } = buffer;
        let clean = if self.strip(text, stripped, &mut |_| {}) { stripped.as_str() } else { text };
        if self.nfkc && is_nfkc_quick(clean.chars()) != IsNormalized::Yes {
            compose(clean, normal, &mut |_| {});
            return normal;
        }
        clean
    }
}

fn last_char(text: &str) -> Option<char> {
    text.chars().next_back()
}

/// Writes the NFKC form of `text` to `out`, piece by piece, so that each change has its place in `text`.
///
/// A piece starts at a character whose plain form cannot combine with what stands before it.
fn compose(text: &str, out: &mut String, on_change: &mut impl FnMut(Change)) {
    out.clear();
    let starts = |c: char| {
        c.is_ascii()
            || std::iter::once(c).nfkd().next().is_some_and(|first| {
                canonical_combining_class(first) == 0
                    && is_nfkc_quick(std::iter::once(first)) == IsNormalized::Yes
            })
    };
    let mut piece = |range: Range<usize>| {
        let old = text.get(range.clone()).unwrap_or_default();
        let from = out.len();
        out.extend(old.nfkc());
        let new = out.get(from..).unwrap_or_default();
        if new != old {
            let replacement = Cow::Owned(new.to_owned());
            on_change(Change { range, kind: Kind::Compatibility, replacement });
        }
    };
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if at > start && starts(c) {
            piece(start..at);
            start = at;
        }
    }
    if start < text.len() {
        piece(start..text.len());
    }
}

impl Persist for Sanitiser {
    fn kind(&self) -> &'static str {
        Self::NAME
    }

    fn encode(&self) -> Result<Node> {
        Node::new(Self::NAME, 1).meta(self)
    }
}

impl Artifact for Sanitiser {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(Self::NAME, 1)?;
        let sanitiser: Self = node.get_meta()?;
        sanitiser.validate()?;
        Ok(sanitiser)
    }
}

impl TextMap for Sanitiser {
    fn map_text<'a>(&self, text: &'a str, scratch: &'a mut Scratch) -> &'a str {
        if class::is_plain(text.as_bytes()) {
            return text;
        }
        self.clean_into(text, scratch.get::<Buffer>())
    }

    fn original_range(&self, text: &str, mapped: Range<usize>) -> Range<usize> {
        if class::is_plain(text.as_bytes()) {
            return mapped;
        }
        self.sanitise(text).original_range(mapped)
    }
}

/// It learns nothing: its fitted form is itself.
impl TextLearner for Sanitiser {
    type Fitted = Self;
    type Output = Vec<String>;

    fn learn(&self, texts: &dyn Texts, _: &FitContext) -> Result<(Self, Vec<String>)> {
        Ok((self.clone(), map_texts(self, texts)))
    }
}

transform_by_mapping!(Sanitiser);

#[cfg(test)]
mod tests;
