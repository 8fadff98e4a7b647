//! Fourteen numbers that can be read off a prompt's surface.
//!
//! | column | meaning |
//! |---|---|
//! | `word_count` | words: runs of characters other than white space |
//! | `sentence_count` | parts between full stops (`.` `。` `．` `｡` `۔` `।`) that hold more than white space |
//! | `avg_word_length` | characters in words / words |
//! | `char_count` | Unicode scalar values |
//! | `unique_word_ratio` | distinct words after lower-casing / words |
//! | `long_word_count` | words with more than 7 letters or digits |
//! | `has_numbers` | 1 if there is a digit or another number (Unicode `N*`) |
//! | `has_quotes` | 1 if there is a quotation mark; an apostrophe counts where a word starts with it |
//! | `question_marks` | `?` `？` `؟` `⁇` `⁈` `⁉` `;` (Greek) |
//! | `exclamation_marks` | `!` `！` `¡` `‼` |
//! | `has_example_keyword` | 1 if the lower-cased text holds "example" or "such as" |
//! | `has_detail_words` | 1 for "specifically", "detail" or "include" |
//! | `has_format_words` | 1 for "format", "structure" or "organize" |
//! | `avg_sentence_length` | words / sentences |
//!
//! Ratios of nothing are 0.

mod fitted;
mod measure;
mod params;

pub use fitted::FittedSurface;
pub(crate) use fitted::KIND;
pub use params::{Surface, SurfaceScale};

/// Names of the columns.
pub const SURFACE_FEATURES: [&str; COLUMNS] = [
    "word_count",
    "sentence_count",
    "avg_word_length",
    "char_count",
    "unique_word_ratio",
    "long_word_count",
    "has_numbers",
    "has_quotes",
    "question_marks",
    "exclamation_marks",
    "has_example_keyword",
    "has_detail_words",
    "has_format_words",
    "avg_sentence_length",
];

const COLUMNS: usize = 14;
