//! Trees as other libraries grew them, with the rules by which those send rows left or right.

use prompt_core::{Error, Result, RowView};

/// Set in a place: it is a leaf.
const LEAF: u32 = 1 << 31;

/// The cover of a leaf of which the file does not tell.
pub(super) const UNKNOWN: f64 = -1.0;

/// Zero to LightGBM: anything up to this far from it.
const NEARLY_ZERO: f64 = 1e-35f32 as f64;

/// How a node sends a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// XGBoost: left when the number, rounded to 32 bits, is below the threshold.
    Below,
    /// LightGBM: left when the number is at most the threshold.
    AtMost,
    /// XGBoost: right when the category is in the set.
    Outside,
    /// LightGBM: left when the category is in the set.
    Inside,
}

/// Which numbers count as missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// None; NaN is read as 0.
    None,
    /// Zero, and NaN, which is read as 0.
    Zero,
    /// NaN.
    Nan,
}

/// A split as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    pub(super) column: usize,
    pub(super) rule: Rule,
    pub(super) missing: Missing,
    pub(super) missing_left: bool,
    pub(super) threshold: f64,
    /// The set of the rules about categories: bit `c % 32` of word `c / 32`.
    pub(super) set: Vec<u32>,
    /// Left and right, by the numbers that the file gives them.
    pub(super) children: [usize; 2],
}

/// What a file says of a node.
pub(super) enum Step {
    /// Its value, and the weight of its training rows, [`UNKNOWN`] where the file does not say.
    Leaf(f64, f64),
    Split(Split),
}

/// A node of a tree as it is seen from outside.
pub(crate) enum Seen {
    /// An end, with the weight of its training rows (negative where nobody counted).
    Leaf { value: f64, cover: f64 },
    /// A split, with the places of its children among the nodes of its tree.
    Split { column: usize, node: u32, children: [usize; 2] },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) column: u32,
    pub(super) rule: Rule,
    pub(super) missing: Missing,
    pub(super) missing_left: bool,
    /// The threshold, or the number of a set.
    pub(super) number: f64,
    pub(super) children: [u32; 2],
}

/// Trees of several outputs. Children come after their parents, so every walk ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Forest {
    pub(super) columns: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) leaves: Vec<f64>,
    /// For each leaf the weight of its training rows, or [`UNKNOWN`].
    pub(super) covers: Vec<f64>,
    /// Where each tree starts.
    pub(super) roots: Vec<u32>,
    /// Which output each tree adds to.
    pub(super) outputs: Vec<u32>,
    pub(super) sets: Vec<u32>,
    pub(super) set_ends: Vec<u32>,
}

impl Forest {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Adds a tree of `nodes` nodes, leaves included, of which `look` tells; it starts at `root`.
    ///
    /// # Errors
    /// What `look` finds, and a description of what does not fit: a node reached twice, a column beyond the rows'.
    pub(super) fn push(
        &mut self,
        output: usize,
        (root, nodes): (usize, usize),
        mut look: impl FnMut(usize) -> Result<Step, String>,
    ) -> Result<(), String> {
        let mut open = vec![(root, None::<(usize, usize)>)];
        let mut seen = 0;
        while let Some((id, parent)) = open.pop() {
            seen += 1;
            if seen > nodes {
                return Err(format!("its nodes form no tree: node {id} is reached twice"));
            }
            let place = match look(id)? {
                Step::Leaf(value, _) if !value.is_finite() => {
                    return Err(format!("leaf {id} holds {value}"));
                }
                Step::Leaf(value, cover) => {
                    self.leaves.push(value);
                    self.covers.push(if cover.is_finite() && cover >= 0.0 { cover } else { UNKNOWN });
                    (self.leaves.len() - 1) as u32 | LEAF
                }
                Step::Split(split) => {
                    if split.column >= self.columns {
                        return Err(format!(
                            "node {id} looks at column {} of {}",
                            split.column, self.columns
                        ));
                    }
                    if split.threshold.is_nan() {
                        return Err(format!("node {id} has no threshold"));
                    }
                    let place = self.nodes.len();
                    open.push((split.children[1], Some((place, 1))));
                    open.push((split.children[0], Some((place, 0))));
                    let number = self.number(&split);
                    self.nodes.push(Node {
                        column: split.column as u32,
                        rule: split.rule,
                        missing: split.missing,
                        missing_left: split.missing_left,
                        number,
                        children: [0; 2],
                    });
                    place as u32
                }
            };
            match parent {
                Some((parent, side)) => self.nodes[parent].children[side] = place,
                None => self.roots.push(place),
            }
        }
        self.outputs.push(output as u32);
        if self.nodes.len().max(self.leaves.len()) >= LEAF as usize {
            return Err("there are more nodes than can be numbered".to_owned());
        }
        Ok(())
    }

    fn number(&mut self, split: &Split) -> f64 {
        match split.rule {
            Rule::Below | Rule::AtMost => split.threshold,
            Rule::Outside | Rule::Inside => {
                self.sets.extend_from_slice(&split.set);
                self.set_ends.push(self.sets.len() as u32);
                (self.set_ends.len() - 1) as f64
            }
        }
    }

