//! The numbers of a quality report, as JSON (serde) and as a table of text.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Finding, Severity};
use crate::dataset::{Dataset, Origin};
use crate::sanitise::{FlagKind, Kind};

/// What a data set is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Where the data came from.
    pub origin: Origin,
    /// Whether a generator made it.
    pub synthetic: bool,
    /// [`Dataset::digest`].
    pub digest: String,
    /// Rows that were read.
    pub rows: usize,
    /// Lines that could not be read.
    pub bad_lines: usize,
    /// Rows without a value, by role.
    pub missing: BTreeMap<String, usize>,
    /// Texts without a visible character.
    pub empty_texts: usize,
    /// Rows that repeat an earlier text (case, punctuation and spaces aside).
    pub exact_duplicates: usize,
    /// Rows that nearly repeat an earlier text, exact duplicates not counted.
    pub near_duplicates: usize,
    /// Rows that share their text with a row of another label.
    pub conflicting_labels: usize,
    /// The labels.
    pub balance: Balance,
    /// The lengths of the texts.
    pub lengths: Lengths,
    /// Held-out rows that repeat a row to learn from: exactly, then nearly but not exactly.
    pub leakage: Vec<Leakage>,
    /// Invisible characters (runs of them) by kind.
    pub invisible_characters: BTreeMap<Kind, usize>,
    /// How many texts the sanitiser flags, by what it flags.
    #[serde(default)]
    pub flags: BTreeMap<FlagKind, usize>,
    /// What to look at, the worst first.
    pub findings: Vec<Finding>,
}

impl QualityReport {
    /// The worst severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }
}

/// How many rows each label has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// Rows by label.
    pub counts: BTreeMap<String, usize>,
    /// Entropy of the labels over its greatest value ln(classes): 1 is even, 0 is one class (or none).
    pub evenness: f64,
}

impl Balance {
    pub(super) fn of(data: &Dataset) -> Self {
        let counts: BTreeMap<String, usize> =
            data.label_counts().into_iter().map(|(label, n)| (label.to_owned(), n)).collect();
        let total: usize = counts.values().sum();
        let entropy: f64 = counts.values().map(|&n| n as f64 / total as f64).map(|p| -p * p.ln()).sum();
        let evenness = if counts.len() > 1 { entropy / (counts.len() as f64).ln() } else { 0.0 };
        Self { counts, evenness }
    }

    pub(super) fn rare(&self, share: f64) -> Option<Finding> {
        let largest = *self.counts.values().max()?;
        let rare: Vec<(&String, usize)> = self
            .counts
            .iter()
            .map(|(label, n)| (label, *n))
            .filter(|(_, n)| (*n as f64) < share * largest as f64)
            .collect();
        let shown: Vec<String> = rare.iter().take(5).map(|(label, n)| format!("{label} ({n})")).collect();
        let what = format!(
            "{} {} rare beside the largest ({largest} {}): {}",
            rare.len(),
            if rare.len() == 1 { "class is" } else { "classes are" },
            if largest == 1 { "row" } else { "rows" },
            shown.join(", ")
        );
        let count = rare.iter().map(|(_, n)| n).sum();
        let advice = "collect more of them, weigh the classes, or balance the training rows";
        (!rare.is_empty()).then(|| Finding::overall(Severity::Warning, "rare_classes", what, count, advice))
    }

    pub(super) fn one_class(&self) -> Option<Finding> {
        let (label, count) = self.counts.first_key_value()?;
        let what = format!("all labels are `{label}`: there is nothing to tell apart");
        let advice = "add rows of another class";
        (self.counts.len() == 1).then(|| Finding::overall(Severity::Error, "one_class", what, *count, advice))
    }
}

/// Lengths of the texts in characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// The shortest.
    pub min: usize,
    /// The quartiles (linear interpolation, as NumPy).
    pub quartiles: [f64; 3],
    /// The longest.
    pub max: usize,
    /// The rule for outliers, with its bounds in characters.
    pub rule: String,
    /// How many texts lie outside.
    pub outliers: usize,
    #[serde(skip)]
    pub(super) outlier_rows: Vec<usize>,
}

