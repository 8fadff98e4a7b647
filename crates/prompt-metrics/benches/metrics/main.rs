//! Metrics of ten million predictions, and ten thousand resamples of macro F1, beside scikit-learn:
//!
//! ```text
//! PROMPT_PEERS_PYTHON=peers-env/bin/python cargo bench -p prompt-metrics --bench metrics [-- ROWS]
//! ```
//!
//! Both sides read the same numbers from one folder and say what they found; a time counts only where the answers
//! agree. Without a Python that has scikit-learn our side is measured alone.

#[path = "../../../../benches/common/machine.rs"]
mod machine;
#[path = "../../../../benches/common/table.rs"]
#[allow(dead_code, reason = "cells of plain numbers are other benches' concern")]
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use prompt_core::Seed;
use prompt_metrics::probability::{
    average_precision, calibration_curve, precision_recall_curve, roc_auc, roc_curve,
};
use prompt_metrics::{Bins, Bootstrap, Confusion, Error, FitContext, Result};
use serde::Deserialize;

use table::Table;

/// How much slower than ours the peer must be.
const BAR: f64 = 5.0;

/// Seconds that 10,000 resamples of macro F1 on 100,000 rows may take.
const BOOTSTRAP_LIMIT: f64 = 5.0;

/// A job's time and answer.
#[derive(Clone, Copy, Deserialize)]
struct Done {
    seconds: f64,
    value: f64,
}

fn main() -> ExitCode {
    let rows = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(10_000_000);
    let python = std::env::var_os("PROMPT_PEERS_PYTHON").map(PathBuf::from);
    match run(rows, python.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(rows: usize, python: Option<&Path>) -> Result<()> {
    let machine = machine::describe(python);
    let folder = std::env::temp_dir().join(format!("prompt-bench-metrics-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
    let table = measure(rows, python, &folder);
    std::fs::remove_dir_all(&folder).map_err(|e| Error::io("remove", &folder, e))?;
    println!(
        "{machine}\n{rows} predictions, best of three (of the peer's as many as fit into four seconds, at least one)\n\n{}",
        table?
    );
    Ok(())
}

/// Labels, and scores that know something about them.
fn predictions(rows: usize) -> (Vec<bool>, Vec<f64>) {
    let mut rng = Seed::new(1).rng();
    (0..rows)
        .map(|_| {
            let positive = rng.chance(0.3);
            let logit = rng.normal() + if positive { 1.0 } else { -1.0 };
            (positive, 1.0 / (1.0 + (-logit).exp()))
        })
        .unzip()
}

fn classes() -> (Vec<u32>, Vec<u32>) {
    let mut rng = Seed::new(2).rng();
    (0..100_000)
        .map(|_| {
            let class = rng.below(3) as u32;
            (class, if rng.chance(0.8) { class } else { rng.below(3) as u32 })
        })
        .unzip()
}

fn best_of_three(mut job: impl FnMut() -> Result<f64>) -> Result<Done> {
    let mut best = Done { seconds: f64::INFINITY, value: f64::NAN };
    for _ in 0..3 {
        let start = Instant::now();
        let value = job()?;
        let seconds = start.elapsed().as_secs_f64();
        if seconds < best.seconds {
            best = Done { seconds, value };
        }
    }
    Ok(best)
}

fn measure(rows: usize, python: Option<&Path>, folder: &Path) -> Result<Table> {
    let (truth, scores) = predictions(rows);
    let (y, p) = classes();
    let mut ours: Vec<(&str, Done)> = Vec::new();
    ours.push(("roc_auc", best_of_three(|| roc_auc(&truth, &scores, None))?));
    ours.push(("roc_curve", best_of_three(|| Ok(roc_curve(&truth, &scores, None)?.len() as f64))?));
    ours.push(("average_precision", best_of_three(|| average_precision(&truth, &scores, None))?));
    let pr = || Ok(precision_recall_curve(&truth, &scores, None)?.len() as f64);
    ours.push(("precision_recall_curve", best_of_three(pr)?));
    for (name, bins) in
        [("calibration, equal width", Bins::EqualWidth), ("calibration, equal mass", Bins::EqualMass)]
    {
        let job = || {
            let curve = calibration_curve(&truth, &scores, bins, 15, None)?;
            Ok(curve.iter().map(|b| b.fraction_positive).sum())
        };
        ours.push((name, best_of_three(job)?));
    }
    let (boot, ctx) = (Bootstrap::default().resamples(10_000), FitContext::new(1));
    let bootstrap = || {
        let found = boot.of_confusion(&y, &p, 3, None, |c: &Confusion| Ok(c.f1_macro()), &ctx)?;
        Ok(found.interval.estimate)
    };
    ours.push(("bootstrap, 10,000 × macro F1 of 100,000 rows", best_of_three(bootstrap)?));
    let peers = match python {
        Some(python) => peer(python, folder, (&truth, &scores), (&y, &p))?,
        None => BTreeMap::new(),
    };
    let mut table = Table::new(&["job", "ours", "scikit-learn", "ratio", "bar", "verdict"]);
    for (job, ours) in ours {
        table.push(line(job, ours, peers.get(job).copied())?);
    }
    Ok(table)
}

fn line(job: &str, ours: Done, peer: Option<Done>) -> Result<Vec<String>> {
    if let Some(peer) = peer
        && (ours.value - peer.value).abs() > 1e-9 * peer.value.abs().max(1.0)
    {
        return Err(Error::input(
            format!("{job} is {} here and {} there", ours.value, peer.value),
            "the times of different answers say nothing",
        ));
    }
    let ratio = peer.map(|p| p.seconds / ours.seconds);
    let (met, bar) = if job.starts_with("bootstrap") {
        (Some(ours.seconds <= BOOTSTRAP_LIMIT), format!("≤ {BOOTSTRAP_LIMIT} s"))
    } else {
        (ratio.map(|r| r >= BAR), format!("≥ {BAR}×"))
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    Ok(vec![
        job.to_owned(),
        format!("{:.3} s", ours.seconds),
        or_dash(peer.map(|p| format!("{:.3} s", p.seconds))),
        or_dash(ratio.map(|r| format!("{r:.1}×"))),
        bar,
        or_dash(met.map(|met| if met { "met" } else { "MISSED" }.to_owned())),
    ])
}

/// Lets scikit-learn do the same jobs on the same numbers, in a process of its own.
fn peer(
    python: &Path,
    folder: &Path,
    (truth, scores): (&[bool], &[f64]),
    (y, p): (&[u32], &[u32]),
) -> Result<BTreeMap<String, Done>> {
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::io("write", &path, e))
    };
    write("truth.u8", truth.iter().map(|&t| u8::from(t)).collect())?;
    write("scores.f64", scores.iter().flat_map(|s| s.to_le_bytes()).collect())?;
    write("y.u32", y.iter().flat_map(|s| s.to_le_bytes()).collect())?;
    write("p.u32", p.iter().flat_map(|s| s.to_le_bytes()).collect())?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/metrics/peer.py");
    let output =
        Command::new(python).arg(script).arg(folder).output().map_err(|e| Error::io("run", python, e))?;
    if !output.status.success() {
        return Err(Error::input(
            format!("{script} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)),
            "install scikit-learn into that Python",
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|e| Error::input(format!("{script} answered no JSON: {e}"), "run it by hand"))
}
