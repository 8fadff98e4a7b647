//! Linear classifiers: one weight for every feature and class.
//!
//! ```text
//! margin of class c:  z_c = b_c + Σ_j x_j·w_jc          link:  z → probabilities
//! ```
//!
//! [`LogisticRegression`] and [`LinearSvm`] differ in the loss that finds the weights; the naive Bayes models of
//! [`bayes`](crate::bayes) are linear too. All of them become a [`LinearClassifier`].

mod classifier;
mod design;
mod dual;
mod lbfgs;
mod logistic;
mod problem;
mod softmax_loss;
mod svm;

pub use classifier::{LinearClassifier, Link, Summary};
pub use logistic::LogisticRegression;
pub use svm::{Calibration, LinearSvm, Loss};

pub(crate) use classifier::{KINDS, sigmoid};
pub(crate) use problem::Problem;
