//! The pictures of a run, each a file of its own under `plots/`.
//!
//! | file | what it shows |
//! |---|---|
//! | `model_comparison` | the ranking metric of each model with its interval |
//! | `radar_chart`, `parallel_coordinates` | several numbers of each model at once |
//! | `training_analysis` | seconds, memory and latency of each model |
//! | `training_curves` | the losses of the best learner that reports them round by round |
//! | `dl_training_curves` | the same run in six panels: loss and change, metric, rate, gradient, gap, deviation of the loss |
//! | `dl_architecture_comparison` | all such runs: best metric, epochs to 90% of it, instability, overfitting gap |
//! | `convergence_analysis` | the metric of learners that report one round by round; of others the fall of their loss |
//! | `feature_importance` | the weights of the best linear model |
//! | `fairness_analysis` | accuracy of the winner by source, where the rows name theirs |
//! | `confusion`, `roc`, `precision_recall`, `calibration` | the winner on the test rows |
//!
//! A picture for which there is nothing to draw is not written; the log says why. With the feature `png` each is there as
//! pixels too.

use prompt_core::{Error, FitContext, Result};
use prompt_metrics::fairness::{Groups, by_group};
use prompt_metrics::plot::{
    Importance, ModelBar, ModelLine, ParallelAxis, Resources, architecture_svg, comparison_svg,
    confusion_svg, convergence_svg, fairness_svg, importance_svg, parallel_svg, precision_recall_svg,
    radar_svg, reliability_svg, resources_svg, roc_svg, training_six_svg, training_svg,
};
use prompt_metrics::{Bootstrap, Confusion, History};

use super::output::Folder;
use super::result::{ExperimentResults, ModelResult};

/// With more classes than this the winner's curves cannot be read.
const MOST_CLASSES: usize = 30;
/// Sources beyond the most frequent ones are drawn together.
const MOST_SOURCES: usize = 12;
/// Draws of the bootstrap behind the intervals by source.
const DRAWS: usize = 500;

/// Every picture there may be.
pub(super) const NAMES: [&str; 14] = [
    "model_comparison",
    "radar_chart",
    "parallel_coordinates",
    "training_analysis",
    "training_curves",
    "dl_training_curves",
    "dl_architecture_comparison",
    "convergence_analysis",
    "feature_importance",
    "fairness_analysis",
    "confusion",
    "roc",
    "precision_recall",
    "calibration",
];

/// Draws what can be drawn; gives back what could not be written.
pub(super) fn write(folder: &Folder, results: &ExperimentResults, ctx: &FitContext) -> Vec<Error> {
    let mut pictures: Vec<(&str, Result<String>)> = vec![
        ("model_comparison", comparison(results)),
        ("radar_chart", radar(results)),
        ("parallel_coordinates", parallel(results)),
        ("training_analysis", resources(results)),
    ];
    let runs: Vec<History> = results.models.iter().filter_map(|m| m.history.clone()).collect();
    let scored: Vec<History> = runs.iter().filter_map(scored).collect();
    if !scored.is_empty() {
        pictures.push(("convergence_analysis", convergence_svg("Convergence", &scored)));
    }
    pictures.extend(of_runs(&runs));
    pictures.push(("feature_importance", importance(results)));
    if let Some(best) = results.best() {
        pictures.push(("fairness_analysis", fairness(results, best, ctx)));
        pictures.extend(winner(results, best));
    }
    let mut lost = Vec::new();
    for (name, picture) in pictures {
        match picture {
            Ok(svg) => {
                lost.extend(folder.write(&format!("plots/{name}.svg"), svg.as_bytes()).err());
                #[cfg(feature = "png")]
                lost.extend(
                    prompt_metrics::plot::png(&svg, 2.0)
                        .and_then(|png| folder.write(&format!("plots/{name}.png"), &png))
                        .err(),
                );
            }
            Err(why) => folder.log(format!("no picture {name}: {why}")),
        }
    }
    lost
}

/// A run with a metric: its own, else how far its loss has fallen (0 at first, 1 at its least). A loss that never falls
/// converges to nothing.
fn scored(run: &History) -> Option<History> {
    if run.epochs.iter().any(|e| e.metric.is_some()) {
        return Some(run.clone());
    }
    let mut run = run.clone();
    let watched = run.epochs.iter().all(|e| e.validation_loss.is_some());
    let losses: Vec<f64> =
        run.epochs.iter().map(|e| e.validation_loss.filter(|_| watched).unwrap_or(e.train_loss)).collect();
    let first = *losses.first()?;
    let fall = first - losses.iter().copied().fold(first, f64::min);
    for (epoch, loss) in run.epochs.iter_mut().zip(losses) {
        epoch.metric = (fall > 0.0).then(|| (first - loss) / fall);
    }
    run.metric = "fall of the loss".to_owned();
    (fall > 0.0).then_some(run)
}

