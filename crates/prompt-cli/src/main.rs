//! The program `prompt`: run experiments, train, evaluate, predict, look after data and a registry of models.
//!
//! Exit status: 0 done, 1 failed (the message is on standard error), 2 wrong usage, 130 stopped by Ctrl-C.

mod args;
mod bench;
mod compare;
mod data;
mod data_table;
mod distill;
mod evaluate;
mod explain;
mod fields;
mod further;
mod live;
mod metrics;
mod model;
mod out;
mod predict;
mod prepare;
mod progress;
mod registry;
mod report;
mod run;
mod tabular;
mod threshold;
mod train;
mod tune;

use std::process::ExitCode;

use clap::Parser;
use prompt_models::core::Error;

// Scoring allocates many small pieces on several threads; an allocator that keeps them avoids most page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let stop = progress::stop_on_ctrl_c();
    if let Some(threads) = arguments.threads {
        // Fails only when a pool exists already, which it cannot here.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global();
    }
    let result = match arguments.command {
        args::Command::Run(a) => run::run(&a, arguments.threads, &stop),
        args::Command::Train(a) => train::run(&a, arguments.threads, &stop),
        args::Command::Distill(a) => distill::run(&a, arguments.threads, &stop),
        args::Command::Evaluate(a) => evaluate::run(&a, arguments.threads, &stop),
        args::Command::Predict(a) => predict::run(&a, &stop),
        args::Command::Threshold(a) => threshold::run(&a),
        args::Command::Compare(a) => compare::run(&a, &stop),
        args::Command::Explain(a) => explain::run(&a, arguments.threads, &stop),
        args::Command::Tune(a) => tune::run(&a, arguments.threads, &stop),
        args::Command::Metrics(a) => metrics::run(&a, arguments.threads, &stop),
        args::Command::Report(a) => report::run(&a),
        args::Command::Data(a) => data::run(&a, arguments.threads, &stop),
        args::Command::Registry(a) => registry::run(&a),
        args::Command::Bench(a) => bench::run(&a, &stop),
    };
    match result {
        Ok(code) => code,
        Err(Error::Cancelled) => {
            eprintln!("stopped; what was finished is kept");
            ExitCode::from(130)
        }
        // A reader that has seen enough (`| head`) is no failure of ours.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
