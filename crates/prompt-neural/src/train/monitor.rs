//! The number that chooses the best state, and when enough is enough.

use prompt_core::argmax;

/// What is watched on the held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Monitor {
    /// The loss; smaller is better.
    Loss,
    /// The share of right classes.
    Accuracy,
    /// The mean of the classes' F1.
    MacroF1,
}

impl Monitor {
    pub(crate) const NAMES: &'static [&'static str] = &["loss", "accuracy", "f1_macro"];

    /// By name; the caller has checked it against [`NAMES`](Self::NAMES).
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "accuracy" => Self::Accuracy,
            "f1_macro" => Self::MacroF1,
            _ => Self::Loss,
        }
    }

    /// The number, larger being better.
    pub(crate) fn value(self, evaluation: &Evaluation) -> f64 {
        match (self, &evaluation.counts) {
            (Self::Accuracy, Some(counts)) => counts.accuracy(),
            (Self::MacroF1, Some(counts)) => counts.macro_f1(),
            _ => -evaluation.loss,
        }
    }
}

/// What was measured on held-out rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evaluation {
    pub(crate) loss: f64,
    /// For classes and levels.
    pub(crate) counts: Option<Counts>,
}

/// Right and wrong answers by class, weighted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counts {
    right: Vec<f64>,
    predicted: Vec<f64>,
    present: Vec<f64>,
}

impl Counts {
    pub(crate) fn new(classes: usize) -> Self {
        let zeros = vec![0.0; classes];
        Self { right: zeros.clone(), predicted: zeros.clone(), present: zeros }
    }

    pub(crate) fn add(&mut self, code: u32, probabilities: &[f64], weight: f64) {
        let answer = argmax(probabilities);
        self.present[code as usize] += weight;
        self.predicted[answer] += weight;
        if answer == code as usize {
            self.right[answer] += weight;
        }
    }

    fn accuracy(&self) -> f64 {
        self.right.iter().sum::<f64>() / self.present.iter().sum::<f64>().max(f64::MIN_POSITIVE)
    }

    /// Over the classes that are there or were predicted, as scikit-learn's `f1_score(average="macro")`.
    pub(crate) fn macro_f1(&self) -> f64 {
        let of = |c: usize| {
            let both = self.predicted[c] + self.present[c];
            (both > 0.0).then(|| 2.0 * self.right[c] / both)
        };
        let scores: Vec<f64> = (0..self.right.len()).filter_map(of).collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }
}

/// Early stopping.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Stopper {
    pub(crate) best: Option<f64>,
    pub(crate) waited: usize,
}

impl Stopper {
    pub(crate) fn new() -> Self {
        Self { best: None, waited: 0 }
    }

    /// Takes a number, larger being better; whether it is the best so far.
    pub(crate) fn observe(&mut self, value: f64) -> bool {
        let better = self.best.is_none_or(|best| value > best);
        if better {
            self.best = Some(value);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        better
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macro_f1_is_scikit_learns() {
        // f1_score([0, 0, 1, 2], [0, 1, 1, 1], average="macro") of scikit-learn 1.5
        let mut counts = Counts::new(4);
        for (code, answer) in [(0, 0), (0, 1), (1, 1), (2, 1)] {
            let mut p = [0.0; 4];
            p[answer] = 1.0;
            counts.add(code, &p, 1.0);
        }
        assert!((counts.macro_f1() - (2.0 / 3.0 + 0.5 + 0.0) / 3.0).abs() < 1e-12);
        assert!((counts.accuracy() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn waiting_starts_anew_with_each_better_number() {
        let mut stopper = Stopper::new();
        let better: Vec<bool> = [0.1, 0.3, 0.2, 0.3, 0.4].map(|v| stopper.observe(v)).to_vec();
        assert_eq!(better, [true, true, false, false, true]);
        assert_eq!(stopper.waited, 0);
    }
}
