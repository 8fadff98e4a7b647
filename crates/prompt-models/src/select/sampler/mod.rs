//! How the next point is chosen: in order, by chance, or by what earlier points came to.

mod parzen;
mod tpe;

pub use tpe::Tpe;

use prompt_core::{Error, Result, Rng, Seed};
use serde::{Deserialize, Serialize};

use super::Params;
use super::space::{Axis, Space};

/// A strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampler {
    /// Every combination in turn.
    Grid,
    /// Evenly by chance.
    Random,
    /// Tree-structured Parzen estimator.
    Tpe(Tpe),
}

/// A trial as a sampler sees it: a place on every axis where the parameter was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) places: Vec<Option<f64>>,
    pub(crate) outcome: Outcome,
}

/// What is known of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    /// Its score; larger is better.
    Complete(f64),
    /// Steps done when it was pruned, and the last of them.
    Pruned(usize, f64),
    /// It failed, which says nothing about its neighbours.
    Failed,
    /// Not known yet.
    Pending,
}

/// The places of a point on the axes of a space.
pub(crate) fn places(space: &Space, params: &Params) -> Vec<Option<f64>> {
    space.dimensions().iter().map(|d| params.get(&d.name).and_then(|v| d.domain.place(v))).collect()
}

/// What chooses points of a space.
pub(crate) struct Chooser<'a> {
    space: &'a Space,
    axes: Vec<Axis>,
    sampler: &'a Sampler,
    /// The points of a grid.
    grid: Vec<Params>,
}

impl<'a> Chooser<'a> {
    /// # Errors
    /// A space that is none, or a grid over a range without steps.
    pub(crate) fn new(space: &'a Space, sampler: &'a Sampler) -> Result<Self> {
        space.validate()?;
        let grid = match sampler {
            Sampler::Grid => space.points().ok_or_else(|| {
                Error::input(
                    "a grid over a range of real numbers has no end",
                    "give the parameter a step or a list of values, or search by `random` or `tpe`",
                )
            })?,
            _ => Vec::new(),
        };
        if let Sampler::Tpe(tpe) = sampler {
            tpe.validate()?;
        }
        let axes = space.dimensions().iter().map(|d| d.domain.axis()).collect();
        Ok(Self { space, axes, sampler, grid })
    }

    /// How many points there are; `None` where there is no end.
    pub(crate) fn len(&self) -> Option<usize> {
        matches!(self.sampler, Sampler::Grid).then_some(self.grid.len())
    }

    /// The point of trial `number`, given the trials before it.
    pub(crate) fn choose(&self, number: usize, known: &[Known], seed: Seed) -> Params {
        let mut rng = seed.rng();
        match self.sampler {
            Sampler::Grid => self.grid.get(number).cloned().unwrap_or_default(),
            Sampler::Random => self.fill(|at, _| even(self.axes[at], &mut rng)),
            Sampler::Tpe(tpe) => {
                let mut guess = tpe.prepare(&self.axes, self.unconditional(), known, &mut rng);
                self.fill(|at, _| guess.place(at, &mut rng))
            }
        }
    }

    /// The axes that are always chosen.
    fn unconditional(&self) -> Vec<usize> {
        let all = self.space.dimensions().iter().enumerate();
        all.filter(|(_, d)| d.when.is_none()).map(|(at, _)| at).collect()
    }

    fn fill(&self, mut place: impl FnMut(usize, &Params) -> f64) -> Params {
        let mut params = Params::new();
        for (at, dimension) in self.space.dimensions().iter().enumerate() {
            if self.space.is_active(at, &params) {
                let value = dimension.domain.value(place(at, &params));
                params.insert(dimension.name.clone(), value);
            }
        }
        params
    }
}

/// A place that every place is as likely as.
fn even(axis: Axis, rng: &mut Rng) -> f64 {
    match axis {
        Axis::Interval { low, high, .. } => low + rng.unit() * (high - low),
        Axis::Choices(n) => rng.below(n) as f64,
    }
}
