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

/// The numbers of one text as they are, in the order of [`SURFACE_FEATURES`].
///
/// ```
/// use prompt_features::{SURFACE_FEATURES, surface_numbers};
/// let numbers = surface_numbers("Is it 7? Yes.");
/// assert_eq!((SURFACE_FEATURES[0], numbers[0]), ("word_count", 4.0));
/// assert_eq!((SURFACE_FEATURES[6], numbers[6]), ("has_numbers", 1.0));
/// ```
pub fn surface_numbers(text: &str) -> [f64; SURFACE_FEATURES.len()] {
    measure::measure(text, &mut measure::SurfaceWorkspace::default())
}
