//! A Bayesian search after the grid: more points, chosen by what the ones before them came to.

use std::sync::Mutex;

use prompt_core::{Error, Estimator, FitContext, MemoryStudy, Result};

use crate::select::{Params, Plan, PointScores, Study, apply, builtin_space};

/// Points of the learner's built-in space, without the parameters that are `fixed`, with their scores in the order in
/// which they were tried: TPE, each point on all threads.
///
/// # Errors
/// A stop asked for through `ctx`, or what `score` cannot go on after.
pub(super) fn further(
    estimator: &dyn Estimator,
    (fixed, trials): (&[String], usize),
    ctx: &FitContext,
    score: &(dyn Fn(Box<dyn Estimator>) -> Result<PointScores> + Sync),
) -> Result<Vec<(Params, PointScores)>> {
    let space = builtin_space(estimator.tags().task, estimator.name())?.without(fixed);
    if space.is_empty() {
        return Ok(Vec::new());
    }
    let mut study = Study::open(Plan::new(space, ctx.seed().value()), Box::new(MemoryStudy::default()))?;
    let found = Mutex::new(Vec::new());
    study.run(trials, None, &ctx.unobserved(), &|trial| {
        let scores = score(apply(estimator, trial.params())?)?;
        let (mean, error) = (scores.mean(), scores.error.clone());
        if let Ok(mut found) = found.lock() {
            found.push((trial.params().clone(), scores));
        }
        match error {
            Some(why) => Err(Error::input(why, "see the point's own error")),
            None => Ok(mean),
        }
    })?;
    Ok(found.into_inner().unwrap_or_default())
}
