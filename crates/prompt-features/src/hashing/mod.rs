//! Terms to columns by their hashes: nothing is learned, so texts can come as a stream.

mod fitted;
mod params;

pub use fitted::FittedHashingVectorizer;
pub(crate) use fitted::KIND;
pub use params::HashingVectorizer;
