//! Each check on data made to trip it, and on data that does not.

use super::*;
use crate::example::Example;
use crate::read::ReadOptions;

fn report(data: &Dataset) -> QualityReport {
    Quality::default().report(data, &Schema::default(), &[], &FitContext::new(1)).unwrap()
}

fn finding<'a>(report: &'a QualityReport, check: &str) -> &'a Finding {
    report.findings.iter().find(|f| f.check == check).unwrap()
}

/// Twenty rows of two classes about which there is nothing to say.
fn sound() -> Vec<Example> {
    let subjects = ["tax law", "gardening", "violin strings", "rainfall in Peru", "bridge design"];
    let verbs = ["Explain", "Summarise what you know about", "List five facts on", "Give me a quiz about"];
    let mut rows = Vec::new();
    for (i, subject) in subjects.iter().enumerate() {
        for (j, verb) in verbs.iter().enumerate() {
            let label = if (i + j) % 2 == 0 { "a" } else { "b" };
            rows.push(
                Example::new(format!("{verb} {subject}, please.")).with_label(label).with_split(Split::Train),
            );
        }
    }
    rows
}

#[test]
fn sound_data_has_no_findings() {
    let report = report(&Dataset::new(sound()));
    assert_eq!(report.findings, []);
    assert_eq!(report.worst(), None);
    assert_eq!((report.rows, report.balance.counts["a"], report.balance.evenness), (20, 10, 1.0));
    assert_eq!(report.missing["target"], 20);
}

#[test]
fn leakage_is_told_apart_from_repetition() {
    let mut rows = sound();
    rows.push(Example::new("EXPLAIN tax law please").with_label("a").with_split(Split::Test));
    rows.push(
        Example::new("Give me a quiz about rainfall in Peru, pleas.")
            .with_label("b")
            .with_split(Split::Validation),
    );
    rows.push(Example::new("A new question about wolves").with_label("b").with_split(Split::Test));
    let report = report(&Dataset::new(rows));
    assert_eq!(report.leakage[0], Leakage { near: false, rows: vec![20] });
    assert_eq!(report.leakage[1], Leakage { near: true, rows: vec![21] });
    assert_eq!((report.exact_duplicates, report.near_duplicates), (1, 1));
    assert_eq!(report.worst(), Some(Severity::Error));
    assert_eq!(report.findings[0].check, "leakage");
}

#[test]
fn conflicts_gaps_and_rare_classes_are_counted() {
    let mut rows = sound();
    rows.push(Example::new("explain TAX LAW please").with_label("b"));
    rows.push(Example::new("   ").with_label("a"));
    rows.push(Example::new("No label on this one at all"));
    rows.push(Example::new("The only one of its kind").with_label("rare"));
    let report = report(&Dataset::new(rows));
    assert_eq!(report.conflicting_labels, 2);
    assert_eq!(finding(&report, "conflicting_labels").rows, [0, 20]);
    assert_eq!(report.empty_texts, 1);
    assert_eq!((report.missing["label"], report.missing["split"]), (1, 4));
    assert!(finding(&report, "rare_classes").what.ends_with("rare (1)"));
    assert_eq!(finding(&report, "missing_label").rows, [22]);
}

#[test]
fn one_class_is_an_error() {
    let rows = sound().into_iter().map(|e| Example { label: Some("a".into()), ..e });
    let report = report(&Dataset::new(rows));
    assert_eq!(finding(&report, "one_class").severity, Severity::Error);
    assert_eq!(report.balance.evenness, 0.0);
}

#[test]
fn lengths_follow_the_stated_rule() {
    // numpy.quantile([1, 2, 3, 4], [.25, .5, .75]) = [1.75, 2.5, 3.25]
    let lengths =
        |sizes: &[usize]| Lengths::of(&sizes.iter().map(|&n| Example::new("x".repeat(n))).collect(), 3.0);
    assert_eq!(lengths(&[4, 2, 3, 1]).quartiles, [1.75, 2.5, 3.25]);
    let mut sizes = vec![40, 50, 60, 70, 80, 90, 100];
    sizes.extend([20_000, 1]);
    let found = lengths(&sizes);
    assert_eq!(found.outlier_rows, [7, 8]);
    assert!(
        found.rule.starts_with("log length outside the quartiles by 3 interquartile ranges"),
        "{}",
        found.rule
    );
    assert_eq!(lengths(&[]).quartiles, [0.0; 3]);
    for n in 1..50 {
        assert_eq!(lengths(&[n; 5]).outliers, 0, "texts of {n} characters are all alike");
    }
}

