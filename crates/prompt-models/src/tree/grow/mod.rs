//! Growing one tree over codes.
//!
//! ```text
//! node = a range of the tree's rows     draw columns → group rows by code → best split → part the range in place
//! ```
//!
//! Dense columns are gathered by row, of small nodes from copies that lie near; of sparse columns only what is stored in
//! the node is looked at, by rows or by columns, whichever is less. A split that is drawn needs no groups: the rows are
//! compared with the drawn number. The next node is the one opened last, or, with a limit on leaves, the one whose split
//! gains most.

mod block;
mod draw;
mod find;
mod gather;
mod objective;
mod rows;
mod split;
mod stored;

pub(crate) use draw::Numbers;
pub(crate) use gather::Lines;
pub(crate) use objective::{ClassWeights, Counts, Criterion, Objective, PackedCounts, SquaredError};

use prompt_core::{FitContext, Result, Rng, Seed};

use super::bins::{Binned, Bins, Code, CodeColumn, Storage};
use super::nodes::GrownTree;
use draw::Drawing;
use gather::{Bag, Buffers};
use rows::Draws;
use split::Found;
use stored::{NOWHERE, Parts};

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
    /// The table itself, for splits that are drawn; without it they are drawn among the borders of the bins.
    pub(crate) raw: Option<Numbers<'a>>,
    pub(crate) by: &'a O,
    pub(crate) options: &'a Options,
}

/// A leaf that nobody has looked at yet.
struct Leaf<N> {
    at: usize,
    seed: Seed,
    start: usize,
    end: usize,
    depth: usize,
    /// Rows of the node above.
    above: usize,
    /// The parts of a sparse table that hold its rows.
    parts: usize,
    total: Vec<N>,
}

/// A leaf that can be split.
struct Open<N> {
    leaf: Leaf<N>,
    gain: f64,
    found: Found<N>,
}

/// Rows up to which the lines of a node are brought together, so that they and those of all nodes below fit the second
/// cache, and then the first. Columns are read in larger nodes, where few of their codes are passed over.
const NEAR: [usize; 2] = [16_384, 1024];

