//! A tree while it grows, and its way into the flat buffer.

use prompt_core::{Error, Result};

use super::{CATEGORIES, COLUMN, MISSING_LEFT, NO_LEAF, Node, TreeNodes, UNKNOWN};

/// How a node parts rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Split {
    /// `x ≤ threshold` goes left.
    Numeric {
        /// The column.
        column: usize,
        /// The largest number that goes left.
        threshold: f64,
        /// Whether NaN goes left.
        missing_left: bool,
    },
    /// Levels whose bit is set go left.
    Categories {
        /// The column.
        column: usize,
        /// Bit `l % 64` of word `l / 64` for level `l`.
        left: Vec<u64>,
        /// Whether NaN, and whatever is no level of the set, goes left.
        missing_left: bool,
    },
}

/// A node of a tree that grows.
#[derive(Debug, Clone, PartialEq)]
pub enum GrownNode {
    /// The number of its value.
    Leaf(usize),
    /// Where it leads: the numbers of its children.
    Split(Split, [usize; 2]),
}

/// A tree that grows: node 0 is its root. Any leaf may be split at any time, in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct GrownTree {
    nodes: Vec<GrownNode>,
    values: Vec<Vec<f64>>,
    /// For each value the weight of the rows that were there, or [`UNKNOWN`].
    covers: Vec<f64>,
}

impl GrownTree {
    /// A tree that is one leaf.
    pub fn leaf(value: Vec<f64>) -> Self {
        Self { nodes: vec![GrownNode::Leaf(0)], values: vec![value], covers: vec![UNKNOWN] }
    }

    /// Splits the leaf at node `at`; its value is that of the left child from now on replaced by `values[0]`.
    /// Returns the numbers of the children. A node that is no leaf is left as it is.
    pub fn split(&mut self, at: usize, split: Split, values: [Vec<f64>; 2]) -> [usize; 2] {
        let children = [self.nodes.len(), self.nodes.len() + 1];
        match self.nodes.get(at) {
            Some(GrownNode::Leaf(value)) => {
                let value = *value;
                let [left, right] = values;
                self.values[value] = left;
                self.values.push(right);
                self.covers[value] = UNKNOWN;
                self.covers.push(UNKNOWN);
                self.nodes[at] = GrownNode::Split(split, children);
                self.nodes.push(GrownNode::Leaf(value));
                self.nodes.push(GrownNode::Leaf(self.values.len() - 1));
                children
            }
            Some(GrownNode::Split(_, children)) => *children,
            None => children,
        }
    }

    /// Gives the split at node `at` another threshold; a node that does not split numbers is left as it is.
    pub fn set_threshold(&mut self, at: usize, to: f64) {
        if let Some(GrownNode::Split(Split::Numeric { threshold, .. }, _)) = self.nodes.get_mut(at) {
            *threshold = to;
        }
    }

    /// The nodes.
    pub fn nodes(&self) -> &[GrownNode] {
        &self.nodes
    }

    /// The value of the leaf at node `at`; `None` for a split.
    pub fn value(&self, at: usize) -> Option<&[f64]> {
        match self.nodes.get(at)? {
            GrownNode::Leaf(value) => self.values.get(*value).map(Vec::as_slice),
            GrownNode::Split(..) => None,
        }
    }

    /// The value of the leaf at node `at`, to be changed.
    pub fn value_mut(&mut self, at: usize) -> Option<&mut Vec<f64>> {
        match self.nodes.get(at)? {
            GrownNode::Leaf(value) => self.values.get_mut(*value),
            GrownNode::Split(..) => None,
        }
    }

    /// Notes the weight of the rows of the leaf at node `at`, which explanations need. A node that is no leaf is left
    /// as it is.
    pub fn set_cover(&mut self, at: usize, cover: f64) {
        if let Some(GrownNode::Leaf(value)) = self.nodes.get(at) {
            self.covers[*value] = cover;
        }
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.values.len()
    }
}

