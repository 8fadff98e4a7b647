//! Why a model says what it says: contributions of columns and of pieces of a text, importances, dependences.
//!
//! ```text
//! trees, forests, boosting ─ TreeExplainer    ┐
//! linear models ──────────── LinearExplainer  ├─ ShapValues: base + Σ contributions = margin
//! any other model ────────── SamplingExplainer┘     └─ explain_text: spans of the text as it was given
//! ```

mod any;
mod importance;
mod linear;
mod quadrature;
mod sampling;
mod table;
mod text;
mod tree;
mod values;

pub use any::{Way, explain};
pub use importance::{Dependence, Importance, dependence, impurity_importance, permutation_importance};
pub use linear::LinearExplainer;
pub use sampling::SamplingExplainer;
pub use table::{ExplainedRows, Part, Shown};
pub use text::{Feature, Span, TextExplanation, explain_text};
pub use tree::TreeExplainer;
pub use values::ShapValues;
