//! One tree, grown leaf by leaf from histograms.
//!
//! Of two children the one with fewer rows is counted and the other is what remains of the parent. The rows of a leaf
//! lie together in one list, in rising order, so every sum is taken in the same order for any number of threads.

use super::blocks::{BLOCK, Blocks};
use super::category::holds;
use super::columns::{Column, Columns, Group};
use super::histogram::{Bin, NodeRows, subtract};
use super::loss::Pair;
use super::split::{Node, Rules, Split, Test, better};

/// When a tree is full, and which leaf is split next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) max_leaves: usize,
    pub(super) max_depth: usize,
    /// Whether the leaf that gains most is next, or one of the lowest depth.
    pub(super) leaf_wise: bool,
}

/// A grown tree over bins.
pub(super) struct Tree {
    pub(super) nodes: Vec<Inner>,
    pub(super) leaves: Vec<Leaf>,
}

/// A split of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Inner {
    pub(super) column: usize,
    pub(super) test: Test,
    pub(super) missing_left: bool,
    /// Left and right.
    pub(super) children: [Child; 2],
}

/// Where a split leads: a position in the nodes or in the leaves of a [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Child {
    Node(usize),
    Leaf(usize),
}

/// A leaf of a [`Tree`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    pub(super) value: f64,
    /// Its rows, as a range of [`Grower::rows`].
    pub(super) rows: std::ops::Range<usize>,
    /// What bounds its value.
    pub(super) bounds: (f64, f64),
}

type Histogram = Vec<Vec<Bin>>;

/// A leaf that may still be split.
struct Open {
    leaf: usize,
    node: Node,
    depth: usize,
    best: Split,
    histogram: Option<Histogram>,
    /// The split that it hangs on, and on which side.
    parent: Option<(usize, usize)>,
}

/// Histograms that are kept for later splits may take this much; beyond it both children are counted anew.
const MOST_BINS: usize = (256 << 20) / size_of::<Bin>();

/// Sums that make going parallel worth its while.
const HEAVY: usize = 1 << 15;

/// Grows trees over the same columns, one after the other.
pub(super) struct Grower<'a> {
    columns: &'a Columns,
    rules: Rules,
    shape: Shape,
    blocks: Blocks<'a>,
    /// The rows of the tree's leaves, leaf after leaf.
    pub(super) rows: Vec<u32>,
    spare: Vec<u32>,
    pairs: Vec<Pair>,
    pool: Vec<Histogram>,
    kept: usize,
}

impl<'a> Grower<'a> {
    pub(super) fn new(columns: &'a Columns, rules: Rules, shape: Shape, blocks: Blocks<'a>) -> Self {
        let (rows, spare, pairs, pool) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { columns, rules, shape, blocks, rows, spare, pairs, pool, kept: 0 }
    }

    /// A tree for these gradients (one for every row of the matrix), of the rows of `bag` where one is given and of
    /// the columns for which `allowed` holds.
    pub(super) fn grow(&mut self, pairs: &[Pair], bag: Option<&[u32]>, allowed: Option<&[bool]>) -> Tree {
        self.rows.clear();
        match bag {
            Some(bag) => self.rows.extend_from_slice(bag),
            None => self.rows.extend(0..self.columns.rows() as u32),
        }
        self.spare.resize(self.rows.len(), 0);
        let all = 0..self.rows.len();
        self.gather(all.clone(), pairs, bag.is_none());
        let bounds = (f64::NEG_INFINITY, f64::INFINITY);
        let total = self.total(if bag.is_none() { pairs } else { &self.pairs });
        let root = Node { total, rows: all.len(), bounds };
        let value = self.rules.value(total, self.rules.l2, bounds);
        let mut tree = Tree { nodes: Vec::new(), leaves: vec![Leaf { value, rows: all.clone(), bounds }] };
        let mut open = Vec::new();
        if self.may_split(&root, 0, 1) {
            let mut histogram = self.fresh();
            let rows = match bag {
                None => NodeRows::All(pairs),
                Some(bag) => NodeRows::Some(bag, &self.pairs),
            };
            let found = each_group(
                (self.blocks, rows.len() * self.columns.useful()),
                self.columns.groups.iter().zip(&mut histogram),
                |(group, bins)| {
                    count(group, rows, total, bins);
                    self.best(group, bins, &root, allowed)
                },
            );
            let best = found.into_iter().fold(None, better);
            self.push(&mut open, Candidate { leaf: 0, node: root, depth: 0, best, parent: None }, histogram);
        }
        while tree.leaves.len() < self.shape.max_leaves
            && let Some(next) = self.next(&open)
        {
            let leaf = open.swap_remove(next);
            self.split(&mut tree, &mut open, leaf, pairs, allowed);
        }
        for rest in open {
            self.recycle(rest.histogram);
        }
        tree
    }

    fn total(&self, pairs: &[Pair]) -> Bin {
        let parts = self.blocks.map(pairs.len(), |range| {
            pairs[range].iter().fold([0.0; 2], |s: Bin, p| [s[0] + f64::from(p[0]), s[1] + f64::from(p[1])])
        });
        parts.iter().fold([0.0; 2], |s, p| [s[0] + p[0], s[1] + p[1]])
    }

