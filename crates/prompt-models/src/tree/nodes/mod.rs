//! Grown trees in one flat buffer, made for scoring raw rows.
//!
//! ```text
//! node:  threshold f64 · column u32 (two bits of it are flags) · left child u32      16 bytes, children adjacent
//! split: x ≤ threshold goes left, NaN to the side that the node says; a category goes left when its bit is set
//! leaf:  a node that leads to itself, so that several trees can be walked in step without asking who has arrived;
//!        its threshold is no number, and the low bits of that say which leaf it is
//! ```

mod compact;
mod form;
mod grown;
mod masks;
mod ranks;
mod saved;
mod walk;

pub use grown::{GrownNode, GrownTree, Split};

/// Set in [`Node::column`]: missing goes left.
const MISSING_LEFT: u32 = 1 << 31;
/// Set in [`Node::column`]: the threshold is the number of a level set.
const CATEGORIES: u32 = 1 << 30;
/// The bits of a column number.
const COLUMN: u32 = CATEGORIES - 1;
/// The cover of a leaf that nobody counted.
const UNKNOWN: f64 = -1.0;
/// In `leaf`, for nodes that are none.
const NO_LEAF: u32 = u32::MAX;

/// Trees of one width, in order, with the values of their leaves.
///
/// ```
/// use prompt_core::RowView;
/// use prompt_models::tree::nodes::{GrownTree, Split, TreeNodes};
///
/// let mut tree = GrownTree::leaf(vec![0.5]);
/// tree.split(0, Split::Numeric { column: 1, threshold: 2.0, missing_left: true }, [vec![0.25], vec![0.75]]);
/// let mut trees = TreeNodes::new(3, 1);
/// trees.push(&tree).unwrap();
/// let mut out = [0.0];
/// trees.add_row(RowView::Dense(&[9.0, 2.5, 9.0]), &mut Vec::new(), &mut out);
/// assert_eq!(out, [0.75]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TreeNodes {
    columns: usize,
    width: usize,
    nodes: Vec<Node>,
    /// For each node the number of its leaf, or [`NO_LEAF`].
    leaf: Vec<u32>,
    /// The first node of every tree.
    roots: Vec<u32>,
    /// The most splits between the root of every tree and one of its leaves.
    depths: Vec<u32>,
    /// `width` numbers a leaf.
    values: Vec<f64>,
    /// For each leaf the weight of the training rows that reached it, or [`UNKNOWN`].
    covers: Vec<f64>,
    /// Words of all level sets.
    sets: Vec<u64>,
    /// Where each level set ends in `sets`.
    set_ends: Vec<u32>,
    lazy: form::Lazy,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f64,
    column: u32,
    left: u32,
}

impl TreeNodes {
    /// No trees yet, over rows of `columns` numbers, with `width` numbers a leaf.
    pub fn new(columns: usize, width: usize) -> Self {
        Self {
            columns,
            width,
            nodes: Vec::new(),
            leaf: Vec::new(),
            roots: Vec::new(),
            depths: Vec::new(),
            values: Vec::new(),
            covers: Vec::new(),
            sets: Vec::new(),
            set_ends: Vec::new(),
            lazy: form::Lazy::default(),
        }
    }

    /// Number of columns of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether the values of all leaves are finite.
    pub fn is_finite(&self) -> bool {
        self.values.iter().chain(&self.covers).all(|v| v.is_finite())
    }

    /// Numbers a leaf.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of trees.
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether there are no trees.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Number of nodes of all trees, leaves included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Number of leaves of all trees.
    pub fn leaf_count(&self) -> usize {
        self.leaf.iter().filter(|l| **l != NO_LEAF).count()
    }

    /// The most splits between the root of tree `t` and one of its leaves.
    pub fn depth(&self, t: usize) -> usize {
        self.depths[t] as usize
    }

