//! The errors a model was surest of, with the prompts themselves.

use prompt_core::{Classes, Prediction, Result};

use super::super::config::Evaluation;
use super::super::result::{ExperimentResults, LabelledSet, ModelResult};
use super::markup::Html;
use super::page;
use super::table::grouped;

/// Longer prompts are folded: this many characters of them are seen at once.
const PREVIEW: usize = 320;

/// Of the longest prompts the page holds this many characters, so that one of them cannot fill it.
const MOST: usize = 4000;

pub(super) fn section(
    results: &ExperimentResults,
    best: &ModelResult,
    evaluation: &Evaluation,
    h: &mut Html,
) -> Result<()> {
    let mut found = Html::new();
    let prediction = best.held.as_ref().map(|h| &h.test);
    list(&results.test, prediction, &results.classes, evaluation.worst_errors, &mut found)?;
    page::section("errors", h, |h| {
        h.labelled("p", "", format!("Test rows that {} gave a wrong class, the surest first.", best.model))
            .add(&found)
    });
    Ok(())
}

/// A row that got a wrong class.
struct Wrong {
    row: usize,
    truth: u32,
    called: u32,
    confidence: f64,
    of_truth: f64,
}

/// The `most` worst errors on a set, with a filter above them.
pub(super) fn list(
    set: &LabelledSet,
    prediction: Option<&Prediction>,
    classes: &Classes,
    most: usize,
    h: &mut Html,
) -> Result<()> {
    let Some(prediction) = prediction else {
        h.raw("<p>The predictions are not at hand.</p>\n");
        return Ok(());
    };
    let wrong = wrong(set, prediction)?;
    if wrong.is_empty() {
        h.labelled("p", "", format!("None of the {} rows got a wrong class.", grouped(set.texts.len())));
        return Ok(());
    }
    let shown = &wrong[..wrong.len().min(most)];
    let share = 100.0 * wrong.len() as f64 / set.texts.len().max(1) as f64;
    h.labelled(
        "p",
        "",
        format!(
            "{} of {} rows ({share:.1}%) got a wrong class; {} shown.",
            grouped(wrong.len()),
            grouped(set.texts.len()),
            if shown.len() == wrong.len() {
                "all are".into()
            } else {
                format!("the {} worst are", shown.len())
            }
        ),
    );
    h.element("div", "class=\"errors\"", |h| {
        filter(shown, classes, h);
        h.element("ol", "", |h| shown.iter().fold(h, |h, error| item(error, set, classes, h)))
    })
    .raw("\n");
    Ok(())
}

fn wrong(set: &LabelledSet, prediction: &Prediction) -> Result<Vec<Wrong>> {
    let codes = prediction.codes()?;
    let mut wrong: Vec<Wrong> = set
        .codes
        .iter()
        .zip(&codes)
        .enumerate()
        .filter(|(_, (truth, called))| truth != called)
        .map(|(row, (&truth, &called))| {
            let p = |code: u32| prediction.row(row).get(code as usize).copied().unwrap_or(0.0);
            Wrong { row, truth, called, confidence: p(called), of_truth: p(truth) }
        })
        .collect();
    wrong.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.row.cmp(&b.row)));
    Ok(wrong)
}

/// Hidden until the script shows it: without scripts it would do nothing.
fn filter(shown: &[Wrong], classes: &Classes, h: &mut Html) {
    let distinct = |of: fn(&Wrong) -> u32| {
        let mut codes: Vec<u32> = shown.iter().map(of).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    let choice = |h: &mut Html, label: &'static str, name: &'static str, codes: Vec<u32>| {
        h.element("label", "", |h| {
            h.text(label).raw(" <select").attribute("name", name).raw("><option value=\"\">any</option>");
            codes
                .into_iter()
                .fold(h, |h, code| {
                    h.raw("<option").attribute("value", code.to_string()).raw(">");
                    h.text(classes.name(code)).raw("</option>")
                })
                .raw("</select>")
        });
    };
    h.element("form", "class=\"filter\" hidden", |h| {
        choice(h, "True class", "truth", distinct(|e| e.truth));
        choice(h, "Called", "called", distinct(|e| e.called));
        h.raw(
            "<label>Search <input type=\"search\" name=\"words\" placeholder=\"text of the prompt\"></label>",
        )
        .raw("<output></output>")
    });
}

fn item<'h>(error: &Wrong, set: &LabelledSet, classes: &Classes, h: &'h mut Html) -> &'h mut Html {
    let text = set.texts.get(error.row).map_or("", String::as_str);
    let source = set.sources.get(error.row).and_then(Option::as_deref);
    h.raw("<li")
        .attribute("data-truth", error.truth.to_string())
        .attribute("data-called", error.called.to_string())
        .raw(">");
    h.element("p", "class=\"what\"", |h| {
        h.raw("<span class=\"quiet\">is</span> ").labelled("b", "class=\"label\"", classes.name(error.truth));
        h.raw(" <span class=\"quiet\">called</span> ");
        h.labelled("b", "class=\"label wrong\"", classes.name(error.called));
        h.labelled(
            "span",
            "class=\"quiet\"",
            format!(" {:.4} sure; true class {:.4}; row {}", error.confidence, error.of_truth, error.row + 1),
        );
        source.into_iter().fold(h, |h, s| h.labelled("span", "class=\"quiet\"", format!("; source {s}")))
    });
    prompt(text, h);
    h.raw("</li>\n")
}

fn prompt(text: &str, h: &mut Html) {
    let all = text.chars().count();
    if all <= PREVIEW {
        h.labelled("div", "class=\"prompt\" dir=\"auto\"", text);
        return;
    }
    let start = |n: usize| text.char_indices().nth(n).map_or(text, |(end, _)| &text[..end]);
    h.element("details", "class=\"prompt\"", |h| {
        h.element("summary", "", |h| {
            h.labelled("span", "class=\"preview\" dir=\"auto\"", format!("{}…", start(PREVIEW).trim_end()));
            h.labelled("span", "class=\"quiet more\"", format!(" all {} characters", grouped(all)))
        });
        h.labelled("div", "class=\"whole\" dir=\"auto\"", start(MOST));
        if all > MOST {
            let rest = format!("… and {} more characters.", grouped(all - MOST));
            h.labelled("p", "class=\"quiet\"", rest);
        }
        h
    });
}
