//! A classifier's evaluation as files.

use std::fmt::Write;

use prompt_core::{Dense, FitContext, Result};

use super::files::{
    Drawn, File, Predictions, bounds, examples, files, folded, line, slice_table, sliced, slices, svgs,
};
use super::page::{Cell, First, Page, Row, facts, paragraph, pictures, shown, table};
use super::rows::{ClassRow, HIGH_CONFIDENCE, LOW_CONFIDENCE, live_markup};
use super::{ClassificationReport, number};
use crate::history::Family;
use crate::insight::{Facts, Insight, of_evaluation};
use crate::interval::{Bootstrap, Interval, wilson};
use crate::{check, classify, plot};

/// Up to this many classes resamples are confusion matrices; of more, they are rows.
const FEW_CLASSES: usize = 256;

/// The report of a classifier, and its files: `report.txt`, `report.html`, the pictures as SVG, and lists of rows as CSV
/// where there are any: `errors.csv` (all mistakes, the surest first), `high_confidence_wrong.csv`
/// (from [`HIGH_CONFIDENCE`] on), `low_confidence_correct.csv` (below [`LOW_CONFIDENCE`]).
///
/// ```
/// use prompt_metrics::FitContext;
/// use prompt_metrics::report::{Predictions, classification_files};
/// let classes = ["ham".to_owned(), "spam".to_owned()];
/// let rows = Predictions {
///     y_true: &[0, 0, 1, 1],
///     y_pred: &[0, 1, 1, 1],
///     classes: &classes,
///     ..Predictions::default()
/// };
/// let (report, files) = classification_files("My filter", &rows, &FitContext::new(1))?;
/// assert_eq!(report.accuracy, 0.75);
/// let names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
/// assert_eq!(names, ["confusion.svg", "errors.csv", "report.txt", "report.html"]);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// As [`ClassificationReport::new`] and [`worst_slices`](crate::fairness::worst_slices); texts that are not as many as rows; a context that stops.
pub fn classification_files(
    title: &str,
    rows: &Predictions<'_>,
    ctx: &FitContext,
) -> Result<(ClassificationReport, Vec<File>)> {
    let Predictions { y_true, y_pred, classes, proba, columns, texts, live, family } = *rows;
    let report = ClassificationReport::new(y_true, y_pred, classes, proba, None)?;
    if !texts.is_empty() {
        check::same_length("texts", y_true.len(), texts.len())?;
    }
    ctx.check()?;
    let hits = y_true.iter().zip(y_pred).filter(|(t, p)| t == p).count() as u64;
    let accuracy = wilson(hits, y_true.len() as u64, 0.95)?;
    let f1 = f1_interval(rows, ctx)?;
    let rules = of_evaluation(title, family.unwrap_or(Family::Linear), &report, &Facts::default());
    let loss: Vec<f64> = y_true.iter().zip(y_pred).map(|(t, p)| f64::from(u8::from(t != p))).collect();
    let sliced = sliced(&loss, columns)?;

    let mut text = format!("{title}\n\n{report}\n");
    line(&mut text, "accuracy", accuracy, "Wilson");
    line(&mut text, "macro F1", f1, "bootstrap");
    insights(&mut text, &rules);
    slices(&mut text, sliced.as_ref(), "errors");
    let (drawn, missing) = classification_pictures(rows, ctx)?;
    text += &missing;
    let all = ClassRow::all(y_true, y_pred, classes, proba, texts);
    let (wrong, sure) = (ClassRow::wrong(&all), ClassRow::high_confidence_wrong(&all));
    let hesitant = ClassRow::low_confidence_correct(&all);
    if proba.is_some() {
        _ = writeln!(text, "\n{} wrong at a confidence of {HIGH_CONFIDENCE} or more", sure.len());
        _ = writeln!(text, "{} right at a confidence below {LOW_CONFIDENCE}", hesitant.len());
    }
    examples(&mut text, live);

    let mut page = Page::new(title);
    page.tile("Accuracy", &number(Some(report.accuracy)), &bounds(accuracy));
    page.tile("Macro F1", &number(Some(report.f1_macro)), &bounds(f1));
    page.tile("Rows", &report.rows.to_string(), &format!("{} wrong", wrong.len()));
    if let Some(ece) = report.probabilities.ece {
        page.tile("Calibration error", &number(Some(ece)), "15 bins of equal mass");
    }
    page.section("numbers", "Numbers", numbers(&report));
    page.section("classes", "Classes", per_class(&report));
    page.section("rules", "What the rules say", said(&rules));
    page.section("slices", "Slices", slice_table(sliced.as_ref(), "Share wrong"));
    page.section("pictures", "Pictures", pictures(&svgs(&drawn)));
    if !wrong.is_empty() {
        page.section("errors", "Mistakes", ClassRow::markup("wrong, the surest first", &wrong));
    }
    if !hesitant.is_empty() {
        let what = format!("right at a confidence below {LOW_CONFIDENCE}, the least sure first");
        page.section("hesitant", "Barely right", ClassRow::markup(&what, &hesitant));
    }
    page.section("live", "Live examples", live_markup(live));
    page.section("text", "The report as text", folded(&text));
    let lists = [
        ("errors.csv", &wrong),
        ("high_confidence_wrong.csv", &sure),
        ("low_confidence_correct.csv", &hesitant),
    ];
    let lists =
        lists.iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, rows)| (*name, ClassRow::csv(rows)));
    Ok((report, files(drawn, lists.collect(), text, page)))
}

