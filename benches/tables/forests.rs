//! Forests and AdaBoost: times, quality and memory.

use std::hint::black_box;
use std::time::Instant;

use prompt_models::boost::AdaBoostClassifier;
use prompt_models::core::Transform;
use prompt_models::core::{
    Error, Estimator, Fit, FitTransform, Matrix, Model, Result, Scratch, Target, predict,
};
use prompt_models::features::Tfidf;
use prompt_models::forest::{ExtraTreesClassifier, RandomForestClassifier};

use crate::data::synthetic;
use crate::line::{Line, Unit};
use crate::timing::{quantile, time};
use crate::{Bench, Job};

/// How much less accurate than the peer a fit may be for its time to count.
const SLACK: f64 = 0.0015;

/// Documents of the benchmark data that train; the others judge.
const TRAIN: usize = 24_000;

pub(crate) fn bench(job: Job, bench: &Bench) -> Result<Vec<Line>> {
    let forest = RandomForestClassifier::default();
    match job {
        Job::ClfRf => table(bench, ("clf_rf", 45.0), &forest.max_depth(Some(10))),
        Job::ClfEt => table(bench, ("clf_et", 5.0), &ExtraTreesClassifier::default().max_depth(Some(10))),
        Job::ClfAda => table(bench, ("clf_ada", 20.0), &AdaBoostClassifier::default()),
        Job::RfSparse => texts(bench, &forest),
        Job::ForestRow => one_row(bench, &forest.max_depth(Some(10))),
        _ => Ok(Vec::new()),
    }
}

/// A learner on the table of 100,000 rows.
fn table(bench: &Bench, job: (&str, f64), learner: &dyn Estimator) -> Result<Vec<Line>> {
    let table = synthetic(&bench.folder, "clf", 100_000)?;
    let y = Target::labels(&table.train.target);
    let test = (&table.test.x, table.test.target.as_slice());
    beside(bench, job, learner, (&table.train.x, &y), test)
}

/// A learner on TF-IDF of 10,000 terms.
fn texts(bench: &Bench, learner: &dyn Estimator) -> Result<Vec<Line>> {
    let read = |name: &str| {
        let path = bench.folder.join(name);
        std::fs::read(&path).map_err(|e| Error::io("read", path, e))
    };
    let text = String::from_utf8_lossy(&read("docs.txt")?).into_owned();
    let docs: Vec<&str> = text.lines().collect();
    let labels: Vec<String> = read("labels.u8")?.iter().map(u8::to_string).collect();
    if docs.len() <= TRAIN || docs.len() != labels.len() {
        return Err(Error::input(
            format!("{} documents and {} labels", docs.len(), labels.len()),
            format!("more than {TRAIN} of each are needed: make the benchmark data again"),
        ));
    }
    let y = Target::labels(&labels[..TRAIN]);
    let tfidf = Tfidf::default().ngram_range((1, 2)).max_features(Some(10_000));
    let (fitted, x) = tfidf.fit_transform(&docs[..TRAIN], &y, &bench.ctx)?;
    let z = fitted.transform(&docs[TRAIN..])?;
    beside(bench, ("rf_sparse", 10.0), learner, (&x, &y), (&z, &labels[TRAIN..]))
}

fn beside(
    bench: &Bench,
    (job, bar): (&str, f64),
    learner: &dyn Estimator,
    (x, y): (&Matrix, &Target),
    (z, truth): (&Matrix, &[String]),
) -> Result<Vec<Line>> {
    let fit = time(bench.repeats, || learner.fit_model(x, y, &bench.ctx))?;
    let found = predict(&*fit.result, z)?;
    let right = found.labels()?.iter().zip(truth).filter(|(a, b)| *a == b).count();
    let accuracy = right as f64 / truth.len() as f64;
    let mut line = Line::new(job, Unit::Seconds, fit.seconds).memory(fit.peak_mib).bar(Some(bar));
    line.quality = format!("accuracy {accuracy:.4}");
    if let Some(peers) = &bench.peers {
        let figures = peers.run_single(job)?;
        line.set_peer(figures.median("seconds"), figures.median("peak_mb"));
        let peer = figures.median("quality").or(figures.median("accuracy")).unwrap_or(f64::NAN);
        line.quality += &format!(" (peer {peer:.4})");
        line.counts = accuracy >= peer - SLACK;
    }
    Ok(vec![line])
}

/// One row through a forest that learned 10,000 rows, as the peers' latency job.
fn one_row(bench: &Bench, forest: &RandomForestClassifier) -> Result<Vec<Line>> {
    let table = synthetic(&bench.folder, "clf", 10_000)?;
    let model = forest.fit(&table.train.x, &Target::labels(&table.train.target), &bench.ctx)?;
    let (mut scratch, mut out) = (Scratch::new(), [0.0; 2]);
    let rows = table.test.x.rows();
    let mut times: Vec<f64> = (0..5000)
        .map(|i| {
            let row = table.test.x.row(i % rows);
            let start = Instant::now();
            model.score_row(row, &mut scratch, black_box(&mut out));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let line =
        Line::new("one row, 100 trees of a forest, p50", Unit::Microseconds, quantile(&mut times, 0.5));
    Ok(vec![line.quality(format!("p99 {:.2} µs", quantile(&mut times, 0.99)))])
}
