//! Small trees without walking them, for rows that come one at a time.
//!
//! ```text
//! tree   its leaves, left to right, are the bits of a u32; a split that sends right takes the leaves below its left
//!        side away; the lowest bit that is left is the row's leaf
//! column its splits of all trees by rising threshold: those up to the number send right, and none above it
//! ```
//!
//! What the first 8, 16, … splits of a column leave of every tree is worked out beforehand, so that a column costs a
//! search, one pass over the trees, and at most seven single splits. The idea is QuickScorer's (Lucchese et al., SIGIR
//! 2015).

use super::ranks::Ranks;
use super::{COLUMN, NO_LEAF, TreeNodes};
use crate::simd::vectorised;

/// Leaves of a tree: the bits of a mask.
const LEAVES: usize = 32;
/// Trees whose leaves are found together.
const TREES: usize = 128;
/// Splits of a column between two passes over the trees that are worked out beforehand.
const STEP: usize = 8;
/// Columns with splits of a group of trees beyond which walking is less work.
const COLUMNS: usize = 128;

#[derive(Debug, Clone)]
pub(super) struct Masks {
    /// The columns that any tree looks at.
    columns: Vec<u32>,
    groups: Vec<Group>,
}

/// Up to [`TREES`] trees.
#[derive(Debug, Clone)]
struct Group {
    columns: Vec<Column>,
    /// The tree of each split, and the leaves it leaves when it sends right, column after column, by rising threshold.
    splits: Vec<(u32, u32)>,
    /// What is left of every tree after the first [`STEP`], 2·[`STEP`], … splits of a column, column after column.
    passes: Vec<[u32; TREES]>,
    /// For each tree the numbers of its leaves, left to right.
    leaves: Vec<[u32; LEAVES]>,
}

#[derive(Debug, Clone)]
struct Column {
    index: u32,
    thresholds: Ranks,
    /// Where its splits start.
    start: u32,
    /// Where its passes start.
    pass: u32,
}

impl Masks {
    /// `None` where a tree has more than 32 leaves or looks at levels, or the trees look at many columns.
    pub(super) fn of(trees: &TreeNodes) -> Option<Self> {
        if !trees.set_ends.is_empty() {
            return None;
        }
        let starts = (0..trees.len()).step_by(TREES);
        let groups = starts.map(|first| Group::of(trees, first)).collect::<Option<Vec<Group>>>()?;
        let mut columns: Vec<u32> = groups.iter().flat_map(|g| &g.columns).map(|c| c.index).collect();
        columns.sort_unstable();
        columns.dedup();
        Some(Self { columns, groups })
    }

    /// Whether a number is missing that some tree looks at.
    #[inline]
    pub(super) fn lacks(&self, row: &[f64]) -> bool {
        self.columns.iter().fold(false, |lacks, j| lacks | row[*j as usize].is_nan())
    }

    /// Calls `f(tree, leaf)` with the number of the leaf of every tree, in order. No number that is looked at may be
    /// missing.
    #[inline]
    pub(super) fn for_each(&self, row: &[f64], mut f: impl FnMut(usize, usize)) {
        for (g, group) in self.groups.iter().enumerate() {
            let left = vectorised(
                #[inline(always)]
                || group.left(row),
            );
            for (t, (leaves, left)) in group.leaves.iter().zip(left).enumerate() {
                f(g * TREES + t, leaves[left.trailing_zeros() as usize % LEAVES] as usize);
            }
        }
    }
}

impl Group {
    fn of(trees: &TreeNodes, first: usize) -> Option<Self> {
        // Column, threshold, tree in the group, mask.
        let mut splits: Vec<(u32, f64, u32, u32)> = Vec::new();
        let mut leaves = Vec::new();
        for t in first..(first + TREES).min(trees.len()) {
            let range = trees.range(t);
            let start = range.start;
            let is_leaf = |at: usize| trees.leaf[start + at] != NO_LEAF;
            let left = |at: usize| trees.nodes[start + at].left as usize - start;
            // Children lie behind their parents.
            let mut count = vec![1; range.len()];
            for at in (0..range.len()).rev().filter(|at| !is_leaf(*at)) {
                count[at] = count[left(at)] + count[left(at) + 1];
            }
            if count[0] > LEAVES {
                return None;
            }
            let mut before = vec![0; range.len()];
            let mut numbers = [0; LEAVES];
            for at in 0..range.len() {
                if is_leaf(at) {
                    numbers[before[at]] = trees.leaf[start + at];
                    continue;
                }
                let left = left(at);
                (before[left], before[left + 1]) = (before[at], before[at] + count[left]);
                let node = &trees.nodes[start + at];
                let gone = ((1u64 << count[left]) - 1) << before[at];
                splits.push((node.column & COLUMN, node.threshold, (t - first) as u32, !(gone as u32)));
            }
            leaves.push(numbers);
        }
        splits.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut group = Self {
            columns: Vec::new(),
            splits: splits.iter().map(|s| (s.2, s.3)).collect(),
            passes: Vec::new(),
            leaves,
        };
        let mut start = 0;
        for of_column in splits.chunk_by(|a, b| a.0 == b.0) {
            let thresholds = Ranks::new(of_column.iter().map(|s| s.1).collect())?;
            let pass = group.passes.len() as u32;
            group.columns.push(Column { index: of_column[0].0, thresholds, start: start as u32, pass });
            let mut left = [u32::MAX; TREES];
            for step in of_column.chunks_exact(STEP) {
                step.iter().for_each(|(_, _, tree, mask)| left[*tree as usize] &= mask);
                group.passes.push(left);
            }
            start += of_column.len();
        }
        (group.columns.len() <= COLUMNS).then_some(group)
    }

    /// The leaves of every tree that no split takes away.
    #[inline(always)]
    fn left(&self, row: &[f64]) -> [u32; TREES] {
        let mut left = [u32::MAX; TREES];
        for column in &self.columns {
            let start = column.start as usize;
            let send = usize::from(column.thresholds.rank(row[column.index as usize]));
            let whole = send / STEP;
            if whole > 0 {
                let pass = &self.passes[column.pass as usize + whole - 1];
                left.iter_mut().zip(pass).for_each(|(left, pass)| *left &= pass);
            }
            for (tree, mask) in &self.splits[start + whole * STEP..start + send] {
                left[*tree as usize % TREES] &= mask;
            }
        }
        left
    }
}
