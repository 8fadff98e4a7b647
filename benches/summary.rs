//! Reading and summarising a CSV of a gigabyte beside polars, which does the same work: counts, missing, mean, standard
//! deviation, quartiles, extremes, distinct and most frequent values of every column.
//!
//! ```text
//! cargo bench --bench summary [-- --megabytes 1000 --json]
//! ```
//!
//! The file is made in a temporary folder and removed; each side runs in a process of its own.

#[path = "common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod memory;
    pub(crate) mod report;
    pub(crate) mod table;
}

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use prompt_models::core::{Error, FitContext, Result, Seed};
use prompt_models::data::summary::Summary;
use serde::{Deserialize, Serialize};

use common::memory::peak_mib;
use common::report;
use common::table::{Table, cell};

const THREADS: usize = 2;

/// What polars does: the same numbers, exact where ours are estimates.
const POLARS: &str = "
import json, resource, sys, time
import polars as pl
start = time.perf_counter()
df = pl.read_csv(sys.argv[1])
described = df.describe()
distinct = df.select(pl.all().n_unique()).row(0)
frequent = [df[name].value_counts(sort=True, name='how often').row(0) for name in df.columns]
seconds = time.perf_counter() - start
mean = dict(zip(described['statistic'], described['x']))['mean']
median = dict(zip(described['statistic'], described['x']))['50%']
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(dict(rows=df.height, seconds=seconds, peak_mib=peak, mean=float(mean), median=float(median),
                      distinct=distinct[0], version=pl.__version__)))
";

/// Time and memory of a summary beside polars.
#[derive(Parser)]
struct Arguments {
    /// Size of the file.
    #[arg(long, default_value_t = 1000)]
    megabytes: usize,
    /// The Python that has polars.
    #[arg(long, value_name = "PYTHON", env = "PROMPT_PEERS_PYTHON", default_value = "peers-env/bin/python")]
    peers: PathBuf,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Summarise this file and print what it took: what the program starts itself with.
    #[arg(long, hide = true, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a side took and found.
#[derive(Serialize, Deserialize)]
struct Taken {
    rows: u64,
    seconds: f64,
    peak_mib: Option<f64>,
    mean: f64,
    median: f64,
    distinct: u64,
    version: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.file {
        Some(file) => ours(file).map(|taken| println!("{}", serde_json::to_value(taken).unwrap_or_default())),
        None => both(&arguments),
    };
    report::exit_code(outcome)
}

fn ours(file: &Path) -> Result<Taken> {
    let started = Instant::now();
    let summary = Summary::read(file, &Default::default(), &FitContext::new(0).threads(THREADS))?;
    let seconds = started.elapsed().as_secs_f64();
    let column = |name: &str| {
        summary.columns.iter().find(|c| c.name == name).ok_or_else(|| Error::unknown("column", name, [""; 0]))
    };
    let x = column("x")?;
    Ok(Taken {
        rows: summary.rows,
        seconds,
        peak_mib: peak_mib("self"),
        mean: x.mean.unwrap_or(f64::NAN),
        median: x.median.unwrap_or(f64::NAN),
        distinct: column("id")?.distinct,
        version: None,
    })
}

/// Twelve columns as tables have them: identifiers, numbers, whole numbers, categories, dates, gaps, short texts.
fn make(path: &Path, bytes: usize) -> Result<()> {
    let failed = |e| Error::io("write", path, e);
    let file = std::fs::File::create(path).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut rng = Seed::new(1).rng();
    let mut written = 0;
    let mut row = String::new();
    out.write_all(b"id,x,y,price,count,age,town,job,day,flag,gap,note\n").map_err(failed)?;
    let jobs = ["cook", "nurse", "driver", "teacher", "clerk", "farmer"];
    for id in 0_u64.. {
        use std::fmt::Write as _;
        row.clear();
        let gap = if rng.chance(0.3) { String::new() } else { format!("{:.2}", rng.unit() * 9.0) };
        let _ = writeln!(
            row,
            "{id},{:.6},{:.4},{:.2},{},{},town {},{},2024-{:02}-{:02},{},{gap},\"note {}, short\"",
            rng.normal() * 10.0,
            rng.unit(),
            1.0 + 1000.0 * rng.unit() * rng.unit(),
            rng.below(1_000_000),
            18 + rng.below(70),
            rng.below(300),
            jobs[rng.below(jobs.len())],
            1 + rng.below(12),
            1 + rng.below(28),
            rng.chance(0.5),
            rng.below(5000),
        );
        out.write_all(row.as_bytes()).map_err(failed)?;
        written += row.len();
        if written >= bytes {
            break;
        }
    }
    out.flush().map_err(failed)
}

fn both(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::tempdir().map_err(|e| Error::io("create", "a temporary folder", e))?;
    let file = folder.path().join("table.csv");
    make(&file, arguments.megabytes * 1_000_000)?;
    let own = std::env::current_exe().map_err(|e| Error::io("find", "this program", e))?;
    let ours = run(Command::new(own).arg("--file").arg(&file))?;
    let theirs = match arguments.peers.exists() {
        true => Some(run(Command::new(&arguments.peers)
            .args(["-c", POLARS])
            .arg(&file)
            .env("POLARS_MAX_THREADS", THREADS.to_string()))?),
        false => None,
    };
    let mut table =
        Table::new(&["side", "rows", "seconds", "peak MiB", "mean of x", "median of x", "distinct ids"]);
    let sides = [Some(("ours", &ours)), theirs.as_ref().map(|t| ("polars", t))];
    for (name, taken) in sides.into_iter().flatten() {
        let shown = taken.version.as_ref().map_or_else(|| name.to_owned(), |v| format!("{name} {v}"));
        table.push(vec![
            shown,
            taken.rows.to_string(),
            cell(Some(taken.seconds), 2),
            cell(taken.peak_mib, 0),
            cell(Some(taken.mean), 6),
            cell(Some(taken.median), 6),
            taken.distinct.to_string(),
        ]);
    }
    let machine = common::machine::describe(None);
    let ratio = theirs.as_ref().map(|t| ours.seconds / t.seconds);
    let what = format!(
        "a CSV of {} MB, {THREADS} threads on both sides, once; ours takes {} of polars' time (bar: 1.5)",
        arguments.megabytes,
        cell(ratio, 2)
    );
    report::print(
        arguments.json,
        &machine,
        &what,
        &table,
        &serde_json::json!({ "ours": ours, "polars": theirs }),
    );
    Ok(())
}

fn run(command: &mut Command) -> Result<Taken> {
    let program = command.get_program().to_owned();
    let output = command.output().map_err(|e| Error::io("run", &program, e))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Error::input(
            format!("{} gave no figures: {said}", program.display()),
            "install polars: peers-env/bin/pip install polars",
        )
    })
}
