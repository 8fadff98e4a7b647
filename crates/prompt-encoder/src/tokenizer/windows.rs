//! Long prompts: pieces to tokenize, windows to encode.

use std::ops::Range;

use prompt_core::{Error, Result};

use super::Tokens;

/// What happens to a text that does not fit into one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Long {
    /// It is read in several windows, each sharing `overlap` tokens with the one before.
    Windows {
        /// Tokens shared by neighbours.
        overlap: usize,
    },
    /// Its beginning is read, and [`Encoded::truncated`] says so.
    Truncate,
}

impl Default for Long {
    fn default() -> Self {
        Self::Windows { overlap: 64 }
    }
}

/// One window: special ids around a run of the text's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Token ids, special ones included.
    pub ids: Vec<u32>,
    /// The bytes of the text that each id came from; empty for a special one.
    pub spans: Vec<Range<usize>>,
}

/// A text as windows of token ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The windows, at least one.
    pub windows: Vec<Window>,
    /// Whether a part of the text is in no window.
    pub truncated: bool,
    /// Tokens of the whole text, special ones not counted.
    pub tokens: usize,
}

/// Texts beyond this many bytes are tokenized in pieces, because some tokenizers are slower than linear.
const PIECE: usize = 16 << 10;

/// A run without a space beyond this many bytes is cut anyway.
const LONGEST: usize = 2 * PIECE;

/// Ranges that cover the text, cut where a space follows a character that is none: there no tokenizer joins what is
/// left and right, and the space goes with what follows, as they expect.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        if text.len() - start <= LONGEST {
            done = true;
            return Some(start..text.len());
        }
        let mut before = ' ';
        let end = text[start..]
            .char_indices()
            .find(|&(at, c)| {
                let cut = (at >= PIECE && c == ' ' && !before.is_whitespace()) || at >= LONGEST;
                before = c;
                cut
            })
            .map_or(text.len(), |(at, _)| start + at);
        let piece = start..end;
        start = end;
        Some(piece)
    })
}

pub(super) fn cut(
    tokens: &Tokens,
    prefix: &[u32],
    suffix: &[u32],
    max_tokens: usize,
    long: Long,
) -> Result<Encoded> {
    let special = prefix.len() + suffix.len();
    let room = max_tokens.checked_sub(special).filter(|&room| room > 0).ok_or_else(|| {
        Error::param("encoder", "max_tokens", format!("above the {special} special tokens"), max_tokens)
    })?;
    let n = tokens.ids.len();
    let overlap = match long {
        Long::Windows { overlap } => overlap,
        Long::Truncate => 0,
    };
    if overlap >= room {
        return Err(Error::param("encoder", "overlap", format!("below the {room} tokens of a window"), overlap));
    }
    let mut windows = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + room).min(n);
        windows.push(window(tokens, prefix, suffix, start..end));
        if end == n || long == Long::Truncate {
            return Ok(Encoded { windows, truncated: end < n, tokens: n });
        }
        start = end - overlap;
    }
}

fn window(tokens: &Tokens, prefix: &[u32], suffix: &[u32], range: Range<usize>) -> Window {
    let (first, last) = match (tokens.spans.get(range.start), range.end.checked_sub(1)) {
        (Some(first), Some(last)) => (first.start, tokens.spans[last].end),
        _ => (0, 0),
    };
    let ids = [prefix, &tokens.ids[range.clone()], suffix].concat();
    let mut spans = vec![first..first; prefix.len()];
    spans.extend_from_slice(&tokens.spans[range]);
    spans.resize(ids.len(), last..last);
    Window { ids, spans }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(n: usize) -> Tokens {
        Tokens { ids: (10..10 + n as u32).collect(), spans: (0..n).map(|i| 2 * i..2 * i + 1).collect() }
    }

    #[test]
    fn windows_cover_every_token_and_overlap() {
        let encoded = cut(&tokens(10), &[1], &[2], 6, Long::Windows { overlap: 1 }).unwrap();
        let ids: Vec<&[u32]> = encoded.windows.iter().map(|w| w.ids.as_slice()).collect();
        assert_eq!(ids, [&[1, 10, 11, 12, 13, 2][..], &[1, 13, 14, 15, 16, 2], &[1, 16, 17, 18, 19, 2]]);
        assert!(!encoded.truncated);
        assert_eq!(encoded.windows[1].spans[1], 6..7);
        assert_eq!(encoded.windows[1].spans[5], 13..13);
    }

    #[test]
    fn a_cut_is_said() {
        let encoded = cut(&tokens(10), &[1], &[2], 6, Long::Truncate).unwrap();
        assert_eq!((encoded.windows.len(), encoded.truncated, encoded.tokens), (1, true, 10));
        assert!(!cut(&tokens(4), &[1], &[2], 6, Long::Truncate).unwrap().truncated);
        let nothing = cut(&tokens(0), &[1], &[2], 6, Long::default());
        assert!(nothing.is_err(), "an overlap of 64 in windows of 4");
        assert_eq!(cut(&tokens(0), &[1], &[2], 100, Long::default()).unwrap().windows[0].ids, [1, 2]);
        assert!(cut(&tokens(3), &[1], &[2], 2, Long::Truncate).is_err());
    }

    #[test]
    fn pieces_join_to_the_text_and_end_at_spaces() {
        let text = "wörd and  another ".repeat(9000);
        let all: Vec<Range<usize>> = pieces(&text).collect();
        assert!(all.len() > 5);
        assert_eq!(all.iter().map(|r| &text[r.clone()]).collect::<String>(), text);
        for pair in all.windows(2) {
            assert!(text[pair[1].clone()].starts_with(' ') && !text[pair[0].clone()].ends_with(' '));
        }
        let solid = "é".repeat(100_000);
        assert_eq!(pieces(&solid).map(|r| solid[r].len()).sum::<usize>(), solid.len());
    }
}
