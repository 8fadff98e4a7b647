//! Scoring streams of records with a saved pipeline: in the order of the input, in bounded memory, on all cores.
//!
//! ```text
//! lines → blocks of lines → (in parallel: parse, score, write as JSON) → blocks in order → output
//! ```

#[cfg(feature = "parquet")]
mod parquet;
mod record;

use std::io::{Read, Write};
use std::path::Path;

use prompt_core::{CancelToken, Error, Result, Scratch};
use prompt_data::read::{Examples, LineError, LineReader, ReadOptions, read_error};
use prompt_data::write::CsvWriter;
use prompt_data::{Example, Fields};
use rayon::prelude::*;

use crate::pipeline::LoadedModel;
#[cfg(feature = "parquet")]
pub use parquet::score_parquet;
pub(crate) use record::{COLUMNS, column_twice};
use record::{Record, RecordWriter};
pub use record::{SET_SEPARATOR, number_names};

/// Bytes of lines that are scored at once; with a second buffer for the output this bounds the memory.
const BATCH_BYTES: usize = 4 << 20;
/// Lines that one task takes from a batch: enough to hide the cost of a task, few enough to share the batch out.
const LINES_PER_TASK: usize = 256;

/// What stands for the output in errors: these functions write to a stream and know no name.
pub const OUTPUT: &str = "<output>";

/// How a stream is read.
#[derive(Debug, Clone)]
pub struct ScoreOptions {
    /// Names of the fields.
    pub fields: Fields,
    /// Stop at the first bad line.
    pub strict: bool,
    /// Longest legal line in bytes.
    pub max_line_bytes: usize,
}

impl Default for ScoreOptions {
    fn default() -> Self {
        Self { fields: Fields::default(), strict: false, max_line_bytes: 16 << 20 }
    }
}

/// What was scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScoreSummary {
    /// Records scored.
    pub scored: u64,
    /// Lines that were no record.
    pub bad: u64,
}

/// Scores JSON lines. Each output line is the input object plus `label`, `probabilities` and `confidence` (or `score`, or the
/// names of several numbers) of the model's first head, `prediction_set` (names of classes) or `spread` where the model has
/// them, `heads` with the same for each further one by its name, and `flags` where the sanitiser flags
/// something (`kind`, `start` and `end` in bytes of the text, and `decoded` for hidden text); the input's own label becomes
/// `true_label`; a bad line becomes `{"line": N, "error": …}` in its place. Where the stream ends before its time (a
/// truncated archive) one such line stands for all that are missing. `summary` counts what was done, also where it ends in
/// an error.
///
/// # Errors
/// A stream that fails, a cancelled token, or, with `strict`, the first bad line. What was scored before is written.
pub fn score_jsonl(
    name: &Path,
    input: impl Read,
    output: &mut impl Write,
    model: &LoadedModel,
    options: &ScoreOptions,
    cancel: &CancelToken,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let writer = RecordWriter::new(model, &options.fields)?;
    let mut lines = LineReader::new(input, options.max_line_bytes);
    let mut batch = Batch::default();
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let more = batch.fill(name, &mut lines);
        let mut put = |block: Block| {
            output.write_all(&block.bytes).map_err(unwritten)?;
            summary.scored += block.scored;
            summary.bad += block.bad;
            block.first_error.filter(|_| options.strict).map_or(Ok(()), Err)
        };
        if writer.together() > 1 {
            // The scorer shares a batch among threads itself.
            for lines in batch.lines.chunks(writer.together()) {
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                put(Block::together(name, &batch, lines, &writer, options.strict))?;
            }
        } else {
            let blocks: Vec<Block> = batch
                .lines
                .par_chunks(LINES_PER_TASK)
                .map_init(Scratch::new, |scratch, lines| {
                    Block::one_by_one(name, &batch, lines, &writer, (options.strict, scratch))
                })
                .collect();
            blocks.into_iter().try_for_each(put)?;
        }
        if let Some(error) = batch.failure.take() {
            if let Error::Parse { line: Some(line), .. } = error {
                let mut bytes = Vec::new();
                record::write_error(line, &error, &mut bytes);
                output.write_all(&bytes).map_err(unwritten)?;
            }
            return Err(error);
        }
        if !more {
            return output.flush().map_err(unwritten);
        }
    }
}

