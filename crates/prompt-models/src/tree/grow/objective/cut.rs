//! The best cut through the packed counts of two classes, several cells at a time.

use super::{BITS, Counts, Criterion, MARGIN, MASK};
use crate::simd::vectorised;

/// Cells that are looked at together: as many as a column of narrow codes has.
const CELLS: usize = 256;
/// Fewer are not worth a call for wide instructions.
const FEW: usize = 24;
/// Cells whose worth is compared with the best at once.
const BLOCK: usize = 8;

/// As [`Objective::best_cut`](super::Objective::best_cut).
pub(super) fn best(
    by: &Counts,
    cells: &[u64],
    total: u64,
    min_leaf: u64,
    floor: f64,
) -> Option<(f64, usize)> {
    match by.criterion {
        Criterion::Gini if cells.len() >= FEW => vectorised(
            #[inline(always)]
            || by_gini(cells, total, min_leaf, floor),
        ),
        criterion => one_by_one(by, criterion, cells, total, min_leaf, floor),
    }
}

#[inline]
fn one_by_one(
    by: &Counts,
    criterion: Criterion,
    cells: &[u64],
    total: u64,
    min_leaf: u64,
    mut floor: f64,
) -> Option<(f64, usize)> {
    let (mut left, mut best) = (0, None);
    for (at, cell) in cells.iter().enumerate() {
        left += cell;
        let parted = match criterion {
            Criterion::Gini => gini(left, total, min_leaf),
            Criterion::Entropy if *cell == 0 || !is_legal(left, total, min_leaf) => continue,
            Criterion::Entropy => {
                let ((wl, l), (wr, r)) = (Counts::both(left), Counts::both(total - left));
                by.of(wl, l) + by.of(wr, r)
            }
        };
        if parted > floor {
            floor = parted + MARGIN * parted.abs();
            best = Some((parted, at));
        }
    }
    best
}

#[inline(always)]
fn by_gini(cells: &[u64], total: u64, min_leaf: u64, mut floor: f64) -> Option<(f64, usize)> {
    let (mut sum, mut best) = (0, None);
    let mut worth = [0.0f64; CELLS];
    let mut sums = [0u64; CELLS];
    for (c, cells) in cells.chunks(CELLS).enumerate() {
        for (s, cell) in sums.iter_mut().zip(cells) {
            sum += cell;
            *s = sum;
        }
        let n = cells.len();
        for (w, s) in worth[..n].iter_mut().zip(&sums[..n]) {
            *w = gini(*s, total, min_leaf);
        }
        for (b, block) in worth[..n].chunks(BLOCK).enumerate() {
            if block.iter().fold(false, |any, w| any | (*w > floor)) {
                for (at, w) in block.iter().enumerate() {
                    if *w > floor {
                        floor = w + MARGIN * w.abs();
                        best = Some((*w, c * CELLS + b * BLOCK + at));
                    }
                }
            }
        }
    }
    best
}

/// The purity of both parts; no number where a part has too few rows.
#[inline(always)]
fn gini(left: u64, total: u64, min_leaf: u64) -> f64 {
    let right = total - left;
    let (wl, l, wr, r) = (low(left >> BITS), low(left), low(right >> BITS), low(right));
    // Both fractions over one denominator: one division in the innermost loop.
    let mixed = (wl - l) * l * wr + (wr - r) * r * wl;
    let parted = wl + wr - 2.0 * mixed / (wl * wr);
    if is_legal(left, total, min_leaf) { parted } else { f64::NAN }
}

/// Compared as signed numbers, for which there are wide instructions.
#[inline(always)]
fn is_legal(left: u64, total: u64, min_leaf: u64) -> bool {
    let least = (min_leaf.min(MASK) << (2 * BITS)) as i64;
    (left as i64 >= least) & ((total - left) as i64 >= least)
}

/// The lowest of the packed numbers. Its bits are those of the fraction of a number whose last bit counts one.
#[inline(always)]
fn low(packed: u64) -> f64 {
    const ONES: f64 = (1u64 << 52) as f64;
    f64::from_bits(ONES.to_bits() | (packed & MASK)) - ONES
}

#[cfg(test)]
mod tests {
    use super::super::Objective;
    use super::*;

    #[test]
    fn wide_and_narrow_ways_find_the_same_cut() {
        let mut state = 7u64;
        let mut next = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % most
        };
        for n in [1, 2, 9, FEW, 100, 256, 700] {
            for min_leaf in [1, 5] {
                let cells: Vec<u64> = (0..n)
                    .map(|_| (0..next(4)).map(|_| Counts::item(next(3) == 0, 1 + next(3))).sum())
                    .collect();
                let total = cells.iter().sum();
                let by = Counts { criterion: Criterion::Gini, classes: 2 };
                let slow = one_by_one(&by, Criterion::Gini, &cells, total, min_leaf, f64::NEG_INFINITY);
                assert_eq!(by_gini(&cells, total, min_leaf, f64::NEG_INFINITY), slow);
                let Some((parted, at)) = slow else { continue };
                let left = [cells[..=at].iter().sum()];
                assert_eq!(parted, by.parted(&left, &[total]));
                assert!(by.rows(&left) >= min_leaf as usize);
                assert_eq!(by_gini(&cells, total, min_leaf, parted), None);
            }
        }
    }
}
