//! `prompt predict`.

use std::fs;
use std::io::{BufWriter, Cursor, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use prompt_models::LoadedModel;
use prompt_models::core::{CancelToken, Error, Result};
use prompt_models::data::Fields;
use prompt_models::data::read::{Examples, open_bytes};
use prompt_models::data::sanitise::{Flag, Sanitiser};
use prompt_models::data::table::LoadedTable;
use prompt_models::data::write::AtomicFile;
use prompt_models::score::{OUTPUT, ScoreOptions, ScoreSummary, score_csv, score_examples, score_jsonl};
use prompt_models::tabular;

use crate::args::{Format, Predict};

pub(crate) fn run(args: &Predict, stop: &CancelToken) -> Result<ExitCode> {
    let model = crate::model::open_on(&args.model, &args.registry.place, &args.device)?;
    let mut fields = Fields::default();
    if let Some(text) = &args.text_field {
        fields.text = text.as_str().into();
    }
    let format = args.format.unwrap_or_else(|| format_of(&args.output));
    let options = match args.text {
        Some(_) => ScoreOptions::default(),
        None => ScoreOptions { fields, strict: args.strict, max_line_bytes: args.max_line_bytes },
    };
    // Before the output: an input that is not there costs no file.
    let input = open(args, &model, format, &options)?;
    if let Some(text) = &args.text {
        for flag in Sanitiser::default().flags(text) {
            eprintln!("{}", in_words(text, &flag));
        }
    }
    let mut summary = ScoreSummary::default();
    let score = |mut out: &mut (dyn Write + Send), summary: &mut ScoreSummary| match input {
        Input::Table(data) => crate::tabular::predict(data, &model, (format, args.strict), out, summary),
        Input::Lines(name, bytes) => score_jsonl(&name, bytes, &mut out, &model, &options, stop, summary),
        Input::Examples(examples) => match format {
            Format::Jsonl => score_examples(examples, &mut out, &model, &options, stop, summary),
            Format::Csv => score_csv(examples, &mut out, &model, &options, stop, summary),
            Format::Parquet => parquet(examples, out, &model, &options, stop, summary),
        },
    };
    if args.output.as_os_str() == "-" {
        let mut out = BufWriter::new(std::io::stdout());
        score(&mut out, &mut summary).map_err(|e| named(e, Path::new("<standard output>")))?;
    } else {
        to_file(&args.output, score, &mut summary)?;
    }
    if summary.bad > 0 {
        eprintln!(
            "{} of {} lines could not be scored; each says why in its place",
            summary.bad,
            summary.bad + summary.scored
        );
    }
    Ok(if summary.scored == 0 && summary.bad > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is scored, open.
enum Input {
    /// JSON lines, scored in blocks on all cores, and their name.
    Lines(PathBuf, Box<dyn Read + Send>),
    Examples(Examples),
    Table(LoadedTable),
}

/// Opens what is to be scored; a table is read whole.
fn open(args: &Predict, model: &LoadedModel, format: Format, options: &ScoreOptions) -> Result<Input> {
    if model.manifest.task == tabular::TASK {
        return crate::tabular::rows_to_score(args, model).map(Input::Table);
    }
    match (&args.text, &args.input) {
        (Some(text), _) => {
            let line = serde_json::json!({ "text": text }).to_string();
            Ok(match format {
                Format::Jsonl => Input::Lines("<text>".into(), Box::new(Cursor::new(line))),
                _ => Input::Examples(options.read().from_bytes("<text>.jsonl", line.as_bytes())?),
            })
        }
        (None, Some(path)) if format == Format::Jsonl && is_lines(path) => {
            Ok(Input::Lines(path.clone(), open_bytes(path)?))
        }
        (None, Some(path)) => options.read().open(path).map(Input::Examples),
        (None, None) => Err(Error::input(
            "nothing to score",
            "give a text, or a file with --input (- for standard input)",
        )),
    }
}

/// Scores into a file, which appears when all is done. What was scored before a failure is kept: under the file's name
/// where nothing has it, else beside what is there.
fn to_file(
    path: &Path,
    score: impl FnOnce(&mut (dyn Write + Send), &mut ScoreSummary) -> Result<()>,
    summary: &mut ScoreSummary,
) -> Result<()> {
    let was_there = fs::exists(path).unwrap_or(true);
    let mut file = AtomicFile::create(path)?;
    let outcome = score(&mut file, summary).map_err(|e| named(e, path));
    let keep = |file: AtomicFile| match was_there {
        true => file.commit_partial(),
        false => file.commit().map(|()| path.to_path_buf()),
    };
    match outcome {
        // Lines that only say why they could not be scored replace no scores.
        Ok(()) if summary.scored == 0 && summary.bad > 0 && was_there => {
            let kept = keep(file)?;
            eprintln!("nothing was scored: {} stays as it was; why is in {}", path.display(), kept.display());
            Ok(())
        }
        Ok(()) => file.commit(),
        // What could not be written is not worth keeping.
        Err(error @ Error::Io { action: "write", .. }) => Err(error),
        Err(error) => {
            if summary.scored > 0 {
                let kept = keep(file)?;
                eprintln!(
                    "the {} rows that were scored before are kept in {}",
                    summary.scored,
                    kept.display()
                );
                if was_there {
                    eprintln!("{} stays as it was", path.display());
                }
            }
            Err(error)
        }
    }
}

/// The error with the output's name.
fn named(error: Error, output: &Path) -> Error {
    match error {
        Error::Io { action, path, source } if path.as_os_str() == OUTPUT => Error::io(action, output, source),
        other => other,
    }
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
    _: &mut ScoreSummary,
) -> Result<()> {
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
