//! Single rows that a person should read: the surest mistakes, the least sure hits, the largest errors, live examples.

use prompt_core::Dense;
use serde::{Deserialize, Serialize};

use super::page::{Cell, First, Row, filtered, paragraph, table};
use crate::stats::argmax;

/// A mistake of at least this confidence is among the surest.
pub const HIGH_CONFIDENCE: f64 = 0.8;
/// A hit of less than this confidence is among the least sure.
pub const LOW_CONFIDENCE: f64 = 0.6;
/// A predicted number that is further from the truth than this is a large error.
pub const LARGE_ERROR: f64 = 15.0;

/// Rows of a list on the page; the files hold all of them.
const MOST: usize = 200;
/// Characters of a text on the page.
const CHARACTERS: usize = 1000;

/// A text that was scored just now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveExample {
    /// The text, or the cells of the row.
    pub text: String,
    /// What is true, where that is known.
    pub truth: Option<String>,
    /// The class or the number that the model said.
    pub called: String,
    /// The probability of the class.
    pub confidence: Option<f64>,
    /// How long it took.
    pub microseconds: f64,
}

/// One row of a classifier.
pub(super) struct ClassRow<'a> {
    row: usize,
    truth: &'a str,
    called: &'a str,
    confidence: Option<f64>,
    of_truth: Option<f64>,
    text: &'a str,
}

/// One row of a regressor.
pub(super) struct NumberRow<'a> {
    row: usize,
    truth: f64,
    predicted: f64,
    text: &'a str,
}

impl<'a> ClassRow<'a> {
    /// All rows; `texts` may be empty.
    pub(super) fn all(
        y_true: &[u32],
        y_pred: &[u32],
        classes: &'a [String],
        proba: Option<&Dense>,
        texts: &'a [String],
    ) -> Vec<Self> {
        let rows = y_true.iter().zip(y_pred).enumerate();
        rows.map(|(row, (&t, &p))| Self {
            row,
            truth: &classes[t as usize],
            called: &classes[p as usize],
            confidence: proba.map(|m| m.row(row)[argmax(m.row(row))]),
            of_truth: proba.map(|m| m.row(row)[t as usize]),
            text: texts.get(row).map_or("", String::as_str),
        })
        .collect()
    }

    fn is_right(&self) -> bool {
        self.truth == self.called
    }

