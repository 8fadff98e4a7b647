//! The tree-structured Parzen estimator.

use prompt_core::{Error, Result, Rng};
use serde::{Deserialize, Serialize};

use super::super::space::Axis;
use super::parzen::Parzen;
use super::{Known, Outcome, even};

/// Settings of the tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl, 2011), with the choices that
/// Optuna documents as its defaults, but twice as many candidates, which cost little here and find a little more.
///
/// The trials so far are parted into the best γ(n) = min(⌈n/10⌉, 25) and the others; a density l is estimated over the
/// first, g over the others, and of the candidates drawn from l the one with the largest l/g is tried next. Trials
/// that were pruned rank below those that were not, the further they came the higher; trials of the same generation, whose outcome is not known
/// yet, are counted among the others, so that they are not tried again nearby (the "constant liar").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tpe {
    /// The first trials, drawn evenly.
    pub startup_trials: usize,
    /// Candidates drawn for each choice (48; Optuna draws 24).
    pub candidates: usize,
    /// Whether parameters that are always chosen are chosen together instead of one by one.
    pub multivariate: bool,
}

impl Default for Tpe {
    fn default() -> Self {
        Self { startup_trials: 10, candidates: 48, multivariate: true }
    }
}

/// What the next point is drawn from.
pub(super) struct Guess<'a> {
    tpe: &'a Tpe,
    axes: &'a [Axis],
    /// The better trials and the others, each in the order of their numbers; `None` in the beginning.
    parted: Option<(Vec<&'a Known>, Vec<&'a Known>)>,
    /// Places that were chosen together.
    together: Vec<Option<f64>>,
}

impl Tpe {
    pub(super) fn validate(&self) -> Result<()> {
        if self.candidates == 0 {
            return Err(Error::param("tpe", "candidates", "a whole number ≥ 1", 0));
        }
        Ok(())
    }

    pub(super) fn prepare<'a>(
        &'a self,
        axes: &'a [Axis],
        always: Vec<usize>,
        known: &'a [Known],
        rng: &mut Rng,
    ) -> Guess<'a> {
        let seen = known.iter().filter(|k| k.outcome != Outcome::Failed).count();
        let parted = (seen >= self.startup_trials.max(1)).then(|| parted(known));
        let mut guess = Guess { tpe: self, axes, parted, together: vec![None; axes.len()] };
        if self.multivariate
            && let Some(places) = guess.best_of(&always, rng)
        {
            always.into_iter().zip(places).for_each(|(at, place)| guess.together[at] = Some(place));
        }
        guess
    }
}

impl Guess<'_> {
    /// The place on an axis that is tried next.
    pub(super) fn place(&mut self, at: usize, rng: &mut Rng) -> f64 {
        if let Some(place) = self.together[at] {
            return place;
        }
        match self.best_of(&[at], rng) {
            Some(places) => places[0],
            None => even(self.axes[at], rng),
        }
    }

    /// The best of the candidates over these axes; `None` in the beginning.
    fn best_of(&self, which: &[usize], rng: &mut Rng) -> Option<Vec<f64>> {
        let (better, others) = self.parted.as_ref()?;
        let axes: Vec<Axis> = which.iter().map(|&at| self.axes[at]).collect();
        let density = |trials: &[&Known]| {
            let on = |k: &&Known| which.iter().map(|&at| k.places[at]).collect::<Option<Vec<f64>>>();
            Parzen::new(&axes, &trials.iter().filter_map(on).collect::<Vec<_>>())
        };
        let (l, g) = (density(better), density(others));
        let (mut best, mut memory) = (None::<(Vec<f64>, f64)>, Vec::new());
        for _ in 0..self.tpe.candidates {
            let candidate = l.draw(rng);
            let worth = l.log_density(&candidate, &mut memory) - g.log_density(&candidate, &mut memory);
            if best.as_ref().is_none_or(|(_, w)| worth > *w) {
                best = Some((candidate, worth));
            }
        }
        best.map(|(candidate, _)| candidate)
    }
}

/// The better trials and the others.
fn parted(known: &[Known]) -> (Vec<&Known>, Vec<&Known>) {
    let mut finished: Vec<(usize, &Known)> = known
        .iter()
        .enumerate()
        .filter(|(_, k)| matches!(k.outcome, Outcome::Complete(_) | Outcome::Pruned(..)))
        .collect();
    // The best first: complete ones by score, then pruned ones by how far they came; the earlier of equals.
    finished.sort_by(|(_, a), (_, b)| match (a.outcome, b.outcome) {
        (Outcome::Complete(a), Outcome::Complete(b)) => b.total_cmp(&a),
        (Outcome::Pruned(s, a), Outcome::Pruned(t, b)) => t.cmp(&s).then(b.total_cmp(&a)),
        (Outcome::Complete(_), _) => std::cmp::Ordering::Less,
        _ => std::cmp::Ordering::Greater,
    });
    let gamma = finished.len().div_ceil(10).min(25);
    let mut is_better = vec![false; known.len()];
    finished.iter().take(gamma).for_each(|(at, _)| is_better[*at] = true);
    let counted = |k: &Known| k.outcome != Outcome::Failed;
    let of = |side: bool| {
        known.iter().zip(&is_better).filter(|(k, b)| **b == side && counted(k)).map(|(k, _)| k).collect()
    };
    (of(true), of(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_better_and_what_failed_counts_for_nothing() {
        let known = |outcome| Known { places: vec![Some(0.0)], outcome };
        let mut all: Vec<Known> = (0..30).map(|i| known(Outcome::Complete(f64::from(i)))).collect();
        all.push(known(Outcome::Failed));
        all.push(known(Outcome::Pending));
        all.push(known(Outcome::Pruned(3, 100.0)));
        let (better, others) = parted(&all);
        assert_eq!(better.len(), 4);
        assert!(better.iter().all(|k| matches!(k.outcome, Outcome::Complete(s) if s >= 26.0)));
        assert_eq!(others.len(), 28, "26 complete, one pending, one pruned");
    }
}
