//! Columns in a common unit.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Accumulate, Dense, Error, Fit, FitContext, FitTransform, Legal, Matrix, Moments, Params, Result, Target,
    Transform, params,
};
use serde::{Deserialize, Serialize};

use super::accumulate::ScalerAccumulator;
use super::quantile::{present, quantile};

/// (x − shift) / unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    pub(crate) shift: f64,
    pub(crate) unit: f64,
}

impl Unit {
    /// A column that stays as it is.
    pub(crate) const NONE: Self = Self { shift: 0.0, unit: 1.0 };

    /// Mean and standard deviation (the population's).
    pub(crate) fn standard(moments: &Moments) -> Self {
        // What is left of a constant column by rounding is no spread.
        let unit = if moments.is_constant() { 1.0 } else { unit(moments.deviation()) };
        Self { shift: moments.mean(), unit }
    }

    pub(crate) fn apply(self, value: f64) -> f64 {
        let far = value - self.shift;
        // Two numbers near the limits of `f64` can be farther apart than it reaches.
        if far.is_infinite() { value / self.unit - self.shift / self.unit } else { far / self.unit }
    }

    /// Smallest number and span.
    pub(crate) fn min_max(span: &Span) -> Self {
        if span.low.is_finite() {
            Self { shift: span.low, unit: unit(span.high - span.low) }
        } else {
            Self::NONE
        }
    }

    /// Median and the distance of two quantiles.
    pub(crate) fn robust(values: &[f64], (low, high): (f64, f64)) -> Self {
        let sorted = present(values.iter().copied());
        let of = |q| quantile(&sorted, q).unwrap_or(0.0);
        Self { shift: of(0.5), unit: unit(of(high) - of(low)) }
    }
}

/// The smallest and the largest of the numbers that are there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Default for Span {
    fn default() -> Self {
        Self { low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Span {
    pub(crate) fn add(&mut self, value: f64) {
        // A missing number is neither smaller nor larger.
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

/// A constant column has no unit; one whose span is beyond `f64` has the largest.
fn unit(spread: f64) -> f64 {
    if spread >= 10.0 * f64::EPSILON { spread.min(f64::MAX) } else { 1.0 }
}

params! {
    /// (x − mean) / standard deviation of every column, the population's, as scikit-learn's `StandardScaler`. Weights
    /// of the target count. Missing numbers play no part and stay missing; columns of codes are left alone; a constant
    /// column becomes 0. Dense matrices only.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target, Transform};
    /// use prompt_features::StandardScaler;
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [3.0]]));
    /// let y = Target::regression(vec![0.0; 2]).unwrap();
    /// let fitted = StandardScaler::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(fitted.transform(&x).unwrap().to_dense().data(), [-1.0, 1.0]);
    /// ```
    pub struct StandardScaler named "standard_scaler" {
        /// Whether the mean is taken away.
        with_mean: bool = true, Legal::Bool;
        /// Whether the result is divided by the standard deviation.
        with_std: bool = true, Legal::Bool;
    }
}

params! {
    /// (x − min) / (max − min) of every column, as scikit-learn's `MinMaxScaler` with the range \[0, 1\]. Weights of 0
    /// leave a row out; others change nothing. Missing numbers, codes and constant columns as for [`StandardScaler`].
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target, Transform};
    /// use prompt_features::MinMaxScaler;
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [3.0], [2.0]]));
    /// let y = Target::regression(vec![0.0; 3]).unwrap();
    /// let fitted = MinMaxScaler::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(fitted.transform(&x).unwrap().to_dense().data(), [0.0, 1.0, 0.5]);
    /// ```
    pub struct MinMaxScaler named "min_max_scaler" {
        /// Whether numbers outside the fitted span are cut to 0 or 1.
        clip: bool = false, Legal::Bool;
    }
}

params! {
    /// (x − median) / (q₇₅ − q₂₅) of every column, as scikit-learn's `RobustScaler`. Weights are refused. Missing
    /// numbers, codes and constant columns as for [`StandardScaler`].
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Target, Transform};
    /// use prompt_features::RobustScaler;
    /// let x = Matrix::from(Dense::from_rows(&[[1.0], [2.0], [3.0], [4.0], [1000.0]]));
    /// let y = Target::regression(vec![0.0; 5]).unwrap();
    /// let fitted = RobustScaler::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(fitted.transform(&x).unwrap().to_dense().column(0)[..4], [-1.0, -0.5, 0.0, 0.5]);
    /// ```
    pub struct RobustScaler named "robust_scaler" checked by RobustScaler::agree {
        /// The lower quantile.
        low: f64 = 0.25, Legal::between(0.0, 1.0);
        /// The upper quantile.
        high: f64 = 0.75, Legal::between(0.0, 1.0);
    }
}

