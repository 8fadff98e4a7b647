//! One record: read with its other fields untouched, written with its scores.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

use prompt_core::{Batch, Classes, Error, Head, Output, Result, Scratch, argmax};
use prompt_data::read::{JsonlText, repeated_key, there_twice};
use prompt_data::sanitise::{Flag, FlagKind, Sanitiser};
use prompt_data::{Example, Fields};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::aside::{Aside, AsideMemory, Said};
use crate::pipeline::LoadedModel;

/// The fields that an output line sets itself; an input's own ones would come twice.
const OWN: &[&str] = &["label", "probabilities", "confidence", "score", "true_label", "flags"];

/// Columns of a table of answers, which no further head may be called.
pub(crate) const COLUMNS: [&str; 9] =
    ["line", "text", "true_label", "label", "confidence", "score", "error", "flags", "input"];

/// The columns of the answers of a first head and of further ones (a name, and whether it has classes), and whether they
/// hold names.
fn columns_of<'a>(
    first: Option<&Classes>,
    further: impl IntoIterator<Item = (&'a str, bool)>,
) -> Vec<(String, bool)> {
    let mut columns = match first {
        Some(classes) => {
            let mut columns = vec![("label".to_owned(), true), ("confidence".to_owned(), false)];
            columns.extend(classes.names().iter().map(|c| (format!("p_{c}"), false)));
            columns
        }
        None => vec![("score".to_owned(), false)],
    };
    for (name, classes) in further {
        columns.push((name.to_owned(), classes));
        if classes {
            columns.push((format!("{name}_confidence"), false));
        }
    }
    columns
}

/// The column that a table of these heads' answers would have twice, if any.
pub(crate) fn column_twice<'a>(
    first: Option<&Classes>,
    further: impl IntoIterator<Item = (&'a str, bool)>,
) -> Option<String> {
    twice(columns_of(first, further).into_iter().map(|(name, _)| name))
}

/// The first of these columns of answers that a table would have twice.
fn twice(mut columns: impl Iterator<Item = String>) -> Option<String> {
    let mut seen: BTreeSet<String> =
        ["line", "text", "true_label", "error", "flags", "input"].map(str::to_owned).into();
    columns.find(|name| !seen.insert(name.clone()))
}

/// One input object: its text, and all fields as they were written.
pub(super) struct Record<'a> {
    text: Cow<'a, str>,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Record<'a> {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Reads a JSON object.
    pub(super) fn parse(line: &'a [u8], writer: &RecordWriter<'_>) -> Result<Self> {
        let explained = || match writer.explain.extract(line, &mut String::new()) {
            Err(error) => error,
            Ok(_) => Error::parse("<line>", None, None, "not a JSON object with a text", "one object a line"),
        };
        let Ok(RawFields(fields)) = serde_json::from_slice::<RawFields<'a>>(line) else {
            return Err(explained());
        };
        let names = writer.fields.text.names();
        if let Some(key) = repeated_key(fields.iter().map(|(key, _)| &**key)) {
            return Err(Error::parse("<line>", None, None, there_twice(key), "write it once"));
        }
        let raw = names.iter().find_map(|n| fields.iter().find(|(k, _)| k == n)).map(|(_, raw)| *raw);
        match raw.map(|raw| serde_json::from_str::<Option<BorrowedStr<'a>>>(raw.get())) {
            Some(Ok(text)) => Ok(Self { text: text.map_or(Cow::Borrowed(""), |t| t.0), fields }),
            _ => Err(explained()),
        }
    }
}

struct RawFields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawFields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawFields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(key) = map.next_key::<BorrowedStr<'de>>()? {
                    fields.push((key.0, map.next_value()?));
                }
                Ok(RawFields(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A string that is borrowed where it has no escapes. (`Cow<str>` itself always copies in serde.)
#[derive(Deserialize)]
#[serde(transparent)]
struct BorrowedStr<'a>(#[serde(borrow)] Cow<'a, str>);

/// A head's names, ready to be written.
struct Named {
    /// As it is called.
    name: String,
    /// The classes; of a number none.
    classes: Option<Classes>,
    /// What its numbers are called; of classes none.
    numbers: Vec<String>,
    /// `"name":` and, of every class, `"class"` and `"class":`.
    key: Vec<u8>,
    labels: Vec<Vec<u8>>,
    keys: Vec<Vec<u8>>,
}

impl Named {
    fn of(head: &Head) -> Result<Self> {
        let quoted = |name: &str| serde_json::to_vec(name).unwrap_or_default();
        let classes = head.output.classes().cloned();
        let labels: Vec<Vec<u8>> = classes.iter().flat_map(Classes::names).map(|name| quoted(name)).collect();
        let numbers = number_names(&head.output);
        if labels.is_empty() && numbers.is_empty() {
            return Err(Error::unsupported(
                "prompt predict",
                format!("the head `{}` of several answers", head.name),
                "take a model of classes, or of numbers",
            ));
        }
        let keys = labels.iter().map(|l| [l.as_slice(), b":"].concat()).collect();
        let key = [quoted(&head.name).as_slice(), b":"].concat();
        Ok(Self { name: head.name.clone(), classes, numbers, key, labels, keys })
    }

    /// How many numbers it has.
    fn width(&self) -> usize {
        self.labels.len().max(self.numbers.len())
    }

    /// Label, probabilities and confidence, or the score, as members of an object.
    fn write(&self, scores: &[f64], out: &mut Vec<u8>) {
        if self.labels.is_empty() {
            for (i, (name, score)) in self.numbers.iter().zip(scores).enumerate() {
                out.extend_from_slice(if i == 0 { b"" } else { b"," });
                let _ = serde_json::to_writer(&mut *out, name);
                let _ = write!(out, ":{score}");
            }
            return;
        }
        let best = argmax(scores);
        out.extend_from_slice(b"\"label\":");
        out.extend_from_slice(&self.labels[best]);
        out.extend_from_slice(b",\"probabilities\":{");
        for (i, (key, p)) in self.keys.iter().zip(scores).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            let _ = serde_json::to_writer(&mut *out, p);
        }
        out.extend_from_slice(b"},\"confidence\":");
        let _ = serde_json::to_writer(&mut *out, &scores[best]);
    }
}

