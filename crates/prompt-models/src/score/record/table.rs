//! Records as rows of a table.

use prompt_core::{Classes, Error, argmax};
use prompt_data::Example;

use super::RecordWriter;
use super::columns::columns_of;
use super::flags::flag_names;
use crate::aside::Said;

/// Between the classes of a prediction set where it stands in a cell.
pub const SET_SEPARATOR: &str = "|";

/// What stands in a column of a table of answers.
pub(in crate::score) enum Answer {
    Name(String),
    Number(f64),
}

impl RecordWriter<'_> {
    /// The columns of the CSV form.
    pub(in crate::score) fn csv_header(&self) -> Vec<String> {
        let mut header: Vec<String> = ["line", "text", "true_label"].map(str::to_owned).to_vec();
        header.extend(self.answer_columns().into_iter().map(|(name, _)| name));
        header.extend(["error".to_owned(), "flags".to_owned()]);
        header
    }

    /// The columns of the answers, and whether they hold names. Heads beside the first have theirs without the
    /// probabilities of each class.
    pub(in crate::score) fn answer_columns(&self) -> Vec<(String, bool)> {
        let mut columns = columns_of(self.first.classes.as_ref(), self.beside());
        if self.first.numbers.len() > 1 {
            columns.splice(..1, self.first.numbers.iter().map(|name| (name.clone(), false)));
        }
        let aside = self.aside.and_then(|aside| Some((aside.column()?.to_owned(), aside.is_set())));
        columns.extend(aside);
        columns
    }

    /// The further heads: a name, and whether it has classes.
    fn beside(&self) -> impl Iterator<Item = (&str, bool)> {
        self.further.iter().map(|head| (head.name.as_str(), head.classes.is_some()))
    }

    /// What stands in those columns.
    pub(in crate::score) fn answers(&self, text: &str, scores: &[f64]) -> Vec<Answer> {
        let best = |classes: &Classes, scores: &[f64]| {
            let best = argmax(scores);
            [Answer::Name(classes.name(best as u32).to_owned()), Answer::Number(scores[best])]
        };
        let (own, mut rest) = scores.split_at(self.first.width());
        let mut answers = Vec::new();
        if let Some(classes) = &self.first.classes {
            answers.extend(best(classes, own));
        }
        answers.extend(own.iter().copied().map(Answer::Number));
        for head in &self.further {
            let (own, after) = rest.split_at(head.width());
            rest = after;
            match &head.classes {
                Some(classes) => answers.extend(best(classes, own)),
                None => answers.push(Answer::Number(own[0])),
            }
        }
        match self.said(text, scores) {
            Some(Said::Set(codes)) => answers.push(Answer::Name(self.set_names(&codes).join(SET_SEPARATOR))),
            Some(Said::Number(number)) => answers.push(Answer::Number(number)),
            None => {}
        }
        answers
    }

    /// The cells of one record.
    pub(in crate::score) fn csv_row(&self, example: &Example, scores: &[f64]) -> Vec<String> {
        let mut row =
            vec![example.line.to_string(), example.text.clone(), example.label.clone().unwrap_or_default()];
        row.extend(self.answers(&example.text, scores).into_iter().map(|answer| match answer {
            Answer::Name(name) => name,
            Answer::Number(number) => number.to_string(),
        }));
        row.extend([String::new(), flag_names(&example.text)]);
        row
    }

    /// The cells of a line that could not be read.
    pub(in crate::score) fn csv_error(&self, line: u64, error: &Error) -> Vec<String> {
        let mut row: Vec<String> = self
            .csv_header()
            .iter()
            .map(|name| if name == "error" { error.to_string() } else { String::new() })
            .collect();
        row[0] = line.to_string();
        row
    }
}