impl RobustScaler {
    fn agree(&self) -> Result<()> {
        if self.low < self.high {
            return Ok(());
        }
        Err(Error::param("robust_scaler", "high", format!("a number above low = {}", self.low), self.high))
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "scaler";

/// A fitted [`StandardScaler`], [`MinMaxScaler`] or [`RobustScaler`].
#[derive(Debug, Clone, PartialEq)]
pub struct FittedScaler {
    shifts: Vec<f64>,
    units: Vec<f64>,
    clip: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    clip: bool,
}

impl FittedScaler {
    /// What is taken from each column.
    pub fn shifts(&self) -> &[f64] {
        &self.shifts
    }

    /// What each column is divided by.
    pub fn units(&self) -> &[f64] {
        &self.units
    }

    pub(super) fn new(units: &[Unit], clip: bool) -> Self {
        Self {
            shifts: units.iter().map(|u| u.shift).collect(),
            units: units.iter().map(|u| u.unit).collect(),
            clip,
        }
    }
}

fn dense<'a>(who: &str, x: &'a Matrix) -> Result<&'a Dense> {
    match x {
        Matrix::Dense(x) if x.rows() > 0 => Ok(x),
        Matrix::Dense(_) => Err(Error::input(format!("{who}: x has no rows"), "give it at least one")),
        Matrix::Sparse(_) => Err(Error::unsupported(
            who,
            "sparse matrices",
            "convert with Matrix::to_dense, or leave them unscaled",
        )),
    }
}

/// All rows, observed one after the other.
fn learn<S>(mut scaler: ScalerAccumulator<S>, x: &Dense, weights: Option<&[f64]>) -> Result<FittedScaler>
where
    ScalerAccumulator<S>: for<'a> Accumulate<(&'a [f64], f64), Output = FittedScaler>,
{
    for row in 0..x.rows() {
        scaler.observe(&(x.row(row), weights.map_or(1.0, |w| w[row])))?;
    }
    scaler.finish()
}

macro_rules! scalers {
    ($($scaler:ty: $learn:expr;)*) => {$(
        impl Fit<Matrix, Target> for $scaler {
            type Fitted = FittedScaler;

            fn fit(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<FittedScaler> {
                self.validate()?;
                ctx.check()?;
                let x = dense(Self::NAME, x)?;
                if y.weights().is_some_and(|w| w.len() != x.rows()) {
                    return Err(Error::shape("weights for the rows of x", x.rows(), y.len()));
                }
                let learn: fn(&$scaler, &Dense, Option<&[f64]>) -> Result<FittedScaler> = $learn;
                learn(self, x, y.weights())
            }
        }

        impl FitTransform<Matrix, Target> for $scaler {
            type Output = Matrix;

            fn fit_transform(&self, x: &Matrix, y: &Target, ctx: &FitContext) -> Result<(FittedScaler, Matrix)> {
                let fitted = self.fit(x, y, ctx)?;
                let scaled = fitted.transform(x)?;
                Ok((fitted, scaled))
            }
        }
    )*};
}

scalers! {
    StandardScaler: |params, x, weights| learn(params.accumulator(x.cols(), x.categorical())?, x, weights);
    MinMaxScaler: |params, x, weights| learn(params.accumulator(x.cols(), x.categorical())?, x, weights);
    RobustScaler: |params, x, weights| {
        if weights.is_some() {
            return Err(Error::unsupported("robust_scaler", "weights", "take standard_scaler"));
        }
        let codes = |j: usize| x.categorical().is_some_and(|levels| levels[j] > 0);
        let robust = |j: usize| Unit::robust(&x.column(j), (params.low, params.high));
        let units: Vec<Unit> =
            (0..x.cols()).map(|j| if codes(j) { Unit::NONE } else { robust(j) }).collect();
        Ok(FittedScaler::new(&units, false))
    };
}

impl Transform<Matrix> for FittedScaler {
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let mut x = dense("a scaler", x)?.clone();
        if x.cols() != self.units.len() {
            return Err(Error::shape("columns of x", self.units.len(), x.cols()));
        }
        let codes: Vec<bool> = (0..x.cols()).map(|j| x.categorical().is_some_and(|c| c[j] > 0)).collect();
        for row in 0..x.rows() {
            for (j, value) in x.row_mut(row).iter_mut().enumerate().filter(|(j, _)| !codes[*j]) {
                *value = Unit { shift: self.shifts[j], unit: self.units[j] }.apply(*value);
                if self.clip {
                    *value = value.clamp(0.0, 1.0);
                }
            }
        }
        Ok(x.into())
    }
}

impl Persist for FittedScaler {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1)
            .meta(&Facts { clip: self.clip })?
            .f64s("shifts", self.shifts.clone())
            .f64s("units", self.units.clone()))
    }
}

impl Artifact for FittedScaler {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { clip } = node.get_meta()?;
        let shifts = node.get_f64s("shifts", None)?.to_vec();
        let units = node.get_f64s("units", Some(shifts.len()))?.to_vec();
        if !shifts.iter().chain(&units).all(|v| v.is_finite()) || units.iter().any(|u| *u <= 0.0) {
            return Err(Error::artifact(KIND, "a unit is no number above 0", "save the model again"));
        }
        Ok(Self { shifts, units, clip })
    }
}
