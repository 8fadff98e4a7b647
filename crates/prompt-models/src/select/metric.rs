//! The numbers that a search can maximise, by name.

use prompt_core::{Error, Prediction, Result, Target};
use prompt_metrics::{Average, Confusion, SecurityClasses, SecurityScore, probability, regress};

/// A named number of predictions. [`score`](Self::score) is always "larger is better": losses come negated.
///
/// ```
/// use prompt_models::select::Metric;
/// let metric = Metric::named("log_loss").unwrap();
/// assert!(!metric.higher_is_better());
/// assert!(Metric::named("lucky").unwrap_err().to_string().starts_with("unknown metric `lucky`; known: accuracy"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Accuracy,
    BalancedAccuracy,
    F1Macro,
    F1Weighted,
    Matthews,
    RocAucOvr,
    AveragePrecision,
    LogLoss,
    Brier,
    SecurityScore,
    R2,
    Mae,
    Rmse,
}

const KINDS: [(&str, Kind); 13] = [
    ("accuracy", Kind::Accuracy),
    ("balanced_accuracy", Kind::BalancedAccuracy),
    ("f1_macro", Kind::F1Macro),
    ("f1_weighted", Kind::F1Weighted),
    ("matthews_corrcoef", Kind::Matthews),
    ("roc_auc_ovr", Kind::RocAucOvr),
    ("average_precision_macro", Kind::AveragePrecision),
    ("log_loss", Kind::LogLoss),
    ("brier", Kind::Brier),
    ("security_score", Kind::SecurityScore),
    ("r2", Kind::R2),
    ("mae", Kind::Mae),
    ("rmse", Kind::Rmse),
];

impl Metric {
    /// The metric of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the known names.
    pub fn named(name: &str) -> Result<Self> {
        let found = KINDS.iter().find(|(n, _)| *n == name);
        found
            .map(|(_, kind)| Self(*kind))
            .ok_or_else(|| Error::unknown("metric", name, KINDS.iter().map(|(n, _)| *n)))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self.0).map_or("?", |(name, _)| name)
    }

    /// Whether the number itself grows with quality. (Losses and errors do not; their scores are negated.)
    pub fn higher_is_better(self) -> bool {
        !matches!(self.0, Kind::LogLoss | Kind::Brier | Kind::Mae | Kind::Rmse)
    }

    /// The least and the largest value that it can have.
    pub fn range(self) -> [f64; 2] {
        match self.0 {
            Kind::Matthews => [-1.0, 1.0],
            Kind::R2 => [f64::NEG_INFINITY, 1.0],
            Kind::LogLoss | Kind::Mae | Kind::Rmse => [0.0, f64::INFINITY],
            Kind::Brier => [0.0, 2.0],
            _ => [0.0, 1.0],
        }
    }

    /// Whether it measures classes (the others measure numbers).
    pub fn is_for_classes(self) -> bool {
        !matches!(self.0, Kind::R2 | Kind::Mae | Kind::Rmse)
    }

    /// The number for these predictions, negated where less is better; sample weights of the target count.
    ///
    /// # Errors
    /// A target of another kind, or a number that is undefined on these rows (an absent class).
    pub fn score(self, truth: &Target, prediction: &Prediction) -> Result<f64> {
        let weights = truth.weights();
        let value = match self.0 {
            Kind::R2 | Kind::Mae | Kind::Rmse => {
                let (truth, found) = (truth.as_regression()?, prediction.values()?);
                match self.0 {
                    Kind::R2 => regress::r2(truth, &found, weights)?,
                    Kind::Mae => regress::mae(truth, &found, weights)?,
                    _ => regress::rmse(truth, &found, weights)?,
                }
            }
            Kind::RocAucOvr | Kind::AveragePrecision | Kind::LogLoss | Kind::Brier => {
                let (codes, (p, _)) = (truth.as_classes()?.0, prediction.probabilities()?);
                match self.0 {
                    Kind::RocAucOvr => probability::roc_auc_ovr(codes, p, Average::Macro, weights)?,
                    Kind::AveragePrecision => probability::average_precision_macro(codes, p, weights)?,
                    Kind::LogLoss => probability::log_loss(codes, p, weights)?,
                    _ => probability::brier(codes, p, weights)?,
                }
            }
            _ => {
                let (codes, classes) = truth.as_classes()?;
                let confusion = Confusion::new(codes, &prediction.codes()?, classes.len(), weights)?;
                match self.0 {
                    Kind::Accuracy => confusion.accuracy(),
                    Kind::BalancedAccuracy => confusion.balanced_accuracy(),
                    Kind::F1Weighted => confusion.average(Average::Weighted).f1,
                    Kind::Matthews => confusion.matthews_corrcoef(),
                    Kind::SecurityScore => {
                        SecurityScore::new(&confusion, SecurityClasses::find(classes.names())?)?.score
                    }
                    _ => confusion.f1_macro(),
                }
            }
        };
        Ok(if self.higher_is_better() { value } else { -value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prompt_core::{Classes, Dense, Output};

    #[test]
    fn losses_are_negated_so_that_larger_is_always_better() {
        let y = Target::labels(["a", "b"]);
        let output = || Output::Classes(Classes::sorted(["a", "b"]));
        let good = Prediction::new(output(), Dense::from_rows(&[[0.9, 0.1], [0.2, 0.8]])).unwrap();
        let bad = Prediction::new(output(), Dense::from_rows(&[[0.1, 0.9], [0.8, 0.2]])).unwrap();
        for (name, kind) in KINDS.iter().filter(|(n, _)| !["r2", "mae", "rmse", "security_score"].contains(n))
        {
            let metric = Metric(*kind);
            assert_eq!(metric.name(), *name);
            assert!(metric.score(&y, &good).unwrap() > metric.score(&y, &bad).unwrap(), "{name}");
        }
        let log_loss = Metric::named("log_loss").unwrap().score(&y, &good).unwrap();
        assert!((log_loss - (0.9f64.ln() + 0.8f64.ln()) / 2.0).abs() < 1e-12);
        assert!(Metric::named("r2").unwrap().score(&y, &good).is_err());
    }
}
