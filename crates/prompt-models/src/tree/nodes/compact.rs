//! The same trees in four bytes a node, for rows that come one at a time.
//!
//! ```text
//! row:   column j becomes its rank: how many of the thresholds that any tree has for j lie below the number
//! node:  rank · column · left child, counted from the root: as many bits each as the forest needs, 32 together;
//!        more than the rank goes right
//! ```
//!
//! A hundred trees of depth ten then lie in the second cache, which those of sixteen bytes a node do not. Ranks
//! decide as the thresholds do, so that the leaves are the same.

use std::collections::HashMap;

use super::ranks::Ranks;
use super::{CATEGORIES, COLUMN, NO_LEAF, TreeNodes};

/// Columns that are ranked.
const COLUMNS: usize = 256;

/// Trees that are walked in step.
const LANES: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Compact {
    /// For each column its thresholds.
    ranks: Vec<Ranks>,
    nodes: Vec<u32>,
    /// Bits of a column, and of a left child.
    bits: (u32, u32),
    /// For each node the number of what it says as a leaf.
    says: Vec<u16>,
    /// The different things that leaves say, end to end.
    values: Vec<f64>,
}

impl Compact {
    /// `None` where the trees look at levels or more than 256 columns, say more than 65,536 things, or need more bits.
    pub(super) fn of(trees: &TreeNodes) -> Option<Self> {
        if trees.columns > COLUMNS || !trees.set_ends.is_empty() {
            return None;
        }
        let mut thresholds: Vec<Vec<f64>> = vec![Vec::new(); trees.columns];
        for (node, _) in trees.nodes.iter().zip(&trees.leaf).filter(|(_, leaf)| **leaf == NO_LEAF) {
            debug_assert_eq!(node.column & CATEGORIES, 0, "there are no sets");
            thresholds[(node.column & COLUMN) as usize].push(node.threshold);
        }
        for column in &mut thresholds {
            column.sort_unstable_by(f64::total_cmp);
            column.dedup();
        }
        let bits_of = |most: usize| usize::BITS - most.leading_zeros();
        let largest = (0..trees.len()).map(|t| trees.range(t).len()).max().unwrap_or(0);
        let bits = (bits_of(trees.columns.saturating_sub(1)), bits_of(largest));
        // The rank of a leaf is all ones, which none is more than.
        let rank_bits = bits_of(thresholds.iter().map(Vec::len).max().unwrap_or(0));
        if rank_bits + bits.0 + bits.1 > u32::BITS {
            return None;
        }
        let mut compact = Self {
            ranks: Vec::new(),
            nodes: Vec::with_capacity(trees.nodes.len()),
            bits,
            says: vec![0; trees.nodes.len()],
            values: Vec::new(),
        };
        for t in 0..trees.len() {
            let range = trees.range(t);
            let start = range.start;
            for at in range {
                let node = &trees.nodes[at];
                let (column, rank) = if trees.leaf[at] == NO_LEAF {
                    let column = node.column & COLUMN;
                    (column, thresholds[column as usize].partition_point(|t| *t < node.threshold) as u32)
                } else {
                    (0, u32::MAX)
                };
                let left = node.left - start as u32;
                let shifted = rank.checked_shl(bits.0 + bits.1).unwrap_or(0);
                compact.nodes.push(shifted | column << bits.1 | left);
            }
        }
        compact.note_values(trees)?;
        compact.ranks = thresholds.into_iter().map(Ranks::new).collect::<Option<_>>()?;
        Some(compact)
    }

    /// Leaves that say the same, bit for bit, share it: most of a forest's do, and it stays near.
    fn note_values(&mut self, trees: &TreeNodes) -> Option<()> {
        let mut known: HashMap<Vec<u64>, u16> = HashMap::new();
        for (says, leaf) in self.says.iter_mut().zip(&trees.leaf).filter(|(_, leaf)| **leaf != NO_LEAF) {
            let value = trees.value_of_leaf(*leaf as usize);
            let next = u16::try_from(known.len()).ok();
            let bits: Vec<u64> = value.iter().map(|v| v.to_bits()).collect();
            *says = match known.get(&bits) {
                Some(number) => *number,
                None => {
                    let number = next?;
                    known.insert(bits, number);
                    self.values.extend_from_slice(value);
                    number
                }
            };
        }
        Some(())
    }

    /// The ranks of a row; `None` where a number is missing.
    #[inline]
    pub(super) fn ranks(&self, row: &[f64]) -> Option<[u16; COLUMNS]> {
        let mut ranks = [0; COLUMNS];
        let mut missing = false;
        for ((rank, x), column) in ranks.iter_mut().zip(row).zip(&self.ranks) {
            *rank = column.rank(*x);
            missing |= x.is_nan();
        }
        (!missing).then_some(ranks)
    }

    /// Calls `f(tree, value)` with what every tree says, in order.
    #[inline]
    pub(super) fn for_each(
        &self,
        trees: &TreeNodes,
        ranks: &[u16; COLUMNS],
        mut f: impl FnMut(usize, &[f64]),
    ) {
        let width = trees.width;
        let mut say = |t: usize, node: u32| {
            let at = usize::from(self.says[node as usize]) * width;
            f(t, &self.values[at..at + width]);
        };
        let (groups, rest) = trees.roots.as_chunks::<LANES>();
        let (depths, rest_depths) = trees.depths.as_chunks::<LANES>();
        for (g, (group, depths)) in groups.iter().zip(depths).enumerate() {
            let deepest = depths.iter().fold(0, |a, b| a.max(*b));
            let at = self.walk(group, deepest, ranks);
            (0..LANES).for_each(|lane| say(g * LANES + lane, at[lane]));
        }
        for (t, (root, depth)) in rest.iter().zip(rest_depths).enumerate() {
            let [at] = self.walk(&[*root], *depth, ranks);
            say(groups.len() * LANES + t, at);
        }
    }

    #[inline]
    fn walk<const N: usize>(&self, roots: &[u32; N], depth: u32, ranks: &[u16; COLUMNS]) -> [u32; N] {
        let nodes = self.nodes.as_slice();
        let (column_bits, left_bits) = self.bits;
        let (column_mask, left_mask) = ((1u32 << column_bits) - 1, (1u32 << left_bits) - 1);
        let mut at = *roots;
        let mut step = || {
            let mut moved = 0;
            for lane in 0..N {
                let node = nodes[at[lane] as usize];
                let rank = ranks[(node >> left_bits & column_mask) as usize % COLUMNS];
                let right = u32::from(rank) > node >> (left_bits + column_bits);
                let to = roots[lane] + (node & left_mask) + u32::from(right);
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
