//! Growing one tree over codes.
//!
//! ```text
//! node = a range of the tree's rows     draw columns → group rows by code → best split → part the range in place
//! ```
//!
//! Dense columns are gathered by row; of sparse columns only what is stored in the node is looked at, by rows or by
//! columns, whichever is less. The next node is the one opened last, or, with a limit on leaves, the one whose split
//! gains most.

mod find;
mod gather;
mod objective;
mod split;

pub(crate) use gather::Lines;
pub(crate) use objective::{ClassWeights, Counts, Criterion, Objective, SquaredError};

use prompt_core::{FitContext, Result, Rng, Seed};

use super::bins::{Binned, Bins, Code, CodeColumn, Storage};
use super::nodes::GrownTree;
use gather::{Bag, Buffers, Gathered, NOWHERE};
use split::Found;

/// When to stop, and which splits are tried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) max_depth: Option<usize>,
    pub(crate) min_samples_split: usize,
    pub(crate) min_samples_leaf: usize,
    /// Columns drawn for each node, at least 1.
    pub(crate) max_features: usize,
    pub(crate) max_leaf_nodes: Option<usize>,
    pub(crate) min_impurity_decrease: f64,
    /// One split of each column, drawn, instead of the best.
    pub(crate) random: bool,
    /// Whether columns come in drawn order even where all are looked at, so that of equally good splits, which small
    /// nodes are full of, not always the first column's is taken.
    pub(crate) shuffled: bool,
    /// Whether every node is noted as the leaf it would be in a smaller tree.
    pub(crate) inner: bool,
}

/// A tree, and what each split gained: column and decrease of the impurity times weight.
pub(crate) struct Grown {
    pub(crate) tree: GrownTree,
    pub(crate) gains: Vec<(u32, f64)>,
    /// For each node of the tree its rows and what it would say if it were a leaf; only where that is asked for.
    pub(crate) inner: Vec<(usize, Vec<f64>)>,
}

/// What all trees of a fit share.
pub(crate) struct Grower<'a, C, O> {
    pub(crate) codes: &'a Binned<C>,
    /// The same codes row after row, where few of many columns are looked at in a node.
    pub(crate) lines: Option<Lines<C>>,
    pub(crate) bins: &'a Bins,
    pub(crate) by: &'a O,
    pub(crate) options: &'a Options,
}

/// A leaf that can be split.
struct Open<N> {
    at: usize,
    seed: Seed,
    start: usize,
    end: usize,
    depth: usize,
    total: Vec<N>,
    gain: f64,
    found: Found<N>,
}

/// Rows up to which the lines of a node are brought together, so that they and those of all nodes below fit a near
/// cache. Columns are read in larger nodes, where few of their codes are passed over.
const NEAR: usize = 2048;

/// What one tree needs while it grows.
struct Growth<'a, C, O: Objective> {
    of: &'a Grower<'a, C, O>,
    ctx: &'a FitContext,
    bag: Bag<O::Item>,
    /// All columns; the first ones are those drawn for the node.
    columns: Vec<u32>,
    /// The draws of the node at hand.
    rng: Rng,
    /// What they did to the order of the columns, so that it can be undone before the next node.
    swaps: Vec<(usize, usize)>,
    buffers: Buffers<O::Num>,
    gathered: Gathered,
    /// Where each row lies in the bag; only for sparse codes.
    place: Vec<u32>,
    /// For every column the last node, numbered from 1, in which it was seen to hold something; only for sparse codes.
    present: Vec<u32>,
    /// A seed for each drawn column.
    seeds: Vec<Seed>,
    /// The lines of rows in nodes of at most [`NEAR`] rows. `bag.rows` holds their places here from then on.
    near: Option<Lines<C>>,
    goes_left: Vec<bool>,
    spare: Bag<O::Item>,
    weight: f64,
}