/// What the numbers of an answer are called: a single one `score`, several by the model's own names (`value`, `lower`,
/// `upper`); of classes nothing.
pub fn number_names(output: &Output) -> Vec<String> {
    match output {
        Output::Values(names) if names.len() > 1 => names.clone(),
        Output::Values(_) => vec!["score".to_owned()],
        _ => Vec::new(),
    }
}

/// Records that are scored together where that is faster: enough for batches of like lengths, few enough to be held.
const TOGETHER: usize = 512;

/// What stands in a column of a table of answers.
pub(super) enum Answer {
    Name(String),
    Number(f64),
}

/// Writes records with the scores of one model.
pub(super) struct RecordWriter<'m> {
    model: &'m LoadedModel,
    fields: Fields,
    explain: JsonlText,
    /// The head whose label is the record's, and those beside it.
    first: Named,
    further: Vec<Named>,
    /// What the model says beside its scores.
    aside: Option<Aside<'m>>,
}

impl<'m> RecordWriter<'m> {
    pub(super) fn new(model: &'m LoadedModel, fields: &Fields) -> Result<Self> {
        let mut heads = model.scorer.heads().iter().map(Named::of).collect::<Result<Vec<_>>>()?.into_iter();
        let first = heads.next().ok_or_else(|| {
            Error::unsupported("prompt predict", "a model without heads", "take another model")
        })?;
        let explain = JsonlText::new(fields.clone())?;
        let further: Vec<Named> = heads.collect();
        if let Some(several) = further.iter().find(|head| head.numbers.len() > 1) {
            return Err(Error::unsupported(
                "prompt predict",
                format!("the further head `{}` of several numbers", several.name),
                "take a model whose further heads are classes or one number",
            ));
        }
        let taken =
            |name: &&String| OWN.contains(&name.as_str()) || ["text", "heads"].contains(&name.as_str());
        if let Some(name) = first.numbers.iter().filter(|_| first.numbers.len() > 1).find(taken) {
            return Err(Error::unsupported(
                "prompt predict",
                format!("a number called `{name}`, as a field of every answer is"),
                "name it otherwise in the model's `id2label`",
            ));
        }
        let aside = Aside::of(&*model.scorer).filter(|aside| aside.column().is_some());
        Ok(Self { model, fields: fields.clone(), explain, first, further, aside })
    }

    /// The same for a table, in which every column has a name of its own. (In JSON lines further heads are kept apart.)
    pub(super) fn of_table(model: &'m LoadedModel, fields: &Fields) -> Result<Self> {
        let writer = Self::new(model, fields)?;
        let own = writer.answer_columns().into_iter().map(|(name, _)| name);
        match twice(own) {
            None => Ok(writer),
            Some(name) => Err(Error::unsupported(
                "a table of answers",
                format!("heads of which two columns would be called `{name}`"),
                "write JSON lines, where each head stands under its name, or train the head under another one",
            )),
        }
    }

