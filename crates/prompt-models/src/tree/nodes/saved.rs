//! Trees on disk.

use prompt_core::artifact::{Node as Saved, Tensor};
use prompt_core::{Error, Result};

use super::{CATEGORIES, COLUMN, NO_LEAF, Node, TreeNodes, UNKNOWN};

/// The kind of the part that holds trees.
const KIND: &str = "tree_nodes";

impl TreeNodes {
    /// The trees as a part of an artifact.
    ///
    /// # Errors
    /// None that its numbers can cause.
    pub fn encode(&self) -> Result<Saved> {
        let sets = self.sets.iter().flat_map(|w| [*w as u32, (*w >> 32) as u32]).collect();
        let leaves = self.values.len().checked_div(self.width).unwrap_or(0);
        let saved = Saved::new(KIND, 1)
            .meta(&(self.columns, self.width))?
            .f64s(
                "thresholds",
                self.nodes.iter().zip(&self.leaf).map(|(n, l)| n.saved_threshold(*l)).collect(),
            )
            .u32s("columns", self.nodes.iter().map(|n| n.column).collect())
            .u32s("left", self.nodes.iter().map(|n| n.left).collect())
            .u32s("leaf", self.leaf.clone())
            .u32s("roots", self.roots.clone())
            .tensor("values", Tensor::F64(vec![leaves, self.width], self.values.clone()))
            .u32s("sets", sets)
            .u32s("set_ends", self.set_ends.clone());
        // Earlier versions did not count them.
        Ok(if self.has_covers() { saved.f64s("covers", self.covers.clone()) } else { saved })
    }

    /// Reads trees back. Whatever decodes leads every row to a leaf: children lie after their parents, within their
    /// tree, and every number that is looked up exists.
    ///
    /// # Errors
    /// [`Error::Artifact`] for another kind, a newer version, or numbers that do not fit together.
    pub fn decode(saved: &Saved) -> Result<Self> {
        saved.expect(KIND, 1)?;
        let (columns, width): (usize, usize) = saved.get_meta()?;
        let thresholds = saved.get_f64s("thresholds", None)?;
        let n = Some(thresholds.len());
        let (column, left) = (saved.get_u32s("columns", n)?, saved.get_u32s("left", n)?);
        let leaf = saved.get_u32s("leaf", n)?.to_vec();
        let leaves = leaf.iter().filter(|l| **l != NO_LEAF).count();
        let size = leaves.checked_mul(width).ok_or_else(|| damaged("the leaves have an impossible width"))?;
        let values = saved.get_f64s("values", Some(size))?.to_vec();
        if values.iter().any(|v| v.is_infinite()) {
            return Err(damaged("a leaf holds an infinite number"));
        }
        let covers = match saved.has("covers") {
            true => saved.get_f64s("covers", Some(leaves))?.to_vec(),
            false => vec![UNKNOWN; leaves],
        };
        if covers.iter().any(|c| c.is_infinite() || (*c < 0.0 && *c != UNKNOWN)) {
            return Err(damaged("the cover of a leaf is no weight"));
        }
        let set_ends = saved.get_u32s("set_ends", None)?.to_vec();
        let words = set_ends.last().map_or(0, |end| *end as usize);
        let sets = saved.get_u32s("sets", words.checked_mul(2))?;
        let (pairs, _) = sets.as_chunks::<2>();
        let node = |at: usize| match leaf[at] {
            NO_LEAF => Node { threshold: thresholds[at], column: column[at], left: left[at] },
            leaf => Node { column: column[at], left: left[at], ..Node::read_leaf(thresholds[at], leaf) },
        };
        let nodes = (0..thresholds.len()).map(node).collect();
        let mut trees = Self {
            lazy: super::form::Lazy::default(),
            columns,
            width,
            nodes,
            leaf,
            roots: saved.get_u32s("roots", None)?.to_vec(),
            depths: Vec::new(),
            values,
            covers,
            sets: pairs.iter().map(|[low, high]| u64::from(*low) | u64::from(*high) << 32).collect(),
            set_ends,
        };
        trees.check()?;
        trees.depths = (0..trees.len()).map(|t| trees.measured_depth(t)).collect();
        Ok(trees)
    }

    fn check(&self) -> Result<()> {
        let nodes = self.nodes.len();
        if nodes >= NO_LEAF as usize || self.columns > COLUMN as usize {
            return Err(damaged("there are more nodes or columns than can be numbered"));
        }
        if self.set_ends.windows(2).any(|w| w[0] > w[1]) {
            return Err(damaged("the level sets run back"));
        }
        let rising = self.roots.windows(2).all(|w| w[0] < w[1]);
        let within = self.roots.first().map_or(nodes == 0, |r| *r == 0)
            && self.roots.last().is_none_or(|r| (*r as usize) < nodes);
        if !(rising && within) {
            return Err(damaged("the roots do not part the nodes into trees"));
        }
        let mut leaf = 0;
        for t in 0..self.len() {
            let range = self.range(t);
            // Breadth first, the children of the next split are the next two nodes, so each node has one parent.
            let mut children = range.start + 1;
            for at in range.clone() {
                let node = &self.nodes[at];
                if self.leaf[at] == NO_LEAF {
                    if node.left as usize != children || children + 2 > range.end {
                        return Err(damaged(&format!("node {at} leads to nodes that are not its children")));
                    }
                    children += 2;
                    self.check_split(at)?;
                } else {
                    if self.leaf[at] != leaf || *node != Node::leaf(at, leaf) || self.columns == 0 {
                        return Err(damaged(&format!("node {at} is no legal leaf")));
                    }
                    leaf += 1;
                }
            }
            if children != range.end {
                return Err(damaged(&format!("tree {t} has nodes that nothing leads to")));
            }
        }
        Ok(())
    }

    fn check_split(&self, at: usize) -> Result<()> {
        let node = &self.nodes[at];
        if (node.column & COLUMN) as usize >= self.columns {
            return Err(damaged(&format!("node {at} looks at column {}", node.column & COLUMN)));
        }
        let number = node.threshold;
        let sets = self.set_ends.len() as f64;
        if number.is_nan() {
            return Err(damaged(&format!("node {at} parts at no number")));
        }
        if node.column & CATEGORIES != 0 && !(number >= 0.0 && number < sets && number.fract() == 0.0) {
            return Err(damaged(&format!("node {at} names level set {number} of {sets}")));
        }
        Ok(())
    }
}

impl Node {
    /// On disk every number is at most the threshold of a leaf.
    fn saved_threshold(&self, leaf: u32) -> f64 {
        if leaf == NO_LEAF { self.threshold } else { f64::INFINITY }
    }

    fn read_leaf(threshold: f64, leaf: u32) -> Self {
        let node = Self::leaf(0, leaf);
        if threshold == f64::INFINITY { node } else { Self { threshold, ..node } }
    }
}

fn damaged(what: &str) -> Error {
    Error::artifact(KIND, what, "the file is damaged; save the model again")
}