    /// Whether a node of this many rows at this depth may have children in a tree of `leaves` leaves.
    fn may_split(&self, node: &Node, depth: usize, leaves: usize) -> bool {
        leaves < self.shape.max_leaves
            && depth < self.shape.max_depth
            && node.rows as f64 >= 2.0 * self.rules.min_samples_leaf
            && node.rows >= 2
    }

    /// The open leaf to be split next.
    fn next(&self, open: &[Open]) -> Option<usize> {
        let before = |a: &Open, b: &Open| {
            let depth = if self.shape.leaf_wise { std::cmp::Ordering::Equal } else { a.depth.cmp(&b.depth) };
            depth.then(b.best.gain.total_cmp(&a.best.gain)).then(a.leaf.cmp(&b.leaf))
        };
        (0..open.len()).min_by(|&a, &b| before(&open[a], &open[b]))
    }

    fn split(
        &mut self,
        tree: &mut Tree,
        open: &mut Vec<Open>,
        leaf: Open,
        pairs: &[Pair],
        allowed: Option<&[bool]>,
    ) {
        let Open { leaf: at, node, depth, best: split, histogram, parent } = leaf;
        let range = tree.leaves[at].rows.clone();
        let Some((group, column)) = self.columns.find(split.column) else { return };
        let left = self.divide(range.clone(), group, column, &split);
        let right = range.len() - left;
        if left == 0 || right == 0 {
            self.recycle(histogram);
            return;
        }
        let ranges = [range.start..range.start + left, range.start + left..range.end];
        let bounds = bounds(&node, column, split.values);
        let nodes = [
            Node { total: split.left, rows: left, bounds: bounds[0] },
            Node { total: split.right, rows: right, bounds: bounds[1] },
        ];
        let id = tree.nodes.len();
        let other = tree.leaves.len();
        tree.nodes.push(Inner {
            column: split.column,
            test: split.test,
            missing_left: split.missing_left.unwrap_or(left >= right),
            children: [Child::Leaf(at), Child::Leaf(other)],
        });
        if let Some((parent, side)) = parent {
            tree.nodes[parent].children[side] = Child::Node(id);
        }
        tree.leaves[at] = Leaf { value: split.values.0, rows: ranges[0].clone(), bounds: bounds[0] };
        tree.leaves.push(Leaf { value: split.values.1, rows: ranges[1].clone(), bounds: bounds[1] });
        let may = [0, 1].map(|side| self.may_split(&nodes[side], depth + 1, tree.leaves.len()));
        // A tree that is full, or a leaf below which nothing may come, needs no more histograms.
        if !may[0] && !may[1] {
            self.recycle(histogram);
            return;
        }
        let (found, histograms) = self.children(&nodes, &ranges, histogram, pairs, allowed);
        for (side, (best, histogram)) in found.into_iter().zip(histograms).enumerate() {
            let best = best.filter(|_| may[side]);
            let leaf = [at, other][side];
            let candidate =
                Candidate { leaf, node: nodes[side], depth: depth + 1, best, parent: Some((id, side)) };
            self.push(open, candidate, histogram);
        }
    }

    /// The best splits of two siblings, and their histograms.
    fn children(
        &mut self,
        nodes: &[Node; 2],
        ranges: &[std::ops::Range<usize>; 2],
        parent: Option<Histogram>,
        pairs: &[Pair],
        allowed: Option<&[bool]>,
    ) -> ([Option<Split>; 2], [Histogram; 2]) {
        let small = usize::from(nodes[1].rows < nodes[0].rows);
        let mut few = self.fresh();
        let (from_parent, mut many) = match parent {
            Some(histogram) => {
                self.kept -= 1;
                (true, histogram)
            }
            None => {
                self.gather(ranges[1 - small].clone(), pairs, false);
                let mut many = self.fresh();
                let rows = NodeRows::Some(&self.rows[ranges[1 - small].clone()], &self.pairs);
                each_group(
                    (self.blocks, rows.len() * self.columns.useful()),
                    self.columns.groups.iter().zip(&mut many),
                    |(group, bins)| count(group, rows, nodes[1 - small].total, bins),
                );
                (false, many)
            }
        };
        self.gather(ranges[small].clone(), pairs, false);
        let rows = NodeRows::Some(&self.rows[ranges[small].clone()], &self.pairs);
        let work = rows.len() * self.columns.useful() + 2 * self.columns.width();
        let items = self.columns.groups.iter().zip(&mut few).zip(&mut many);
        let found = each_group((self.blocks, work), items, |((group, few), many)| {
            count(group, rows, nodes[small].total, few);
            if from_parent {
                subtract(many, few);
            }
            let small_best = self.best(group, few, &nodes[small], allowed);
            (small_best, self.best(group, many, &nodes[1 - small], allowed))
        });
        let (a, b) = found.into_iter().fold((None, None), |(a, b), (c, d)| (better(a, c), better(b, d)));
        if small == 0 { ([a, b], [few, many]) } else { ([b, a], [many, few]) }
    }

