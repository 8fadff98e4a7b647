//! Decision trees: what every learner made of trees stands on.
//!
//! ```text
//! Matrix --bins--> codes (a u8 for every number) --grow--> GrownTree --nodes--> TreeNodes --> scores of raw rows
//! ```
//!
//! [`bins`] turns columns into a few hundred codes whose borders are known as numbers, so that growing a tree is
//! counting, and scoring needs no codes. [`nodes`] holds any number of grown trees in one flat buffer that scores raw
//! rows, dense or sparse. [`DecisionTreeClassifier`] and [`DecisionTreeRegressor`] are one tree; [`forest`](crate::forest)
//! and [`boost`](crate::boost) are made of many.

pub mod bins;
mod decision;
pub(crate) mod grow;
pub mod nodes;

pub(crate) use decision::bins_for;
pub use decision::{DecisionTreeClassifier, DecisionTreeRegressor};
