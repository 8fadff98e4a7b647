//! Metrics of scores and probabilities: how rows are ranked, how costly the probabilities are, how honest they are.
//!
//! Binary metrics take `is_positive: &[bool]` and one score a row (higher means positive); the others take class
//! indices and a matrix of probabilities, rows × classes, whose rows sum to one. All take sample weights.

mod binning;
mod calibration;
mod curve;
mod gain;
mod honesty;
mod loss;
mod rank;
mod scan;

pub use calibration::{Bins, CalibrationBin, ECE_BINS, calibration_curve, ece, reliability};
pub use curve::{PrPoint, RocPoint, precision_recall_curve, roc_curve};
pub use gain::{GainPoint, gain_curve, lift_at, roc_auc_partial};
pub use honesty::{
    BrierParts, CalibrationError, ace, brier_decomposition, calibration_error, calibration_error_binary,
};
pub use loss::{brier, brier_binary, log_loss, top_k_accuracy};
pub use rank::{
    average_precision, average_precision_macro, average_precision_per_class, roc_auc, roc_auc_ovr,
    roc_auc_per_class,
};

pub(crate) use calibration::first_choice;
pub(crate) use curve::cuts;
