//! What a data set promises.

use std::collections::BTreeMap;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Finding, Severity};
use crate::dataset::Dataset;
use crate::example::Example;

/// What every row must keep to; by default only that it has a text.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `required` | `["text"]` | `text`, `label`, `target`, `source`, `split` or any other field |
/// | `labels` | any | the labels there may be |
/// | `target` | any | smallest and largest target |
/// | `chars` | any | fewest and most characters of a text |
///
/// ```
/// use prompt_data::{Dataset, Example, validate::Schema};
/// let schema = Schema { labels: Some(vec!["benign".into(), "malicious".into()]), ..Schema::default() };
/// let data = Dataset::new([Example::new("x").with_label("evil")]);
/// let findings = schema.check(&data).unwrap();
/// assert_eq!(findings[0].what, "label is none of benign, malicious: evil (1)");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schema {
    /// Fields that every row must have, with a value.
    pub required: Vec<String>,
    /// The labels there may be.
    pub labels: Option<Vec<String>>,
    /// Smallest and largest target.
    pub target: Option<(f64, f64)>,
    /// Fewest and most characters of a text.
    pub chars: Option<(usize, usize)>,
}

impl Default for Schema {
    fn default() -> Self {
        Self { required: vec!["text".into()], labels: None, target: None, chars: None }
    }
}

impl Schema {
    /// The promises that the data breaks, one finding each.
    ///
    /// # Errors
    /// [`Error::Param`] for a range whose ends are the wrong way round.
    pub fn check(&self, data: &Dataset) -> Result<Vec<Finding>> {
        let reversed = |name: &str, shown: String| {
            Err(Error::param("schema", name, "[low, high] with low ≤ high", shown))
        };
        if let Some((low, high)) = self.target
            && (low..=high).is_empty()
        {
            return reversed("target", format!("[{low}, {high}]"));
        }
        if let Some((low, high)) = self.chars
            && low > high
        {
            return reversed("chars", format!("[{low}, {high}]"));
        }
        let mut findings = Vec::new();
        let mut find = |check: &str, what: [&str; 2], rows: &[usize], advice: &str| {
            findings.extend(Finding::about(data, Severity::Error, check, what, rows, advice));
        };
        for field in &self.required {
            let rows = data.rows_where(|e| !has(e, field));
            let what = [format!("row has no {field}"), format!("rows have no {field}")];
            find(
                "required",
                what.each_ref().map(String::as_str),
                &rows,
                "fill it in, remove the rows, or do not require it",
            );
        }
        if let Some(labels) = &self.labels {
            let allowed = |e: &Example| e.label.as_ref().is_none_or(|label| labels.contains(label));
            let rows = data.rows_where(|e| !allowed(e));
            let mut others: BTreeMap<&str, usize> = BTreeMap::new();
            for label in data.iter().filter(|e| !allowed(e)).filter_map(|e| e.label.as_deref()) {
                *others.entry(label).or_insert(0) += 1;
            }
            let shown: Vec<String> =
                others.iter().take(5).map(|(label, n)| format!("{label} ({n})")).collect();
            let rest = format!("none of {}: {}", labels.join(", "), shown.join(", "));
            let what = [format!("label is {rest}"), format!("labels are {rest}")];
            find(
                "labels",
                what.each_ref().map(String::as_str),
                &rows,
                "correct them, map them (`fields.label_map`), or allow them",
            );
        }
        if let Some((low, high)) = self.target {
            let rows = data.rows_where(|e| e.target.is_some_and(|t| !(low..=high).contains(&t)));
            find(
                "target",
                [
                    &format!("target lies outside [{low}, {high}]"),
                    &format!("targets lie outside [{low}, {high}]"),
                ],
                &rows,
                "correct or clip them (`clean`)",
            );
        }
        if let Some((low, high)) = self.chars {
            let rows = data.rows_where(|e| !(low..=high).contains(&e.text.chars().count()));
            let rest = format!("not have {low} to {high} characters");
            let what = [format!("text does {rest}"), format!("texts do {rest}")];
            find("chars", what.each_ref().map(String::as_str), &rows, "cut or remove them");
        }
        Ok(findings)
    }
}

fn has(example: &Example, field: &str) -> bool {
    match field {
        "text" => !example.text.is_empty(),
        "label" => example.label.is_some(),
        "target" => example.target.is_some(),
        "source" => example.source.is_some(),
        "split" => example.split.is_some(),
        other => example.extra.raw(other).is_some_and(|raw| !matches!(raw, "null" | "\"\"")),
    }
}
