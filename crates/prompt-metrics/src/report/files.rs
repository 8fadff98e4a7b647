//! A whole evaluation as files: the table, what the rules say, the worst slices, single rows, the pictures, and one page
//! with all of it. Numbers here, classes in `classified.rs`.

use std::fmt::Write;

use prompt_core::{Dense, FitContext, Result};

use super::page::{Cell, First, Page, Row, facts, paragraph, pictures, shown, table};
use super::rows::{LiveExample, NumberRow, live_markup, live_text};
use super::{RegressionReport, number};
use crate::fairness::{SliceColumn, SliceReport, SliceSearch, worst_slices};
use crate::history::Family;
use crate::interval::{Bootstrap, BootstrapInterval, Interval};
use crate::{check, plot, regress};

/// Slices that are listed.
const SLICES: usize = 10;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// What it holds.
    pub content: String,
}

/// Predicted classes of some rows, and what else is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
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
    /// The text of each row; none where texts are not known.
    pub texts: &'a [String],
    /// What the model said just now.
    pub live: &'a [LiveExample],
    /// What kind of model it is: what to try next depends on it. Linear where nothing is known.
    pub family: Option<Family>,
}

/// Predicted numbers of some rows, and what else is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PredictedNumbers<'a> {
    /// The true number of each row.
    pub y_true: &'a [f64],
    /// The predicted number of each row.
    pub y_pred: &'a [f64],
    /// Properties by which the rows are sliced.
    pub columns: &'a [SliceColumn],
    /// The text of each row; none where texts are not known.
    pub texts: &'a [String],
    /// What the model said just now.
    pub live: &'a [LiveExample],
}

/// The report of a regressor, and its files, as [`classification_files`](super::classification_files); `large_errors.csv` lists the rows that are
/// further from the truth than [`LARGE_ERROR`](super::LARGE_ERROR).
///
/// # Errors
/// As [`RegressionReport::new`] and [`worst_slices`]; texts that are not as many as rows; a context that stops.
pub fn regression_files(
    title: &str,
    rows: &PredictedNumbers<'_>,
    ctx: &FitContext,
) -> Result<(RegressionReport, Vec<File>)> {
    let PredictedNumbers { y_true, y_pred, columns, texts, live } = *rows;
    let report = RegressionReport::new(y_true, y_pred, None)?;
    if !texts.is_empty() {
        check::same_length("texts", y_true.len(), texts.len())?;
    }
    let of = |rows: &[usize]| {
        let pick = |y: &[f64]| rows.iter().map(|&i| y[i]).collect::<Vec<_>>();
        regress::mae(&pick(y_true), &pick(y_pred), None)
    };
    let BootstrapInterval { interval, .. } =
        Bootstrap::default().of_rows(y_true.len(), of, &ctx.part("report", 0))?;
    let loss: Vec<f64> = y_true.iter().zip(y_pred).map(|(t, p)| (t - p).abs()).collect();
    let sliced = sliced(&loss, columns)?;
    let large = NumberRow::large(y_true, y_pred, texts);

    let mut text = format!("{title}\n\n{report}\n");
    line(&mut text, "MAE", interval, "bootstrap");
    slices(&mut text, sliced.as_ref(), "mean absolute error");
    _ = writeln!(text, "\n{} rows further from the truth than {}", large.len(), super::LARGE_ERROR);
    examples(&mut text, live);
    let drawn = vec![
        ("predicted_actual", plot::predicted_actual_svg("Predicted against true values", y_true, y_pred)?),
        ("residuals", plot::residuals_svg("Residuals", y_true, y_pred)?),
    ];

    let mut page = Page::new(title);
    page.tile("Mean absolute error", &number(Some(report.mae)), &bounds(interval));
    page.tile("R²", &number(report.r2), "1 is perfect, 0 no better than the mean");
    page.tile("Rows", &report.rows.to_string(), &format!("{} far off", large.len()));
    let averages = [
        ("Root mean squared error", Some(report.rmse)),
        ("Median absolute error", Some(report.median_absolute_error)),
        ("MAPE", Some(report.mape)),
        ("Explained variance", Some(report.explained_variance)),
        ("Pearson", report.pearson),
        ("Spearman", report.spearman),
        ("Kendall", report.kendall),
        ("Within 5", Some(report.within_5)),
        ("Within 10", Some(report.within_10)),
    ];
    let pairs: Vec<(&str, String)> = averages.iter().map(|(name, v)| (*name, number(*v))).collect();
    let notes: String = report.notes.iter().map(|n| paragraph(n)).collect();
    page.section("numbers", "Numbers", facts(&pairs) + &notes);
    page.section("slices", "Slices", slice_table(sliced.as_ref(), "Mean absolute error"));
    page.section("pictures", "Pictures", pictures(&svgs(&drawn)));
    let (mut listed, mut lists) = (String::new(), Vec::new());
    if !large.is_empty() {
        listed = NumberRow::markup(&large);
        lists.push(("large_errors.csv", NumberRow::csv(&large)));
    }
    page.section("errors", "Large errors", listed);
    page.section("live", "Live examples", live_markup(live));
    page.section("text", "The report as text", folded(&text));
    Ok((report, files(drawn, lists, text, page)))
}

