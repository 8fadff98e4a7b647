//! Isolation forests: how few cuts set a row apart.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{Dense, Error, Fit, FitContext, Legal, Matrix, Params, Result, Rng, params};
use serde::{Deserialize, Serialize};

params! {
    /// Scores rows by how few random cuts set them apart (Liu, Ting and Zhou, 2008; scikit-learn's `IsolationForest`).
    ///
    /// Each tree cuts a drawn sample by random columns at random numbers until rows stand alone or the depth is
    /// ⌈log₂ of the sample⌉. The score of a row is 2^(−E\[depth\] / c(n)), where c(n) is the mean depth of an
    /// unsuccessful search in a binary tree of n rows: near 1 for outliers, below 0.5 for the rest. Missing numbers are
    /// refused. Targets and their weights play no part.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix};
    /// use prompt_features::IsolationForest;
    /// let mut data: Vec<f64> = (0..99).map(|i| f64::from(i % 10)).collect();
    /// data.push(1000.0);
    /// let x = Matrix::from(Dense::new(100, 1, data).unwrap());
    /// let forest = IsolationForest::default().fit(&x, &(), &FitContext::new(1)).unwrap();
    /// let scores = forest.scores(&x).unwrap();
    /// assert!(scores[99] > 0.7 && scores[..99].iter().all(|s| *s < 0.6));
    /// ```
    pub struct IsolationForest named "isolation_forest" {
        /// Number of trees.
        n_estimators: usize = 100, Legal::int(1, 10_000);
        /// Most rows that a tree is drawn from, without replacement.
        max_samples: usize = 256, Legal::int(2, 1 << 20);
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "isolation_forest";

/// A fitted [`IsolationForest`].
#[derive(Debug, Clone, PartialEq)]
pub struct FittedIsolationForest {
    params: IsolationForest,
    columns: usize,
    /// Rows that each tree was drawn from.
    sample: usize,
    roots: Vec<u32>,
    nodes: Nodes,
}

/// All trees' nodes. A leaf has itself as its children, and in `cut` the depth that stands for the rows in it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Nodes {
    column: Vec<u32>,
    cut: Vec<f64>,
    left: Vec<u32>,
    right: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    params: IsolationForest,
    columns: usize,
    sample: usize,
}

impl Nodes {
    fn leaf(&mut self, rows: usize, depth: usize) -> u32 {
        let at = self.cut.len() as u32;
        self.column.push(0);
        self.cut.push(depth as f64 + mean_depth(rows));
        self.left.push(at);
        self.right.push(at);
        at
    }

    fn grow(&mut self, x: &Dense, rows: &mut [usize], depth: usize, deepest: usize, rng: &mut Rng) -> u32 {
        if rows.len() <= 1 || depth >= deepest {
            return self.leaf(rows.len(), depth);
        }
        let span = |column: usize, rows: &[usize]| {
            let values = || rows.iter().map(|&i| x.row(i)[column]);
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        // A constant column cannot cut: another is drawn, until all were.
        let mut columns: Vec<usize> = (0..x.cols()).collect();
        let mut found = None;
        while !columns.is_empty() && found.is_none() {
            let column = columns.swap_remove(rng.below(columns.len()));
            let (low, high) = span(column, rows);
            if low < high {
                let cut = low + rng.unit() * (high - low);
                found = Some((column, if cut < high { cut } else { low }));
            }
        }
        let Some((column, cut)) = found else { return self.leaf(rows.len(), depth) };
        let at = self.leaf(0, 0) as usize;
        let mut middle = 0;
        for i in 0..rows.len() {
            if x.row(rows[i])[column] <= cut {
                rows.swap(i, middle);
                middle += 1;
            }
        }
        let (low, high) = rows.split_at_mut(middle);
        let left = self.grow(x, low, depth + 1, deepest, rng);
        let right = self.grow(x, high, depth + 1, deepest, rng);
        (self.column[at], self.cut[at], self.left[at], self.right[at]) = (column as u32, cut, left, right);
        at as u32
    }

    fn depth(&self, root: u32, row: &[f64]) -> f64 {
        let mut at = root as usize;
        while self.left[at] as usize != at {
            let low = row[self.column[at] as usize] <= self.cut[at];
            at = if low { self.left[at] } else { self.right[at] } as usize;
        }
        self.cut[at]
    }
}

/// c(n): the mean depth at which a search among n rows ends without success.
fn mean_depth(rows: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

impl Fit<Matrix, ()> for IsolationForest {
    type Fitted = FittedIsolationForest;

    fn fit(&self, x: &Matrix, (): &(), ctx: &FitContext) -> Result<FittedIsolationForest> {
        self.validate()?;
        if x.rows() < 2 || x.cols() == 0 {
            return Err(Error::input(
                format!("isolation_forest: {} row(s) of {} columns", x.rows(), x.cols()),
                "give it at least two rows and a column",
            ));
        }
        check(x)?;
        let dense = x.to_dense();
        let sample = self.max_samples.min(dense.rows());
        let deepest = (sample as f64).log2().ceil() as usize;
        let trees = ctx.try_map(self.n_estimators, |tree| {
            ctx.check()?;
            let mut rng = ctx.seed().derive("isolation_tree", tree as u64).rng();
            let mut rows: Vec<usize> = (0..dense.rows()).collect();
            for i in 0..sample {
                let other = i + rng.below(rows.len() - i);
                rows.swap(i, other);
            }
            let mut nodes = Nodes::default();
            nodes.grow(&dense, &mut rows[..sample], 0, deepest, &mut rng);
            Ok(nodes)
        })?;
        let (mut nodes, mut roots) = (Nodes::default(), Vec::with_capacity(trees.len()));
        for tree in trees {
            let offset = nodes.cut.len() as u32;
            roots.push(offset);
            nodes.column.extend(tree.column);
            nodes.cut.extend(tree.cut);
            nodes.left.extend(tree.left.iter().map(|i| i + offset));
            nodes.right.extend(tree.right.iter().map(|i| i + offset));
        }
        Ok(FittedIsolationForest { params: self.clone(), columns: dense.cols(), sample, roots, nodes })
    }
}

fn check(x: &Matrix) -> Result<()> {
    match x.first_not_finite() {
        Some((row, column)) => Err(Error::input(
            format!("isolation_forest: row {row}, column `{}` is missing or infinite", x.names().get(column)),
            "fill in what is missing first",
        )),
        None => Ok(()),
    }
}

impl FittedIsolationForest {
    /// The score of every row in (0, 1]; scikit-learn's `score_samples` is its negative.
    ///
    /// # Errors
    /// Another number of columns than fitted, or a missing number.
    pub fn scores(&self, x: &Matrix) -> Result<Vec<f64>> {
        if x.cols() != self.columns {
            return Err(Error::shape("columns of x", self.columns, x.cols()));
        }
        check(x)?;
        let dense = x.to_dense();
        let normal = mean_depth(self.sample) * self.roots.len() as f64;
        let score = |row: usize| {
            let depth: f64 = self.roots.iter().map(|root| self.nodes.depth(*root, dense.row(row))).sum();
            (-depth / normal).exp2()
        };
        Ok((0..dense.rows()).map(score).collect())
    }
}

impl Persist for FittedIsolationForest {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        let facts = Facts { params: self.params.clone(), columns: self.columns, sample: self.sample };
        Ok(Node::new(KIND, 1)
            .meta(&facts)?
            .u32s("roots", self.roots.clone())
            .u32s("column", self.nodes.column.clone())
            .f64s("cut", self.nodes.cut.clone())
            .u32s("left", self.nodes.left.clone())
            .u32s("right", self.nodes.right.clone()))
    }
}

impl Artifact for FittedIsolationForest {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let Facts { params, columns, sample } = node.get_meta()?;
        params.validate()?;
        let cut = node.get_f64s("cut", None)?.to_vec();
        let n = cut.len();
        let numbers = |name: &str| node.get_u32s(name, Some(n)).map(<[u32]>::to_vec);
        let (column, left, right) = (numbers("column")?, numbers("left")?, numbers("right")?);
        let roots = node.get_u32s("roots", None)?.to_vec();
        // Children lie behind their parents, so that no walk goes in a circle.
        let sound = |at: usize| {
            let leaf = left[at] as usize == at && right[at] as usize == at;
            let split = [left[at], right[at]].iter().all(|c| (*c as usize) > at && (*c as usize) < n);
            (leaf || split) && (column[at] as usize) < columns.max(1)
        };
        let whole = sample >= 2
            && !roots.is_empty()
            && roots.iter().all(|r| (*r as usize) < n)
            && (0..n).all(sound)
            && cut.iter().all(|c| c.is_finite());
        if !whole {
            return Err(Error::artifact(KIND, "its trees do not fit together", "save the model again"));
        }
        Ok(Self { params, columns, sample, roots, nodes: Nodes { column, cut, left, right } })
    }
}
