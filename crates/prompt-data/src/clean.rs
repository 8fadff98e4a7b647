//! Which rows go before a data set is used, and what happened to each.

use std::collections::BTreeMap;
use std::fmt;

use prompt_core::{FitContext, Legal, Params, Result, params};
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::dedup::{self, NearDuplicates, exact};
use crate::example::{Example, Split};

params! {
    /// Removes rows that would mislead, and says which.
    ///
    /// The defaults remove exact duplicates and nothing else: before a split that is all that may go, since everything
    /// else (balancing above all) would change what the held-out rows measure. Rows that the file gave to `test` are
    /// never removed: of two duplicates on different sides the one further from the test set goes, so that cleaning also
    /// takes out what has leaked.
    ///
    /// ```
    /// use prompt_core::FitContext;
    /// use prompt_data::{Cleaner, Dataset, Example, Split};
    /// let data = Dataset::new([
    ///     Example::new("Hello there").with_split(Split::Train),
    ///     Example::new("hello, there!").with_split(Split::Test),
    ///     Example::new("Bye").with_split(Split::Train),
    /// ]);
    /// let (clean, report) = Cleaner::default().clean(&data, &FitContext::new(1)).unwrap();
    /// assert_eq!(clean.texts(), ["hello, there!", "Bye"]);
    /// assert_eq!(report.removed[0].row, 0);
    /// ```
    pub struct Cleaner named "cleaner" {
        /// Whether rows go whose text another row has (case, punctuation and spaces aside).
        duplicates: bool = true, Legal::Bool;
        /// Whether near-duplicates go, at this Jaccard similarity of their 5-character shingles.
        near_duplicates: Option<f64> = None, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: false }.or_none();
        /// What becomes of duplicates whose labels differ: the first stays, or none does.
        conflicts: String = "keep_first".to_owned(), Legal::OneOf(&["keep_first", "remove_all"]);
        /// Whether rows go that have no text, or neither a label nor a target.
        nulls: bool = false, Legal::Bool;
        /// Rows with fewer words go.
        min_words: usize = 0, Legal::int(0, 1_000_000);
        /// Targets are clipped to this range.
        clip: Option<(f64, f64)> = None, Legal::Any("none, or two numbers [low, high] with low ≤ high");
        /// Whether each row gets a field `text_without_punctuation`.
        without_punctuation: bool = false, Legal::Bool;
    }
}

/// Why a row was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Another row has the same text.
    Duplicate,
    /// Another row has nearly the same text.
    NearDuplicate,
    /// Other rows have the same text with another label.
    ConflictingLabel,
    /// No text, or nothing to learn from it.
    Null,
    /// Too few words.
    TooShort,
}

impl Reason {
    /// The reason in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::ConflictingLabel => "conflicting label",
            Self::Null => "no text or nothing to learn",
            Self::TooShort => "too few words",
        }
    }
}

/// A row that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its number in the data set before.
    pub row: usize,
    /// Its line in the file; 0 when there is none.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// The row that stayed in its place, by its number before.
    pub kept: Option<usize>,
}

/// What cleaning did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CleanReport {
    /// Rows before.
    pub rows_before: usize,
    /// Rows after.
    pub rows_after: usize,
    /// The rows that went, in order.
    pub removed: Vec<Removed>,
    /// Rows whose target was clipped, by their number before.
    pub clipped: Vec<usize>,
    /// For each row after, its number before.
    pub rows: Vec<usize>,
}

impl CleanReport {
    /// How many rows went for each reason.
    pub fn by_reason(&self) -> BTreeMap<Reason, usize> {
        let mut counts = BTreeMap::new();
        for removed in &self.removed {
            *counts.entry(removed.reason).or_insert(0) += 1;
        }
        counts
    }
}

impl fmt::Display for CleanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows, {} kept", self.rows_before, self.rows_after)?;
        for (reason, count) in self.by_reason() {
            write!(f, "; {count} removed ({})", reason.name())?;
        }
        if !self.clipped.is_empty() {
            write!(f, "; {} targets clipped", self.clipped.len())?;
        }
        Ok(())
    }
}

