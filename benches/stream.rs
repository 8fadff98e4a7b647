//! Prompts a second and peak memory of `prompt predict` on a long file, which must not grow with it:
//!
//! ```text
//! cargo bench --bench stream -- [--work DIR] [--megabytes N,…] [--json]
//! ```

#[path = "common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod memory;
    pub(crate) mod place;
    pub(crate) mod report;
    pub(crate) mod table;
}

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use prompt_models::core::artifact::{self, Manifest};
use prompt_models::core::{Error, Fit, FitContext, Result, Scorer, Seed, Target, Then};
use prompt_models::data::sanitise::Sanitiser;
use prompt_models::features::Tfidf;
use prompt_models::linear::{LinearSvm, LogisticRegression};
use prompt_models::pipeline::Features;
use serde::Serialize;

use common::machine;
use common::memory::peak_mib;
use common::place::Place;
use common::report;
use common::table::{Table, cell};

const THREADS: usize = 2;
const WORDS: usize = 60;
/// Documents that the models are fitted on.
const TRAIN: usize = 24_000;
/// Least prompts a second.
const BAR: f64 = 150_000.0;

/// Throughput and memory of `prompt predict` on long files.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Sizes of the files, in millions of bytes.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [250, 1000])]
    megabytes: Vec<u64>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    report::exit_code(run(&Arguments::parse()))
}

/// One model on one file.
#[derive(Serialize)]
struct Line {
    model: &'static str,
    megabytes: u64,
    prompts: u64,
    seconds: f64,
    prompts_per_second: f64,
    bar: Option<f64>,
    peak_mib: Option<f64>,
}

fn run(arguments: &Arguments) -> Result<()> {
    let machine = machine::describe(None);
    let work = arguments.place.data()?;
    let path = work.join("docs.txt");
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    let program = build_program()?;
    let folder = tempfile::tempdir_in(work).map_err(|e| Error::io("create a folder in", work, e))?;
    let models = save_models(&text, work, folder.path())?;

    let mut lines = Vec::new();
    for &megabytes in &arguments.megabytes {
        let input = folder.path().join("prompts.jsonl");
        let prompts = write_prompts(&text, &input, megabytes * 1_000_000)?;
        for model in &models {
            eprintln!("{}: {megabytes} MB", model.name);
            let (seconds, peak_mib) = predict(&program, &model.folder, &input)?;
            lines.push(Line {
                model: model.name,
                megabytes,
                prompts,
                seconds,
                prompts_per_second: prompts as f64 / seconds,
                bar: model.bar,
                peak_mib,
            });
        }
    }
    let what = format!("prompt predict on prompts of {WORDS} words, {THREADS} threads");
    report::print(arguments.json, &machine, &what, &table(&lines), &lines);
    Ok(())
}

fn table(lines: &[Line]) -> Table {
    let mut table =
        Table::new(&["model", "MB", "prompts", "seconds", "prompts/s", "bar", "verdict", "peak MiB"]);
    for line in lines {
        let met = |bar| if line.prompts_per_second >= bar { "met" } else { "MISSED" };
        table.push(vec![
            line.model.to_owned(),
            line.megabytes.to_string(),
            line.prompts.to_string(),
            format!("{:.2}", line.seconds),
            format!("{:.0}", line.prompts_per_second),
            line.bar.map_or_else(|| "–".into(), |bar| format!("≥ {bar}")),
            line.bar.map_or("–", met).to_owned(),
            cell(line.peak_mib, 1),
        ]);
    }
    table
}

/// The release program, beside this one in the build folder.
fn build_program() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args(["build", "--release", "--bin", "prompt"])
        .status()
        .map_err(|e| Error::io("run", &cargo, e))?;
    let me = std::env::current_exe().map_err(|e| Error::io("find", "this program", e))?;
    let program = me
        .ancestors()
        .nth(2)
        .map(|folder| folder.join("prompt").with_extension(std::env::consts::EXE_EXTENSION));
    match program {
        Some(program) if status.success() && program.exists() => Ok(program),
        _ => Err(Error::input("the program `prompt` was not built", "see what cargo says above")),
    }
}

/// A saved pipeline.
struct Saved {
    name: &'static str,
    folder: PathBuf,
    /// Least prompts a second, where there is a promise.
    bar: Option<f64>,
}

/// Fits and saves the models that score: the one of the latency bench, and the richer default of `prompt train`.
fn save_models(text: &str, work: &Path, folder: &Path) -> Result<[Saved; 2]> {
    eprintln!("fitting the models");
    let docs: Vec<&str> = text.lines().take(TRAIN).collect();
    let path = work.join("labels.u8");
    let labels = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let y = Target::labels(labels.iter().take(docs.len()).map(u8::to_string));
    let ctx = FitContext::new(0).threads(THREADS);
    let save = |name: &'static str, scorer: Arc<dyn Scorer>, bar| {
        let folder = folder.join(name);
        artifact::save(&folder, &*scorer, Manifest { name: name.to_owned(), ..Manifest::default() })?;
        Ok(Saved { name, folder, bar })
    };
    let word = Tfidf::default().ngram_range((1, 2)).max_features(Some(10_000));
    let word = Sanitiser::default().then(word).then(LogisticRegression::default());
    let both = Sanitiser::default().then(Features::default().union()).then(LinearSvm::default());
    Ok([
        save("word tfidf + lr", word.fit(&docs, &y, &ctx)?.into(), Some(BAR))?,
        save("default features + svm", both.fit(&docs, &y, &ctx)?.into(), None)?,
    ])
}

/// Writes prompts of words drawn as often as they occur in `text`, until the file is long enough; their number.
fn write_prompts(text: &str, path: &Path, bytes: u64) -> Result<u64> {
    eprintln!("writing {} MB of prompts", bytes / 1_000_000);
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let failed = |e| Error::io("write", path, e);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    let mut rng = Seed::new(1).rng();
    let (mut line, mut written, mut prompts) = (String::new(), 0, 0);
    while written < bytes {
        line.clear();
        line.push_str("{\"text\":\"");
        for i in 0..WORDS {
            if i > 0 {
                line.push(' ');
            }
            line.push_str(rng.choose(&words).copied().unwrap_or_default());
        }
        line.push_str(".\"}\n");
        file.write_all(line.as_bytes()).map_err(failed)?;
        written += line.len() as u64;
        prompts += 1;
    }
    file.flush().map_err(failed)?;
    Ok(prompts)
}

/// Scores the file with the program as a user would; the seconds, and the most memory in MiB.
fn predict(program: &Path, model: &Path, input: &Path) -> Result<(f64, Option<f64>)> {
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(["--threads", &THREADS.to_string(), "predict", "--output", "/dev/null", "--model"])
        .arg(model)
        .arg("--input")
        .arg(input)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|e| Error::io("run", program, e))?;
    let process = child.id().to_string();
    let mut peak: Option<f64> = None;
    loop {
        // The peak only rises, so the last look before the end sees all but what the last moments add.
        peak = peak_mib(&process).or(peak);
        if let Some(status) = child.try_wait().map_err(|e| Error::io("wait for", program, e))? {
            if status.success() {
                return Ok((start.elapsed().as_secs_f64(), peak));
            }
            return Err(Error::input(
                format!("prompt predict ended with {status}"),
                "its own message is above",
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
