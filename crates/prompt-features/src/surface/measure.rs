//! Reading the fourteen numbers off a text.

use std::ops::Range;

use super::COLUMNS;
use crate::table::{Key, Strings};
use crate::text::{is_space, is_word};

/// A word with more letters is long.
const LONG: usize = 7;

/// Words that show that something is asked for with care, in lower case, by column.
const KEYWORDS: [(usize, &[&str]); 3] = [
    (10, &["example", "such as"]),
    (11, &["specifically", "detail", "include"]),
    (12, &["format", "structure", "organize"]),
];

/// What measuring a text needs.
#[derive(Debug, Default)]
pub(super) struct SurfaceWorkspace {
    lower: String,
    words: Strings,
}

/// The fourteen numbers of `text`.
pub(super) fn measure(text: &str, work: &mut SurfaceWorkspace) -> [f64; COLUMNS] {
    lower_case(text, &mut work.lower);
    let mut n = Counts::default();
    let mut last = ' ';
    for c in text.chars() {
        n.character(c, last);
        last = c;
    }
    n.end_word();
    n.end_sentence();
    work.words.clear();
    for_each_word(&work.lower, |word| {
        work.words.insert(Key::at(work.lower.as_bytes(), word.start, word.end));
    });

    let ratio = |a: usize, b: usize| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    let flag = |b: bool| f64::from(u8::from(b));
    let mut out = [0.0; COLUMNS];
    out[0] = n.words as f64;
    out[1] = n.sentences as f64;
    out[2] = ratio(n.word_characters, n.words);
    out[3] = n.characters as f64;
    out[4] = ratio(work.words.len(), n.words);
    out[5] = n.long_words as f64;
    out[6] = flag(n.has_numbers);
    out[7] = flag(n.has_quotes);
    out[8] = n.questions as f64;
    out[9] = n.exclamations as f64;
    for (column, words) in KEYWORDS {
        out[column] = flag(words.iter().any(|word| finds(work.lower.as_bytes(), word.as_bytes())));
    }
    out[13] = ratio(n.words, n.sentences);
    out
}

/// Calls `visit(column, range)` for the places that raise a column: words, marks, keywords. Ratios and lengths come
/// from the whole text and have no place of their own.
pub(super) fn visit_places(text: &str, visit: &mut dyn FnMut(u32, Range<usize>)) {
    for_each_word(text, |word| {
        visit(0, word.clone());
        if text[word.clone()].chars().filter(|c| is_letter(*c)).count() > LONG {
            visit(5, word);
        }
    });
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        let range = at..at + c.len_utf8();
        let mut n = Counts::default();
        n.character(c, last);
        // An opening apostrophe is known by the character after it.
        if n.has_quotes || is_apostrophe(last) && opens(text, at) {
            visit(7, if n.has_quotes { range.clone() } else { at - last.len_utf8()..at });
        }
        let marks = [(6, n.has_numbers), (8, n.questions > 0), (9, n.exclamations > 0)];
        marks.iter().filter(|mark| mark.1).for_each(|mark| visit(mark.0, range.clone()));
        last = c;
    }
    for (column, words) in KEYWORDS {
        for word in words {
            let bytes = text.as_bytes().windows(word.len());
            let found = bytes.enumerate().filter(|(_, b)| b.eq_ignore_ascii_case(word.as_bytes()));
            found.for_each(|(at, _)| visit(column as u32, at..at + word.len()));
        }
    }
}

/// Whether the apostrophe before `at` stands at the start of the word at `at`.
fn opens(text: &str, at: usize) -> bool {
    let mut before = text[..at].chars().rev().skip(1);
    text[at..].chars().next().is_some_and(is_word) && !before.next().is_some_and(is_word)
}

#[derive(Debug, Default)]
struct Counts {
    characters: usize,
    words: usize,
    word_characters: usize,
    long_words: usize,
    sentences: usize,
    questions: usize,
    exclamations: usize,
    has_numbers: bool,
    has_quotes: bool,
    /// Characters and letters of the word that is being read.
    word: (usize, usize),
    in_sentence: bool,
    /// The last character was an apostrophe that no word character stood before.
    may_open: bool,
}