impl TreeNodes {
    /// Adds a grown tree after the others.
    ///
    /// # Errors
    /// [`Error::Shape`] when a leaf has another width; [`Error::Input`] for a column beyond the rows' or more nodes
    /// than the buffer can number.
    pub fn push(&mut self, tree: &GrownTree) -> Result<()> {
        let root = self.nodes.len();
        if root + tree.nodes.len() >= NO_LEAF as usize {
            return Err(Error::input(
                format!("{} tree nodes", root + tree.nodes.len()),
                format!("at most {} fit one model: grow fewer or smaller trees", NO_LEAF - 1),
            ));
        }
        for node in &tree.nodes {
            match node {
                GrownNode::Leaf(value) if tree.values[*value].len() != self.width => {
                    return Err(Error::shape("numbers in a leaf", self.width, tree.values[*value].len()));
                }
                GrownNode::Split(split, _) if split.column() >= self.columns.min(COLUMN as usize) => {
                    return Err(Error::input(
                        format!("a split on column {} of {}", split.column(), self.columns),
                        "grow the tree over the columns that it scores",
                    ));
                }
                _ => {}
            }
        }
        self.forget_form();
        self.roots.push(root as u32);
        // Breadth first: the nodes that every row meets lie together, and children beside each other.
        let mut order = vec![0usize];
        let mut at = 0;
        while at < order.len() {
            match &tree.nodes[order[at]] {
                GrownNode::Leaf(value) => {
                    let leaf = (self.values.len() / self.width.max(1)) as u32;
                    self.leaf.push(leaf);
                    self.values.extend_from_slice(&tree.values[*value]);
                    self.covers.push(tree.covers[*value]);
                    self.nodes.push(Node::leaf(root + at, leaf));
                }
                GrownNode::Split(split, children) => {
                    let left = root + order.len();
                    order.extend(children);
                    self.leaf.push(NO_LEAF);
                    let node = self.node(split, left as u32);
                    self.nodes.push(node);
                }
            }
            at += 1;
        }
        self.depths.push(self.measured_depth(self.depths.len()));
        Ok(())
    }

    fn node(&mut self, split: &Split, left: u32) -> Node {
        match split {
            Split::Numeric { column, threshold, missing_left } => {
                Node { threshold: *threshold, column: *column as u32 | flag(*missing_left), left }
            }
            Split::Categories { column, left: set, missing_left } => {
                let number = self.set_ends.len();
                self.sets.extend_from_slice(set);
                self.set_ends.push(self.sets.len() as u32);
                let column = *column as u32 | CATEGORIES | flag(*missing_left);
                Node { threshold: number as f64, column, left }
            }
        }
    }
}

fn flag(missing_left: bool) -> u32 {
    if missing_left { MISSING_LEFT } else { 0 }
}

impl Split {
    /// The column it looks at.
    pub fn column(&self) -> usize {
        match self {
            Self::Numeric { column, .. } | Self::Categories { column, .. } => *column,
        }
    }
}

impl Node {
    /// A leaf leads to itself whatever it sees: nothing is more than its threshold, which is no number, and NaN goes
    /// left.
    pub(super) fn leaf(at: usize, leaf: u32) -> Self {
        let threshold = f64::from_bits(f64::NAN.to_bits() | u64::from(leaf));
        Self { threshold, column: MISSING_LEFT, left: at as u32 }
    }

    /// The number of the leaf that this node is.
    #[inline]
    pub(super) fn leaf_number(&self) -> usize {
        self.threshold.to_bits() as u32 as usize
    }
}

impl PartialEq for Node {
    /// Bit for bit, since thresholds of leaves are no numbers.
    fn eq(&self, other: &Self) -> bool {
        let all = |n: &Self| (n.threshold.to_bits(), n.column, n.left);
        all(self) == all(other)
    }
}
