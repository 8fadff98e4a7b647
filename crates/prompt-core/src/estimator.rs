//! The three verbs: fit, transform, predict.
//!
//! ```text
//! Params --validate--> fit(&x, &y, &ctx) --> Fitted --transform(&x)--> features
//!                                                   --predict(&x)----> Prediction
//! ```
//!
//! What is known before the data is in the estimator; what was learned is in another type, so that an unfitted
//! estimator cannot predict and a fitted one never changes.

use crate::context::FitContext;
use crate::error::Result;
use crate::prediction::Prediction;

/// Learns from `x` and, where it needs one, a target `y`.
pub trait Fit<X: ?Sized, Y: ?Sized> {
    /// What was learned.
    type Fitted;

    /// Learns. The same parameters, data and seed give the same bits for any number of threads.
    ///
    /// # Errors
    /// Parameters out of range, data that cannot be learned from, or a stop asked for through `ctx`.
    fn fit(&self, x: &X, y: &Y, ctx: &FitContext) -> Result<Self::Fitted>;
}

/// Learns and transforms the same data in one pass.
///
/// The result equals `fit` followed by [`Transform::transform`], except where a stage learns from the target:
/// such a stage must give each row a value that its own target did not feed (out-of-fold), so that what comes
/// after it never sees a leak.
pub trait FitTransform<X: ?Sized, Y: ?Sized>: Fit<X, Y> {
    /// What the data becomes.
    type Output;

    /// Learns from `x` and transforms it.
    ///
    /// # Errors
    /// As [`Fit::fit`].
    fn fit_transform(&self, x: &X, y: &Y, ctx: &FitContext) -> Result<(Self::Fitted, Self::Output)>;
}

/// A fitted stage that turns data into other data. One row of the result depends on one row of `x`.
pub trait Transform<X: ?Sized> {
    /// What the data becomes.
    type Output;

    /// Transforms.
    ///
    /// # Errors
    /// Data that does not fit what was learned.
    fn transform(&self, x: &X) -> Result<Self::Output>;
}

/// A fitted model. One row of the prediction depends on one row of `x`.
pub trait Predict<X: ?Sized> {
    /// Class probabilities or values for every row.
    ///
    /// # Errors
    /// Data that does not fit what was learned.
    fn predict(&self, x: &X) -> Result<Prediction>;
}
