//! The vectorisers: times, and whether the numbers are scikit-learn's.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prompt_models::core::{Csr, Error, Featurizer, Matrix, Result, TextEstimator};
use prompt_models::features::{Analyzer, HashingVectorizer, Tfidf};

use crate::line::{Line, Unit};
use crate::timing::time;
use crate::{Bench, Job};

/// Largest difference of two numbers at which the matrices still agree.
const TOLERANCE: f64 = 1e-6;

/// What the job's peer is in `peers/classical.py`.
fn estimator(job: Job) -> Box<dyn TextEstimator> {
    match job {
        Job::TfidfChar => Box::new(
            Tfidf::default().analyzer(Analyzer::CharWb).ngram_range((3, 5)).max_features(Some(10_000)),
        ),
        Job::Hashing => Box::new(
            HashingVectorizer::default().ngram_range((1, 2)).n_features(1 << 18).alternate_sign(false),
        ),
        _ => Box::new(word_tfidf()),
    }
}

/// The features of every learner's job.
pub(crate) fn word_tfidf() -> Tfidf {
    Tfidf::default().ngram_range((1, 2)).max_features(Some(10_000))
}

/// Fit and transform of the training texts, then transform of the held-out ones.
pub(crate) fn bench(job: Job, bench: &Bench) -> Result<Vec<Line>> {
    let estimator = estimator(job);
    let fit = time(bench.repeats, || estimator.fit_texts(&bench.corpus.train.texts, &bench.ctx))?;
    let (fitted, x) = fit.result;
    let transform = time(bench.repeats, || fitted.featurize(&bench.corpus.rest.texts))?;
    let x = sparse(x)?;
    let nnz = x.nnz();
    let mut lines = vec![
        Line::new(job.name(), Unit::Seconds, fit.seconds).bar(job.bar()).memory(fit.peak_mib),
        Line::new(format!("{}, transform 6k", job.name()), Unit::Seconds, transform.seconds),
    ];
    let Some(peers) = &bench.peers else {
        lines[0].quality = format!("{nnz} numbers");
        return Ok(lines);
    };
    let agreement = agree(job, &*fitted, &[&x, &sparse(transform.result)?], bench)?;
    let figures = peers.run_single(job.name())?;
    let peer_nnz = figures.median("nnz").unwrap_or(0.0);
    let [fit, transform] = &mut lines[..] else { return Ok(lines) };
    fit.set_peer(figures.median("seconds"), figures.median("peak_mb"));
    fit.quality = format!("{nnz} numbers (peer {peer_nnz:.0}), {}", agreement.words);
    transform.set_peer(figures.median("transform_6k"), None);
    for line in &mut lines {
        line.counts = agreement.holds;
    }
    Ok(lines)
}

/// Our matrices beside scikit-learn's.
struct Agreement {
    holds: bool,
    words: String,
}

/// Has the rows of `parts`, one under the other, compared with scikit-learn's of the same documents.
fn agree(job: Job, fitted: &dyn Featurizer, parts: &[&Csr], bench: &Bench) -> Result<Agreement> {
    let Some(peers) = &bench.peers else {
        return Ok(Agreement { holds: false, words: "not compared".into() });
    };
    let folder = dump_folder(&bench.folder, job);
    dump(&folder, fitted, parts).map_err(|e| Error::io("write", &folder, e))?;
    let found = peers.agree(job.name(), &folder)?;
    let number = |key: &str| found[key].as_f64().unwrap_or(f64::NAN);
    let yes = |key: &str| found[key].as_bool().unwrap_or(false);
    let tied = number("columns_only_ours");
    let difference = number("max_difference");
    let mut words = format!("largest difference {difference:.1e}");
    if tied > 0.0 {
        words += &format!(", {tied:.0} tied columns chosen otherwise");
    }
    for (key, complaint) in [
        ("same_places", "other places filled"),
        ("same_order", "columns in another order"),
        ("tied", "columns differ beyond ties"),
    ] {
        if !yes(key) {
            words += &format!(", {}", complaint.to_uppercase());
        }
    }
    let holds = difference <= TOLERANCE && yes("same_places") && yes("same_order") && yes("tied");
    Ok(Agreement { holds, words })
}

/// The word features over the columns that scikit-learn chooses, so that learners on both sides are given the same
/// matrix; over our own choice where there is no peer.
pub(crate) fn word_tfidf_of_peer(bench: &Bench) -> Result<Tfidf> {
    if bench.peers.is_none() {
        return Ok(word_tfidf());
    }
    let path = dump_folder(&bench.folder, Job::Tfidf).join("peer_terms.json");
    if !path.exists() {
        let (fitted, x, z) = matrices(&word_tfidf(), bench)?;
        agree(Job::Tfidf, &*fitted, &[&sparse(x)?, &sparse(z)?], bench)?;
    }
    let bytes = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let terms: Vec<String> = serde_json::from_slice(&bytes)
        .map_err(|e| Error::input(format!("{}: {e}", path.display()), "remove it to make it anew"))?;
    Ok(Tfidf::default().ngram_range((1, 2)).vocabulary(Some(terms)))
}

fn dump_folder(folder: &Path, job: Job) -> PathBuf {
    folder.join("agree").join(job.name())
}

/// Writes what `agree.py` reads.
fn dump(folder: &Path, fitted: &dyn Featurizer, parts: &[&Csr]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = |name: &str| std::fs::File::create(folder.join(name)).map(BufWriter::new);
    let (mut indptr, mut indices, mut data) = (file("indptr.u64")?, file("indices.u32")?, file("data.f32")?);
    indptr.write_all(&0u64.to_le_bytes())?;
    let mut before = 0;
    for part in parts {
        for &end in &part.indptr()[1..] {
            indptr.write_all(&((before + end) as u64).to_le_bytes())?;
        }
        before += part.nnz();
        for index in part.indices() {
            indices.write_all(&index.to_le_bytes())?;
        }
        for value in part.values() {
            data.write_all(&value.to_le_bytes())?;
        }
    }
    for mut file in [indptr, indices, data] {
        file.flush()?;
    }
    let terms: Vec<_> = fitted.names().iter().collect();
    std::fs::write(folder.join("terms.json"), serde_json::to_vec(&terms)?)
}

fn sparse(x: Matrix) -> Result<Csr> {
    match x {
        Matrix::Sparse(x) => Ok(x),
        Matrix::Dense(_) => {
            Err(Error::unsupported("the comparison", "dense matrices", "vectorisers give sparse ones"))
        }
    }
}

/// A fitted vectoriser with its matrix of the training texts and of the held-out ones.
pub(crate) fn matrices(tfidf: &Tfidf, bench: &Bench) -> Result<(Arc<dyn Featurizer>, Matrix, Matrix)> {
    let (fitted, x) = tfidf.fit_texts(&bench.corpus.train.texts, &bench.ctx)?;
    let z = fitted.featurize(&bench.corpus.rest.texts)?;
    Ok((fitted, x, z))
}
