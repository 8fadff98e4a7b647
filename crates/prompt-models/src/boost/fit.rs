//! The rounds: gradients, a tree a margin, new margins, until enough.

use prompt_core::{Control, Event, FitContext, Matrix, Result, Seed};

use super::blocks::Blocks;
use super::columns::Columns;
use super::grow::{Child, Grower, Shape, Tree};
use super::loss::{Goal, Loss, Pair};
use super::sample::{OneSide, others, share, some_columns, some_of};
use super::split::{Rules, Test};
use crate::tree::bins::{BinOptions, Binned, Bins};
use crate::tree::nodes::{GrownTree, Split, TreeNodes};

/// What the rounds need to know.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) loss: Loss,
    /// Whether trees are grown by least squares, with Newton steps in the finished leaves only.
    pub(super) least_squares: bool,
    pub(super) rounds: usize,
    pub(super) learning_rate: f64,
    pub(super) rules: Rules,
    pub(super) shape: Shape,
    pub(super) bins: BinOptions,
    pub(super) max_features: f64,
    pub(super) rows: Rows,
    /// For each column −1, 0 or 1; empty where none is bound.
    pub(super) monotone: Vec<i8>,
    pub(super) early: Option<Early>,
}

/// Which rows a round sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rows {
    /// This share of them, drawn anew each round; 1 for all.
    Share(f64),
    /// Those of large gradients, and some others.
    OneSide { top: f64, other: f64 },
}

/// When to stop before the last round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Early {
    pub(super) validation_fraction: f64,
    pub(super) patience: usize,
    pub(super) tol: f64,
}

/// Rows with what they are to become and what they weigh.
pub(super) struct Data<'a> {
    pub(super) x: &'a Matrix,
    pub(super) goal: Goal<'a>,
    pub(super) weights: Option<&'a [f64]>,
}

/// The same, owned: a part of the rows.
struct Part {
    x: Matrix,
    codes: Vec<u32>,
    numbers: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl Data<'_> {
    fn select(&self, rows: &[usize]) -> Part {
        let (mut codes, mut numbers) = (Vec::new(), Vec::new());
        match self.goal {
            Goal::Codes(all) => codes.extend(rows.iter().map(|&i| all[i])),
            Goal::Numbers(all) => numbers.extend(rows.iter().map(|&i| all[i])),
        }
        let weights = self.weights.map(|w| rows.iter().map(|&i| w[i]).collect());
        Part { x: self.x.select_rows(rows), codes, numbers, weights }
    }

    /// Rows of weight zero are left out: nothing about them may count.
    fn weighing(&self) -> Option<Vec<usize>> {
        let weights = self.weights?;
        let kept: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
        (kept.len() < weights.len()).then_some(kept)
    }

    /// Rows to learn from and rows to watch, the classes in their shares.
    fn hold_out(&self, fraction: f64, seed: Seed) -> (Vec<usize>, Vec<usize>) {
        let mut by_class: Vec<Vec<usize>> = Vec::new();
        for row in 0..self.goal.len() {
            let class = match self.goal {
                Goal::Codes(codes) => codes[row] as usize,
                Goal::Numbers(_) => 0,
            };
            if by_class.len() <= class {
                by_class.resize(class + 1, Vec::new());
            }
            by_class[class].push(row);
        }
        let mut watched = Vec::new();
        for (class, mut rows) in by_class.into_iter().enumerate() {
            seed.derive("class", class as u64).rng().shuffle(&mut rows);
            let count = ((rows.len() as f64 * fraction).round() as usize).min(rows.len().saturating_sub(1));
            rows.truncate(count);
            watched.extend(rows);
        }
        watched.sort_unstable();
        let indices: Vec<u32> = watched.iter().map(|i| *i as u32).collect();
        let learned = others(self.goal.len(), &indices).into_iter().map(|i| i as usize).collect();
        (learned, watched)
    }
}

impl Part {
    fn data(&self) -> Data<'_> {
        let goal =
            if self.numbers.is_empty() { Goal::Codes(&self.codes) } else { Goal::Numbers(&self.numbers) };
        Data { x: &self.x, goal, weights: self.weights.as_deref() }
    }
}

