//! From a row to its leaves.

use prompt_core::RowView;

use super::form::Form;
use super::{CATEGORIES, COLUMN, MISSING_LEFT, Node, TreeNodes};

/// Trees, or rows, that are walked in step, so that the wait for one node hides behind the others.
const LANES: usize = 8;

/// Depth up to which every lane takes as many steps as the deepest tree has. In deeper ones most rows are at their leaf
/// long before.
pub(super) const SHALLOW: u32 = 16;

impl TreeNodes {
    /// The leaf that a row reaches in every tree, in order. `dense` is memory for sparse rows: all zero, and left so.
    pub fn for_each_leaf(&self, row: RowView<'_>, dense: &mut Vec<f64>, mut f: impl FnMut(usize, &[f64])) {
        self.with_dense(row, dense, |row| {
            match self.form() {
                Some(Form::Masks(masks)) if !masks.lacks(row) => {
                    return masks.for_each(row, |t, leaf| f(t, self.value_of_leaf(leaf)));
                }
                Some(Form::Compact(small)) => {
                    if let Some(ranks) = small.ranks(row) {
                        return small.for_each(self, &ranks, f);
                    }
                }
                _ => {}
            }
            if self.set_ends.is_empty() {
                let right = |node: &Node, _| node.numeric(row[(node.column & COLUMN) as usize]);
                self.for_each_leaf_by(right, &mut f);
            } else {
                let right = |node: &Node, _| self.any(node, row[(node.column & COLUMN) as usize]);
                self.for_each_leaf_by(right, &mut f);
            }
        });
    }

    #[inline]
    fn for_each_leaf_by(
        &self,
        right: impl Fn(&Node, usize) -> bool + Copy,
        f: &mut impl FnMut(usize, &[f64]),
    ) {
        let (groups, rest) = self.roots.as_chunks::<LANES>();
        let (depths, rest_depths) = self.depths.as_chunks::<LANES>();
        for (g, (group, depths)) in groups.iter().zip(depths).enumerate() {
            let deepest = depths.iter().fold(0, |a, b| a.max(*b));
            let at = self.walk(*group, deepest, right);
            for (lane, at) in at.into_iter().enumerate() {
                f(g * LANES + lane, self.value_at(at));
            }
        }
        for (t, (root, depth)) in rest.iter().zip(rest_depths).enumerate() {
            let [at] = self.walk([*root], *depth, right);
            f(groups.len() * LANES + t, self.value_at(at));
        }
    }

    /// Adds what every tree says about a row to `out`, tree after tree.
    pub fn add_row(&self, row: RowView<'_>, dense: &mut Vec<f64>, out: &mut [f64]) {
        // Sums of one number or two stay in registers.
        match out {
            [one] if self.width == 1 => {
                let mut sum = *one;
                self.for_each_leaf(row, dense, |_, value| sum += value[0]);
                *one = sum;
            }
            [first, second] if self.width == 2 => {
                let mut sum = [*first, *second];
                self.for_each_leaf(row, dense, |_, value| sum = [sum[0] + value[0], sum[1] + value[1]]);
                [*first, *second] = sum;
            }
            _ => self.for_each_leaf(row, dense, |_, value| add(value, out)),
        }
    }

    /// Shows what tree `t` says about a row to `f`.
    pub fn value_of<R>(
        &self,
        t: usize,
        row: RowView<'_>,
        dense: &mut Vec<f64>,
        f: impl FnOnce(&[f64]) -> R,
    ) -> R {
        let root = self.roots[t];
        self.with_dense(row, dense, |row| {
            let [at] = self.walk_rows(root, self.depths[t], [row]);
            f(self.value_at(at))
        })
    }

