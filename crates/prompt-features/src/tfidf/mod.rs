//! Term frequency times inverse document frequency.

mod fitted;
mod params;

pub use fitted::FittedTfidf;
pub(crate) use fitted::KIND;
pub use params::Tfidf;