impl<C: Code, O: Objective> Grower<'_, C, O> {
    /// Grows a tree over these rows (rising) and what they bring along. Work inside the tree goes parallel where `ctx`
    /// has threads.
    ///
    /// # Errors
    /// A stop asked for through `ctx`.
    pub(crate) fn grow(
        &self,
        rows: Vec<u32>,
        items: Vec<O::Item>,
        seed: Seed,
        ctx: &FitContext,
    ) -> Result<Grown> {
        let mut total = vec![O::Num::default(); self.by.width()];
        items.iter().for_each(|item| self.by.add(&mut total, *item));
        let sparse = matches!(self.codes.storage(), Storage::Sparse(_));
        let mut growth = Growth {
            of: self,
            ctx,
            columns: (0..self.codes.cols() as u32).collect(),
            rng: seed.rng(),
            swaps: Vec::new(),
            buffers: Buffers::default(),
            gathered: Gathered::default(),
            place: if sparse { vec![NOWHERE; self.codes.rows()] } else { Vec::new() },
            present: if sparse { vec![0; self.codes.cols()] } else { Vec::new() },
            goes_left: Vec::new(),
            seeds: Vec::new(),
            near: self.lines.as_ref().map(|lines| lines.room(rows.len())),
            spare: Bag { rows: vec![0; rows.len()], items: vec![O::Item::default(); rows.len()] },
            weight: self.by.weight(&total),
            bag: Bag { rows, items },
        };
        growth.settle(0, growth.bag.rows.len());
        growth.run(total, seed)
    }
}

