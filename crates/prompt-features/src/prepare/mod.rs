//! Tables and matrices made ready: gaps filled, outliers dealt with, categories written as numbers, columns brought to
//! a common unit, columns chosen.
//!
//! ```text
//! Table  --Imputer--> Table --OutlierFilter--> Table --TargetEncoder--> Table --TableEncoder--> Matrix
//! Matrix --StandardScaler, MinMaxScaler, RobustScaler--> Matrix --SelectKBest--> Matrix
//! ```
//!
//! Every step learns from the rows of the fit alone and is another type afterwards, so that one which is fitted inside a
//! fold cannot leak. A row that is transformed later never depends on the rows beside it.

mod accumulate;
mod impute;
mod isolation;
mod outliers;
pub(crate) mod quantile;
mod scale;
mod score;
mod select;
mod target;

pub use accumulate::ScalerAccumulator;
pub use impute::{FittedImputer, Imputer};
pub use isolation::{FittedIsolationForest, IsolationForest};
pub use outliers::{FittedOutlierFilter, OutlierFilter};
pub use scale::{FittedScaler, MinMaxScaler, RobustScaler, StandardScaler};
pub(crate) use scale::{Span, Unit};
pub use score::{chi2, correlation, f_classif, f_regression, mutual_info};
pub use select::{FittedSelection, SelectKBest};
pub use target::{FittedTargetEncoder, TargetEncoder};
