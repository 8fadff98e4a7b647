//! Models that LightGBM saved as text.

use std::collections::BTreeMap;
use std::path::Path;

use prompt_core::{Classes, Error, Output, Result};

use super::forest::{Forest, Missing, Rule, Split, Step, UNKNOWN};
use super::scorer::{Transform, TreeSum};

const HELP: &str = "save the model again with Booster.save_model";

/// The lines `name=value` of a part of the file, and the line where it starts.
struct Section<'a> {
    line: u64,
    values: BTreeMap<&'a str, &'a str>,
}

/// Why a model is not read.
enum Fault {
    /// Line and what is wrong there.
    Damaged(u64, String),
    /// What is not known, and what to do.
    Refused(String, String),
}

type Found<T> = Result<T, Fault>;

fn refused<T>(what: impl Into<String>, help: &str) -> Found<T> {
    Err(Fault::Refused(what.into(), help.to_owned()))
}

/// A model with the names of the columns it was trained on, in their order; none where the file does not say.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(TreeSum, Vec<String>)> {
    let bad = |line: u64, what: String| Error::parse(path, line, None, what, HELP);
    let text = std::str::from_utf8(bytes)
        .map_err(|e| bad(1, format!("no text of a LightGBM model: byte {} is not UTF-8", e.valid_up_to())))?;
    model(text).map_err(|fault| match fault {
        Fault::Damaged(line, what) => bad(line, what),
        Fault::Refused(what, help) => {
            Error::unsupported(format!("the reader of {}", path.display()), what, help)
        }
    })
}

/// The names of the columns; those that LightGBM gives columns without names are none.
fn names(header: &Section<'_>, columns: usize) -> Found<Vec<String>> {
    let Some(line) = header.values.get("feature_names") else { return Ok(Vec::new()) };
    let names: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    if names.iter().enumerate().all(|(at, name)| *name == format!("Column_{at}")) {
        return Ok(Vec::new());
    }
    match names.len() == columns {
        true => Ok(names),
        false => {
            Err(header.fault(&format!("feature_names holds {} names of {columns} columns", names.len())))
        }
    }
}

fn model(text: &str) -> Found<(TreeSum, Vec<String>)> {
    let (header, trees) = sections(text)?;
    let version = header.get("version")?;
    if !matches!(version, "v3" | "v4") {
        return refused(
            format!("a LightGBM model of format `{version}`"),
            "known are v3 and v4: update this program, or save the model with LightGBM 3 or 4",
        );
    }
    let columns = header.count("max_feature_idx")?.checked_add(1);
    let columns = columns.filter(|c| u32::try_from(*c).is_ok());
    let columns = columns.ok_or_else(|| header.fault("max_feature_idx is too large"))?;
    let each = header.count("num_tree_per_iteration")?;
    if each == 0 || each > 1 << 20 {
        return Err(header.fault(&format!("num_tree_per_iteration is {each}")));
    }
    let (transform, output) = objective(&header, each)?;
    let sizes = header.values.get("tree_sizes").map_or(0, |s| s.split_whitespace().count());
    if sizes != trees.len() {
        let what =
            format!("{} trees, and tree_sizes speaks of {sizes}: the file was cut or changed", trees.len());
        return Err(header.fault(&what));
    }
    if trees.len() % each != 0 {
        return Err(header.fault(&format!("{} trees do not make rounds of {each}", trees.len())));
    }
    let mut forest = Forest::new(columns);
    for (t, tree) in trees.iter().enumerate() {
        push(&mut forest, t % each, tree, version)?;
    }
    let divisor = if header.values.contains_key("average_output") { (trees.len() / each).max(1) } else { 1 };
    let names = names(&header, columns)?;
    Ok((TreeSum { forest, output, transform, start: vec![0.0; each], divisor: divisor as f64 }, names))
}

