//! Rows that are alike to a confusion matrix are drawn together.

use prompt_core::Seed;

use super::{binomial::binomial, resample};
use crate::check::Weights;
use crate::classify::Confusion;

/// Rows of the same truth, the same predictions of `M` models, and the same weight.
struct Pattern<const M: usize> {
    cells: [u32; M],
    weight: f64,
    rows: u64,
}

/// The patterns of a data set, most frequent first.
pub(super) struct Patterns<const M: usize> {
    n_classes: usize,
    patterns: Vec<Pattern<M>>,
    rows: u32,
    /// The pattern of each row, where there are too many patterns to draw their counts.
    of_row: Option<Vec<u32>>,
}

impl<const M: usize> Patterns<M> {
    /// Labels have been checked: `u32` holds their number of rows and of cells.
    pub(super) fn new(
        y_true: &[u32],
        pred: [&[u32]; M],
        n_classes: usize,
        weights: Weights<'_>,
        rows: u32,
    ) -> Self {
        let key = |i: usize| {
            let cells = pred.map(|p| y_true[i] * n_classes as u32 + p[i]);
            (cells, weights.get(i).to_bits())
        };
        let mut order: Vec<([u32; M], u64, u32)> =
            (0..rows).map(|i| (key(i as usize).0, key(i as usize).1, i)).collect();
        order.sort_unstable();
        let alike = |a: &([u32; M], u64, u32), b: &([u32; M], u64, u32)| (a.0, a.1) == (b.0, b.1);
        let mut groups: Vec<&[([u32; M], u64, u32)]> = order.chunk_by(alike).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        let patterns: Vec<Pattern<M>> = groups
            .iter()
            .map(|g| Pattern { cells: g[0].0, weight: f64::from_bits(g[0].1), rows: g.len() as u64 })
            .collect();
        let of_row = (patterns.len() > rows as usize / 4).then(|| {
            let mut of_row = vec![0; rows as usize];
            for (pattern, group) in groups.iter().enumerate() {
                group.iter().for_each(|row| of_row[row.2 as usize] = pattern as u32);
            }
            of_row
        });
        Self { n_classes, patterns, rows, of_row }
    }

    /// As many rows as there are, drawn with replacement: the counts of the patterns are multinomial, so they are drawn one
    /// by one as binomials of what is left.
    pub(super) fn resample(&self, seed: Seed) -> [Confusion; M] {
        let mut drawn = vec![0; self.patterns.len()];
        match &self.of_row {
            Some(of_row) => resample::draw(seed, self.rows, |rows| {
                rows.iter().for_each(|&row| drawn[of_row[row as usize] as usize] += 1);
            }),
            None => {
                let mut rng = seed.rng();
                let (mut draws, mut rows) = (u64::from(self.rows), u64::from(self.rows));
                for (count, pattern) in drawn.iter_mut().zip(&self.patterns) {
                    *count = binomial(&mut rng, draws, pattern.rows as f64 / rows as f64);
                    draws -= *count;
                    rows -= pattern.rows;
                }
            }
        }
        self.confusions(|pattern| drawn[pattern])
    }

    /// All rows but one, for each pattern that one can be of, and how many rows are of it.
    pub(super) fn without_one(&self) -> impl Iterator<Item = ([Confusion; M], f64)> {
        self.patterns.iter().enumerate().map(|(left_out, pattern)| {
            let rows = |p: usize| self.patterns[p].rows - u64::from(p == left_out);
            (self.confusions(rows), pattern.rows as f64)
        })
    }

    fn confusions(&self, rows: impl Fn(usize) -> u64) -> [Confusion; M] {
        let mut confusions: [Confusion; M] = std::array::from_fn(|_| Confusion::zeros(self.n_classes));
        for (p, pattern) in self.patterns.iter().enumerate() {
            let weight = rows(p) as f64 * pattern.weight;
            for (confusion, &cell) in confusions.iter_mut().zip(&pattern.cells) {
                confusion.counts_mut()[cell as usize] += weight;
            }
        }
        confusions
    }
}
