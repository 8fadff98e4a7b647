//! Parameters of a network by a study.
//!
//! ```text
//! a trial: fold 1, epoch 1 … E (each may give it up) ─ score of fold 1 ─ fold 2 ─ mean ─ fold 3 ─ … ─ mean score
//! ```
//!
//! A fold's own held-out rows (`validation_fraction`) say how an epoch went, so that giving up never looks at the rows
//! that the fold is scored on.

use std::sync::{Arc, Mutex};

use prompt_core::{Control, Event, FitContext, Observer, Result, StudyStore, Target, Task, Texts};
use prompt_data::split::Fold;
use serde_json::{Value, json};

use super::{Network, Traces, fit_rows};
use crate::select::{Judge, Metric, Running, Study, Tune, Tuned, check_names};

/// Rows of a study, divided.
pub(crate) struct FoldedRows<'a> {
    pub(crate) texts: &'a dyn Texts,
    pub(crate) y: &'a Target,
    pub(crate) folds: &'a [Fold],
    pub(crate) task: Task,
}

/// Chooses the parameters of a network. `about` says what the rows are, so that a study is not resumed on others.
pub(crate) fn tune_network(
    (network, fixed): (&Network, &[String]),
    rows: &FoldedRows<'_>,
    (options, about): (&Tune, Value),
    store: Box<dyn StudyStore + '_>,
    ctx: &FitContext,
) -> Result<Tuned> {
    options.validate()?;
    network.check()?;
    let metric = options.metric_for(rows.task)?;
    let space = options.space_for(rows.task, network.name(), fixed)?;
    check_names(&space, &network.specs())?;
    let about = json!({
        "data": about,
        "model": network.name(),
        "params": network.params(),
        "given": crate::experiment::stamps(&network.params()),
        "metric": metric.name(),
        "folds": rows.folds.len(),
    });
    let plan = options.plan(space, ctx.seed(), about);
    let several = plan.generation > 1;
    let mut study = Study::open(plan, store)?.of_losses(!metric.higher_is_better());
    let quiet = ctx.unobserved();
    // One level of parallelism at a time: trials beside each other, or all threads for one fit.
    let inner = if several { quiet.serial() } else { quiet };
    let (trials, limit) = options.limits();
    study.run(trials, limit, ctx, &|trial| {
        let point = trial.params().iter();
        let network =
            point.clone().try_fold(network.clone(), |n, (name, value)| n.with_param(name, value))?;
        run_trial(&network, rows, metric, trial, &inner)
    })?;
    Tuned::of(&study, metric)
}

fn run_trial(
    network: &Network,
    rows: &FoldedRows<'_>,
    metric: Metric,
    trial: &mut Running<'_>,
    ctx: &FitContext,
) -> Result<Option<f64>> {
    let params = network.params();
    let mut sum = 0.0;
    for (i, fold) in rows.folds.iter().enumerate() {
        let mut ctx = ctx.part("fold", i as u64);
        let epochs = Arc::new(Epochs::new(trial.judge()));
        // Only what means the same as the score can be compared with it.
        let comparable = i == 0 && metric.name() == "f1_macro";
        if comparable {
            ctx = ctx.with_observer(epochs.clone());
        }
        let y = rows.y.select(&fold.train);
        let (_, prediction) =
            fit_rows(network, rows.texts, (&fold.train, &y), &fold.test, (&ctx, &Traces::default()))?;
        if comparable && !epochs.tell(trial, params["max_epochs"].as_u64().unwrap_or(0) as usize) {
            return Ok(None);
        }
        if let Some(prediction) = prediction {
            sum += metric.score(&rows.y.select(&fold.test), &prediction)?;
        }
        let mean = sum / (i + 1) as f64;
        if i + 1 < rows.folds.len() && !trial.report(mean) {
            return Ok(None);
        }
    }
    Ok(Some(sum / rows.folds.len() as f64))
}

/// Watches the epochs of a fit and ends one that is below what others were.
struct Epochs {
    judge: Judge,
    values: Mutex<Vec<f64>>,
}

impl Epochs {
    fn new(judge: Judge) -> Self {
        Self { judge, values: Mutex::default() }
    }

    /// Tells the trial what it saw; whether the trial goes on. An early end counts as standing still, so that the n-th
    /// step is the n-th epoch in every trial.
    fn tell(&self, trial: &mut Running<'_>, epochs: usize) -> bool {
        let values = self.values.lock().map(|v| v.clone()).unwrap_or_default();
        let mut goes_on = true;
        for &value in &values {
            goes_on = trial.report(value);
        }
        if goes_on && let Some(best) = values.iter().copied().reduce(f64::max) {
            for _ in values.len()..epochs {
                goes_on = trial.report(best);
            }
        }
        goes_on
    }
}

impl Observer for Epochs {
    fn observe(&self, event: &Event<'_>) -> Control {
        let value = event.values.iter().find(|(name, _)| *name == "f1_macro");
        let (Some((_, value)), Ok(mut values)) =
            (value.filter(|_| event.stage == "epoch"), self.values.lock())
        else {
            return Control::Continue;
        };
        values.push(*value);
        if self.judge.gives_up(&values) { Control::Stop } else { Control::Continue }
    }
}
