//! Heads that transformers does not have: what prompt-neural learns and writes into `config.json`.

use prompt_core::Result;
use serde_json::{Map, Value};

use super::Fields;
use super::head::{MOST_LABELS, ProblemType};

/// What stands between the pooled vector and the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadKind {
    /// The layers of the family's published head, over another pooling.
    Published,
    /// Nothing: one layer gives the scores.
    Linear,
    /// width → 256 → 64 → scores with ReLU between.
    Deep,
}

impl HeadKind {
    const ALL: [(&'static str, Self); 3] =
        [("published", Self::Published), ("linear", Self::Linear), ("deep", Self::Deep)];

    /// Its name in `config.json`.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

/// How the hidden states of a text become the vector that a head reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadPooling {
    /// The first token's.
    Cls,
    /// The mean over all tokens.
    Mean,
    /// The largest number of each column.
    Max,
    /// Σ αₜ·hₜ with α = softmax(v·tanh(W·hₜ + b)) over the tokens.
    Attention,
}

impl HeadPooling {
    const ALL: [(&'static str, Self); 4] =
        [("cls", Self::Cls), ("mean", Self::Mean), ("max", Self::Max), ("attention", Self::Attention)];

    /// Its name in `config.json`.
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, self)
    }
}

fn name_of<T: Copy + PartialEq>(all: &[(&'static str, T)], one: T) -> &'static str {
    all.iter().find(|(_, each)| *each == one).map_or("", |(name, _)| *name)
}

/// What the scores of a head mean.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum HeadAnswer {
    /// One of these classes: softmax.
    Classes(Vec<String>),
    /// One of these classes, which have an order: a score and thresholds say how probable it is that the class lies
    /// above the first, the second, ….
    Levels(Vec<String>),
    /// A number: the score · `deviation` + `mean`.
    Number {
        /// The mean of the numbers that were learned.
        mean: f64,
        /// Their deviation.
        deviation: f64,
    },
}

impl HeadAnswer {
    /// How many scores there are.
    pub fn scores(&self) -> usize {
        match self {
            Self::Classes(names) => names.len(),
            Self::Levels(names) => names.len() - 1,
            Self::Number { .. } => 1,
        }
    }
}

/// A head of its own kind: in `"prompt_head": {"kind": "linear", "pooling": "mean"}`, whose tensors' names begin with
/// `prompt_head.`, or one of the list `"prompt_heads"`, the n-th (from 0) with tensors `prompt_heads.n.…`.
///
/// Where `prompt_surface` is there, all of them read surface features behind the pooled vector
/// ([`SurfaceFeatures`](crate::SurfaceFeatures)), and none may be of the kind `published`.
///
/// A single head's classes are those of `id2label`, and `prompt_scale` is its scale. Each of a list says them itself:
/// `{"name": "complexity", "kind": "linear", "pooling": "mean", "labels": ["low", "high"], "ordinal": true}` or, for a
/// number, `"scale": {"mean": 3.5, "deviation": 1.2}`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PromptHead {
    /// What its answers go by: `class` or `score` where it is alone.
    pub name: String,
    /// What its tensors' names begin with.
    pub prefix: String,
    /// The layers.
    pub kind: HeadKind,
    /// What they read; the same for all heads of a list.
    pub pooling: HeadPooling,
    /// What its scores mean.
    pub answer: HeadAnswer,
}

/// The keys of a head that is alone, and the further ones of a head in a list.
const KEYS: [&str; 6] = ["kind", "pooling", "ordinal", "name", "labels", "scale"];
const ALONE: usize = 3;

impl PromptHead {
    /// The heads that a file describes; none where there are only published ones.
    pub(super) fn read_all(
        f: &Fields<'_>,
        labels: &[String],
        problem: Option<ProblemType>,
    ) -> Result<Vec<Self>> {
        let (one, several) = (f.value(&["prompt_head"]), f.value(&["prompt_heads"]));
        let heads = match (one, several) {
            (None, None) => return Ok(Vec::new()),
            (Some(_), Some(_)) => {
                return Err(f.bad("it has both `prompt_head` and `prompt_heads`, and only one may be".into()));
            }
            (Some((key, value)), None) => vec![Self::alone(f, key, value, labels, problem)?],
            (None, Some((key, Value::Array(list)))) => list
                .iter()
                .enumerate()
                .map(|(i, value)| Self::of_list(f, key, i, value))
                .collect::<Result<Vec<_>>>()?,
            (None, Some((key, other))) => return Err(f.bad(format!("`{key}` must be a list, got {other}"))),
        };
        let Some(first) = heads.first() else { return Err(f.bad("`prompt_heads` names no head".into())) };
        if let Some(other) = heads.iter().find(|h| h.pooling != first.pooling) {
            let (a, b) = (first.pooling.name(), other.pooling.name());
            return Err(f.bad(format!("all of `prompt_heads` must have one pooling, got {a} and {b}")));
        }
        for (i, head) in heads.iter().enumerate() {
            if heads[..i].iter().any(|before| before.name == head.name) {
                return Err(f.bad(format!("two of `prompt_heads` are called `{}`", head.name)));
            }
        }
        Ok(heads)
    }

    /// Strictly: a key or a name that is not known is another head than this code runs.
    fn layers(
        f: &Fields<'_>,
        at: &str,
        map: &Map<String, Value>,
        known: &[&str],
    ) -> Result<(HeadKind, HeadPooling, bool)> {
        if let Some(other) = map.keys().find(|k| !known.contains(&k.as_str())) {
            return Err(f.bad(format!("`{at}.{other}` is unknown; known: {}", known.join(", "))));
        }
        let kind = one_of(f, &format!("{at}.kind"), map.get("kind"), &HeadKind::ALL)?;
        let pooling = one_of(f, &format!("{at}.pooling"), map.get("pooling"), &HeadPooling::ALL)?;
        match map.get("ordinal") {
            None => Ok((kind, pooling, false)),
            Some(Value::Bool(ordinal)) => Ok((kind, pooling, *ordinal)),
            Some(other) => Err(f.bad(format!("`{at}.ordinal` must be true or false, got {other}"))),
        }
    }

    fn alone(
        f: &Fields<'_>,
        key: &str,
        value: &Value,
        labels: &[String],
        problem: Option<ProblemType>,
    ) -> Result<Self> {
        let (kind, pooling, ordinal) = Self::layers(f, key, object(f, key, value)?, &KEYS[..ALONE])?;
        let answer = match problem {
            Some(ProblemType::Regression) if !ordinal => {
                number(f, "prompt_scale", f.map.get("prompt_scale"))?
            }
            Some(ProblemType::SingleLabel) => classes(f, "id2label", labels.to_vec(), ordinal)?,
            _ => {
                let what = "`prompt_head` needs `problem_type` single_label_classification, or regression without \
                    `ordinal`";
                return Err(f.bad(what.into()));
            }
        };
        let name = if matches!(answer, HeadAnswer::Number { .. }) { "score" } else { "class" };
        Ok(Self { name: name.into(), prefix: format!("{key}."), kind, pooling, answer })
    }

    fn of_list(f: &Fields<'_>, key: &str, i: usize, value: &Value) -> Result<Self> {
        let at = format!("{key}[{i}]");
        let map = object(f, &at, value)?;
        let (kind, pooling, ordinal) = Self::layers(f, &at, map, &KEYS)?;
        let name = match map.get("name") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            other => return Err(f.bad(format!("`{at}.name` must be a name, got {}", shown(other)))),
        };
        let answer = match (map.get("labels"), map.get("scale")) {
            (Some(Value::Array(list)), None) => {
                let names: Option<Vec<String>> =
                    list.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                let names = names.ok_or_else(|| f.bad(format!("`{at}.labels` must be a list of names")))?;
                classes(f, &format!("{at}.labels"), names, ordinal)?
            }
            (None, Some(scale)) if !ordinal => number(f, &format!("{at}.scale"), Some(scale))?,
            _ => {
                let what = "must have `labels`, a list of names, or else `scale` and no `ordinal`";
                return Err(f.bad(format!("`{at}` {what}")));
            }
        };
        Ok(Self { name, prefix: format!("{key}.{i}."), kind, pooling, answer })
    }
}

fn object<'a>(f: &Fields<'_>, at: &str, value: &'a Value) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| f.bad(format!("`{at}` must be an object, got {value}")))
}

fn classes(f: &Fields<'_>, at: &str, names: Vec<String>, ordinal: bool) -> Result<HeadAnswer> {
    let least = if ordinal { 2 } else { 1 };
    if names.len() < least || names.len() > MOST_LABELS {
        return Err(f.bad(format!("`{at}` must name {least} to {MOST_LABELS} classes, got {}", names.len())));
    }
    Ok(if ordinal { HeadAnswer::Levels(names) } else { HeadAnswer::Classes(names) })
}

fn number(f: &Fields<'_>, at: &str, scale: Option<&Value>) -> Result<HeadAnswer> {
    let Some(scale) = scale else { return Ok(HeadAnswer::Number { mean: 0.0, deviation: 1.0 }) };
    match (scale["mean"].as_f64(), scale["deviation"].as_f64()) {
        (Some(mean), Some(deviation)) if deviation > 0.0 => Ok(HeadAnswer::Number { mean, deviation }),
        _ => Err(f.bad(format!("`{at}` must have the numbers `mean` and `deviation` > 0, got {scale}"))),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("nothing".into(), Value::to_string)
}

fn one_of<T: Copy>(f: &Fields<'_>, at: &str, value: Option<&Value>, all: &[(&str, T)]) -> Result<T> {
    let found = all.iter().find(|(name, _)| value.and_then(Value::as_str) == Some(*name));
    found.map(|&(_, one)| one).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        f.bad(format!("`{at}` must be one of {}, got {}", known.join(", "), shown(value)))
    })
}
