//! `prompt bench accuracy`: the real data sets, one line each.

mod families;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use prompt_models::core::{
    CancelToken, Error, FitContext, FitTransform, Result, Subset, Target, Task, Transform, predict,
};
use prompt_models::data::read::ReadOptions;
use prompt_models::data::split::{Fold, KFold};
use prompt_models::data::{Dataset, Split};
use prompt_models::experiment::data_folder;
use prompt_models::learners;
use prompt_models::metrics::Confusion;
use prompt_models::pipeline::Features;
use prompt_models::select::{FoldStore, Metric, Search, expand};
use serde_json::{Value, json};

use crate::args::{Bench, BenchCommand};
use crate::out::outln;

/// One data set and what a good model reaches on it.
struct Set {
    name: &'static str,
    file: &'static str,
    /// `f1_macro` or `accuracy`.
    metric: &'static str,
    /// A class whose rows are trained on but not scored.
    out_of_scope: Option<&'static str>,
    /// What word and character TF-IDF with scikit-learn's LinearSVC gives on the same rows.
    bar: f64,
}

const fn set(name: &'static str, file: &'static str, metric: &'static str, bar: f64) -> Set {
    Set { name, file, metric, out_of_scope: None, bar }
}

const SETS: [Set; 7] = [
    set("prompt_security", "prompt_security/data.jsonl.gz", "f1_macro", 0.977),
    set("intent10", "intent10/data.jsonl.gz", "f1_macro", 0.975),
    Set { out_of_scope: Some("oos"), ..set("clinc150", "clinc150/data.jsonl.gz", "accuracy", 0.927) },
    set("banking77", "banking77/data.jsonl.gz", "accuracy", 0.910),
    set("hwu64", "hwu64/data.jsonl.gz", "accuracy", 0.884),
    set("snips", "snips/data.jsonl.gz", "accuracy", 0.982),
    set("sms_spam", "sms_spam/data.jsonl.gz", "accuracy", 0.975),
];

/// The values of C that are compared: those that the learner's own grid has.
const GRID: [f64; 4] = [0.25, 0.5, 1.0, 2.0];

/// Folds that choose where the data has no test rows and its validation rows are what is reported.
const FOLDS: usize = 3;