/// Named pictures.
pub(super) type Drawn = Vec<(&'static str, String)>;

/// A number with its interval.
pub(super) fn line(text: &mut String, metric: &str, i: Interval, method: &str) {
    let level = 100.0 * i.level;
    _ = writeln!(
        text,
        "{metric} {:.4}, {level:.0}% interval {:.4} to {:.4} ({method})",
        i.estimate, i.low, i.high
    );
}

pub(super) fn bounds(i: Interval) -> String {
    format!("{:.0}%: {:.4} to {:.4}", 100.0 * i.level, i.low, i.high)
}

pub(super) fn sliced(loss: &[f64], columns: &[SliceColumn]) -> Result<Option<SliceReport>> {
    if columns.is_empty() {
        return Ok(None);
    }
    worst_slices(loss, columns, &SliceSearch::default()).map(Some)
}

pub(super) fn slices(text: &mut String, report: Option<&SliceReport>, what: &str) {
    let Some(report) = report else { return };
    _ = writeln!(
        text,
        "\nslices with more {what} than elsewhere: {} of {} looked at",
        report.worse().count(),
        report.slices.len()
    );
    for slice in report.worse().take(SLICES) {
        _ = writeln!(text, "  {slice}");
    }
}

pub(super) fn slice_table(report: Option<&SliceReport>, loss: &str) -> String {
    let Some(report) = report else { return String::new() };
    let columns = [
        ("Slice", First::Name),
        ("Rows", First::High),
        (loss, First::High),
        ("Elsewhere", First::High),
        ("p, for many looks", First::Low),
    ];
    let row = |s: &crate::fairness::Slice| {
        let name: Vec<String> = s.conditions.iter().map(|(c, v)| format!("{c} = {v}")).collect();
        Row::of(vec![
            Cell::name(&name.join(", ")),
            Cell::number(Some(s.rows as f64), 0),
            Cell::number(Some(s.loss), 4),
            Cell::number(Some(s.loss_elsewhere), 4),
            Cell::number(Some(s.adjusted_p_value), 4),
        ])
    };
    let rows: Vec<Row> = report.slices.iter().take(50).map(row).collect();
    let said =
        format!("{} of {} slices are worse than the rest.", report.worse().count(), report.slices.len());
    paragraph(&said) + &table(&columns, &rows)
}

pub(super) fn examples(text: &mut String, live: &[LiveExample]) {
    if !live.is_empty() {
        _ = write!(text, "\nlive examples:\n{}", live_text(live));
    }
}

pub(super) fn folded(text: &str) -> String {
    format!("<details><summary>report.txt</summary><pre>{}</pre></details>\n", shown(text))
}

pub(super) fn svgs(drawn: &Drawn) -> Vec<&str> {
    drawn.iter().map(|d| d.1.as_str()).collect()
}

pub(super) fn files(drawn: Drawn, lists: Vec<(&str, String)>, text: String, page: Page) -> Vec<File> {
    let file = |name: String, content: String| File { name, content };
    let mut files: Vec<File> =
        drawn.into_iter().map(|(name, svg)| file(format!("{name}.svg"), svg)).collect();
    files.extend(lists.into_iter().map(|(name, csv)| file(name.to_owned(), csv)));
    files.push(file("report.txt".to_owned(), text));
    files.push(file("report.html".to_owned(), page.finish()));
    files
}
