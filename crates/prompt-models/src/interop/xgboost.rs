//! Models that XGBoost saved, as `.json` or `.ubj`.

use std::path::Path;

use prompt_core::{Classes, Error, Output, Result};
use serde_json::Value;

use super::forest::{Forest, Missing, Rule, Split, Step, UNKNOWN};
use super::scorer::{Transform, TreeSum};
use super::ubjson;

/// The newest major version whose files are known.
const NEWEST: i64 = 3;

const HELP: &str = "save the model again with Booster.save_model, as .json or .ubj";

/// What every such file holds.
const EXPECTED: &str = "a saved one is an object that holds `version` and `learner`, as JSON or UBJSON";

/// Reads a file, with the names of the columns it was trained on, in their order; none where the file does not say.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(TreeSum, Vec<String>)> {
    let bad = |what: String| Error::parse(path, None, None, what, HELP);
    let value = value(path, bytes)?;
    model(&value).map_err(|fault| match fault {
        Fault::Damaged(what) => bad(what),
        Fault::Refused(what, help) => {
            Error::unsupported(format!("the reader of {}", path.display()), what, help)
        }
    })
}

/// What is in the file: what begins like JSON text is read as such, all else as UBJSON.
fn value(path: &Path, bytes: &[u8]) -> Result<Value> {
    let bad = |what: String| Error::parse(path, None, None, what, HELP);
    let mut seen = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    match seen.next() {
        None => return Err(bad(format!("no model of XGBoost: the file is empty, and {EXPECTED}"))),
        Some(b'{') => {}
        Some(_) => {
            return Err(bad(format!(
                "no model of XGBoost: the file does not begin with `{{`, and {EXPECTED}"
            )));
        }
    }
    // Both begin with `{`; text goes on with a quote, or ends; the binary form goes on with the type of a length.
    if seen.next().is_none_or(|byte| matches!(byte, b'"' | b'}')) {
        return serde_json::from_slice(bytes).map_err(|e| {
            let place = (Some(e.line() as u64), Some(e.column() as u64));
            Error::parse(path, place.0, place.1, format!("no JSON of an XGBoost model: {e}"), HELP)
        });
    }
    ubjson::parse(bytes).map_err(|what| bad(format!("no UBJSON of an XGBoost model: {what}")))
}

/// Why a model is not read.
enum Fault {
    /// The file is not what it should be.
    Damaged(String),
    /// It is, but of a kind that is not known: what, and what to do.
    Refused(String, String),
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Damaged(what)
    }
}

type Found<T> = Result<T, Fault>;

fn refused<T>(what: impl Into<String>, help: &str) -> Found<T> {
    Err(Fault::Refused(what.into(), help.to_owned()))
}

