//! How much of an encoder's accuracy small models keep, and how long a prompt takes: CLINC150's in-scope intents.
//!
//! ```text
//! cargo bench --bench distill -- --encoder DIR [--teacher DIR] [--work DIR] [--json]
//! ```
//!
//! `--encoder` is the folder of a sentence encoder (all-MiniLM-L6-v2). The teacher is logistic regression on its vectors,
//! or with `--teacher` the folder of a fine-tuned classifier. Students are trained on the train rows, C is chosen on the
//! validation rows, and what is told is of the test rows. Latency is text in, probabilities out, on one thread with a warm
//! scratch. What the encoder says of the texts is kept in `--work` and read again the next time.

#[path = "common"]
mod common {
    pub(crate) mod machine;
    pub(crate) mod report;
    pub(crate) mod table;
}

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use prompt_models::LoadedModel;
use prompt_models::core::{
    Batch, Classes, Dense, Error, Estimator, Featurizer, FitContext, FitTransform, Matrix, Model, Prediction,
    Result, Scorer, Scratch, Target, TextEstimator, predict,
};
use prompt_models::data::read::ReadOptions;
use prompt_models::data::{Dataset, Split};
use prompt_models::distill::Distill;
use prompt_models::encoder::{Encoder, Options, StaticEmbedding, StaticEmbeddings};
use prompt_models::features::{Frequency, Tfidf, TokenPattern};
use prompt_models::linear::{LinearSvm, LogisticRegression};
use prompt_models::metrics::Confusion;
use prompt_models::pipeline::{self, Features};
use serde::Serialize;

use common::table::{Table, cell};
use common::{machine, report};

const THREADS: usize = 2;
/// What a student is to keep of the teacher's macro-F1, and its microseconds at the median.
const KEPT: f64 = 0.97;
const MOST: f64 = 15.0;
/// Candidates for C of logistic regression.
const CS: [f64; 2] = [10.0, 100.0];
/// Texts that go through the encoder at one time.
const PART: usize = 1024;

/// Students of an encoder on CLINC150.
#[derive(Parser)]
struct Arguments {
    /// The folder of a sentence encoder.
    #[arg(long, value_name = "DIR")]
    encoder: PathBuf,
    /// The folder of a classifier of the intents in place of logistic regression on the encoder's vectors.
    #[arg(long, value_name = "DIR")]
    teacher: Option<PathBuf>,
    /// Where vectors and embeddings are kept.
    #[arg(long, value_name = "DIR", default_value = "target/bench-distill")]
    work: PathBuf,
    /// Only students whose description holds this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    report::exit_code(run(&Arguments::parse()))
}

/// A named stage of features.
type Part = (String, Box<dyn TextEstimator>);
/// A learner with this C.
type Make<'a> = &'a dyn Fn(f64) -> Box<dyn Estimator>;
/// A learner, taught.
type Teach<'a> = &'a dyn Fn(&dyn Estimator) -> Result<Arc<dyn Model>>;