    /// Adds what every tree says about each of the dense rows in `rows` (one after the other) to `out`, with the
    /// same bits as [`add_row`](Self::add_row): tree after tree, several rows in step.
    pub fn add_dense_rows(&self, rows: &[f64], out: &mut [f64]) {
        if self.columns == 0 || self.width == 0 {
            return;
        }
        let of = |i: usize| &rows[i * self.columns..(i + 1) * self.columns];
        let n = (rows.len() / self.columns).min(out.len() / self.width);
        for (&root, &depth) in self.roots.iter().zip(&self.depths) {
            let mut first = 0;
            while first + LANES <= n {
                let at =
                    self.walk_rows(root, depth, std::array::from_fn::<_, LANES, _>(|lane| of(first + lane)));
                for (lane, at) in at.into_iter().enumerate() {
                    let place = (first + lane) * self.width;
                    add(self.value_at(at), &mut out[place..place + self.width]);
                }
                first += LANES;
            }
            for i in first..n {
                let [at] = self.walk_rows(root, depth, [of(i)]);
                add(self.value_at(at), &mut out[i * self.width..(i + 1) * self.width]);
            }
        }
    }

    fn value_at(&self, node: u32) -> &[f64] {
        self.value_of_leaf(self.nodes[node as usize].leaf_number())
    }

    #[inline]
    pub(super) fn value_of_leaf(&self, leaf: usize) -> &[f64] {
        &self.values[leaf * self.width..(leaf + 1) * self.width]
    }

    /// Shows a row to `f` with every number stored. `dense` is all zero before and after.
    fn with_dense<R>(&self, row: RowView<'_>, dense: &mut Vec<f64>, f: impl FnOnce(&[f64]) -> R) -> R {
        match row {
            RowView::Dense(row) => f(row),
            RowView::Sparse { indices, values } => {
                if dense.len() < self.columns {
                    dense.resize(self.columns, 0.0);
                }
                for (&j, &v) in indices.iter().zip(values) {
                    if let Some(at) = dense.get_mut(j as usize) {
                        *at = f64::from(v);
                    }
                }
                let result = f(dense);
                for &j in indices {
                    if let Some(at) = dense.get_mut(j as usize) {
                        *at = 0.0;
                    }
                }
                result
            }
        }
    }

    /// From the root of a tree to the leaves of these rows.
    fn walk_rows<const N: usize>(&self, root: u32, depth: u32, rows: [&[f64]; N]) -> [u32; N] {
        let x = |node: &Node, lane: usize| rows[lane][(node.column & COLUMN) as usize];
        if self.set_ends.is_empty() {
            self.walk([root; N], depth, |node, lane| node.numeric(x(node, lane)))
        } else {
            self.walk([root; N], depth, |node, lane| self.any(node, x(node, lane)))
        }
    }

    /// From these nodes, above none of which lie more than `depth` splits, to the leaves.
    #[inline]
    fn walk<const N: usize>(
        &self,
        mut at: [u32; N],
        depth: u32,
        right: impl Fn(&Node, usize) -> bool,
    ) -> [u32; N] {
        let nodes = self.nodes.as_slice();
        let mut step = || {
            let mut moved = 0;
            for lane in 0..N {
                let node = &nodes[at[lane] as usize];
                let to = node.left + u32::from(right(node, lane));
                moved |= to ^ at[lane];
                at[lane] = to;
            }
            moved != 0
        };
        if depth <= SHALLOW {
            (0..depth).for_each(|_| {
                step();
            });
        } else {
            while step() {}
        }
        at
    }

    /// Whether a number or a level goes right.
    #[inline]
    pub(super) fn any(&self, node: &Node, x: f64) -> bool {
        if node.column & CATEGORIES == 0 {
            return node.numeric(x);
        }
        let number = node.threshold as usize;
        let start = if number == 0 { 0 } else { self.set_ends[number - 1] as usize };
        let set = &self.sets[start..self.set_ends[number] as usize];
        let known = x >= 0.0 && x < (set.len() * 64) as f64;
        let goes_left = if known {
            let level = x as usize;
            set[level / 64] >> (level % 64) & 1 == 1
        } else {
            node.column & MISSING_LEFT != 0
        };
        !goes_left
    }
}

impl Node {
    /// Whether a number goes right.
    #[inline]
    fn numeric(&self, x: f64) -> bool {
        (x > self.threshold) | (x.is_nan() & (self.column & MISSING_LEFT == 0))
    }
}

#[inline]
fn add(value: &[f64], out: &mut [f64]) {
    for (out, v) in out.iter_mut().zip(value) {
        *out += v;
    }
}
