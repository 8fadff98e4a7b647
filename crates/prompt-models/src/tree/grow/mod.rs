//! Growing one tree over codes.
//!
//! ```text
//! node = a range of the tree's rows     draw columns → group rows by code → best split → part the range in place
//! ```
//!
//! Dense columns are gathered by row; of sparse columns only what is stored in the node is looked at, by rows or by
//! columns, whichever is less. The next node is the one opened last, or, with a limit on leaves, the one whose split
//! gains most.

mod gather;
mod objective;
mod split;

pub(crate) use objective::{ClassWeights, Counts, Criterion, Objective, SquaredError};

use prompt_core::{FitContext, Result, Rng, Seed};

use super::bins::{Binned, Bins, Code, CodeColumn, Storage};
use super::nodes::GrownTree;
use gather::{Bag, Buffers, Gathered, NOWHERE};
use split::{Found, Judge};

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

/// Rows × columns from which one node is worth several threads.
const PARALLEL: usize = 1 << 18;

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
            spare: Bag { rows: Vec::with_capacity(rows.len()), items: Vec::with_capacity(rows.len()) },
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
        open.extend(self.open((0, seed), (0, self.bag.rows.len()), 0, total));
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
            let depth = node.depth + 1;
            let seeds = [0, 1].map(|side| node.seed.derive("side", side));
            let right = self.open((children[1], seeds[1]), (middle, node.end), depth, right);
            let left = self.open((children[0], seeds[0]), (node.start, middle), depth, left);
            open.extend(right);
            open.extend(left);
        }
        Ok(Grown { tree, gains, inner })
    }

    /// The node as one that can be split, if it can. Its draws depend on the seed and its place in the tree alone, so
    /// that a tree that may grow less is the top of the one that may grow more.
    fn open(
        &mut self,
        (at, seed): (usize, Seed),
        (start, end): (usize, usize),
        depth: usize,
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
        let found = self.find(start, end, at as u32 + 1, &total)?;
        let gain = ((found.parted - by.purity(&total)) / by.scale()).max(0.0);
        if gain / self.weight + f64::EPSILON < options.min_impurity_decrease {
            return None;
        }
        Some(Open { at, seed, start, end, depth, total, gain, found })
    }

    fn find(&mut self, start: usize, end: usize, node: u32, total: &[O::Num]) -> Option<Found<O::Num>> {
        let codes = self.of.codes;
        match codes.storage() {
            Storage::Dense(_) => self.find_dense(start, end, total),
            Storage::Sparse(_) => self.find_sparse(start, end, node, total),
        }
    }

    /// Draws the column at `at` of the drawn ones; all columns come in their own order unless they are shuffled.
    fn draw(&mut self, at: usize) -> usize {
        if self.of.options.shuffled || self.of.options.max_features < self.columns.len() {
            let left = (self.columns.len() - at) as u64;
            let other = at + (((self.rng.next_u64() >> 32) * left) >> 32) as usize;
            self.columns.swap(at, other);
            self.swaps.push((at, other));
        }
        self.columns[at] as usize
    }

    /// A seed for one column of a node, where splits are drawn.
    fn column_seed(&mut self) -> Seed {
        if self.of.options.random { Seed::new(self.rng.next_u64()) } else { Seed::new(0) }
    }

    fn find_dense(&mut self, start: usize, end: usize, total: &[O::Num]) -> Option<Found<O::Num>> {
        let (of, codes, bins) = (self.of, self.of.codes, self.of.bins);
        let judge = judge(of, total);
        let all = of.options.max_features >= self.columns.len();
        if all && (end - start) * self.columns.len() >= PARALLEL {
            let seeds: Vec<Seed> = (0..self.columns.len()).map(|_| self.column_seed()).collect();
            let bag = &self.bag;
            let found = self.ctx.map(seeds.len(), |j| {
                let mut buffers = Buffers::default();
                let column = codes.dense_column(j)?;
                let width = bins.column(j).missing_code() + 1;
                buffers.dense(of.by, column, width, (&bag.rows[start..end], &bag.items[start..end]));
                if buffers.groups.codes.len() < 2 {
                    return None;
                }
                judge.better(None, j, bins.column(j), &buffers.groups, seeds[j])
            });
            return found.into_iter().flatten().reduce(first_best);
        }
        let (mut best, mut seen) = (None, false);
        for drawn in 0..self.columns.len() {
            if drawn >= of.options.max_features && seen {
                break;
            }
            let j = self.draw(drawn);
            let seed = self.column_seed();
            let Some(column) = codes.dense_column(j) else { continue };
            let width = bins.column(j).missing_code() + 1;
            let node = (&self.bag.rows[start..end], &self.bag.items[start..end]);
            self.buffers.dense(of.by, column, width, node);
            if self.buffers.groups.codes.len() > 1 {
                seen = true;
                best = judge.better(best, j, bins.column(j), &self.buffers.groups, seed);
            }
        }
        best
    }

    fn find_sparse(
        &mut self,
        start: usize,
        end: usize,
        node: u32,
        total: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let Storage::Sparse(codes) = self.of.codes.storage() else { return None };
        let judge = judge(self.of, total);
        let first = self.of.options.max_features.min(self.columns.len());
        // The draws of columns and of splits come in the order in which the dense way makes them.
        let seeds: Vec<Seed> = (0..first)
            .map(|at| {
                self.draw(at);
                self.column_seed()
            })
            .collect();
        self.gathered.gather(codes, &self.columns[..first], (start, &self.bag.rows[start..end]), &self.place);
        let (mut best, mut seen) = (None, false);
        for (slot, seed) in seeds.into_iter().enumerate() {
            let column = (slot, self.columns[slot] as usize, seed);
            best = self.judged(&judge, best, column, (start, end), &mut seen);
        }
        if seen || first == self.columns.len() {
            return best;
        }
        for i in &self.bag.rows[start..end] {
            codes.row(*i as usize).0.iter().for_each(|j| self.present[*j as usize] = node);
        }
        for at in first..self.columns.len() {
            let j = self.draw(at);
            let seed = self.column_seed();
            if self.present[j] == node {
                self.gathered.gather(codes, &[j as u32], (start, &self.bag.rows[start..end]), &self.place);
                best = self.judged(&judge, best, (0, j, seed), (start, end), &mut seen);
                if seen {
                    break;
                }
            }
        }
        best
    }

    /// The better of `best` and the best split of a gathered column.
    fn judged(
        &mut self,
        judge: &Judge<'_, O>,
        best: Option<Found<O::Num>>,
        (slot, j, seed): (usize, usize, Seed),
        (start, end): (usize, usize),
        seen: &mut bool,
    ) -> Option<Found<O::Num>> {
        let stored = self.gathered.of(slot);
        if stored.is_empty() {
            return best;
        }
        let bins = self.of.bins.column(j);
        let codes = (stored, bins.code(0.0), bins.missing_code() + 1);
        self.buffers.sparse(self.of.by, codes, &self.bag.items[start..end], judge.total);
        if self.buffers.groups.codes.len() < 2 {
            return best;
        }
        *seen = true;
        judge.better(best, j, bins, &self.buffers.groups, seed)
    }

    /// Moves the rows of a node that go left before those that go right, both in their old order; returns where the
    /// right ones start.
    fn part(&mut self, node: &Open<O::Num>) -> usize {
        let (start, end) = (node.start, node.end);
        let found = &node.found;
        let missing = self.of.bins.column(found.column).missing_code();
        let rows = &self.bag.rows[start..end];
        self.goes_left.clear();
        match self.of.codes.column(found.column) {
            CodeColumn::Dense(codes) => {
                let goes = |row: &u32| found.goes_left(codes[*row as usize].bin(), missing);
                self.goes_left.extend(rows.iter().map(goes));
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
        self.spare.rows.clear();
        self.spare.items.clear();
        let mut to = start;
        for (at, left) in self.goes_left.iter().enumerate() {
            let (row, item) = (self.bag.rows[start + at], self.bag.items[start + at]);
            if *left {
                self.bag.rows[to] = row;
                self.bag.items[to] = item;
                to += 1;
            } else {
                self.spare.rows.push(row);
                self.spare.items.push(item);
            }
        }
        self.bag.rows[to..end].copy_from_slice(&self.spare.rows);
        self.bag.items[to..end].copy_from_slice(&self.spare.items);
        self.settle(start, end);
        to
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

fn judge<'a, C, O: Objective>(of: &Grower<'a, C, O>, total: &'a [O::Num]) -> Judge<'a, O> {
    let options = of.options;
    Judge { by: of.by, total, min_leaf: options.min_samples_leaf.max(1), random: options.random }
}

/// The better one; of two that are equal the first.
fn first_best<N>(a: Found<N>, b: Found<N>) -> Found<N> {
    if b.parted > a.parted + split::MARGIN * a.parted.abs() { b } else { a }
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
