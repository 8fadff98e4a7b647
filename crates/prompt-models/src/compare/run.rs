//! Every learner on every fold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use prompt_core::{Error, Estimator, Event, FitContext, Matrix, Result, Table, Target, Transform, predict};
use prompt_data::split::Fold;
use prompt_features::TableEncoder;

use super::{Compared, Scored, corrected_interval};
use crate::prepare::{Prepare, Prepared};
use crate::select::Metric;

/// What all learners share.
pub(super) struct Setting<'a> {
    pub(super) table: &'a Table,
    pub(super) y: &'a Target,
    pub(super) folds: &'a [Fold],
    /// How many of the folds are cross-validation.
    pub(super) k: usize,
    pub(super) metrics: &'a [Metric],
    pub(super) prepare: &'a Prepare,
    /// For one learner, all folds and their encoding together.
    pub(super) limit: Option<Duration>,
}

/// A fold as a learner takes it.
struct Ready {
    train: Matrix,
    /// The targets of the rows that the steps left.
    y: Target,
    test: Matrix,
}

/// How far a learner has come.
#[derive(Default)]
struct Progress {
    spent: Duration,
    failed: Option<String>,
    /// For each metric the value in each fold; NaN where it is undefined.
    scores: Vec<Vec<f64>>,
    /// For each metric why it is undefined, where it is.
    undefined: Vec<Option<String>>,
    /// What fits had to say, and in how many folds.
    notes: BTreeMap<String, usize>,
    fit: f64,
    scoring: f64,
    scored_rows: usize,
}

