//! Rows that are scored one by one, as a service would: `--live-examples`.

use std::time::Instant;

use prompt_models::LoadedModel;
use prompt_models::core::{Batch, Error, Output, Result, Scratch, Table, argmax};
use prompt_models::metrics::report::LiveExample;

/// Rows spread evenly over all of them.
fn spread(rows: usize, n: usize) -> impl Iterator<Item = usize> {
    let n = n.min(rows);
    (0..n).map(move |i| i * rows / n)
}

/// Some of the texts, with their truths.
///
/// # Errors
/// What the model makes of a text.
pub(crate) fn of_texts(
    model: &LoadedModel,
    texts: &[String],
    truth: &[String],
    n: usize,
) -> Result<Vec<LiveExample>> {
    let heads = model.scorer.heads();
    let head = heads.first().ok_or_else(|| Error::input("the model has no heads", "save it again"))?;
    let mut out = vec![0.0; heads.iter().map(|h| h.output.width()).sum()];
    let mut scratch = Scratch::new();
    // The first text pays for buffers that later ones find ready.
    if let Some(text) = texts.last() {
        model.scorer.score_text(text, &mut scratch, &mut out)?;
    }
    spread(texts.len(), n)
        .map(|row| {
            let start = Instant::now();
            model.scorer.score_text(&texts[row], &mut scratch, &mut out)?;
            let microseconds = 1e6 * start.elapsed().as_secs_f64();
            let scores = &out[..head.output.width()];
            Ok(example(&texts[row], truth.get(row), &head.output, scores, microseconds))
        })
        .collect()
}

/// Some of the rows of a table; `shown` is what is shown of each.
///
/// # Errors
/// What the model makes of a row.
pub(crate) fn of_table(
    model: &LoadedModel,
    table: &Table,
    shown: &[String],
    truth: &[String],
    n: usize,
) -> Result<Vec<LiveExample>> {
    spread(table.rows(), n)
        .map(|row| {
            let one = table.select_rows(&[row]);
            let start = Instant::now();
            let prediction = crate::model::score(model, Batch::Table(&one))?;
            let microseconds = 1e6 * start.elapsed().as_secs_f64();
            let text = shown.get(row).map_or("", String::as_str);
            Ok(example(text, truth.get(row), prediction.output(), prediction.row(0), microseconds))
        })
        .collect()
}

fn example(
    text: &str,
    truth: Option<&String>,
    output: &Output,
    scores: &[f64],
    microseconds: f64,
) -> LiveExample {
    let (called, confidence) = match output {
        Output::Classes(classes) => {
            let best = argmax(scores);
            (classes.name(best as u32).to_owned(), scores.get(best).copied())
        }
        _ => (scores.first().map_or_else(String::new, |v| format!("{v:.2}")), None),
    };
    // A number is never exactly the true one, so that it is only shown beside it.
    LiveExample { text: text.to_owned(), truth: truth.cloned(), called, confidence, microseconds }
}