/// Fits: the constant margins of the start, and the trees.
pub(super) fn boost(plan: &Plan, data: &Data<'_>, ctx: &FitContext) -> Result<(Vec<f64>, TreeNodes)> {
    if let Some(kept) = data.weighing() {
        return boost(plan, &data.select(&kept).data(), ctx);
    }
    if ctx.thread_budget() == 1 {
        return split_rounds(plan, data, ctx);
    }
    // One pool for the whole fit, with this work on one of its threads: a round shares out a hundred small pieces,
    // and handing each from outside the pool would cost more than the piece.
    ctx.install(|| rayon::scope(|_| split_rounds(plan, data, ctx)))
}

/// The rounds, on all rows or on those that are not held out.
fn split_rounds(plan: &Plan, data: &Data<'_>, ctx: &FitContext) -> Result<(Vec<f64>, TreeNodes)> {
    let Some(early) = plan.early else { return rounds(plan, data, None, ctx) };
    let (learned, watched) = data.hold_out(early.validation_fraction, ctx.seed().derive("validation", 0));
    if watched.is_empty() {
        return rounds(plan, data, None, ctx);
    }
    let (learned, watched) = (data.select(&learned), data.select(&watched));
    rounds(plan, &learned.data(), Some(&watched.data()), ctx)
}

fn rounds(
    plan: &Plan,
    data: &Data<'_>,
    watched: Option<&Data<'_>>,
    ctx: &FitContext,
) -> Result<(Vec<f64>, TreeNodes)> {
    let blocks = Blocks::new(ctx);
    let bins = Bins::fit(data.x, data.weights, plan.bins, ctx);
    let columns = {
        let codes: Binned<u8> = bins.apply(data.x, ctx);
        let least = (plan.rules.min_samples_leaf as usize).max(1);
        Columns::new(&bins, &codes, &plan.monotone, least, blocks)
    };
    ctx.check()?;
    let start = plan.loss.start(data.goal, data.weights);
    let mut run = Run {
        plan,
        data,
        bins: &bins,
        blocks,
        seed: ctx.seed(),
        scores: Margins::new(&start, data.x.rows()),
        norms: if start.len() > 1 { vec![0.0; data.x.rows()] } else { Vec::new() },
        pairs: vec![[0.0; 2]; data.x.rows()],
        trees: TreeNodes::new(data.x.cols(), 1),
        grower: Grower::new(&columns, plan.rules.clone(), plan.shape, blocks),
    };
    let mut watch = watched.map(|data| Watch {
        data,
        scores: Margins::new(&start, data.x.rows()),
        best: (f64::INFINITY, 0),
        last: f64::NAN,
    });
    let mass = data.weights.map_or(data.x.rows() as f64, |w| w.iter().sum());
    for round in 0..plan.rounds {
        ctx.check()?;
        let loss = run.round(round, watch.as_mut())? / mass;
        // The loss before a round is that after the one before it.
        if round > 0 && tell(ctx, plan, round, loss, watch.as_ref())? == Control::Stop {
            let mut trees = run.trees;
            trees.truncate(round * plan.loss.margins());
            return Ok((start, trees));
        }
        if let (Some(watch), Some(early)) = (&mut watch, plan.early)
            && watch.is_over(plan, round + 1, early)
        {
            break;
        }
    }
    let done = run.trees.len() / start.len();
    let loss = plan.loss.mean(&run.scores.0, (data.goal, data.weights));
    tell(ctx, plan, done, loss, watch.as_ref())?;
    let keep = watch.map_or(done, |w| w.best.1);
    let mut trees = run.trees;
    trees.truncate(keep * start.len());
    Ok((start, trees))
}

/// Reports a round: its training loss and, where rows are watched, theirs.
fn tell(ctx: &FitContext, plan: &Plan, step: usize, loss: f64, watch: Option<&Watch<'_>>) -> Result<Control> {
    let both = [("loss", loss), ("validation_loss", watch.map_or(f64::NAN, |w| w.last))];
    let values = if watch.is_some() { &both[..] } else { &both[..1] };
    ctx.report(&Event { stage: "boosting", step, total: Some(plan.rounds), values })
}

/// The margins of all rows, one list a margin.
struct Margins(Vec<Vec<f64>>);

impl Margins {
    fn new(start: &[f64], rows: usize) -> Self {
        Self(start.iter().map(|s| vec![*s; rows]).collect())
    }

