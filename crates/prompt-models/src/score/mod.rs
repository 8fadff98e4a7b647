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
use prompt_data::Fields;
use prompt_data::read::{Examples, LineError, LineReader, ReadOptions, read_error};
use prompt_data::write::CsvWriter;
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
        let blocks: Vec<Block> = batch
            .lines
            .par_chunks(LINES_PER_TASK)
            .map_init(Scratch::new, |scratch, lines| {
                let mut block = Block::default();
                for (number, line) in lines {
                    block.push(name, *number, line.as_ref().map(|r| batch.bytes(r)), &writer, scratch);
                    if options.strict && block.first_error.is_some() {
                        break;
                    }
                }
                block
            })
            .collect();
        for block in blocks {
            output.write_all(&block.bytes).map_err(unwritten)?;
            summary.scored += block.scored;
            summary.bad += block.bad;
            if let Some(error) = block.first_error.filter(|_| options.strict) {
                return Err(error);
            }
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

/// Scores examples of any kind that [`ReadOptions`] reads (CSV, JSON lists, JSON lines), one at a time, into JSON lines like
/// those of [`score_jsonl`].
///
/// # Errors
/// As [`score_jsonl`].
pub fn score_examples(
    mut examples: Examples,
    output: &mut impl Write,
    model: &LoadedModel,
    options: &ScoreOptions,
    cancel: &CancelToken,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let writer = RecordWriter::new(model, &options.fields)?;
    let mut scratch = Scratch::new();
    let mut bytes = Vec::new();
    while let Some(example) = examples.next() {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        bytes.clear();
        let mut last = None;
        match example.and_then(|e| writer.write_example(&e, &mut scratch, &mut bytes)) {
            Ok(()) => summary.scored += 1,
            Err(error @ Error::Parse { line, .. }) => {
                bytes.clear();
                record::write_error(line.unwrap_or(0), &error, &mut bytes);
                summary.bad += 1;
                last = Some(error).filter(|_| options.strict || examples.is_cut());
            }
            Err(error) => return Err(error),
        }
        output.write_all(&bytes).map_err(unwritten)?;
        if let Some(error) = last {
            return Err(error);
        }
    }
    output.flush().map_err(unwritten)
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
    mut examples: Examples,
    output: &mut impl Write,
    model: &LoadedModel,
    options: &ScoreOptions,
    cancel: &CancelToken,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let writer = RecordWriter::of_table(model, &options.fields)?;
    let mut csv = CsvWriter::new(output, b',', true);
    csv.row(writer.csv_header()).map_err(unwritten)?;
    let mut scratch = Scratch::new();
    let mut stopped = None;
    while let Some(example) = examples.next() {
        if cancel.is_cancelled() {
            stopped = Some(Error::Cancelled);
            break;
        }
        match example.and_then(|e| writer.csv_row(&e, &mut scratch)) {
            Ok(row) => {
                csv.row(row).map_err(unwritten)?;
                summary.scored += 1;
            }
            Err(error @ Error::Parse { line, .. }) => {
                csv.row(writer.csv_error(line.unwrap_or(0), &error)).map_err(unwritten)?;
                summary.bad += 1;
                if options.strict || examples.is_cut() {
                    stopped = Some(error);
                    break;
                }
            }
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
    }
    csv.into_inner().and_then(Write::flush).map_err(unwritten)?;
    stopped.map_or(Ok(()), Err)
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

/// Lines waiting to be scored: their bytes one after another.
#[derive(Default)]
struct Batch {
    buffer: Vec<u8>,
    lines: Vec<(u64, Result<std::ops::Range<usize>, String>)>,
    failure: Option<Error>,
}

impl Batch {
    fn bytes(&self, range: &std::ops::Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
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
    fn push(
        &mut self,
        name: &Path,
        number: u64,
        line: Result<&[u8], &String>,
        writer: &RecordWriter<'_>,
        scratch: &mut Scratch,
    ) {
        let written = self.bytes.len();
        let result = match line {
            Ok(bytes) => {
                Record::parse(bytes, writer).and_then(|r| writer.write(&r, scratch, &mut self.bytes))
            }
            Err(what) => Err(Error::parse("<line>", None, None, what.clone(), "the others were scored")),
        };
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
