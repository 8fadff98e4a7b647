//! The chosen model: parameters, gates, averages, classes, detection.

use std::collections::BTreeMap;

use prompt_metrics::ClassificationReport;
use serde_json::Value;

use super::super::gates::Gate;
use super::super::result::{ExperimentResults, ModelResult, Scores};
use super::data::{fact, fold_long};
use super::markup::Html;
use super::table::{Best, Cell, Table, four, grouped, short_percent};
use super::{models, page};

pub(super) fn section(results: &ExperimentResults, best: &ModelResult, h: &mut Html) {
    page::section("winner", h, |h| {
        h.labelled("p", "class=\"lead\"", &best.model);
        h.element("div", "class=\"beside\"", |h| {
            h.element("div", "", |h| parameters(best, h)).element("div", "", |h| gates(&results.gates, h))
        });
        let Some(test) = &best.test else { return h };
        h.labelled("h3", "", "Averages on the test rows");
        h.element("dl", "class=\"facts\"", |h| {
            for (name, value) in models::averages(best) {
                fact(name, value, h);
            }
            h
        });
        h.labelled("h3", "", "By class");
        fold_long("All classes", test.report.per_class.len(), h, |h| per_class(&test.report, h));
        if test.report.per_class.len() > super::pictures::MOST_CLASSES {
            confusions(&test.report, h);
        }
        detection(test, h);
        test.report.notes.iter().fold(h, |h, note| h.labelled("p", "class=\"quiet\"", note))
    });
}

fn parameters<'h>(best: &ModelResult, h: &'h mut Html) -> &'h mut Html {
    h.labelled("h3", "", "Parameters");
    let empty = serde_json::Map::new();
    let own = best.params.as_object().unwrap_or(&empty);
    let all: BTreeMap<&String, &Value> = own.iter().chain(&best.best_params).collect();
    if all.is_empty() {
        return h.raw("<p>This model has no parameters.</p>\n");
    }
    let mut table = Table::new([("Parameter", Best::Name), ("Value", Best::Name), ("", Best::Name)]);
    for (name, value) in all {
        let searched = best.best_params.contains_key(name);
        let how = if searched { "chosen by the search" } else { "" };
        table.row(searched, vec![Cell::text(name), Cell::text(plain(value)), Cell::text(how)]);
    }
    table.write(h)
}

/// A value as a person writes it: text without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn gates<'h>(gates: &[Gate], h: &'h mut Html) -> &'h mut Html {
    if gates.is_empty() {
        return h;
    }
    h.labelled("h3", "", "Gates");
    let mut table = Table::new([
        ("Gate", Best::Name),
        ("", Best::Name),
        ("Value", Best::High),
        ("Limit", Best::High),
        ("Target", Best::High),
    ]);
    for gate in gates {
        let mut verdict = Html::new();
        verdict.raw(if gate.passed {
            "<span class=\"chip good\">pass</span>"
        } else {
            "<span class=\"chip bad\">FAIL</span>"
        });
        let sign = gate.sign();
        // A target counts as reached on the spot, also where the limit does not.
        let towards = if gate.at_least { "≥" } else { "≤" };
        let target = gate.on_target().map(|reached| if reached { "reached" } else { "missed" }.to_owned());
        table.row(
            false,
            vec![
                Cell::text(&gate.name),
                Cell::html(verdict, ""),
                match gate.value {
                    Some(value) => Cell::number(Some(value), four),
                    None => Cell::text("not measured"),
                },
                Cell::number(Some(gate.limit), |limit| format!("{sign} {limit}")),
                Cell::number(gate.target, |target| format!("{towards} {target}")).below(target),
            ],
        );
    }
    table.write(h)
}

/// Precision, recall, F1 and areas of every class.
pub(super) fn per_class<'h>(report: &ClassificationReport, h: &'h mut Html) -> &'h mut Html {
    let mut table = Table::new([
        ("Class", Best::Name),
        ("Rows", Best::High),
        ("Precision", Best::High),
        ("Recall", Best::High),
        ("F1", Best::High),
        ("ROC AUC", Best::High),
        ("Average precision", Best::High),
    ]);
    for class in &report.per_class {
        let s = &class.scores;
        table.row(
            false,
            vec![
                Cell::text(&class.class),
                Cell::count(s.support as usize),
                Cell::score(s.precision_defined.then_some(s.precision)),
                Cell::score(s.recall_defined.then_some(s.recall)),
                Cell::score(s.f1_defined.then_some(s.f1)),
                Cell::score(class.roc_auc),
                Cell::score(class.average_precision),
            ],
        );
    }
    table.write(h)
}

/// The most frequent confusions, where there are too many classes for a picture.
fn confusions(report: &ClassificationReport, h: &mut Html) {
    let name = |i: usize| report.per_class.get(i).map_or("?", |c| c.class.as_str());
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (truth, row) in report.confusion_matrix.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|&(called, n)| called != truth && *n > 0.0);
        pairs.extend(wrong.map(|(called, n)| (*n, truth, called)));
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    if pairs.is_empty() {
        return;
    }
    let mut table = Table::new([("True class", Best::Name), ("Called", Best::Name), ("Rows", Best::High)]);
    for &(n, truth, called) in pairs.iter().take(20) {
        table.row(false, vec![Cell::text(name(truth)), Cell::text(name(called)), Cell::count(n as usize)]);
    }
    h.labelled("h3", "", "Most frequent confusions");
    table.write(h);
}

fn detection(test: &Scores, h: &mut Html) {
    let Some(found) = &test.detection else { return };
    h.labelled("h3", "", "Detection at a promised false-alarm rate");
    h.element("p", "", |h| {
        h.text(format!(
            "Malicious against benign ({} and {} rows), by the probability of `malicious`, with at most {} false \
             alarms: {found}.",
            grouped(found.point.positives as usize),
            grouped(found.point.negatives as usize),
            short_percent(found.alpha),
        ))
    });
}
