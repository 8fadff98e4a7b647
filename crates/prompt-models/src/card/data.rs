//! A data set's card.

use std::fmt::Write;

use prompt_data::validate::QualityReport;

use super::{cell, yaml};
use crate::experiment::DataSummary;

/// Classes that have a line of their own.
const MOST_CLASSES: usize = 100;

/// The card of what an experiment learned from: where it came from, how it was cleaned and divided, what is wrong with it.
pub fn data_card(name: &str, task: &str, data: &DataSummary, quality: &QualityReport) -> String {
    let mut out = String::from("---\n");
    _ = writeln!(out, "pretty_name: {}\ntask_categories:\n- text-classification", yaml(name));
    _ = writeln!(out, "size_categories:\n- {}", size(data.read));
    _ = writeln!(out, "tags:\n- {}", yaml(task));
    if data.synthetic {
        _ = writeln!(out, "- {}", yaml("synthetic"));
    }
    out += "---\n\n";
    _ = writeln!(out, "# Data of {}\n\n{}.\n", cell(name), cell(data.origin.trim_end_matches('.')));
    if data.synthetic {
        _ = writeln!(
            out,
            "> **Synthetic.** A generator made these rows; they are unlike real traffic in ways nobody listed.\n"
        );
    }
    rows(&mut out, data);
    labels(&mut out, data);
    what_was_seen(&mut out, quality);
    _ = writeln!(
        out,
        "## What is not known\n\nWho wrote the texts, whether they agreed to this use, whether persons can be told from them, and \
         under which licence they may be passed on: the files do not say, and nobody was asked. Find out before you publish a \
         model of them."
    );
    out
}

fn size(rows: usize) -> &'static str {
    match rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "1M<n<10M",
    }
}

fn rows(out: &mut String, data: &DataSummary) {
    _ = writeln!(out, "## Rows\n\n| rows | number |\n|---|---|\n| read | {} |", data.read);
    for (reason, n) in data.removed.iter().filter(|(_, n)| **n > 0) {
        _ = writeln!(out, "| removed: {} | {n} |", cell(&reason.replace('_', " ")));
    }
    for (what, n) in [
        ("for training", data.train),
        ("for choosing", data.validation),
        ("for testing", data.test),
        ("of the blind set", data.external),
        ("that could not be read", data.bad_lines),
    ] {
        _ = writeln!(out, "| {what} | {n} |");
    }
    _ = writeln!(out, "\nDivided by: {}. Blind set: {}.", cell(&data.split), cell(&data.external_origin));
    _ = writeln!(out, "Digest of the training rows `{}`, of all rows `{}`.\n", data.digest, data.all_digest);
}

fn labels(out: &mut String, data: &DataSummary) {
    let total: usize = data.train_labels.values().sum();
    _ = writeln!(out, "## Labels of the training rows\n\n| label | rows | share |\n|---|---|---|");
    for (label, n) in data.train_labels.iter().take(MOST_CLASSES) {
        _ = writeln!(out, "| {} | {n} | {:.1}% |", cell(label), 100.0 * *n as f64 / total.max(1) as f64);
    }
    if data.train_labels.len() > MOST_CLASSES {
        _ = writeln!(out, "| and {} more | | |", data.train_labels.len() - MOST_CLASSES);
    }
    out.push('\n');
}

fn what_was_seen(out: &mut String, quality: &QualityReport) {
    let [q1, q2, q3] = quality.lengths.quartiles;
    _ = writeln!(
        out,
        "## Quality\n\nTexts are {} to {} characters long, quartiles {q1:.0}, {q2:.0} and {q3:.0}. {} rows repeat others exactly, \
         {} nearly, {} have labels that contradict each other, {} are empty.\n",
        quality.lengths.min,
        quality.lengths.max,
        quality.exact_duplicates,
        quality.near_duplicates,
        quality.conflicting_labels,
        quality.empty_texts
    );
    for finding in &quality.findings {
        _ = writeln!(out, "- {} ({} rows): {}", cell(&finding.what), finding.count, cell(&finding.advice));
    }
    if !quality.findings.is_empty() {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::FitContext;
    use prompt_data::validate::{Quality, Schema};
    use prompt_data::{Dataset, Example};

    use super::*;

    #[test]
    fn a_card_says_where_the_rows_come_from_and_what_is_wrong_with_them() {
        let examples =
            (0..40).map(|i| Example::new(format!("text | number {i}")).with_label(["a", "b"][i % 2]));
        let quality = Quality::default()
            .report(&Dataset::new(examples), &Schema::default(), &[], &FitContext::new(1))
            .unwrap();
        let data = DataSummary {
            origin: "generated | with seed 7".into(),
            synthetic: true,
            read: 40,
            train: 30,
            test: 10,
            train_labels: [("a|b".to_owned(), 20), ("c".to_owned(), 10)].into(),
            ..DataSummary::default()
        };
        let card = data_card("my data: \"x\"", "security", &data, &quality);
        let head = super::super::head(&card);
        assert_eq!(head["pretty_name"].as_str(), Some("my data: \"x\""));
        assert_eq!(head["size_categories"][0].as_str(), Some("n<1K"));
        assert_eq!(head["tags"][1].as_str(), Some("synthetic"));
        assert!(
            card.contains("| a\\|b | 20 | 66.7% |") && card.contains("generated \\| with seed 7."),
            "{card}"
        );
    }
}
