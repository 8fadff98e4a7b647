//! From a row to its leaves.

use prompt_core::RowView;

use super::{CATEGORIES, COLUMN, MISSING_LEFT, Node, TreeNodes};

/// Trees, or rows, that are walked in step, so that the wait for one node hides behind the others.
const LANES: usize = 8;

impl TreeNodes {
    /// The leaf that a row reaches in every tree, in order. `dense` is memory for sparse rows: all zero, and left so.
    pub fn for_each_leaf(&self, row: RowView<'_>, dense: &mut Vec<f64>, mut f: impl FnMut(usize, &[f64])) {
        self.with_dense(row, dense, |row| {
            let (groups, rest) = self.roots.as_chunks::<LANES>();
            for (g, group) in groups.iter().enumerate() {
                let at = self.walk(*group, [row; LANES]);
                for (lane, at) in at.into_iter().enumerate() {
                    f(g * LANES + lane, self.value_at(at));
                }
            }
            for (t, root) in rest.iter().enumerate() {
                let [at] = self.walk([*root], [row]);
                f(groups.len() * LANES + t, self.value_at(at));
            }
        });
    }

    /// Adds what every tree says about a row to `out`, tree after tree.
    pub fn add_row(&self, row: RowView<'_>, dense: &mut Vec<f64>, out: &mut [f64]) {
        self.for_each_leaf(row, dense, |_, value| add(value, out));
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
            let [at] = self.walk([root], [row]);
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
        for &root in &self.roots {
            let mut first = 0;
            while first + LANES <= n {
                let at = self.walk([root; LANES], std::array::from_fn(|lane| of(first + lane)));
                for (lane, at) in at.into_iter().enumerate() {
                    let place = (first + lane) * self.width;
                    add(self.value_at(at), &mut out[place..place + self.width]);
                }
                first += LANES;
            }
            for i in first..n {
                let [at] = self.walk([root], [of(i)]);
                add(self.value_at(at), &mut out[i * self.width..(i + 1) * self.width]);
            }
        }
    }

    fn value_at(&self, node: u32) -> &[f64] {
        let leaf = self.leaf[node as usize] as usize;
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

    /// From these nodes to the leaves, each with its own row.
    fn walk<const N: usize>(&self, at: [u32; N], rows: [&[f64]; N]) -> [u32; N] {
        if self.set_ends.is_empty() {
            self.walk_by(at, rows, Node::numeric)
        } else {
            self.walk_by(at, rows, |node, x| self.any(node, x))
        }
    }

    #[inline]
    fn walk_by<const N: usize>(
        &self,
        mut at: [u32; N],
        rows: [&[f64]; N],
        next: impl Fn(&Node, f64) -> u32,
    ) -> [u32; N] {
        loop {
            let mut moved = 0;
            for lane in 0..N {
                let node = &self.nodes[at[lane] as usize];
                let to = next(node, rows[lane][(node.column & COLUMN) as usize]);
                moved |= to ^ at[lane];
                at[lane] = to;
            }
            if moved == 0 {
                return at;
            }
        }
    }

    pub(super) fn any(&self, node: &Node, x: f64) -> u32 {
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
        node.left + u32::from(!goes_left)
    }
}

impl Node {
    #[inline]
    fn numeric(&self, x: f64) -> u32 {
        let left = (x <= self.threshold) | (x.is_nan() & (self.column & MISSING_LEFT != 0));
        self.left + u32::from(!left)
    }
}

#[inline]
fn add(value: &[f64], out: &mut [f64]) {
    for (out, v) in out.iter_mut().zip(value) {
        *out += v;
    }
}
