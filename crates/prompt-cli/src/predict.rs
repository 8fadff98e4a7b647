//! `prompt predict`.

use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use prompt_models::core::{CancelToken, Error, Result};
use prompt_models::data::Fields;
use prompt_models::data::read::{ReadOptions, open_bytes};
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
    let options = ScoreOptions { fields, strict: args.strict, max_line_bytes: args.max_line_bytes };
    let line = args.text.as_ref().map(|text| serde_json::json!({ "text": text }).to_string());
    let score = |out: &mut dyn Write| -> Result<ScoreSummary> {
        let mut out = out;
        if model.manifest.task == tabular::TASK {
            return crate::tabular::predict(args, &model, format, out);
        }
        match (&line, &args.input, format) {
            (Some(line), _, Format::Jsonl) => score_jsonl(
                Path::new("<text>"),
                line.as_bytes(),
                &mut out,
                &model,
                &ScoreOptions::default(),
                stop,
            ),
            (Some(line), _, Format::Csv) => {
                let examples = ReadOptions::default().from_bytes("<text>.jsonl", line.as_bytes())?;
                score_csv(examples, &mut out, &model, &ScoreOptions::default(), stop)
            }
            (None, Some(path), Format::Csv) => {
                score_csv(options.read().open(path)?, &mut out, &model, &options, stop)
            }
            (None, Some(path), Format::Jsonl) if is_lines(path) => {
                score_jsonl(path, open_bytes(path)?, &mut out, &model, &options, stop)
            }
            (None, Some(path), Format::Jsonl) => score_file(path, &mut out, &model, &options, stop),
            (None, None, _) => Err(Error::input(
                "nothing to score",
                "give a text, or a file with --input (- for standard input)",
            )),
        }
    };
    if let Some(text) = &args.text {
        for flag in Sanitiser::default().flags(text) {
            eprintln!("{}", in_words(text, &flag));
        }
    }
    let summary = if args.output.as_os_str() == "-" {
        score(&mut BufWriter::new(std::io::stdout().lock()))?
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

/// The form of the output by its name.
fn format_of(output: &Path) -> Format {
    let csv = output.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    if csv { Format::Csv } else { Format::Jsonl }
}

/// Whether a file is JSON lines by its name; standard input is.
fn is_lines(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    name == "-" || name.ends_with(".jsonl") || name.ends_with(".ndjson")
}
