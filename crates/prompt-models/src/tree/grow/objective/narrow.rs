//! Cells of small nodes of two classes in four bytes each, laid out so that eight of them are summed up and judged at a
//! time.
//!
//! ```text
//! cell      rows · weight · weight of the second class      10 bits each
//! layout    code 32·l + s lies in lane l of step s: a sum over the codes is eight sums, one a lane
//! worth     by f32 first; only cells that come within its rounding of the best are worth an f64
//! ```

use super::{Counts, MARGIN, MASK};
use crate::simd::vectorised;

const LANES: usize = 8;
const STEPS: usize = 32;
/// Bits of each of the three numbers.
const BITS: u32 = 10;
const LOW: u32 = (1 << BITS) - 1;

/// The cells of all codes of a column, step after step.
pub(in super::super) type Cells = [u32; LANES * STEPS];

/// More than the relative error of a worth in f32: a dozen roundings of 2⁻²⁴.
const ROUNDING: f32 = 2e-6;

/// Whether a node of this total may be counted so.
pub(super) fn holds(total: u64) -> bool {
    ((total >> super::BITS) & MASK) <= u64::from(LOW)
}

/// The narrow form of packed counts.
#[inline]
pub(super) fn of(wide: u64) -> u32 {
    let part = |n: u32| (wide >> (n * super::BITS)) as u32 & LOW;
    part(2) << (2 * BITS) | part(1) << BITS | part(0)
}

/// The packed counts of a narrow cell.
#[inline]
pub(super) fn widened(cell: u32) -> u64 {
    let part = |n: u32| u64::from(cell >> (n * BITS) & LOW) << (n * super::BITS);
    part(2) | part(1) | part(0)
}

/// Where the cell of a code lies among all of them: lane and step change places.
#[inline]
pub(in super::super) fn place(code: u8) -> usize {
    usize::from(code.rotate_left(LANES.trailing_zeros()))
}

/// The cell of a code.
#[inline]
pub(in super::super) fn at(cells: &Cells, code: usize) -> u32 {
    cells[place(code as u8)]
}

/// What [`best`] writes on the way.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    /// The sum of the cells up to each.
    pub(in super::super) sums: Cells,
    worths: [f32; LANES * STEPS],
}

impl Default for Memory {
    fn default() -> Self {
        Self { sums: [0; LANES * STEPS], worths: [0.0; LANES * STEPS] }
    }
}

/// As [`Objective::best_cut`](super::Objective::best_cut) by the Gini impurity.
pub(super) fn best(
    cells: &Cells,
    total: u64,
    min_leaf: usize,
    mut floor: f64,
    memory: &mut Memory,
) -> Option<(f64, usize)> {
    let least_rows = (min_leaf as u64).min(u64::from(LOW)) as u32;
    let most = vectorised(
        #[inline(always)]
        || match least_rows {
            0 | 1 => judge::<false>(cells, of(total), 1, memory),
            rows => judge::<true>(cells, of(total), rows, memory),
        },
    );
    // The worth of a cut is weight + 2 · (what is judged − second class).
    let (weight, second) = Counts::both(total);
    let worth = weight + 2.0 * (f64::from(most) * f64::from(1.0 + ROUNDING) - second);
    if !most.is_finite() || worth <= floor {
        return None;
    }
    let least = most * (1.0 - ROUNDING);
    let near = vectorised(
        #[inline(always)]
        || steps_from(&memory.worths, least),
    );
    let mut best = None;
    for lane in 0..LANES {
        let mut steps = near;
        while steps != 0 {
            let step = steps.trailing_zeros() as usize;
            steps &= steps - 1;
            let at = step * LANES + lane;
            // No number where a part is empty.
            let close = memory.worths[at] >= least;
            if !close || cells[at] == 0 {
                continue;
            }
            let worth = Counts::parted_by_gini(widened(memory.sums[at]), total);
            if worth > floor {
                floor = worth + MARGIN * worth.abs();
                best = Some((worth, lane * STEPS + step));
            }
        }
    }
    best
}

