//! Who wins, and by how much.

use std::cmp::Ordering;

use prompt_core::{FitContext, Result};
use prompt_metrics::{Bootstrap, Confusion, Interval, SecurityClasses, SecurityScore, mcnemar_exact};

use super::config::{ExperimentConfig, SelectBy, Task};
use super::result::{ExperimentResults, ModelResult, Scores, Versus};

/// Sorts the models by the criteria, names the winner, and measures the others against it.
pub(super) fn rank(
    results: &mut ExperimentResults,
    config: &ExperimentConfig,
    ctx: &FitContext,
) -> Result<()> {
    let by = |m: &ModelResult| -> Option<Vec<f64>> {
        let scores = match config.selection.by {
            SelectBy::Cv => m.cv.as_ref().map(|cv| &cv.out_of_fold),
            SelectBy::Test => m.test.as_ref(),
        };
        let scores = scores.or(m.test.as_ref()).filter(|_| m.is_ok())?;
        Some(config.selection.criteria.iter().map(|c| criterion(scores, c)).collect())
    };
    let mut order: Vec<(Option<Vec<f64>>, ModelResult)> =
        std::mem::take(&mut results.models).into_iter().map(|m| (by(&m), m)).collect();
    // Stable: models that tie on every criterion keep the order of the configuration.
    order.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => better_first(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    results.models = order.into_iter().map(|(_, m)| m).collect();
    results.best = results.models.first().filter(|m| m.is_ok()).map(|m| m.model.clone());
    measure(results, config, ctx)
}

/// A number of these scores where larger is better; −∞ where it is undefined.
fn criterion(scores: &Scores, name: &str) -> f64 {
    let r = &scores.report;
    let s = scores.security.as_ref();
    let value = match name {
        "accuracy" => Some(r.accuracy),
        "balanced_accuracy" => Some(r.balanced_accuracy),
        "precision_macro" => Some(r.precision_macro),
        "recall_macro" => Some(r.recall_macro),
        "f1_macro" => Some(r.f1_macro),
        "f1_weighted" => Some(r.f1_weighted),
        "matthews_corrcoef" => Some(r.matthews_corrcoef),
        "roc_auc_ovr" => r.probabilities.roc_auc_ovr,
        "average_precision_macro" => r.probabilities.average_precision_macro,
        "log_loss" => r.probabilities.log_loss.map(|v| -v),
        "brier" => r.probabilities.brier.map(|v| -v),
        "ece" => r.probabilities.ece.map(|v| -v),
        "security_score" => s.map(|s| s.score),
        "recall_malicious" => s.map(|s| s.recall_malicious),
        "precision_suspicious" => s.map(|s| s.precision_suspicious),
        "f1_benign" => s.map(|s| s.f1_benign),
        "false_alarm_rate" => s.map(|s| -s.false_alarm_rate),
        "missed_threat_rate" => s.map(|s| -s.missed_threat_rate),
        _ => None,
    };
    value.filter(|v| !v.is_nan()).unwrap_or(f64::NEG_INFINITY)
}

/// The names that [`criterion`] answers to.
pub(super) const CRITERIA: &[&str] = &[
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "f1_weighted",
    "matthews_corrcoef",
    "roc_auc_ovr",
    "average_precision_macro",
    "log_loss",
    "brier",
    "ece",
    "security_score",
    "recall_malicious",
    "precision_suspicious",
    "f1_benign",
    "false_alarm_rate",
    "missed_threat_rate",
];

fn better_first(a: &[f64], b: &[f64]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| b.total_cmp(a)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// Intervals on the test rows, and every model against the winner on the same rows.
fn measure(results: &mut ExperimentResults, config: &ExperimentConfig, ctx: &FitContext) -> Result<()> {
    let truth = results.test.codes.clone();
    let k = results.classes.len();
    if config.evaluation.bootstrap == 0 || truth.is_empty() {
        return Ok(());
    }
    let bootstrap =
        Bootstrap::default().resamples(config.evaluation.bootstrap).level(config.evaluation.level);
    let roles = match config.task {
        Task::Security => Some(SecurityClasses::find(results.classes.names())?),
        Task::Text => None,
    };
    let decisions = |m: &ModelResult| m.held.as_ref().map(|h| h.test.codes()).transpose();
    let best = match results.best() {
        Some(best) => decisions(best)?.map(|codes| (best.model.clone(), codes)),
        None => None,
    };
    for model in &mut results.models {
        let Some(codes) = decisions(model)? else { continue };
        let mut add = |name: &str, metric: &(dyn Fn(&Confusion) -> Result<f64> + Sync)| {
            // A metric that is undefined on these rows has no interval; its value says so already.
            if let Ok(found) =
                bootstrap.of_confusion(&truth, &codes, k, None, metric, &ctx.part("bootstrap", 0))
            {
                model.intervals.insert(name.to_owned(), found.interval);
            }
        };
        add("accuracy", &|c| Ok(c.accuracy()));
        add("f1_macro", &|c| Ok(c.f1_macro()));
        if let Some(roles) = roles {
            add("security_score", &|c| Ok(SecurityScore::new(c, roles)?.score));
            add("recall_malicious", &|c| Ok(SecurityScore::new(c, roles)?.recall_malicious));
            add("false_alarm_rate", &|c| Ok(SecurityScore::new(c, roles)?.false_alarm_rate));
        }
        if let Some((name, theirs)) = best.as_ref().filter(|(name, _)| *name != model.model) {
            let difference: Interval = bootstrap
                .paired_confusion(
                    &truth,
                    [&codes, theirs],
                    k,
                    None,
                    |c| Ok(c.f1_macro()),
                    &ctx.part("paired", 0),
                )?
                .difference
                .interval;
            let mcnemar_p = mcnemar_exact(&truth, &codes, theirs)?.p_value;
            model.versus_best = Some(Versus { best: name.clone(), difference, mcnemar_p });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prompt_metrics::ClassificationReport;

    use super::*;

    #[test]
    fn what_is_undefined_ranks_last() {
        let report = ClassificationReport::new(&[0, 1], &[0, 1], &["a", "b"], None, None).unwrap();
        let scores = |f1_macro: f64| Scores {
            report: ClassificationReport { f1_macro, ..report.clone() },
            security: None,
            detection: None,
        };
        let by = |f1: f64| vec![criterion(&scores(f1), "f1_macro"), criterion(&scores(f1), "accuracy")];
        // Not a number, and with the sign that total_cmp would put first.
        for undefined in [f64::NAN, -f64::NAN] {
            assert_eq!(better_first(&by(0.1), &by(undefined)), Ordering::Less);
            assert_eq!(better_first(&by(undefined), &by(0.1)), Ordering::Greater);
        }
        assert_eq!(criterion(&scores(0.5), "log_loss"), f64::NEG_INFINITY);
    }
}