#[test]
fn broken_promises_are_errors() {
    let schema = Schema {
        required: vec!["text".into(), "source".into(), "topic".into()],
        labels: Some(vec!["a".into()]),
        target: Some((0.0, 100.0)),
        chars: Some((2, 10)),
    };
    let mut good = Example::new("fine").with_label("a").with_source("s").with_target(100.0);
    good.extra.set("topic", &"x").unwrap();
    let mut bad = Example::new("far too long a text").with_label("odd").with_target(100.1);
    bad.extra.set("topic", &"").unwrap();
    let data = Dataset::new([good, bad]);
    let findings = schema.check(&data).unwrap();
    let found: Vec<(&str, &str)> = findings.iter().map(|f| (f.check.as_str(), f.what.as_str())).collect();
    assert_eq!(
        found,
        [
            ("required", "row has no source"),
            ("required", "row has no topic"),
            ("labels", "label is none of a: odd (1)"),
            ("target", "target lies outside [0, 100]"),
            ("chars", "text does not have 2 to 10 characters"),
        ]
    );
    assert!(findings.iter().all(|f| f.rows == [1] && f.severity == Severity::Error));
    let reversed = Schema { chars: Some((3, 1)), ..Schema::default() };
    assert!(reversed.check(&data).unwrap_err().to_string().contains("low ≤ high"));
}

#[test]
fn bad_lines_and_hidden_characters_are_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, b"{\"text\": \"vis\xe2\x80\x8bible\", \"label\": \"a\"}\n{\"text\": \"\xff\"}\n{\"text\": \"x\", \"label\": \"b\"}\n").unwrap();
    let loaded = ReadOptions::default().read(&path).unwrap();
    let report = Quality::default()
        .report(&loaded.dataset, &Schema::default(), &loaded.bad, &FitContext::new(1))
        .unwrap();
    assert_eq!(report.bad_lines, 1);
    let bad = finding(&report, "bad_lines");
    assert!(bad.what.contains("(1 not UTF-8)") && bad.what.contains("line 2, column 11"), "{}", bad.what);
    assert_eq!(report.invisible_characters[&Kind::ZeroWidth], 1);
    let shown = report.to_string();
    assert!(
        shown.contains("lines not readable    1\n") && shown.contains("ERROR    1 line could not be read"),
        "{shown}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["invisible_characters"]["zero_width"], 1);
    let back: QualityReport = serde_json::from_value(json).unwrap();
    assert_eq!(back.findings, report.findings);
}

#[test]
fn findings_name_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let line = |text: &str, label: &str| format!("{{\"text\": \"{text}\", \"label\": \"{label}\"}}\n");
    let text = format!("{}\nbroken\n{}{}", line("one", "a"), line("two", "b"), line("ONE!", "a"));
    std::fs::write(&path, text).unwrap();
    let loaded = ReadOptions::default().read(&path).unwrap();
    let report = report(&loaded.dataset);
    let duplicates = finding(&report, "duplicates");
    assert_eq!((&duplicates.rows[..], &duplicates.lines[..]), (&[2][..], &[5][..]));
    let place = format!("{}:5", path.display());
    assert_eq!(duplicates.places(&report.origin), std::slice::from_ref(&place));
    assert!(report.to_string().contains(&format!("1 row repeats an earlier text ({place});")), "{report}");
    // Elements of a list may share a line; rows made in memory have none.
    let list = folder.path().join("a.json");
    std::fs::write(&list, "[{\"text\": \"one\"}, {\"text\": \"one\"}, {\"text\": \"one\"}]").unwrap();
    let loaded = ReadOptions::default().read(&list).unwrap();
    let report = self::report(&loaded.dataset);
    let places = finding(&report, "duplicates").places(&report.origin);
    assert_eq!(places[1], format!("{}:1 (row 2)", list.display()));
    let report = self::report(&Dataset::new([Example::new("x y"), Example::new("x y")]));
    assert_eq!(finding(&report, "duplicates").places(&report.origin), ["row 1"]);
}

#[test]
fn flags_are_counted_by_text() {
    let mut rows = sound();
    rows.push(Example::new("Look <b>here</b> and <i>there</i>").with_label("a"));
    rows.push(Example::new("Run <script>x()</script> or <b>not</b>").with_label("b"));
    let report = report(&Dataset::new(rows));
    assert_eq!(report.flags, [(FlagKind::Html, 2), (FlagKind::Script, 1)].into());
    let flagged = finding(&report, "flagged");
    assert_eq!((flagged.severity, &flagged.rows[..]), (Severity::Note, &[20, 21][..]));
    assert!(report.to_string().contains("texts flagged         HTML 2, a script 1\n"), "{report}");
}

#[test]
fn synthetic_data_says_so() {
    let origin = Origin::Synthetic { generator: "grammar".into(), seed: prompt_core::Seed::new(7) };
    let report = report(&Dataset::new(sound()).with_origin(origin));
    assert!(report.synthetic);
    let shown = report.to_string();
    assert!(shown.contains("synthetic data (grammar, seed 7)") && shown.contains("SYNTHETIC"), "{shown}");
}
