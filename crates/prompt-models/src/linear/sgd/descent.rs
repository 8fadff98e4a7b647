//! One machine: epochs of steps, one row at a time.

use prompt_core::{Control, Error, Event, FitContext, Matrix, Result, Seed};
use serde::{Deserialize, Serialize};

use super::SgdLoss;
use super::loss::Cost;
use super::weights::{State, Weights};
use crate::linear::{Penalty, Summary};

/// How far a step goes, by its number t from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LearningRate {
    /// 1 / (α·(t₀ + t − 1)), with t₀ such that the first step is α^(−¼) long (Bottou, 2012).
    Optimal,
    /// `eta0`
    Constant,
    /// `eta0` / t^`power_t`
    #[serde(rename = "invscaling")]
    InvScaling,
    /// `eta0`, a fifth of it each time that nothing improved for `n_iter_no_change` epochs.
    Adaptive,
}

/// What classes and numbers have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) owner: &'static str,
    /// Whether the sign of a margin is what counts.
    pub(super) classes: bool,
    pub(super) loss: SgdLoss,
    pub(super) epsilon: f64,
    pub(super) penalty: Penalty,
    pub(super) alpha: f64,
    pub(super) l1_ratio: f64,
    pub(super) fit_intercept: bool,
    pub(super) intercept_decay: f64,
    pub(super) max_iter: usize,
    pub(super) tol: Option<f64>,
    pub(super) shuffle: bool,
    pub(super) learning_rate: LearningRate,
    pub(super) eta0: f64,
    pub(super) power_t: f64,
    pub(super) early_stopping: bool,
    pub(super) n_iter_no_change: usize,
    pub(super) average: usize,
}

impl Settings {
    /// What no range can express.
    pub(super) fn check(&self) -> Result<()> {
        if self.learning_rate == LearningRate::Optimal && self.alpha == 0.0 {
            return Err(Error::param(
                self.owner,
                "alpha",
                "a number > 0 where learning_rate is optimal",
                self.alpha,
            ));
        }
        Ok(())
    }

    /// Means of the weights count from this step on.
    fn counts_from(&self) -> Option<u64> {
        (self.average > 0).then_some(self.average as u64)
    }

    /// A machine that has seen nothing.
    pub(super) fn start(&self, columns: usize) -> State {
        State::zero(columns, self.average > 0)
    }

    /// The weights that predict after `steps` steps: the means once they count, else the last.
    pub(super) fn chosen(&self, state: &State, steps: u64) -> (Vec<f64>, f64) {
        match (&state.mean, self.counts_from()) {
            (Some(mean), Some(from)) if from <= steps => mean.clone(),
            _ => (state.weights.clone(), state.bias),
        }
    }
}

/// The rows of one machine.
pub(super) struct Rows<'a> {
    pub(super) x: &'a Matrix,
    /// ±1, or numbers.
    pub(super) y: &'a (dyn Fn(usize) -> f64 + Sync),
    pub(super) weight: &'a (dyn Fn(usize) -> f64 + Sync),
    /// The rows to learn from.
    pub(super) learn: &'a [usize],
    /// The rows that early stopping watches.
    pub(super) watch: &'a [usize],
}

/// Where a machine is: its state, and how many steps have been taken before.
pub(super) struct From {
    pub(super) state: State,
    pub(super) steps: u64,
}

/// What a machine came to.
pub(super) struct Run {
    pub(super) state: State,
    pub(super) steps: u64,
    pub(super) summary: Summary,
}

/// Steps between two looks at the clock.
const CHECK: usize = 4096;
/// No step is longer than this times the learning rate, so that one wild row overflows nothing.
const STEEPEST: f64 = 1e12;
/// An adaptive rate below this ends the fit.
const SLOWEST: f64 = 1e-6;

