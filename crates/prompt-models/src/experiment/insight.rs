//! What the numbers say, in words, by rules that are written down here.

use std::fmt::Write;

use prompt_metrics::History;
use prompt_metrics::insight::{Facts, next_steps, of_evaluation, of_training, to_text};

use super::history::family;
use super::result::{ExperimentResults, ModelResult};

/// Above this deviation between folds a score is called unstable.
const UNSTABLE_STD: f64 = 0.05;
/// Above this expected calibration error probabilities are called off.
const MISCALIBRATED_ECE: f64 = 0.1;
/// A class with less than this share of the most frequent one is called rare.
const RARE_SHARE: f64 = 0.2;
/// Above this score on unseen rows of text a leak is more likely than a perfect model.
const TOO_GOOD: f64 = 0.999;
/// A blind-set score this far below the test score means that the test rows resemble the training rows.
const BLIND_GAP: f64 = 0.15;

/// Adds what a reader of the numbers must know.
pub(super) fn add_notes(results: &mut ExperimentResults) {
    let mut notes = std::mem::take(&mut results.notes);
    if results.data.synthetic {
        notes.push(
            "The training and test data are synthetic: these numbers compare models, they do not promise anything \
             about real traffic."
                .to_owned(),
        );
    }
    if results.data.bad_lines > 0 {
        notes.push(match results.data.bad_lines {
            1 => "1 line could not be read and was left out.".to_owned(),
            n => format!("{n} lines could not be read and were left out."),
        });
    }
    if !results.data.external_bad_lines.is_empty() {
        let n = results.data.external_bad_lines.len();
        let lines = if n == 1 { "line" } else { "lines" };
        notes.push(format!("{n} {lines} of the blind set could not be used."));
    }
    let leaked: usize = results.quality.leakage.iter().map(|l| l.rows.len()).sum();
    if leaked > 0 {
        notes.push(format!(
            "{leaked} rows of the data repeat, exactly or nearly, rows on another side of its splits (data_quality.json \
             lists them): scores on them flatter."
        ));
    }
    if results.cancelled {
        notes.push("The run was stopped; start it again to train the rest.".to_owned());
    }
    if results.best.is_none() {
        notes.push("No model could be trained: the statuses say why.".to_owned());
    }
    results.notes = notes;
}

