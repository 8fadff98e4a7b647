//! One network: judged by folds, fitted on all training rows, scored and saved like every other model.

use std::sync::Arc;
use std::time::Instant;

use prompt_core::{Control, Dense, Error, Event, FitContext, Observer, Prediction, Result, Scorer, Target};
use prompt_data::split::Fold;
use serde_json::json;

use super::super::families::Asked;
use super::super::history::Recorder;
use super::super::measure;
use super::super::result::{CrossValidation, ModelResult, Point, Status};
use super::Trainer;
use crate::neural::{Network, Traces, fit_rows};
use crate::pipeline;
use crate::select::rebalanced;

impl Trainer<'_> {
    /// Judges, fits, measures and saves one network. Nothing is searched: `prompt tune` does that.
    ///
    /// Where the data gives validation rows, those judge the network that is kept. Otherwise folds do, each with a fit
    /// of its own: as many as the section says, or the first of the other models' folds.
    pub(in super::super) fn train_network(
        &self,
        asked: &Asked<'_>,
        fresh: bool,
        ctx: &FitContext,
    ) -> Result<ModelResult> {
        let started = Instant::now();
        let name = asked.name;
        measure::begin_peak();
        let network = asked.network(&self.data.classes)?;
        network.check()?;
        let judged = match &self.rows.given {
            Some(_) => None,
            None => Some(self.judge(&network, asked.folds, ctx)),
        };
        // Stopped before its turn came: what an earlier run left of its training stays.
        let judged = match judged.transpose() {
            Err(Error::Cancelled) => {
                self.folder.end_training(name, true)?;
                return Err(Error::Cancelled);
            }
            other => other?,
        };

        let recorder = Arc::new(Recorder::default());
        let both = Both { recorder: recorder.clone(), watching: ctx.clone() };
        let watched = ctx.unobserved().with_observer(Arc::new(both));
        let fit_started = Instant::now();
        let held_out = self.rows.given.as_ref().map_or(&[][..], |fold| &fold.test);
        let found = self.fit_network(
            &network,
            (&self.rows.train, held_out),
            &watched,
            &self.folder.traces(name, fresh),
        );
        // A run that is stopped, or killed, goes on from the states of its training.
        self.folder.end_training(name, matches!(found, Err(Error::Cancelled)))?;
        let (scorer, prediction) = found?;
        let fit_seconds = fit_started.elapsed().as_secs_f64();

        let cv = match (judged, prediction) {
            (Some(judged), _) => judged,
            (None, Some(prediction)) => self.judged_by(&[prediction], &[held_out])?,
            (None, None) => return Err(Error::input("no row judges the network", "report this as a bug")),
        };
        let mut result = ModelResult::without_numbers(name, Status::Ok);
        result.params = network.params();
        result.fingerprint.clone_from(&self.fingerprint);
        result.cv = Some(cv);
        result.fit_seconds = Some(fit_seconds);
        result.history = recorder.history(name);
        let params = json!({
            "sanitise": self.config.sanitise,
            "model": { "type": network.name(), "params": result.params },
        });
        let scorer = pipeline::mapped(self.data.sanitiser.clone(), scorer);
        self.measure(&mut result, scorer, params, &ctx.unobserved())?;
        result.wall_seconds = Some(started.elapsed().as_secs_f64());
        Ok(result)
    }

    fn judge(&self, network: &Network, folds: Option<usize>, ctx: &FitContext) -> Result<CrossValidation> {
        let all = self.store(folds.unwrap_or(self.config.traditional.folds))?.folds();
        let used: &[Fold] = if folds.is_some() { all } else { &all[..1] };
        let mut predictions = Vec::with_capacity(used.len());
        for (i, fold) in used.iter().enumerate() {
            let ctx = ctx.part("fold", i as u64);
            let (_, prediction) =
                self.fit_network(network, (&fold.train, &fold.test), &ctx, &Traces::default())?;
            predictions
                .push(prediction.ok_or_else(|| Error::input("a fold has no rows", "report this as a bug"))?);
        }
        let rows: Vec<&[usize]> = used.iter().map(|fold| &fold.test[..]).collect();
        self.judged_by(&predictions, &rows)
    }

    /// What predictions of rows that were not learned from say.
    fn judged_by(&self, predictions: &[Prediction], rows: &[&[usize]]) -> Result<CrossValidation> {
        let target = |rows: &[usize]| self.rows.target.select(rows);
        let scores = predictions
            .iter()
            .zip(rows)
            .map(|(p, rows)| self.metric.score(&target(rows), p))
            .collect::<Result<Vec<f64>>>()?;
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let std = (scores.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        let sign = if self.metric.higher_is_better() { 1.0 } else { -1.0 };

        let together: Vec<usize> = rows.iter().flat_map(|rows| rows.iter().copied()).collect();
        let width = self.data.classes.len();
        let mut data = Vec::with_capacity(together.len() * width);
        for prediction in predictions {
            data.extend_from_slice(prediction.scores().data());
        }
        let output = predictions[0].output().clone();
        let all = Prediction::new(output, Dense::new(together.len(), width, data)?)?;
        let truth = target(&together);
        let out_of_fold = measure::scores(truth.as_classes()?.0, &all, self.config)?;
        let point =
            Point { params: Default::default(), mean: Some(sign * mean), std: Some(std), error: None };
        Ok(CrossValidation {
            metric: self.metric.name().to_owned(),
            mean: sign * mean,
            std,
            folds: scores.iter().map(|v| sign * v).collect(),
            points: vec![point],
            out_of_fold,
        })
    }

    fn fit_network(
        &self,
        network: &Network,
        (train, held_out): (&[usize], &[usize]),
        ctx: &FitContext,
        traces: &Traces,
    ) -> Result<(Arc<dyn Scorer>, Option<Prediction>)> {
        let mut y: Target = self.rows.target.select(train);
        let mut train = train.to_vec();
        if let Some(rebalance) = self.rebalance() {
            let (rows, weighted) = rebalanced(rebalance(&y, ctx)?, &y)?;
            train = rows.into_iter().map(|i| train[i]).collect();
            y = weighted;
        }
        let (fitted, prediction) =
            fit_rows(network, &self.rows.texts, (&train, &y), held_out, (ctx, traces))?;
        if fitted.cut > 0 {
            self.folder.log(format!("{} texts were longer than max_length and read in part", fitted.cut));
        }
        Ok((fitted.scorer, prediction))
    }
}

/// Keeps the curve of a training and lets whoever watches the run see it.
struct Both {
    recorder: Arc<Recorder>,
    watching: FitContext,
}

impl Observer for Both {
    fn observe(&self, event: &Event<'_>) -> Control {
        self.recorder.observe(event);
        // A stop is found by the training itself.
        self.watching.report(event).unwrap_or(Control::Continue)
    }
}
