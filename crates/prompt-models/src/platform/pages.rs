//! What a person looks at after a run: the comparison, the report of the held-out rows, the explanation.

use std::fmt::Write;

use prompt_core::{FitContext, Output, Prediction, Result, Target};
use prompt_data::table::LoadedTable;
use prompt_metrics::report::{PredictedNumbers, Predictions, classification_files, regression_files};
use serde_json::json;

use super::Explain;
use super::folder::Folder;
use crate::compare::Comparison;
use crate::explain::ExplainedRows;
use crate::tabular::TableScorer;

/// The report of the held-out rows: text, one HTML page, pictures.
pub(super) fn report(
    folder: &Folder<'_>,
    title: &str,
    (truth, prediction): (&Target, &Prediction),
    ctx: &FitContext,
) -> Result<()> {
    let files = match prediction.output() {
        Output::Classes(classes) => {
            let rows = Predictions {
                y_true: truth.as_classes()?.0,
                y_pred: &prediction.codes()?,
                classes: classes.names(),
                proba: Some(prediction.probabilities()?.0),
                ..Predictions::default()
            };
            classification_files(title, &rows, ctx)?.1
        }
        _ => {
            let rows = PredictedNumbers {
                y_true: truth.as_regression()?,
                y_pred: &prediction.values()?,
                ..PredictedNumbers::default()
            };
            regression_files(title, &rows, ctx)?.1
        }
    };
    files.iter().try_for_each(|file| folder.write(&file.name, file.content.as_bytes()))
}

/// What moves the model's margins on these rows: a table of the columns, pictures, the first rows one by one. The columns
/// that matter most come back.
pub(super) fn explanation(
    folder: &Folder<'_>,
    model: TableScorer,
    (data, rows): (&LoadedTable, &[usize]),
    options: &Explain,
    ctx: &FitContext,
) -> Result<Vec<(String, f64)>> {
    let rows: Vec<usize> = rows.iter().copied().take(options.rows).collect();
    let why = ExplainedRows::new(model, data, &rows, ctx)?;
    let output = why.output(None)?;
    let importance = why.importance();
    let mut csv = "column,mean_absolute_contribution\n".to_owned();
    for (name, value) in &importance {
        let _ = writeln!(csv, "\"{}\",{value}", name.replace('"', "\"\""));
    }
    folder.write("importance.csv", csv.as_bytes())?;
    for (name, svg) in why.pictures(output)? {
        folder.write(&name, svg.as_bytes())?;
    }
    let mut lines = String::new();
    for (at, row) in why.rows().iter().enumerate().take(options.listed) {
        let line = json!({
            "row": row,
            "output": why.values().outputs()[output],
            "base": why.values().base()[output],
            "margin": why.values().margin(at, output),
            "contributions": why.row(at, output),
        });
        let _ = writeln!(lines, "{line}");
    }
    folder.write("explanations.jsonl", lines.as_bytes())?;
    Ok(importance)
}

/// A row a learner: the mean of each metric with its interval, and the times.
pub(super) fn comparison_csv(comparison: &Comparison) -> String {
    let metrics: Vec<&str> = comparison
        .models
        .iter()
        .find(|m| !m.scores.is_empty())
        .map(|m| m.scores.iter().map(|s| s.metric.as_str()).collect())
        .unwrap_or_default();
    let mut csv = "model,status".to_owned();
    metrics.iter().for_each(|m| csv += &format!(",{m},{m}_low,{m}_high,{m}_held_out"));
    csv += ",fit_seconds,predict_us_per_row\n";
    let number = |v: Option<f64>| v.filter(|v| v.is_finite()).map_or_else(String::new, |v| v.to_string());
    for model in &comparison.models {
        csv += &format!("{},\"{}\"", model.model, model.status.replace('"', "'"));
        for i in 0..metrics.len() {
            let score = model.scores.get(i);
            for value in [
                score.map(|s| s.mean),
                score.map(|s| s.interval[0]),
                score.map(|s| s.interval[1]),
                score.and_then(|s| s.held_out),
            ] {
                csv += &format!(",{}", number(value));
            }
        }
        csv += &format!(",{},{}\n", number(model.fit_seconds), number(model.predict_us_per_row));
    }
    csv
}
