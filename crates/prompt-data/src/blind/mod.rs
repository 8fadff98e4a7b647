//! The project's own blind set for the security task: 110 prompts written by hand, to be scored and never trained on.
//!
//! They follow the label policy of the generator ([`crate::synth`]) but come from another hand: other topics, other
//! phrasing, slips of the pen, seven languages, up to a hundred words, with none of its templates. They are therefore
//! the honest companion of a run on synthetic data: what a model loses between its test split and these is what it
//! had learnt about the templates. With 110 rows an accuracy of 0.8 has a 95 % interval of about ± 0.075, so compare
//! models here with an interval or not at all.
//!
//! | label | rows | what it holds |
//! |---|---:|---|
//! | benign | 45 | everyday, study, work, code, words that only sound dangerous, security education, instructions about texts, documents |
//! | suspicious | 30 | personas, dual-use questions, the past tense, fiction about crime, sensitive wishes, questions about the model's own instructions |
//! | malicious | 35 | orders against the instructions, leaks of them, personas without limits, orders hidden in documents, disguised text, plain requests for harm (named, never explained) |
//!
//! `source` is the category, such as `embedded_document` or `education`; a report may break its errors down by it.

use prompt_core::{Error, Result};
use serde::Deserialize;

use crate::{Dataset, Example};

const SECURITY: &str = include_str!("security.jsonl");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    text: String,
    label: String,
    source: String,
}

/// The blind set of the security task, in the order of the file.
///
/// # Errors
/// None: it is part of the program, and a test reads it.
///
/// ```
/// let blind = prompt_data::blind::security()?;
/// assert_eq!(blind.len(), 110);
/// assert_eq!(blind.label_counts()["malicious"], 35);
/// # Ok::<(), prompt_core::Error>(())
/// ```
pub fn security() -> Result<Dataset> {
    let rows: Result<Vec<Example>> = SECURITY
        .lines()
        .zip(1u64..)
        .map(|(line, number)| {
            let row: Row = serde_json::from_str(line).map_err(|e| {
                Error::parse(
                    "blind/security.jsonl",
                    number,
                    None,
                    e.to_string(),
                    "restore the file and rebuild",
                )
            })?;
            let example = Example::new(row.text).with_label(row.label).with_source(row.source);
            Ok(Example { line: number, ..example })
        })
        .collect();
    rows.map(Dataset::new)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use prompt_core::Seed;

    use super::*;
    use crate::synth::{SynthParams, distinct_key, generate};

    #[test]
    fn it_is_complete_labelled_by_the_policy_and_distinct() {
        let blind = security().unwrap();
        let expected = BTreeMap::from([("benign", 45), ("malicious", 35), ("suspicious", 30)]);
        assert_eq!(blind.label_counts(), expected);
        let keys: BTreeSet<String> = blind.texts().into_iter().map(distinct_key).collect();
        assert_eq!(keys.len(), 110);
        let foreign = blind.texts().iter().filter(|t| !t.is_ascii()).count();
        assert!(foreign >= 12, "{foreign}");
        let sources: BTreeSet<(&str, &str)> =
            blind.sources().unwrap().into_iter().zip(blind.labels().unwrap()).collect();
        assert_eq!(sources.len(), 23, "a category belongs to one class: {sources:?}");
    }

    #[test]
    fn the_generator_writes_none_of_it() {
        let blind = security().unwrap();
        let keys: BTreeSet<String> = blind.texts().into_iter().map(distinct_key).collect();
        let synthetic = generate(&SynthParams::default().rows(10_000), Seed::new(42)).unwrap();
        let shared: Vec<&str> =
            synthetic.texts().into_iter().filter(|t| keys.contains(&distinct_key(t))).collect();
        assert_eq!(shared, [""; 0]);
        // Nor do the two share a run of six words.
        let runs = |text: &str| {
            let words: Vec<String> = distinct_key(text).split(' ').map(str::to_owned).collect();
            words.windows(6).map(|w| w.join(" ")).collect::<Vec<_>>()
        };
        let made: BTreeSet<String> = synthetic.texts().into_iter().flat_map(runs).collect();
        let repeated: Vec<String> =
            blind.texts().into_iter().flat_map(runs).filter(|r| made.contains(r)).collect();
        assert_eq!(repeated, [""; 0]);
    }
}