    fn best(&self, group: &Group, bins: &[Bin], node: &Node, allowed: Option<&[bool]>) -> Option<Split> {
        group
            .columns
            .iter()
            .filter(|c| allowed.is_none_or(|allowed| allowed[c.index]))
            .map(|c| self.rules.best(node, *c, &bins[c.offset..c.offset + c.bins + usize::from(c.missing)]))
            .fold(None, better)
    }

    /// Parts the rows of a leaf in place, keeping their order; returns how many go left.
    fn divide(
        &mut self,
        range: std::ops::Range<usize>,
        group: &Group,
        column: Column,
        split: &Split,
    ) -> usize {
        let mut goes_left = [false; 256];
        for (code, goes_left) in goes_left.iter_mut().enumerate() {
            *goes_left = match split.test {
                Test::UpTo(bin) => {
                    if code < column.bins {
                        code <= bin
                    } else {
                        split.missing_left == Some(true)
                    }
                }
                Test::Among(set) => holds(&set, code),
            };
        }
        let reader = group.reader(column);
        let (rows, spare) = (&mut self.rows[range.clone()], &mut self.spare[range]);
        let part = |rows: &[u32], out: &mut [u32]| {
            let mut rest = [0u32; BLOCK];
            reader.part(rows, out, &mut rest, &goes_left)
        };
        let lefts: Vec<usize> = if self.blocks.parallel() && rows.len() > 2 * BLOCK {
            use rayon::prelude::*;
            rows.par_chunks(BLOCK).zip(spare.par_chunks_mut(BLOCK)).map(|(r, s)| part(r, s)).collect()
        } else {
            rows.chunks(BLOCK).zip(spare.chunks_mut(BLOCK)).map(|(r, s)| part(r, s)).collect()
        };
        let total: usize = lefts.iter().sum();
        let (mut front, mut back) = rows.split_at_mut(total);
        for (block, left) in spare.chunks(BLOCK).zip(&lefts) {
            let (l, r) = block.split_at(*left);
            let (here, rest) = front.split_at_mut(l.len());
            here.copy_from_slice(l);
            front = rest;
            let (here, rest) = back.split_at_mut(r.len());
            here.copy_from_slice(r);
            back = rest;
        }
        total
    }

    /// Puts the pairs of a leaf's rows beside each other.
    fn gather(&mut self, range: std::ops::Range<usize>, pairs: &[Pair], whole: bool) {
        if whole {
            return;
        }
        let rows = &self.rows[range];
        self.pairs.resize(rows.len(), [0.0; 2]);
        self.blocks.fill(&mut self.pairs, |first, out| {
            for (out, row) in out.iter_mut().zip(&rows[first..]) {
                *out = pairs[*row as usize];
            }
        });
    }

    /// A histogram to be filled.
    fn fresh(&mut self) -> Histogram {
        self.pool
            .pop()
            .unwrap_or_else(|| self.columns.groups.iter().map(|g| vec![[0.0; 2]; g.width]).collect())
    }

    fn recycle(&mut self, histogram: Option<Histogram>) {
        if let Some(histogram) = histogram {
            self.kept -= 1;
            self.pool.push(histogram);
        }
    }

    /// Opens a leaf that can be split, and keeps its histogram while there is room.
    fn push(&mut self, open: &mut Vec<Open>, candidate: Candidate, histogram: Histogram) {
        let Candidate { leaf, node, depth, best, parent } = candidate;
        let Some(best) = best else {
            self.pool.push(histogram);
            return;
        };
        let room = (self.kept + 1) * self.columns.width() <= MOST_BINS.max(4 * self.columns.width());
        let histogram = if room {
            self.kept += 1;
            Some(histogram)
        } else {
            self.pool.push(histogram);
            None
        };
        open.push(Open { leaf, node, depth, best, histogram, parent });
    }
}

/// A leaf as it is offered to be opened.
#[derive(Clone, Copy)]
struct Candidate {
    leaf: usize,
    node: Node,
    depth: usize,
    best: Option<Split>,
    parent: Option<(usize, usize)>,
}

/// What the children's values may be, when the split is on a monotone column.
fn bounds(node: &Node, column: Column, (left, right): (f64, f64)) -> [(f64, f64); 2] {
    let (low, high) = node.bounds;
    let middle = 0.5 * (left + right);
    match column.monotone {
        0 => [node.bounds; 2],
        up if up > 0 => [(low, middle), (middle, high)],
        _ => [(middle, high), (low, middle)],
    }
}

fn count(group: &Group, rows: NodeRows<'_>, total: Bin, bins: &mut [Bin]) {
    bins.fill([0.0; 2]);
    group.add(rows, bins);
    group.add_zeros(total, bins);
}

/// `f` of every item, in order; on several threads when the work is worth it.
fn each_group<T: Send, R: Send>(
    (blocks, work): (Blocks<'_>, usize),
    items: impl Iterator<Item = T>,
    f: impl Fn(T) -> R + Sync + Send,
) -> Vec<R> {
    use rayon::prelude::*;
    if blocks.parallel() && work > HEAVY {
        items.collect::<Vec<T>>().into_par_iter().map(f).collect()
    } else {
        items.map(f).collect()
    }
}
