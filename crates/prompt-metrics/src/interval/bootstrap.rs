//! Intervals from resampled rows (Efron, 1979).

use prompt_core::{Error, FitContext, Result, Seed};
use serde::{Deserialize, Serialize};

use super::cells::Patterns;
use super::design::{Design, Units, row_count};
use super::{Interval, bca};
use crate::check::{self, Weights};
use crate::classify::Confusion;
use crate::stats::quantile;

/// The seeded bootstrap: how far a metric moves when the rows are drawn again.
///
/// | setting | default | legal |
/// |---|---|---|
/// | `resamples` | 2000 | ≥ 1 |
/// | `level` | 0.95 | strictly between 0 and 1 |
/// | `method` | percentile | percentile, bca |
///
/// Resample b draws as many rows as there are, with replacement, from its own seed, derived from the context's; so
/// one seed gives one answer for any number of threads, and two metrics measured with one context see the same
/// resamples. Percentile bounds are the (1 ∓ level)/2 quantiles of the resampled metric, linear between neighbours as in
/// NumPy 2.4.6 `quantile` (SciPy 1.17.1 `bootstrap(method="percentile")`); see [`BootstrapMethod`] for the other.
///
/// ```
/// use prompt_core::FitContext;
/// use prompt_metrics::{Bootstrap, Confusion};
/// let truth: Vec<u32> = (0..200).map(|i| i % 2).collect();
/// let pred: Vec<u32> = (0..200).map(|i| if i % 10 == 0 { 1 } else { i % 2 }).collect();
/// let ctx = FitContext::new(7);
/// let boot = Bootstrap::default().resamples(500);
/// let fast = boot.of_confusion(&truth, &pred, 2, None, |c| Ok(c.accuracy()), &ctx)?;
/// assert_eq!(fast.interval.estimate, 0.9);
/// assert!(fast.interval.low > 0.84 && fast.interval.high < 0.95);
///
/// // Any metric of the drawn rows; here the same one.
/// let any = boot.of_rows(200, |rows| {
///     Ok(rows.iter().filter(|&&i| truth[i] == pred[i]).count() as f64 / rows.len() as f64)
/// }, &ctx)?;
/// assert!((any.interval.low - fast.interval.low).abs() < 0.02);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    resamples: usize,
    level: f64,
    method: BootstrapMethod,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, level: 0.95, method: BootstrapMethod::Percentile }
    }
}

/// How bounds are read off the resampled values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootstrapMethod {
    /// Their quantiles.
    #[default]
    Percentile,
    /// Quantiles corrected for bias and acceleration (BCa): better for skewed metrics and few rows. The metric is also
    /// measured without each unit (without each of a thousand blocks, where there are more).
    Bca,
}

/// A metric with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapInterval {
    /// The metric on all rows, and its bounds.
    #[serde(flatten)]
    pub interval: Interval,
    /// Standard deviation of the resampled metric.
    pub standard_error: f64,
    /// Resamples drawn.
    pub resamples: usize,
    /// Of these, those on which the metric was undefined (e.g. one class only); they are left out.
    pub undefined: usize,
}

/// How much better the first of two models is, on the same resampled rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// The first model's metric on all rows.
    pub a: f64,
    /// The second model's.
    pub b: f64,
    /// `a` − `b` with its interval.
    pub difference: BootstrapInterval,
    /// Two-sided: twice the smaller share of resampled differences on either side of zero, each side counting the
    /// observed rows once (so it is never 0), at most 1.
    pub p_value: f64,
}

impl Bootstrap {
    /// The same with this many resamples.
    #[must_use]
    pub fn resamples(mut self, resamples: usize) -> Self {
        self.resamples = resamples;
        self
    }

    /// The same with this confidence.
    #[must_use]
    pub fn level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    pub(crate) fn confidence(&self) -> f64 {
        self.level
    }

    /// The same with this method.
    #[must_use]
    pub fn method(mut self, method: BootstrapMethod) -> Self {
        self.method = method;
        self
    }