impl Rows<'_> {
    pub(super) fn descend(
        &self,
        settings: &Settings,
        from: From,
        label: f64,
        seed: Seed,
        ctx: &FitContext,
    ) -> Result<Run> {
        let s = settings;
        let cost = Cost { loss: s.loss, epsilon: s.epsilon };
        let (l1, l2) = match s.penalty {
            Penalty::L2 => (0.0, s.alpha),
            Penalty::L1 => (s.alpha, 0.0),
            Penalty::ElasticNet => (s.alpha * s.l1_ratio, s.alpha * (1.0 - s.l1_ratio)),
            Penalty::None => (0.0, 0.0),
        };
        let watched = s.early_stopping && !self.watch.is_empty();
        let stops = s.tol.filter(|_| !watched);
        let counted = s.counts_from().map_or(0, |first| (from.steps + 1).saturating_sub(first));
        let penalised = l1 > 0.0 || l2 > 0.0;
        let mut w = Weights::new(from.state, counted as f64, l1 > 0.0, stops.is_some() && penalised);
        let mut t = from.steps + 1;
        let first = s.alpha.powf(-0.25);
        let mut eta = s.eta0;
        let mut order = self.learn.to_vec();
        let mut rng = seed.rng();
        let (mut best_score, mut best_objective, mut waited) = (f64::NEG_INFINITY, f64::INFINITY, 0);
        let mut summary = Summary { objective: 0.0, iterations: 0, converged: false };
        for epoch in 1..=s.max_iter {
            if s.shuffle {
                rng.shuffle(&mut order);
            }
            let (mut total, mut wild) = (0.0, false);
            for (at, &i) in order.iter().enumerate() {
                if at % CHECK == CHECK - 1 {
                    ctx.check()?;
                }
                let (row, y) = (self.x.row(i), (self.y)(i));
                let z = w.margin(row);
                if !z.is_finite() {
                    wild = true;
                    break;
                }
                match s.learning_rate {
                    LearningRate::Optimal => {
                        eta = 1.0 / (s.alpha * (1.0 / (first * s.alpha) + t as f64 - 1.0));
                    }
                    LearningRate::InvScaling => eta = s.eta0 / (t as f64).powf(s.power_t),
                    LearningRate::Constant | LearningRate::Adaptive => {}
                }
                if stops.is_some() {
                    let (half_squares, absolutes) = w.norms();
                    total += cost.of(z, y) + l2 * half_squares + l1 * absolutes;
                }
                let step = -eta * cost.slope(z, y).clamp(-STEEPEST, STEEPEST) * (self.weight)(i);
                if l2 > 0.0 {
                    w.shrink((1.0 - l2 * eta).max(0.0));
                }
                if step != 0.0 {
                    w.add(row, step, if s.fit_intercept { step * s.intercept_decay } else { 0.0 });
                }
                if s.counts_from().is_some_and(|from| from <= t) {
                    w.observe();
                }
                w.truncate(row, l1 * eta);
                t += 1;
            }
            if wild || !w.is_finite() {
                return Err(Error::input(
                    format!("{}: the weights grew beyond all numbers in epoch {epoch}", s.owner),
                    "scale the columns (and a numeric target), or lower eta0",
                ));
            }
            summary.iterations = epoch;
            let (name, value, better) = if watched {
                let score = self.score(&w, s.classes);
                let better = s.tol.is_none_or(|tol| score >= best_score + tol);
                best_score = best_score.max(score);
                ("score", score, better)
            } else {
                let objective = total / order.len().max(1) as f64;
                let better = s.tol.is_none_or(|tol| objective <= best_objective - tol);
                best_objective = best_objective.min(objective);
                summary.objective = objective;
                ("objective", objective, better)
            };
            waited = if better { 0 } else { waited + 1 };
            let values = [("machine", label), (name, value), ("eta", eta)];
            // Without a tolerance no objective is kept.
            let values = if watched || stops.is_some() { &values[..] } else { &[values[0], values[2]][..] };
            let event = Event { stage: "sgd", step: epoch, total: Some(s.max_iter), values };
            if ctx.report(&event)? == Control::Stop {
                break;
            }
            if waited >= s.n_iter_no_change {
                if s.learning_rate == LearningRate::Adaptive && eta > SLOWEST {
                    eta /= 5.0;
                    waited = 0;
                } else {
                    summary.converged = true;
                    break;
                }
            }
        }
        // Without a tolerance there is none to miss.
        summary.converged |= s.tol.is_none();
        Ok(Run { state: w.finish(), steps: t - 1, summary })
    }

    /// Accuracy or R² of the rows that are watched.
    fn score(&self, w: &Weights, classes: bool) -> f64 {
        let rows = || self.watch.iter().map(|&i| (w.margin(self.x.row(i)), (self.y)(i), (self.weight)(i)));
        let total: f64 = rows().map(|(_, _, v)| v).sum();
        if classes {
            return rows().filter(|(z, y, _)| (*z > 0.0) == (*y > 0.0)).map(|(_, _, v)| v).sum::<f64>()
                / total;
        }
        let mean = rows().map(|(_, y, v)| v * y).sum::<f64>() / total;
        let spread: f64 = rows().map(|(_, y, v)| v * (y - mean).powi(2)).sum();
        let left: f64 = rows().map(|(z, y, v)| v * (y - z).powi(2)).sum();
        1.0 - left / spread.max(f64::MIN_POSITIVE)
    }
}
