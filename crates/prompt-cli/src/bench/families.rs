//! Leave one family of sources out: the honest number for security, since source and label are confounded.

use std::collections::BTreeMap;
use std::path::Path;

use prompt_models::core::{
    Error, Estimator, FitContext, FitTransform, Result, Subset, Target, Transform, Union, predict,
};
use prompt_models::data::{Dataset, Split};
use prompt_models::features::{Frequency, Tfidf};
use prompt_models::linear::{Calibration, LinearSvm};
use prompt_models::metrics::Confusion;
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

/// Pooled macro-F1 over all held-out families, for the strict and the minimal grouping and three linear models.
pub(super) fn run(folder: &Path, file: &Path, ctx: &FitContext, json: bool) -> Result<Vec<Value>> {
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
    let mut rows = Vec::new();
    for method in METHODS {
        let mut values = Vec::new();
        for groups in &groupings {
            values.push(method.pooled(&data, groups, ctx)?);
        }
        if json {
            rows.push(json!({
                "data": "prompt_security", "scored_on": "held-out families", "metric": "f1_macro",
                "model": method.name, "strict": values[0], "minimal": values[1],
                "strict_families": count(&groupings[0]), "minimal_families": count(&groupings[1]),
            }));
        } else {
            outln!("{:<34} {:>16.4} {:>18.4}", method.name, values[0], values[1])?;
        }
    }
    if !json {
        outln!(
            "({} strict and {} minimal families; {})",
            count(&groupings[0]),
            count(&groupings[1]),
            file.display()
        )?;
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

/// One linear model and how it is fitted.
struct Method {
    name: &'static str,
    word_only: bool,
    /// Each family counts 1/√rows, each label alike, instead of each row alike: large families teach less of their style.
    weigh_families: bool,
    bayes: bool,
}

const METHODS: &[Method] = &[
    Method { name: "word TF-IDF, linear SVM", word_only: true, weigh_families: false, bayes: false },
    Method { name: "word + char TF-IDF, linear SVM", word_only: false, weigh_families: false, bayes: false },
    Method {
        name: "word TF-IDF, complement NB, weighed",
        word_only: true,
        weigh_families: true,
        bayes: true,
    },
];

impl Method {
    fn pooled(&self, data: &Dataset, groups: &[usize], ctx: &FitContext) -> Result<f64> {
        let y = data.class_target(None)?;
        let (codes, classes) = y.as_classes()?;
        let texts = data.texts();
        let is_train: Vec<bool> = data.iter().map(|e| e.split == Some(Split::Train)).collect();
        let mut pooled: Option<Confusion> = None;
        for family in 0..count(groups) {
            ctx.check()?;
            let train: Vec<usize> = (0..data.len()).filter(|&i| is_train[i] && groups[i] != family).collect();
            let held: Vec<usize> = (0..data.len()).filter(|&i| groups[i] == family).collect();
            let (fitted, x) = self.features().fit_transform(&Subset::new(&texts, &train), &(), ctx)?;
            let mut target = y.select(&train);
            if self.weigh_families {
                target = target.with_weights(weights(&train, groups, codes, classes.len()))?;
            }
            let model = self.learner().fit_model(&x, &target, ctx)?;
            let prediction = predict(&*model, &fitted.transform(&Subset::new(&texts, &held))?)?;
            let truth: Target = y.select(&held);
            let found = Confusion::new(truth.as_classes()?.0, &prediction.codes()?, classes.len(), None)?;
            match &mut pooled {
                Some(pooled) => pooled.merge(&found)?,
                None => pooled = Some(found),
            }
        }
        pooled.map(|p| p.f1_macro()).ok_or_else(|| Error::input("the data has no rows", "check the data set"))
    }

    fn features(&self) -> Union<Box<dyn prompt_models::core::TextEstimator>> {
        if self.word_only {
            Union::new().with("word", Tfidf::default().ngram_range((1, 2)).min_df(Frequency::Count(2)))
        } else {
            Features::default().union()
        }
    }

    fn learner(&self) -> Box<dyn Estimator> {
        if self.bayes {
            Box::new(ComplementNb::default().alpha(0.3))
        } else {
            Box::new(LinearSvm::default().calibration(Calibration::None))
        }
    }
}

fn weights(rows: &[usize], groups: &[usize], codes: &[u32], k: usize) -> Vec<f64> {
    let mut size = vec![0.0f64; count(groups)];
    rows.iter().for_each(|&i| size[groups[i]] += 1.0);
    let mut by_class = vec![0.0; k];
    rows.iter().for_each(|&i| by_class[codes[i] as usize] += size[groups[i]].sqrt().recip());
    let n = rows.len() as f64;
    rows.iter().map(|&i| n * size[groups[i]].sqrt().recip() / by_class[codes[i] as usize]).collect()
}