/// The same where splits are drawn: their lines are twice as long, and are read once for each node.
const NEAR_DRAWN: [usize; 2] = [4096, 0];

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
    /// A seed for each column that is drawn for a node of a sparse table.
    seeds: Vec<Seed>,
    buffers: Buffers<O::Num>,
    /// Sums of the left and the right side of splits that are drawn.
    sides: Vec<O::Num>,
    /// Only for sparse codes.
    parts: Parts,
    /// Where each row lies in the bag; only for sparse codes.
    place: Vec<u32>,
    /// For every column the last node, numbered from 1, in which it was seen to hold something; only for sparse codes.
    present: Vec<u32>,
    /// The lines of the node at hand, or of one above it, of at most so many rows as [`NEAR`] or [`NEAR_DRAWN`] says.
    /// `bag.rows` holds their places here from then on.
    near: [Lines<C>; NEAR.len()],
    goes_left: Vec<bool>,
    /// Which codes of the column that is split go left.
    left_codes: Vec<bool>,
    drawing: Drawing<C>,
    draws: Draws,
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
            seeds: Vec::new(),
            buffers: Buffers::default(),
            sides: Vec::new(),
            parts: Parts::default(),
            place: if sparse { vec![NOWHERE; self.codes.rows()] } else { Vec::new() },
            present: if sparse { vec![0; self.codes.cols()] } else { Vec::new() },
            goes_left: Vec::new(),
            left_codes: Vec::new(),
            drawing: Drawing::default(),
            draws: Draws::default(),
            near: [(); NEAR.len()].map(|()| Lines::default()),
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
        let (mut gains, mut inner, mut cuts) = (Vec::new(), Vec::new(), Vec::new());
        if of.options.inner {
            inner.push((self.bag.rows.len(), of.by.value(&total)));
        }
        let best_first = of.options.max_leaf_nodes.is_some();
        let mut open = Vec::new();
        let (start, end) = (0, self.bag.rows.len());
        let mut leaves = vec![Leaf { at: 0, seed, start, end, depth: 0, above: usize::MAX, parts: 0, total }];
        loop {
            // Without a choice among them leaves are looked at when their turn comes, so that all below one is done,
            // and its lines are needed no more, before the next one is looked at.
            while let Some(leaf) = leaves.pop_if(|_| best_first || open.is_empty()) {
                open.extend(self.open(leaf));
            }
            let Some(Open { leaf, gain, found }) = take(&mut open, best_first) else { break };
            if of.options.max_leaf_nodes.is_some_and(|most| tree.leaves() >= most) {
                break;
            }
            let rows = leaf.end - leaf.start;
            if rows > 4096 {
                self.ctx.check()?;
            }
            let middle = self.part(&leaf, &found);
            gains.push((found.column as u32, gain));
            let split = found.split(of.bins.column(found.column));
            cuts.extend(found.cut().map(|cut| (leaf.at, cut)));
            let left = found.left;
            let right: Vec<O::Num> = leaf.total.iter().zip(&left).map(|(t, l)| *t - *l).collect();
            let children = tree.split(leaf.at, split, [of.by.value(&left), of.by.value(&right)]);
            tree.set_cover(children[0], of.by.weight(&left));
            tree.set_cover(children[1], of.by.weight(&right));
            if of.options.inner {
                inner.push((middle - leaf.start, of.by.value(&left)));
                inner.push((leaf.end - middle, of.by.value(&right)));
            }
            let (depth, [first, second]) =
                (leaf.depth + 1, [0, 1].map(|side| leaf.seed.derive("side", side)));
            let below = |side: usize, (start, end), seed, total| Leaf {
                at: children[side],
                seed,
                start,
                end,
                depth,
                above: rows,
                parts: leaf.parts,
                total,
            };
            leaves.push(below(1, (middle, leaf.end), second, right));
            leaves.push(below(0, (leaf.start, middle), first, left));
        }
        // Each number comes from another place of the memory: they are waited for together.
        cuts.iter().for_each(|(at, cut)| tree.set_threshold(*at, cut.threshold(of.bins)));
        Ok(Grown { tree, gains, inner })
    }

    /// A leaf as one that can be split, if it can. Its draws depend on the seed and its place in the tree alone, so that
    /// a tree that may grow less is the top of the one that may grow more.
    fn open(&mut self, mut leaf: Leaf<O::Num>) -> Option<Open<O::Num>> {
        let (by, options) = (self.of.by, self.of.options);
        let (start, end, total) = (leaf.start, leaf.end, &leaf.total);
        let n = end - start;
        if options.max_depth.is_some_and(|most| leaf.depth >= most)
            || n < options.min_samples_split.max(2)
            || n < 2 * options.min_samples_leaf
            || by.is_pure(total, &self.bag.items[start..end])
        {
            return None;
        }
        while let Some((a, b)) = self.swaps.pop() {
            self.columns.swap(a, b);
        }
        self.rng = leaf.seed.rng();
        self.bring_near(start, end, leaf.above);
        if let (Storage::Sparse(codes), None) = (self.of.codes.storage(), options.max_leaf_nodes) {
            let rows = (&self.bag.rows[start..end], leaf.above);
            leaf.parts = self.parts.enter(codes, rows, leaf.parts);
        }
        let found = self.find(start, end, leaf.at as u32 + 1, total)?;
        let gain = ((found.parted - by.purity(total)) / by.scale()).max(0.0);
        if gain / self.weight + f64::EPSILON < options.min_impurity_decrease {
            return None;
        }
        Some(Open { leaf, gain, found })
    }

    /// Moves the rows of a node that go left before those that go right, both in their old order; returns where the
    /// right ones start. Rows that end in leaves need not move.
    fn part(&mut self, leaf: &Leaf<O::Num>, found: &Found<O::Num>) -> usize {
        let (start, end) = (leaf.start, leaf.end);
        if self.of.options.max_depth.is_some_and(|most| leaf.depth + 1 >= most) {
            return end;
        }
        let dense = matches!(self.of.codes.storage(), Storage::Dense(_));
        let drawn = self.of.raw.as_ref().filter(|_| dense);
        match drawn {
            Some(numbers) => self.part_drawn(numbers, (start, end), found),
            None => {
                found.left_codes(self.of.bins.column(found.column).missing_code(), &mut self.left_codes);
            }
        }
        let left = self.left_codes.as_slice();
        let near = self.level(end - start).map(|level| &self.near[level]);
        let rows = (&mut self.bag.rows[start..end], &mut self.bag.items[start..end]);
        let (column, goes_left) = (found.column, &mut self.goes_left);
        let to = match (self.of.codes.column(column), near) {
            (CodeColumn::Dense(_), _) if drawn.is_some() => {
                divide(rows, &mut self.spare, |at, _| goes_left[at])
            }
            (CodeColumn::Dense(_), Some(near)) => {
                divide(rows, &mut self.spare, |_, row| left[near.code(row, column).bin()])
            }
            (CodeColumn::Dense(codes), None) => {
                divide(rows, &mut self.spare, |_, row| left[codes[row as usize].bin()])
            }
            (CodeColumn::Sparse { rows: stored, codes, zero }, _) => {
                goes_left.clear();
                goes_left.resize(rows.0.len(), left[zero.bin()]);
                let mut goes = |row: u32, code: usize| {
                    let at = (self.place[row as usize] as usize).wrapping_sub(start);
                    if let Some(goes_left) = goes_left.get_mut(at) {
                        *goes_left = left[code];
                    }
                };
                if let (Some(block), Storage::Sparse(codes)) = (self.parts.block(), self.of.codes.storage()) {
                    block.each(codes, column, |place, code| goes_left[place] = left[code]);
                } else if self.parts.each(column, &mut goes) {
                    // All that is stored in the node is in the part.
                } else if rows.0.len() * 16 < stored.len() {
                    for row in rows.0.iter() {
                        if let Ok(k) = stored.binary_search(row) {
                            goes(*row, codes[k].bin());
                        }
                    }
                } else {
                    stored.iter().zip(codes).for_each(|(row, code)| goes(*row, code.bin()));
                }
                divide(rows, &mut self.spare, |at, _| goes_left[at])
            }
        };
        if self.parts.block().is_none() {
            self.settle(start, end);
        }
        start + to
    }

    /// Copies the lines of a node below one of so many rows to where they are nearer, if it is the first node small
    /// enough for that.
    fn bring_near(&mut self, start: usize, end: usize, above: usize) {
        let Some(lines) = &self.of.lines else { return };
        let (from, to) = (self.level(above), self.level(end - start));
        if let Some(to) = to.filter(|_| to > from) {
            // All nodes below this one are done before the next one comes, unless the best come first.
            let first = if self.of.options.max_leaf_nodes.is_some() { start } else { 0 };
            let (above, near) = self.near.split_at_mut(to);
            let from = from.map_or(lines, |from| &above[from]);
            near[0].bring(first, from, &mut self.bag.rows[start..end]);
        }
    }

    /// Where in `near` the lines of a node of so many rows lie; `None` where columns are read instead.
    fn level(&self, rows: usize) -> Option<usize> {
        self.of.lines.as_ref()?;
        let levels = if self.of.options.random { NEAR_DRAWN } else { NEAR };
        levels.iter().rposition(|most| rows <= *most)
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

/// Moves the rows, with what they bring along, that `left` holds for before the others, both in their old order;
/// returns how many those are. `left` is told where a row lies, and which it is.
#[inline]
fn divide<I: Copy>(
    (rows, items): (&mut [u32], &mut [I]),
    spare: &mut Bag<I>,
    mut left: impl FnMut(usize, u32) -> bool,
) -> usize {
    let n = rows.len().min(items.len());
    let (spare_rows, spare_items) = (&mut spare.rows[..n], &mut spare.items[..n]);
    let (mut to, mut other) = (0, 0);
    for at in 0..n {
        // Both are written and one counts: a branch that is guessed wrong half of the time costs more.
        let (row, item) = (rows[at], items[at]);
        let goes = left(at, row);
        (rows[to], items[to]) = (row, item);
        (spare_rows[other], spare_items[other]) = (row, item);
        to += usize::from(goes);
        other += usize::from(!goes);
    }
    rows[to..].copy_from_slice(&spare_rows[..other]);
    items[to..].copy_from_slice(&spare_items[..other]);
    to
}

/// The next node: the one that gains most, or the one opened last.
fn take<N>(open: &mut Vec<Open<N>>, best_first: bool) -> Option<Open<N>> {
    if !best_first {
        return open.pop();
    }
    let best = (0..open.len()).reduce(|a, b| {
        let (x, y) = (&open[a], &open[b]);
        if y.gain > x.gain || (y.gain == x.gain && y.leaf.at < x.leaf.at) { b } else { a }
    })?;
    Some(open.swap_remove(best))
}

#[cfg(test)]
mod tests;
