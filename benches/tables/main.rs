//! Learners of tables beside scikit-learn's, LightGBM's and XGBoost's, on the same data, by one command:
//!
//! ```text
//! cargo bench --bench tables -- [--peers PYTHON] [--work DIR] [--only JOB,…] [--json]
//! ```
//!
//! Each peer job runs in a process of its own, ours in this one on two threads; a time is the median of five.

#[path = "../common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod memory;
    pub(crate) mod place;
    pub(crate) mod report;
    pub(crate) mod table;
}
mod boosting;
mod data;
mod forests;
#[allow(dead_code, reason = "shared with the bench of texts, which uses more of it")]
#[path = "../classical/line.rs"]
mod line;
#[allow(dead_code, reason = "shared with the bench of texts, which uses more of it")]
#[path = "../classical/peers.rs"]
mod peers;
#[path = "../classical/timing.rs"]
mod timing;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use prompt_models::core::{FitContext, Result};

use common::machine;
use common::place::Place;
use common::report;
use line::Line;
use peers::Peers;

const THREADS: usize = 2;

/// Our learners of tables beside the peers'.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Only these jobs.
    #[arg(long, value_name = "JOB", value_delimiter = ',')]
    only: Vec<Job>,
    /// Runs of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// A job, by its name in `peers/classical.py` where there is one.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Job {
    /// Histogram boosting beside LightGBM.
    ClfLgbm,
    /// Histogram boosting beside XGBoost with 31 leaves.
    ClfXgb31,
    /// Classic boosting beside scikit-learn's.
    RegGb,
    /// One row through 100 boosted trees.
    BoostRow,
    /// Peak memory of a fit above the loaded matrix, beside LightGBM's.
    BoostMemory,
    /// Real tables with the defaults of every library.
    Real,
    /// A random forest of 100 trees, depth 10, beside scikit-learn's.
    ClfRf,
    /// Extra trees of 100 trees, depth 10, beside scikit-learn's.
    ClfEt,
    /// AdaBoost of 50 stumps beside scikit-learn's.
    ClfAda,
    /// A random forest of 100 trees on sparse texts beside scikit-learn's.
    RfSparse,
    /// One row through a forest of 100 trees.
    ForestRow,
}

/// What every job is given.
struct Bench {
    folder: PathBuf,
    peers: Option<Peers>,
    repeats: usize,
    ctx: FitContext,
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
    let peers =
        place.python().map(|python| Peers { python: python.to_path_buf(), folder: folder.clone(), repeats });
    if peers.is_none() {
        eprintln!("our side alone: {}", place.how_to_get_peers());
    }
    let bench = Bench { folder, peers, repeats, ctx: FitContext::new(0).threads(THREADS) };
    let jobs = if arguments.only.is_empty() { Job::value_variants() } else { &arguments.only };
    let mut lines: Vec<Line> = Vec::new();
    bench.ctx.install(|| -> Result<()> {
        for &job in jobs {
            lines.extend(match job {
                Job::ClfRf | Job::ClfEt | Job::ClfAda | Job::RfSparse | Job::ForestRow => {
                    forests::bench(job, &bench)?
                }
                _ => boosting::bench(job, &bench)?,
            });
        }
        Ok(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let what = format!("tables, median of {repeats}, {THREADS} threads, measured in {seconds:.0} s");
    report::print(arguments.json, &machine, &what, &line::table(&lines), &lines);
    Ok(())
}
