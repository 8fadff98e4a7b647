//! The best split of a node.

use prompt_core::Seed;

use super::super::bins::{Code, Storage};
use super::gather::{Buffers, CODES, SMALL};
use super::objective::{MARGIN, Objective};
use super::split::{Found, Judge};
use super::{Grower, Growth, NEAR};

/// Rows × columns from which one node is worth several threads.
const PARALLEL: usize = 1 << 18;

impl<C: Code, O: Objective> Growth<'_, C, O> {
    pub(super) fn find(
        &mut self,
        start: usize,
        end: usize,
        node: u32,
        total: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let codes = self.of.codes;
        match codes.storage() {
            Storage::Dense(_) if self.near.is_some() => self.find_in_cells(start, end, total),
            Storage::Dense(_) => self.find_dense(start, end, total),
            Storage::Sparse(_) => self.find_sparse(start, end, node, total),
        }
    }

    /// Draws the column at `at` of the drawn ones; all columns come in their own order unless they are shuffled.
    fn draw(&mut self, at: usize) -> usize {
        if self.of.options.shuffled || self.of.options.max_features < self.columns.len() {
            let left = (self.columns.len() - at) as u64;
            let other = at + (((self.rng.next_u64() >> 32) * left) >> 32) as usize;
            self.columns.swap(at, other);
            self.swaps.push((at, other));
        }
        self.columns[at] as usize
    }

    /// A seed for one column of a node, where splits are drawn.
    fn column_seed(&mut self) -> Seed {
        if self.of.options.random { Seed::new(self.rng.next_u64()) } else { Seed::new(0) }
    }

    fn find_dense(&mut self, start: usize, end: usize, total: &[O::Num]) -> Option<Found<O::Num>> {
        let (of, codes, bins) = (self.of, self.of.codes, self.of.bins);
        let judge = judge(of, total);
        let all = of.options.max_features >= self.columns.len();
        if all && (end - start) * self.columns.len() >= PARALLEL {
            let seeds: Vec<Seed> = (0..self.columns.len()).map(|_| self.column_seed()).collect();
            let bag = &self.bag;
            let found = self.ctx.map(seeds.len(), |j| {
                let mut buffers = Buffers::default();
                let column = codes.dense_column(j)?;
                let width = bins.column(j).missing_code() + 1;
                buffers.dense(of.by, column, width, (&bag.rows[start..end], &bag.items[start..end]));
                if buffers.groups.codes.len() < 2 {
                    return None;
                }
                judge.better(None, j, bins.column(j), &buffers.groups, seeds[j])
            });
            return found.into_iter().flatten().reduce(first_best);
        }
        let (mut best, mut seen) = (None, false);
        for drawn in 0..self.columns.len() {
            if drawn >= of.options.max_features && seen {
                break;
            }
            let j = self.draw(drawn);
            let seed = self.column_seed();
            let Some(column) = codes.dense_column(j) else { continue };
            let width = bins.column(j).missing_code() + 1;
            let node = (&self.bag.rows[start..end], &self.bag.items[start..end]);
            self.buffers.dense(of.by, column, width, node);
            if self.buffers.groups.codes.len() > 1 {
                seen = true;
                best = judge.better(best, j, bins.column(j), &self.buffers.groups, seed);
            }
        }
        best
    }

    /// As [`find_dense`](Self::find_dense), all drawn columns at once.
    fn find_in_cells(&mut self, start: usize, end: usize, total: &[O::Num]) -> Option<Found<O::Num>> {
        let (of, judge) = (self.of, judge(self.of, total));
        let (mut best, mut seen, mut from) = (None, false, 0);
        // The columns that are drawn for the node, and, while nothing differs in any of these, one more at a time.
        while from < self.columns.len() && !seen {
            let to = if from == 0 { of.options.max_features.clamp(1, self.columns.len()) } else { from + 1 };
            self.seeds.clear();
            for at in from..to {
                self.draw(at);
                let seed = self.column_seed();
                self.seeds.push(seed);
            }
            let columns = &self.columns[from..to];
            let node = (&self.bag.rows[start..end], &self.bag.items[start..end]);
            let near = self.near.as_ref().filter(|_| end - start <= NEAR);
            let few = near.filter(|_| end - start <= SMALL);
            match near {
                _ if few.is_some() => {}
                Some(near) => self.buffers.lines(of.by, near, columns, node),
                None => self.buffers.columns(of.by, of.codes, columns, node),
            }
            for (slot, (&column, &seed)) in columns.iter().zip(&self.seeds).enumerate() {
                let (j, bins) = (column as usize, of.bins.column(column as usize));
                if let Some(near) = few {
                    self.buffers.few(of.by, near, column, node);
                } else {
                    let w = of.by.width();
                    let cells = &self.buffers.hists[slot * CODES * w..][..(bins.missing_code() + 1) * w];
                    let rows = |code: usize| of.by.rows(&cells[code * w..(code + 1) * w]);
                    let any = (0..=bins.missing_code()).find(|code| rows(*code) > 0);
                    if any.is_some_and(|code| rows(code) == end - start) {
                        continue;
                    }
                    if !bins.is_categorical() && rows(bins.missing_code()) == 0 {
                        seen = true;
                        best = judge.better_of_cells(best, (j, bins), &cells[..bins.bins() * w], seed);
                        continue;
                    }
                    self.buffers.of_hist(of.by, slot);
                }
                if self.buffers.groups.codes.len() > 1 {
                    seen = true;
                    best = judge.better(best, j, bins, &self.buffers.groups, seed);
                }
            }
            from = to;
        }
        best
    }

    fn find_sparse(
        &mut self,
        start: usize,
        end: usize,
        node: u32,
        total: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let Storage::Sparse(codes) = self.of.codes.storage() else { return None };
        let judge = judge(self.of, total);
        let first = self.of.options.max_features.min(self.columns.len());
        // The draws of columns and of splits come in the order in which the dense way makes them.
        let seeds: Vec<Seed> = (0..first)
            .map(|at| {
                self.draw(at);
                self.column_seed()
            })
            .collect();
        self.gathered.gather(codes, &self.columns[..first], (start, &self.bag.rows[start..end]), &self.place);
        let (mut best, mut seen) = (None, false);
        for (slot, seed) in seeds.into_iter().enumerate() {
            let column = (slot, self.columns[slot] as usize, seed);
            best = self.judged(&judge, best, column, (start, end), &mut seen);
        }
        if seen || first == self.columns.len() {
            return best;
        }
        for i in &self.bag.rows[start..end] {
            codes.row(*i as usize).0.iter().for_each(|j| self.present[*j as usize] = node);
        }
        for at in first..self.columns.len() {
            let j = self.draw(at);
            let seed = self.column_seed();
            if self.present[j] == node {
                self.gathered.gather(codes, &[j as u32], (start, &self.bag.rows[start..end]), &self.place);
                best = self.judged(&judge, best, (0, j, seed), (start, end), &mut seen);
                if seen {
                    break;
                }
            }
        }
        best
    }

    /// The better of `best` and the best split of a gathered column.
    fn judged(
        &mut self,
        judge: &Judge<'_, O>,
        best: Option<Found<O::Num>>,
        (slot, j, seed): (usize, usize, Seed),
        (start, end): (usize, usize),
        seen: &mut bool,
    ) -> Option<Found<O::Num>> {
        let stored = self.gathered.of(slot);
        if stored.is_empty() {
            return best;
        }
        let bins = self.of.bins.column(j);
        let codes = (stored, bins.code(0.0), bins.missing_code() + 1);
        self.buffers.sparse(self.of.by, codes, &self.bag.items[start..end], judge.total);
        if self.buffers.groups.codes.len() < 2 {
            return best;
        }
        *seen = true;
        judge.better(best, j, bins, &self.buffers.groups, seed)
    }
}

fn judge<'a, C, O: Objective>(of: &Grower<'a, C, O>, total: &'a [O::Num]) -> Judge<'a, O> {
    let options = of.options;
    Judge { by: of.by, total, min_leaf: options.min_samples_leaf.max(1), random: options.random }
}

/// The better one; of two that are equal the first.
fn first_best<N>(a: Found<N>, b: Found<N>) -> Found<N> {
    if b.parted > a.parted + MARGIN * a.parted.abs() { b } else { a }
}