impl<C: Code, O: Objective> Growth<'_, C, O> {
    fn run(&mut self, total: Vec<O::Num>, seed: Seed) -> Result<Grown> {
        let of = self.of;
        let mut tree = GrownTree::leaf(of.by.value(&total));
        tree.set_cover(0, self.weight);
        let (mut gains, mut inner) = (Vec::new(), Vec::new());
        if of.options.inner {
            inner.push((self.bag.rows.len(), of.by.value(&total)));
        }
        let mut open = Vec::new();
        open.extend(self.open((0, seed), (0, self.bag.rows.len()), (0, usize::MAX), total));
        while let Some(node) = take(&mut open, of.options.max_leaf_nodes.is_some()) {
            if of.options.max_leaf_nodes.is_some_and(|most| tree.leaves() >= most) {
                break;
            }
            if node.end - node.start > 4096 {
                self.ctx.check()?;
            }
            let middle = self.part(&node);
            let column = node.found.column;
            gains.push((column as u32, node.gain));
            let left = node.found.left.clone();
            let right: Vec<O::Num> = node.total.iter().zip(&left).map(|(t, l)| *t - *l).collect();
            let split = node.found.split(of.bins.column(column));
            let children = tree.split(node.at, split, [of.by.value(&left), of.by.value(&right)]);
            tree.set_cover(children[0], of.by.weight(&left));
            tree.set_cover(children[1], of.by.weight(&right));
            if of.options.inner {
                inner.push((middle - node.start, of.by.value(&left)));
                inner.push((node.end - middle, of.by.value(&right)));
            }
            let depth = (node.depth + 1, node.end - node.start);
            let seeds = [0, 1].map(|side| node.seed.derive("side", side));
            let right = self.open((children[1], seeds[1]), (middle, node.end), depth, right);
            let left = self.open((children[0], seeds[0]), (node.start, middle), depth, left);
            open.extend(right);
            open.extend(left);
        }
        Ok(Grown { tree, gains, inner })
    }

    /// The node, at this depth below a node of so many rows, as one that can be split, if it can. Its draws depend on
    /// the seed and its place in the tree alone, so that a tree that may grow less is the top of the one that may grow
    /// more.
    fn open(
        &mut self,
        (at, seed): (usize, Seed),
        (start, end): (usize, usize),
        (depth, above): (usize, usize),
        total: Vec<O::Num>,
    ) -> Option<Open<O::Num>> {
        let (by, options) = (self.of.by, self.of.options);
        let n = end - start;
        if options.max_depth.is_some_and(|most| depth >= most)
            || n < options.min_samples_split.max(2)
            || n < 2 * options.min_samples_leaf
            || by.is_pure(&total, &self.bag.items[start..end])
        {
            return None;
        }
        while let Some((a, b)) = self.swaps.pop() {
            self.columns.swap(a, b);
        }
        self.rng = seed.rng();
        if n <= NEAR && above > NEAR {
            self.bring_near(start, end);
        }
        let found = self.find(start, end, at as u32 + 1, &total)?;
        let gain = ((found.parted - by.purity(&total)) / by.scale()).max(0.0);
        if gain / self.weight + f64::EPSILON < options.min_impurity_decrease {
            return None;
        }
        Some(Open { at, seed, start, end, depth, total, gain, found })
    }

    /// Moves the rows of a node that go left before those that go right, both in their old order; returns where the
    /// right ones start. Rows that end in leaves need not move.
    fn part(&mut self, node: &Open<O::Num>) -> usize {
        let (start, end) = (node.start, node.end);
        if self.of.options.max_depth.is_some_and(|most| node.depth + 1 >= most) {
            return end;
        }
        let found = &node.found;
        let missing = self.of.bins.column(found.column).missing_code();
        let rows = &self.bag.rows[start..end];
        self.goes_left.clear();
        match self.of.codes.column(found.column) {
            CodeColumn::Dense(codes) => {
                if let Some(near) = self.near.as_ref().filter(|_| rows.len() <= NEAR) {
                    let goes = |row: &u32| found.goes_left(near.of(*row)[found.column].bin(), missing);
                    self.goes_left.extend(rows.iter().map(goes));
                } else {
                    let goes = |row: &u32| found.goes_left(codes[*row as usize].bin(), missing);
                    self.goes_left.extend(rows.iter().map(goes));
                }
            }
            CodeColumn::Sparse { rows: stored, codes, zero } => {
                self.goes_left.resize(rows.len(), found.goes_left(zero.bin(), missing));
                if rows.len() * 16 < stored.len() {
                    for (at, row) in rows.iter().enumerate() {
                        if let Ok(k) = stored.binary_search(row) {
                            self.goes_left[at] = found.goes_left(codes[k].bin(), missing);
                        }
                    }
                } else {
                    for (row, code) in stored.iter().zip(codes) {
                        let at = self.place[*row as usize] as usize;
                        if at >= start && at < end {
                            self.goes_left[at - start] = found.goes_left(code.bin(), missing);
                        }
                    }
                }
            }
        }
        let (rows, items) = (&mut self.bag.rows[start..end], &mut self.bag.items[start..end]);
        let (mut to, mut other) = (0, 0);
        for (at, left) in self.goes_left.iter().enumerate() {
            let (row, item) = (rows[at], items[at]);
            (rows[to], items[to]) = (row, item);
            (self.spare.rows[other], self.spare.items[other]) = (row, item);
            to += usize::from(*left);
            other += usize::from(!*left);
        }
        rows[to..].copy_from_slice(&self.spare.rows[..other]);
        items[to..].copy_from_slice(&self.spare.items[..other]);
        self.settle(start, end);
        start + to
    }

    /// Copies the lines of a node to its places in the bag.
    fn bring_near(&mut self, start: usize, end: usize) {
        if let (Some(near), Some(lines)) = (&mut self.near, &self.of.lines) {
            for (row, at) in self.bag.rows[start..end].iter_mut().zip(start..) {
                near.bring(at, lines, *row);
                *row = at as u32;
            }
        }
    }

    /// Notes where rows lie now.
    fn settle(&mut self, start: usize, end: usize) {
        if !self.place.is_empty() {
            for (at, row) in self.bag.rows[start..end].iter().enumerate() {
                self.place[*row as usize] = (start + at) as u32;
            }
        }
    }
}

/// The next node: the one that gains most, or the one opened last.
fn take<N>(open: &mut Vec<Open<N>>, best_first: bool) -> Option<Open<N>> {
    if !best_first {
        return open.pop();
    }
    let best = (0..open.len()).reduce(|a, b| {
        let (x, y) = (&open[a], &open[b]);
        if y.gain > x.gain || (y.gain == x.gain && y.at < x.at) { b } else { a }
    })?;
    Some(open.swap_remove(best))
}

#[cfg(test)]
mod tests;
