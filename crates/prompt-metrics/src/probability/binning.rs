//! Bins of probabilities: where their edges lie, which one a probability belongs to, and sums over them.

use prompt_core::FitContext;

use super::Bins;
use crate::check::Weights;
use crate::sort::sorted;
use crate::stats::Place;

/// Cells of [0, 1] by which a probability's bin is found.
const CELLS: usize = 1 << 12;
/// Cells of [0, 1] by which probabilities are counted to find the one of a rank.
const FINE: usize = 1 << 14;
/// Rows of a block: sums are taken over blocks and then over blocks in order, whatever the number of threads.
const BLOCK: usize = 1 << 17;

/// Bins by their upper edges; the last one has none.
pub(super) struct Binning {
    edges: Vec<f64>,
    /// The bin of the lowest number of each cell.
    first: Vec<u32>,
}

/// Sums of weight, weight × probability, weight × truth.
pub(super) type Sums = [f64; 3];

fn cell(p: f64) -> usize {
    ((p * CELLS as f64) as usize).min(CELLS - 1)
}

fn fine_cell(p: f64) -> usize {
    ((p * FINE as f64) as usize).min(FINE - 1)
}

fn context(rows: usize) -> FitContext {
    let ctx = FitContext::default();
    if rows <= BLOCK { ctx.serial() } else { ctx }
}

/// What `of` makes of each block of rows, in order.
fn blocks<R: Send>(rows: usize, of: impl Fn(std::ops::Range<usize>) -> R + Sync + Send) -> Vec<R> {
    context(rows).map(rows.div_ceil(BLOCK), |b| of(b * BLOCK..((b + 1) * BLOCK).min(rows)))
}

impl Binning {
    /// The bins of probabilities in [0, 1].
    pub(super) fn new(p: &[f64], bins: Bins, n_bins: usize, weights: Weights<'_>) -> Self {
        // NumPy's `linspace(0, 1, n_bins + 1)`, bit for bit.
        let step = 1.0 / n_bins as f64;
        let fractions = (1..n_bins).map(|k| k as f64 * step);
        let edges: Vec<f64> = match bins {
            Bins::EqualWidth => fractions.collect(),
            Bins::EqualMass => {
                // There and back to percent, as the reference does.
                quantiles(p, weights, &fractions.map(|q| q * 100.0 / 100.0).collect::<Vec<f64>>())
            }
        };
        let mut bin = 0;
        let first = (0..CELLS).map(|cell| {
            while edges.get(bin).is_some_and(|&edge| edge < cell as f64 / CELLS as f64) {
                bin += 1;
            }
            bin as u32
        });
        let first = first.collect();
        Self { edges, first }
    }

    /// The first bin whose upper edge is not below `p`.
    pub(super) fn bin_of(&self, p: f64) -> usize {
        let mut bin = self.first[cell(p)] as usize;
        while self.edges.get(bin).is_some_and(|&edge| edge < p) {
            bin += 1;
        }
        bin
    }

    /// The sums of every bin.
    pub(super) fn sums(&self, is_positive: &[bool], p: &[f64], weights: Weights<'_>) -> Vec<Sums> {
        let n_bins = self.edges.len() + 1;
        let of_block = |rows: std::ops::Range<usize>| {
            let mut sums = vec![[0.0; 3]; n_bins];
            for i in rows {
                let (w, truth) = (weights.get(i), f64::from(u8::from(is_positive[i])));
                let sum = &mut sums[self.bin_of(p[i])];
                sum[0] += w;
                sum[1] += w * p[i];
                sum[2] += w * truth;
            }
            sums
        };
        let mut total = vec![[0.0; 3]; n_bins];
        for block in blocks(p.len(), of_block) {
            for (total, sums) in total.iter_mut().zip(block) {
                total.iter_mut().zip(sums).for_each(|(t, s)| *t += s);
            }
        }
        total
    }
}

/// The `fractions` quantiles of the probabilities with weight, each row counting once: only the cells in which their
/// neighbours lie are sorted.
fn quantiles(p: &[f64], weights: Weights<'_>, fractions: &[f64]) -> Vec<f64> {
    let with_weight = |i: &usize| weights.given().is_none_or(|w| w[*i] > 0.0);
    let mut counts = vec![0usize; FINE];
    for block in blocks(p.len(), |rows| {
        let mut counts = vec![0u32; FINE];
        rows.filter(with_weight).for_each(|i| counts[fine_cell(p[i])] += 1);
        counts
    }) {
        counts.iter_mut().zip(block).for_each(|(sum, n)| *sum += n as usize);
    }
    let rows: usize = counts.iter().sum();
    // The cell of every rank that a quantile reads, and how many rows lie below it.
    let places: Vec<Place> = fractions.iter().map(|&q| Place::of(rows, q)).collect();
    let mut wanted = vec![false; FINE];
    let mut below = Vec::with_capacity(FINE + 1);
    below.push(0);
    counts.iter().for_each(|n| below.push(below[below.len() - 1] + n));
    let cell_of = |rank: usize| below.partition_point(|&n| n <= rank) - 1;
    places.iter().for_each(|place| {
        wanted[cell_of(place.below)] = true;
        wanted[cell_of(place.above)] = true;
    });
    let chosen = sorted(
        blocks(p.len(), |rows| {
            rows.filter(with_weight).map(|i| p[i]).filter(|&p| wanted[fine_cell(p)]).collect::<Vec<f64>>()
        })
        .into_iter()
        .flatten(),
    );
    // Of the chosen numbers, how many lie in cells before each.
    let mut skipped = vec![0];
    counts.iter().zip(&wanted).for_each(|(n, wanted)| {
        skipped.push(skipped[skipped.len() - 1] + if *wanted { 0 } else { *n });
    });
    let at = |rank: usize| chosen[rank - skipped[cell_of(rank)]];
    places.iter().map(|place| place.between(at(place.below), at(place.above))).collect()
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;
    use crate::stats::quantile;

    #[test]
    fn quantiles_and_bins_are_those_of_the_sorted_numbers() {
        let mut rng = Seed::new(8).rng();
        let mut made = |n: usize, f: fn(f64) -> f64| (0..n).map(|_| f(rng.unit())).collect::<Vec<f64>>();
        let cases = [
            made(7, |u| u),
            made(3 * BLOCK + 5, |u| u),
            made(BLOCK + 1, |u| u.powi(40)),
            made(5000, |u| (u * 8.0).round() / 8.0),
            made(5000, |_| 1.0),
            made(5000, |u| 0.5 + 1e-9 * u),
        ];
        for p in cases {
            let none = Weights::new(None, p.len()).unwrap();
            let fractions = [0.0, 0.1, 1.0 / 3.0, 0.5, 0.999, 1.0];
            let sorted = sorted(p.iter().copied());
            let expected: Vec<f64> = fractions.iter().map(|&q| quantile(&sorted, q)).collect();
            assert_eq!(quantiles(&p, none, &fractions), expected);
            for bins in [Bins::EqualMass, Bins::EqualWidth] {
                let binning = Binning::new(&p, bins, 15, none);
                for &p in p.iter().take(500) {
                    assert_eq!(binning.bin_of(p), binning.edges.partition_point(|&edge| edge < p));
                }
            }
        }
    }
}
