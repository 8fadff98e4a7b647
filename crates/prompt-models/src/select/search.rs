//! Scores of parameter points over folds.

use std::time::Instant;

use prompt_core::{Control, Dense, Error, Estimator, Event, FitContext, Prediction, Result, Target, predict};

use super::folds::FoldStore;
use super::metric::Metric;

/// What one point came to.
#[derive(Debug, Clone)]
pub struct PointScores {
    /// The metric in each fold, larger is better; empty when the point failed.
    pub folds: Vec<f64>,
    /// Seconds of fitting, all folds together.
    pub fit_seconds: f64,
    /// A prediction for every row that some fold held out, by a model that had not seen it; rows that no fold held
    /// out have NaN. Absent when the point failed.
    pub out_of_fold: Option<Prediction>,
    /// Why it failed.
    pub error: Option<String>,
}

impl PointScores {
    /// Mean over folds; `None` when the point failed.
    pub fn mean(&self) -> Option<f64> {
        (!self.folds.is_empty()).then(|| self.folds.iter().sum::<f64>() / self.folds.len() as f64)
    }

    /// Population standard deviation over folds, as NumPy's `std`.
    pub fn std(&self) -> Option<f64> {
        let mean = self.mean()?;
        let variance = self.folds.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / self.folds.len() as f64;
        Some(variance.sqrt())
    }
}

/// Chooses the rows that a learner sees of a fold's training rows (balancing): gets their targets and the context,
/// gives back positions among them; a position may come twice.
pub type Rebalance<'a> = dyn Fn(&Target, &FitContext) -> Result<Vec<usize>> + Sync + 'a;

/// Rows that come more than once become one row that weighs as much: a learner that holds rows out for itself (to
/// calibrate) must not find a copy of a held-out row among those it learns from.
pub(crate) fn rebalanced(mut rows: Vec<usize>, y: &Target) -> Result<(Vec<usize>, Target)> {
    rows.sort_unstable();
    let mut times: Vec<f64> = Vec::new();
    let mut last = None;
    for &row in &rows {
        if last == Some(row) {
            if let Some(times) = times.last_mut() {
                *times += 1.0;
            }
        } else {
            times.push(1.0);
            last = Some(row);
        }
    }
    rows.dedup();
    let target = y.select(&rows);
    if times.iter().all(|t| *t == 1.0) {
        return Ok((rows, target));
    }
    let weights = match target.weights() {
        Some(own) => own.iter().zip(&times).map(|(w, t)| w * t).collect(),
        None => times,
    };
    Ok((rows, target.with_weights(weights)?))
}

/// A cross-validated comparison of parameter points.
pub struct Search<'a> {
    /// Where the features of the folds come from.
    pub store: &'a FoldStore<'a>,
    /// The targets of all rows.
    pub target: &'a Target,
    /// What is compared.
    pub metric: Metric,
    /// Applied to the training rows of each fold, never to those held out.
    pub rebalance: Option<&'a Rebalance<'a>>,
    /// What the observer calls this search.
    pub stage: &'a str,
}

/// One fold of one point: the metric, the prediction of the held-out rows, seconds.
type Scored = (f64, Prediction, f64);

