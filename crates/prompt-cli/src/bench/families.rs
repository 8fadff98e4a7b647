//! Leave one family of sources out: the honest number for security, since source and label are confounded.

use std::collections::BTreeMap;
use std::path::Path;

use prompt_models::core::{
    Batch, Error, Estimator, FitContext, FitTransform, Matrix, Result, Seed, Subset, Target, Transform,
    Union, predict,
};
use prompt_models::data::{Dataset, Split};
use prompt_models::features::{Frequency, Tfidf};
use prompt_models::linear::{Calibration, LinearSvm, LogisticRegression};
use prompt_models::metrics::{Bootstrap, Confusion, Interval};
use prompt_models::neural::{Network, Traces};
use prompt_models::pipeline::Features;
use prompt_models::prelude::ComplementNb;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::out::outln;

/// Which sources belong together. A source that no family names is a family of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Families {
    families: BTreeMap<String, Vec<String>>,
    minimal_families: BTreeMap<String, Vec<String>>,
    /// For the reader of the file.
    #[serde(rename = "note")]
    _note: String,
}

/// What a method says of every row when its family was held out.
type Said = Vec<u32>;

/// The encoder that is tried beside the linear models.
#[derive(Clone, Copy)]
pub(super) struct Encoder<'a> {
    /// Its folder, or `hub:org/name`.
    pub(super) from: Option<&'a Path>,
    /// Whether it is also fine-tuned without each family.
    pub(super) fine_tune: bool,
}

/// Macro-F1 over all held-out families together, for the strict and the minimal grouping, the linear models, and with an
/// encoder for what it says of the texts. Fine-tuning takes too long for the minimal grouping.
pub(super) fn run(
    folder: &Path,
    file: &Path,
    encoder: Encoder<'_>,
    ctx: &FitContext,
    json: bool,
) -> Result<Vec<Value>> {
    if let (Some(from), true) = (encoder.from, encoder.fine_tune) {
        // A build that cannot do it says so before the other methods have taken their time.
        tuned(from)?;
    }
    let text = std::fs::read(file).map_err(|e| Error::io("read", file, e))?;
    let families: Families = serde_json::from_slice(&text).map_err(|e| {
        Error::parse(file, e.line() as u64, e.column() as u64, e.to_string(), "correct the file")
    })?;
    let data = super::read(folder, "prompt_security/data.jsonl.gz")?;
    if !json {
        outln!(
            "\nprompt_security, one source family left out at a time, all its rows predicted, pooled macro-F1:"
        )?;
        outln!("{:<34} {:>16} {:>18}", "", "strict families", "minimal families")?;
    }
    let groupings = [&families.families, &families.minimal_families].map(|f| group(&data, f));
    let y = data.class_target(None)?;
    let (codes, classes) = y.as_classes()?;
    let f1 = |said: &Said| Confusion::new(codes, said, classes.len(), None).map(|c| c.f1_macro());
    let vectors = encoder.from.map(|from| vectors(from, &data, ctx)).transpose()?;
    let (from, vectors) = (encoder.from, vectors.as_ref());
    let mut rows = Vec::new();
    let mut strict: Vec<(&Method, Said)> = Vec::new();
    let tried = |method: &&Method| match method.reads {
        Reads::Words | Reads::WordsAndCharacters => true,
        Reads::Vectors => from.is_some(),
        Reads::FineTuned => encoder.fine_tune,
    };
    for method in METHODS.iter().filter(tried) {
        let held_out = |groups: &Vec<usize>| method.held_out(&data, &y, (from, vectors), groups, ctx);
        let by_strict = held_out(&groupings[0])?;
        let strict_value = f1(&by_strict)?;
        let minimal = match method.reads {
            Reads::FineTuned => None,
            _ => Some(f1(&held_out(&groupings[1])?)?),
        };
        if json {
            rows.push(json!({
                "data": "prompt_security", "scored_on": "held-out families", "metric": "f1_macro",
                "model": method.name, "strict": strict_value, "minimal": minimal,
                "strict_families": count(&groupings[0]), "minimal_families": count(&groupings[1]),
            }));
        } else {
            let minimal = minimal.map_or("–".to_owned(), |value| format!("{value:.4}"));
            outln!("{:<34} {strict_value:>16.4} {minimal:>18}", method.name)?;
        }
        strict.push((method, by_strict));
    }
    if !json {
        outln!(
            "({} strict and {} minimal families; {})",
            count(&groupings[0]),
            count(&groupings[1]),
            file.display()
        )?;
    }
    let (of_encoder, linear): (Vec<_>, Vec<_>) = strict.iter().partition(|(m, _)| m.reads.is_encoder());
    for (method, said) in &of_encoder {
        for (other, theirs) in &linear {
            let found = Bootstrap::default().paired_confusion(
                codes,
                [said, theirs],
                classes.len(),
                None,
                |c| Ok(c.f1_macro()),
                ctx,
            )?;
            let Interval { estimate: by, low, high, .. } = found.difference.interval;
            if json {
                rows.push(json!({
                    "data": "prompt_security", "scored_on": "held-out families, strict", "metric": "f1_macro",
                    "model": method.name, "less": other.name, "difference": by, "low": low, "high": high,
                }));
            } else {
                outln!("{} − {}: {by:+.4} [{low:+.4}, {high:+.4}]", method.name, other.name)?;
            }
        }
    }
    if !json && !of_encoder.is_empty() {
        outln!("(strict families; 95% of 2,000 bootstrap samples of the rows, drawn for both models alike)")?;
    }
    Ok(rows)
}

