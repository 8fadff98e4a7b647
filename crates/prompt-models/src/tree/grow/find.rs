//! The best split of a node.

use prompt_core::Seed;

use super::super::bins::{Code, Storage};
use super::gather::{Buffers, CODES, SMALL, SMALLER};
use super::objective::{MARGIN, Objective, narrow};
use super::split::{Found, Judge};
use super::{Grower, Growth};

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
        let (of, codes, options) = (self.of, self.of.codes, self.of.options);
        match (codes.storage(), &of.raw) {
            (Storage::Dense(_), Some(numbers)) if options.random => {
                match self.read_by_rows(numbers, end - start) {
                    Some(x) => self.find_by_rows((x, numbers), (start, end), total),
                    None => self.find_drawn(numbers, (start, end), total),
                }
            }
            (Storage::Dense(_), _) if self.of.lines.is_some() && !options.random => {
                self.find_in_cells(start, end, total)
            }
            (Storage::Dense(_), _) => self.find_dense(start, end, total),
            (Storage::Sparse(_), _) => self.find_sparse(start, end, node, total),
        }
    }

    /// Draws the column at `at` of the drawn ones; all columns come in their own order unless they are shuffled.
    pub(super) fn draw(&mut self, at: usize) -> usize {
        if self.of.options.shuffled || self.of.options.max_features < self.columns.len() {
            let left = (self.columns.len() - at) as u64;
            let other = at + (((self.rng.next_u64() >> 32) * left) >> 32) as usize;
            self.columns.swap(at, other);
            self.swaps.push((at, other));
        }
        self.columns[at] as usize
    }

    /// A seed for one column of a node, where splits are drawn.
    pub(super) fn column_seed(&mut self) -> Seed {
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

    /// As [`find_dense`](Self::find_dense), all drawn columns at once, from lines. Splits are not drawn here.
    fn find_in_cells(&mut self, start: usize, end: usize, total: &[O::Num]) -> Option<Found<O::Num>> {
        let (of, judge) = (self.of, judge(self.of, total));
        let (mut best, mut seen, mut from) = (None, false, 0);
        // The columns that are drawn for the node, and, while nothing differs in any of these, one more at a time.
        while from < self.columns.len() && !seen {
            let to = if from == 0 { of.options.max_features.clamp(1, self.columns.len()) } else { from + 1 };
            for at in from..to {
                self.draw(at);
            }
            let columns = &self.columns[from..to];
            let node = (&self.bag.rows[start..end], &self.bag.items[start..end]);
            let n = end - start;
            let near = self.level(n).map(|level| &self.near[level]);
            let narrow = of.by.is_narrow(total);
            let few = near.filter(|_| n <= if narrow { SMALLER } else { SMALL });
            match near {
                _ if few.is_some() => {}
                Some(near) if narrow => self.buffers.narrow(of.by, near, columns, node),
                Some(near) => self.buffers.lines(of.by, near, columns, node),
                None => self.buffers.columns(of.by, of.codes, columns, node),
            }
            for (slot, &column) in columns.iter().enumerate() {
                let (j, bins) = (column as usize, of.bins.column(column as usize));
                if let Some(near) = few {
                    self.buffers.few(of.by, near, column, node);
                } else if near.is_some() && narrow {
                    let cells = &self.buffers.narrow[slot];
                    if bins.is_categorical() || narrow::at(cells, bins.missing_code()) > 0 {
                        self.buffers.of_narrow(of.by, slot);
                    } else {
                        best = judge.better_of_narrow(best, (j, bins), cells, &mut self.buffers.memory);
                        seen =
                            seen || best.is_some() || cells.iter().filter(|cell| **cell > 0).nth(1).is_some();
                        continue;
                    }
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
                        best = judge.better_of_cells(best, j, &cells[..bins.bins() * w]);
                        continue;
                    }
                    self.buffers.of_hist(of.by, slot);
                }
                if self.buffers.groups.codes.len() > 1 {
                    seen = true;
                    best = judge.better(best, j, bins, &self.buffers.groups, Seed::new(0));
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
        self.seeds.clear();
        for at in 0..first {
            self.draw(at);
            let seed = self.column_seed();
            self.seeds.push(seed);
        }
        self.parts.gather(codes, &self.columns[..first], (start, &self.bag.rows[start..end]), &self.place);
        let (mut best, mut seen) = (None, false);
        for slot in 0..first {
            if !self.parts.of(slot).is_empty() {
                let j = self.columns[slot] as usize;
                seen |= self.judge_stored(
                    &judge,
                    &mut best,
                    (slot, j, codes.zero()[j].bin()),
                    (start, end),
                    self.seeds[slot],
                );
            }
        }
        if seen || first == self.columns.len() {
            return best;
        }
        if self.parts.block().is_none() {
            for i in &self.bag.rows[start..end] {
                codes.row(*i as usize).0.iter().for_each(|j| self.present[*j as usize] = node);
            }
        }
        for at in first..self.columns.len() {
            let j = self.draw(at);
            let seed = self.column_seed();
            if self.parts.block().map_or(self.present[j] == node, |block| block.stores(j)) {
                self.parts.gather(codes, &[j as u32], (start, &self.bag.rows[start..end]), &self.place);
                seen |=
                    self.judge_stored(&judge, &mut best, (0, j, codes.zero()[j].bin()), (start, end), seed);
                if seen {
                    break;
                }
            }
        }
        best
    }

    /// Takes the best split of a gathered column, of which codes other than `zero` are stored, for `best` if it is
    /// better; returns whether any rows differ in it.
    fn judge_stored(
        &mut self,
        judge: &Judge<'_, O>,
        best: &mut Option<Found<O::Num>>,
        (slot, j, zero): (usize, usize, usize),
        (start, end): (usize, usize),
        seed: Seed,
    ) -> bool {
        let (stored, items) = (self.parts.of(slot), &self.bag.items[start..end]);
        // Most columns store few codes here, and no way to part those few could make up for what the best has gained.
        let sum = self.buffers.sum_stored(self.of.by, stored, items, judge.total);
        let most = self.of.by.most(sum);
        if stored.len() < items.len() && !judge.may_be_better(best.as_ref(), most, &self.buffers.rest) {
            return true;
        }
        let bins = self.of.bins.column(j);
        self.buffers.sparse(self.of.by, (stored, zero, bins.missing_code() + 1), items);
        if self.buffers.groups.codes.len() < 2 {
            return false;
        }
        *best = judge.better(best.take(), j, bins, &self.buffers.groups, seed);
        true
    }
}

pub(super) fn judge<'a, C, O: Objective>(of: &Grower<'a, C, O>, total: &'a [O::Num]) -> Judge<'a, O> {
    let options = of.options;
    Judge { by: of.by, total, min_leaf: options.min_samples_leaf.max(1), random: options.random }
}

/// The better one; of two that are equal the first.
fn first_best<N>(a: Found<N>, b: Found<N>) -> Found<N> {
    if b.parted > a.parted + MARGIN * a.parted.abs() { b } else { a }
}