/// Scores examples of any kind that [`ReadOptions`] reads (CSV, JSON lists, JSON lines) into JSON lines like
/// those of [`score_jsonl`].
///
/// # Errors
/// As [`score_jsonl`].
pub fn score_examples(
    examples: Examples,
    output: &mut impl Write,
    model: &LoadedModel,
    options: &ScoreOptions,
    cancel: &CancelToken,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let writer = RecordWriter::new(model, &options.fields)?;
    let mut bytes = Vec::new();
    let stopped = each(examples, &writer, (options.strict, cancel), summary, |scored| {
        bytes.clear();
        match scored {
            Scored::Example(example, scores) => writer.write_example(&example, &scores, &mut bytes),
            Scored::Bad(line, error) => record::write_error(line, error, &mut bytes),
        }
        output.write_all(&bytes).map_err(unwritten)
    });
    output.flush().map_err(unwritten)?;
    stopped
}

/// Scores examples into CSV: `line`, `text`, `true_label`, `label`, `confidence`, `p_CLASS` for every class (or `score`, or the
/// names of several numbers) of the first head, `prediction_set` (names of classes with `|` between them) or `spread` where the
/// model has them, of each further one its label or number under its name and, of a label, `NAME_confidence`, `error`, and
/// `flags` (the kinds of what the sanitiser flags). A bad line keeps its place with its error; one stands for all that a
/// truncated archive lacks. Cells that a spreadsheet would run are disarmed.
///
/// # Errors
/// As [`score_jsonl`]; heads of which two columns would have one name.
pub fn score_csv(
    examples: Examples,
    output: &mut impl Write,
    model: &LoadedModel,
    options: &ScoreOptions,
    cancel: &CancelToken,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let writer = RecordWriter::of_table(model, &options.fields)?;
    let mut csv = CsvWriter::new(output, b',', true);
    csv.row(writer.csv_header()).map_err(unwritten)?;
    let stopped = each(examples, &writer, (options.strict, cancel), summary, |scored| {
        let row = match scored {
            Scored::Example(example, scores) => writer.csv_row(&example, &scores),
            Scored::Bad(line, error) => writer.csv_error(line, error),
        };
        csv.row(row).map_err(unwritten)
    });
    csv.into_inner().and_then(Write::flush).map_err(unwritten)?;
    stopped
}

/// What comes of one record.
enum Scored<'a> {
    Example(Example, Vec<f64>),
    /// A line that could not be read or scored.
    Bad(u64, &'a Error),
}