    /// Appends the record's line.
    pub(super) fn write(&self, record: &Record<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<()> {
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
    pub(super) fn write_scored(&self, record: &Record<'_>, scores: &[f64], out: &mut Vec<u8>) {
        out.push(b'{');
        let labels = self.fields.label.names();
        let label = labels.iter().find(|n| record.fields.iter().any(|(k, _)| k == *n));
        for (name, raw) in &record.fields {
            self.write_field(name, raw.get(), label.is_some_and(|l| name == l), out);
        }
        self.write_scores(&record.text, scores, out);
    }

    /// Appends the line of a record that was not JSON, with these [`scores`](Self::scores).
    pub(super) fn write_example(&self, example: &Example, scores: &[f64], out: &mut Vec<u8>) {
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

    /// The columns of the CSV form.
    pub(super) fn csv_header(&self) -> Vec<String> {
        let mut header: Vec<String> = ["line", "text", "true_label"].map(str::to_owned).to_vec();
        header.extend(self.answer_columns().into_iter().map(|(name, _)| name));
        header.extend(["error".to_owned(), "flags".to_owned()]);
        header
    }

    /// The columns of the answers, and whether they hold names. Heads beside the first have theirs without the
    /// probabilities of each class.
    pub(super) fn answer_columns(&self) -> Vec<(String, bool)> {
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
    pub(super) fn answers(&self, text: &str, scores: &[f64]) -> Vec<Answer> {
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

    /// What the model says of a text beside its scores.
    fn said(&self, text: &str, scores: &[f64]) -> Option<Said> {
        thread_local! {
            static MEMORY: RefCell<AsideMemory> = RefCell::default();
        }
        let aside = self.aside.as_ref()?;
        MEMORY.with_borrow_mut(|memory| aside.of_text(&*self.model.scorer, (text, scores), memory))
    }

    fn set_names(&self, codes: &[u32]) -> Vec<&str> {
        let classes = self.first.classes.as_ref();
        codes.iter().filter_map(|&code| classes.map(|classes| classes.name(code))).collect()
    }

    /// The cells of one record.
    pub(super) fn csv_row(&self, example: &Example, scores: &[f64]) -> Vec<String> {
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
    pub(super) fn csv_error(&self, line: u64, error: &Error) -> Vec<String> {
        let mut row: Vec<String> = self
            .csv_header()
            .iter()
            .map(|name| if name == "error" { error.to_string() } else { String::new() })
            .collect();
        row[0] = line.to_string();
        row
    }

    /// The numbers of one text, head after head: a probability for each class, or the score.
    pub(super) fn scores(&self, text: &str, scratch: &mut Scratch) -> Result<Vec<f64>> {
        let mut scores = vec![0.0; self.width()];
        self.model.scorer.score_text(text, scratch, &mut scores)?;
        Ok(scores)
    }

    /// How many records are to be scored together.
    pub(super) fn together(&self) -> usize {
        if self.model.scorer.in_batches() { TOGETHER } else { 1 }
    }

    /// The same of several texts, each of which may fail by itself.
    pub(super) fn scores_of(&self, texts: &[&str], scratch: &mut Scratch) -> Vec<Result<Vec<f64>>> {
        if texts.len() > 1
            && let Ok(heads) = self.model.scorer.score(Batch::Texts(&texts.to_vec()))
        {
            let of = |i| heads.iter().flat_map(|head| head.row(i)).copied().collect();
            return (0..texts.len()).map(|i| Ok(of(i))).collect();
        }
        texts.iter().map(|text| self.scores(text, scratch)).collect()
    }

    /// How many numbers a text has.
    fn width(&self) -> usize {
        self.first.width() + self.further.iter().map(Named::width).sum::<usize>()
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

/// Between the classes of a prediction set where it stands in a cell.
pub const SET_SEPARATOR: &str = "|";

/// What a person should look at in a text.
#[derive(Serialize)]
struct Shown {
    kind: FlagKind,
    /// Bytes of the text.
    start: usize,
    end: usize,
    /// The hidden text, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<String>,
}

/// The flags of a text, whether or not the model has a sanitiser.
fn flags(text: &str) -> impl Iterator<Item = Shown> {
    let shown = |flag: Flag| Shown {
        kind: flag.kind,
        start: flag.range.start,
        end: flag.range.end,
        decoded: flag.decoded,
    };
    Sanitiser::default().flags(text).into_iter().map(shown)
}

/// The kinds of flags of a text, each once, in a line.
pub(super) fn flag_names(text: &str) -> String {
    let kinds: BTreeSet<&str> = flags(text).map(|f| f.kind.name()).collect();
    kinds.into_iter().collect::<Vec<_>>().join(" ")
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
pub(super) fn write_error(line: u64, error: &Error, out: &mut Vec<u8>) {
    let object = serde_json::json!({ "line": line, "error": error.to_string() });
    let _ = serde_json::to_writer(&mut *out, &object);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_would_come_twice_is_found() {
        let classes = Classes::new(["a", "b"]).unwrap();
        let of = |further: &[(&str, bool)]| column_twice(Some(&classes), further.iter().copied());
        assert_eq!(of(&[("level", true), ("words", false), ("score", false)]), None);
        for (further, twice) in [
            (&[("text", false)][..], "text"),
            (&[("flags", true)], "flags"),
            (&[("input", true)], "input"),
            (&[("label", true)], "label"),
            (&[("p_b", false)], "p_b"),
            (&[("level", true), ("level_confidence", false)], "level_confidence"),
        ] {
            assert_eq!(of(further).as_deref(), Some(twice));
        }
        assert_eq!(column_twice(None, [("p_b", false), ("label", true)]), None);
        assert_eq!(column_twice(None, [("score", false)]).as_deref(), Some("score"));
    }
}