pub(crate) fn run(args: &Bench, stop: &CancelToken) -> Result<ExitCode> {
    let BenchCommand::Accuracy { data, only, families, encoder, fine_tune, json } = &args.command;
    let folder = data.clone().unwrap_or_else(data_folder);
    if !folder.is_dir() {
        return Err(Error::input(
            format!("there is no data folder {}", folder.display()),
            "name it with --data or PROMPT_DATA",
        ));
    }
    if let Some(unknown) = only.iter().find(|o| SETS.iter().all(|s| s.name != o.as_str()) && *o != "families")
    {
        return Err(Error::unknown("data set", unknown, SETS.iter().map(|s| s.name).chain(["families"])));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    let ctx = FitContext::new(42).with_cancel(stop.clone());
    let mut rows = Vec::new();
    if !json {
        outln!(
            "word (1,2) and char_wb (2,4) TF-IDF, 20,000 columns each, linear SVM; C chosen without the scored rows (one-standard-error rule)"
        )?;
        outln!(
            "{:<16} {:<10} {:<9} {:>7} {:>7} {:>8}  {:<10} {:>7}",
            "data",
            "scored on",
            "metric",
            "value",
            "bar",
            "",
            "chosen",
            "s"
        )?;
    }
    for set in SETS.iter().filter(|s| wanted(s.name)) {
        let started = Instant::now();
        let row = measure(set, &folder, &ctx)?;
        if *json {
            rows.push(row.to_json(set, started.elapsed().as_secs_f64()));
        } else {
            let verdict = if row.value >= set.bar { "reached" } else { "MISSED" };
            outln!(
                "{:<16} {:<10} {:<9} {:>7.4} {:>7.3} {verdict:>8}  {:<10} {:>7.1}",
                set.name,
                row.scored_on,
                set.metric,
                row.value,
                set.bar,
                format!("C = {}", row.chosen),
                started.elapsed().as_secs_f64()
            )?;
        }
    }
    if wanted("families") {
        let encoder = families::Encoder { from: encoder.as_deref(), fine_tune: *fine_tune };
        let found = families::run(&folder, families, encoder, &ctx, *json)?;
        rows.extend(found);
    }
    if *json {
        outln!("{}", Value::from(rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What one data set came to.
struct Row {
    value: f64,
    chosen: Value,
    scored_on: &'static str,
}

impl Row {
    fn to_json(&self, set: &Set, seconds: f64) -> Value {
        json!({
            "data": set.name, "scored_on": self.scored_on, "metric": set.metric, "value": self.value,
            "bar": set.bar, "chosen_c": self.chosen, "seconds": seconds,
        })
    }
}

pub(crate) fn read(folder: &Path, file: &str) -> Result<Dataset> {
    let path: PathBuf = folder.join(file);
    Ok(ReadOptions { strict: true, ..ReadOptions::default() }.read(path)?.dataset)
}

/// The one-standard-error rule (Breiman et al. 1984): of scores that rise with less regularisation, the first that is
/// within one standard error, √(s(1 − s)/rows), of the best score s.
fn simplest(scores: &[f64], rows: usize) -> usize {
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let error = (best * (1.0 - best) / rows.max(1) as f64).max(0.0).sqrt();
    scores.iter().position(|s| *s >= best - error).unwrap_or(0)
}

/// Fits on the train rows, chooses C on the validation rows (by folds of the train rows where those are scored), and
/// scores the test rows (the validation rows where there are none).
fn measure(set: &Set, folder: &Path, ctx: &FitContext) -> Result<Row> {
    let data = read(folder, set.file)?;
    let (train, validation, test) =
        (data.rows_of(Split::Train), data.rows_of(Split::Validation), data.rows_of(Split::Test));
    let y = data.class_target(None)?;
    let (codes, classes) = y.as_classes()?;
    let texts = data.texts();

    let (folds, scored, scored_on) = if test.is_empty() {
        let strata: Vec<u32> = train.iter().map(|&i| codes[i]).collect();
        let folds = KFold::default().folds(FOLDS).split(train.len(), Some(&strata), None, ctx.seed())?;
        (folds.iter().map(|f| f.within(&train)).collect(), validation, "validation")
    } else {
        (vec![Fold { train: train.clone(), test: validation }], test, "test")
    };
    let features = Features::default().union();
    // Decisions alone are scored: probabilities would cost further fits and change none of them.
    let learner =
        learners::estimator(Task::Classification, "linear_svm")?.with_param("calibration", &json!("none"))?;
    let values: Vec<Value> = GRID.iter().map(|c| json!(c)).collect();
    let params = expand([("c", values.as_slice())]);
    let points = params.iter().map(|p| learner.with_param("c", &p["c"])).collect::<Result<Vec<_>>>()?;
    let store = FoldStore::new(&texts, &folds, features.clone(), 0);
    let metric = Metric::named(set.metric)?;
    let search = Search { store: &store, target: &y, metric, rebalance: None, stage: set.name };
    let scores = search.run(&points, ctx)?;
    let mut found = Vec::with_capacity(scores.len());
    for point in &scores {
        if let Some(error) = &point.error {
            return Err(Error::input(format!("{}: {error}", set.name), "check the data set"));
        }
        found.push(point.mean().unwrap_or(f64::NEG_INFINITY));
    }
    let best = simplest(&found, folds.iter().map(|f: &Fold| f.test.len()).sum());

    let (fitted, x) = features.fit_transform(&Subset::new(&texts, &train), &(), ctx)?;
    let model = points[best].fit_model(&x, &y.select(&train), ctx)?;
    let scored: Vec<usize> = match set.out_of_scope.and_then(|name| classes.code(name)) {
        Some(code) => scored.into_iter().filter(|&i| codes[i] != code).collect(),
        None => scored,
    };
    let prediction = predict(&*model, &fitted.transform(&Subset::new(&texts, &scored))?)?;
    let truth: Target = y.select(&scored);
    let confusion = Confusion::new(truth.as_classes()?.0, &prediction.codes()?, classes.len(), None)?;
    let value = if set.metric == "accuracy" { confusion.accuracy() } else { confusion.f1_macro() };
    Ok(Row { value, chosen: params[best]["c"].clone(), scored_on })
}

#[cfg(test)]
mod tests {
    use super::simplest;

    #[test]
    fn the_most_regularised_within_one_standard_error_of_the_best() {
        // √(.94 · .06 / 3000) = .0043
        assert_eq!(simplest(&[0.926, 0.936, 0.938, 0.940], 3000), 1);
        assert_eq!(simplest(&[0.926, 0.936, 0.938, 0.940], 300_000), 3);
        assert_eq!(simplest(&[0.9, 0.9], 10), 0);
        assert_eq!(simplest(&[1.0, 1.0, 0.99], 10), 0);
    }
}
