//! `prompt evaluate`.

use std::process::ExitCode;

use prompt_models::LoadedModel;
use prompt_models::aside::{Aside, PromiseKept};
use prompt_models::card::{Measured, model_card};
use prompt_models::core::{Batch, CancelToken, Classes, Error, FitContext, Prediction, Result};
use prompt_models::data::{Dataset, Split};
use prompt_models::experiment::family;
use prompt_models::metrics::fairness::{SliceColumn, length_bins};
use prompt_models::metrics::report::{
    File, LiveExample, PredictedNumbers, Predictions, classification_files, regression_files,
};
use prompt_models::metrics::{
    ClassificationReport, Confusion, RegressionReport, SecurityClasses, SecurityScore,
};
use prompt_models::tabular;
use serde_json::Value;

use crate::args::{Evaluate, SplitChoice};
use crate::fields;
use crate::live;
use crate::metrics::text_of;
use crate::out::{incomplete, left_out, outln, report_folder};

/// Bins of a text's length.
const LENGTH_BINS: usize = 5;

pub(crate) fn run(args: &Evaluate, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    if let Some(folder) = &args.output_dir {
        prompt_models::data::write::refuse_what_is_not_ours(folder)?;
    }
    let mut ctx = FitContext::default().with_cancel(stop.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    let model = crate::model::open(&args.model, &args.registry.place)?;
    if model.manifest.task == tabular::TASK {
        return crate::tabular::evaluate(args, &model, &ctx);
    }
    let classes = model.classes().ok();
    let number = classes.is_none();
    let named = (args.texts.text.as_ref(), args.target.as_ref());
    let loaded =
        fields::read_for(&model, &args.data, named, &args.texts.label_map, (args.strict, args.lines))?;
    let (rows, which) = choose(args.split, loaded.dataset.len(), |split| loaded.dataset.rows_of(split))?;
    let chosen = loaded.dataset.select(&rows);
    let (data, without) = fields::labelled(&chosen, args.strict, args.target.as_ref(), number)?;
    eprint!("{}", left_out(&without, if number { "target" } else { "label" }));
    if let Some(classes) = classes {
        refuse_foreign(&data, classes)?;
    }
    let texts: Vec<String> = data.iter().map(|e| e.text.clone()).collect();
    let prediction = crate::model::score(&model, Batch::Texts(&texts))?;
    let (truth, shown) = match classes {
        Some(classes) => {
            let labels = data.labels()?;
            let shown: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
            (Truth::Classes(classes.encode(labels)?), shown)
        }
        None => {
            let targets = data.targets()?;
            let shown = targets.iter().map(f64::to_string).collect();
            (Truth::Numbers(targets), shown)
        }
    };
    let live = args.live_examples.map_or(Ok(Vec::new()), |n| live::of_texts(&model, &texts, &shown, n))?;
    let columns = if args.output_dir.is_some() { slices(&data, &texts) } else { Vec::new() };
    let kept = kept(&model, Batch::Texts(&texts), &prediction, &truth)?;
    let rows = Rows {
        truth: &truth,
        prediction: &prediction,
        kept: kept.as_ref(),
        texts: &texts,
        columns: &columns,
        live: &live,
        which,
    };
    let mut found = measure(args, &model, &rows, &ctx)?;
    found.numbers["bad_lines"] = Value::from(loaded.bad.len());
    found.numbers["unlabelled_rows"] = Value::from(without.len());
    let code = finish(args, &model, found, &rows)?;
    let cut = loaded.bad.last().filter(|_| loaded.cut);
    eprint!("{}", incomplete(cut, "the numbers were measured"));
    Ok(code)
}

/// What is true of each row.
pub(crate) enum Truth {
    Classes(Vec<u32>),
    Numbers(Vec<f64>),
}

/// Rows that were scored, and what is known of them.
pub(crate) struct Rows<'a> {
    pub(crate) truth: &'a Truth,
    pub(crate) prediction: &'a Prediction,
    /// What became of a promise, where the model gives one.
    pub(crate) kept: Option<&'a PromiseKept>,
    pub(crate) texts: &'a [String],
    pub(crate) columns: &'a [SliceColumn],
    pub(crate) live: &'a [LiveExample],
    /// What they are called.
    pub(crate) which: &'static str,
}

/// How far the promise of a conformal model was kept on these records.
pub(crate) fn kept(
    model: &LoadedModel,
    batch: Batch<'_>,
    prediction: &Prediction,
    truth: &Truth,
) -> Result<Option<PromiseKept>> {
    let Some(aside) = Aside::of(&*model.scorer) else { return Ok(None) };
    match truth {
        Truth::Classes(codes) => aside.sets_kept(&*model.scorer, batch, codes),
        Truth::Numbers(numbers) => aside.intervals_kept(prediction, numbers),
    }
}

/// Numbers, their table, and the files of a report where one was asked for.
pub(crate) struct Found {
    pub(crate) numbers: Value,
    text: String,
    files: Vec<File>,
    card: Measured,
}