/// The family of every row by number.
fn group(data: &Dataset, families: &BTreeMap<String, Vec<String>>) -> Vec<usize> {
    let family_of: BTreeMap<&str, &str> = families
        .iter()
        .flat_map(|(f, sources)| sources.iter().map(move |s| (s.as_str(), f.as_str())))
        .collect();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    data.iter()
        .map(|e| {
            let source = e.source.as_deref().unwrap_or("?");
            let name = family_of.get(source).copied().unwrap_or(source).to_owned();
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        })
        .collect()
}

fn count(groups: &[usize]) -> usize {
    groups.iter().max().map_or(0, |m| m + 1)
}

/// What a model reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Words,
    WordsAndCharacters,
    /// The vectors of an encoder that stays as it is.
    Vectors,
    /// Texts, by an encoder that learns, too.
    FineTuned,
}

impl Reads {
    fn is_encoder(self) -> bool {
        matches!(self, Self::Vectors | Self::FineTuned)
    }
}

/// One model and how it is fitted.
struct Method {
    name: &'static str,
    reads: Reads,
    /// Each family counts 1/√rows, each label alike, instead of each row alike: large families teach less of their style.
    weigh_families: bool,
    bayes: bool,
}

const fn method(name: &'static str, reads: Reads) -> Method {
    Method { name, reads, weigh_families: false, bayes: false }
}

const METHODS: &[Method] = &[
    method("word TF-IDF, linear SVM", Reads::Words),
    method("word + char TF-IDF, linear SVM", Reads::WordsAndCharacters),
    Method {
        weigh_families: true,
        bayes: true,
        ..method("word TF-IDF, complement NB, weighed", Reads::Words)
    },
    method("encoder, logistic", Reads::Vectors),
    Method { weigh_families: true, ..method("encoder, logistic, weighed", Reads::Vectors) },
    Method { weigh_families: true, ..method("encoder, fine-tuned, weighed", Reads::FineTuned) },
];

impl Method {
    fn held_out(
        &self,
        data: &Dataset,
        y: &Target,
        (from, vectors): (Option<&Path>, Option<&Matrix>),
        groups: &[usize],
        ctx: &FitContext,
    ) -> Result<Said> {
        let (codes, classes) = y.as_classes()?;
        let texts = data.texts();
        let is_train: Vec<bool> = data.iter().map(|e| e.split == Some(Split::Train)).collect();
        let mut said = vec![0; data.len()];
        for family in 0..count(groups) {
            ctx.check()?;
            let mut train: Vec<usize> =
                (0..data.len()).filter(|&i| is_train[i] && groups[i] != family).collect();
            if self.reads == Reads::FineTuned {
                train = some_of_each(&train, groups, codes, ctx.seed());
            }
            let held: Vec<usize> = (0..data.len()).filter(|&i| groups[i] == family).collect();
            let mut target = y.select(&train);
            if self.weigh_families {
                target = target.with_weights(weights(&train, groups, codes, classes.len()))?;
            }
            let (taught, asked) = (Subset::new(&texts, &train), Subset::new(&texts, &held));
            let prediction = match (self.reads, from, vectors) {
                (Reads::FineTuned, Some(from), _) => {
                    let scorer = tuned(from)?.fit(&taught, &target, ctx, &Traces::default())?.scorer;
                    scorer.score(Batch::Texts(&asked))?.swap_remove(0)
                }
                (Reads::Vectors, _, Some(vectors)) => {
                    let model = self.learner().fit_model(&vectors.select_rows(&train), &target, ctx)?;
                    predict(&*model, &vectors.select_rows(&held))?
                }
                _ => {
                    let (fitted, x) = self.features().fit_transform(&taught, &(), ctx)?;
                    predict(&*self.learner().fit_model(&x, &target, ctx)?, &fitted.transform(&asked)?)?
                }
            };
            for (&row, code) in held.iter().zip(prediction.codes()?) {
                said[row] = code;
            }
        }
        Ok(said)
    }

