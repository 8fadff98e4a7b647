//! Forests that differ in how far they grow, for the price of one.
//!
//! A tree depends on the seed and its number, a split on the tree and its place. So a forest of 200 trees begins with the
//! forest of 50, and a tree that may be less deep, or stops at larger nodes, is the top of the one that may grow on. Many
//! points of a search are therefore read off one grown forest: only what changes the splits themselves grows again.

use std::collections::BTreeMap;

use prompt_core::{Dense, Estimator, FitContext, Matrix, Prediction, Result, RowView, Target, Task};
use serde_json::Value;

use super::plan::Planned;
use super::{ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor};
use crate::tree::grow::Grown;
use crate::tree::nodes::{GrownNode, NodeAt, Step, TreeNodes};

/// The parameters that are read off a grown forest.
const READ_OFF: [&str; 4] = ["n_estimators", "max_depth", "min_samples_split", "oob_score"];

/// The predictions of every point for the rows of `z`, each the same bits as a fit of that point gives; `None` for
/// learners, and points, that share nothing.
///
/// # Errors
/// What a fit would find, or a stop asked for through `ctx`.
pub(crate) fn predictions(
    points: &[Box<dyn Estimator>],
    (x, y): (&Matrix, &Target),
    z: &Matrix,
    ctx: &FitContext,
) -> Result<Option<Vec<Prediction>>> {
    let Some(first) = points.first() else { return Ok(None) };
    if points.iter().any(|p| p.name() != first.name()) {
        return Ok(None);
    }
    match (first.name(), first.tags().task) {
        ("random_forest", Task::Classification) => of::<RandomForestClassifier>(points, (x, y), z, ctx),
        ("random_forest", Task::Regression) => of::<RandomForestRegressor>(points, (x, y), z, ctx),
        ("extra_trees", Task::Classification) => of::<ExtraTreesClassifier>(points, (x, y), z, ctx),
        ("extra_trees", Task::Regression) => of::<ExtraTreesRegressor>(points, (x, y), z, ctx),
        _ => Ok(None),
    }
}

/// What a point asks of the forest that it shares.
#[derive(Debug, Clone, Copy)]
struct Ask {
    point: usize,
    trees: usize,
    depth: usize,
    split: usize,
}

fn of<P: Planned>(
    points: &[Box<dyn Estimator>],
    (x, y): (&Matrix, &Target),
    z: &Matrix,
    ctx: &FitContext,
) -> Result<Option<Vec<Prediction>>> {
    // By what must be the same for two points to share their trees.
    let mut groups: BTreeMap<String, (Value, Vec<Ask>)> = BTreeMap::new();
    for (point, estimator) in points.iter().enumerate() {
        let value = estimator.params();
        let mut rest = value.clone();
        if let Value::Object(rest) = &mut rest {
            READ_OFF.iter().for_each(|name| {
                rest.remove(*name);
            });
        }
        // Which leaves a tree with a limit on them keeps depends on all of it.
        let limited = value.get("max_leaf_nodes").is_some_and(|v| !v.is_null());
        let whole = |name: &str| value.get(name).and_then(Value::as_u64).map(|v| v as usize);
        let ask = Ask {
            point,
            trees: whole("n_estimators").unwrap_or(1),
            depth: whole("max_depth").unwrap_or(usize::MAX),
            split: whole("min_samples_split").unwrap_or(2),
        };
        let own = if limited { format!("{:?}", (ask.depth, ask.split)) } else { String::new() };
        groups.entry(format!("{rest}{own}")).or_insert_with(|| (value, Vec::new())).1.push(ask);
    }
    if groups.len() == points.len() {
        return Ok(None);
    }
    // One tree of the ordinary way, for its checks of parameters and data.
    points[0].with_param("n_estimators", &1.into())?.fit_model(x, y, &ctx.unobserved())?;
    let mut found: Vec<Option<Prediction>> = vec![None; points.len()];
    for (value, asks) in groups.into_values() {
        let mut learner: P = serde_json::from_value(value).map_err(|e| {
            prompt_core::Error::input(format!("{}: parameters cannot be read: {e}", P::NAME), "check them")
        })?;
        let most = |of: fn(&Ask) -> usize| asks.iter().map(of).max().unwrap_or(1);
        let least = asks.iter().map(|a| a.split).min().unwrap_or(2);
        let depth = most(|a| a.depth);
        let depth = if depth == usize::MAX { Value::Null } else { depth.into() };
        for (name, value) in [
            ("n_estimators", most(|a| a.trees).into()),
            ("max_depth", depth),
            ("min_samples_split", least.into()),
        ] {
            learner = learner.with_param(name, &value)?;
        }
        let mut plan = learner.plan(x.cols(), y)?;
        (plan.options.inner, plan.oob) = (true, false);
        let grown = plan.grown(x, ctx)?;
        let tops = Tops::new(&grown, x.cols(), plan.output().width())?;
        for (ask, scores) in asks.iter().zip(tops.scores(&asks, z, ctx)) {
            found[ask.point] = Some(Prediction::new(plan.output(), scores)?);
        }
    }
    Ok(found.into_iter().collect())
}

