//! Boosted trees: times, quality and memory.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use prompt_models::boost::{
    GradientBoostingRegressor, HistGradientBoostingClassifier, HistGradientBoostingRegressor,
};
use prompt_models::core::{Error, Fit, Model, Result, Scratch, Target, predict};

use crate::common::memory::peak_mib;
use crate::data::{Part, Table, real, synthetic};
use crate::line::{Line, Unit};
use crate::peers::Figures;
use crate::timing::{quantile, time};
use crate::{Bench, Job};

/// The real tables, and whether they have classes.
const REAL: [(&str, bool); 7] = [
    ("adult", true),
    ("higgs_small", true),
    ("california_housing", false),
    ("diamonds", false),
    ("wine_quality", false),
    ("abalone", false),
    ("bike_sharing_hour", false),
];

/// The peers on the tables that their own job does not know.
const MORE_TABLES: &str = "benches/tables/more_tables.py";

/// How much worse than the best peer's a loss may be, relative to it.
const SLACK: f64 = 0.005;

pub(crate) fn bench(job: Job, bench: &Bench) -> Result<Vec<Line>> {
    match job {
        Job::ClfLgbm => beside(bench, "clf_lgbm"),
        Job::ClfXgb31 => beside(bench, "clf_xgb31"),
        Job::RegGb => classic(bench),
        Job::BoostRow => one_row(bench),
        Job::BoostMemory => memory(bench),
        Job::Real => on_real_tables(bench),
        _ => Ok(Vec::new()),
    }
}

fn clf(bench: &Bench) -> Result<Table> {
    synthetic(&bench.folder, "clf", 100_000)
}

fn log_loss(model: &dyn Model, part: &Part) -> Result<f64> {
    let prediction = predict(model, &part.x)?;
    let (p, classes) = prediction.probabilities()?;
    let codes = classes.encode(&part.target)?;
    let loss = |(i, c): (usize, &u32)| -p.row(i)[*c as usize].clamp(1e-15, 1.0 - 1e-15).ln();
    Ok(codes.iter().enumerate().map(loss).sum::<f64>() / codes.len() as f64)
}

fn rmse(model: &dyn Model, part: &Part) -> Result<f64> {
    let (found, y) = (predict(model, &part.x)?.values()?, part.numbers()?);
    Ok((found.iter().zip(&y).map(|(f, y)| (f - y).powi(2)).sum::<f64>() / y.len() as f64).sqrt())
}

/// Histogram boosting of 100 rounds, 31 leaves and rate 0.1, as the peer's job.
fn beside(bench: &Bench, job: &str) -> Result<Vec<Line>> {
    let table = clf(bench)?;
    let y = Target::labels(&table.train.target);
    let learner = HistGradientBoostingClassifier::default();
    let fit = time(bench.repeats, || learner.fit(&table.train.x, &y, &bench.ctx))?;
    let loss = log_loss(&fit.result, &table.test)?;
    let mut line = Line::new(job, Unit::Seconds, fit.seconds).memory(fit.peak_mib).bar(Some(1.0));
    line.quality = format!("log loss {loss:.5}");
    if let Some(peers) = &bench.peers {
        let figures = peers.run_single(job)?;
        line.set_peer(figures.median("seconds"), figures.median("peak_mb"));
        let peer = figures.median("log_loss").unwrap_or(f64::NAN);
        line.quality += &format!(" (peer {peer:.5})");
        line.counts = loss <= peer * (1.0 + SLACK);
    }
    Ok(vec![line])
}

fn classic(bench: &Bench) -> Result<Vec<Line>> {
    let table = synthetic(&bench.folder, "reg", 50_000)?;
    let y = Target::regression(table.train.numbers()?)?;
    let fit =
        time(bench.repeats, || GradientBoostingRegressor::default().fit(&table.train.x, &y, &bench.ctx))?;
    let found = predict(&fit.result, &table.test.x)?.values()?;
    let u = table.test.numbers()?;
    let mean = u.iter().sum::<f64>() / u.len() as f64;
    let left: f64 = found.iter().zip(&u).map(|(f, u)| (f - u).powi(2)).sum();
    let r2 = 1.0 - left / u.iter().map(|u| (u - mean).powi(2)).sum::<f64>();
    let mut line = Line::new("reg_gb", Unit::Seconds, fit.seconds).memory(fit.peak_mib).bar(Some(20.0));
    line.quality = format!("R² {r2:.4}");
    if let Some(peers) = &bench.peers {
        let figures = peers.run_single("reg_gb")?;
        line.set_peer(figures.median("seconds"), figures.median("peak_mb"));
        let peer = figures.median("quality").unwrap_or(f64::NAN);
        line.quality += &format!(" (peer {peer:.4})");
        line.counts = r2 >= peer - SLACK;
    }
    Ok(vec![line])
}