    /// As [`depth`](Self::depth), from the nodes.
    fn measured_depth(&self, t: usize) -> u32 {
        let range = self.range(t);
        let mut depth = vec![0; range.len()];
        for at in range.clone() {
            if self.leaf[at] == NO_LEAF {
                let left = self.nodes[at].left as usize - range.start;
                depth[left] = depth[at - range.start] + 1;
                depth[left + 1] = depth[left];
            }
        }
        depth.into_iter().max().unwrap_or(0)
    }

    /// The nodes of tree `t`.
    fn range(&self, t: usize) -> std::ops::Range<usize> {
        let end = self.roots.get(t + 1).map_or(self.nodes.len(), |r| *r as usize);
        self.roots[t] as usize..end
    }

    /// Whether it is known how many training rows reached each leaf. Trees of models that were saved by earlier
    /// versions do not know.
    pub fn has_covers(&self) -> bool {
        self.covers.iter().all(|c| *c >= 0.0)
    }

    /// What tree `t` does at each of its nodes, the root first and children after their parents: a split with the
    /// numbers of its children, or a leaf with its values and its cover (negative where nobody counted).
    pub(crate) fn steps(&self, t: usize) -> impl Iterator<Item = Step<'_>> {
        let range = self.range(t);
        let start = range.start;
        range.map(move |at| {
            let node = &self.nodes[at];
            if self.leaf[at] != NO_LEAF {
                let leaf = self.leaf[at] as usize;
                let values = &self.values[leaf * self.width..(leaf + 1) * self.width];
                return Step::Leaf { values, cover: self.covers[leaf] };
            }
            let left = node.left as usize - start;
            Step::Split {
                column: (node.column & COLUMN) as usize,
                at: NodeAt(at as u32),
                children: [left, left + 1],
            }
        })
    }

    /// Which of up to 64 numbers go left at a split: bit `i` for number `i`.
    pub(crate) fn go_left(&self, NodeAt(at): NodeAt, xs: &[f64]) -> u64 {
        let node = &self.nodes[at as usize];
        let bits = |left: &dyn Fn(f64) -> bool| {
            xs.iter().enumerate().fold(0, |bits, (i, x)| bits | u64::from(left(*x)) << i)
        };
        if node.column & CATEGORIES != 0 {
            return bits(&|x| !self.any(node, x));
        }
        let (threshold, missing_left) = (node.threshold, node.column & MISSING_LEFT != 0);
        let mut word = 0;
        for (i, x) in xs.iter().enumerate() {
            word |= u64::from((*x <= threshold) | (x.is_nan() & missing_left)) << i;
        }
        word
    }

    /// Multiplies the values of all leaves, as a learning rate does.
    pub fn scale(&mut self, by: f64) {
        self.forget_form();
        self.values.iter_mut().for_each(|v| *v *= by);
    }

    /// Forgets the trees from number `keep` on.
    pub fn truncate(&mut self, keep: usize) {
        let Some(&end) = self.roots.get(keep) else { return };
        self.forget_form();
        let end = end as usize;
        let leaves = self.leaf[..end].iter().filter(|l| **l != NO_LEAF).count();
        self.roots.truncate(keep);
        self.depths.truncate(keep);
        self.nodes.truncate(end);
        self.leaf.truncate(end);
        self.values.truncate(leaves * self.width);
        self.covers.truncate(leaves);
        let sets = self.nodes.iter().filter(|n| n.column & CATEGORIES != 0).count();
        self.set_ends.truncate(sets);
        self.sets.truncate(self.set_ends.last().map_or(0, |end| *end as usize));
    }
}

/// A split of some tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NodeAt(u32);

/// A node as it is seen from outside.
pub(crate) enum Step<'a> {
    /// An end.
    Leaf {
        /// What it says.
        values: &'a [f64],
        /// The weight of its training rows.
        cover: f64,
    },
    /// A parting of the ways.
    Split {
        /// The column that is looked at.
        column: usize,
        /// The split, to be asked.
        at: NodeAt,
        /// Its children among the nodes of its tree.
        children: [usize; 2],
    },
}

#[cfg(test)]
mod tests;
