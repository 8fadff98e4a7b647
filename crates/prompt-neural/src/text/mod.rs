//! From text to rows of token numbers.
//!
//! ```text
//! text --Units--> tokens --Vocabulary--> numbers --batches--> rows of one length, longest first cut at max_length
//! ```

mod batch;
mod subwords;
mod units;
mod vocabulary;

pub(crate) use batch::{Batch, epoch_batches, ordered_batches};
pub(crate) use units::{UNITS, Units};
pub use vocabulary::Vocabulary;
pub(crate) use vocabulary::VocabularyOptions;