/// The pictures of learners that report their losses round by round, the best model's run first.
fn of_runs(runs: &[History]) -> Vec<(&'static str, Result<String>)> {
    let Some(run) = runs.first() else { return Vec::new() };
    let title = format!("Training of {}", run.name);
    vec![
        ("training_curves", Ok(training_svg(&title, run))),
        ("dl_training_curves", Ok(training_six_svg(&title, run))),
        ("dl_architecture_comparison", architecture_svg("What learns round by round", runs)),
    ]
}

fn measured(results: &ExperimentResults) -> impl Iterator<Item = &ModelResult> {
    results.models.iter().filter(|m| m.test.is_some())
}

fn comparison(results: &ExperimentResults) -> Result<String> {
    let bars: Vec<ModelBar> = measured(results)
        .filter_map(|m| {
            let value = m.test.as_ref()?.report.f1_macro;
            let bounds = m.intervals.get("f1_macro").map(|i| (i.low, i.high));
            let chosen = results.best.as_ref() == Some(&m.model);
            Some(ModelBar { name: m.model.clone(), value, bounds, chosen })
        })
        .collect();
    comparison_svg("Models on the test rows", "macro F1", &bars)
}

/// Numbers between 0 and 1 of which more is better.
fn quality(m: &ModelResult) -> Option<Vec<(&'static str, f64)>> {
    let test = m.test.as_ref()?;
    let r = &test.report;
    let mut axes = vec![
        ("accuracy", r.accuracy),
        ("balanced accuracy", r.balanced_accuracy),
        ("precision", r.precision_macro),
        ("recall", r.recall_macro),
        ("F1", r.f1_macro),
    ];
    if let Some(security) = &test.security {
        axes.push(("security score", security.score));
    }
    if let Some(external) = &m.external {
        axes.push(("blind F1", external.report.f1_macro));
    }
    Some(axes)
}

fn radar(results: &ExperimentResults) -> Result<String> {
    let lines: Vec<(String, Vec<(&str, f64)>)> =
        measured(results).filter_map(|m| Some((m.model.clone(), quality(m)?))).take(6).collect();
    let axes: Vec<&str> = lines.first().map(|(_, a)| a.iter().map(|(n, _)| *n).collect()).unwrap_or_default();
    let models: Vec<ModelLine> = lines
        .into_iter()
        .map(|(name, a)| ModelLine { name, values: a.into_iter().map(|(_, v)| v.clamp(0.0, 1.0)).collect() })
        .collect();
    radar_svg("Models on the test rows", &axes, &models)
}

fn parallel(results: &ExperimentResults) -> Result<String> {
    let names = [
        ("macro F1", false),
        ("accuracy", false),
        ("calibration error", true),
        ("fit seconds", true),
        ("µs a prompt", true),
        ("KiB", true),
    ];
    let axes: Vec<ParallelAxis> = names
        .iter()
        .map(|(name, low)| ParallelAxis { name: (*name).to_owned(), lower_is_better: *low })
        .collect();
    let models: Vec<ModelLine> = measured(results)
        .filter_map(|m| {
            let report = &m.test.as_ref()?.report;
            let values = vec![
                report.f1_macro,
                report.accuracy,
                report.probabilities.ece?,
                m.fit_seconds?,
                m.predict_us_per_prompt?,
                m.model_bytes? as f64 / 1024.0,
            ];
            Some(ModelLine { name: m.model.clone(), values })
        })
        .collect();
    parallel_svg("What each model costs and gives", &axes, &models)
}

fn resources(results: &ExperimentResults) -> Result<String> {
    let models: Vec<Resources> = measured(results)
        .map(|m| Resources {
            name: m.model.clone(),
            seconds: m.wall_seconds,
            memory_mib: m.peak_memory_mib,
            accelerator_mib: None,
            latency_ms: m.predict_us_per_prompt.map(|us| us / 1000.0),
        })
        .collect();
    resources_svg("Time and memory", &models)
}