    /// Adds what a tree says of these rows of a matrix (all of them when none are named).
    fn add(&mut self, k: usize, tree: &TreeNodes, x: &Matrix, rows: Option<&[u32]>, blocks: Blocks<'_>) {
        let of = |at: usize| rows.map_or(at, |rows| rows[at] as usize);
        let mut found = vec![0.0; rows.map_or(x.rows(), <[u32]>::len)];
        blocks.fill(&mut found, |first, out| {
            let mut dense = Vec::new();
            for (i, out) in out.iter_mut().enumerate() {
                tree.add_row(x.row(of(first + i)), &mut dense, std::slice::from_mut(out));
            }
        });
        for (at, value) in found.iter().enumerate() {
            self.0[k][of(at)] += value;
        }
    }
}

/// Rows that are watched for when to stop.
struct Watch<'a> {
    data: &'a Data<'a>,
    scores: Margins,
    /// The smallest loss, and after how many rounds.
    best: (f64, usize),
    last: f64,
}

impl Watch<'_> {
    fn is_over(&mut self, plan: &Plan, rounds: usize, early: Early) -> bool {
        self.last = plan.loss.mean(&self.scores.0, (self.data.goal, self.data.weights));
        if self.last < self.best.0 - early.tol || self.best.1 == 0 {
            self.best = (self.last, rounds);
        }
        rounds >= self.best.1 + early.patience
    }
}

/// A fit under way.
struct Run<'a> {
    plan: &'a Plan,
    data: &'a Data<'a>,
    bins: &'a Bins,
    blocks: Blocks<'a>,
    seed: Seed,
    scores: Margins,
    norms: Vec<f64>,
    pairs: Vec<Pair>,
    trees: TreeNodes,
    grower: Grower<'a>,
}