/// Measures the rows; draws and lists only where a folder was named.
pub(crate) fn measure(
    args: &Evaluate,
    model: &LoadedModel,
    rows: &Rows<'_>,
    ctx: &FitContext,
) -> Result<Found> {
    let title = format!("{} on {} of {}", model.manifest.name, rows.which, args.data.display());
    let dataset = args.data.display().to_string();
    let live = rows.live;
    let written = args.output_dir.is_some();
    let mut found = match rows.truth {
        Truth::Classes(truth) => {
            let (proba, classes) = rows.prediction.probabilities()?;
            let (codes, names) = (rows.prediction.codes()?, classes.names());
            let (report, files) = if written {
                let kind = model.manifest.params["model"]["type"].as_str().unwrap_or(&model.manifest.name);
                let predictions = Predictions {
                    y_true: truth,
                    y_pred: &codes,
                    classes: names,
                    proba: Some(proba),
                    columns: rows.columns,
                    texts: rows.texts,
                    live,
                    family: Some(family(kind)),
                };
                classification_files(&title, &predictions, ctx)?
            } else {
                (ClassificationReport::new(truth, &codes, names, Some(proba), None)?, Vec::new())
            };
            let mut numbers = serde_json::to_value(&report).unwrap_or_default();
            let mut text = if written { text_of(&files).to_owned() } else { report.to_string() };
            if let Ok(roles) = SecurityClasses::find(names) {
                let confusion = Confusion::new(truth, &codes, names.len(), None)?;
                if let Ok(score) = SecurityScore::new(&confusion, roles) {
                    numbers["security"] = serde_json::to_value(score).unwrap_or_default();
                    text.push_str(&format!(
                        "\nsecurity score {:.4}, false alarms {:.4}, missed threats {:.4}\n",
                        score.score, score.false_alarm_rate, score.missed_threat_rate
                    ));
                }
            }
            let card = Measured::classes(&dataset, rows.which, &report);
            Found { numbers, text, files, card }
        }
        Truth::Numbers(truth) => {
            let predicted = rows.prediction.values()?;
            let (report, files) = if written {
                let predictions = PredictedNumbers {
                    y_true: truth,
                    y_pred: &predicted,
                    columns: rows.columns,
                    texts: rows.texts,
                    live,
                };
                regression_files(&title, &predictions, ctx)?
            } else {
                (RegressionReport::new(truth, &predicted, None)?, Vec::new())
            };
            let numbers = serde_json::to_value(&report).unwrap_or_default();
            let text = if written { text_of(&files).to_owned() } else { report.to_string() };
            let card = Measured::numbers(&dataset, rows.which, &report);
            Found { numbers, text, files, card }
        }
    };
    if let Some(kept) = rows.kept {
        found.numbers["conformal"] = serde_json::to_value(kept).unwrap_or_default();
        found.text.push_str(&format!("\n{kept}"));
    }
    Ok(found)
}

/// Writes the folder where one was named, and prints.
pub(crate) fn finish(
    args: &Evaluate,
    model: &LoadedModel,
    mut found: Found,
    rows: &Rows<'_>,
) -> Result<ExitCode> {
    found.numbers["split"] = Value::from(rows.which);
    if !rows.live.is_empty() {
        found.numbers["live_examples"] = serde_json::to_value(rows.live).unwrap_or_default();
    }
    if let Some(folder) = &args.output_dir {
        let more = [
            ("metrics.json", format!("{}\n", found.numbers)),
            ("README.md", model_card(&model.manifest, std::slice::from_ref(&found.card))),
        ];
        report_folder(folder, &found.files, &more)?;
    }
    if args.json {
        outln!("{}", found.numbers)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.output_dir.is_some() {
        // The title is part of it.
        outln!("{}", found.text)?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!(
        "{} on {} of {} ({} rows)\n\n{}",
        model.manifest.name,
        rows.which,
        args.data.display(),
        rows.prediction.rows(),
        found.text
    )?;
    if !rows.live.is_empty() {
        outln!("live examples:\n{}", prompt_models::metrics::report::live_text(rows.live))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What rows are sliced by: the length of the text, and the source where there is more than one.
fn slices(data: &Dataset, texts: &[String]) -> Vec<SliceColumn> {
    let lengths: Vec<usize> = texts.iter().map(|t| t.chars().count()).collect();
    let by_length = length_bins(&lengths, LENGTH_BINS).ok();
    let mut columns: Vec<SliceColumn> =
        by_length.map(|bins| SliceColumn { name: "characters".into(), ..bins }).into_iter().collect();
    let source: Vec<String> = data.iter().map(|e| e.source.clone().unwrap_or_else(|| "–".into())).collect();
    if source.iter().any(|s| *s != source[0]) {
        columns.push(SliceColumn { name: "source".into(), of_row: source });
    }
    columns
}

/// A label that the model does not know is told by its line.
pub(crate) fn refuse_foreign(data: &Dataset, classes: &Classes) -> Result<()> {
    let foreign = |label: &str| !classes.names().iter().any(|name| name == label);
    let found =
        data.iter().zip(0..).find_map(|(e, row)| Some((row, e.label.as_deref().filter(|l| foreign(l))?)));
    match found {
        None => Ok(()),
        Some((row, label)) => Err(data.wrong_row(
            row,
            format!("unknown label `{label}`; the model knows {}", classes.names().join(", ")),
            format!("correct it, or say what it means with --label-map {label}=CLASS"),
        )),
    }
}

/// The rows to measure on, of so many, and what they are called: test rows where there are some, else validation rows, else
/// all.
pub(crate) fn choose(
    choice: Option<SplitChoice>,
    rows: usize,
    rows_of: impl Fn(Split) -> Vec<usize>,
) -> Result<(Vec<usize>, &'static str)> {
    let wanted = match choice {
        Some(SplitChoice::Train) => Some(Split::Train),
        Some(SplitChoice::Validation) => Some(Split::Validation),
        Some(SplitChoice::Test) => Some(Split::Test),
        Some(SplitChoice::All) => None,
        // Rows that a model may have been fitted on say little about it.
        None => [Split::Test, Split::Validation].into_iter().find(|split| !rows_of(*split).is_empty()),
    };
    let Some(split) = wanted else { return Ok(((0..rows).collect(), "all rows")) };
    let found = rows_of(split);
    if found.is_empty() {
        return Err(Error::input(
            format!("no row has the split `{}`", split.name()),
            "choose other rows with --split",
        ));
    }
    Ok((found, split.name()))
}
