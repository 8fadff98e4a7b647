//! Vectorisers, learners and one-prompt latency beside scikit-learn's and fastText's, on the same data, by one command:
//!
//! ```text
//! cargo bench --bench classical -- [--peers PYTHON] [--work DIR] [--only JOB,…] [--real] [--json]
//! ```
//!
//! Each peer job runs in a process of its own, ours in this one on two threads; a time is the median of five. A
//! vectoriser's time counts only where its matrix is scikit-learn's, logistic regression's only where its objective is at
//! least as good.

#[path = "../common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod memory;
    pub(crate) mod place;
    pub(crate) mod report;
    pub(crate) mod table;
}
mod corpus;
mod latency;
mod learners;
mod line;
mod numbers;
mod peers;
mod timing;
mod vectors;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use prompt_models::core::{FitContext, Result};

use common::machine;
use common::place::Place;
use common::report;
use corpus::Corpus;
use line::Line;
use peers::Peers;

const THREADS: usize = 2;

/// Our vectorisers, learners and latency beside the peers'.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Only these jobs.
    #[arg(long, value_name = "JOB", value_delimiter = ',')]
    only: Vec<Job>,
    /// Measure on the real security prompts ($PROMPT_DATA, else ../shared/data) in place of the synthetic texts.
    #[arg(long)]
    real: bool,
    /// Runs of which the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// A job, by its name in `peers/classical.py`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Job {
    Tfidf,
    TfidfChar,
    Hashing,
    Lr,
    Lsvc,
    Mnb,
    Fasttext,
    Latency,
    RegRidge,
    RegLasso,
    RegEnet,
    ClfKnn,
    #[value(name = "clf_svc10k")]
    ClfSvc10k,
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::Tfidf => "tfidf",
            Self::TfidfChar => "tfidf_char",
            Self::Hashing => "hashing",
            Self::Lr => "lr",
            Self::Lsvc => "lsvc",
            Self::Mnb => "mnb",
            Self::Fasttext => "fasttext",
            Self::Latency => "latency",
            Self::RegRidge => "reg_ridge",
            Self::RegLasso => "reg_lasso",
            Self::RegEnet => "reg_enet",
            Self::ClfKnn => "clf_knn",
            Self::ClfSvc10k => "clf_svc10k",
        }
    }

    /// The least ratio that is asked for.
    fn bar(self) -> Option<f64> {
        match self {
            Self::Tfidf => Some(40.0),
            Self::TfidfChar => Some(25.0),
            Self::Hashing => Some(12.0),
            Self::Lr => Some(7.0),
            Self::Lsvc => Some(4.5),
            Self::Mnb | Self::RegRidge | Self::RegLasso | Self::RegEnet | Self::ClfKnn => Some(1.0),
            Self::ClfSvc10k => Some(1.5),
            Self::Fasttext | Self::Latency => None,
        }
    }
}

/// What every job is given.
struct Bench {
    corpus: Corpus,
    folder: PathBuf,
    peers: Option<Peers>,
    repeats: usize,
    real: bool,
    ctx: FitContext,
}

impl Bench {
    fn run(&self, job: Job) -> Result<Vec<Line>> {
        match job {
            Job::Tfidf | Job::TfidfChar | Job::Hashing => vectors::bench(job, self),
            Job::Lr | Job::Lsvc | Job::Mnb => learners::bench(job, self),
            Job::Fasttext => learners::bench_pipeline(self),
            Job::Latency => latency::bench(self.real, self),
            Job::RegRidge | Job::RegLasso | Job::RegEnet | Job::ClfKnn | Job::ClfSvc10k => {
                numbers::bench(job, self)
            }
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
    let work = place.data()?;
    let folder = if arguments.real { corpus::write_security_prompts(work)? } else { work.to_path_buf() };
    let repeats = usize::from(arguments.repeats);
    let peers =
        place.python().map(|python| Peers { python: python.to_path_buf(), folder: folder.clone(), repeats });
    if peers.is_none() {
        eprintln!("our side alone: {}", place.how_to_get_peers());
    }
    let ctx = FitContext::new(0).threads(THREADS);
    let bench = Bench { corpus: Corpus::read(&folder)?, folder, peers, repeats, real: arguments.real, ctx };
    let jobs = if arguments.only.is_empty() { Job::value_variants() } else { &arguments.only };
    let mut lines = Vec::new();
    bench.ctx.install(|| -> Result<()> {
        for &job in jobs {
            lines.extend(bench.run(job)?);
        }
        Ok(())
    })?;
    let data = if bench.real { "real security prompts" } else { "synthetic texts" };
    let seconds = started.elapsed().as_secs_f64();
    let what = format!("{data}, median of {repeats}, {THREADS} threads, measured in {seconds:.0} s");
    report::print(arguments.json, &machine, &what, &line::table(&lines), &lines);
    Ok(())
}