/// Texts and classes of the splits.
struct Data {
    texts: Vec<String>,
    y: Target,
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl Data {
    fn of(&self, rows: &[usize]) -> Vec<&str> {
        rows.iter().map(|row| self.texts[*row].as_str()).collect()
    }

    fn f1(&self, rows: &[usize], said: &Prediction) -> Result<f64> {
        let y = self.y.select(rows);
        let (truth, classes) = y.as_classes()?;
        Ok(Confusion::new(truth, &said.codes()?, classes.len(), None)?.f1_macro())
    }
}

/// A model's figures.
#[derive(Serialize)]
struct Line {
    model: String,
    f1_macro: f64,
    kept: f64,
    c: Option<f64>,
    us_p50: f64,
    us_p99: f64,
}

fn run(args: &Arguments) -> Result<()> {
    let data = clinc150()?;
    std::fs::create_dir_all(&args.work).map_err(|e| Error::io("create", &args.work, e))?;
    let ctx = FitContext::new(1).threads(THREADS);
    let (teacher, of_all) = teacher(args, &data, &ctx)?;
    let mut lines = vec![teacher];
    let most = lines[0].f1_macro;
    let said = select(&of_all, &data.train)?;

    let embedding = StaticEmbedding::default().source(args.encoder.display().to_string());
    let plain = made(&args.work.join("static"), &embedding, &data, &ctx)?;
    let adapted = made(&args.work.join("static-adapted"), &embedding.adapt(true), &data, &ctx)?;
    let word = || {
        let common =
            Tfidf::default().min_df(Frequency::Count(2)).max_features(Some(20_000)).sublinear_tf(true);
        (
            "word".to_owned(),
            Box::new(common.ngram_range((1, 2)).token_pattern(TokenPattern::OneOrMore))
                as Box<dyn TextEstimator>,
        )
    };
    let of = |folder: &Path| {
        let source = StaticEmbedding::default().source(folder.display().to_string());
        ("static".to_owned(), Box::new(source) as Box<dyn TextEstimator>)
    };
    let features: [(&str, Vec<Part>); 4] = [
        ("static", vec![of(&plain)]),
        ("static, adapted", vec![of(&adapted)]),
        ("word TF-IDF", vec![word()]),
        ("word TF-IDF + static, adapted", vec![word(), of(&adapted)]),
    ];
    for (name, parts) in features {
        let union = Features::of(parts).union();
        let (features, x) = union.fit_transform(&data.of(&data.train), &(), &ctx)?;
        let z = features.featurize(&data.of(&data.validation))?;
        let labels = |learner: &dyn Estimator| learner.fit_model(&x, &data.y.select(&data.train), &ctx);
        let codes = data.y.as_classes()?.0;
        let known: Vec<Option<u32>> = data.train.iter().map(|row| Some(codes[*row])).collect();
        let soft = |temperature: f64, alpha: f64| -> Result<_> {
            let how = Distill::default().temperature(temperature).alpha(alpha);
            let targets = how.targets(&said, &known)?;
            let (x, ctx) = (&x, &ctx);
            Ok(move |learner: &dyn Estimator| how.fit(learner, x, &targets, ctx))
        };
        let logistic = |c: f64| Box::new(regression(c)) as Box<dyn Estimator>;
        let svm = |c: f64| Box::new(LinearSvm::default().c(c / 40.0)) as Box<dyn Estimator>;
        let ways: [(&str, Make<'_>, Teach<'_>); 3] = [
            ("labels", &logistic, &labels),
            ("labels, linear SVM", &svm, &labels),
            ("teacher and labels, T = 1", &logistic, &soft(1.0, 0.5)?),
        ];
        for (taught, learner, fit) in ways {
            if !format!("{name}; {taught}").contains(&args.only) {
                continue;
            }
            let start = Instant::now();
            let mut best: Option<(f64, f64, Arc<dyn Model>)> = None;
            for c in CS {
                let model = fit(&*learner(c))?;
                let score = data.f1(&data.validation, &predict(&*model, &z)?)?;
                if best.as_ref().is_none_or(|(b, ..)| score > *b) {
                    best = Some((score, c, model));
                }
            }
            let Some((_, c, model)) = best else { continue };
            let scorer = pipeline::assemble(None, features.clone(), model);
            let line = measure(format!("{name}; {taught}"), &*scorer, &data, most, Some(c))?;
            eprintln!(
                "{}: macro-F1 {:.4}, kept {:.4}, p50 {:.2} µs, {:.0} s",
                line.model,
                line.f1_macro,
                line.kept,
                line.us_p50,
                start.elapsed().as_secs_f64()
            );
            lines.push(line);
        }
    }
    tell(args, &lines);
    Ok(())
}

/// Stopped earlier than by default, for time.
fn regression(c: f64) -> LogisticRegression {
    LogisticRegression::default().c(c).tol(1e-3).max_iter(100)
}

/// CLINC150 without the rows out of scope.
fn clinc150() -> Result<Data> {
    let folder =
        std::env::var_os("PROMPT_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let all = ReadOptions::default().read(folder.join("clinc150/data.jsonl.gz"))?.dataset;
    let inside = all.rows_where(|e| e.label.as_deref().is_some_and(|l| l != "oos" && l != "out_of_scope"));
    let data: Dataset = all.select(&inside);
    Ok(Data {
        y: data.class_target(None)?,
        train: data.rows_of(Split::Train),
        validation: data.rows_of(Split::Validation),
        test: data.rows_of(Split::Test),
        texts: data.texts().into_iter().map(str::to_owned).collect(),
    })
}

/// The teacher's figures, and what it says of every text.
fn teacher(args: &Arguments, data: &Data, ctx: &FitContext) -> Result<(Line, Prediction)> {
    let all: Vec<&str> = data.texts.iter().map(String::as_str).collect();
    if let Some(folder) = &args.teacher {
        let model = LoadedModel::open(folder)?;
        let said = kept(&args.work.join("teacher.f32"), &all, |texts| {
            let said = model.scorer.score(Batch::Texts(&texts.to_vec()))?.swap_remove(0);
            Ok(said.scores().data().iter().map(|v| *v as f32).collect())
        })?;
        let classes = model.classes()?;
        let said = among(data.y.as_classes()?.1, classes, &said)?;
        let line = measure(format!("teacher: {}", model.manifest.name), &*model.scorer, data, 0.0, None)?;
        let f1 = data.f1(&data.test, &select(&said, &data.test)?)?;
        return Ok((Line { f1_macro: f1, kept: 1.0, ..line }, said));
    }
    let encoder = Encoder::open_with(&args.encoder, &Options::default().threads(THREADS))?;
    let vectors = kept(&args.work.join("vectors.f32"), &all, |texts| {
        Ok(encoder.embed(texts)?.into_iter().flat_map(|e| e.vector).collect())
    })?;
    let numbers = vectors.iter().map(|v| f64::from(*v)).collect();
    let x = Matrix::from(Dense::new(all.len(), encoder.width(), numbers)?);
    let y = data.y.select(&data.train);
    let mut best: Option<(f64, f64, Arc<dyn Model>)> = None;
    for c in CS {
        let model = regression(c).fit_model(&x.select_rows(&data.train), &y, ctx)?;
        let score = data.f1(&data.validation, &predict(&*model, &x.select_rows(&data.validation))?)?;
        if best.as_ref().is_none_or(|(b, ..)| score > *b) {
            best = Some((score, c, model));
        }
    }
    let Some((_, c, model)) = best else { return Err(Error::input("no C", "give candidates")) };
    let said = predict(&*model, &x)?;
    let f1_macro = data.f1(&data.test, &select(&said, &data.test)?)?;
    let one = Encoder::open_with(&args.encoder, &Options::default().threads(1))?;
    let mut micros = Vec::new();
    for row in data.test.iter().take(300) {
        let start = Instant::now();
        std::hint::black_box(one.embed(&[&data.texts[*row]])?);
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let (us_p50, us_p99) = (quantile(&mut micros, 0.5), quantile(&mut micros, 0.99));
    let model = "teacher: logistic regression on the encoder's vectors".to_owned();
    Ok((Line { model, f1_macro, kept: 1.0, c: Some(c), us_p50, us_p99 }, said))
}

/// A teacher's probabilities in the order of our classes.
fn among(ours: &Classes, theirs: &Classes, said: &[f32]) -> Result<Prediction> {
    let order = theirs.encode(ours.names())?;
    let rows = said.chunks_exact(theirs.len());
    let data: Vec<f64> =
        rows.flat_map(|row| order.iter().map(|c| f64::from(row[*c as usize])).collect::<Vec<_>>()).collect();
    let scores = Dense::new(data.len() / ours.len(), ours.len(), data)?;
    Prediction::new(prompt_models::core::Output::Classes(ours.clone()), scores)
}

/// What `make` gives for the texts, part by part, read from the file where it is there.
fn kept(path: &Path, texts: &[&str], make: impl Fn(&[&str]) -> Result<Vec<f32>>) -> Result<Vec<f32>> {
    if let Ok(bytes) = std::fs::read(path) {
        let (words, _) = bytes.as_chunks::<4>();
        return Ok(words.iter().map(|w| f32::from_le_bytes(*w)).collect());
    }
    let mut all = Vec::new();
    for part in texts.chunks(PART) {
        all.extend(make(part)?);
    }
    let bytes: Vec<u8> = all.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(path, bytes).map_err(|e| Error::io("write", path, e))?;
    Ok(all)
}

/// Static embeddings of the training texts, made or found in the folder.
fn made(folder: &Path, embedding: &StaticEmbedding, data: &Data, ctx: &FitContext) -> Result<PathBuf> {
    if StaticEmbeddings::open(folder).is_err() {
        let start = Instant::now();
        let encoder = Encoder::open_with(&embedding.source, &Options::default().threads(THREADS))?;
        embedding.distil(&encoder, &data.of(&data.train), ctx)?.save(folder)?;
        eprintln!("{} made in {:.1} s", folder.display(), start.elapsed().as_secs_f64());
    }
    Ok(folder.to_owned())
}

fn select(said: &Prediction, rows: &[usize]) -> Result<Prediction> {
    Prediction::new(said.output().clone(), said.scores().select_rows(rows))
}

/// Scores every test prompt once, with a scratch that training prompts have warmed.
fn measure(model: String, scorer: &dyn Scorer, data: &Data, most: f64, c: Option<f64>) -> Result<Line> {
    let said = scorer.score(Batch::Texts(&data.of(&data.test)))?.swap_remove(0);
    let f1_macro = data.f1(&data.test, &said)?;
    let (mut scratch, mut out) = (Scratch::new(), vec![0.0; said.output().width()]);
    for row in data.train.iter().take(1000) {
        scorer.score_text(&data.texts[*row], &mut scratch, &mut out)?;
    }
    let mut micros = Vec::with_capacity(data.test.len());
    for row in &data.test {
        let start = Instant::now();
        scorer.score_text(&data.texts[*row], &mut scratch, &mut out)?;
        micros.push(start.elapsed().as_secs_f64() * 1e6);
        std::hint::black_box(&out);
    }
    let (us_p50, us_p99) = (quantile(&mut micros, 0.5), quantile(&mut micros, 0.99));
    Ok(Line { model, f1_macro, kept: f1_macro / most, c, us_p50, us_p99 })
}

fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len().saturating_sub(1) as f64 * q) as usize).copied().unwrap_or(f64::NAN)
}

fn tell(args: &Arguments, lines: &[Line]) {
    let mut table =
        Table::new(&["model", "macro-F1", "of the teacher's", "C", "p50 µs", "p99 µs", "verdict"]);
    for line in lines {
        let verdict = match line.kept >= KEPT && line.us_p50 <= MOST {
            true => "met",
            false => "missed",
        };
        table.push(vec![
            line.model.clone(),
            format!("{:.4}", line.f1_macro),
            format!("{:.1}%", 100.0 * line.kept),
            cell(line.c, 2),
            format!("{:.2}", line.us_p50),
            format!("{:.2}", line.us_p99),
            if line.model.starts_with("teacher") { "–".to_owned() } else { verdict.to_owned() },
        ]);
    }
    let what = format!(
        "CLINC150, 150 intents, 15,000 train and 4,500 test prompts; the bar is {:.0}% of the teacher's macro-F1 at a p50 of {MOST} µs",
        100.0 * KEPT
    );
    report::print(args.json, &machine::describe(None), &what, &table, &lines);
}
