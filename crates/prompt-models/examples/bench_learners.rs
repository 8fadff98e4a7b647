//! Seconds of each learner on the TF-IDF matrix of `benches/peers/make_data.py`, one JSON object a line, to be put
//! beside `benches/peers/classical.py DIR lr | lsvc | mnb`, which trains on the same numbers.
//!
//! usage: `cargo run --release -p prompt-models --example bench_learners -- DIR [THREADS [JOB]]`

use std::path::{Path, PathBuf};
use std::time::Instant;

use prompt_core::artifact::Persist;
use prompt_core::{
    Error, Estimator, FitContext, FitTransform, Matrix, Result, Scratch, Target, Transform, predict,
};
use prompt_features::Tfidf;
use prompt_models::bayes::{ComplementNb, MultinomialNb};
use prompt_models::linear::{Calibration, LinearSvm, LogisticRegression};
use serde_json::{Value, json};

const TRAIN: usize = 24_000;
const REPEATS: usize = 5;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = || Error::input("the folder of docs.txt is missing", "name it as the first argument");
    let dir = PathBuf::from(arguments.next().ok_or_else(usage)?);
    let threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(2);
    let wanted = arguments.next();
    let ctx = FitContext::new(0).threads(threads);
    let jobs: [(&str, Box<dyn Estimator>); 5] = [
        ("lr", Box::new(LogisticRegression::default())),
        ("lsvc", Box::new(LinearSvm::default().calibration(Calibration::None))),
        ("lsvc_calibrated", Box::new(LinearSvm::default())),
        ("mnb", Box::new(MultinomialNb::default())),
        ("cnb", Box::new(ComplementNb::default())),
    ];
    ctx.install(|| {
        let data = Data::read(&dir, &ctx)?;
        let mut jobs = jobs.iter().filter(|(job, _)| wanted.as_deref().is_none_or(|w| w == *job));
        jobs.try_for_each(|(job, learner)| bench(job, &**learner, &data, &ctx))
    })
}

struct Data {
    train: (Matrix, Target),
    test: (Matrix, Vec<u32>),
}

impl Data {
    fn read(dir: &Path, ctx: &FitContext) -> Result<Self> {
        let path = dir.join("docs.txt");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let docs: Vec<&str> = text.lines().collect();
        let path = dir.join("labels.u8");
        let labels = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        if labels.len() != docs.len() || docs.len() <= TRAIN {
            return Err(Error::shape("labels for the documents", docs.len(), labels.len()));
        }
        let (train, rest) = docs.split_at(TRAIN);
        let tfidf = Tfidf::default().ngram_range((1, 2)).max_features(Some(10_000));
        let (tfidf, x) = tfidf.fit_transform(train, &(), ctx)?;
        let y = Target::labels(labels[..TRAIN].iter().map(u8::to_string));
        let rest_y = labels[TRAIN..].iter().map(|&c| u32::from(c)).collect();
        Ok(Self { train: (x, y), test: (tfidf.transform(rest)?, rest_y) })
    }
}

fn bench(job: &str, learner: &dyn Estimator, data: &Data, ctx: &FitContext) -> Result<()> {
    let (x, y) = &data.train;
    let mut seconds = Vec::new();
    let mut model = learner.fit_model(x, y, ctx)?;
    for _ in 0..REPEATS {
        let start = Instant::now();
        model = learner.fit_model(x, y, ctx)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let (test, truth) = &data.test;
    let start = Instant::now();
    let prediction = predict(&*model, test)?;
    let predict_seconds = start.elapsed().as_secs_f64();
    let right = prediction.codes()?.iter().zip(truth).filter(|(a, b)| a == b).count();

    let mut scratch = Scratch::new();
    let mut out = vec![0.0; model.output().width()];
    let start = Instant::now();
    for i in 0..test.rows() {
        model.score_row(test.row(i), &mut scratch, &mut out);
    }
    let row = start.elapsed().as_secs_f64() / test.rows() as f64;

    let summary: Value = model.encode()?.get_meta::<Value>()?["summary"].clone();
    let line = json!({
        "job": job,
        "name": learner.name(),
        "seconds": rounded(seconds[REPEATS / 2]),
        "predict_6k": rounded(predict_seconds),
        "score_row_ns": (row * 1e9).round(),
        "accuracy": rounded(right as f64 / truth.len() as f64),
        "objective": summary["objective"],
        "iterations": summary["iterations"],
    });
    println!("{line}");
    Ok(())
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