    fn features(&self) -> Union<Box<dyn prompt_models::core::TextEstimator>> {
        if self.reads == Reads::Words {
            Union::new().with("word", Tfidf::default().ngram_range((1, 2)).min_df(Frequency::Count(2)))
        } else {
            Features::default().union()
        }
    }

    fn learner(&self) -> Box<dyn Estimator> {
        match self.reads {
            Reads::Vectors => Box::new(LogisticRegression::default()),
            _ if self.bayes => Box::new(ComplementNb::default().alpha(0.3)),
            _ => Box::new(LinearSvm::default().calibration(Calibration::None)),
        }
    }
}

/// The encoder with what it is fine-tuned by: first the head alone, then everything for one epoch.
fn tuned(from: &Path) -> Result<Network> {
    let params = [
        ("from", json!(from.to_string_lossy())),
        ("head", json!("linear")),
        ("pooling", json!("mean")),
        ("probe_epochs", json!(20)),
        ("learning_rate", json!(5e-5)),
        ("max_epochs", json!(1)),
        ("batch_size", json!(32)),
        ("max_length", json!(128)),
        ("validation_fraction", json!(0)),
    ];
    let encoder = Network::named("encoder")?;
    params.into_iter().try_fold(encoder, |encoder, (name, value)| encoder.with_param(name, &value))
}

/// At most [`FEW`] of these rows for each family and label, drawn at random, in their order.
fn some_of_each(rows: &[usize], groups: &[usize], codes: &[u32], seed: Seed) -> Vec<usize> {
    let mut by_kind: BTreeMap<(usize, u32), Vec<usize>> = BTreeMap::new();
    rows.iter().for_each(|&i| by_kind.entry((groups[i], codes[i])).or_default().push(i));
    let mut rng = seed.derive("some_of_each", 0).rng();
    let mut some: Vec<usize> = Vec::new();
    for mut rows in by_kind.into_values() {
        rng.shuffle(&mut rows);
        rows.truncate(FEW);
        some.extend(rows);
    }
    some.sort_unstable();
    some
}

/// Rows of a family and label that an encoder is fine-tuned on.
const FEW: usize = 100;

/// What the encoder in a folder says of every text, read whole, in windows.
#[cfg(feature = "encoder")]
fn vectors(from: &Path, data: &Dataset, ctx: &FitContext) -> Result<Matrix> {
    use prompt_models::core::Dense;
    use prompt_models::encoder::{Encoder, Options};

    /// Texts between two looks at whether to stop.
    const PART: usize = 512;
    let folder = crate::model::fetched(from)?;
    let encoder = Encoder::open_with(folder, &Options::default().threads(ctx.thread_budget()))?;
    let texts: Vec<&str> = data.iter().map(|e| e.text.as_str()).collect();
    let mut all = Vec::with_capacity(texts.len() * encoder.width());
    for part in texts.chunks(PART) {
        ctx.check()?;
        all.extend(encoder.embed(part)?.iter().flat_map(|e| e.vector.iter().map(|v| f64::from(*v))));
    }
    Ok(Matrix::Dense(Dense::new(texts.len(), encoder.width(), all)?))
}

#[cfg(not(feature = "encoder"))]
fn vectors(_: &Path, _: &Dataset, _: &FitContext) -> Result<Matrix> {
    Err(Error::unsupported("this build", "encoders", "build with the feature `encoder`"))
}

fn weights(rows: &[usize], groups: &[usize], codes: &[u32], k: usize) -> Vec<f64> {
    let mut size = vec![0.0f64; count(groups)];
    rows.iter().for_each(|&i| size[groups[i]] += 1.0);
    let mut by_class = vec![0.0; k];
    rows.iter().for_each(|&i| by_class[codes[i] as usize] += size[groups[i]].sqrt().recip());
    let n = rows.len() as f64;
    rows.iter().map(|&i| n * size[groups[i]].sqrt().recip() / by_class[codes[i] as usize]).collect()
}
