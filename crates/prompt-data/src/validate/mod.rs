//! Is this data fit to learn from? What it promises (a [`Schema`]) and what it is like (a [`QualityReport`]).
//!
//! ```text
//! Dataset --Schema::check--> findings   (a promise that is broken: an error)
//!         --Quality::report--> numbers + findings: missing, duplicates, conflicts, balance, outliers, leakage, …
//! ```

mod report;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use prompt_core::{Error, FitContext, Legal, Params, Result, params};
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Origin};
use crate::dedup::{Groups, NearDuplicates, exact};
use crate::example::Split;
use crate::sanitise::{FlagKind, Kind, Sanitiser};
pub use report::{Balance, Leakage, Lengths, QualityReport};
pub use schema::Schema;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It may mislead; look at it.
    Warning,
    /// Results from this data would be wrong or impossible.
    Error,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which check found it, in snake case.
    pub check: String,
    /// What was found.
    pub what: String,
    /// How many rows are concerned.
    pub count: usize,
    /// The first of them, at most ten.
    pub rows: Vec<usize>,
    /// The lines of the file on which those rows start; 0 for a row that was made in memory.
    #[serde(default)]
    pub lines: Vec<u64>,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// A finding about these rows of the data, said of one row and of several; `None` when there are none.
    fn about(
        data: &Dataset,
        severity: Severity,
        check: &str,
        what: [&str; 2],
        rows: &[usize],
        advice: &str,
    ) -> Option<Self> {
        let first = || rows.iter().take(10);
        (!rows.is_empty()).then(|| Self {
            severity,
            check: check.to_owned(),
            what: what[usize::from(rows.len() != 1)].to_owned(),
            count: rows.len(),
            rows: first().copied().collect(),
            lines: first().map(|&row| data.get(row).map_or(0, |e| e.line)).collect(),
            advice: advice.to_owned(),
        })
    }

    /// A finding about the data as a whole, whose words hold its numbers.
    fn overall(severity: Severity, check: &str, what: String, count: usize, advice: &str) -> Self {
        Self {
            severity,
            check: check.to_owned(),
            what,
            count,
            rows: Vec::new(),
            lines: Vec::new(),
            advice: advice.to_owned(),
        }
    }

    /// Where the first of its rows are, at most five: `FILE:LINE` for those of a file, else their numbers. Empty for a
    /// finding about the data as a whole.
    pub fn places(&self, origin: &Origin) -> Vec<String> {
        let place = |(row, &line): (&usize, &u64)| match origin {
            Origin::File { path } if line > 0 => {
                // Several elements of a JSON list may stand on one line.
                let shared = self.lines.iter().filter(|l| **l == line).count() > 1;
                let row = if shared { format!(" (row {row})") } else { String::new() };
                format!("{}:{line}{row}", path.display())
            }
            _ => format!("row {row}"),
        };
        self.rows.iter().zip(&self.lines).take(5).map(place).collect()
    }
}

params! {
    /// Examines a data set.
    ///
    /// ```
    /// use prompt_core::FitContext;
    /// use prompt_data::{Dataset, Example, validate::{Quality, Schema, Severity}};
    /// let data = Dataset::new([
    ///     Example::new("Same text").with_label("a"),
    ///     Example::new("same text!").with_label("b"),
    /// ]);
    /// let report = Quality::default().report(&data, &Schema::default(), &[], &FitContext::new(1)).unwrap();
    /// assert_eq!(report.exact_duplicates, 1);
    /// assert_eq!(report.conflicting_labels, 2);
    /// assert_eq!(report.worst(), Some(Severity::Warning));
    /// ```
    pub struct Quality named "quality" {
        /// Jaccard similarity of 5-character shingles from which texts count as near-duplicates.
        near_duplicates: f64 = 0.8, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false };
        /// A text is a length outlier when the logarithm of its length lies this many interquartile ranges outside the
        /// quartiles (Tukey's rule; lengths are about log-normal).
        outlier_ranges: f64 = 3.0, Legal::positive();
        /// A class with less than this share of the largest class is called rare.
        rare_class: f64 = 0.1, Legal::between(0.0, 1.0);
    }
}

