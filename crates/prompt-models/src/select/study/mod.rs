//! A study: trials of a space, kept as they end, that can be stopped and resumed.
//!
//! ```text
//! generation 1: trials 0 … b−1 ┐ chosen from what earlier generations came to, run on any number of threads
//! generation 2: trials b … 2b−1 ┘ every trial is appended to the store when it ends
//! ```
//!
//! Trials come in *generations* of a fixed size. A point depends on the seed, its number, the outcomes of earlier
//! generations and the points before it in its own, never on which trial ended first. So a study is the same for any
//! number of threads, and one that was stopped and resumed is the one that was not.

mod file;
mod record;

pub use file::JsonlStudy;
pub use record::{State, Trial};

use std::sync::Mutex;
use std::time::{Duration, Instant};

use prompt_core::{Control, Error, Event, FitContext, Result, Seed, StudyStore};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Params;
use super::prune::MedianPruner;
use super::sampler::{Chooser, Known, Outcome, Sampler, places};
use super::space::Space;

/// What a study is: two studies with the same plan and the same objective are the same study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is chosen from.
    pub space: Space,
    /// How.
    pub sampler: Sampler,
    /// Which trials are given up; none when absent.
    pub pruner: Option<MedianPruner>,
    /// The seed of all choices.
    pub seed: Seed,
    /// Trials a generation.
    pub generation: usize,
    /// What the objective is: data, learner, folds. It is compared when a study is resumed.
    pub about: Value,
}

impl Plan {
    /// Points chosen by TPE one after another, nothing given up.
    pub fn new(space: Space, seed: u64) -> Self {
        Self {
            space,
            sampler: Sampler::Tpe(super::sampler::Tpe::default()),
            pruner: None,
            seed: Seed::new(seed),
            generation: 1,
            about: Value::Null,
        }
    }
}

/// A study that goes on from what its store holds.
///
/// ```
/// use prompt_core::{FitContext, MemoryStudy};
/// use prompt_models::select::{Plan, Space, Study};
///
/// let space = Space::new().float("x", -5.0, 5.0);
/// let mut study = Study::open(Plan::new(space, 1), Box::new(MemoryStudy::default()))?;
/// study.run(40, None, &FitContext::new(1), &|trial| {
///     let x = trial.params()["x"].as_f64().unwrap_or(f64::NAN);
///     Ok(Some(-(x - 2.0).powi(2)))
/// })?;
/// let best = study.best().unwrap();
/// assert!((best.params["x"].as_f64().unwrap() - 2.0).abs() < 0.5);
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub struct Study<'a> {
    plan: Plan,
    store: Mutex<Box<dyn StudyStore + 'a>>,
    /// Ended trials by number; a gap is a trial that a stop kept from ending.
    trials: Vec<Option<Trial>>,
    /// What the observer sees of a score.
    sign: f64,
}

/// A trial that runs.
pub struct Running<'a> {
    number: usize,
    params: &'a Params,
    seed: Seed,
    steps: Vec<f64>,
    pruner: Option<(MedianPruner, &'a [&'a Trial])>,
}

impl Running<'_> {
    /// Its number, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The point.
    pub fn params(&self) -> &Params {
        self.params
    }

    /// A seed of its own.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Reports the value of the next step (larger is better). `false` says that the trial should be given up: return
    /// `Ok(None)`.
    #[must_use]
    pub fn report(&mut self, value: f64) -> bool {
        self.steps.push(value);
        !self.pruner.is_some_and(|(pruner, earlier)| pruner.gives_up(&self.steps, earlier))
    }

    /// What [`report`](Self::report) decides by, for one who watches a fit from afar.
    pub(crate) fn judge(&self) -> Judge {
        let pruner =
            self.pruner.map(|(pruner, earlier)| (pruner, earlier.iter().map(|t| (*t).clone()).collect()));
        Judge { pruner }
    }
}

/// Decides about giving up as the trial that it is of.
pub(crate) struct Judge {
    pruner: Option<(MedianPruner, Vec<Trial>)>,
}

impl Judge {
    /// Whether a trial with these steps (larger is better) is given up.
    pub(crate) fn gives_up(&self, steps: &[f64]) -> bool {
        self.pruner.as_ref().is_some_and(|(pruner, earlier)| {
            let earlier: Vec<&Trial> = earlier.iter().collect();
            pruner.gives_up(steps, &earlier)
        })
    }
}

/// The value of a point, larger is better; `None` when it was given up.
pub type Objective<'a> = dyn Fn(&mut Running<'_>) -> Result<Option<f64>> + Sync + 'a;

impl<'a> Study<'a> {
    /// Opens the study in a store; begins it where the store is empty.
    ///
    /// # Errors
    /// A space that is none; [`Error::Input`] when the store holds a study with another plan; what the store finds.
    pub fn open(plan: Plan, mut store: Box<dyn StudyStore + 'a>) -> Result<Self> {
        if plan.generation == 0 {
            return Err(Error::param("study", "generation", "a whole number ≥ 1", 0));
        }
        Chooser::new(&plan.space, &plan.sampler)?;
        let events = store.events()?;
        let trials = match events.split_first() {
            None => {
                store.append(&record::begin(&plan))?;
                Vec::new()
            }
            Some((first, rest)) => {
                record::same(first, &plan)?;
                record::trials(rest)?
            }
        };
        Ok(Self { plan, store: Mutex::new(store), trials, sign: 1.0 })
    }

