//! Fourteen numbers that can be read off a prompt's surface; the README defines each.

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