/// The weights of the best model that has some: for each column the one of the class that it speaks for most.
fn importance(results: &ExperimentResults) -> Result<String> {
    let none = || Error::input("no model has weights for its columns", "train a linear one");
    let weighted = measured(results).find_map(|m| {
        let scorer = &m.held.as_ref()?.scorer;
        let (features, model) = (scorer.features()?, scorer.model()?);
        let mut out = vec![0.0; model.output().width()];
        model.coefficient(0, &mut out).then_some((m, features, model))
    });
    let (result, features, model) = weighted.ok_or_else(none)?;
    let mut out = vec![0.0; model.output().width()];
    let mut weights: Vec<(usize, f64)> = Vec::with_capacity(model.n_features());
    for column in 0..model.n_features() {
        if model.coefficient(column, &mut out) {
            weights.push((
                column,
                out.iter().copied().fold(0.0, |a: f64, b: f64| if b.abs() > a.abs() { b } else { a }),
            ));
        }
    }
    weights.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    weights.truncate(25);
    let names = features.names();
    let rows: Vec<Importance> = weights
        .into_iter()
        .map(|(column, value)| Importance { name: names.get(column).into_owned(), value, deviation: None })
        .collect();
    importance_svg(&format!("Largest weights of {}", result.model), "weight", &rows)
}

fn fairness(results: &ExperimentResults, best: &ModelResult, ctx: &FitContext) -> Result<String> {
    let none = |what: &str| Error::input(what.to_owned(), "give rows with a `source`");
    let held = best.held.as_ref().ok_or_else(|| none("the winner's predictions are not at hand"))?;
    let sources = &results.test.sources;
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for source in sources.iter().flatten() {
        *counts.entry(source).or_default() += 1;
    }
    if counts.len() < 2 {
        return Err(none("the test rows name fewer than two sources"));
    }
    let mut frequent: Vec<(&str, usize)> = counts.into_iter().collect();
    frequent.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    frequent.truncate(MOST_SOURCES);
    let of_row: Vec<&str> = sources
        .iter()
        .map(|s| s.as_deref().filter(|s| frequent.iter().any(|(f, _)| f == s)).unwrap_or("others"))
        .collect();
    let codes = held.test.codes()?;
    let right: Vec<bool> = codes.iter().zip(&results.test.codes).map(|(a, b)| a == b).collect();
    let accuracy = |rows: &[usize]| {
        if rows.is_empty() {
            return Err(Error::input("no rows", "give some"));
        }
        Ok(rows.iter().filter(|&&i| right[i]).count() as f64 / rows.len() as f64)
    };
    let draws = Bootstrap::default().resamples(DRAWS);
    let report = by_group(&Groups::new(&of_row)?, accuracy, &draws, &ctx.unobserved())?;
    fairness_svg(&format!("{} by source", best.model), "accuracy", &report)
}

fn winner(results: &ExperimentResults, best: &ModelResult) -> Vec<(&'static str, Result<String>)> {
    let Some(held) = best.held.as_ref().filter(|_| results.classes.len() <= MOST_CLASSES) else {
        return Vec::new();
    };
    let (truth, names) = (&results.test.codes, results.classes.names());
    let Ok((p, _)) = held.test.probabilities() else { return Vec::new() };
    let confusion = held
        .test
        .codes()
        .and_then(|codes| Confusion::new(truth, &codes, names.len(), None))
        .and_then(|c| confusion_svg("Confusion matrix", &c, names));
    vec![
        ("confusion", confusion),
        ("roc", roc_svg("ROC", truth, p, names, None)),
        ("precision_recall", precision_recall_svg("Precision–recall", truth, p, names, None)),
        ("calibration", reliability_svg("Calibration", truth, p, None)),
    ]
}

#[cfg(test)]
mod tests {
    use prompt_metrics::{Epoch, Family};

    use super::*;

    #[test]
    fn a_run_without_a_metric_converges_by_its_loss() {
        let run = |losses: &[f64], metric: Option<f64>| {
            let epochs = losses.iter().zip(1..).map(|(&train_loss, epoch)| Epoch {
                epoch,
                train_loss,
                metric,
                ..Epoch::default()
            });
            History::new("boosting", Family::Trees, "metric", epochs.collect()).unwrap()
        };
        let falls = scored(&run(&[1.0, 0.6, 0.2, 0.4], None)).unwrap();
        let metrics: Vec<f64> = falls.epochs.iter().map(|e| (e.metric.unwrap() * 100.0).round()).collect();
        assert_eq!(metrics, [0.0, 50.0, 100.0, 75.0]);
        assert_eq!(falls.epochs_to(0.9), Some(3));
        assert!(convergence_svg("Convergence", &[falls]).unwrap().contains("boosting 3"));
        assert!(scored(&run(&[0.5, 0.5], None)).is_none());
        assert_eq!(scored(&run(&[0.5, 0.5], Some(0.7))), Some(run(&[0.5, 0.5], Some(0.7))));
    }
}