impl Counts {
    #[inline]
    fn character(&mut self, c: char, last: char) {
        self.characters += 1;
        if is_space(c) {
            self.end_word();
        } else {
            self.word.0 += 1;
            self.word.1 += usize::from(is_letter(c));
        }
        if is_full_stop(c) {
            self.end_sentence();
        } else {
            self.in_sentence |= !is_space(c);
        }
        self.has_quotes |= self.may_open && is_word(c);
        self.may_open = is_apostrophe(c) && !is_word(last);
        match c {
            '0'..='9' => self.has_numbers = true,
            'a'..='z' | 'A'..='Z' => {}
            '?' | '？' | '؟' | '⁇' | '⁈' | '⁉' | '\u{37E}' => self.questions += 1,
            '!' | '！' | '¡' | '‼' => self.exclamations += 1,
            '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '‘' | '‚' | '‹' | '›' | '「' | '」' | '『' | '』'
            | '＂' => {
                self.has_quotes = true;
            }
            _ => self.has_numbers |= !c.is_ascii() && c.is_numeric(),
        }
    }

    fn end_word(&mut self) {
        let (characters, letters) = std::mem::take(&mut self.word);
        self.words += usize::from(characters > 0);
        self.word_characters += characters;
        self.long_words += usize::from(letters > LONG);
    }

    fn end_sentence(&mut self) {
        self.sentences += usize::from(std::mem::take(&mut self.in_sentence));
    }
}

fn is_letter(c: char) -> bool {
    c != '_' && is_word(c)
}

fn is_apostrophe(c: char) -> bool {
    c == '\'' || c == '’'
}

fn is_full_stop(c: char) -> bool {
    matches!(c, '.' | '。' | '．' | '｡' | '۔' | '।')
}

/// Runs of characters other than white space.
fn for_each_word(text: &str, mut visit: impl FnMut(Range<usize>)) {
    let mut start = None;
    for (at, c) in text.char_indices() {
        if !is_space(c) {
            start = start.or(Some(at));
        } else if let Some(start) = start.take() {
            visit(start..at);
        }
    }
    if let Some(start) = start {
        visit(start..text.len());
    }
}

/// `text` in lower case, character by character, in memory that is kept.
fn lower_case(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
    } else {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

fn finds(text: &[u8], word: &[u8]) -> bool {
    let Some((&first, rest)) = word.split_first() else { return false };
    memchr::memchr_iter(first, text).any(|at| text[at + 1..].starts_with(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> [f64; COLUMNS] {
        measure(text, &mut SurfaceWorkspace::default())
    }

    #[test]
    fn a_prompt_is_measured_by_hand() {
        let text = "Write 3 short \"tests\". Include details, for example a format! Why? WHY? don't";
        let expected =
            [13.0, 2.0, 65.0 / 13.0, 77.0, 1.0, 0.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 13.0 / 2.0];
        let mut found = of(text);
        // "Why?" and "WHY?" are one word.
        assert_eq!(found[4], 12.0 / 13.0);
        found[4] = 1.0;
        assert_eq!(found, expected);
    }

    #[test]
    fn marks_of_other_scripts_count() {
        let found = of("请写一个例子。好吗？ ١٢٣ «да» Структурированный۔");
        assert_eq!((found[0], found[1], found[5]), (4.0, 2.0, 2.0));
        assert_eq!((found[6], found[7], found[8]), (1.0, 1.0, 1.0));
    }

    #[test]
    fn apostrophes_are_quotes_only_where_words_start() {
        assert_eq!(of("don't students' rock'n'roll")[7], 0.0);
        assert_eq!(of("say 'hello'")[7], 1.0);
    }

    #[test]
    fn nothing_is_zero() {
        for text in ["", " \t\n"] {
            let mut expected = [0.0; COLUMNS];
            expected[3] = text.len() as f64;
            assert_eq!(of(text), expected);
        }
        assert_eq!(of("...")[1], 0.0);
    }
}