    /// Checks what was not built here: every place exists, and children come after their parents.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub(super) fn check(&self, kind: &str, outputs: usize) -> Result<()> {
        let place = |p: u32, above: Option<usize>| {
            if p & LEAF != 0 {
                ((p & !LEAF) as usize) < self.leaves.len()
            } else {
                (p as usize) < self.nodes.len() && above.is_none_or(|above| p as usize > above)
            }
        };
        let nodes = self.nodes.iter().enumerate().all(|(at, node)| {
            let set = match node.rule {
                Rule::Below | Rule::AtMost => true,
                _ => (0.0..self.set_ends.len() as f64).contains(&node.number) && node.number.fract() == 0.0,
            };
            (node.column as usize) < self.columns && set && node.children.iter().all(|c| place(*c, Some(at)))
        });
        let sets = self.set_ends.windows(2).all(|w| w[0] <= w[1])
            && self.set_ends.last().is_none_or(|end| *end as usize <= self.sets.len());
        let trees = self.roots.len() == self.outputs.len()
            && self.roots.iter().all(|r| place(*r, None))
            && self.outputs.iter().all(|o| (*o as usize) < outputs);
        if nodes
            && sets
            && trees
            && self.leaves.iter().all(|v| v.is_finite())
            && self.covers.len() == self.leaves.len()
        {
            return Ok(());
        }
        Err(Error::artifact(
            kind,
            "its trees do not fit together",
            "the file is damaged; save the model again",
        ))
    }

    /// Number of trees.
    pub(crate) fn len(&self) -> usize {
        self.roots.len()
    }

    /// Columns of a row.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Which output tree `t` adds to.
    pub(crate) fn output(&self, t: usize) -> usize {
        self.outputs[t] as usize
    }

    /// What tree `t` does at each of its nodes: the root first, children after their parents.
    pub(crate) fn steps(&self, t: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        let mut order = vec![self.roots[t]];
        let mut at = 0;
        while at < order.len() {
            let place = order[at];
            at += 1;
            if place & LEAF != 0 {
                let leaf = (place & !LEAF) as usize;
                seen.push(Seen::Leaf { value: self.leaves[leaf], cover: self.covers[leaf] });
                continue;
            }
            let node = &self.nodes[place as usize];
            let left = order.len();
            order.extend(node.children);
            seen.push(Seen::Split { column: node.column as usize, node: place, children: [left, left + 1] });
        }
        seen
    }

    /// Whether a number goes left at a node.
    pub(crate) fn sends_left(&self, node: u32, x: f64) -> bool {
        self.goes_left(&self.nodes[node as usize], x)
    }

    /// Adds what every tree says about a row to its output. `dense` is all zero before and after.
    pub(super) fn add(&self, row: RowView<'_>, dense: &mut Vec<f64>, out: &mut [f64]) {
        match row {
            RowView::Dense(row) => self.add_dense(row, out),
            RowView::Sparse { indices, values } => {
                dense.resize(self.columns, 0.0);
                indices.iter().zip(values).for_each(|(&j, &v)| dense[j as usize] = f64::from(v));
                self.add_dense(dense, out);
                indices.iter().for_each(|&j| dense[j as usize] = 0.0);
            }
        }
    }

    fn add_dense(&self, row: &[f64], out: &mut [f64]) {
        for (root, output) in self.roots.iter().zip(&self.outputs) {
            let mut at = *root;
            while at & LEAF == 0 {
                let node = &self.nodes[at as usize];
                at = node.children[usize::from(!self.goes_left(node, row[node.column as usize]))];
            }
            out[*output as usize] += self.leaves[(at & !LEAF) as usize];
        }
    }

    fn goes_left(&self, node: &Node, x: f64) -> bool {
        match node.rule {
            Rule::Below if x.is_nan() => node.missing_left,
            Rule::Below => (x as f32) < node.number as f32,
            Rule::Outside if x.is_nan() => node.missing_left,
            // What is no category is in no set.
            Rule::Outside => !(0.0..f64::from(1 << 24)).contains(&x) || !self.holds(node, x as usize),
            Rule::Inside => x > -1.0 && x < f64::from(i32::MAX) && self.holds(node, x as usize),
            Rule::AtMost => {
                let x = if x.is_nan() && node.missing != Missing::Nan { 0.0 } else { x };
                let missing = match node.missing {
                    Missing::None => false,
                    Missing::Zero => x.abs() <= NEARLY_ZERO,
                    Missing::Nan => x.is_nan(),
                };
                if missing { node.missing_left } else { x <= node.number }
            }
        }
    }

    fn holds(&self, node: &Node, category: usize) -> bool {
        let number = node.number as usize;
        let start = if number == 0 { 0 } else { self.set_ends[number - 1] as usize };
        let set = &self.sets[start..self.set_ends[number] as usize];
        set.get(category / 32).is_some_and(|word| word >> (category % 32) & 1 == 1)
    }
}
