//! Probabilities for learners that give margins: a link fitted on margins of rows that were held out.

use prompt_core::{Result, Seed};

use super::classifier::Link;
use super::{Calibration, Problem};
use crate::calibrate::{Margins, fit_platt, fit_temperature};

/// The number of margins: one for two present classes, else one for each.
pub(crate) fn machines(problem: &Problem) -> usize {
    if problem.present.len() == 2 { 1 } else { problem.present.len() }
}

/// How margins are held out.
pub(crate) struct HeldOut<'a> {
    pub(crate) problem: &'a Problem,
    pub(crate) calibration: Calibration,
    pub(crate) folds: usize,
    /// So many held-out rows settle a temperature, which is one number.
    pub(crate) enough: usize,
}

impl HeldOut<'_> {
    /// The link, from `margins(rest, fold)`: the `k` margins of each row of the fold by a machine that learned from
    /// the rest. `None` when none is asked for, or when a class has a single row, so that there is nothing to hold
    /// out.
    pub(crate) fn link(
        &self,
        k: usize,
        seed: Seed,
        mut margins: impl FnMut(&[usize], &[usize]) -> Result<Vec<f64>>,
    ) -> Result<Option<Link>> {
        if self.calibration == Calibration::None {
            return Ok(None);
        }
        let (mut z, mut rows) = (Vec::new(), Vec::new());
        for fold in self.deal(seed) {
            let counts = |row: &usize| self.problem.weight(*row) > 0.0 && fold.binary_search(row).is_err();
            let rest: Vec<usize> = (0..self.problem.codes.len()).filter(counts).collect();
            z.extend(margins(&rest, &fold)?);
            rows.extend(fold);
            if self.calibration == Calibration::Temperature && rows.len() >= self.enough {
                break;
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let codes: Vec<u32> = rows.iter().map(|&row| self.problem.codes[row]).collect();
        let weights: Option<Vec<f64>> =
            self.problem.weights.as_ref().map(|w| rows.iter().map(|&row| w[row]).collect());
        let margins = Margins { z: &z, k, codes: &codes, weights: weights.as_deref() };
        Ok(Some(match self.calibration {
            Calibration::Platt => platt(self.problem, &margins),
            _ => Link::Softmax { scale: fit_temperature(&margins) },
        }))
    }

    /// Deals the rows of each class that count, in random order, into folds; none when a class has one row.
    fn deal(&self, seed: Seed) -> Vec<Vec<usize>> {
        let mut by_class = vec![Vec::new(); self.problem.present.len()];
        for (row, &class) in self.problem.codes.iter().enumerate() {
            if self.problem.weight(row) > 0.0 {
                by_class[class as usize].push(row);
            }
        }
        let smallest = by_class.iter().map(Vec::len).min().unwrap_or(0);
        if smallest < 2 {
            return Vec::new();
        }
        let folds = self.folds.min(smallest);
        let mut rng = seed.derive("calibration", 0).rng();
        by_class.iter_mut().for_each(|rows| rng.shuffle(rows));
        let mut out = vec![Vec::new(); folds];
        for (at, row) in by_class.into_iter().flatten().enumerate() {
            out[at % folds].push(row);
        }
        out.iter_mut().for_each(|fold| fold.sort_unstable());
        out
    }
}

/// Platt's lines over all classes of the target.
pub(crate) fn platt(problem: &Problem, margins: &Margins<'_>) -> Link {
    let lines = fit_platt(margins);
    if problem.is_binary() || margins.k == problem.classes.len() {
        let (slope, offset) = lines.into_iter().unzip();
        return Link::Platt { slope, offset };
    }
    // Classes that were not there keep a line that is never read; a single margin z stands as ±z/2.
    let mut slope = vec![1.0; problem.classes.len()];
    let mut offset = vec![0.0; problem.classes.len()];
    for (at, &class) in problem.present.iter().enumerate() {
        let class = class as usize;
        (slope[class], offset[class]) = match (margins.k, lines.get(at), lines.first()) {
            (1, _, Some((a, b))) => (2.0 * a, if at == 0 { -b } else { *b }),
            (_, Some((a, b)), _) => (*a, *b),
            _ => (1.0, 0.0),
        };
    }
    Link::Platt { slope, offset }
}
