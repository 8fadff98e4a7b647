//! Splits of categories: one against the rest where they are few, else a run of them in the order of their gradients.
//!
//! Sorted by G / (H + `cat_smooth`), some run from one end is the best set for a convex loss (Fisher, 1958). Levels
//! with few rows say little and stay right; the sets get an L2 penalty of their own.

use super::columns::Column;
use super::histogram::Bin;
use super::split::{Node, Rules, Split, Test, better};

impl Rules {
    /// The best split of the node on a column of categories. Missing numbers are one category more.
    pub(super) fn best_set(&self, node: &Node, column: Column, bins: &[Bin]) -> Option<Split> {
        let used = column.bins + usize::from(column.missing);
        let missing = |set: &[u64; 4]| column.missing.then(|| holds(set, column.bins));
        if column.bins <= self.max_cat_to_onehot {
            let least = self.least(node);
            return (0..used)
                .filter(|&c| bins[c][1] >= least && node.total[1] - bins[c][1] >= least)
                .map(|c| {
                    let mut set = [0; 4];
                    put(&mut set, c);
                    self.finish(node, column, (Test::Among(set), missing(&set)), bins[c], self.l2)
                })
                .fold(None, better);
        }
        let each = node.total[1] / node.rows.max(1) as f64;
        let mut order: Vec<(f64, usize)> = (0..used)
            .filter(|&c| bins[c][1] >= self.cat_smooth * each)
            .map(|c| (bins[c][0] / (bins[c][1] + self.cat_smooth), c))
            .collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let upward = self.best_run(node, column, bins, order.iter().map(|o| o.1), order.len());
        let downward = self.best_run(node, column, bins, order.iter().rev().map(|o| o.1), order.len());
        better(upward, downward).map(|split| {
            let Test::Among(set) = split.test else { return split };
            Split { missing_left: missing(&set), ..split }
        })
    }

    fn best_run(
        &self,
        node: &Node,
        column: Column,
        bins: &[Bin],
        order: impl Iterator<Item = usize>,
        count: usize,
    ) -> Option<Split> {
        let each = node.total[1] / node.rows.max(1) as f64;
        let least = self.least(node);
        let group = self.min_data_per_group * each;
        let l2 = self.l2 + self.cat_l2;
        let (mut set, mut left, mut since) = ([0; 4], [0.0; 2], 0.0);
        let mut best = None;
        for c in order.take(self.max_cat_threshold.min(count.div_ceil(2))) {
            put(&mut set, c);
            left = [left[0] + bins[c][0], left[1] + bins[c][1]];
            since += bins[c][1];
            let right = node.total[1] - left[1];
            if right < least.max(group) {
                break;
            }
            if left[1] < least || since < group {
                continue;
            }
            since = 0.0;
            best = better(best, self.finish(node, column, (Test::Among(set), None), left, l2));
        }
        best
    }
}

fn put(set: &mut [u64; 4], code: usize) {
    set[(code / 64) & 3] |= 1 << (code % 64);
}

/// Whether the set has this code.
pub(super) fn holds(set: &[u64; 4], code: usize) -> bool {
    set[(code / 64) & 3] >> (code % 64) & 1 == 1
}