impl Lengths {
    pub(super) fn of(data: &Dataset, ranges: f64) -> Self {
        let lengths: Vec<usize> = data.iter().map(|e| e.text.chars().count()).collect();
        let mut sorted = lengths.clone();
        sorted.sort_unstable();
        let quartiles = [0.25, 0.5, 0.75].map(|q| quantile(&sorted, q));
        // On the scale of logarithms, where lengths of texts are about symmetric; + 1 admits the empty text.
        let [low, high] = [quartiles[0], quartiles[2]].map(f64::ln_1p);
        let reach = ranges * (high - low);
        let bounds = [(low - reach).exp_m1(), (high + reach).exp_m1()];
        // Through logarithm and exponential a whole number comes back a little off: a length on the bound is inside.
        let slack = 1e-9 * bounds[1].abs();
        let outside = |n: usize| n as f64 + slack < bounds[0] || n as f64 - slack > bounds[1];
        let outlier_rows: Vec<usize> =
            lengths.iter().enumerate().filter(|(_, n)| outside(**n)).map(|(row, _)| row).collect();
        Self {
            min: sorted.first().copied().unwrap_or(0),
            quartiles,
            max: sorted.last().copied().unwrap_or(0),
            rule: format!(
                "log length outside the quartiles by {ranges} interquartile ranges: below {:.0} or above {:.0} characters",
                bounds[0].max(0.0),
                bounds[1]
            ),
            outliers: outlier_rows.len(),
            outlier_rows,
        }
    }
}

fn quantile(sorted: &[usize], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    let value = |i: usize| sorted.get(i).copied().unwrap_or(0) as f64;
    let (low, high) = (value(at.floor() as usize), value(at.ceil() as usize));
    low + (high - low) * at.fract()
}

/// Held-out rows that repeat a row to learn from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leakage {
    /// Whether near-duplicates are meant.
    pub near: bool,
    /// The validation and test rows, rising.
    pub rows: Vec<usize>,
}

impl fmt::Display for QualityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<22}{value}");
        line("data", self.origin.to_string())?;
        if self.synthetic {
            line("", "SYNTHETIC: made by a generator, not collected".into())?;
        }
        line("rows", self.rows.to_string())?;
        line("lines not readable", self.bad_lines.to_string())?;
        let missing: Vec<String> =
            self.missing.iter().filter(|(_, n)| **n > 0).map(|(name, n)| format!("{name} {n}")).collect();
        line("missing", if missing.is_empty() { "nothing".into() } else { missing.join(", ") })?;
        line("empty texts", self.empty_texts.to_string())?;
        line("exact duplicates", self.exact_duplicates.to_string())?;
        line("near-duplicates", self.near_duplicates.to_string())?;
        line("conflicting labels", self.conflicting_labels.to_string())?;
        let [q1, q2, q3] = self.lengths.quartiles;
        line(
            "characters",
            format!("{} to {}; quartiles {q1:.0}, {q2:.0}, {q3:.0}", self.lengths.min, self.lengths.max),
        )?;
        line("length outliers", format!("{} ({})", self.lengths.outliers, self.lengths.rule))?;
        let flags: Vec<String> = self.flags.iter().map(|(kind, n)| format!("{} {n}", kind.words())).collect();
        line("texts flagged", if flags.is_empty() { "none".into() } else { flags.join(", ") })?;
        for leak in &self.leakage {
            line(if leak.near { "leakage, near" } else { "leakage, exact" }, leak.rows.len().to_string())?;
        }
        if !self.balance.counts.is_empty() {
            line("labels", format!("{} (evenness {:.3})", self.balance.counts.len(), self.balance.evenness))?;
            let total: usize = self.balance.counts.values().sum();
            for (label, n) in &self.balance.counts {
                line("", format!("{label} {n} ({:.1} %)", 100.0 * *n as f64 / total as f64))?;
            }
        }
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Error => "ERROR",
            };
            let places = finding.places(&self.origin);
            match places.is_empty() {
                true => write!(f, "{severity:<9}{}", finding.what)?,
                false => write!(f, "{severity:<9}{} {}", finding.count, finding.what)?,
            }
            if !places.is_empty() {
                let more = if finding.count > places.len() { ", …" } else { "" };
                write!(f, " ({}{more})", places.join(", "))?;
            }
            writeln!(f, "; {}", finding.advice)?;
        }
        Ok(())
    }
}