impl Setting<'_> {
    /// A row for each learner, in their order, and what is to be known of their fits. Learners that take the same columns
    /// share them, fold by fold.
    pub(super) fn run(
        &self,
        estimators: &[Box<dyn Estimator>],
        ctx: &FitContext,
    ) -> Result<(Vec<Compared>, Vec<String>)> {
        let mut groups: Vec<(TableEncoder, Vec<usize>)> = Vec::new();
        for (at, estimator) in estimators.iter().enumerate() {
            let encoder = self.prepare.encoder(&estimator.tags());
            match groups.iter_mut().find(|(known, _)| *known == encoder) {
                Some((_, members)) => members.push(at),
                None => groups.push((encoder, vec![at])),
            }
        }
        let start = || Progress {
            scores: vec![Vec::new(); self.metrics.len()],
            undefined: vec![None; self.metrics.len()],
            ..Progress::default()
        };
        let mut progress: Vec<Progress> = estimators.iter().map(|_| start()).collect();
        let (mut step, total) = (0, estimators.len() * self.folds.len());
        for (encoder, members) in &groups {
            for at in 0..self.folds.len() {
                let started = Instant::now();
                if members.iter().all(|&m| progress[m].failed.is_some()) {
                    step += members.len();
                    continue;
                }
                let count = members.len();
                let stage =
                    format!("fold {} of {}: {count} learner{}", at + 1, self.folds.len(), plural(count));
                ctx.report(&Event { stage: &stage, step: step + 1, total: Some(total), values: &[] })?;
                let limited = self.limit.map_or_else(|| ctx.clone(), |limit| ctx.clone().with_timeout(limit));
                let columns = self.encode(encoder, at, &limited);
                if let Err(Error::Cancelled) = columns {
                    return Err(Error::Cancelled);
                }
                let encoding = started.elapsed();
                for &m in members {
                    let (estimator, progress) = (&*estimators[m], &mut progress[m]);
                    step += 1;
                    // With a number: a step of the fold, which needs no line of its own.
                    let values = [("fold", (at + 1) as f64)];
                    let event = Event { stage: estimator.name(), step, total: Some(total), values: &values };
                    ctx.report(&event)?;
                    if progress.failed.is_some() {
                        continue;
                    }
                    progress.spent += encoding;
                    let part = ctx.part("compare", m as u64).part("fold", at as u64).unobserved();
                    let done = match &columns {
                        Ok(columns) => self.fold(at, estimator, columns, progress, &part),
                        Err(error) => {
                            Err(Error::input(error.to_string(), "the columns could not be encoded"))
                        }
                    };
                    match done {
                        Ok(()) => {}
                        Err(Error::Cancelled) => return Err(Error::Cancelled),
                        Err(error) => progress.failed = Some(error.to_string()),
                    }
                }
            }
        }
        let mut notes = self.undefined(estimators, &progress);
        for (estimator, progress) in estimators.iter().zip(&progress) {
            for (note, count) in &progress.notes {
                let all = self.folds.len();
                notes.push(format!("{}, in {count} of {all} fits: {note}", estimator.name()));
            }
        }
        let rows = estimators.iter().zip(progress).map(|(e, progress)| self.row(e.name(), progress));
        Ok((rows.collect(), notes))
    }

    /// Which metrics are undefined for which learners, and why: a note a reason.
    fn undefined(&self, estimators: &[Box<dyn Estimator>], progress: &[Progress]) -> Vec<String> {
        let mut learners: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for (estimator, progress) in estimators.iter().zip(progress).filter(|(_, p)| p.failed.is_none()) {
            for (metric, reason) in self.metrics.iter().zip(&progress.undefined) {
                if let Some(reason) = reason {
                    learners.entry((metric.name(), reason)).or_default().push(estimator.name());
                }
            }
        }
        let all = estimators.len();
        let note = |((metric, reason), names): ((&str, &str), Vec<&str>)| {
            let whose = if names.len() == all { String::new() } else { format!(" of {}", names.join(", ")) };
            format!("no {metric}{whose}: {reason}")
        };
        learners.into_iter().map(note).collect()
    }

    /// A fold, made ready with this encoder.
    fn encode(&self, encoder: &TableEncoder, at: usize, ctx: &FitContext) -> Result<Ready> {
        let fold = &self.folds[at];
        let (train, y) = (self.table.select_rows(&fold.train), self.y.select(&fold.train));
        let ctx = ctx.part("prepare", at as u64).unobserved();
        let Prepared { fitted, x, rows } = self.prepare.fit_transform(&train, &y, encoder, &ctx)?;
        let test = fitted.transform(&self.table.select_rows(&fold.test))?;
        Ok(Ready { train: x, y: y.select(&rows), test })
    }

    fn fold(
        &self,
        at: usize,
        estimator: &dyn Estimator,
        ready: &Ready,
        progress: &mut Progress,
        ctx: &FitContext,
    ) -> Result<()> {
        let ctx = match self.limit {
            None => ctx.clone(),
            Some(limit) => match limit.checked_sub(progress.spent).filter(|left| !left.is_zero()) {
                Some(left) => ctx.clone().with_timeout(left),
                None => return Err(self.out_of_time()),
            },
        };
        let (fold, started) = (&self.folds[at], Instant::now());
        let model = estimator.fit_model(&ready.train, &ready.y, &ctx).map_err(|e| match e {
            // The fit was given what was left; the person gave the whole.
            Error::Timeout { .. } => self.out_of_time(),
            other => other,
        })?;
        let fitted = started.elapsed().as_secs_f64();
        let prediction = predict(&*model, &ready.test)?;
        progress.spent += started.elapsed();
        if at < self.k {
            progress.fit += fitted;
            progress.scoring += started.elapsed().as_secs_f64() - fitted;
            progress.scored_rows += fold.test.len();
        }
        for note in model.notes() {
            *progress.notes.entry(note).or_default() += 1;
        }
        let truth = self.y.select(&fold.test);
        let mut reason = None;
        for (m, metric) in self.metrics.iter().enumerate() {
            let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
            let value = match metric.score(&truth, &prediction) {
                Ok(value) => sign * value,
                Err(error) => {
                    progress.undefined[m].get_or_insert_with(|| error.to_string());
                    reason = Some(error);
                    f64::NAN
                }
            };
            progress.scores[m].push(value);
        }
        match reason {
            // A learner without any number has nothing to be compared by.
            Some(error) if progress.undefined.iter().all(Option::is_some) => Err(error),
            _ => Ok(()),
        }
    }

    fn out_of_time(&self) -> Error {
        Error::Timeout { seconds: self.limit.map_or(f64::INFINITY, |limit| limit.as_secs_f64()) }
    }

    fn row(&self, name: &str, progress: Progress) -> Compared {
        if let Some(status) = progress.failed {
            return Compared {
                model: name.to_owned(),
                status,
                scores: Vec::new(),
                fit_seconds: None,
                predict_us_per_row: None,
            };
        }
        let fold_rows: Vec<(usize, usize)> =
            self.folds.iter().take(self.k).map(|f| (f.train.len(), f.test.len())).collect();
        let scores = self.metrics.iter().zip(progress.scores).map(|(metric, mut values)| {
            let held_out = (values.len() > self.k).then(|| values.pop()).flatten();
            let (mean, interval) = corrected_interval(&values, &fold_rows);
            let [least, largest] = metric.range();
            let interval = interval.map(|v| v.clamp(least, largest));
            Scored { metric: metric.name().to_owned(), folds: values, mean, interval, held_out }
        });
        Compared {
            model: name.to_owned(),
            status: "ok".to_owned(),
            scores: scores.collect(),
            fit_seconds: Some(progress.fit / self.k as f64),
            predict_us_per_row: Some(progress.scoring * 1e6 / progress.scored_rows.max(1) as f64),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