impl Cleaner {
    /// What quality scores are cleaned with: nulls and texts below three words go, scores are clipped to 0–100.
    pub fn scores() -> Self {
        Self::default().nulls(true).min_words(3).clip(Some((0.0, 100.0)))
    }

    /// The clean data set and what was done to which rows.
    ///
    /// # Errors
    /// A parameter out of range; a stop asked for through `ctx`.
    pub fn clean(&self, data: &Dataset, ctx: &FitContext) -> Result<(Dataset, CleanReport)> {
        self.validate()?;
        if let Some((low, high)) = self.clip
            && (low..=high).is_empty()
        {
            return Err(prompt_core::Error::param(
                Self::NAME,
                "clip",
                "none, or two numbers [low, high] with low ≤ high",
                format!("[{low}, {high}]"),
            ));
        }
        let mut fate: Vec<Option<(Reason, Option<usize>)>> = data
            .iter()
            .map(|e| self.unusable(e).filter(|_| e.split != Some(Split::Test)).map(|reason| (reason, None)))
            .collect();
        if self.duplicates {
            self.remove_repeated(data, &exact(data).repeated(), Reason::Duplicate, &mut fate);
        }
        if let Some(threshold) = self.near_duplicates {
            let groups = NearDuplicates::default().threshold(threshold).groups(data, ctx)?;
            self.remove_repeated(data, &groups.repeated(), Reason::NearDuplicate, &mut fate);
        }

        let mut report = CleanReport { rows_before: data.len(), ..CleanReport::default() };
        let mut kept = Vec::with_capacity(data.len());
        for (row, (example, fate)) in data.iter().zip(&fate).enumerate() {
            if let Some((reason, kept)) = fate
                && example.split != Some(Split::Test)
            {
                report.removed.push(Removed { row, line: example.line, reason: *reason, kept: *kept });
                continue;
            }
            let mut example = example.clone();
            if let (Some((low, high)), Some(target)) = (self.clip, example.target)
                && !(low..=high).contains(&target)
            {
                example.target = Some(target.clamp(low, high));
                report.clipped.push(row);
            }
            if self.without_punctuation {
                let plain = dedup::without_punctuation(&example.text);
                example.extra.set("text_without_punctuation", &plain)?;
            }
            kept.push(example);
            report.rows.push(row);
        }
        report.rows_after = kept.len();
        Ok((Dataset::new(kept).with_origin(data.origin().clone()), report))
    }

    fn unusable(&self, example: &Example) -> Option<Reason> {
        let nothing = example.text.trim().is_empty() || (example.label.is_none() && example.target.is_none());
        if self.nulls && nothing {
            return Some(Reason::Null);
        }
        (example.text.split_whitespace().count() < self.min_words).then_some(Reason::TooShort)
    }

