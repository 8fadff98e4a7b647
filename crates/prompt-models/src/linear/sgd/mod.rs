//! Stochastic gradient descent: a step for every row, for data that streams or is too much for a solver.
//!
//! ```text
//! for each row:   w ← w·(1 − η·α·(1 − ρ)) − η·v·L'(z, y)·x        b ← b − η·v·L'(z, y)        (then L1, if any)
//! ```
//!
//! | file | part |
//! |---|---|
//! | `loss.rs` | L and its derivative |
//! | `weights.rs` | weights that are shrunk, averaged and truncated at the price of the row's own columns |
//! | `descent.rs` | epochs, learning rates, when to stop |
//! | `classifier.rs`, `regressor.rs` | the learners, and learning further from what was learned |
//! | `model.rs` | what is fitted, and its saving |

mod classifier;
mod descent;
mod loss;
mod model;
mod regressor;
mod weights;

pub use classifier::SgdClassifier;
pub use descent::LearningRate;
pub use loss::SgdLoss;
pub use model::SgdModel;
pub use regressor::SgdRegressor;

pub(crate) use model::register;

use prompt_core::Seed;

/// Deals `share` of each group of rows (at least one of a group with two or more) to the second list, in random
/// order, and the rest to the first; both come back sorted.
fn hold_out(groups: Vec<Vec<usize>>, share: f64, seed: Seed) -> (Vec<usize>, Vec<usize>) {
    let mut rng = seed.derive("validation", 0).rng();
    let (mut learn, mut watch) = (Vec::new(), Vec::new());
    for mut rows in groups {
        rng.shuffle(&mut rows);
        let held =
            ((rows.len() as f64 * share).round() as usize).clamp(usize::from(rows.len() > 1), rows.len());
        let held = held.min(rows.len().saturating_sub(1));
        watch.extend_from_slice(&rows[..held]);
        learn.extend_from_slice(&rows[held..]);
    }
    learn.sort_unstable();
    watch.sort_unstable();
    (learn, watch)
}