/// The header and the trees; the parts after the trees say nothing about predictions.
fn sections(text: &str) -> Found<(Section<'_>, Vec<Section<'_>>)> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i as u64 + 1, line.trim_end()));
    if lines.next().is_none_or(|(_, first)| first != "tree") {
        let found = if text.trim().is_empty() { "the file is empty" } else { "the file begins otherwise" };
        let what = format!("no model of LightGBM: {found}, and the first line of a saved one is `tree`");
        return Err(Fault::Damaged(1, what));
    }
    let mut header = Section { line: 1, values: BTreeMap::new() };
    let mut trees: Vec<Section<'_>> = Vec::new();
    for (number, line) in lines {
        if line == "end of trees" {
            return Ok((header, trees));
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if name == "Tree" {
            if value.parse() != Ok(trees.len()) {
                return Err(Fault::Damaged(number, format!("tree `{value}` instead of {}", trees.len())));
            }
            trees.push(Section { line: number, values: BTreeMap::new() });
        } else if !name.is_empty() {
            trees.last_mut().unwrap_or(&mut header).values.insert(name, value);
        }
    }
    let last = text.lines().count() as u64;
    Err(Fault::Damaged(last, "`end of trees` is missing: the file was cut".to_owned()))
}

impl<'a> Section<'a> {
    fn fault(&self, what: &str) -> Fault {
        Fault::Damaged(self.line, what.to_owned())
    }

    fn get(&self, name: &str) -> Found<&'a str> {
        self.values.get(name).copied().ok_or_else(|| self.fault(&format!("`{name}` is missing below")))
    }

    fn count(&self, name: &str) -> Found<usize> {
        let value = self.get(name)?;
        value.parse().map_err(|_| self.fault(&format!("`{name}` is `{value}`, no whole number ≥ 0")))
    }

    /// A list of `n` numbers.
    fn list<T: std::str::FromStr>(&self, name: &str, n: usize) -> Found<Vec<T>> {
        let values: Vec<T> = self
            .get(name)?
            .split_whitespace()
            .map(|v| v.parse().map_err(|_| self.fault(&format!("`{name}` holds `{v}`"))))
            .collect::<Found<_>>()?;
        if values.len() != n {
            return Err(self.fault(&format!("`{name}` holds {} numbers instead of {n}", values.len())));
        }
        Ok(values)
    }
}

fn objective(header: &Section<'_>, each: usize) -> Found<(Transform, Output)> {
    let known = "known are LightGBM's regression, binary, multiclass, cross-entropy and ranking objectives; with an \
                 objective of your own, save the model with the nearest of these in its line `objective=`";
    let Some(line) = header.values.get("objective") else {
        return refused("a model without an objective", known);
    };
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let options: Vec<&str> = words.collect();
    let number = |key: &str| {
        let found = options.iter().find_map(|o| o.strip_prefix(key)?.strip_prefix(':')?.parse::<f64>().ok());
        found.filter(|v| v.is_finite())
    };
    let value = || Output::Values(vec!["value".to_owned()]);
    let classes = |n: usize| {
        Classes::new((0..n).map(|c| c.to_string()))
            .map(Output::Classes)
            .map_err(|e| header.fault(&e.to_string()))
    };
    let slope = number("sigmoid").filter(|s| *s > 0.0).unwrap_or(1.0);
    let found = match name {
        "regression" if options.contains(&"sqrt") => (Transform::Square, value()),
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank"
        | "rank_xendcg" => (Transform::Identity, value()),
        "poisson" | "gamma" | "tweedie" => (Transform::Exp, value()),
        "binary" => (Transform::Sigmoid(slope), classes(2)?),
        "cross_entropy" => (Transform::Sigmoid(1.0), value()),
        "cross_entropy_lambda" => (Transform::SoftPlus, value()),
        "multiclass" => (Transform::Softmax, classes(each)?),
        "multiclassova" => (Transform::OneVsAll(slope), classes(each)?),
        other => return refused(format!("the objective `{other}`"), known),
    };
    let several = matches!(found.0, Transform::Softmax | Transform::OneVsAll(_));
    if several != (each > 1) {
        return Err(header.fault(&format!("objective `{name}` with {each} trees a round")));
    }
    Ok(found)
}

/// The lists of a tree, by split.
struct Lists {
    columns: Vec<usize>,
    thresholds: Vec<f64>,
    kinds: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaves: Vec<f64>,
    /// Rows of each leaf; empty where the file does not say.
    counts: Vec<f64>,
    /// Where the words of each set start and end.
    borders: Vec<usize>,
    words: Vec<u32>,
}