fn get<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    value.get(name).ok_or_else(|| format!("`{name}` is missing"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    get(value, name)?.as_str().ok_or_else(|| format!("`{name}` is no text"))
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], String> {
    get(value, name)?.as_array().map(Vec::as_slice).ok_or_else(|| format!("`{name}` is no list"))
}

/// A whole number that XGBoost writes as text.
fn count(value: &Value, name: &str) -> Result<usize, String> {
    let text = text(value, name)?;
    text.parse().map_err(|_| format!("`{name}` is `{text}`, no whole number ≥ 0"))
}

/// The names of the columns: a list as long as there are columns, or empty.
fn names(learner: &Value, columns: usize) -> Found<Vec<String>> {
    let Some(list) = learner.get("feature_names").and_then(Value::as_array) else { return Ok(Vec::new()) };
    let names: Option<Vec<String>> = list.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    match names {
        Some(names) if names.is_empty() || names.len() == columns => Ok(names),
        _ => Err(format!("`feature_names` is no list of {columns} names").into()),
    }
}

fn model(root: &Value) -> Found<(TreeSum, Vec<String>)> {
    if root.get("version").is_none() && root.get("learner").is_none() {
        return Err(format!("no model of XGBoost: {EXPECTED}").into());
    }
    let version =
        list(root, "version")?.first().and_then(Value::as_i64).ok_or("`version` is no number".to_owned())?;
    if version > NEWEST {
        return refused(
            format!("XGBoost {version}, newer than {NEWEST}"),
            "update this program, or save the model with an older XGBoost",
        );
    }
    let learner = get(root, "learner")?;
    let params = get(learner, "learner_model_param")?;
    let columns = count(params, "num_feature")?;
    let classes = count(params, "num_class")?;
    let targets = if params.get("num_target").is_some() { count(params, "num_target")?.max(1) } else { 1 };
    if classes > 1 && targets > 1 {
        return refused("several targets of several classes", "save a model for each target");
    }
    let outputs = classes.max(targets).max(1);
    let objective = objective(text(get(learner, "objective")?, "name")?, (classes, targets))?;
    let booster = get(learner, "gradient_booster")?;
    let (model, drops) = match text(booster, "name")? {
        "gbtree" => (get(booster, "model")?, None),
        "dart" => (get(get(booster, "gbtree")?, "model")?, Some(list(booster, "weight_drop")?)),
        other => return refused(format!("the booster `{other}`"), "train with gbtree or dart"),
    };
    let trees = list(model, "trees")?;
    let info = list(model, "tree_info")?;
    if info.len() != trees.len() || drops.is_some_and(|d| d.len() != trees.len()) {
        return Err(format!("{} trees, but tree_info or weight_drop of another length", trees.len()).into());
    }
    if outputs > (1 << 20) {
        return Err(format!("{outputs} classes or targets").into());
    }
    let start = start(text(params, "base_score")?, outputs, objective.link)?;
    let mut forest = Forest::new(columns);
    for (t, tree) in trees.iter().enumerate() {
        let output = info[t].as_u64().filter(|o| (*o as usize) < outputs);
        let output = output.ok_or_else(|| format!("tree {t} adds to output {} of {outputs}", info[t]))?;
        let weight = match drops {
            Some(drops) => drops[t].as_f64().ok_or_else(|| format!("the weight of tree {t} is no number"))?,
            None => 1.0,
        };
        push(&mut forest, output as usize, tree, weight).map_err(|fault| match fault {
            Fault::Damaged(what) => Fault::Damaged(format!("tree {t}: {what}")),
            other => other,
        })?;
    }
    let names = names(learner, columns)?;
    let Objective { output, transform, .. } = objective;
    Ok((TreeSum { forest, output, transform, start, divisor: 1.0 }, names))
}

/// What an objective's name stands for.
struct Objective {
    transform: Transform,
    /// From the score that the file gives to the margin.
    link: fn(f64) -> f64,
    output: Output,
}

fn objective(name: &str, (classes, targets): (usize, usize)) -> Found<Objective> {
    let logit: fn(f64) -> f64 = |p| (p / (1.0 - p)).ln();
    let (transform, link): (Transform, fn(f64) -> f64) = match name {
        "binary:logistic" | "reg:logistic" => (Transform::Sigmoid(1.0), logit),
        "binary:logitraw" => (Transform::Identity, |s| s),
        "binary:hinge" => (Transform::Step, |s| s),
        "multi:softprob" | "multi:softmax" => (Transform::Softmax, |s| s),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
            (Transform::Exp, f64::ln)
        }
        "reg:squarederror"
        | "reg:squaredlogerror"
        | "reg:absoluteerror"
        | "reg:pseudohubererror"
        | "reg:quantileerror"
        | "rank:ndcg"
        | "rank:map"
        | "rank:pairwise" => (Transform::Identity, |s| s),
        other => {
            return refused(
                format!("the objective `{other}`"),
                "known are the logistic, softmax, squared, absolute, quantile, Huber, Poisson, gamma, Tweedie, survival \
                 and ranking objectives; with an objective of your own, set the nearest of these before saving",
            );
        }
    };
    let binary = matches!(name, "binary:logistic" | "binary:hinge") && targets == 1;
    let output = if transform == Transform::Softmax {
        numbered(classes)?
    } else if classes > 1 {
        return Err(format!("objective `{name}` with {classes} classes").into());
    } else if binary {
        numbered(2)?
    } else if targets == 1 {
        Output::Values(vec!["value".to_owned()])
    } else {
        Output::Values((0..targets).map(|t| format!("value{t}")).collect())
    };
    Ok(Objective { transform, link, output })
}

/// Classes named by their numbers: the file does not know their names.
fn numbered(classes: usize) -> Found<Output> {
    if !(2..1 << 20).contains(&classes) {
        return Err(format!("{classes} classes").into());
    }
    let names = Classes::new((0..classes).map(|c| c.to_string())).map_err(|e| e.to_string())?;
    Ok(Output::Classes(names))
}

/// One number, or since version 3.1 a list in brackets.
fn start(text: &str, outputs: usize, link: fn(f64) -> f64) -> Found<Vec<f64>> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let numbers: Vec<f64> = inner
        .split(',')
        .map(|part| part.trim().parse::<f32>().map(|v| link(f64::from(v))))
        .collect::<Result<_, _>>()
        .map_err(|_| format!("`base_score` is `{text}`"))?;
    if numbers.iter().any(|v| !v.is_finite()) {
        return Err(format!("`base_score` {text} is out of the objective's range").into());
    }
    match numbers.len() {
        1 => Ok(vec![numbers[0]; outputs]),
        n if n == outputs => Ok(numbers),
        n => Err(format!("`base_score` holds {n} numbers for {outputs} outputs").into()),
    }
}

