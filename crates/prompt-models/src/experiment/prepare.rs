//! From a file (or the generator) to training rows, test rows and a blind set.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use prompt_core::{Classes, Error, FitContext, Result, Seed, TextMap, map_texts};
use prompt_data::dedup::NearDuplicates;
use prompt_data::read::{Loaded, ReadOptions};
use prompt_data::split::{HoldOut, given, sample};
use prompt_data::validate::{Quality, QualityReport, Schema};
use prompt_data::{Dataset, blind, synth};

use super::config::{ExperimentConfig, Task};
use super::coverage::By;
use super::result::{DataSummary, LabelledSet};
use super::{coverage, measure};
use crate::train::encode;

/// Everything a trainer needs.
pub(super) struct Prepared {
    pub(super) classes: Classes,
    /// Training rows; their texts are sanitised already.
    pub(super) train: LabelledSet,
    /// For each training row the group of near-duplicates it belongs to; absent when they may be torn apart.
    pub(super) groups: Option<Vec<u32>>,
    /// The rows that the data gives for choosing; empty when the folds choose.
    pub(super) validation: LabelledSet,
    /// Test rows and blind set, as they were written: scoring sanitises them.
    pub(super) test: LabelledSet,
    pub(super) external: LabelledSet,
    pub(super) sanitiser: Option<Arc<dyn TextMap>>,
    pub(super) quality: QualityReport,
    pub(super) summary: DataSummary,
    /// What a reader of the results must know about the rows.
    pub(super) notes: Vec<String>,
}