impl Quality {
    /// Numbers and findings about a data set. `bad_lines` are what the reader refused
    /// ([`Loaded::bad`](crate::read::Loaded)).
    ///
    /// # Errors
    /// A parameter out of range; a stop asked for through `ctx`. Bad data is a finding, not an error.
    pub fn report(
        &self,
        data: &Dataset,
        schema: &Schema,
        bad_lines: &[Error],
        ctx: &FitContext,
    ) -> Result<QualityReport> {
        use Severity::{Error as Wrong, Note, Warning};
        self.validate()?;
        let mut findings = schema.check(data)?;
        let mut find = |finding: Option<Finding>| findings.extend(finding);

        find(bad_line_finding(bad_lines));
        let empty = data.rows_where(|e| e.text.trim().is_empty());
        find(Finding::about(
            data,
            Warning,
            "empty_text",
            ["text is empty", "texts are empty"],
            &empty,
            "remove them before training",
        ));
        let unlabelled = data.rows_where(|e| e.label.is_none() && e.target.is_none());
        find(Finding::about(
            data,
            if unlabelled.len() == data.len() { Note } else { Warning },
            "missing_label",
            ["row has neither a label nor a target", "rows have neither a label nor a target"],
            &unlabelled,
            "label them, or remove them before training",
        ));

        let same = exact(data);
        let repeated = later(&same);
        find(Finding::about(
            data,
            Warning,
            "duplicates",
            ["row repeats an earlier text", "rows repeat an earlier text"],
            &repeated,
            "remove them (`clean`)",
        ));
        let near = NearDuplicates::default().threshold(self.near_duplicates).groups(data, ctx)?;
        let nearly: Vec<usize> = later(&near);
        let nearly_alone: Vec<usize> =
            nearly.iter().copied().filter(|r| repeated.binary_search(r).is_err()).collect();
        find(Finding::about(
            data,
            Note,
            "near_duplicates",
            ["row nearly repeats an earlier text", "rows nearly repeat an earlier text"],
            &nearly_alone,
            "split by group, so that they stay on one side",
        ));
        let conflicts = conflicting(data, &same);
        find(Finding::about(
            data,
            Warning,
            "conflicting_labels",
            [
                "row shares its text with a row of another label",
                "rows share their text with a row of another label",
            ],
            &conflicts,
            "decide which label holds, or remove them all",
        ));

        let balance = Balance::of(data);
        find(balance.rare(self.rare_class));
        find(balance.one_class());
        let lengths = Lengths::of(data, self.outlier_ranges);
        find(Finding::about(
            data,
            Note,
            "length_outliers",
            ["text is unusually short or long", "texts are unusually short or long"],
            &lengths.outlier_rows,
            "look at them; cut or remove what is no prompt",
        ));
        let exactly = leak(data, &same, false);
        let mut nearly = leak(data, &near, true);
        // An exact repetition is a near one too; it is listed once.
        nearly.rows.retain(|row| exactly.rows.binary_search(row).is_err());
        let leakage = vec![exactly, nearly];
        for leak in &leakage {
            let what = if leak.near {
                [
                    "validation or test row nearly repeats a row to learn from",
                    "validation or test rows nearly repeat a row to learn from",
                ]
            } else {
                [
                    "validation or test row repeats a row to learn from",
                    "validation or test rows repeat a row to learn from",
                ]
            };
            let severity = if leak.near { Warning } else { Wrong };
            let advice = "remove the rows to learn from (`clean` keeps the test rows)";
            find(Finding::about(data, severity, "leakage", what, &leak.rows, advice));
        }
        let seen = sanitised(data, ctx);
        let rows: Vec<usize> = seen.iter().filter(|row| !row.changes.is_empty()).map(|row| row.row).collect();
        let mut characters = BTreeMap::new();
        for kind in seen.iter().flat_map(|row| &row.changes) {
            *characters.entry(*kind).or_insert(0) += 1;
        }
        find(Finding::about(
            data,
            Note,
            "invisible_characters",
            ["text holds characters that cannot be seen", "texts hold characters that cannot be seen"],
            &rows,
            "keep the sanitiser in the pipeline",
        ));
        let flagged: Vec<usize> =
            seen.iter().filter(|row| !row.flags.is_empty()).map(|row| row.row).collect();
        let mut flags: BTreeMap<FlagKind, usize> = BTreeMap::new();
        for kind in seen.iter().flat_map(|row| &row.flags) {
            *flags.entry(*kind).or_insert(0) += 1;
        }
        let kinds: Vec<String> = flags.iter().map(|(kind, n)| format!("{} {n}", kind.words())).collect();
        find(Finding::about(
            data,
            Note,
            "flagged",
            [
                &format!("text holds what a person should look at: {}", kinds.join(", ")),
                &format!("texts hold what a person should look at: {}", kinds.join(", ")),
            ],
            &flagged,
            "look whether their labels fit",
        ));

        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        Ok(QualityReport {
            origin: data.origin().clone(),
            synthetic: data.is_synthetic(),
            digest: data.digest(),
            rows: data.len(),
            bad_lines: bad_lines.len(),
            missing: missing(data),
            empty_texts: empty.len(),
            exact_duplicates: repeated.len(),
            near_duplicates: nearly_alone.len(),
            conflicting_labels: conflicts.len(),
            balance,
            lengths,
            leakage,
            invisible_characters: characters,
            flags,
            findings,
        })
    }
}

