//! A whole evaluation as files: the table, what the rules say, the worst slices, the pictures, and one page with all of it.

use std::fmt::Write;

use prompt_core::{Dense, FitContext, Result};

use super::{ClassificationReport, RegressionReport, page};
use crate::fairness::{SliceColumn, SliceSearch, worst_slices};
use crate::history::Family;
use crate::insight::{Facts, of_evaluation};
use crate::interval::{Bootstrap, BootstrapInterval, Interval, wilson};
use crate::{plot, regress};

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// What it holds.
    pub content: String,
}

/// Predicted classes of some rows, and what else is known of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predictions<'a> {
    /// The true class of each row.
    pub y_true: &'a [u32],
    /// The predicted class of each row.
    pub y_pred: &'a [u32],
    /// The classes' names.
    pub classes: &'a [String],
    /// Probabilities, rows × classes.
    pub proba: Option<&'a Dense>,
    /// Properties by which the rows are sliced.
    pub columns: &'a [SliceColumn],
}

/// The report of a classifier, and its files: `report.txt`, `report.html`, and the pictures as SVG.
///
/// ```
/// use prompt_metrics::FitContext;
/// use prompt_metrics::report::{Predictions, classification_files};
/// let classes = ["ham".to_owned(), "spam".to_owned()];
/// let rows = Predictions { y_true: &[0, 0, 1, 1], y_pred: &[0, 1, 1, 1], classes: &classes, proba: None, columns: &[] };
/// let (report, files) = classification_files("My filter", &rows, &FitContext::new(1))?;
/// assert_eq!(report.accuracy, 0.75);
/// let names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
/// assert_eq!(names, ["confusion.svg", "report.txt", "report.html"]);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// As [`ClassificationReport::new`] and [`worst_slices`]; a context that stops.
pub fn classification_files(
    title: &str,
    rows: &Predictions<'_>,
    ctx: &FitContext,
) -> Result<(ClassificationReport, Vec<File>)> {
    let Predictions { y_true, y_pred, classes, proba, columns } = *rows;
    let report = ClassificationReport::new(y_true, y_pred, classes, proba, None)?;
    let confusion = crate::Confusion::new(y_true, y_pred, classes.len(), None)?;
    let hits = y_true.iter().zip(y_pred).filter(|(t, p)| t == p).count() as u64;
    let f1 = Bootstrap::default().of_confusion(
        y_true,
        y_pred,
        classes.len(),
        None,
        |c| Ok(c.f1_macro()),
        &ctx.part("report", 0),
    )?;
    let mut text = format!("{title}\n\n{report}\n");
    line(&mut text, "accuracy", wilson(hits, y_true.len() as u64, 0.95)?, "Wilson");
    line(&mut text, "macro F1", f1.interval, "bootstrap");
    insights(&mut text, &of_evaluation(title, Family::Linear, &report, &Facts::default()));
    let loss: Vec<f64> = y_true.iter().zip(y_pred).map(|(t, p)| f64::from(u8::from(t != p))).collect();
    slices(&mut text, &loss, columns, "errors")?;
    let mut pictures = vec![("confusion", plot::confusion_svg("Confusion matrix", &confusion, classes)?)];
    if let Some(proba) = proba {
        // A curve needs a class with rows and others.
        for (name, drawn) in [
            ("roc", plot::roc_svg("ROC", y_true, proba, classes, None)),
            (
                "precision_recall",
                plot::precision_recall_svg("Precision and recall", y_true, proba, classes, None),
            ),
            ("det", plot::det_svg("Detection error tradeoff", y_true, proba, classes, None)),
        ] {
            match drawn {
                Ok(svg) => pictures.push((name, svg)),
                Err(e) => _ = writeln!(text, "\nno picture `{name}`: {e}"),
            }
        }
        pictures.push(("reliability", plot::reliability_svg("Reliability", y_true, proba, None)?));
        pictures.push(("confidence", plot::confidence_svg("Confidence", y_true, proba)?));
        let positive: Vec<bool> = y_true.iter().map(|&t| t == 1).collect();
        if classes.len() == 2 && positive.contains(&true) && positive.contains(&false) {
            let (score, heading) = (proba.column(1), format!("Threshold on P({})", classes[1]));
            pictures.push(("threshold", plot::threshold_svg(&heading, &positive, &score, None)?));
            pictures.push(("gain", plot::gain_svg("Cumulative gain", &positive, &score, None)?));
        }
    }
    Ok((report, files(title, text, pictures)))
}

/// The report of a regressor, and its files, as [`classification_files`].
///
/// # Errors
/// As [`RegressionReport::new`] and [`worst_slices`]; a context that stops.
pub fn regression_files(
    title: &str,
    y_true: &[f64],
    y_pred: &[f64],
    columns: &[SliceColumn],
    ctx: &FitContext,
) -> Result<(RegressionReport, Vec<File>)> {
    let report = RegressionReport::new(y_true, y_pred, None)?;
    let of = |rows: &[usize]| {
        let pick = |y: &[f64]| rows.iter().map(|&i| y[i]).collect::<Vec<_>>();
        regress::mae(&pick(y_true), &pick(y_pred), None)
    };
    let BootstrapInterval { interval, .. } =
        Bootstrap::default().of_rows(y_true.len(), of, &ctx.part("report", 0))?;
    let mut text = format!("{title}\n\n{report}\n");
    line(&mut text, "MAE", interval, "bootstrap");
    let loss: Vec<f64> = y_true.iter().zip(y_pred).map(|(t, p)| (t - p).abs()).collect();
    slices(&mut text, &loss, columns, "mean absolute error")?;
    let pictures = vec![
        ("predicted_actual", plot::predicted_actual_svg("Predicted against true values", y_true, y_pred)?),
        ("residuals", plot::residuals_svg("Residuals", y_true, y_pred)?),
    ];
    Ok((report, files(title, text, pictures)))
}

fn line(text: &mut String, metric: &str, i: Interval, method: &str) {
    let level = 100.0 * i.level;
    _ = writeln!(
        text,
        "{metric} {:.4}, {level:.0}% interval {:.4} to {:.4} ({method})",
        i.estimate, i.low, i.high
    );
}

fn insights(text: &mut String, found: &[crate::insight::Insight]) {
    if !found.is_empty() {
        text.push_str("\nwhat the rules say:\n");
    }
    for insight in found {
        _ = writeln!(text, "  {insight}");
    }
}

fn slices(text: &mut String, loss: &[f64], columns: &[SliceColumn], what: &str) -> Result<()> {
    if columns.is_empty() {
        return Ok(());
    }
    let report = worst_slices(loss, columns, &SliceSearch::default())?;
    let worse: Vec<_> = report.worse().take(10).collect();
    _ = writeln!(
        text,
        "\nslices with more {what} than elsewhere: {} of {} looked at",
        report.worse().count(),
        report.slices.len()
    );
    for slice in worse {
        _ = writeln!(text, "  {slice}");
    }
    Ok(())
}

fn files(title: &str, text: String, pictures: Vec<(&str, String)>) -> Vec<File> {
    let svgs: Vec<&str> = pictures.iter().map(|p| p.1.as_str()).collect();
    let html = page::html(title, &text, &svgs);
    let named = |(name, content): (&str, String)| File { name: format!("{name}.svg"), content };
    let mut files: Vec<File> = pictures.into_iter().map(named).collect();
    files.push(File { name: "report.txt".to_owned(), content: text });
    files.push(File { name: "report.html".to_owned(), content: html });
    files
}