fn push(forest: &mut Forest, output: usize, tree: &Section<'_>, version: &str) -> Found<()> {
    if tree.values.get("is_linear").is_some_and(|v| *v != "0") {
        return refused("linear trees", "train with linear_tree=false");
    }
    let leaves = tree.count("num_leaves")?;
    let Some(splits) = leaves.checked_sub(1) else {
        return Err(tree.fault("a tree without leaves"));
    };
    let sets = tree.count("num_cat")?;
    if sets > 0 && version == "v3" {
        return refused("categorical splits of LightGBM 3", "load and save the model with LightGBM 4");
    }
    let values = tree.list("leaf_value", leaves)?;
    let none = splits == 0;
    let lists = Lists {
        columns: if none { vec![] } else { tree.list("split_feature", splits)? },
        thresholds: if none { vec![] } else { tree.list("threshold", splits)? },
        kinds: if none { vec![] } else { tree.list("decision_type", splits)? },
        left: if none { vec![] } else { tree.list("left_child", splits)? },
        right: if none { vec![] } else { tree.list("right_child", splits)? },
        leaves: values,
        counts: if tree.values.contains_key("leaf_count") {
            tree.list("leaf_count", leaves)?
        } else {
            vec![]
        },
        borders: match sets.checked_add(1) {
            Some(borders) if sets > 0 => tree.list("cat_boundaries", borders)?,
            _ => vec![],
        },
        words: if sets > 0 {
            let text = tree.get("cat_threshold")?;
            tree.list("cat_threshold", text.split_whitespace().count())?
        } else {
            vec![]
        },
    };
    let root = if none { leaf_number(0) } else { 0 };
    let nodes = leaves + splits;
    forest.push(output, (root, nodes), |at| lists.step(at)).map_err(|what| tree.fault(&what))
}

/// Leaves have numbers of their own, far from those of splits.
const FIRST_LEAF: usize = usize::MAX / 2;

fn leaf_number(leaf: usize) -> usize {
    FIRST_LEAF.saturating_add(leaf)
}

impl Lists {
    fn step(&self, at: usize) -> Result<Step, String> {
        if at >= FIRST_LEAF {
            let leaf = at - FIRST_LEAF;
            return self
                .leaves
                .get(leaf)
                .map(|v| Step::Leaf(*v, self.counts.get(leaf).copied().unwrap_or(UNKNOWN)))
                .ok_or_else(|| format!("there is no leaf {leaf}"));
        }
        let none = || format!("there is no split {at}");
        let kind = *self.kinds.get(at).ok_or_else(none)?;
        let child = |list: &[i64]| match list.get(at) {
            Some(c) if *c < 0 => Ok(leaf_number(c.unsigned_abs() as usize - 1)),
            Some(c) => Ok(*c as usize),
            None => Err(none()),
        };
        let missing = match kind >> 2 & 3 {
            0 => Missing::None,
            1 => Missing::Zero,
            2 => Missing::Nan,
            _ => return Err(format!("split {at} has decision type {kind}")),
        };
        let threshold = *self.thresholds.get(at).ok_or_else(none)?;
        let categories = kind & 1 == 1;
        Ok(Step::Split(Split {
            column: *self.columns.get(at).ok_or_else(none)?,
            rule: if categories { Rule::Inside } else { Rule::AtMost },
            missing,
            missing_left: kind & 2 != 0,
            threshold,
            set: if categories { self.set(at, threshold)? } else { Vec::new() },
            children: [child(&self.left)?, child(&self.right)?],
        }))
    }

    fn set(&self, at: usize, number: f64) -> Result<Vec<u32>, String> {
        let none = || format!("the categories of split {at} are missing");
        if !(0.0..self.borders.len() as f64).contains(&number) {
            return Err(none());
        }
        let (start, end) = (self.borders.get(number as usize), self.borders.get(number as usize + 1));
        let (start, end) = (*start.ok_or_else(none)?, *end.ok_or_else(none)?);
        self.words.get(start..end).map(<[u32]>::to_vec).ok_or_else(none)
    }
}