/// The rows of each group but its first, rising.
fn later(groups: &Groups) -> Vec<usize> {
    let mut rows: Vec<usize> = groups.repeated().iter().flat_map(|g| g.iter().skip(1).copied()).collect();
    rows.sort_unstable();
    rows
}

fn conflicting(data: &Dataset, same: &Groups) -> Vec<usize> {
    let label = |row: usize| data.get(row).and_then(|e| e.label.as_deref());
    let mut rows: Vec<usize> = same
        .repeated()
        .into_iter()
        .filter(|group| {
            let mut labels = group.iter().filter_map(|&row| label(row));
            labels.next().is_some_and(|first| labels.any(|other| other != first))
        })
        .flatten()
        .collect();
    rows.sort_unstable();
    rows
}

/// Held-out rows whose group also has a row to learn from.
fn leak(data: &Dataset, groups: &Groups, near: bool) -> Leakage {
    let split = |row: &usize| data.get(*row).and_then(|e| e.split);
    let mut rows: Vec<usize> = groups
        .repeated()
        .into_iter()
        .filter(|group| group.iter().any(|row| split(row) == Some(Split::Train)))
        .flatten()
        .filter(|row| matches!(split(row), Some(Split::Validation | Split::Test)))
        .collect();
    rows.sort_unstable();
    Leakage { near, rows }
}

/// What the sanitiser says of a row.
struct Seen {
    row: usize,
    /// One for each change.
    changes: Vec<Kind>,
    /// Each kind once.
    flags: BTreeSet<FlagKind>,
}

/// The rows of which the sanitiser says something, rising.
fn sanitised(data: &Dataset, ctx: &FitContext) -> Vec<Seen> {
    let sanitiser = Sanitiser::default();
    const BLOCK: usize = 1024;
    let blocks = ctx.map(data.len().div_ceil(BLOCK), |block| {
        let rows = data.iter().enumerate().skip(block * BLOCK).take(BLOCK);
        rows.filter_map(|(row, example)| {
            let found = sanitiser.sanitise(&example.text);
            let changes: Vec<Kind> = found.changes.iter().map(|c| c.kind).collect();
            let flags: BTreeSet<FlagKind> = found.flags.iter().map(|f| f.kind).collect();
            (!changes.is_empty() || !flags.is_empty()).then_some(Seen { row, changes, flags })
        })
        .collect::<Vec<_>>()
    });
    blocks.into_iter().flatten().collect()
}

fn missing(data: &Dataset) -> BTreeMap<String, usize> {
    let count = |lacks: &dyn Fn(&crate::Example) -> bool| data.iter().filter(|e| lacks(e)).count();
    [
        ("text", count(&|e| e.text.is_empty())),
        ("label", count(&|e| e.label.is_none())),
        ("target", count(&|e| e.target.is_none())),
        ("source", count(&|e| e.source.is_none())),
        ("split", count(&|e| e.split.is_none())),
    ]
    .map(|(name, n)| (name.to_owned(), n))
    .into()
}

fn bad_line_finding(bad: &[Error]) -> Option<Finding> {
    let first = bad.first()?;
    let not_utf8 = bad.iter().filter(|e| e.to_string().contains("invalid UTF-8")).count();
    let utf8 = if not_utf8 > 0 { format!(" ({not_utf8} not UTF-8)") } else { String::new() };
    let lines = if bad.len() == 1 { "line" } else { "lines" };
    let what = format!("{} {lines} could not be read{utf8}; the first: {first}", bad.len());
    let advice = "repair them; the other lines were read";
    Some(Finding::overall(Severity::Error, "bad_lines", what, bad.len(), advice))
}

#[cfg(test)]
mod tests;
