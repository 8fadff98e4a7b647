//! Networks by name: trained from nothing on texts, or a published encoder that is fine-tuned.
//!
//! They read texts themselves, so they stand beside [`learners`](crate::learners), which read columns. What computes is
//! prompt-neural, behind the feature `neural`; without it a network is refused with what to build, and no other code
//! has to know.
//!
//! ```
//! use prompt_models::neural::Network;
//! match Network::named("cnn") {
//!     Ok(network) => assert_eq!(network.params()["filters"], 100),
//!     Err(error) => assert!(error.to_string().contains("--features neural")),
//! }
//! assert!(Network::named("perceptron").unwrap_err().to_string().contains("cnn, lstm, bilstm"));
//! ```

mod further;
mod spaces;
mod train;
mod tune;

#[cfg(not(feature = "neural"))]
mod absent;
#[cfg(feature = "neural")]
mod present;

use std::path::PathBuf;
use std::sync::Arc;

use prompt_core::{Error, Result, Scorer, Target};

#[cfg(not(feature = "neural"))]
pub use absent::Network;
#[cfg(feature = "neural")]
pub use present::Network;

pub use further::TaskField;
pub use spaces::{grid, space};
pub(crate) use train::{fit_rows, fit_rows_of_tasks};
pub(crate) use tune::{FoldedRows, tune_network};

/// Whether this build can train networks.
pub const AVAILABLE: bool = cfg!(feature = "neural");

/// The name of a published encoder that is fine-tuned.
pub const ENCODER: &str = "encoder";

/// The names of all networks.
pub const NAMES: [&str; 6] = ["cnn", "lstm", "bilstm", "transformer", "hybrid", ENCODER];

/// Whether a name is that of a network.
pub fn is_network(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Where a training leaves its traces; nowhere by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// A file of JSON lines, one an evaluation: `epoch`, `step`, `train_loss`, `validation_loss`, `metric` (macro F1),
    /// `learning_rate`, `gradient_norm`, `skipped_steps`, `tokens_per_second`, `seconds`.
    pub log: Option<PathBuf>,
    /// A folder of states (`best.safetensors`, `last.safetensors`) from which a killed training can go on.
    pub checkpoints: Option<PathBuf>,
    /// Whether it goes on from such a state where there is one. A state of other data, parameters or seed is refused.
    pub resume: bool,
}

/// What a training writes into its folder of states.
const STATES: [&str; 4] = ["best.safetensors", "last.safetensors", "best.new", "last.new"];

impl Traces {
    /// Removes the states of a training that is over, and their folder unless something else lies in it.
    pub fn clear_states(&self) {
        let Some(folder) = &self.checkpoints else { return };
        // What cannot be removed disturbs nobody.
        for state in STATES {
            let _ = std::fs::remove_file(folder.join(state));
        }
        let _ = std::fs::remove_dir(folder);
    }
}

/// What an encoder learns beside the first of its targets, as a head of its own.
#[derive(Debug, Clone)]
pub struct FurtherTask<'a> {
    /// What its answers go by.
    pub name: &'a str,
    /// A row that has no answer has weight 0.
    pub target: &'a Target,
    /// Of its loss, where that of the first task has 1.
    pub weight: f64,
}

/// A network that has learned.
pub struct FittedNetwork {
    /// Texts to probabilities or numbers; it can be saved.
    pub scorer: Arc<dyn Scorer>,
    /// Texts whose ends were not read, because they are longer than `max_length`.
    pub cut: usize,
}

/// What a name that is no network is told.
fn unknown(name: &str) -> Error {
    Error::unknown("network", name, NAMES)
}

/// What this build says of networks.
///
/// # Errors
/// [`Error::Unsupported`] where it was made without the feature `neural`.
pub fn check_available(name: &str) -> Result<()> {
    if AVAILABLE {
        return Ok(());
    }
    Err(Error::unsupported(
        "this build, which was made without networks,",
        format!("`{name}`"),
        "build with them: cargo install --path crates/prompt-cli --features neural",
    ))
}
