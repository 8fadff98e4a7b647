//! Metrics of predicted numbers.

mod accumulate;
mod correlation;
mod error;

pub use accumulate::{RegressionErrors, RegressionSums};
pub use correlation::{kendall, pearson, spearman};
pub use error::{
    explained_variance, mae, mape, median_absolute_error, mse, pinball, r2, r2_adjusted, rmse, smape,
    within_k,
};
