//! What was learned from: origin, rows, split, what was removed, labels, findings.

use prompt_data::validate::{Finding, QualityReport, Severity};

use super::super::result::{DataSummary, ExperimentResults};
use super::markup::Html;
use super::page;
use super::table::{Best, Cell, Table, grouped, percent};

/// More classes than this are folded away.
const CLASSES_SHOWN: usize = 30;

pub(super) fn section(results: &ExperimentResults, h: &mut Html) {
    page::section("data", h, |h| {
        facts(&results.data, h);
        labels(results, h);
        findings(&results.quality, h)
    });
}

/// A name with what is known about it, as a pair of a description list.
pub(super) fn fact(name: &'static str, value: impl AsRef<str>, h: &mut Html) {
    h.element("div", "", |h| h.labelled("dt", "", name).labelled("dd", "", value));
}

fn facts(data: &DataSummary, h: &mut Html) {
    h.element("dl", "class=\"facts\"", |h| {
        fact("Origin", &data.origin, h);
        fact("Rows read", grouped(data.read), h);
        let removed: Vec<String> = data
            .removed
            .iter()
            .filter(|(_, n)| **n > 0)
            .map(|(reason, n)| format!("{} {}", grouped(*n), reason.replace('_', " ")))
            .collect();
        fact(
            "Removed before the split",
            if removed.is_empty() { "none".into() } else { removed.join(", ") },
            h,
        );
        fact("Training rows", grouped(data.train), h);
        fact("Test rows", grouped(data.test), h);
        fact("Split", &data.split, h);
        let blind = match data.external {
            0 => data.external_origin.clone(),
            n => format!("{} ({})", grouped(n), data.external_origin),
        };
        fact("Blind set", blind, h);
        fact("Lines that could not be read", grouped(data.bad_lines), h);
        h
    });
    if !data.bad_line_examples.is_empty() {
        h.folded("The first lines that could not be read", |h| {
            h.element("ul", "", |h| data.bad_line_examples.iter().fold(h, |h, e| h.labelled("li", "", e)))
        });
    }
}

/// In the order of the classes; one without training rows is there too.
fn labels(results: &ExperimentResults, h: &mut Html) {
    let labels = &results.data.train_labels;
    let total: usize = labels.values().sum();
    let most = labels.values().copied().max().unwrap_or(0).max(1);
    let mut table = Table::new([
        ("Class", Best::Name),
        ("Training rows", Best::High),
        ("Share", Best::High),
        ("", Best::Name),
    ]);
    for label in results.classes.names() {
        let n = labels.get(label).copied().unwrap_or(0);
        let mut bar = Html::new();
        bar.raw("<span class=\"bar\"")
            .attribute("style", format!("width:{:.1}%", 100.0 * n as f64 / most as f64))
            .raw("></span>");
        let share = n as f64 / total.max(1) as f64;
        table.row(
            false,
            vec![Cell::text(label), Cell::count(n), Cell::number(Some(share), percent), Cell::html(bar, "")],
        );
    }
    h.labelled("h3", "", "Label balance of the training rows");
    fold_long("All classes", results.classes.len(), h, |h| table.write(h));
}

/// Folds what has a line for each of many classes.
pub(super) fn fold_long<'h>(
    what: &'static str,
    classes: usize,
    h: &'h mut Html,
    inside: impl FnOnce(&mut Html) -> &mut Html,
) -> &'h mut Html {
    if classes <= CLASSES_SHOWN {
        return inside(h);
    }
    h.folded(format!("{what} ({classes})"), inside)
}

fn findings<'h>(quality: &QualityReport, h: &'h mut Html) -> &'h mut Html {
    h.labelled("h3", "", "Quality");
    let [q1, q2, q3] = quality.lengths.quartiles;
    h.element("p", "", |h| {
        h.text(format!(
            "{} rows as read: {} exact and {} near duplicates, {} with labels that contradict each other, {} empty. \
             Lengths from {} to {} characters, quartiles {q1:.0}, {q2:.0}, {q3:.0}.",
            grouped(quality.rows),
            grouped(quality.exact_duplicates),
            grouped(quality.near_duplicates),
            grouped(quality.conflicting_labels),
            grouped(quality.empty_texts),
            grouped(quality.lengths.min),
            grouped(quality.lengths.max),
        ))
    });
    if quality.findings.is_empty() {
        return h.raw("<p>Nothing to look at was found.</p>\n");
    }
    let mut table = Table::new([("Severity", Best::Name), ("Rows", Best::High), ("Finding", Best::Name)]);
    for finding in &quality.findings {
        let mut severity = Html::new();
        match finding.severity {
            Severity::Note => severity.raw("<span class=\"chip\">note</span>"),
            Severity::Warning => severity.raw("<span class=\"chip warn\">warning</span>"),
            Severity::Error => severity.raw("<span class=\"chip bad\">error</span>"),
        };
        table.row(
            false,
            vec![
                Cell::html(severity, ""),
                Cell::count(finding.count),
                Cell::text(&finding.what).below(Some(advice(finding, quality))),
            ],
        );
    }
    table.write(h)
}

/// What to do, and where the first rows are.
fn advice(finding: &Finding, quality: &QualityReport) -> String {
    let places = finding.places(&quality.origin);
    match places.is_empty() {
        true => finding.advice.clone(),
        false => format!("{} · {}", finding.advice, places.join(", ")),
    }
}