/// Scores examples as many at a time as the model likes, and hands on what comes of each in their order. The first error
/// ends it where it is `strict` or the file is cut, and any that is not about one line.
fn each(
    mut examples: Examples,
    writer: &RecordWriter<'_>,
    (strict, cancel): (bool, &CancelToken),
    summary: &mut ScoreSummary,
    mut put: impl FnMut(Scored<'_>) -> Result<()>,
) -> Result<()> {
    let mut scratch = Scratch::new();
    loop {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let read: Vec<Result<Example>> = examples.by_ref().take(writer.together()).collect();
        if read.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = read.iter().flatten().map(|example| example.text.as_str()).collect();
        let mut scores = writer.scores_of(&texts, &mut scratch).into_iter();
        let last = read.len();
        for (at, example) in (1..).zip(read) {
            let scored = example.and_then(|example| {
                let scores = scores.next().unwrap_or_else(|| writer.scores(&example.text, &mut scratch))?;
                Ok((example, scores))
            });
            match scored {
                Ok((example, scores)) => {
                    put(Scored::Example(example, scores))?;
                    summary.scored += 1;
                }
                Err(error @ Error::Parse { line, .. }) => {
                    put(Scored::Bad(line.unwrap_or(0), &error))?;
                    summary.bad += 1;
                    if strict || (at == last && examples.is_cut()) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The stream's error; who knows the output's name puts it in the place of this one.
fn unwritten(error: std::io::Error) -> Error {
    Error::io("write", OUTPUT, error)
}

impl ScoreOptions {
    /// The same for reading examples one by one.
    pub fn read(&self) -> ReadOptions {
        ReadOptions {
            fields: self.fields.clone(),
            strict: self.strict,
            max_line_bytes: self.max_line_bytes,
            ..ReadOptions::default()
        }
    }
}

/// The number of a line and where its bytes are, or what is wrong with it.
type WaitingLine = (u64, Result<std::ops::Range<usize>, String>);

/// Lines waiting to be scored: their bytes one after another.
#[derive(Default)]
struct Batch {
    buffer: Vec<u8>,
    lines: Vec<WaitingLine>,
    failure: Option<Error>,
}

impl Batch {
    fn bytes(&self, range: &std::ops::Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// The record of one of the lines.
    fn record(
        &self,
        line: &Result<std::ops::Range<usize>, String>,
        writer: &RecordWriter<'_>,
    ) -> Result<Record<'_>> {
        match line {
            Ok(range) => Record::parse(self.bytes(range), writer),
            Err(what) => Err(Error::parse("<line>", None, None, what.clone(), "the others were scored")),
        }
    }

    /// Fills up from the stream; false at its end.
    fn fill(&mut self, name: &Path, lines: &mut LineReader<impl Read>) -> bool {
        self.buffer.clear();
        self.lines.clear();
        while self.buffer.len() < BATCH_BYTES {
            match lines.next_line() {
                None => return false,
                Some(Ok(line)) if line.bytes.trim_ascii().is_empty() => {}
                Some(Ok(line)) => {
                    let start = self.buffer.len();
                    self.buffer.extend_from_slice(line.bytes);
                    self.lines.push((line.number, Ok(start..self.buffer.len())));
                }
                Some(Err(LineError::TooLong { number, bytes })) => {
                    let what = format!("the line has {bytes} bytes; raise --max-line-bytes to score it");
                    self.lines.push((number, Err(what)));
                }
                Some(Err(LineError::Io { number, source })) => {
                    self.failure = Some(read_error(name, number, source));
                    return false;
                }
                Some(Err(other)) => {
                    self.failure = Some(Error::input(format!("{other:?}"), "check the input"));
                    return false;
                }
            }
        }
        true
    }
}

/// The output of one task.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    scored: u64,
    bad: u64,
    first_error: Option<Error>,
}

impl Block {
    /// Lines that are read, scored and written one after the other.
    fn one_by_one(
        name: &Path,
        batch: &Batch,
        lines: &[WaitingLine],
        writer: &RecordWriter<'_>,
        (strict, scratch): (bool, &mut Scratch),
    ) -> Self {
        let mut block = Self::default();
        for (number, line) in lines {
            let written = block.bytes.len();
            let result = batch
                .record(line, writer)
                .and_then(|record| writer.write(&record, scratch, &mut block.bytes));
            block.note(name, *number, written, result);
            if strict && block.first_error.is_some() {
                break;
            }
        }
        block
    }

    /// Lines that are read, then scored together, then written.
    fn together(
        name: &Path,
        batch: &Batch,
        lines: &[WaitingLine],
        writer: &RecordWriter<'_>,
        strict: bool,
    ) -> Self {
        let (mut block, mut scratch) = (Self::default(), Scratch::new());
        let records: Vec<Result<Record<'_>>> =
            lines.iter().map(|(_, line)| batch.record(line, writer)).collect();
        let texts: Vec<&str> = records.iter().flatten().map(Record::text).collect();
        let mut scores = writer.scores_of(&texts, &mut scratch).into_iter();
        for ((number, _), record) in lines.iter().zip(records) {
            let written = block.bytes.len();
            let result = record.and_then(|record| {
                let scores = scores.next().unwrap_or_else(|| writer.scores(record.text(), &mut scratch))?;
                writer.write_scored(&record, &scores, &mut block.bytes);
                Ok(())
            });
            block.note(name, *number, written, result);
            if strict && block.first_error.is_some() {
                break;
            }
        }
        block
    }

    /// Counts a line; one that failed is written as an error in its place, where `written` bytes stood before it.
    fn note(&mut self, name: &Path, number: u64, written: usize, result: Result<()>) {
        match result {
            Ok(()) => self.scored += 1,
            Err(error) => {
                self.bytes.truncate(written);
                let error = prompt_data::read::JsonlText::at(error, name, number);
                record::write_error(number, &error, &mut self.bytes);
                self.bad += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
mod tests;
