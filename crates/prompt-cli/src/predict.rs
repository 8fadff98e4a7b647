//! `prompt predict`.

use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

#[cfg(not(feature = "parquet"))]
use prompt_models::LoadedModel;
use prompt_models::core::{CancelToken, Error, Result};
use prompt_models::data::Fields;
#[cfg(not(feature = "parquet"))]
use prompt_models::data::read::Examples;
use prompt_models::data::read::open_bytes;
use prompt_models::data::sanitise::{Flag, Sanitiser};
use prompt_models::data::write::AtomicFile;
use prompt_models::score::{ScoreOptions, ScoreSummary, score_csv, score_file, score_jsonl};
use prompt_models::tabular;

use crate::args::{Format, Predict};

pub(crate) fn run(args: &Predict, stop: &CancelToken) -> Result<ExitCode> {
    let model = crate::model::open(&args.model, &args.registry.place)?;
    let mut fields = Fields::default();
    if let Some(text) = &args.text_field {
        fields.text = text.as_str().into();
    }
    let format = args.format.unwrap_or_else(|| format_of(&args.output));
    let line = args.text.as_ref().map(|text| serde_json::json!({ "text": text }).to_string());
    let options = match line {
        Some(_) => ScoreOptions::default(),
        None => ScoreOptions { fields, strict: args.strict, max_line_bytes: args.max_line_bytes },
    };
    let nothing =
        || Error::input("nothing to score", "give a text, or a file with --input (- for standard input)");
    let examples = || match (&line, &args.input) {
        (Some(line), _) => options.read().from_bytes("<text>.jsonl", line.as_bytes()),
        (None, Some(path)) => options.read().open(path),
        (None, None) => Err(nothing()),
    };
    let score = |mut out: &mut (dyn Write + Send)| {
        if model.manifest.task == tabular::TASK {
            return crate::tabular::predict(args, &model, format, out);
        }
        match (format, &line, &args.input) {
            (Format::Csv, ..) => score_csv(examples()?, &mut out, &model, &options, stop),
            (Format::Parquet, ..) => parquet(examples()?, out, &model, &options, stop),
            (Format::Jsonl, Some(line), _) => {
                score_jsonl(Path::new("<text>"), line.as_bytes(), &mut out, &model, &options, stop)
            }
            (Format::Jsonl, None, Some(path)) if is_lines(path) => {
                score_jsonl(path, open_bytes(path)?, &mut out, &model, &options, stop)
            }
            (Format::Jsonl, None, Some(path)) => score_file(path, &mut out, &model, &options, stop),
            (Format::Jsonl, None, None) => Err(nothing()),
        }
    };
    if let Some(text) = &args.text {
        for flag in Sanitiser::default().flags(text) {
            eprintln!("{}", in_words(text, &flag));
        }
    }
    let summary = if args.output.as_os_str() == "-" {
        score(&mut BufWriter::new(std::io::stdout()))?
    } else {
        let mut file = AtomicFile::create(&args.output)?;
        match score(&mut file) {
            Ok(summary) => {
                file.commit()?;
                summary
            }
            // What could not be written is not worth keeping; what was scored before the input failed is.
            Err(error @ Error::Io { action: "write", .. }) => return Err(error),
            Err(error) => {
                file.commit()?;
                eprintln!("what was scored before is kept in {}", args.output.display());
                return Err(error);
            }
        }
    };
    if summary.bad > 0 {
        eprintln!(
            "{} of {} lines could not be scored; each says why in its place",
            summary.bad,
            summary.bad + summary.scored
        );
    }
    Ok(if summary.scored == 0 && summary.bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a person should look at in the text that was typed.
fn in_words(text: &str, flag: &Flag) -> String {
    const LONGEST: usize = 60;
    let Range { start, end } = flag.range;
    let quote = |text: &str| {
        let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        if text.chars().count() > LONGEST { format!("“{shown}…”") } else { format!("“{shown}”") }
    };
    let what = match &flag.decoded {
        Some(hidden) => format!("hidden text that reads {}", quote(hidden)),
        None => format!("{}: {}", flag.kind.words(), quote(text.get(start..end).unwrap_or_default())),
    };
    format!("look at bytes {start} to {end}: {what}")
}

#[cfg(feature = "parquet")]
use prompt_models::score::score_parquet as parquet;

#[cfg(not(feature = "parquet"))]
fn parquet(
    _: Examples,
    _: &mut (dyn Write + Send),
    _: &LoadedModel,
    _: &ScoreOptions,
    _: &CancelToken,
) -> Result<ScoreSummary> {
    Err(no_parquet())
}

/// What a build without Parquet answers.
#[cfg(not(feature = "parquet"))]
pub(crate) fn no_parquet() -> Error {
    Error::unsupported(
        "this build",
        "writing Parquet",
        "build with the feature `parquet` (cargo build --release --features prompt-cli/parquet), or take jsonl or csv",
    )
}

/// The form of the output by its name.
fn format_of(output: &Path) -> Format {
    let named = |extension: &str| output.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if named("csv") {
        Format::Csv
    } else if named("parquet") {
        Format::Parquet
    } else {
        Format::Jsonl
    }
}

/// Whether a file is JSON lines by its name; standard input is.
fn is_lines(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    name == "-" || name.ends_with(".jsonl") || name.ends_with(".ndjson")
}
