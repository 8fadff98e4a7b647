//! A model's card.

use std::fmt::Write;

use prompt_core::artifact::Manifest;
use prompt_metrics::{ClassificationReport, Interval, RegressionReport};

use super::{cell, yaml};
use crate::tabular;

/// Numbers that were measured on one set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The data set.
    pub dataset: String,
    /// Which of its rows.
    pub split: String,
    /// How many.
    pub rows: usize,
    /// The hub's type, the name to show, the value.
    metrics: Vec<(&'static str, &'static str, f64)>,
    /// Bounds by the name to show.
    bounds: Vec<(&'static str, Interval)>,
}

impl Measured {
    /// Of a classifier.
    pub fn classes(dataset: &str, split: &str, report: &ClassificationReport) -> Self {
        let p = &report.probabilities;
        let all = [
            ("accuracy", "Accuracy", Some(report.accuracy)),
            ("f1", "Macro F1", Some(report.f1_macro)),
            ("f1", "Weighted F1", Some(report.f1_weighted)),
            ("precision", "Macro precision", Some(report.precision_macro)),
            ("recall", "Macro recall", Some(report.recall_macro)),
            ("matthews_correlation", "Matthews correlation", Some(report.matthews_corrcoef)),
            ("roc_auc", "ROC AUC, one against the rest", p.roc_auc_ovr),
            ("log_loss", "Log loss, nats", p.log_loss),
            ("brier_score", "Brier score", p.brier),
            ("expected_calibration_error", "Expected calibration error", p.ece),
        ];
        Self::of(dataset, split, report.rows, &all)
    }

    /// Of a regressor.
    pub fn numbers(dataset: &str, split: &str, report: &RegressionReport) -> Self {
        let all = [
            ("mae", "Mean absolute error", Some(report.mae)),
            ("rmse", "Root mean squared error", Some(report.rmse)),
            ("mse", "Mean squared error", Some(report.mse)),
            ("r_squared", "R²", report.r2),
            ("pearsonr", "Pearson correlation", report.pearson),
            ("spearmanr", "Spearman correlation", report.spearman),
        ];
        Self::of(dataset, split, report.rows, &all)
    }

    fn of(
        dataset: &str,
        split: &str,
        rows: usize,
        all: &[(&'static str, &'static str, Option<f64>)],
    ) -> Self {
        let known = all.iter().filter_map(|(kind, name, value)| Some((*kind, *name, (*value)?)));
        Self {
            dataset: dataset.to_owned(),
            split: split.to_owned(),
            rows,
            metrics: known.filter(|m| m.2.is_finite()).collect(),
            bounds: Vec::new(),
        }
    }

    /// With an interval of the number that is shown under this name.
    #[must_use]
    pub fn bounded(mut self, name: &'static str, interval: Interval) -> Self {
        self.bounds.push((name, interval));
        self
    }
}

/// The card of a saved model.
///
/// ```
/// use prompt_core::artifact::Manifest;
/// use prompt_metrics::ClassificationReport;
/// use prompt_models::card::{Measured, model_card};
/// let report = ClassificationReport::new(&[0, 1, 1], &[0, 1, 0], &["ham", "spam"], None, None)?;
/// let manifest = Manifest { name: "filter".into(), task: "text".into(), ..Manifest::default() };
/// let card = model_card(&manifest, &[Measured::classes("mail.jsonl", "test", &report)]);
/// assert!(card.starts_with("---\nlibrary_name: \"prompt\"\n"));
/// assert!(card.contains("| Accuracy | 0.6667 |"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub fn model_card(manifest: &Manifest, measured: &[Measured]) -> String {
    let mut out = String::from("---\n");
    head(&mut out, manifest, measured);
    out += "---\n\n";
    body(&mut out, manifest, measured);
    out
}

fn pipeline(manifest: &Manifest) -> &'static str {
    match (manifest.task.as_str(), manifest.classes.is_empty()) {
        (tabular::TASK, true) => "tabular-regression",
        (tabular::TASK, false) => "tabular-classification",
        _ => "text-classification",
    }
}

fn title(manifest: &Manifest) -> &str {
    if manifest.name.is_empty() { "model" } else { &manifest.name }
}

fn head(out: &mut String, manifest: &Manifest, measured: &[Measured]) {
    let kind = pipeline(manifest);
    _ = writeln!(out, "library_name: {}\npipeline_tag: {kind}", yaml("prompt"));
    _ = writeln!(out, "tags:\n- {}\n- {}", yaml("prompt"), yaml(manifest.task.as_str()));
    if manifest.synthetic {
        _ = writeln!(out, "- {}", yaml("synthetic-data"));
    }
    let mut kinds: Vec<&str> = measured.iter().flat_map(|m| m.metrics.iter().map(|m| m.0)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return;
    }
    _ = writeln!(out, "metrics:");
    for kind in kinds {
        _ = writeln!(out, "- {kind}");
    }
    _ = writeln!(out, "model-index:\n- name: {}\n  results:", yaml(title(manifest)));
    for m in measured {
        let dataset = yaml(m.dataset.as_str());
        _ = writeln!(
            out,
            "  - task:\n      type: {kind}\n    dataset:\n      name: {dataset}\n      type: {dataset}"
        );
        _ = writeln!(out, "      split: {}\n    metrics:", yaml(m.split.as_str()));
        for (kind, name, value) in &m.metrics {
            _ = writeln!(out, "    - type: {kind}\n      name: {}\n      value: {value}", yaml(*name));
        }
    }
}