pub(super) fn prepare(config: &ExperimentConfig, ctx: &FitContext) -> Result<Prepared> {
    let Loaded { dataset, mut bad, cut } = load(config)?;
    let mut notes = Vec::new();
    if let Some(last) = bad.last().filter(|_| cut) {
        notes.push(format!("The data file is incomplete: {last}."));
    }
    let (raw, unlabelled) = dataset.labelled(config.data.strict)?;
    drop(dataset);
    bad.extend(unlabelled);
    let read_rows = raw.len();
    let classes = measure::classes_of(config.task, raw.labels()?.into_iter())?;
    let schema = Schema { labels: Some(classes.names().to_vec()), ..Schema::default() };
    // A label outside the task's classes is an error that names its row, not a row to drop in silence.
    encode(&classes, &raw)?;

    // Duplicates are looked for in what the model will read: two prompts that differ in invisible characters alone are
    // the same prompt to it.
    let sanitiser: Option<Arc<dyn TextMap>> =
        if config.sanitise.enabled { Some(Arc::new(config.sanitise.params.clone())) } else { None };
    let mut as_read = raw.clone();
    if let Some(map) = &sanitiser {
        let texts = map_texts(&**map, &raw);
        as_read.examples_mut().iter_mut().zip(texts).for_each(|(e, text)| e.text = text);
    }
    let quality = Quality::default().report(&as_read, &schema, &bad, ctx)?;
    let (as_read, cleaned) = config.cleaner().clean(&as_read, ctx)?;
    let data = raw.select(&cleaned.rows);
    drop(raw);
    ctx.check()?;

    let all_groups = if config.split.keep_near_duplicates_together {
        let near = NearDuplicates::default().threshold(config.split.near_duplicate_threshold);
        Some(near.groups(&as_read, ctx)?.codes().to_vec())
    } else {
        None
    };
    let codes = classes.encode(data.labels()?)?;
    let (mut train, validation, test, how) =
        divide(config, &data, &classes, &codes, all_groups.as_deref(), ctx.seed())?;
    let by = if data.has_splits() { By::Data } else { By::Groups(all_groups.as_deref()) };
    notes.extend(coverage::of_parts(&classes, &codes, by, [&train, &validation, &test]));
    notes.extend(other_share(config, data.len(), test.len()).filter(|_| !data.has_splits()));
    if let Some(most) = config.data.max_train_samples {
        let strata: Vec<u32> = train.iter().map(|&i| codes[i]).collect();
        let all = train.len();
        train = sample(&strata, most, ctx.seed()).into_iter().map(|i| train[i]).collect();
        if train.len() < all {
            notes.push(format!(
                "{} of {all} training rows were left out: `data.max_train_samples` is {most}.",
                all - train.len()
            ));
        }
    }
    let (origin, synthetic) = (data.origin().to_string(), data.is_synthetic());
    if test.is_empty() {
        return Err(Error::input(
            format!("{origin} has no test rows"),
            "mark rows with split = \"test\", or leave the split field out",
        ));
    }

    // Training and validation rows as the model reads them; test rows as they were written, since scoring sanitises.
    let mut train_set = labelled(&as_read, &codes, &train);
    let mut validation_set = labelled(&as_read, &codes, &validation);
    let test_set = labelled(&data, &codes, &test);
    if let Some(field) = &config.data.weight_field {
        let weights = data.weights(field)?;
        for (set, rows) in [(&mut train_set, &train), (&mut validation_set, &validation)] {
            set.weights = rows.iter().map(|&row| weights[row]).collect();
        }
    }
    drop((as_read, data));
    let (external, external_origin, external_bad) = external(config, &classes)?;
    let known = coverage::repeated(&train_set.texts, &external.texts);
    if known > 0 {
        notes.push(format!(
            "{known} of {} blind prompts are training prompts too: what is said of the blind set is too good.",
            external.texts.len()
        ));
    }
    let rows = |set: &'_ LabelledSet| digest_of(set, &classes);
    let all = [rows(&train_set), rows(&validation_set), rows(&test_set), rows(&external)];
    let mut train_labels = BTreeMap::new();
    for &code in &train_set.codes {
        *train_labels.entry(classes.name(code).to_owned()).or_insert(0) += 1;
    }
    let summary = DataSummary {
        origin,
        synthetic,
        digest: all[0].clone(),
        all_digest: digest(all.iter().map(String::as_str)),
        read: read_rows,
        bad_lines: bad.len(),
        bad_line_examples: bad.iter().take(10).map(ToString::to_string).collect(),
        removed: cleaned.by_reason().into_iter().map(|(reason, n)| (reason.name().to_owned(), n)).collect(),
        train: train.len(),
        validation: validation.len(),
        test: test.len(),
        external: external.texts.len(),
        external_origin,
        external_bad_lines: external_bad.iter().map(ToString::to_string).collect(),
        train_labels,
        split: how,
    };
    Ok(Prepared {
        groups: all_groups.map(|g| train.iter().map(|&i| g[i]).collect()),
        train: train_set,
        validation: validation_set,
        test: test_set,
        external,
        sanitiser,
        quality,
        summary,
        classes,
        notes,
    })
}

/// What a configuration tells to learn from: the rows of its file, or of the generator where it names none, and what was
/// wrong with the others. Labels are mapped; rows without one are there.
///
/// # Errors
/// No file for a task that the generator does not know; a file that cannot be read; with `data.strict` its first bad
/// line.
pub fn load(config: &ExperimentConfig) -> Result<Loaded> {
    let Some(path) = &config.data.path else {
        if config.task != Task::Security {
            return Err(Error::input(
                "no data: the generator knows the security task alone",
                "set data.path",
            ));
        }
        let dataset = synth::generate(&config.data.synthetic, Seed::new(config.seed))?;
        return Ok(Loaded { dataset, bad: Vec::new(), cut: false });
    };
    let path = super::data_path(path);
    options(config).read(&path).map_err(|e| explain_missing(e, &path))
}

fn options(config: &ExperimentConfig) -> ReadOptions {
    let mut fields = config.data.fields.clone();
    if config.task == Task::Security && fields.label_map.is_empty() {
        fields.label_map = prompt_data::Fields::security().label_map;
    }
    let default = ReadOptions::default();
    let max_line_bytes = config.data.max_line_bytes.unwrap_or(default.max_line_bytes);
    ReadOptions { fields, strict: config.data.strict, max_line_bytes, ..default }
}

