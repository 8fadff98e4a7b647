//! `prompt metrics`: the predictions of any tool.

use std::process::ExitCode;

use prompt_models::core::{CancelToken, Error, FitContext, Result};
use prompt_models::metrics::report::{
    File, PredictedNumbers, Predictions, classification_files, regression_files,
};
use prompt_models::metrics::{ClassificationReport, RegressionReport};
use prompt_models::predictions::Predicted;
use serde::Serialize;

use crate::args::Metrics;
use crate::out::{self, outln};

pub(crate) fn run(args: &Metrics, threads: Option<usize>, stop: &CancelToken) -> Result<ExitCode> {
    if let Some(folder) = &args.output_dir {
        prompt_models::data::write::refuse_what_is_not_ours(folder)?;
    }
    let file = Predicted::read(&args.file)?;
    let columns = file.slices(&args.group, args.text.as_deref())?;
    let weights = args.weights.as_ref().map(|name| file.numbers(name)).transpose()?;
    let texts = args.text.as_ref().map_or(Ok(&[][..]), |name| file.column(name))?;
    let stem = args.file.file_stem().map_or_else(|| "predictions".into(), |s| s.to_string_lossy());
    let title = stem.strip_suffix(".csv").unwrap_or(&stem);
    let mut ctx = FitContext::default().with_cancel(stop.clone());
    if let Some(threads) = threads {
        ctx = ctx.threads(threads);
    }
    let plain = args.output_dir.is_none() && columns.is_empty();
    if args.regression {
        let (truth, predicted) = (file.numbers("y_true")?, file.numbers("y_pred")?);
        if plain {
            let report = RegressionReport::new(&truth, &predicted, weights.as_deref())?;
            return finish(args, &report, &report.to_string(), &[]);
        }
        let rows = PredictedNumbers {
            y_true: &truth,
            y_pred: &predicted,
            columns: &columns,
            texts,
            ..PredictedNumbers::default()
        };
        let (report, files) = regression_files(title, &rows, &ctx)?;
        return finish(args, &report, text_of(&files), &files);
    }
    let rows = file.classes()?;
    for note in &rows.notes {
        eprintln!("note: {note}");
    }
    let (classes, proba) = (rows.classes.names(), rows.proba.as_ref());
    if plain {
        let report =
            ClassificationReport::new(&rows.truth, &rows.predicted, classes, proba, weights.as_deref())?;
        return finish(args, &report, &report.to_string(), &[]);
    }
    let predictions = Predictions {
        y_true: &rows.truth,
        y_pred: &rows.predicted,
        classes,
        proba,
        columns: &columns,
        texts,
        ..Predictions::default()
    };
    let (report, files) = classification_files(title, &predictions, &ctx)?;
    finish(args, &report, text_of(&files), &files)
}

/// Prints the report, and writes its files where a folder was named.
fn finish(args: &Metrics, report: &impl Serialize, text: &str, files: &[File]) -> Result<ExitCode> {
    let json = serde_json::to_string(report).map_err(|e| {
        Error::input(format!("the report cannot be written as JSON: {e}"), "report this as a bug")
    })?;
    if let Some(folder) = &args.output_dir {
        out::report_folder(folder, files, &[("metrics.json", format!("{json}\n"))])?;
    }
    outln!("{}", if args.json { json.as_str() } else { text })?;
    Ok(ExitCode::SUCCESS)
}

/// The report as text, among its files.
pub(crate) fn text_of(files: &[File]) -> &str {
    files.iter().find(|f| f.name == "report.txt").map_or("", |f| f.content.as_str())
}
