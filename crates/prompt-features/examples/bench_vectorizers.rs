//! Seconds of each vectoriser on the texts of `benches/peers/make_data.py`, to be put beside
//! `benches/peers/classical.py DIR tfidf | tfidf_char | hashing`.
//!
//! usage: `cargo run --release -p prompt-features --example bench_vectorizers -- DIR [THREADS [JOB]]`

use std::time::Instant;

use prompt_core::{
    Error, Featurizer, FitContext, FitTransform, Matrix, Result, Scratch, SparseRow, TextLearner, Transform,
};
use prompt_features::{Analyzer, HashingVectorizer, Tfidf};

const TRAIN: usize = 24_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = || Error::input("the folder of docs.txt is missing", "name it as the first argument");
    let path = std::path::PathBuf::from(arguments.next().ok_or_else(usage)?).join("docs.txt");
    let threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(2);
    let job = arguments.next();
    let wanted = |name: &str| job.as_deref().is_none_or(|job| job == name);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    let docs: Vec<&str> = text.lines().collect();
    let ctx = FitContext::new(0).threads(threads);
    let word = Tfidf::default().ngram_range((1, 2)).max_features(Some(10_000));
    let char_wb = word.clone().analyzer(Analyzer::CharWb).ngram_range((3, 5));
    let hashing = HashingVectorizer::default().ngram_range((1, 2)).alternate_sign(false);
    ctx.install(|| {
        if wanted("tfidf") {
            bench("tfidf", &word, &docs, &ctx)?;
        }
        if wanted("tfidf_char") {
            bench("tfidf_char", &char_wb, &docs, &ctx)?;
        }
        if wanted("hashing") {
            bench("hashing", &hashing, &docs, &ctx)?;
        }
        Ok(())
    })
}

/// Median seconds of five fits and transforms, and the time of one row at a time.
fn bench<E>(name: &str, estimator: &E, docs: &[&str], ctx: &FitContext) -> Result<()>
where
    E: TextLearner<Output = Matrix>,
    E::Fitted: Featurizer + for<'a> Transform<[&'a str], Output = Matrix>,
{
    let (train, rest) = docs.split_at(TRAIN.min(docs.len()));
    let (mut fit_seconds, mut transform_seconds) = (Vec::new(), Vec::new());
    let mut nnz = 0;
    let mut last = None;
    for _ in 0..5 {
        let start = Instant::now();
        let (fitted, x) = estimator.fit_transform(train, &(), ctx)?;
        fit_seconds.push(start.elapsed().as_secs_f64());
        if let Matrix::Sparse(x) = &x {
            nnz = x.nnz();
        }
        let start = Instant::now();
        fitted.transform(rest)?;
        transform_seconds.push(start.elapsed().as_secs_f64());
        last = Some(fitted);
    }
    let Some(fitted) = last else { return Ok(()) };
    let (mut scratch, mut row) = (Scratch::new(), SparseRow::default());
    let mut one = |text: &str| {
        row.clear();
        fitted.append_row(text, 0, &mut scratch, &mut row);
        std::hint::black_box(&row);
    };
    train.iter().take(200).for_each(|text| one(text));
    let mut micros: Vec<f64> = rest
        .iter()
        .map(|text| {
            let start = Instant::now();
            one(text);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    println!(
        "{{\"job\": \"{name}\", \"seconds\": {:.4}, \"transform_6k\": {:.4}, \"nnz\": {nnz}, \"row_us_p50\": {:.2}, \"row_us_p99\": {:.2}}}",
        median(&mut fit_seconds),
        median(&mut transform_seconds),
        quantile(&mut micros, 0.5),
        quantile(&mut micros, 0.99),
    );
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * q).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
