//! Trees of any kind as explanations see them.

use prompt_core::artifact::{Artifact, Catalog};
use prompt_core::{Error, Model, Output, Result};

use crate::boost::BoostedTrees;
use crate::forest::Forest;
use crate::interop::{ForeignTrees, LightgbmModel, Seen, XgboostModel};
use crate::tree::nodes::{NodeAt, Step, TreeNodes};

/// Trees whose leaves are added to margins.
pub(super) struct Source {
    trees: Trees,
    /// What each leaf value is multiplied by.
    pub(super) scale: f64,
    /// The margins before any tree.
    pub(super) start: Vec<f64>,
    /// What the margins are called.
    pub(super) outputs: Vec<String>,
    /// Columns of a row.
    pub(super) columns: usize,
}

enum Trees {
    Own(TreeNodes),
    Foreign(ForeignTrees),
}

/// A node of one tree.
pub(super) enum Point {
    /// An end: its values, the first of the outputs they are added to, and the weight of its training rows.
    Leaf { values: Vec<f64>, output: usize, cover: f64 },
    /// A split.
    Split { column: usize, test: Test, children: [usize; 2] },
}

/// A question to a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Test {
    Own(NodeAt),
    Foreign(u32),
}

impl Source {
    /// The trees of a model.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that is no tree, forest or boosting.
    pub(super) fn of(model: &dyn Model) -> Result<Self> {
        let kind = model.kind();
        let catalog = Catalog::new();
        let node = || model.encode();
        if kind == XgboostModel::KIND {
            return Ok(Self::foreign(XgboostModel::decode(&node()?, &catalog)?.sum()));
        }
        if kind == LightgbmModel::KIND {
            return Ok(Self::foreign(LightgbmModel::decode(&node()?, &catalog)?.sum()));
        }
        if BoostedTrees::is_kind(kind) {
            return Ok(Self::boosted(&BoostedTrees::decode(&node()?, &catalog)?));
        }
        if Forest::is_kind(kind) {
            return Ok(Self::forest(&Forest::decode(&node()?, &catalog)?));
        }
        Err(Error::unsupported(
            format!("the model `{kind}`"),
            "tree explanations",
            "take a tree, a forest or boosting, or explain it by sampling",
        ))
    }

    pub(super) fn own(trees: TreeNodes, scale: f64, start: Vec<f64>, outputs: Vec<String>) -> Self {
        Self { columns: trees.columns(), trees: Trees::Own(trees), scale, start, outputs }
    }

    fn forest(forest: &Forest) -> Self {
        let trees = forest.trees().clone();
        let (scale, width) = (1.0 / trees.len().max(1) as f64, trees.width());
        Self::own(trees, scale, vec![0.0; width], names(forest.output(), width))
    }

    fn boosted(model: &BoostedTrees) -> Self {
        let start = model.start().to_vec();
        let outputs = match model.present() {
            present if present.len() >= start.len() => {
                let classes = model.output().classes();
                // Two classes share the margin of the second.
                let with_margin = &present[present.len() - start.len()..];
                with_margin.iter().map(|c| classes.map_or(String::new(), |k| k.name(*c).to_owned())).collect()
            }
            _ => names(model.output(), start.len()),
        };
        Self::own(model.trees().clone(), 1.0, start, outputs)
    }

    fn foreign(sum: &crate::interop::TreeSum) -> Self {
        let outputs = names(sum.output(), sum.start.len());
        Self {
            columns: sum.forest.columns(),
            trees: Trees::Foreign(sum.forest.clone()),
            scale: 1.0 / sum.divisor,
            start: sum.start.clone(),
            outputs,
        }
    }

    /// Number of trees.
    pub(super) fn len(&self) -> usize {
        match &self.trees {
            Trees::Own(trees) => trees.len(),
            Trees::Foreign(trees) => trees.len(),
        }
    }

    /// The nodes of tree `t`: the root first, children after their parents.
    pub(super) fn tree(&self, t: usize) -> Vec<Point> {
        match &self.trees {
            Trees::Own(trees) => {
                let several = trees.width() > 1;
                let output = if several { 0 } else { t % self.start.len().max(1) };
                let point = |step| match step {
                    Step::Leaf { values, cover } => {
                        Point::Leaf { values: values.iter().map(|v| v * self.scale).collect(), output, cover }
                    }
                    Step::Split { column, at, children } => {
                        Point::Split { column, test: Test::Own(at), children }
                    }
                };
                trees.steps(t).map(point).collect()
            }
            Trees::Foreign(trees) => {
                let output = trees.output(t);
                let point = |seen| match seen {
                    Seen::Leaf { value, cover } => {
                        Point::Leaf { values: vec![value * self.scale], output, cover }
                    }
                    Seen::Split { column, node, children } => {
                        Point::Split { column, test: Test::Foreign(node), children }
                    }
                };
                trees.steps(t).into_iter().map(point).collect()
            }
        }
    }

    /// Which of up to 64 numbers go left.
    pub(super) fn go_left(&self, test: Test, xs: &[f64]) -> u64 {
        match (test, &self.trees) {
            (Test::Own(at), Trees::Own(trees)) => trees.go_left(at, xs),
            (Test::Foreign(node), Trees::Foreign(trees)) => xs
                .iter()
                .enumerate()
                .fold(0, |bits, (i, x)| bits | u64::from(trees.sends_left(node, *x)) << i),
            _ => 0,
        }
    }
}

/// Names for the margins of an output: the second class alone where two classes share one.
fn names(output: &Output, margins: usize) -> Vec<String> {
    match output {
        Output::Classes(classes) if classes.len() == margins => classes.names().to_vec(),
        Output::Classes(classes) if margins == 1 => classes.names().last().cloned().into_iter().collect(),
        Output::Values(names) if names.len() == margins => names.clone(),
        _ => (0..margins).map(|i| format!("margin {i}")).collect(),
    }
}
