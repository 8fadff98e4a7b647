//! TPE on a function of six numbers: how low 100 trials come, and what choosing costs.

use std::time::Instant;

use prompt_models::core::{FitContext, MemoryStudy, Result};
use prompt_models::select::{Plan, Space, Study};
use serde_json::Value;

use crate::Bench;
use crate::line::{Line, Unit};
use crate::timing::median;

/// The lowest median that counts.
const BAR: f64 = -3.2;
const SEEDS: u64 = 20;

pub(crate) fn bench(bench: &Bench) -> Result<Line> {
    let (mut best, mut seconds) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let space = (0..6).fold(Space::new(), |s, i| s.float(&format!("x{i}"), 0.0, 1.0));
        let started = Instant::now();
        let mut study = Study::open(Plan::new(space, seed), Box::new(MemoryStudy::default()))?;
        study.run(100, None, &FitContext::new(seed).threads(1), &|trial| {
            let x: Vec<f64> = trial.params().values().filter_map(Value::as_f64).collect();
            Ok(Some(-hartmann(&x)))
        })?;
        seconds.push(started.elapsed().as_secs_f64());
        best.push(-study.best().and_then(|t| t.score).unwrap_or(f64::NAN));
    }
    let found = median(&mut best);
    let mut line =
        Line::new("hartmann6, a study of 100 trials", Unit::Seconds, median(&mut seconds)).bar(Some(10.0));
    line.quality = format!("median best {found:.4} (asked: ≤ {BAR})");
    line.counts = found <= BAR;
    if let Some(peer) = bench.script("benches/peers/tpe.py", &[])? {
        line.set_peer(peer["seconds"].as_f64(), None);
        line.quality += &format!(", peer {}", peer["best_median"]);
    }
    Ok(line)
}

fn hartmann(x: &[f64]) -> f64 {
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const C: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let far = |i: usize| (0..6).map(|j| A[i][j] * (x[j] - P[i][j]).powi(2)).sum::<f64>();
    -(0..4).map(|i| C[i] * (-far(i)).exp()).sum::<f64>()
}
