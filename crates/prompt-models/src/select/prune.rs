//! Trials that are given up early.

use serde::{Deserialize, Serialize};

use super::study::{State, Trial};

/// Gives up a trial whose best step so far is below the median of what earlier trials had at the same step, as Optuna's
/// `MedianPruner`.
///
/// ```
/// use prompt_models::select::MedianPruner;
/// let pruner = MedianPruner::default();
/// assert_eq!((pruner.startup_trials, pruner.warmup_steps), (5, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MedianPruner {
    /// Complete trials before any is given up.
    pub startup_trials: usize,
    /// Steps of a trial before it can be given up.
    pub warmup_steps: usize,
}

impl Default for MedianPruner {
    fn default() -> Self {
        Self { startup_trials: 5, warmup_steps: 0 }
    }
}

impl MedianPruner {
    /// Whether a trial with these steps (larger is better) is given up, given the trials before it.
    pub fn gives_up(&self, steps: &[f64], earlier: &[&Trial]) -> bool {
        let Some(at) = steps.len().checked_sub(1) else { return false };
        let complete = || earlier.iter().filter(|t| t.state == State::Complete);
        if at < self.warmup_steps || complete().count() < self.startup_trials.max(1) {
            return false;
        }
        let best = steps.iter().copied().filter(|s| !s.is_nan()).fold(f64::NEG_INFINITY, f64::max);
        let mut there: Vec<f64> =
            complete().filter_map(|t| t.steps.get(at).copied()).filter(|s| !s.is_nan()).collect();
        if there.is_empty() {
            return false;
        }
        there.sort_by(f64::total_cmp);
        let middle = there.len() / 2;
        let median =
            if there.len() % 2 == 1 { there[middle] } else { 0.5 * (there[middle - 1] + there[middle]) };
        best < median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_median_of_the_same_step_is_given_up() {
        let earlier: Vec<Trial> = (0..5)
            .map(|i| {
                let mut trial = Trial::pending(i, Default::default());
                trial.state = State::Complete;
                trial.steps = vec![i as f64, 10.0 + i as f64];
                trial
            })
            .collect();
        let earlier: Vec<&Trial> = earlier.iter().collect();
        let pruner = MedianPruner::default();
        assert!(pruner.gives_up(&[1.9], &earlier));
        assert!(!pruner.gives_up(&[2.0], &earlier));
        assert!(pruner.gives_up(&[9.0, 11.9], &earlier), "the second step is held against the second steps");
        assert!(!pruner.gives_up(&[1.0], &earlier[..4]), "too few to compare with");
        assert!(!MedianPruner { warmup_steps: 1, ..pruner }.gives_up(&[1.0], &earlier));
        assert!(!pruner.gives_up(&[], &earlier));
    }
}