/// For every cell as the last of the left part l²/w_l + r²/w_r, of the weights of the second class and of all, which is
/// large where the impurity is small; no number or −∞ where a part has too few rows. Returns the largest, −∞ where there
/// is none.
#[inline(always)]
fn judge<const LIMITED: bool>(cells: &Cells, total: u32, least_rows: u32, memory: &mut Memory) -> f32 {
    let steps = memory.sums.as_chunks_mut::<LANES>().0;
    let mut sum = [0; LANES];
    for (sums, cells) in steps.iter_mut().zip(cells.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sum[lane] += cells[lane];
        }
        *sums = sum;
    }
    let mut before = [0; LANES];
    for lane in 1..LANES {
        before[lane] = before[lane - 1] + sum[lane - 1];
    }
    let number = |cell: u32, n: u32| (cell >> (n * BITS) & LOW) as i32 as f32;
    let (weight, second) = (number(total, 1), number(total, 0));
    let least = (least_rows << (2 * BITS)) as i32;
    let mut most = [f32::NEG_INFINITY; LANES];
    for (sums, worths) in steps.iter_mut().zip(memory.worths.as_chunks_mut::<LANES>().0) {
        for lane in 0..LANES {
            let left = sums[lane] + before[lane];
            sums[lane] = left;
            let (wl, l) = (number(left, 1), number(left, 0));
            let (wr, r) = (weight - wl, second - l);
            // Both fractions over one denominator: one division.
            let mut worth = (l * l * wr + r * r * wl) / (wl * wr);
            if LIMITED {
                // Compared as signed numbers, for which there are wide instructions.
                let legal = (left as i32 >= least) & ((total - left) as i32 >= least);
                worth = if legal { worth } else { f32::NEG_INFINITY };
            }
            worths[lane] = worth;
            most[lane] = if worth > most[lane] { worth } else { most[lane] };
        }
    }
    most.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// The steps with a cell of at least this worth, as bits.
#[inline(always)]
fn steps_from(worths: &[f32; LANES * STEPS], least: f32) -> u32 {
    let mut steps = 0;
    for (step, worths) in worths.as_chunks::<LANES>().0.iter().enumerate() {
        let any = worths.iter().fold(false, |any, w| any | (*w >= least));
        steps |= u32::from(any) << step;
    }
    steps
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::super::{Criterion, Objective};
    use super::*;

    #[test]
    fn narrow_and_wide_cells_find_the_same_cut() {
        let mut rng = Seed::new(6).rng();
        let by = Counts { criterion: Criterion::Gini, classes: 2 };
        for (codes, rows) in [(1, 9), (2, 30), (17, 30), (255, 40), (255, 400), (200, 900)] {
            for min_leaf in [1, 4] {
                let mut wide = vec![0; codes];
                let mut cells = [0; LANES * STEPS];
                for _ in 0..rows {
                    let code = rng.below(codes);
                    let item = Counts::item(rng.chance(0.2 + 0.5 * code as f64 / codes as f64), 1);
                    wide[code] += item;
                    cells[place(code as u8)] += of(item);
                }
                let total = wide.iter().sum();
                assert!(holds(total) && (0..codes).all(|code| widened(at(&cells, code)) == wide[code]));
                let mut memory = Memory::default();
                let found = best(&cells, total, min_leaf, f64::NEG_INFINITY, &mut memory);
                assert_eq!(found, by.best_cut(&wide, &[total], min_leaf, f64::NEG_INFINITY));
                let Some((worth, last)) = found else { continue };
                assert_eq!(widened(at(&memory.sums, last)), wide[..=last].iter().sum::<u64>());
                assert_eq!(best(&cells, total, min_leaf, worth, &mut memory), None);
            }
        }
        assert!(!holds(Counts::item(false, 1024)));
    }
}
