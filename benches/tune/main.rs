//! Choosing and explaining beside Optuna, scikit-learn's grid search and the package shap, by one command:
//!
//! ```text
//! cargo bench --bench tune -- [--peers PYTHON] [--work DIR] [--only JOB,…] [--json]
//! ```
//!
//! Each peer job runs in a process of its own, ours in this one on two threads. Peers that take a minute run once.

#[path = "../common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod memory;
    pub(crate) mod place;
    pub(crate) mod report;
    pub(crate) mod table;
}
#[allow(dead_code, reason = "shared with the bench of tables, which uses more of it")]
#[path = "../tables/data.rs"]
mod data;
mod grid;
mod hartmann;
#[allow(dead_code, reason = "shared with the bench of texts, which uses more of it")]
#[path = "../classical/line.rs"]
mod line;
#[allow(dead_code, reason = "shared with the bench of texts, which uses more of it")]
#[path = "../classical/peers.rs"]
mod peers;
mod shap;
#[path = "../classical/timing.rs"]
mod timing;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::{Parser, ValueEnum};
use prompt_models::core::{Error, FitContext, Result};
use serde_json::Value;

use common::machine;
use common::place::Place;
use common::report;
use line::Line;
use peers::Peers;

const THREADS: usize = 2;

/// Choosing and explaining beside the peers.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Only these jobs.
    #[arg(long, value_name = "JOB", value_delimiter = ',')]
    only: Vec<Job>,
    /// Runs of ours of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// A job.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Job {
    /// TPE on Hartmann6, 100 trials, the median of 20 seeds, beside Optuna.
    Hartmann,
    /// 108 points of a forest in 5 folds of 2,000 rows, beside GridSearchCV.
    Grid,
    /// TreeSHAP of 100 boosted trees on 10,000 rows, beside shap on the same trees.
    Shap,
}

/// What every job is given.
struct Bench {
    folder: PathBuf,
    peers: Option<Peers>,
    repeats: usize,
    ctx: FitContext,
}

impl Bench {
    /// The JSON that a script of the peers' prints last; `None` without a Python.
    fn script(&self, script: &str, arguments: &[&Path]) -> Result<Option<Value>> {
        let Some(peers) = &self.peers else { return Ok(None) };
        eprintln!("running {script}");
        let output = Command::new(&peers.python)
            .env("PYTHONUTF8", "1")
            .arg(script)
            .args(arguments)
            .output()
            .map_err(|e| Error::io("run", &peers.python, e))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        match last {
            Some(found) if output.status.success() => Ok(Some(found)),
            _ => Err(Error::input(
                format!("{script} ended with {}", output.status),
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
        }
    }
}

fn main() -> ExitCode {
    report::exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let place = &arguments.place;
    let machine = machine::describe(place.python());
    let folder = place.data()?.to_path_buf();
    let repeats = usize::from(arguments.repeats);
    let peers = place.python().map(|python| Peers {
        python: python.to_path_buf(),
        folder: folder.clone(),
        repeats: 1,
    });
    if peers.is_none() {
        eprintln!("our side alone: {}", place.how_to_get_peers());
    }
    let bench = Bench { folder, peers, repeats, ctx: FitContext::new(0).threads(THREADS) };
    let jobs = if arguments.only.is_empty() { Job::value_variants() } else { &arguments.only };
    let mut lines: Vec<Line> = Vec::new();
    bench.ctx.install(|| -> Result<()> {
        for &job in jobs {
            lines.push(match job {
                Job::Hartmann => hartmann::bench(&bench)?,
                Job::Grid => grid::bench(&bench)?,
                Job::Shap => shap::bench(&bench)?,
            });
        }
        Ok(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let what = format!("tune, median of {repeats}, {THREADS} threads, measured in {seconds:.0} s");
    report::print(arguments.json, &machine, &what, &line::table(&lines), &lines);
    Ok(())
}