/// A missing file in the data folder is usually a variable that is not set.
fn explain_missing(error: Error, path: &Path) -> Error {
    match error {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Error::input(
            format!("there is no data file {}", path.display()),
            "set PROMPT_DATA to the folder with the data sets, or change data.path",
        ),
        other => other,
    }
}

type Division = (Vec<usize>, Vec<usize>, Vec<usize>, String);

fn divide(
    config: &ExperimentConfig,
    data: &Dataset,
    classes: &Classes,
    codes: &[u32],
    groups: Option<&[u32]>,
    seed: Seed,
) -> Result<Division> {
    if let Some(parts) = given(data)? {
        return Ok((parts.train, parts.validation, parts.test, "as the data gives it".to_owned()));
    }
    if groups.is_none() {
        coverage::needs(classes, codes, 2, "to be on both sides of the split")?;
    }
    let share = config.split.test_size;
    let fold = HoldOut::default()
        .test_share(share)
        .split(data.len(), Some(codes), groups, seed)
        .map_err(|e| if groups.is_some() { coverage::blame_groups(e) } else { e })?;
    let how = format!(
        "{:.0}% held out, stratified{}",
        percent(fold.test.len(), data.len()),
        if groups.is_some() { ", near-duplicates on one side" } else { "" }
    );
    Ok((fold.train, Vec::new(), fold.test, how))
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// A note where groups of near-duplicates made the share of test rows another than was asked for.
fn other_share(config: &ExperimentConfig, rows: usize, test: usize) -> Option<String> {
    const NEAR_ENOUGH: f64 = 2.0;
    let (asked, got) = (100.0 * config.split.test_size, percent(test, rows));
    // One row more or less is what whole rows cost.
    let slack = NEAR_ENOUGH.max(percent(1, rows));
    (config.split.keep_near_duplicates_together && (asked - got).abs() > slack).then(|| {
        format!(
            "{test} of {rows} rows ({got:.0}%) are test rows, not the {asked:.0}% of `split.test_size`: groups of \
             near-duplicates stay whole (`split.keep_near_duplicates_together`)."
        )
    })
}

fn labelled(data: &Dataset, codes: &[u32], rows: &[usize]) -> LabelledSet {
    let mut set = LabelledSet::default();
    for &row in rows {
        if let Some(example) = data.get(row) {
            set.texts.push(example.text.clone());
            set.sources.push(example.source.clone());
            set.codes.push(codes[row]);
        }
    }
    set
}

/// The blind set, what it is, and what was wrong with the rest of it.
fn external(config: &ExperimentConfig, classes: &Classes) -> Result<(LabelledSet, String, Vec<Error>)> {
    if !config.external.enabled {
        return Ok((LabelledSet::default(), "off".into(), Vec::new()));
    }
    let (data, origin, bad) = match &config.external.path {
        Some(path) => {
            let path = super::data_path(path);
            let loaded = options(config).read(&path).map_err(|e| explain_missing(e, &path))?;
            let (data, unlabelled) = loaded.dataset.labelled(config.data.strict)?;
            let bad = loaded.bad.into_iter().chain(unlabelled).collect();
            (data, path.display().to_string(), bad)
        }
        None if config.task == Task::Security => {
            (blind::security()?, "the project's own blind set".to_owned(), Vec::new())
        }
        None => return Ok((LabelledSet::default(), "none".into(), Vec::new())),
    };
    let codes = encode(classes, &data)?;
    let rows: Vec<usize> = (0..data.len()).collect();
    Ok((labelled(&data, &codes, &rows), origin, bad))
}

/// Digest of texts and labels in order.
fn digest_of(set: &LabelledSet, classes: &Classes) -> String {
    let weights: Vec<String> = set.weights.iter().map(f64::to_string).collect();
    let rows = set.texts.iter().map(String::as_str).chain(set.codes.iter().map(|&c| classes.name(c)));
    digest(rows.chain(weights.iter().map(String::as_str)))
}

/// SHA-256 over parts, each with its length, in hexadecimal.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    prompt_core::artifact::digest(parts.into_iter().map(str::as_bytes))
}