fn body(out: &mut String, manifest: &Manifest, measured: &[Measured]) {
    _ = writeln!(out, "# {}\n", cell(title(manifest)));
    let what = match pipeline(manifest) {
        "tabular-regression" => "Predicts a number from the columns of a row.",
        "tabular-classification" => "Predicts the class of a row from its columns.",
        _ if manifest.classes.is_empty() => "Predicts a number from a text.",
        _ => "Predicts the class of a text, with a probability for each.",
    };
    _ = writeln!(
        out,
        "{what} Task `{}`, made by {}, seed {}.\n",
        cell(&manifest.task),
        manifest.created_by,
        manifest.seed
    );
    if manifest.synthetic {
        _ = writeln!(
            out,
            "> **The training data is synthetic.** A generator made it: the numbers below promise nothing about real traffic.\n"
        );
    }
    if !manifest.classes.is_empty() {
        let names: Vec<String> = manifest.classes.iter().take(50).map(|c| format!("`{}`", cell(c))).collect();
        let more = manifest.classes.len().saturating_sub(50);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        _ = writeln!(out, "Classes, in the order of the probabilities: {}{more}.\n", names.join(", "));
    }
    _ = writeln!(
        out,
        "## Use\n\n```sh\nprompt predict --model FOLDER --input FILE.jsonl\nprompt evaluate --model FOLDER --data FILE.jsonl --output-dir report\n```\n"
    );
    _ = writeln!(out, "## Measured\n");
    if measured.is_empty() {
        _ = writeln!(out, "Nothing was measured on held-out rows.\n");
    }
    for m in measured {
        _ = writeln!(out, "On {} of {}, {} rows.\n", cell(&m.split), cell(&m.dataset), m.rows);
        _ = writeln!(out, "| metric | value | interval |\n|---|---|---|");
        for (_, name, value) in &m.metrics {
            let bounds = m.bounds.iter().find(|(n, _)| n == name).map(|(_, i)| i);
            let bounds = bounds.map_or_else(String::new, |i| {
                format!("{:.4} to {:.4} at {:.0}%", i.low, i.high, 100.0 * i.level)
            });
            _ = writeln!(out, "| {name} | {value:.4} | {bounds} |");
        }
        out.push('\n');
    }
    _ = writeln!(out, "## Training\n");
    if !manifest.data_digest.is_empty() {
        _ = writeln!(out, "Digest of the training rows: `{}`.\n", manifest.data_digest);
    }
    let params = serde_json::to_string_pretty(&manifest.params).unwrap_or_default();
    _ = writeln!(out, "```json\n{params}\n```\n");
    _ = writeln!(
        out,
        "## Limits\n\nThe numbers hold for rows drawn like the measured ones. Other sources, languages and times are likely to be \
         harder: measure on your own rows before you rely on the model, and again when they change. A probability is no \
         certificate; where mistakes are expensive, let a person look at rows of low confidence."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_what_the_hub_reads() {
        let report =
            ClassificationReport::new(&[0, 1, 1, 0], &[0, 1, 0, 0], &["a: b", "\"|c"], None, None).unwrap();
        let manifest = Manifest {
            name: "guard \"x\": y".into(),
            task: "security".into(),
            classes: vec!["a: b".into(), "\"|c".into()],
            synthetic: true,
            ..Manifest::default()
        };
        let interval = Interval { estimate: 0.75, low: 0.3, high: 0.95, level: 0.95 };
        let measured = [Measured::classes("test: rows.jsonl", "test", &report).bounded("Accuracy", interval)];
        let card = model_card(&manifest, &measured);
        let head = super::super::head(&card);
        assert_eq!(head["pipeline_tag"].as_str(), Some("text-classification"));
        let index = &head["model-index"][0];
        assert_eq!(index["name"].as_str(), Some("guard \"x\": y"));
        let result = &index["results"][0];
        assert_eq!(result["task"]["type"].as_str(), Some("text-classification"));
        assert_eq!(result["dataset"]["name"].as_str(), Some("test: rows.jsonl"));
        assert_eq!(result["metrics"][0]["type"].as_str(), Some("accuracy"));
        assert_eq!(result["metrics"][0]["value"].as_f64(), Some(0.75));
        assert!(card.contains("| Accuracy | 0.7500 | 0.3000 to 0.9500 at 95% |"), "{card}");
        assert!(card.contains("`\"\\|c`") && card.contains("The training data is synthetic"));
    }

    #[test]
    fn numbers_have_a_card_too_and_one_without_measurements_says_so() {
        let report = RegressionReport::new(&[1.0, 2.0, 3.0], &[1.0, 2.5, 3.0], None).unwrap();
        let manifest = Manifest { task: tabular::TASK.into(), ..Manifest::default() };
        let card = model_card(&manifest, &[Measured::numbers("shop.csv", "all rows", &report)]);
        let head = super::super::head(&card);
        assert_eq!(head["pipeline_tag"].as_str(), Some("tabular-regression"));
        assert_eq!(head["model-index"][0]["results"][0]["metrics"][0]["type"].as_str(), Some("mae"));
        let none = model_card(&manifest, &[]);
        assert!(none.contains("Nothing was measured") && super::super::head(&none)["model-index"].is_null());
    }
}