/// Grown trees with what every node says.
struct Tops {
    trees: TreeNodes,
    /// The first node of each tree.
    starts: Vec<usize>,
    nodes: Vec<Top>,
    /// `width` numbers a node.
    values: Vec<f64>,
    width: usize,
}

/// A node.
struct Top {
    /// Its rows.
    rows: usize,
    /// Where it leads, unless it is a leaf: column, split, the first child.
    split: Option<(usize, NodeAt, usize)>,
}

impl Tops {
    fn new(grown: &[Grown], columns: usize, width: usize) -> Result<Self> {
        let mut tops = Self {
            trees: TreeNodes::new(columns, width),
            starts: Vec::new(),
            nodes: Vec::new(),
            values: Vec::new(),
            width,
        };
        for (t, Grown { tree, inner, .. }) in grown.iter().enumerate() {
            tops.trees.push(tree)?;
            let start = tops.nodes.len();
            tops.starts.push(start);
            // The flat nodes are numbered breadth first.
            let mut order = vec![0];
            let mut at = 0;
            while at < order.len() {
                if let GrownNode::Split(_, children) = &tree.nodes()[order[at]] {
                    order.extend(children);
                }
                at += 1;
            }
            for (step, from) in tops.trees.steps(t).zip(&order) {
                let (rows, value) = &inner[*from];
                let split = match step {
                    Step::Leaf { .. } => None,
                    Step::Split { column, at, children } => Some((column, at, start + children[0])),
                };
                tops.nodes.push(Top { rows: *rows, split });
                tops.values.extend(value);
            }
        }
        Ok(tops)
    }

    /// The scores of each ask for the rows of `z`.
    fn scores(&self, asks: &[Ask], z: &Matrix, ctx: &FitContext) -> Vec<Dense> {
        // Asks that stop at the same nodes read the same sums.
        let mut stops: Vec<(usize, usize)> = asks.iter().map(|a| (a.depth, a.split)).collect();
        stops.sort_unstable();
        stops.dedup();
        let mut counts: Vec<usize> = asks.iter().map(|a| a.trees).collect();
        counts.sort_unstable();
        counts.dedup();
        let w = self.width;
        let of_row = |i: usize| {
            let row = dense(z.row(i), z.cols());
            let mut sums = vec![0.0; stops.len() * w];
            // For each number of trees the sums so far.
            let mut taken: Vec<f64> = Vec::with_capacity(counts.len() * sums.len());
            for (t, start) in self.starts.iter().enumerate() {
                self.add(*start, &row, &stops, &mut sums);
                if counts.binary_search(&(t + 1)).is_ok() {
                    taken.extend(&sums);
                }
            }
            taken
        };
        let rows = ctx.map(z.rows(), of_row);
        let read = |ask: &Ask| {
            let stop = stops.binary_search(&(ask.depth, ask.split)).unwrap_or(0);
            let count = counts.binary_search(&ask.trees).unwrap_or(0);
            let from = (count * stops.len() + stop) * w;
            let n = ask.trees.max(1) as f64;
            let mut scores = Dense::zeros(z.rows(), w);
            for (i, taken) in rows.iter().enumerate() {
                for (out, sum) in scores.row_mut(i).iter_mut().zip(&taken[from..from + w]) {
                    *out = sum / n;
                }
            }
            scores
        };
        asks.iter().map(read).collect()
    }

