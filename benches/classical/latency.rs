//! One prompt: text in, probabilities out, sanitising on.

use std::sync::Arc;
use std::time::Instant;

use prompt_models::core::Result;
use prompt_models::core::{Fit, Predict, Scorer, Scratch, Target, Then};
use prompt_models::data::Split;
use prompt_models::data::sanitise::Sanitiser;
use prompt_models::features::{Frequency, Tfidf};
use prompt_models::linear::{LinearSvm, LogisticRegression};
use prompt_models::metrics::Confusion;
use prompt_models::pipeline::Features;

use crate::Bench;
use crate::corpus::security_prompts;
use crate::line::{Line, Unit};
use crate::peers::Figures;
use crate::timing::quantile;
use crate::vectors::word_tfidf;

/// Most microseconds at the median.
const MOST: f64 = 4.0;
/// Training prompts scored before the first that is timed.
const WARM: usize = 1_000;

/// The peers' lines that ours are put beside, with the least ratios that are asked for.
const PEERS: [(&str, &str, f64); 2] = [
    ("scikit-learn", "tfidf+logistic predict_proba, one prompt", 100.0),
    ("fastText", "fasttext, one prompt", 2.5),
];

/// Word TF-IDF with logistic regression, and on real prompts the models that are accurate there.
pub(crate) fn bench(real: bool, bench: &Bench) -> Result<Vec<Line>> {
    let y = bench.corpus.train.target();
    let pipeline = Sanitiser::default().then(word_tfidf()).then(LogisticRegression::default());
    let scorer: Arc<dyn Scorer> = pipeline.fit(&bench.corpus.train.texts, &y, &bench.ctx)?.into();
    let mut models = vec![Timed::of("word tfidf + lr", &*scorer, String::new(), bench)?];
    if real {
        let common =
            Tfidf::default().min_df(Frequency::Count(2)).max_features(Some(20_000)).sublinear_tf(true);
        let word = Features::of(vec![("word".into(), Box::new(common.ngram_range((1, 2))))]);
        models.push(accurate("word tfidf 20k + svm", &word, bench)?);
        models.push(accurate("default features + svm", &Features::default(), bench)?);
    }
    let figures = bench.peers.as_ref().map(|peers| peers.run("latency")).transpose()?.unwrap_or_default();
    Ok(models.iter().flat_map(|model| model.lines(&figures)).collect())
}

/// Fitted on the training rows of the real prompts' own split, with the macro-F1 of their test rows.
fn accurate(name: &'static str, features: &Features, bench: &Bench) -> Result<Timed> {
    let prompts = security_prompts()?;
    let (train, test) =
        (prompts.select(&prompts.rows_of(Split::Train)), prompts.select(&prompts.rows_of(Split::Test)));
    let pipeline = Sanitiser::default().then(features.union()).then(LinearSvm::default().c(3.0));
    let fitted = pipeline.fit(&train.texts(), &train.class_target(None)?, &bench.ctx)?;
    let codes = fitted.predict(&test.texts())?.codes()?;
    let truth: Target = test.class_target(None)?;
    let (truth, classes) = truth.as_classes()?;
    let f1 = Confusion::new(truth, &codes, classes.len(), None)?.f1_macro();
    let scorer: Arc<dyn Scorer> = fitted.into();
    Timed::of(name, &*scorer, format!(", macro-F1 {f1:.4} on the test rows"), bench)
}

/// The distribution of one model's times.
struct Timed {
    name: &'static str,
    p50: f64,
    p99: f64,
    quality: String,
}

impl Timed {
    /// Scores every held-out prompt once, with a scratch that training prompts have warmed.
    fn of(name: &'static str, scorer: &dyn Scorer, quality: String, bench: &Bench) -> Result<Self> {
        let width = scorer.heads().iter().map(|head| head.output.width()).sum();
        let (mut scratch, mut out) = (Scratch::new(), vec![0.0; width]);
        for text in &bench.corpus.train.texts[..WARM] {
            scorer.score_text(text, &mut scratch, &mut out)?;
        }
        let mut micros = Vec::with_capacity(bench.corpus.rest.texts.len());
        for text in &bench.corpus.rest.texts {
            let start = Instant::now();
            scorer.score_text(text, &mut scratch, &mut out)?;
            micros.push(start.elapsed().as_secs_f64() * 1e6);
            std::hint::black_box(&out);
        }
        let (p50, p99) = (quantile(&mut micros, 0.5), quantile(&mut micros, 0.99));
        Ok(Self { name, p50, p99, quality })
    }

    /// A line for each peer, or one where there is none.
    fn lines(&self, figures: &[Figures]) -> Vec<Line> {
        let quality = |p99: Option<f64>| {
            let met = if self.p50 <= MOST { "met" } else { "MISSED" };
            let peer = p99.map_or_else(String::new, |p99| format!(" (peer {p99:.1})"));
            format!("p50 ≤ {MOST} µs {met}, p99 {:.2}{peer}{}", self.p99, self.quality)
        };
        let of = |job: String| Line::new(job, Unit::Microseconds, self.p50);
        if figures.is_empty() {
            return vec![of(format!("latency, {}", self.name)).quality(quality(None))];
        }
        let beside = PEERS.iter().filter_map(|&(peer, name, bar)| {
            let figures = figures.iter().find(|f| f.name == name)?;
            let line = of(format!("latency, {} / {peer}", self.name)).bar(Some(bar));
            Some(line.peer(figures.median("us_p50"), None).quality(quality(figures.median("us_p99"))))
        });
        beside.collect()
    }
}