    /// The interval of any metric: `metric` gets the indices of the rows to measure, some of them more than once.
    ///
    /// # Errors
    /// Settings out of range, no rows, more than 2³² − 1 rows, a metric that fails on all rows or on every resample,
    /// a context that stops.
    pub fn of_rows(
        &self,
        rows: usize,
        metric: impl Fn(&[usize]) -> Result<f64> + Sync + Send,
        ctx: &FitContext,
    ) -> Result<BootstrapInterval> {
        self.of_design(&Design::Rows(rows), metric, ctx)
    }

    /// As [`of_rows`](Self::of_rows), for rows that are drawn within strata or as whole clusters.
    ///
    /// ```
    /// use prompt_metrics::{Bootstrap, Design, FitContext};
    /// // Ten people, ten rows each, who are right always or never.
    /// let person: Vec<u32> = (0..100).map(|i| i / 10).collect();
    /// let accuracy = |rows: &[usize]| Ok(rows.iter().filter(|&&i| (i / 10) % 2 == 0).count() as f64 / rows.len() as f64);
    /// let boot = Bootstrap::default().resamples(400);
    /// let rows = boot.of_rows(100, accuracy, &FitContext::new(1))?;
    /// let people = boot.of_design(&Design::Clustered(&person), accuracy, &FitContext::new(1))?;
    /// assert!(people.standard_error > 2.0 * rows.standard_error); // a hundred rows, but ten opinions
    /// # Ok::<(), prompt_metrics::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`of_rows`](Self::of_rows); a single cluster.
    pub fn of_design(
        &self,
        design: &Design<'_>,
        metric: impl Fn(&[usize]) -> Result<f64> + Sync + Send,
        ctx: &FitContext,
    ) -> Result<BootstrapInterval> {
        self.check()?;
        let units = Units::new(design)?;
        let estimate = metric(&units.all())?;
        let values = self.collect(ctx, |seed| metric(&units.drawn(seed)))?;
        let jackknife = || {
            let parts = units.jackknife();
            ctx.try_map(parts.len(), |p| Ok((metric(&parts[p])?, 1.0)))
        };
        self.interval(estimate, values, jackknife)
    }

    /// The interval of a metric that follows from the confusion matrix, in a fraction of the time of
    /// [`of_rows`](Self::of_rows): rows that are alike (same truth, prediction and weight) are drawn together, by their
    /// number, which has the same distribution. Where hardly any rows are alike it draws them one by one.
    ///
    /// # Errors
    /// As [`of_rows`](Self::of_rows) and [`Confusion::new`].
    pub fn of_confusion(
        &self,
        y_true: &[u32],
        y_pred: &[u32],
        n_classes: usize,
        weights: Option<&[f64]>,
        metric: impl Fn(&Confusion) -> Result<f64> + Sync + Send,
        ctx: &FitContext,
    ) -> Result<BootstrapInterval> {
        let estimate = metric(&Confusion::new(y_true, y_pred, n_classes, weights)?)?;
        self.check()?;
        let rows = row_count(y_true.len())?;
        let patterns = Patterns::new(y_true, [y_pred], n_classes, Weights::new(weights, y_true.len())?, rows);
        let values = self.collect(ctx, |seed| {
            let [drawn] = patterns.resample(seed);
            metric(&drawn)
        })?;
        let jackknife = || patterns.without_one().map(|([c], rows)| Ok((metric(&c)?, rows))).collect();
        self.interval(estimate, values, jackknife)
    }

    /// How much better model a is than model b by any metric, on rows drawn for both alike.
    ///
    /// # Errors
    /// As [`of_rows`](Self::of_rows).
    pub fn paired(
        &self,
        rows: usize,
        metric_a: impl Fn(&[usize]) -> Result<f64> + Sync + Send,
        metric_b: impl Fn(&[usize]) -> Result<f64> + Sync + Send,
        ctx: &FitContext,
    ) -> Result<PairedDifference> {
        self.check()?;
        let units = Units::new(&Design::Rows(rows))?;
        let (a, b) = (metric_a(&units.all())?, metric_b(&units.all())?);
        let difference = |rows: &[usize]| Ok(metric_a(rows)? - metric_b(rows)?);
        let differences = self.collect(ctx, |seed| difference(&units.drawn(seed)))?;
        self.difference(a, b, differences, || {
            let parts = units.jackknife();
            ctx.try_map(parts.len(), |p| Ok((difference(&parts[p])?, 1.0)))
        })
    }