    /// Of each group the row nearest to the test set stays, the first of equals.
    fn remove_repeated(
        &self,
        data: &Dataset,
        groups: &[Vec<usize>],
        reason: Reason,
        fate: &mut [Option<(Reason, Option<usize>)>],
    ) {
        let examples = data.examples();
        for group in groups {
            let there: Vec<usize> = group.iter().copied().filter(|&row| fate[row].is_none()).collect();
            let distance = |row: usize| match examples[row].split {
                Some(Split::Test) => 0,
                Some(Split::Validation) => 1,
                Some(Split::Train) | None => 2,
            };
            let Some(stays) = there.iter().copied().min_by_key(|&row| (distance(row), row)) else {
                continue;
            };
            let differ = there.iter().any(|&row| examples[row].label != examples[stays].label);
            let remove_all = differ && self.conflicts == "remove_all" && reason == Reason::Duplicate;
            for row in there {
                if remove_all {
                    fate[row] = Some((Reason::ConflictingLabel, None));
                } else if row != stays {
                    fate[row] = Some((reason, Some(stays)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, label: &str, split: Option<Split>) -> Example {
        Example { split, ..Example::new(text).with_label(label) }
    }

    fn clean(cleaner: &Cleaner, data: &Dataset) -> (Vec<String>, CleanReport) {
        let (clean, report) = cleaner.clean(data, &FitContext::new(1)).unwrap();
        assert_eq!(report.rows_after, clean.len());
        assert_eq!(report.rows_before, report.rows_after + report.removed.len());
        (clean.texts().into_iter().map(str::to_owned).collect(), report)
    }

    #[test]
    fn by_default_duplicates_go_and_nothing_else() {
        let data = Dataset::new([
            row("One!", "a", None),
            row("", "a", None),
            row("one", "a", None),
            row("x", "b", None),
        ]);
        let (texts, report) = clean(&Cleaner::default(), &data);
        assert_eq!(texts, ["One!", "", "x"]);
        assert_eq!(report.removed, [Removed { row: 2, line: 0, reason: Reason::Duplicate, kept: Some(0) }]);
        assert_eq!(report.rows, [0, 1, 3]);
        assert_eq!(report.to_string(), "4 rows, 3 kept; 1 removed (duplicate)");
    }

    #[test]
    fn test_rows_are_never_removed_and_the_leaked_train_row_goes() {
        let (train, test) = (Some(Split::Train), Some(Split::Test));
        let data = Dataset::new([
            row("leaked", "a", train),
            row("Leaked", "a", test),
            row("leaked!", "a", test),
            row("ok", "a", test),
            row("seen", "a", train),
            row("seen", "a", Some(Split::Validation)),
        ]);
        let (texts, report) = clean(&Cleaner::default().min_words(2).nulls(true), &data);
        assert_eq!(texts, ["Leaked", "leaked!", "ok"]);
        assert_eq!(report.by_reason()[&Reason::TooShort], 3);
        let (texts, report) = clean(&Cleaner::default(), &data);
        assert_eq!(texts, ["Leaked", "leaked!", "ok", "seen"]);
        assert_eq!(
            report.removed.iter().map(|r| (r.row, r.kept)).collect::<Vec<_>>(),
            [(0, Some(1)), (4, Some(5))]
        );
    }

    #[test]
    fn conflicting_labels_can_all_go() {
        let data = Dataset::new([row("same", "a", None), row("Same", "b", None), row("other", "a", None)]);
        assert_eq!(clean(&Cleaner::default(), &data).0, ["same", "other"]);
        let (texts, report) = clean(&Cleaner::default().conflicts("remove_all".into()), &data);
        assert_eq!(texts, ["other"]);
        assert_eq!(report.by_reason()[&Reason::ConflictingLabel], 2);
    }

    #[test]
    fn near_duplicates_go_at_their_threshold() {
        let data = Dataset::new([
            row("Please write a short poem about the sea at night", "a", None),
            row("Please write a short poem about the sea at nights", "a", None),
            row("What is the capital of France?", "a", None),
        ]);
        let (texts, report) = clean(&Cleaner::default().near_duplicates(Some(0.8)), &data);
        assert_eq!(texts.len(), 2);
        assert_eq!(report.removed[0].reason, Reason::NearDuplicate);
        assert_eq!(clean(&Cleaner::default(), &data).0.len(), 3);
        assert!(Cleaner::default().near_duplicates(Some(0.0)).clean(&data, &FitContext::new(1)).is_err());
    }

    #[test]
    fn scores_are_clipped_and_short_or_empty_rows_go() {
        let scored = |text: &str, target: f64| Example::new(text).with_target(target);
        let data = Dataset::new([
            scored("three good words", 120.0),
            scored("too short", 50.0),
            scored("", 1.0),
            scored("a fine prompt, isn't it", -3.0),
            Example::new("no score at all"),
        ]);
        let (clean, report) =
            Cleaner::scores().without_punctuation(true).clean(&data, &FitContext::new(1)).unwrap();
        assert_eq!(clean.targets().unwrap(), [100.0, 0.0]);
        assert_eq!(report.clipped, [0, 3]);
        assert_eq!(
            clean.get(1).unwrap().extra.get("text_without_punctuation").unwrap(),
            "a fine prompt isnt it"
        );
        assert_eq!(
            report.to_string(),
            "5 rows, 2 kept; 2 removed (no text or nothing to learn); 1 removed (too few words); 2 targets clipped"
        );
        let error = Cleaner::default().clip(Some((1.0, 0.0))).clean(&data, &FitContext::new(1)).unwrap_err();
        assert!(error.to_string().contains("parameter `clip` must be none, or two numbers"), "{error}");
    }
}