/// The lists of a tree, by node.
struct Lists<'a> {
    left: &'a [Value],
    right: &'a [Value],
    columns: &'a [Value],
    conditions: &'a [Value],
    default_left: &'a [Value],
    kinds: &'a [Value],
    /// Sums of the second derivatives; empty where the file does not say.
    hessians: &'a [Value],
}

fn push(forest: &mut Forest, output: usize, tree: &Value, weight: f64) -> Found<()> {
    let param = get(tree, "tree_param")?;
    if param.get("size_leaf_vector").and_then(Value::as_str).is_some_and(|s| !matches!(s, "0" | "1")) {
        return refused("leaves of several numbers", "train with multi_strategy one_output_per_tree");
    }
    let lists = Lists {
        left: list(tree, "left_children")?,
        right: list(tree, "right_children")?,
        columns: list(tree, "split_indices")?,
        conditions: list(tree, "split_conditions")?,
        default_left: list(tree, "default_left")?,
        kinds: tree.get("split_type").and_then(Value::as_array).map_or(&[], Vec::as_slice),
        hessians: tree.get("sum_hessian").and_then(Value::as_array).map_or(&[], Vec::as_slice),
    };
    let nodes = lists.left.len();
    let same = [lists.right, lists.columns, lists.conditions, lists.default_left];
    if nodes == 0 || same.iter().any(|l| l.len() != nodes) {
        return Err("the lists of its nodes are empty or of different lengths".to_owned().into());
    }
    let sets = Sets::read(tree)?;
    Ok(forest.push(output, (0, nodes), |at| lists.step(at, &sets, weight))?)
}

impl Lists<'_> {
    fn step(&self, at: usize, sets: &Sets, weight: f64) -> Result<Step, String> {
        let whole = |list: &[Value], name: &str| {
            let value = list.get(at).and_then(Value::as_i64);
            value.ok_or_else(|| format!("`{name}` has no whole number for node {at}"))
        };
        let condition = self.conditions.get(at).and_then(Value::as_f64);
        let condition = condition.ok_or_else(|| format!("`split_conditions` has no number for node {at}"))?;
        let (left, right) = (whole(self.left, "left_children")?, whole(self.right, "right_children")?);
        if left < 0 {
            let cover = self.hessians.get(at).and_then(Value::as_f64).unwrap_or(UNKNOWN);
            return Ok(Step::Leaf(condition * weight, cover));
        }
        let child = |c: i64| usize::try_from(c).map_err(|_| format!("node {at} has the child {c}"));
        let categories = !self.kinds.is_empty() && whole(self.kinds, "split_type")? == 1;
        let missing_left = match self.default_left.get(at) {
            Some(Value::Bool(left)) => *left,
            _ => whole(self.default_left, "default_left")? != 0,
        };
        let column = whole(self.columns, "split_indices")?;
        Ok(Step::Split(Split {
            column: usize::try_from(column).map_err(|_| format!("node {at} looks at column {column}"))?,
            rule: if categories { Rule::Outside } else { Rule::Below },
            missing: Missing::Nan,
            missing_left,
            threshold: condition,
            set: if categories { sets.of(at)? } else { Vec::new() },
            children: [child(left)?, child(right)?],
        }))
    }
}

/// The categories that go right, for the nodes that have some.
struct Sets {
    nodes: Vec<usize>,
    starts: Vec<usize>,
    sizes: Vec<usize>,
    categories: Vec<usize>,
}

impl Sets {
    fn read(tree: &Value) -> Result<Self, String> {
        let numbers = |name: &str| -> Result<Vec<usize>, String> {
            let Some(list) = tree.get(name).and_then(Value::as_array) else { return Ok(Vec::new()) };
            let number =
                |v: &Value| v.as_u64().map(|v| v as usize).ok_or_else(|| format!("`{name}` holds {v}"));
            list.iter().map(number).collect()
        };
        Ok(Self {
            nodes: numbers("categories_nodes")?,
            starts: numbers("categories_segments")?,
            sizes: numbers("categories_sizes")?,
            categories: numbers("categories")?,
        })
    }

    fn of(&self, node: usize) -> Result<Vec<u32>, String> {
        let none = || format!("the categories of node {node} are missing");
        let at = self.nodes.iter().position(|n| *n == node).ok_or_else(none)?;
        let (start, size) = (*self.starts.get(at).ok_or_else(none)?, *self.sizes.get(at).ok_or_else(none)?);
        let end = start.checked_add(size).ok_or_else(none)?;
        let categories = self.categories.get(start..end).ok_or_else(none)?;
        let most = categories.iter().copied().max().unwrap_or(0);
        if most >= 1 << 24 {
            return Err(format!("node {node} has category {most}, and 2²⁴ is the limit"));
        }
        let mut set = vec![0u32; most / 32 + 1];
        categories.iter().for_each(|c| set[c / 32] |= 1 << (c % 32));
        Ok(set)
    }
}
