//! What a token is: a word, a part of one, a character, or a byte.

/// The names that a `tokens` parameter may have.
pub(crate) const UNITS: &[&str] = &["words", "subwords", "characters", "bytes"];

/// How a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Units {
    /// Runs of letters and digits; every other visible character is a token of its own.
    Words,
    /// Parts of such words by [byte-pair encoding](super::subwords).
    Subwords,
    /// Every character, spaces included.
    Characters,
    /// Every byte of UTF-8. The vocabulary is the 256 bytes, whatever the data: nothing is ever unknown, which suits
    /// text that was disguised.
    Bytes,
}

impl Units {
    /// By name; the caller has checked it against [`UNITS`].
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "subwords" => Self::Subwords,
            "characters" => Self::Characters,
            "bytes" => Self::Bytes,
            _ => Self::Words,
        }
    }

    /// Calls `visit` with the place of each token and the token until it answers `false`: for subwords with the words that they
    /// are parts of.
    pub(crate) fn visit<'a>(self, text: &'a str, mut visit: impl FnMut(usize, &'a str) -> bool) {
        match self {
            Self::Words | Self::Subwords => words(text, visit),
            Self::Characters => {
                for (at, c) in text.char_indices() {
                    if !visit(at, &text[at..at + c.len_utf8()]) {
                        return;
                    }
                }
            }
            // Bytes have no `str`; the vocabulary numbers them without looking anything up.
            Self::Bytes => {}
        }
    }
}

fn words<'a>(text: &'a str, mut visit: impl FnMut(usize, &'a str) -> bool) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut start = None;
    for (at, c) in text.char_indices() {
        if is_word(c) {
            start.get_or_insert(at);
            continue;
        }
        if let Some(from) = start.take()
            && !visit(from, &text[from..at])
        {
            return;
        }
        if !c.is_whitespace() && !visit(at, &text[at..at + c.len_utf8()]) {
            return;
        }
    }
    if let Some(from) = start {
        visit(from, &text[from..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(units: Units, text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        units.visit(text, |at, t| {
            assert!(text[at..].starts_with(t));
            out.push(t);
            true
        });
        out
    }

    #[test]
    fn words_are_runs_and_signs_stand_alone() {
        assert_eq!(
            tokens(Units::Words, "Don't stop, naïve_1!"),
            ["Don", "'", "t", "stop", ",", "naïve_1", "!"]
        );
        assert_eq!(tokens(Units::Words, " \n"), Vec::<&str>::new());
    }

    #[test]
    fn characters_keep_spaces() {
        assert_eq!(tokens(Units::Characters, "é a"), ["é", " ", "a"]);
    }

    #[test]
    fn a_visitor_can_stop() {
        let mut seen = 0;
        Units::Words.visit("a b c d", |_, _| {
            seen += 1;
            seen < 2
        });
        assert_eq!(seen, 2);
    }
}