impl Run<'_> {
    /// Adds a tree a margin; returns the summed training loss before them.
    fn round(&mut self, round: usize, mut watch: Option<&mut Watch<'_>>) -> Result<f64> {
        let (plan, target) = (self.plan, (self.data.goal, self.data.weights));
        let mut loss = plan.loss.normalise(&self.scores.0, &mut self.norms, target, self.blocks);
        // All trees of a round answer the same margins.
        let before = if self.scores.0.len() > 1 { Some(Margins(self.scores.0.clone())) } else { None };
        let one_side = self.one_side(round, before.as_ref());
        let bag = match (&one_side, plan.rows) {
            (Some(one_side), _) => Some(one_side.rows.clone()),
            (None, Rows::Share(part)) if part < 1.0 => {
                let n = self.data.x.rows();
                Some(some_of(n, share(n, part), self.seed.derive("rows", round as u64)))
            }
            _ => None,
        };
        let outside = bag.as_ref().map(|bag| others(self.data.x.rows(), bag));
        for k in 0..plan.loss.margins() {
            let scores = before.as_ref().unwrap_or(&self.scores);
            loss += plan.loss.gradients(k, (&scores.0, &self.norms), target, &mut self.pairs, self.blocks);
            if let Some(one_side) = &one_side {
                one_side.scale(&mut self.pairs);
            }
            let curvature = if plan.least_squares { self.flatten() } else { Vec::new() };
            let number = (round * plan.loss.margins() + k) as u64;
            let allowed =
                some_columns(self.data.x.cols(), plan.max_features, self.seed.derive("columns", number));
            let mut tree = self.grower.grow(&self.pairs, bag.as_deref(), allowed.as_deref());
            self.settle(&mut tree, k, &curvature);
            for leaf in &tree.leaves {
                for row in &self.grower.rows[leaf.rows.clone()] {
                    self.scores.0[k][*row as usize] += leaf.value;
                }
            }
            let grown = self.grown(&tree);
            self.trees.push(&grown)?;
            if outside.is_some() || watch.is_some() {
                let mut alone = TreeNodes::new(self.data.x.cols(), 1);
                alone.push(&grown)?;
                if let Some(outside) = &outside {
                    self.scores.add(k, &alone, self.data.x, Some(outside), self.blocks);
                }
                if let Some(watch) = &mut watch {
                    watch.scores.add(k, &alone, watch.data.x, None, self.blocks);
                }
            }
        }
        Ok(loss)
    }

    fn one_side(&mut self, round: usize, before: Option<&Margins>) -> Option<OneSide> {
        let Rows::OneSide { top, other } = self.plan.rows else { return None };
        // The first trees learn from every row, as gradients say little before them.
        if (round as f64) < 1.0 / self.plan.learning_rate {
            return None;
        }
        let mut matter = vec![0.0f32; self.data.x.rows()];
        let scores = before.unwrap_or(&self.scores);
        for k in 0..self.plan.loss.margins() {
            let target = (self.data.goal, self.data.weights);
            self.plan.loss.gradients(k, (&scores.0, &self.norms), target, &mut self.pairs, self.blocks);
            for (matter, [g, h]) in matter.iter_mut().zip(&self.pairs) {
                *matter += (g * h).abs();
            }
        }
        Some(OneSide::new(&matter, top, other, self.seed.derive("rows", round as u64)))
    }

    /// Puts the rows' weights in the place of second derivatives, and returns those.
    fn flatten(&mut self) -> Vec<f32> {
        let weights = self.data.weights;
        let swap = |(row, pair): (usize, &mut Pair)| {
            std::mem::replace(&mut pair[1], weights.map_or(1.0, |w| w[row] as f32))
        };
        self.pairs.iter_mut().enumerate().map(swap).collect()
    }

    /// Gives the leaves their final values: what is best for the loss where that is no Newton step, times the rate.
    fn settle(&self, tree: &mut Tree, k: usize, curvature: &[f32]) {
        let plan = self.plan;
        if !curvature.is_empty() {
            for leaf in &mut tree.leaves {
                let (mut g, mut h) = (0.0, 0.0);
                for &row in &self.grower.rows[leaf.rows.clone()] {
                    g += f64::from(self.pairs[row as usize][0]);
                    h += f64::from(curvature[row as usize]);
                }
                leaf.value = if h < 1e-150 { 0.0 } else { -g / h * plan.loss.step() };
            }
        }
        if plan.loss.renews_leaves()
            && let Goal::Numbers(goal) = self.data.goal
        {
            let leaves = &tree.leaves;
            let values = self.blocks.each(leaves.len(), |at| {
                let leaf = &leaves[at];
                let mut left: Vec<(f64, f64)> = self.grower.rows[leaf.rows.clone()]
                    .iter()
                    .map(|&row| {
                        let row = row as usize;
                        (goal[row] - self.scores.0[k][row], self.data.weights.map_or(1.0, |w| w[row]))
                    })
                    .collect();
                plan.loss.renewed(&mut left).clamp(leaf.bounds.0, leaf.bounds.1)
            });
            tree.leaves.iter_mut().zip(values).for_each(|(leaf, value)| leaf.value = value);
        }
        tree.leaves.iter_mut().for_each(|leaf| leaf.value *= plan.learning_rate);
    }

    /// The tree over raw numbers.
    fn grown(&self, tree: &Tree) -> GrownTree {
        let value = |child: Child| match child {
            Child::Leaf(leaf) => vec![tree.leaves[leaf].value],
            Child::Node(_) => vec![0.0],
        };
        let root = if tree.nodes.is_empty() { Child::Leaf(0) } else { Child::Node(0) };
        let mut grown = GrownTree::leaf(value(root));
        let mut open = vec![(0, root)];
        while let Some((at, child)) = open.pop() {
            let node = match child {
                Child::Leaf(leaf) => {
                    grown.set_cover(at, tree.leaves[leaf].rows.len() as f64);
                    continue;
                }
                Child::Node(node) => node,
            };
            let node = &tree.nodes[node];
            let column = self.bins.column(node.column);
            let split = match node.test {
                Test::UpTo(bin) => Split::Numeric {
                    column: node.column,
                    threshold: column.cuts().get(bin).copied().unwrap_or(f64::INFINITY),
                    missing_left: node.missing_left,
                },
                Test::Among(set) => Split::Categories {
                    column: node.column,
                    left: column.level_set(|bin| super::category::holds(&set, bin), node.missing_left),
                    missing_left: node.missing_left,
                },
            };
            let [left, right] = node.children;
            let places = grown.split(at, split, [value(left), value(right)]);
            open.extend([(places[0], left), (places[1], right)]);
        }
        grown
    }
}
