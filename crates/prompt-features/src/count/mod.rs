//! Counts of terms.

mod fitted;
mod params;

pub use fitted::FittedCountVectorizer;
pub(crate) use fitted::KIND;
pub use params::CountVectorizer;
