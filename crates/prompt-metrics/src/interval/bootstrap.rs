//! Percentile intervals from resampled rows (Efron, 1979).

use prompt_core::{Error, FitContext, Result};
use serde::{Deserialize, Serialize};

use super::{Interval, resample};
use crate::check::{self, Weights};
use crate::classify::Confusion;
use crate::stats::quantile;

/// The seeded bootstrap: how far a metric moves when the rows are drawn again.
///
/// | setting | default | legal |
/// |---|---|---|
/// | `resamples` | 2000 | ≥ 1 |
/// | `level` | 0.95 | strictly between 0 and 1 |
///
/// Resample b draws as many rows as there are, with replacement, from its own seed, derived from the context's; so
/// one seed gives one answer for any number of threads, and two metrics measured with one context see the same
/// resamples. Bounds are the (1 ∓ level)/2 quantiles of the resampled metric, linear between neighbours as in
/// NumPy 2.4.6 `quantile`; the method is SciPy 1.17.1 `bootstrap(method="percentile")`.
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
/// // Any metric of the drawn rows; here the same one, and so the same bits.
/// let any = boot.of_rows(200, |rows| {
///     Ok(rows.iter().filter(|&&i| truth[i] == pred[i]).count() as f64 / rows.len() as f64)
/// }, &ctx)?;
/// assert_eq!(any, fast);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    resamples: usize,
    level: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 2000, level: 0.95 }
    }
}

/// A metric with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BootstrapInterval {
    /// The metric on all rows, and its percentile bounds.
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
        let n = self.check(rows)?;
        let estimate = metric(&all(rows))?;
        let values = self.collect(ctx, |seed| metric(&drawn(seed, n)))?;
        self.interval(estimate, values)
    }

    /// The interval of a metric that follows from the confusion matrix, in a fraction of the time of
    /// [`of_rows`](Self::of_rows): drawn rows are only counted. Same draws, same answer.
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
        let n = self.check(y_true.len())?;
        let cells = Cells::new(y_true, y_pred, n_classes, Weights::new(weights, y_true.len())?);
        let values = self.collect(ctx, |seed| metric(&cells.resample(seed, n)))?;
        self.interval(estimate, values)
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
        let n = self.check(rows)?;
        let (a, b) = (metric_a(&all(rows))?, metric_b(&all(rows))?);
        let differences = self.collect(ctx, |seed| {
            let rows = drawn(seed, n);
            Ok(metric_a(&rows)? - metric_b(&rows)?)
        })?;
        self.difference(a, b, differences)
    }

    /// [`paired`](Self::paired) for a metric that follows from the confusion matrix.
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
        let n = self.check(y_true.len())?;
        let weights = Weights::new(weights, y_true.len())?;
        let cells_a = Cells::new(y_true, pred_a, n_classes, weights);
        let cells_b = Cells::new(y_true, pred_b, n_classes, weights);
        // The same seed draws the same rows twice, which is cheaper than keeping them.
        let differences = self.collect(ctx, |seed| {
            Ok(metric(&cells_a.resample(seed, n))? - metric(&cells_b.resample(seed, n))?)
        })?;
        self.difference(a, b, differences)
    }

    fn check(&self, rows: usize) -> Result<u32> {
        check::not_empty(rows)?;
        check::level("bootstrap", self.level)?;
        if self.resamples == 0 {
            return Err(Error::param("bootstrap", "resamples", "a whole number ≥ 1", self.resamples));
        }
        u32::try_from(rows).map_err(|_| {
            Error::input(format!("{rows} rows to resample"), "the bootstrap takes up to 2³² − 1")
        })
    }

    /// The metric of every resample, in order; `None` where it is undefined.
    fn collect(
        &self,
        ctx: &FitContext,
        metric: impl Fn(prompt_core::Seed) -> Result<f64> + Sync + Send,
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

    fn interval(&self, estimate: f64, values: Vec<Option<f64>>) -> Result<BootstrapInterval> {
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
        let tail = (1.0 - self.level) / 2.0;
        Ok(BootstrapInterval {
            interval: Interval {
                estimate,
                low: quantile(&values, tail),
                high: quantile(&values, 1.0 - tail),
                level: self.level,
            },
            standard_error: variance.sqrt(),
            resamples: self.resamples,
            undefined: self.resamples - values.len(),
        })
    }

    fn difference(&self, a: f64, b: f64, values: Vec<Option<f64>>) -> Result<PairedDifference> {
        let defined = values.iter().flatten().count() as f64;
        let below = values.iter().flatten().filter(|&&d| d <= 0.0).count() as f64;
        let above = values.iter().flatten().filter(|&&d| d >= 0.0).count() as f64;
        Ok(PairedDifference {
            a,
            b,
            difference: self.interval(a - b, values)?,
            p_value: (2.0 * (below.min(above) + 1.0) / (defined + 1.0)).min(1.0),
        })
    }
}

fn all(rows: usize) -> Vec<usize> {
    (0..rows).collect()
}

fn drawn(seed: prompt_core::Seed, n: u32) -> Vec<usize> {
    let mut rows = Vec::with_capacity(n as usize);
    resample::draw(seed, n, |block| rows.extend(block.iter().map(|&i| i as usize)));
    rows
}

/// The confusion matrix's cell of each row, so that a resample is counted without looking at labels again.
struct Cells<'a> {
    n_classes: usize,
    of_row: CellIndex,
    weights: Option<&'a [f64]>,
}

/// Narrow where it fits: the rows of a large test set then stay in the cache.
enum CellIndex {
    Narrow(Vec<u8>),
    Wide(Vec<u32>),
}

impl<'a> Cells<'a> {
    fn new(y_true: &[u32], y_pred: &[u32], n_classes: usize, weights: Weights<'a>) -> Self {
        let cells = y_true.iter().zip(y_pred).map(|(t, p)| t * n_classes as u32 + p);
        let of_row = if n_classes <= 16 {
            CellIndex::Narrow(cells.map(|c| c as u8).collect())
        } else {
            CellIndex::Wide(cells.collect())
        };
        Self { n_classes, of_row, weights: weights.given() }
    }

    fn resample(&self, seed: prompt_core::Seed, n: u32) -> Confusion {
        match &self.of_row {
            CellIndex::Narrow(cells) => self.count(cells, seed, n),
            CellIndex::Wide(cells) => self.count(cells, seed, n),
        }
    }

    fn count<C: Copy + Into<u32>>(&self, cells: &[C], seed: prompt_core::Seed, n: u32) -> Confusion {
        let mut confusion = Confusion::zeros(self.n_classes);
        let size = self.n_classes * self.n_classes;
        if let Some(weights) = self.weights {
            let counts = confusion.counts_mut();
            resample::draw(seed, n, |rows| {
                for &row in rows {
                    counts[cells[row as usize].into() as usize] += weights[row as usize];
                }
            });
            return confusion;
        }
        // Four tallies side by side: most rows fall into few cells, and adding to one number again and again waits
        // for the addition before.
        let mut tallies = vec![0u32; 4 * size];
        resample::draw(seed, n, |rows| {
            for four in rows.chunks(4) {
                for (lane, &row) in four.iter().enumerate() {
                    tallies[lane * size + cells[row as usize].into() as usize] += 1;
                }
            }
        });
        for (cell, count) in confusion.counts_mut().iter_mut().enumerate() {
            *count = (0..4).map(|lane| f64::from(tallies[lane * size + cell])).sum();
        }
        confusion
    }
}
