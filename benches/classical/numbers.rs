//! Linear regressions, neighbours and kernel machines on the peers' tables of numbers.

use std::path::Path;

use prompt_models::core::{Dense, Error, Estimator, Matrix, Result, Target, predict};
use prompt_models::linear::Calibration;
use prompt_models::prelude::{ElasticNet, KnnClassifier, Lasso, Ridge, Svc};

use crate::line::{Line, Unit};
use crate::timing::time;
use crate::{Bench, Job};

/// Rows that train; the rest tests: fixed in the peers' script.
const CLASSES_TRAIN: usize = 100_000;
const NUMBERS_TRAIN: usize = 50_000;
/// Training rows of the jobs that end in `10k`.
const FEW: usize = 10_000;
/// The least ratio of the times to predict with kernel machines.
const SVC_PREDICT: f64 = 3.0;

/// Fit on the training rows and prediction of the rest, each beside the peer's.
pub(crate) fn bench(job: Job, bench: &Bench) -> Result<Vec<Line>> {
    let classes = matches!(job, Job::ClfKnn | Job::ClfSvc10k);
    let table = if classes {
        Table::read(&bench.folder, "clf.csv", CLASSES_TRAIN, job == Job::ClfSvc10k)?
    } else {
        Table::read(&bench.folder, "reg.csv", NUMBERS_TRAIN, false)?
    };
    let learner: Box<dyn Estimator> = match job {
        Job::RegRidge => Box::new(Ridge::default()),
        Job::RegLasso => Box::new(Lasso::default().alpha(0.01)),
        Job::RegEnet => Box::new(ElasticNet::default().alpha(0.01)),
        Job::ClfKnn => Box::new(KnnClassifier::default()),
        // What the peer does: margins alone.
        _ => Box::new(Svc::default().calibration(Calibration::None)),
    };
    let y = table.target(classes)?;
    let fit = time(bench.repeats, || learner.fit_model(&table.x, &y, &bench.ctx))?;
    let prediction = time(bench.repeats, || predict(&*fit.result, &table.rest))?;
    let quality = if classes {
        let labels = prediction.result.labels()?;
        let right = labels.iter().zip(&table.rest_y).filter(|(a, b)| **a == b.to_string());
        right.count() as f64 / table.rest_y.len() as f64
    } else {
        r2(&prediction.result.values()?, &table.rest_y)
    };
    let figures = bench.peers.as_ref().map(|peers| peers.run_single(job.name())).transpose()?;
    let of = |key: &str| figures.as_ref().and_then(|f| f.median(key));
    let mut words = format!("{} {quality:.4}", if classes { "accuracy" } else { "R²" });
    if let Some(peer) = of("quality") {
        words += &format!(" (peer {peer:.4})");
    }
    // Neighbours keep the rows and look at them when they are asked: there the prediction is the work.
    let (fit_bar, predict_bar) = match job {
        Job::ClfKnn => (None, job.bar()),
        Job::ClfSvc10k => (job.bar(), Some(SVC_PREDICT)),
        _ => (job.bar(), None),
    };
    Ok(vec![
        Line::new(job.name(), Unit::Seconds, fit.seconds)
            .bar(fit_bar)
            .memory(fit.peak_mib)
            .quality(words)
            .peer(of("seconds"), of("peak_mb")),
        Line::new(format!("{}, predict", job.name()), Unit::Seconds, prediction.seconds)
            .bar(predict_bar)
            .peer(of("predict"), None),
    ])
}

/// A table of the peers.
struct Table {
    x: Matrix,
    y: Vec<f64>,
    rest: Matrix,
    rest_y: Vec<f64>,
}

impl Table {
    /// The last column is the target; numbers are rounded to `f32`, as on the peers' side.
    fn read(folder: &Path, name: &str, train: usize, few: bool) -> Result<Self> {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let mut data = [Vec::new(), Vec::new()];
        let mut targets = [Vec::new(), Vec::new()];
        for (i, line) in text.lines().skip(1).enumerate() {
            let side = usize::from(i >= train);
            if side == 0 && few && i >= FEW {
                continue;
            }
            let row: Vec<f64> =
                line.split(',').map(|v| v.parse::<f32>().map_or(f64::NAN, f64::from)).collect();
            if let Some((y, x)) = row.split_last() {
                data[side].extend_from_slice(x);
                targets[side].push(*y);
            }
        }
        let [x, rest] = data;
        let [y, rest_y] = targets;
        let dense = |x: Vec<f64>, rows: usize| Dense::new(rows, x.len() / rows.max(1), x);
        Ok(Self { x: dense(x, y.len())?.into(), rest: dense(rest, rest_y.len())?.into(), y, rest_y })
    }

    fn target(&self, classes: bool) -> Result<Target> {
        if classes {
            return Ok(Target::labels(self.y.iter().map(f64::to_string)));
        }
        Target::regression(self.y.clone())
    }
}

fn r2(found: &[f64], y: &[f64]) -> f64 {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let all: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    let left: f64 = y.iter().zip(found).map(|(y, f)| (y - f).powi(2)).sum();
    1.0 - left / all
}
