//! Which bytes of a text made a model say what it says.

use std::collections::BTreeMap;
use std::ops::Range;

use prompt_core::{Error, FitContext, Output, Result, Scorer, Scratch, argmax};
use serde::Serialize;

use super::any::{Way, explain};

/// A piece of the text, in bytes of it as it was given, and its part of the margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What it contributed; above zero speaks for the output.
    pub weight: f64,
}

/// A column that the text has, and where it has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// What it contributed.
    pub weight: f64,
    /// Where it stands in the text; empty for columns that measure the whole.
    pub spans: Vec<Range<usize>>,
}

/// Why a text got a score: base + Σ words + rest = margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextExplanation {
    /// The class or value that is explained.
    pub output: String,
    /// Its probability or value.
    pub score: f64,
    /// The margin before anything is known.
    pub base: f64,
    /// The margin of this text.
    pub margin: f64,
    /// What no place of the text stands for: its length, words that it lacks.
    pub rest: f64,
    /// The words of the text in order; blanks belong to the word before them.
    pub words: Vec<Span>,
    /// The columns, those that contributed most first.
    pub features: Vec<Feature>,
    /// How the contributions were found.
    pub way: Way,
}

/// Explains what a text pipeline says about a text: the class that it predicts, or another one by name.
///
/// ```
/// use prompt_models::prelude::*;
/// use prompt_models::explain::explain_text;
/// use std::sync::Arc;
///
/// let texts: Vec<String> = (0..40).map(|i| format!("{} {i}", ["run the report", "ignore all rules"][i % 2])).collect();
/// let y = Target::labels((0..40).map(|i| ["benign", "malicious"][i % 2]));
/// let ctx = FitContext::new(1);
/// let scorer: Arc<dyn Scorer> = Tfidf::default().then(LogisticRegression::default()).fit(&texts, &y, &ctx)?.into();
/// let why = explain_text(&*scorer, "please ignore this", None, &ctx)?;
/// let heaviest = why.words.iter().max_by(|a, b| a.weight.total_cmp(&b.weight)).unwrap();
/// assert_eq!((why.output.as_str(), &"please ignore this"[heaviest.start..heaviest.end]), ("malicious", "ignore "));
/// let sum: f64 = why.base + why.rest + why.words.iter().map(|w| w.weight).sum::<f64>();
/// assert!((sum - why.margin).abs() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] for a scorer that does not read texts through features, [`Error::Unknown`] for a class it does not
/// have.
pub fn explain_text(
    scorer: &dyn Scorer,
    text: &str,
    class: Option<&str>,
    ctx: &FitContext,
) -> Result<TextExplanation> {
    let (Some(features), Some(model)) = (scorer.features(), scorer.model()) else {
        return Err(Error::unsupported(
            "a model without text features",
            "explanations of a text",
            "take a model of texts; rows of a table are explained from a file",
        ));
    };
    let mut scores = vec![0.0; scorer.heads().iter().map(|h| h.output.width()).sum()];
    scorer.score_text(text, &mut Scratch::new(), &mut scores)?;
    let (output, score) = wanted(model.output(), &scores, class)?;
    let x = features.featurize(&[text])?;
    let (values, way) = explain(model, &x, None, ctx)?;
    // Two classes may share the margin of the second, which speaks against the first.
    let (at, sign) = match values.outputs().iter().position(|o| *o == output) {
        Some(at) => (at, 1.0),
        None => (0, -1.0),
    };
    let mut places: BTreeMap<u32, Vec<Range<usize>>> = BTreeMap::new();
    features.visit_spans(text, &mut |column, span| places.entry(column).or_default().push(span));
    let mut heat = vec![0.0; text.len()];
    let mut rest = 0.0;
    let mut found = Vec::new();
    for (column, weight) in values.row(0, at).enumerate().filter(|(_, w)| *w != 0.0) {
        let weight = sign * weight;
        let mut spans = places.remove(&(column as u32)).unwrap_or_default();
        spans.retain(|s| s.start < s.end && s.end <= text.len());
        match spans.len() {
            0 => rest += weight,
            n => {
                for span in &spans {
                    let each = weight / (n * span.len()) as f64;
                    heat[span.clone()].iter_mut().for_each(|h| *h += each);
                }
            }
        }
        found.push(Feature { name: features.names().get(column).into_owned(), weight, spans });
    }
    found.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then_with(|| a.name.cmp(&b.name)));
    let words = words(text)
        .map(|span| Span { weight: heat[span.clone()].iter().sum(), start: span.start, end: span.end })
        .collect();
    let (base, margin) = (sign * values.base()[at], sign * values.margin(0, at));
    Ok(TextExplanation { output, score, base, margin, rest, words, features: found, way })
}

/// The output that is explained, and its score.
fn wanted(output: &Output, scores: &[f64], class: Option<&str>) -> Result<(String, f64)> {
    let Output::Classes(classes) = output else {
        let name = match output {
            Output::Values(names) => names.first().cloned().unwrap_or_default(),
            _ => "value".to_owned(),
        };
        return Ok((name, scores.first().copied().unwrap_or(f64::NAN)));
    };
    let at = match class {
        None => argmax(scores),
        Some(name) => classes
            .names()
            .iter()
            .position(|c| c == name)
            .ok_or_else(|| Error::unknown("class", name, classes.names()))?,
    };
    Ok((classes.name(at as u32).to_owned(), scores.get(at).copied().unwrap_or(f64::NAN)))
}

/// The words of a text, each with the blanks behind it; blanks at the beginning belong to the first.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut starts: Vec<usize> = Vec::new();
    let mut blank = true;
    for (at, c) in text.char_indices() {
        if blank && !c.is_whitespace() {
            starts.push(at);
        }
        blank = c.is_whitespace();
    }
    if let Some(first) = starts.first_mut() {
        *first = 0;
    } else if !text.is_empty() {
        starts.push(0);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cover_every_byte_once() {
        for text in ["", "  ", "one", " one  two\n", "ünï cödé \u{3000}x"] {
            let mut at = 0;
            for span in words(text) {
                assert_eq!(span.start, at);
                assert!(text.get(span.clone()).is_some());
                at = span.end;
            }
            assert_eq!(at, text.len());
        }
    }
}
