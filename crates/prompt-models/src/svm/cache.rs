//! The rows of the kernel matrix that were used last.

use std::sync::Arc;

use prompt_core::Matrix;

use super::kernel::Rows;

/// Kernel rows in `f32`, the longest unused of which makes room for a new one.
pub(crate) struct Cache<'a> {
    rows: &'a Rows,
    x: &'a Matrix,
    kept: Vec<Option<(Arc<[f32]>, u64)>>,
    used: Vec<usize>,
    limit: usize,
    clock: u64,
    query: Vec<f64>,
    values: Vec<f64>,
}

impl<'a> Cache<'a> {
    /// Keeps up to `bytes`, and two rows at least.
    pub(crate) fn new(rows: &'a Rows, x: &'a Matrix, bytes: usize) -> Self {
        let limit = (bytes / (4 * rows.count().max(1))).max(2);
        let values = vec![0.0; rows.padded()];
        let kept = vec![None; rows.count()];
        Self { rows, x, kept, used: Vec::new(), limit, clock: 0, query: Vec::new(), values }
    }

    /// Row i of the kernel matrix.
    pub(crate) fn row(&mut self, i: usize) -> Arc<[f32]> {
        self.clock += 1;
        if let Some((row, used)) = &mut self.kept[i] {
            *used = self.clock;
            return Arc::clone(row);
        }
        if self.used.len() >= self.limit {
            self.make_room();
        }
        self.rows.spread(self.x.row(i), &mut self.query);
        self.rows.values([&self.query], &mut self.values);
        let row: Arc<[f32]> = self.values[..self.rows.count()].iter().map(|v| *v as f32).collect();
        self.kept[i] = Some((Arc::clone(&row), self.clock));
        self.used.push(i);
        row
    }

    /// Drops the half that was not used for the longest time: finding it costs a pass, so that it is done seldom.
    fn make_room(&mut self) {
        let age = |i: &usize| self.kept[*i].as_ref().map_or(0, |(_, used)| *used);
        let mut used = std::mem::take(&mut self.used);
        used.sort_by_key(|i| std::cmp::Reverse(age(i)));
        for i in used.drain(self.limit / 2..) {
            self.kept[i] = None;
        }
        self.used = used;
    }

    /// The diagonal of the kernel matrix, rounded as the rows are: a step that is the best for one matrix and taken in
    /// another would never come to rest.
    pub(crate) fn diagonal(&mut self) -> Vec<f64> {
        (0..self.rows.count())
            .map(|i| {
                let one = Rows::new(&self.x.select_rows(&[i]), self.rows.shape());
                let mut value = vec![0.0; one.padded()];
                self.rows.spread(self.x.row(i), &mut self.query);
                one.values([&self.query], &mut value);
                f64::from(value[0] as f32)
            })
            .collect()
    }
}