fn one_row(bench: &Bench) -> Result<Vec<Line>> {
    let table = clf(bench)?;
    let y = Target::labels(&table.train.target);
    let model = HistGradientBoostingClassifier::default().fit(&table.train.x, &y, &bench.ctx)?;
    let (mut scratch, mut out) = (Scratch::new(), [0.0; 2]);
    let rows = table.test.x.rows();
    let mut times: Vec<f64> = (0..5000)
        .map(|i| {
            let start = Instant::now();
            model.score_row(table.test.x.row(i % rows), &mut scratch, black_box(&mut out));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let line = Line::new("one row, 100 boosted trees, p50", Unit::Microseconds, quantile(&mut times, 0.5));
    Ok(vec![line.quality(format!("p99 {:.2} µs", quantile(&mut times, 0.99)))])
}

/// Memory of this process now, in MiB.
fn resident_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn memory(bench: &Bench) -> Result<Vec<Line>> {
    let table = clf(bench)?;
    let y = Target::labels(&table.train.target);
    let few: Vec<usize> = (0..2000).collect();
    let learner = HistGradientBoostingClassifier::default();
    // A first small fit starts the threads, as on the peer's side.
    learner.clone().max_iter(2).fit(&table.train.x.select_rows(&few), &y.select(&few), &bench.ctx)?;
    let before = resident_mib();
    let fit = time(1, || learner.fit(&table.train.x, &y, &bench.ctx))?;
    let ours = peak_mib("self").zip(before).map(|(peak, before)| peak - before);
    let peer = bench.peers.as_ref().map(|peers| lightgbm_mib(&peers.python, &bench.folder)).transpose()?;
    let line = Line::new("memory above the matrix, clf", Unit::Seconds, fit.seconds);
    Ok(vec![line.memory(ours).peer(None, peer)])
}

fn lightgbm_mib(python: &Path, folder: &Path) -> Result<f64> {
    const SCRIPT: &str = "benches/tables/boost_memory.py";
    let output =
        Command::new(python).arg(SCRIPT).arg(folder).output().map_err(|e| Error::io("run", python, e))?;
    let value: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    value.and_then(|v| v["mib"].as_f64()).ok_or_else(|| {
        Error::input(format!("{SCRIPT} gave no figure"), String::from_utf8_lossy(&output.stderr).into_owned())
    })
}

fn on_real_tables(bench: &Bench) -> Result<Vec<Line>> {
    let mut peers = Vec::new();
    if let Some(of) = &bench.peers {
        peers.extend(of.run("real")?);
        peers.extend(of.run_script(MORE_TABLES, "real")?);
    }
    let mut lines = Vec::new();
    for (name, classes) in REAL {
        let of_table: Vec<&Figures> = peers.iter().filter(|f| f.name == name).collect();
        lines.extend(on_real(bench, name, classes, &of_table)?);
    }
    Ok(lines)
}

/// One real table with our defaults, words as codes as on every side, and as categories. The peers' script prints a
/// line an engine, so that the figures of a table are those of all engines.
fn on_real(bench: &Bench, name: &str, classes: bool, peers: &[&Figures]) -> Result<Vec<Line>> {
    let key = if classes { "log_loss" } else { "rmse" };
    let best = peers.iter().filter_map(|f| f.least(key)).fold(f64::INFINITY, f64::min);
    let mut lines = Vec::new();
    for native in [false, true] {
        let table = real(&bench.folder, name, native)?;
        let (seconds, loss) = if classes {
            let y = Target::labels(&table.train.target);
            let learner = HistGradientBoostingClassifier::default();
            let fit = time(bench.repeats, || learner.fit(&table.train.x, &y, &bench.ctx))?;
            (fit.seconds, log_loss(&fit.result, &table.test)?)
        } else {
            let y = Target::regression(table.train.numbers()?)?;
            let learner = HistGradientBoostingRegressor::default();
            let fit = time(bench.repeats, || learner.fit(&table.train.x, &y, &bench.ctx))?;
            (fit.seconds, rmse(&fit.result, &table.test)?)
        };
        let words = if native { "categories" } else { "codes" };
        let mut line = Line::new(format!("{name}, {words}"), Unit::Seconds, seconds);
        line.quality = format!("{key} {loss:.5}");
        if best.is_finite() {
            line.quality += &format!(" (best peer {best:.5})");
            line.counts = loss <= best * (1.0 + SLACK);
        }
        lines.push(line);
    }
    Ok(lines)
}