    /// [`paired`](Self::paired) for a metric that follows from the confusion matrix, as quick as
    /// [`of_confusion`](Self::of_confusion).
    ///
    /// # Errors
    /// As [`of_confusion`](Self::of_confusion).
    pub fn paired_confusion(
        &self,
        y_true: &[u32],
        [pred_a, pred_b]: [&[u32]; 2],
        n_classes: usize,
        weights: Option<&[f64]>,
        metric: impl Fn(&Confusion) -> Result<f64> + Sync + Send,
        ctx: &FitContext,
    ) -> Result<PairedDifference> {
        let a = metric(&Confusion::new(y_true, pred_a, n_classes, weights)?)?;
        let b = metric(&Confusion::new(y_true, pred_b, n_classes, weights)?)?;
        self.check()?;
        let rows = row_count(y_true.len())?;
        let weights = Weights::new(weights, y_true.len())?;
        let patterns = Patterns::new(y_true, [pred_a, pred_b], n_classes, weights, rows);
        let difference = |[a, b]: &[Confusion; 2]| Ok(metric(a)? - metric(b)?);
        let differences = self.collect(ctx, |seed| difference(&patterns.resample(seed)))?;
        let jackknife = || patterns.without_one().map(|(c, rows)| Ok((difference(&c)?, rows))).collect();
        self.difference(a, b, differences, jackknife)
    }

    fn check(&self) -> Result<()> {
        check::level("bootstrap", self.level)?;
        if self.resamples == 0 {
            return Err(Error::param("bootstrap", "resamples", "a whole number ≥ 1", self.resamples));
        }
        Ok(())
    }

    /// The metric of every resample, in order; `None` where it is undefined.
    fn collect(
        &self,
        ctx: &FitContext,
        metric: impl Fn(Seed) -> Result<f64> + Sync + Send,
    ) -> Result<Vec<Option<f64>>> {
        ctx.try_map(self.resamples, |b| {
            ctx.check()?;
            match metric(ctx.seed().derive("bootstrap", b as u64)) {
                Ok(value) => Ok(value.is_finite().then_some(value)),
                Err(error) if error.is_stop() => Err(error),
                Err(_) => Ok(None),
            }
        })
    }

    fn interval(
        &self,
        estimate: f64,
        values: Vec<Option<f64>>,
        jackknife: impl FnOnce() -> Result<Vec<(f64, f64)>>,
    ) -> Result<BootstrapInterval> {
        let mut values: Vec<f64> = values.into_iter().flatten().collect();
        if values.is_empty() {
            return Err(Error::input(
                format!("the metric is undefined on each of {} resamples", self.resamples),
                "give it more rows, or rows of every class",
            ));
        }
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let (low, high) = match self.method {
            BootstrapMethod::Percentile => {
                let tail = (1.0 - self.level) / 2.0;
                (quantile(&values, tail), quantile(&values, 1.0 - tail))
            }
            BootstrapMethod::Bca => bca::bounds(&values, estimate, &jackknife()?, self.level),
        };
        Ok(BootstrapInterval {
            interval: Interval { estimate, low, high, level: self.level },
            standard_error: variance.sqrt(),
            resamples: self.resamples,
            undefined: self.resamples - values.len(),
        })
    }

    fn difference(
        &self,
        a: f64,
        b: f64,
        values: Vec<Option<f64>>,
        jackknife: impl FnOnce() -> Result<Vec<(f64, f64)>>,
    ) -> Result<PairedDifference> {
        let defined = values.iter().flatten().count() as f64;
        let below = values.iter().flatten().filter(|&&d| d <= 0.0).count() as f64;
        let above = values.iter().flatten().filter(|&&d| d >= 0.0).count() as f64;
        Ok(PairedDifference {
            a,
            b,
            difference: self.interval(a - b, values, jackknife)?,
            p_value: (2.0 * (below.min(above) + 1.0) / (defined + 1.0)).min(1.0),
        })
    }
}