    /// Adds what a tree says about a row to every stop's sums.
    fn add(&self, start: usize, row: &[f64], stops: &[(usize, usize)], sums: &mut [f64]) {
        let w = self.width;
        let (mut at, mut depth, mut open) = (start, 0, stops.len());
        let mut stopped = [false; 64];
        let several = stops.len() <= stopped.len();
        let mut many = if several { Vec::new() } else { vec![false; stops.len()] };
        let stopped: &mut [bool] = if several { &mut stopped[..stops.len()] } else { &mut many };
        loop {
            let node = &self.nodes[at];
            for (s, (most, least)) in stops.iter().enumerate() {
                if !stopped[s] && (node.split.is_none() || depth >= *most || node.rows < *least) {
                    stopped[s] = true;
                    open -= 1;
                    let value = &self.values[at * w..(at + 1) * w];
                    sums[s * w..(s + 1) * w].iter_mut().zip(value).for_each(|(sum, v)| *sum += v);
                }
            }
            let Some((column, split, first)) = node.split.filter(|_| open > 0) else { return };
            let left = self.trees.go_left(split, &row[column..=column]) & 1 == 1;
            at = first + usize::from(!left);
            depth += 1;
        }
    }
}

fn dense(row: RowView<'_>, columns: usize) -> Vec<f64> {
    let mut dense = vec![0.0; columns];
    match row {
        RowView::Dense(row) => dense.copy_from_slice(row),
        RowView::Sparse { .. } => row.for_each(|j, v| dense[j] = v),
    }
    dense
}

#[cfg(test)]
mod tests {
    use prompt_core::{Seed, predict};
    use serde_json::json;

    use super::*;
    use crate::select::{apply, expand};

    #[test]
    fn what_is_read_off_is_what_a_fit_gives() {
        let mut rng = Seed::new(2).rng();
        let data: Vec<f64> = (0..160 * 5).map(|_| rng.normal()).collect();
        let noisy = |i: usize| data[i * 5] + data[i * 5 + 1] * data[i * 5 + 2];
        let labels = Target::labels(
            (0..160).map(|i| ["a", "b", "c"][usize::from(noisy(i) > -0.5) + usize::from(noisy(i) > 0.5)]),
        );
        let numbers = Target::regression((0..160).map(noisy).collect()).unwrap();
        let all = Matrix::from(Dense::new(160, 5, data.clone()).unwrap());
        let (x, z) = (
            all.select_rows(&(0..120).collect::<Vec<_>>()),
            all.select_rows(&(120..160).collect::<Vec<_>>()),
        );
        let grid = [
            ("n_estimators", vec![json!(3), json!(7)]),
            ("max_depth", vec![json!(2), json!(4), Value::Null]),
            ("min_samples_split", vec![json!(2), json!(9)]),
            ("min_samples_leaf", vec![json!(1), json!(3)]),
        ];
        let points = expand(grid.iter().map(|(name, values)| (*name, values.as_slice())));
        let ctx = FitContext::new(5).threads(2);
        let learners: [(Box<dyn Estimator>, &Target); 4] = [
            (Box::new(RandomForestClassifier::default()), &labels),
            (Box::new(ExtraTreesClassifier::default()), &labels),
            (Box::new(RandomForestRegressor::default()), &numbers),
            (Box::new(ExtraTreesRegressor::default().max_features(super::super::MaxFeatures::All)), &numbers),
        ];
        let rows: Vec<usize> = (0..120).collect();
        for (learner, y) in learners {
            let y = y.select(&rows);
            let points: Vec<Box<dyn Estimator>> =
                points.iter().map(|p| apply(&*learner, p).unwrap()).collect();
            let found = predictions(&points, (&x, &y), &z, &ctx).unwrap().unwrap();
            for (point, found) in points.iter().zip(found) {
                let model = point.fit_model(&x, &y, &ctx).unwrap();
                assert_eq!(predict(&*model, &z).unwrap(), found, "{point:?}");
            }
        }
        let one: [Box<dyn Estimator>; 1] = [Box::new(RandomForestClassifier::default())];
        let y = labels.select(&rows);
        assert!(predictions(&one, (&x, &y), &z, &ctx).unwrap().is_none(), "nothing to share");
    }
}
