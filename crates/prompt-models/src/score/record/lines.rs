//! Records as lines of JSON.

use std::cell::RefCell;
use std::io::Write;

use prompt_core::{Error, Result, Scratch};
use prompt_data::Example;

use super::flags::flags;
use super::{OWN, Record, RecordWriter};
use crate::aside::{Aside, Said};

impl RecordWriter<'_> {
    /// Appends the record's line.
    pub(in crate::score) fn write(
        &self,
        record: &Record<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        thread_local! {
            // The numbers of one record; kept so that scoring a stream allocates nothing per record.
            static SCORES: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
        }
        SCORES.with_borrow_mut(|scores| {
            scores.resize(self.width(), 0.0);
            self.model.scorer.score_text(&record.text, scratch, scores)?;
            self.write_scored(record, scores, out);
            Ok(())
        })
    }

    /// Appends the line of a record with these [`scores`](Self::scores).
    pub(in crate::score) fn write_scored(&self, record: &Record<'_>, scores: &[f64], out: &mut Vec<u8>) {
        out.push(b'{');
        let labels = self.fields.label.names();
        let label = labels.iter().find(|n| record.fields.iter().any(|(k, _)| k == *n));
        for (name, raw) in &record.fields {
            self.write_field(name, raw.get(), label.is_some_and(|l| name == l), out);
        }
        self.write_scores(&record.text, scores, out);
    }

    /// Appends the line of a record that was not JSON, with these [`scores`](Self::scores).
    pub(in crate::score) fn write_example(&self, example: &Example, scores: &[f64], out: &mut Vec<u8>) {
        out.push(b'{');
        let quoted = |s: &str| serde_json::to_string(s).unwrap_or_default();
        self.write_field("text", &quoted(&example.text), false, out);
        if let Some(label) = &example.label {
            self.write_field("label", &quoted(label), true, out);
        }
        if let Some(target) = example.target {
            self.write_field("target", &target.to_string(), false, out);
        }
        if let Some(source) = &example.source {
            self.write_field("source", &quoted(source), false, out);
        }
        if let Some(split) = example.split {
            self.write_field("split", &quoted(split.name()), false, out);
        }
        for (name, raw) in example.extra.iter() {
            self.write_field(name, raw, false, out);
        }
        self.write_scores(&example.text, scores, out);
    }

    /// Appends a field of the input, on one line; `is_label` for the one field that holds the label.
    fn write_field(&self, name: &str, raw: &str, is_label: bool, out: &mut Vec<u8>) {
        let name = if is_label {
            "true_label"
        } else if OWN.contains(&name) || self.writes(name) {
            return;
        } else {
            name
        };
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut *out, name);
        out.push(b':');
        // A line break between the tokens of a value would end the output's line; inside a string there is none.
        if raw.contains(['\n', '\r']) {
            write_on_one_line(raw, out);
        } else {
            out.extend_from_slice(raw.as_bytes());
        }
    }

    /// Appends what is said beside the scores, as a member of an object.
    fn write_aside(&self, text: &str, scores: &[f64], out: &mut Vec<u8>) {
        let Some((said, name)) = self.said(text, scores).zip(self.aside.as_ref().and_then(Aside::column))
        else {
            return;
        };
        let _ = write!(out, ",\"{name}\":");
        let _ = match said {
            Said::Set(codes) => serde_json::to_writer(&mut *out, &self.set_names(&codes)),
            Said::Number(number) => serde_json::to_writer(&mut *out, &number),
        };
    }

    /// Whether this model's answers have a field of this name, beside those of every model.
    fn writes(&self, name: &str) -> bool {
        (name == "heads" && !self.further.is_empty())
            || self.first.numbers.iter().any(|number| number == name)
            || self.aside.and_then(|aside| aside.column()) == Some(name)
    }

    fn write_scores(&self, text: &str, scores: &[f64], out: &mut Vec<u8>) {
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        let (own, mut rest) = scores.split_at(self.first.width());
        self.first.write(own, out);
        self.write_aside(text, own, out);
        for (i, head) in self.further.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b",\"heads\":{" } else { b"," });
            let (own, after) = rest.split_at(head.width());
            rest = after;
            out.extend_from_slice(&head.key);
            out.push(b'{');
            head.write(own, out);
            out.push(b'}');
        }
        if !self.further.is_empty() {
            out.push(b'}');
        }
        let mut flags = flags(text).peekable();
        if flags.peek().is_some() {
            out.extend_from_slice(b",\"flags\":");
            let _ = serde_json::to_writer(&mut *out, &flags.collect::<Vec<_>>());
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends JSON without the white space between its tokens; numbers and the order of keys stay as they were written.
fn write_on_one_line(raw: &str, out: &mut Vec<u8>) {
    let (mut in_string, mut escaped) = (false, false);
    for &byte in raw.as_bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
}

/// Appends the line that stands for one that could not be read.
pub(in crate::score) fn write_error(line: u64, error: &Error, out: &mut Vec<u8>) {
    let object = serde_json::json!({ "line": line, "error": error.to_string() });
    let _ = serde_json::to_writer(&mut *out, &object);
    out.push(b'\n');
}