impl Search<'_> {
    /// Fits and scores every point in every fold. A point that fails keeps its error and stops no other.
    ///
    /// # Errors
    /// Features that cannot be made, or a stop asked for through `ctx` or by its observer: half a cross-validation is
    /// none.
    pub fn run(&self, points: &[Box<dyn Estimator>], ctx: &FitContext) -> Result<Vec<PointScores>> {
        let folds = self.store.folds();
        let mut all: Vec<Vec<Result<Scored>>> = points.iter().map(|_| Vec::new()).collect();
        let total = Some(folds.len() * points.len());
        for (i, fold) in folds.iter().enumerate() {
            let features = self.store.get(i, ctx)?;
            let train_y = self.target.select(&fold.train);
            let test_y = self.target.select(&fold.test);
            // The steps that an observer sees are folds, not the rounds inside each fit.
            let part = ctx.part("fold", i as u64).unobserved();
            let (train_x, train_y) = match self.rebalance {
                Some(rebalance) => {
                    let (rows, train_y) = rebalanced(rebalance(&train_y, &part)?, &train_y)?;
                    (&features.train.select_rows(&rows), train_y)
                }
                None => (&features.train, train_y),
            };
            let started = Instant::now();
            let shared = match crate::forest::predictions(points, (train_x, &train_y), &features.test, &part)
            {
                Err(stop) if stop.is_stop() => return Err(stop),
                // What is wrong with a point, its own fit says.
                shared => shared.unwrap_or(None),
            };
            let share = started.elapsed().as_secs_f64() / points.len().max(1) as f64;
            let inner = if points.len() > 1 { part.serial() } else { part };
            let results = ctx.map(points.len(), |p| -> Result<Scored> {
                if let Some(shared) = &shared {
                    return Ok((self.metric.score(&test_y, &shared[p])?, shared[p].clone(), share));
                }
                let started = Instant::now();
                let model = points[p].fit_model(train_x, &train_y, &inner)?;
                let seconds = started.elapsed().as_secs_f64();
                let prediction = predict(&*model, &features.test)?;
                Ok((self.metric.score(&test_y, &prediction)?, prediction, seconds))
            });
            for (point, result) in all.iter_mut().zip(results) {
                match result {
                    Err(stop) if stop.is_stop() => return Err(stop),
                    other => point.push(other),
                }
            }
            let done = Event { stage: self.stage, step: (i + 1) * points.len(), total, values: &[] };
            if ctx.report(&done)? == Control::Stop {
                return Err(Error::Cancelled);
            }
        }
        all.into_iter().map(|results| self.collect(results)).collect()
    }

    fn collect(&self, results: Vec<Result<Scored>>) -> Result<PointScores> {
        let mut point = PointScores { folds: Vec::new(), fit_seconds: 0.0, out_of_fold: None, error: None };
        let mut rows: Option<Dense> = None;
        for (i, result) in results.into_iter().enumerate() {
            let (score, prediction, seconds) = match result {
                Ok(scored) => scored,
                Err(error) => {
                    let error = Some(format!("fold {}: {error}", i + 1));
                    return Ok(PointScores { folds: Vec::new(), out_of_fold: None, error, ..point });
                }
            };
            point.folds.push(score);
            point.fit_seconds += seconds;
            let width = prediction.output().width();
            let rows = rows.get_or_insert_with(|| {
                let mut empty = Dense::zeros(self.target.len(), width);
                empty.data_mut().fill(f64::NAN);
                empty
            });
            for (at, &row) in self.store.folds()[i].test.iter().enumerate() {
                rows.row_mut(row).copy_from_slice(prediction.row(at));
            }
            let output = prediction.output().clone();
            // Kept as the fold's output; all folds have the same, since the classes belong to the target.
            point.out_of_fold = Some(Prediction::new(output, Dense::zeros(0, width))?);
        }
        point.out_of_fold = match (point.out_of_fold, rows) {
            (Some(p), Some(rows)) => Some(Prediction::new(p.output().clone(), rows)?),
            _ => None,
        };
        Ok(point)
    }
}

/// The point with the best mean; the first of equals.
///
/// # Errors
/// [`Error::Input`] with the first reason when every point failed.
pub(crate) fn best(points: &[PointScores]) -> Result<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (i, point) in points.iter().enumerate() {
        if let Some(mean) = point.mean().filter(|m| !m.is_nan())
            && best.is_none_or(|(_, m)| mean > m)
        {
            best = Some((i, mean));
        }
    }
    best.map(|(i, _)| i).ok_or_else(|| {
        let why =
            points.iter().find_map(|p| p.error.clone()).unwrap_or_else(|| "no score is a number".to_owned());
        Error::input(
            format!("no point of the search could be scored: {why}"),
            "change the parameters or the data",
        )
    })
}