    /// The mistakes, the surest first.
    pub(super) fn wrong(rows: &'a [Self]) -> Vec<&'a Self> {
        let mut wrong: Vec<&Self> = rows.iter().filter(|r| !r.is_right()).collect();
        wrong.sort_by(|a, b| b.confidence.unwrap_or(0.0).total_cmp(&a.confidence.unwrap_or(0.0)));
        wrong
    }

    /// The surest mistakes.
    pub(super) fn high_confidence_wrong(rows: &'a [Self]) -> Vec<&'a Self> {
        let sure = |r: &&Self| r.confidence.is_some_and(|c| c >= HIGH_CONFIDENCE);
        Self::wrong(rows).into_iter().filter(sure).collect()
    }

    /// The least sure hits, the least sure first.
    pub(super) fn low_confidence_correct(rows: &'a [Self]) -> Vec<&'a Self> {
        let hesitant = |r: &&Self| r.is_right() && r.confidence.is_some_and(|c| c < LOW_CONFIDENCE);
        let mut found: Vec<&Self> = rows.iter().filter(hesitant).collect();
        found.sort_by(|a, b| a.confidence.unwrap_or(0.0).total_cmp(&b.confidence.unwrap_or(0.0)));
        found
    }

    pub(super) fn csv(rows: &[&Self]) -> String {
        let mut out = "row,y_true,y_pred,confidence,p_true,text\n".to_owned();
        for r in rows {
            let number = |v: Option<f64>| v.map_or_else(String::new, |v| v.to_string());
            let cells = [
                (r.row + 1).to_string(),
                disarmed(r.truth),
                disarmed(r.called),
                number(r.confidence),
                number(r.of_truth),
                disarmed(r.text),
            ];
            csv_line(&mut out, &cells);
        }
        out
    }

    pub(super) fn markup(what: &str, rows: &[&Self]) -> String {
        let columns = [
            ("Row", First::Low),
            ("True class", First::Name),
            ("Called", First::Name),
            ("Confidence", First::High),
            ("P(true class)", First::High),
            ("Text", First::Name),
        ];
        let has_text = rows.iter().any(|r| !r.text.is_empty());
        let has_proba = rows.iter().any(|r| r.confidence.is_some());
        let keep = [true, true, true, has_proba, has_proba, has_text];
        let kept = |i: usize| keep[i];
        let columns: Vec<(&str, First)> =
            columns.into_iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, c)| c).collect();
        let row = |r: &&Self| {
            let cells = vec![
                Cell::number(Some(r.row as f64 + 1.0), 0),
                Cell::name(r.truth),
                Cell::name(r.called),
                Cell::number(r.confidence, 4),
                Cell::number(r.of_truth, 4),
                Cell::text(&start(r.text)),
            ];
            let cells = cells.into_iter().enumerate().filter(|(i, _)| kept(*i)).map(|(_, c)| c).collect();
            Row { cells, truth: Some(r.truth.to_owned()), called: Some(r.called.to_owned()) }
        };
        let shown: Vec<Row> = rows.iter().take(MOST).map(row).collect();
        paragraph(&counted(what, rows.len())) + &filtered(&columns, &shown)
    }
}

impl<'a> NumberRow<'a> {
    /// Predictions that are further from the truth than [`LARGE_ERROR`], the furthest first.
    pub(super) fn large(y_true: &[f64], y_pred: &[f64], texts: &'a [String]) -> Vec<Self> {
        let rows = y_true.iter().zip(y_pred).enumerate().map(|(row, (&truth, &predicted))| Self {
            row,
            truth,
            predicted,
            text: texts.get(row).map_or("", String::as_str),
        });
        let mut large: Vec<Self> = rows.filter(|r| r.error().abs() > LARGE_ERROR).collect();
        large.sort_by(|a, b| b.error().abs().total_cmp(&a.error().abs()));
        large
    }

    fn error(&self) -> f64 {
        self.predicted - self.truth
    }

    pub(super) fn csv(rows: &[Self]) -> String {
        let mut out = "row,y_true,y_pred,error,text\n".to_owned();
        for r in rows {
            let [truth, predicted, error] = [r.truth, r.predicted, r.error()].map(|v| v.to_string());
            csv_line(&mut out, &[(r.row + 1).to_string(), truth, predicted, error, disarmed(r.text)]);
        }
        out
    }