/// All insights as text, one paragraph a model.
pub(super) fn insights(results: &ExperimentResults) -> String {
    let mut out = String::new();
    for note in &results.notes {
        let _ = writeln!(out, "{note}");
    }
    let most = results.data.train_labels.values().copied().max().unwrap_or(0) as f64;
    for (label, n) in &results.data.train_labels {
        if (*n as f64) < RARE_SHARE * most {
            let _ = writeln!(
                out,
                "Class `{label}` is rare ({n} rows): try class_weight = \"balanced\" or clean.balance = \"over\"."
            );
        }
    }
    for model in &results.models {
        let _ = writeln!(out, "\n{}", model.model);
        for line in of_model(model) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// What the rules say about the runs of learners that report their losses round by round, how soon each was nearly at its
/// best, and what pays most often in their families; `None` where no learner does.
pub(super) fn dl_insights(models: &[ModelResult]) -> Option<String> {
    let runs: Vec<&History> = models.iter().filter_map(|m| m.history.as_ref()).collect();
    if runs.is_empty() {
        return None;
    }
    let found: Vec<_> = runs.iter().flat_map(|run| of_training(run)).collect();
    let mut out = to_text("Training runs", &found);
    let _ = writeln!(
        out,
        "\nrun                      epochs  to 90% of best  best metric       gap  instability"
    );
    for run in &runs {
        let number = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
        let _ = writeln!(
            out,
            "{:<24} {:>6}  {:>14}  {:>11}  {:>8}  {:>11}",
            run.name,
            run.epochs.len(),
            run.epochs_to(0.9).map_or_else(|| "–".to_owned(), |e| e.to_string()),
            number(run.best().map(|b| b.value)),
            number(run.gap()),
            number(run.instability())
        );
    }
    let mut families: Vec<_> = runs.iter().map(|run| run.family).collect();
    families.sort_unstable();
    families.dedup();
    for family in families {
        let _ = writeln!(out, "\nWhat pays most often in the family {family:?}:");
        for step in next_steps(family) {
            let _ = writeln!(out, "  - {step}");
        }
    }
    Some(out)
}

fn of_model(model: &ModelResult) -> Vec<String> {
    let Some(test) = model.test.as_ref() else { return vec![format!("Not measured: {}.", model.status)] };
    let mut lines = Vec::new();
    if let Some(cv) = &model.cv {
        lines.push(format!("{} over {} folds: {:.4} ± {:.4}.", cv.metric, cv.folds.len(), cv.mean, cv.std));
        if cv.std > UNSTABLE_STD {
            lines.push(format!("Unstable between folds (above {UNSTABLE_STD}): more data, fewer features, more regularisation."));
        }
        if edge_of_grid(model) {
            lines
                .push("The best point lies at the edge of its grid: widen the grid on that side.".to_owned());
        }
    }
    if let Some(ece) = test.report.probabilities.ece {
        let verdict = if ece > MISCALIBRATED_ECE {
            "off: do not take its probabilities at their word"
        } else {
            "sound"
        };
        lines.push(format!("Calibration error {ece:.3}: {verdict}."));
    }
    if test.report.f1_macro > TOO_GOOD {
        lines.push("Nearly perfect on the test rows: look for a leak (duplicates across the split, a field that tells the label).".to_owned());
    }
    if let Some(external) = &model.external
        && test.report.f1_macro - external.report.f1_macro > BLIND_GAP
    {
        lines.push(format!(
            "Macro-F1 falls from {:.3} on the test rows to {:.3} on the blind set: the test rows resemble the training rows; \
             trust the blind set, and add data from other sources.",
            test.report.f1_macro, external.report.f1_macro
        ));
    }
    if let Some(security) = &test.security
        && security.false_alarm_rate > 0.02
    {
        lines.push("More than 2% of benign prompts raise an alarm: add benign prompts that look dangerous, or raise the threshold.".to_owned());
    }
    let family = family(&model.model);
    let by_rules = of_evaluation(&model.model, family, &test.report, &Facts::default());
    let of_run = model.history.as_ref().map(of_training).unwrap_or_default();
    lines.extend(by_rules.iter().chain(&of_run).map(ToString::to_string));
    if let Some(versus) = &model.versus_best {
        let verdict = if versus.mcnemar_p < 0.05 { "worse than" } else { "not told apart from" };
        lines.push(format!(
            "On the test rows {verdict} {} (McNemar p = {:.3}).",
            versus.best, versus.mcnemar_p
        ));
    }
    lines
}

/// Whether a searched number of the best point is the smallest or largest that was tried.
fn edge_of_grid(model: &ModelResult) -> bool {
    let Some(cv) = &model.cv else { return false };
    model.best_params.iter().any(|(name, best)| {
        let Some(best) = best.as_f64() else { return false };
        let tried = cv.points.iter().filter_map(|p| p.params.get(name)?.as_f64());
        let (low, high) = tried.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        low < high && (best <= low || best >= high)
    })
}

#[cfg(test)]
mod tests {
    use prompt_metrics::{Epoch, Family};

    use super::super::result::Status;
    use super::*;

    #[test]
    fn runs_are_told_with_the_advice_of_their_families() {
        let mut models = Vec::new();
        assert_eq!(dl_insights(&models), None);
        for (name, family) in [("bert", Family::Encoder), ("cnn", Family::Cnn)] {
            let epoch = |e: usize| Epoch {
                epoch: e,
                train_loss: 1.0 / e as f64,
                validation_loss: Some(0.5 + 0.2 * (e as f64 - 3.0).abs()),
                metric: Some([0.5, 0.85, 0.9, 0.88, 0.87][e - 1]),
                ..Epoch::default()
            };
            let run = History::new(name, family, "macro F1", (1..=5).map(epoch).collect()).unwrap();
            let mut model = ModelResult::without_numbers(name, Status::Ok);
            model.history = Some(run);
            models.push(model);
        }
        let text = dl_insights(&models).unwrap();
        for part in [
            "overfitting",
            "cnn                           5               2       0.9000",
            "Encoder",
            "Cnn",
            "three seeds",
        ] {
            assert!(text.contains(part), "`{part}` is missing in:\n{text}");
        }
    }
}
