//! The learners on the word TF-IDF matrix: times and objectives.

use prompt_models::bayes::MultinomialNb;
use prompt_models::core::{Fit, Learner, Matrix, Result, predict};
use prompt_models::linear::{Calibration, LinearClassifier, LinearSvm, LogisticRegression};
use prompt_models::prelude::{Predict, Sanitiser, Then};

use crate::line::{Line, Unit};
use crate::timing::time;
use crate::vectors::{matrices, word_tfidf, word_tfidf_of_peer};
use crate::{Bench, Job};

/// How much worse than the peer's an objective may be, relative to it.
const SLACK: f64 = 1e-6;

/// Fits the job's learner, in as many forms as are worth telling apart.
pub(crate) fn bench(job: Job, bench: &Bench) -> Result<Vec<Line>> {
    let (_, x, z) = matrices(&word_tfidf_of_peer(bench)?, bench)?;
    let data = Data { x, z, bench };
    let mut runs = match job {
        Job::Lr => vec![data.run(job.name(), &LogisticRegression::default())?],
        Job::Mnb => vec![data.run(job.name(), &MultinomialNb::default())?],
        _ => vec![
            // What the peer does: margins alone, at its tolerance.
            data.run(job.name(), &LinearSvm::default().calibration(Calibration::None).tol(1e-4))?,
            data.run("lsvc, tolerance 0.01", &LinearSvm::default().calibration(Calibration::None))?,
            data.run("lsvc, with probabilities", &LinearSvm::default())?,
        ],
    };
    let figures = bench.peers.as_ref().map(|peers| peers.run_single(job.name())).transpose()?;
    if let Some(first) = runs.first_mut() {
        first.line.set_bar(job.bar());
    }
    for run in &mut runs {
        if let Some(figures) = &figures {
            let (seconds, mib) = (figures.median("seconds"), figures.median("peak_mb"));
            run.line.set_peer(seconds, mib);
            run.line.quality += &format!(" (peer {:.4})", figures.median("accuracy").unwrap_or(f64::NAN));
        }
        if job == Job::Lr {
            let objective = objective(&run.model, &data.x, &bench.corpus.train.labels);
            run.line.quality += &format!(", objective {objective:.7}");
            if let Some(peer) = figures.as_ref().and_then(|f| f.median("objective")) {
                run.line.quality += &format!(" (peer {peer:.7})");
                run.line.counts = objective <= peer * (1.0 + SLACK);
            }
        } else if let Some(summary) = run.model.summary() {
            run.line.quality += &format!(", objective {:.3}", summary.objective);
        }
    }
    Ok(runs.into_iter().map(|run| run.line).collect())
}

/// What the learners of a job are given.
struct Data<'a> {
    x: Matrix,
    z: Matrix,
    bench: &'a Bench,
}

struct Run {
    line: Line,
    model: LinearClassifier,
}

impl Data<'_> {
    fn run<L: Learner<Fitted = LinearClassifier>>(&self, name: &str, learner: &L) -> Result<Run> {
        let y = self.bench.corpus.train.target();
        let fit = time(self.bench.repeats, || learner.fit(&self.x, &y, &self.bench.ctx))?;
        let codes = predict(&fit.result, &self.z)?.codes()?;
        let accuracy = self.bench.corpus.rest.accuracy(&codes);
        let line = Line::new(name, Unit::Seconds, fit.seconds)
            .memory(fit.peak_mib)
            .quality(format!("accuracy {accuracy:.4}"));
        Ok(Run { line, model: fit.result })
    }
}

/// A whole pipeline from text beside fastText's supervised training, which also begins at the text.
pub(crate) fn bench_pipeline(bench: &Bench) -> Result<Vec<Line>> {
    let corpus = &bench.corpus;
    let pipeline = Sanitiser::default().then(word_tfidf()).then(LogisticRegression::default());
    let y = corpus.train.target();
    let fit = time(bench.repeats, || pipeline.fit(&corpus.train.texts, &y, &bench.ctx))?;
    let accuracy = corpus.rest.accuracy(&fit.result.predict(&corpus.rest.texts)?.codes()?);
    let mut line = Line::new("fasttext (ours: tfidf + lr)", Unit::Seconds, fit.seconds)
        .memory(fit.peak_mib)
        .quality(format!("accuracy {accuracy:.4}"));
    if let Some(peers) = &bench.peers {
        let figures = peers.run_single("fasttext")?;
        line.set_peer(figures.median("seconds"), figures.median("peak_mb"));
        line.quality += &format!(" (peer {:.4})", figures.median("accuracy").unwrap_or(f64::NAN));
    }
    Ok(vec![line])
}

/// Mean log loss plus ‖w‖²/(2n): the formula in `peers/classical.py`.
fn objective(model: &LinearClassifier, x: &Matrix, labels: &[u8]) -> f64 {
    let n = labels.len() as f64;
    let mut margins = vec![0.0; model.margins()];
    let mut loss = 0.0;
    for (i, &label) in labels.iter().enumerate() {
        model.margins_of(x.row(i), &mut margins);
        let most = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = margins.iter().map(|z| (z - most).exp()).sum();
        loss += most + sum.ln() - margins[usize::from(label)];
    }
    loss / n + model.weights().iter().map(|w| w * w).sum::<f64>() / (2.0 * n)
}
