//! Metrics of predicted numbers.

mod correlation;
mod error;

pub use correlation::{kendall, pearson, spearman};
pub use error::{explained_variance, mae, mape, median_absolute_error, mse, r2, rmse, within_k};
