//! Which prompts are the same, or nearly.
//!
//! Two prompts are *exact* duplicates when they agree after [`normalise`]; they are *near* duplicates when their sets
//! of [shingles](NearDuplicates) overlap enough. Both give [`Groups`], whose numbers go straight into a grouped
//! [split](crate::split), so that near-duplicates stay on one side.

mod minhash;

use std::collections::HashMap;

use prompt_core::{FitContext, Legal, Params, Result, Texts, params};
use serde::{Deserialize, Serialize};

/// Rows that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Groups {
    codes: Vec<u32>,
}

impl Groups {
    /// Every row's group is that of its first member, given as a row number.
    fn from_first(first: &[usize]) -> Self {
        let mut numbers = HashMap::new();
        let codes = first
            .iter()
            .map(|row| {
                let next = numbers.len() as u32;
                *numbers.entry(*row).or_insert(next)
            })
            .collect();
        Self { codes }
    }

    /// The group of every row; groups are numbered in the order in which they first come.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Number of groups, those of one row counted.
    pub fn count(&self) -> usize {
        self.codes.iter().max().map_or(0, |m| *m as usize + 1)
    }

    /// The rows of each group with at least two, rising.
    pub fn repeated(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.count()];
        for (row, &code) in self.codes.iter().enumerate() {
            members[code as usize].push(row);
        }
        members.retain(|rows: &Vec<usize>| rows.len() > 1);
        members
    }
}

/// The form in which exact duplicates agree: lower case, no punctuation, single spaces. A text of punctuation alone is
/// only trimmed.
///
/// ```
/// use prompt_data::dedup::normalise;
/// assert_eq!(normalise("  Hello,\n WORLD!! "), "hello world");
/// assert_eq!(normalise("?!"), "?!");
/// ```
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = !out.is_empty();
        } else if !is_punctuation(c) {
            if std::mem::take(&mut gap) {
                out.push(' ');
            }
            if c.is_ascii() {
                out.push(c.to_ascii_lowercase());
            } else {
                out.extend(c.to_lowercase());
            }
        }
    }
    if out.is_empty() { text.trim().to_owned() } else { out }
}

/// The text without punctuation, its spaces and letter case as they were.
pub fn without_punctuation(text: &str) -> String {
    text.chars().filter(|c| !is_punctuation(*c)).collect()
}

/// ASCII punctuation and symbols, and the punctuation marks of other scripts that prompts are written in.
fn is_punctuation(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c.is_ascii_punctuation(),
        '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' => true,
        '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' => true,
        // Greek question mark; Armenian, Hebrew, Arabic, Devanagari and Thai marks.
        '\u{37e}'
        | '\u{55a}'..='\u{55f}'
        | '\u{589}'
        | '\u{5be}'
        | '\u{5c0}'
        | '\u{5c3}'
        | '\u{60c}'
        | '\u{61b}' => true,
        '\u{61f}' | '\u{66a}'..='\u{66d}' | '\u{6d4}' | '\u{964}' | '\u{965}' | '\u{970}' | '\u{e4f}' => true,
        '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30fb}' => true,
        '\u{ff01}'..='\u{ff0f}'
        | '\u{ff1a}'..='\u{ff20}'
        | '\u{ff3b}'..='\u{ff40}'
        | '\u{ff5b}'..='\u{ff65}' => true,
        _ => false,
    }
}

/// Groups of prompts that agree after [`normalise`].
///
/// ```
/// use prompt_data::dedup::exact;
/// let groups = exact(&["Hi there!", "Bye", "hi, THERE"]);
/// assert_eq!(groups.codes(), [0, 1, 0]);
/// assert_eq!(groups.repeated(), [vec![0, 2]]);
/// ```
pub fn exact<T: Texts + ?Sized>(texts: &T) -> Groups {
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(texts.count());
    let first: Vec<usize> =
        (0..texts.count()).map(|row| *seen.entry(normalise(texts.text(row))).or_insert(row)).collect();
    Groups::from_first(&first)
}

params! {
    /// Finds near-duplicates: MinHash signatures, locality-sensitive hashing, then the true overlap.
    ///
    /// A text's shingles are the runs of `size` characters (or words) of its [normalised](normalise) form, `A` and `B` are
    /// two such sets, and two texts are near-duplicates when the Jaccard similarity `|A ∩ B| / |A ∪ B|` is at least
    /// `threshold`. Groups are the connected components: a chain of near-duplicates is one group.
    ///
    /// Pairs are looked for in the bands of their signatures (Broder 1997; Indyk and Motwani 1998); the bands are chosen
    /// so that a pair exactly at the threshold is missed with a probability below one in a thousand, pairs above it more
    /// rarely. Every pair found is checked against the sets themselves, so nothing below the threshold is ever called
    /// a near-duplicate. Time grows almost linearly with the rows.
    ///
    /// ```
    /// use prompt_core::FitContext;
    /// use prompt_data::dedup::NearDuplicates;
    /// let texts = [
    ///     "Please write a short poem about the sea at night",
    ///     "What is the capital of France?",
    ///     "please write a short poem about the sea at night!!!",
    ///     "Please write one short poem about the sea at night",
    /// ];
    /// let groups = NearDuplicates::default().threshold(0.7).groups(&texts, &FitContext::new(1)).unwrap();
    /// assert_eq!(groups.codes(), [0, 1, 0, 0]);
    /// ```
    pub struct NearDuplicates named "near_duplicates" {
        /// What a shingle is made of.
        shingle: String = "chars".to_owned(), Legal::OneOf(&["chars", "words"]);
        /// How many of them make a shingle.
        size: usize = 5, Legal::int(1, 100);
        /// Smallest Jaccard similarity of near-duplicates.
        threshold: f64 = 0.8, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// Length of a signature; longer ones find low thresholds more surely and cost more.
        hashes: usize = 128, Legal::int(8, 1024);
    }
}

impl NearDuplicates {
    /// Groups of near-duplicates; exact duplicates are among them. The seed does not matter: the result depends on the
    /// texts alone.
    ///
    /// # Errors
    /// A parameter out of range; a stop asked for through `ctx`.
    pub fn groups<T: Texts + ?Sized>(&self, texts: &T, ctx: &FitContext) -> Result<Groups> {
        self.validate()?;
        minhash::groups(self, texts, ctx)
    }
}

#[cfg(test)]
mod tests;