/// Macro F1 with its bootstrap interval. Of many classes the matrices of resamples would be mostly empty and large.
fn f1_interval(rows: &Predictions<'_>, ctx: &FitContext) -> Result<Interval> {
    let Predictions { y_true, y_pred, classes, .. } = *rows;
    let (k, boot, ctx) = (classes.len(), Bootstrap::default(), &ctx.part("report", 0));
    let found = if k <= FEW_CLASSES {
        boot.of_confusion(y_true, y_pred, k, None, |c| Ok(c.f1_macro()), ctx)?
    } else {
        boot.of_rows(y_true.len(), |rows| Ok(classify::f1_macro_of(y_true, y_pred, k, rows)), ctx)?
    };
    Ok(found.interval)
}

/// The pictures that can be drawn, and why others cannot.
fn classification_pictures(rows: &Predictions<'_>, ctx: &FitContext) -> Result<(Drawn, String)> {
    let Predictions { y_true, y_pred, classes, proba, .. } = *rows;
    let confusion = crate::Confusion::new(y_true, y_pred, classes.len(), None)?;
    let mut drawn = vec![("confusion", plot::confusion_svg("Confusion matrix", &confusion, classes)?)];
    let mut missing = String::new();
    let Some(proba) = proba else { return Ok((drawn, missing)) };
    type Draw = fn(&str, &[u32], &Dense, &[String], Option<&[f64]>) -> Result<String>;
    let curves: [(&'static str, &str, Draw); 3] = [
        ("roc", "ROC", plot::roc_svg::<String>),
        ("precision_recall", "Precision and recall", plot::precision_recall_svg::<String>),
        ("det", "Detection error tradeoff", plot::det_svg::<String>),
    ];
    for (name, heading, draw) in curves {
        ctx.check()?;
        // A curve needs a class with rows and others.
        match draw(heading, y_true, proba, classes, None) {
            Ok(svg) => drawn.push((name, svg)),
            Err(e) => _ = writeln!(missing, "\nno picture `{name}`: {e}"),
        }
    }
    drawn.push(("reliability", plot::reliability_svg("Reliability", y_true, proba, None)?));
    drawn.push(("confidence", plot::confidence_svg("Confidence", y_true, proba)?));
    let positive: Vec<bool> = y_true.iter().map(|&t| t == 1).collect();
    if classes.len() == 2 && positive.contains(&true) && positive.contains(&false) {
        let (score, heading) = (proba.column(1), format!("Threshold on P({})", classes[1]));
        drawn.push(("threshold", plot::threshold_svg(&heading, &positive, &score, None)?));
        drawn.push(("gain", plot::gain_svg("Cumulative gain", &positive, &score, None)?));
    }
    Ok((drawn, missing))
}

fn insights(text: &mut String, found: &[Insight]) {
    if !found.is_empty() {
        text.push_str("\nwhat the rules say:\n");
    }
    for insight in found {
        _ = writeln!(text, "  {insight}");
    }
}

fn said(found: &[Insight]) -> String {
    if found.is_empty() {
        return paragraph("No rule has anything to say.");
    }
    let items: String = found.iter().map(|i| format!("<li>{}</li>\n", shown(&i.to_string()))).collect();
    format!("<ul>\n{items}</ul>\n")
}

fn numbers(report: &ClassificationReport) -> String {
    let p = &report.probabilities;
    let averages = [
        ("Balanced accuracy", Some(report.balanced_accuracy)),
        ("Macro precision", Some(report.precision_macro)),
        ("Macro recall", Some(report.recall_macro)),
        ("Weighted F1", Some(report.f1_weighted)),
        ("Matthews correlation", Some(report.matthews_corrcoef)),
        ("Cohen’s kappa", report.cohen_kappa),
        ("ROC AUC, one against the rest", p.roc_auc_ovr),
        ("Average precision", p.average_precision_macro),
        ("Log loss, nats", p.log_loss),
        ("Brier score", p.brier),
        ("Top-2 accuracy", p.top_2_accuracy),
    ];
    let pairs: Vec<(&str, String)> =
        averages.iter().filter(|(_, v)| v.is_some()).map(|(name, v)| (*name, number(*v))).collect();
    let notes: String = report.notes.iter().take(20).map(|n| paragraph(n)).collect();
    facts(&pairs) + &notes
}

fn per_class(report: &ClassificationReport) -> String {
    let columns = [
        ("Class", First::Name),
        ("Precision", First::High),
        ("Recall", First::High),
        ("F1", First::High),
        ("Rows", First::High),
        ("Called", First::High),
        ("ROC AUC", First::High),
        ("Average precision", First::High),
    ];
    let row = |c: &super::ClassReport| {
        let defined = |value: f64, is: bool| Cell::number(is.then_some(value), 4);
        Row::of(vec![
            Cell::name(&c.class),
            defined(c.scores.precision, c.scores.precision_defined),
            defined(c.scores.recall, c.scores.recall_defined),
            defined(c.scores.f1, c.scores.f1_defined),
            Cell::number(Some(c.scores.support), 0),
            Cell::number(Some(c.scores.predicted), 0),
            Cell::number(c.roc_auc, 4),
            Cell::number(c.average_precision, 4),
        ])
    };
    table(&columns, &report.per_class.iter().map(row).collect::<Vec<_>>())
}
