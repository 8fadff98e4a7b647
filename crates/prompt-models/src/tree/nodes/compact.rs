//! The same trees in four bytes a node, for rows that come one at a time.
//!
//! ```text
//! row:   column j becomes its rank: how many of the thresholds that any tree has for j lie below the number
//! node:  column u8 · rank u8 · left child u16, counted from the root         more than the rank goes right
//! ```
//!
//! A hundred trees of depth ten then lie in the second cache, which those of sixteen bytes a node do not. Ranks
//! decide as the thresholds do, so that the leaves are the same.

use std::sync::OnceLock;

use super::{CATEGORIES, COLUMN, NO_LEAF, TreeNodes};

/// Columns that a `u8` tells apart.
const COLUMNS: usize = 256;

/// The rank of no row: a leaf never sends right.
const NEVER: u8 = u8::MAX;

/// Trees that are walked in step.
const LANES: usize = 16;

/// Fewer trees are walked as they are.
const FEWEST: usize = 8;

/// Built when it is first asked for; `None` inside where the trees do not fit it. It plays no part in comparisons.
#[derive(Debug, Clone, Default)]
pub(super) struct Lazy(OnceLock<Option<Compact>>);

impl PartialEq for Lazy {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Clone)]
pub(super) struct Compact {
    /// Rising thresholds of every column, end to end.
    thresholds: Vec<f64>,
    /// Where those of each column end.
    ends: Vec<u32>,
    nodes: Vec<Small>,
}

#[derive(Debug, Clone, Copy)]
struct Small {
    column: u8,
    rank: u8,
    left: u16,
}

impl TreeNodes {
    /// The trees in this form: numbers alone, at most 256 columns, 255 thresholds a column and 65,536 nodes a tree.
    pub(super) fn compact(&self) -> Option<&Compact> {
        if self.len() < FEWEST {
            return None;
        }
        self.lazy.0.get_or_init(|| Compact::of(self)).as_ref()
    }

    /// To be called when trees come or go.
    pub(super) fn forget_compact(&mut self) {
        self.lazy = Lazy::default();
    }
}

impl Compact {
    fn of(trees: &TreeNodes) -> Option<Self> {
        if trees.columns > COLUMNS || !trees.set_ends.is_empty() {
            return None;
        }
        let splits = || trees.nodes.iter().zip(&trees.leaf).filter(|(_, leaf)| **leaf == NO_LEAF);
        let mut of_column: Vec<Vec<f64>> = vec![Vec::new(); trees.columns];
        for (node, _) in splits() {
            debug_assert_eq!(node.column & CATEGORIES, 0, "there are no sets");
            of_column[(node.column & COLUMN) as usize].push(node.threshold);
        }
        for column in &mut of_column {
            column.sort_unstable_by(f64::total_cmp);
            column.dedup();
            if column.len() > usize::from(NEVER) || column.iter().any(|t| t.is_nan()) {
                return None;
            }
        }
        let mut nodes = Vec::with_capacity(trees.nodes.len());
        for t in 0..trees.len() {
            let range = trees.range(t);
            let start = range.start;
            for at in range {
                let node = &trees.nodes[at];
                let left = u16::try_from(node.left as usize - start).ok()?;
                nodes.push(if trees.leaf[at] == NO_LEAF {
                    let column = (node.column & COLUMN) as usize;
                    let below = of_column[column].partition_point(|t| *t < node.threshold);
                    Small { column: column as u8, rank: below as u8, left }
                } else {
                    Small { column: 0, rank: NEVER, left }
                });
            }
        }
        let mut end = 0;
        let ends = of_column.iter().map(|column| {
            end += column.len() as u32;
            end
        });
        Some(Self { ends: ends.collect(), thresholds: of_column.concat(), nodes })
    }

    /// The ranks of a row; `None` where a number is missing.
    #[inline]
    pub(super) fn ranks(&self, row: &[f64]) -> Option<[u8; COLUMNS]> {
        let mut ranks = [0; COLUMNS];
        let (mut start, mut missing) = (0, false);
        for ((rank, &x), &end) in ranks.iter_mut().zip(row).zip(&self.ends) {
            let thresholds = &self.thresholds[start as usize..end as usize];
            *rank = thresholds.partition_point(|threshold| *threshold < x) as u8;
            missing |= x.is_nan();
            start = end;
        }
        (!missing).then_some(ranks)
    }

    /// Calls `f(tree, node)` with the leaf's node of every tree, in order.
    #[inline]
    pub(super) fn for_each(&self, trees: &TreeNodes, ranks: &[u8; COLUMNS], mut f: impl FnMut(usize, u32)) {
        let (groups, rest) = trees.roots.as_chunks::<LANES>();
        let (depths, rest_depths) = trees.depths.as_chunks::<LANES>();
        for (g, (group, depths)) in groups.iter().zip(depths).enumerate() {
            let deepest = depths.iter().fold(0, |a, b| a.max(*b));
            let at = self.walk(group, deepest, ranks);
            (0..LANES).for_each(|lane| f(g * LANES + lane, at[lane]));
        }
        for (t, (root, depth)) in rest.iter().zip(rest_depths).enumerate() {
            let [at] = self.walk(&[*root], *depth, ranks);
            f(groups.len() * LANES + t, at);
        }
    }

    #[inline]
    fn walk<const N: usize>(&self, roots: &[u32; N], depth: u32, ranks: &[u8; COLUMNS]) -> [u32; N] {
        let nodes = self.nodes.as_slice();
        let mut at = *roots;
        let mut step = || {
            let mut moved = 0;
            for lane in 0..N {
                let node = nodes[at[lane] as usize];
                let right = ranks[usize::from(node.column)] > node.rank;
                let to = roots[lane] + u32::from(node.left) + u32::from(right);
                moved |= to ^ at[lane];
                at[lane] = to;
            }
            moved != 0
        };
        if depth <= super::walk::SHALLOW {
            (0..depth).for_each(|_| {
                step();
            });
        } else {
            while step() {}
        }
        at
    }
}