    /// The same for scores that are negated losses: the observer is told the loss.
    #[must_use]
    pub fn of_losses(mut self, losses: bool) -> Self {
        self.sign = if losses { -1.0 } else { 1.0 };
        self
    }

    /// What the study is.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The trials that ended, by number.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.trials.iter().flatten()
    }

    /// The complete trial with the largest score, the first of equals.
    pub fn best(&self) -> Option<&Trial> {
        let mut best: Option<&Trial> = None;
        for trial in self.trials().filter(|t| t.state == State::Complete) {
            if best.is_none_or(|b| trial.score > b.score) {
                best = Some(trial);
            }
        }
        best
    }

    /// Runs trials until there are `trials` of them (or all points of a grid), or `limit` has passed; those that the
    /// store has are not run again. A trial that fails is recorded with its reason, and the study goes on.
    ///
    /// The observer of `ctx` gets an event after every generation: step and total are trials, the values `best`,
    /// `pruned` and `failed`.
    ///
    /// # Errors
    /// A stop asked for through `ctx`, or a store that cannot be written. Trials that ended are kept.
    pub fn run(
        &mut self,
        trials: usize,
        limit: Option<Duration>,
        ctx: &FitContext,
        objective: &Objective<'_>,
    ) -> Result<()> {
        let started = Instant::now();
        let Self { plan, store, trials: ended, sign } = self;
        let store = &*store;
        let chooser = Chooser::new(&plan.space, &plan.sampler)?;
        let wanted = chooser.len().map_or(trials, |points| points.min(trials));
        let mut known: Vec<Known> = Vec::new();
        let size = plan.generation;
        for first in (0..wanted).step_by(size) {
            let numbers = first..(first + size).min(wanted);
            if ended.len() < numbers.end {
                ended.resize(numbers.end, None);
            }
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                break;
            }
            let fresh = (numbers.clone()).any(|n| ended[n].is_none());
            let points: Vec<Params> = numbers
                .clone()
                .map(|number| {
                    let params = match &ended[number] {
                        Some(trial) => trial.params.clone(),
                        None => chooser.choose(number, &known, plan.seed.derive("trial", number as u64)),
                    };
                    known.push(Known { places: places(&plan.space, &params), outcome: Outcome::Pending });
                    params
                })
                .collect();
            if fresh {
                ctx.check()?;
                let (before, now) = ended.split_at(first);
                let earlier: Vec<&Trial> = before.iter().flatten().collect();
                let missing: Vec<usize> = numbers.clone().filter(|n| now[n - first].is_none()).collect();
                let done = ctx.map(missing.len(), |i| -> Result<Trial> {
                    let (number, params) = (missing[i], &points[missing[i] - first]);
                    let running = Running {
                        number,
                        params,
                        seed: plan.seed.derive("objective", number as u64),
                        steps: Vec::new(),
                        pruner: plan.pruner.map(|p| (p, &earlier[..])),
                    };
                    let trial = run_one(running, objective)?;
                    let mut store = store.lock().map_err(|_| poisoned())?;
                    store.append(&record::of(&trial))?;
                    Ok(trial)
                });
                let mut stop = None;
                for trial in done {
                    match trial {
                        Ok(trial) => {
                            let number = trial.number;
                            ended[number] = Some(trial);
                        }
                        Err(error) => stop = stop.or(Some(error)),
                    }
                }
                if let Some(stop) = stop {
                    return Err(stop);
                }
            }
            for number in numbers.clone() {
                known[number].outcome = ended[number].as_ref().map_or(Outcome::Pending, Trial::outcome);
            }
            if fresh && tell(ended, wanted, *sign, ctx)? == Control::Stop {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }
}

fn run_one(mut running: Running<'_>, objective: &Objective<'_>) -> Result<Trial> {
    let started = Instant::now();
    let found = objective(&mut running);
    let mut trial = Trial::pending(running.number, running.params.clone());
    trial.seconds = started.elapsed().as_secs_f64();
    trial.steps = running.steps;
    match found {
        Ok(Some(score)) if !score.is_finite() => {
            trial.state = State::Failed;
            let what = if score.is_nan() { "not a number" } else { "not finite" };
            trial.error = Some(format!("the score is {what}"));
        }
        Ok(Some(score)) => {
            trial.state = State::Complete;
            trial.score = Some(score);
        }
        Ok(None) => trial.state = State::Pruned,
        Err(stop) if stop.is_stop() => return Err(stop),
        Err(error) => {
            trial.state = State::Failed;
            trial.error = Some(error.to_string());
        }
    }
    Ok(trial)
}

fn tell(ended: &[Option<Trial>], wanted: usize, sign: f64, ctx: &FitContext) -> Result<Control> {
    let count = |state: State| ended.iter().flatten().filter(|t| t.state == state).count() as f64;
    let best = ended.iter().flatten().filter_map(|t| t.score).fold(f64::NEG_INFINITY, f64::max);
    ctx.report(&Event {
        stage: "trials",
        step: ended.iter().flatten().count(),
        total: Some(wanted),
        values: &[("best", sign * best), ("pruned", count(State::Pruned)), ("failed", count(State::Failed))],
    })
}

fn poisoned() -> Error {
    Error::input("another trial ended in a panic while it wrote the study", "resume the study")
}

#[cfg(test)]
mod tests;