    pub(super) fn markup(rows: &[Self]) -> String {
        let has_text = rows.iter().any(|r| !r.text.is_empty());
        let mut columns = vec![
            ("Row", First::Low),
            ("True", First::High),
            ("Predicted", First::High),
            ("Error", First::High),
        ];
        if has_text {
            columns.push(("Text", First::Name));
        }
        let row = |r: &Self| {
            let mut cells = vec![
                Cell::number(Some(r.row as f64 + 1.0), 0),
                Cell::number(Some(r.truth), 2),
                Cell::number(Some(r.predicted), 2),
                Cell::number(Some(r.error()), 2),
            ];
            if has_text {
                cells.push(Cell::text(&start(r.text)));
            }
            Row::of(cells)
        };
        let shown: Vec<Row> = rows.iter().take(MOST).map(row).collect();
        let what = format!("further from the truth than {LARGE_ERROR}");
        paragraph(&counted(&what, rows.len())) + &filtered(&columns, &shown)
    }
}

/// Live examples as lines of text; a wrong class has a mark.
pub fn live_text(live: &[LiveExample]) -> String {
    let mut out = String::new();
    for example in live {
        let mark = match &example.truth {
            Some(truth) if *truth != example.called && example.confidence.is_some() => '✗',
            _ => ' ',
        };
        let sure = example.confidence.map_or_else(|| "    ".to_owned(), |c| format!("{c:.2}"));
        let line: String =
            example.text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(72).collect();
        out += &format!("  {mark} {:<12} {sure}  {:>8.1} µs  {line}\n", example.called, example.microseconds);
    }
    out
}

/// Live examples as a table; nothing where there are none.
pub(super) fn live_markup(live: &[LiveExample]) -> String {
    if live.is_empty() {
        return String::new();
    }
    let columns = [
        ("Said", First::Name),
        ("True", First::Name),
        ("Confidence", First::High),
        ("µs", First::Low),
        ("Text", First::Name),
    ];
    let row = |e: &LiveExample| {
        Row::of(vec![
            Cell::name(&e.called),
            Cell::name(e.truth.as_deref().unwrap_or("–")),
            Cell::number(e.confidence, 4),
            Cell::number(Some(e.microseconds), 1),
            Cell::text(&start(&e.text)),
        ])
    };
    let rows: Vec<Row> = live.iter().map(row).collect();
    paragraph("Scored one by one, as a service would.") + &table(&columns, &rows)
}

fn counted(what: &str, n: usize) -> String {
    let rows = if n == 1 { "row is" } else { "rows are" };
    let shown = if n > MOST {
        format!("; the first {MOST} are shown, the file beside this page has all")
    } else {
        String::new()
    };
    format!("{n} {rows} {what}{shown}.")
}

fn start(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text that a spreadsheet would run as a formula, with an apostrophe before it.
fn disarmed(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Cells as RFC 4180 wants them.
fn csv_line(out: &mut String, cells: &[String]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            *out += &format!("\"{}\"", cell.replace('"', "\"\""));
        } else {
            *out += cell;
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_by_how_much_they_matter() {
        let classes = ["a".to_owned(), "b".to_owned()];
        let p = Dense::from_rows(&[[0.95, 0.05], [0.55, 0.45], [0.7, 0.3], [0.15, 0.85], [0.1, 0.9]]);
        let texts = ["x".to_owned(), "y, \"z\"\n".to_owned(), String::new(), "v".to_owned(), "w".to_owned()];
        let all = ClassRow::all(&[1, 0, 1, 0, 1], &[0, 0, 0, 1, 1], &classes, Some(&p), &texts);
        let numbers = |rows: Vec<&ClassRow<'_>>| rows.iter().map(|r| r.row + 1).collect::<Vec<_>>();
        assert_eq!(numbers(ClassRow::wrong(&all)), [1, 4, 3]);
        assert_eq!(numbers(ClassRow::high_confidence_wrong(&all)), [1, 4]);
        assert_eq!(numbers(ClassRow::low_confidence_correct(&all)), [2]);
        let csv = ClassRow::csv(&ClassRow::low_confidence_correct(&all));
        assert_eq!(csv, "row,y_true,y_pred,confidence,p_true,text\n2,a,a,0.55,0.55,\"y, \"\"z\"\"\n\"\n");
        let markup = ClassRow::markup("wrong", &ClassRow::wrong(&all));
        assert!(markup.starts_with("<p>3 rows are wrong.</p>"), "{markup}");
    }

    #[test]
    fn errors_of_more_than_fifteen_points_are_large() {
        assert_eq!([disarmed("=1+1"), disarmed("a=1")], ["'=1+1", "a=1"]);
        let large = NumberRow::large(&[50.0, 50.0, 50.0], &[65.0, 30.0, 65.5], &[]);
        assert_eq!(NumberRow::csv(&large), "row,y_true,y_pred,error,text\n2,50,30,-20,\n3,50,65.5,15.5,\n");
        assert!(!NumberRow::markup(&large).contains("Text"));
    }
}
