//! Splits that are drawn of every column of a small node.
//!
//! ```text
//! 64 columns of all rows of the node   → smallest and largest → draws → which rows go left → sums of the left side
//! ```
//!
//! Where a table is wide and a node small, a column's codes and bins are read from far away for a few rows. The numbers
//! of a row lie side by side, so here they are read instead, and the bin is looked up for the split that is taken only.

use prompt_core::Dense;

use super::super::bins::Code;
use super::Growth;
use super::draw::{Numbers, between, room};
use super::find::judge;
use super::objective::{MARGIN, Objective};
use super::split::{Found, Side};
use crate::simd::vectorised;

/// Rows of a node at most.
const ROWS: usize = 256;
/// Columns that are read together.
const COLUMNS: usize = 64;

/// A number for each of some columns.
type Block = [f64; COLUMNS];

/// What was drawn of the columns of a node, in the order of the table.
#[derive(Default)]
pub(super) struct Draws {
    units: Vec<f64>,
    /// The number drawn of each column.
    at: Vec<f64>,
    /// What it parts the node into is worth; no number where nothing differs, or a part would be too small.
    parted: Vec<f64>,
    /// Which rows do not go left, a few columns at a time.
    right: Vec<u8>,
}

impl<C: Code, O: Objective> Growth<'_, C, O> {
    /// The table, if the splits of a node of so many rows are to be drawn this way.
    pub(super) fn read_by_rows<'a>(&self, numbers: &Numbers<'a>, rows: usize) -> Option<&'a Dense> {
        let all = self.of.options.max_features >= self.columns.len();
        numbers.plain().filter(|_| all && rows <= ROWS)
    }

    /// As [`find_drawn`](Self::find_drawn): the same split of the same draws.
    pub(super) fn find_by_rows(
        &mut self,
        (x, numbers): (&Dense, &Numbers<'_>),
        (start, end): (usize, usize),
        total: &[O::Num],
    ) -> Option<Found<O::Num>> {
        let (judge, by, n) = (judge(self.of, total), self.of.by, end - start);
        let mut draws = std::mem::take(&mut self.draws);
        let Draws { units, at, parted, right } = &mut draws;
        for numbers in [&mut *units, &mut *at, &mut *parted] {
            numbers.resize(x.cols(), 0.0);
        }
        for drawn in 0..x.cols() {
            let column = self.draw(drawn);
            units[column] = self.column_seed().rng().unit();
        }
        let near = self.level(n).map(|level| &self.near[level]);
        let row = |row: &u32| x.row(near.map_or(*row, |near| near.original(*row)) as usize);
        let rows: Vec<&[f64]> = self.bag.rows[start..end].iter().map(row).collect();
        let (items, sides) = (&self.bag.items[start..end], &mut self.sides);
        let right = room(right, COLUMNS * n);
        for first in (0..x.cols()).step_by(COLUMNS) {
            let width = COLUMNS.min(x.cols() - first);
            let (low, high) = ends(&rows, first, width);
            for k in 0..width {
                at[first + k] = between((low[k], high[k]), units[first + k]);
            }
            above(&rows, first, &at[first..first + width], right);
            for k in 0..width {
                parted[first + k] = match low[k] < high[k] {
                    true => judge.parted(sums(by, items, &right[k * n..(k + 1) * n], sides)),
                    false => f64::NAN,
                };
            }
        }
        // The first of equal ones in the order of the draws.
        let mut best: Option<(usize, f64)> = None;
        for &column in &self.columns {
            let parted = parted[column as usize];
            if parted > best.map_or(f64::NEG_INFINITY, |(_, best)| best + MARGIN * best.abs()) {
                best = Some((column as usize, parted));
            }
        }
        let found = best.and_then(|(column, _)| {
            let at = at[column];
            above(&rows, column, &[at], right);
            let side = Side::Within(numbers.bin(column, at), at);
            judge.better_of_drawn(None, column, sums(by, items, &right[..n], sides), side, None)
        });
        self.draws = draws;
        found
    }
}

/// What the rows that go left sum up to.
fn sums<'a, O: Objective>(
    by: &O,
    items: &[O::Item],
    right: &[u8],
    sides: &'a mut Vec<O::Num>,
) -> &'a [O::Num] {
    sides.clear();
    sides.resize(2 * by.width(), O::Num::default());
    by.add_below(sides, items, right, 1u8);
    &sides[..by.width()]
}

/// The smallest and the largest number in each of these columns.
fn ends(rows: &[&[f64]], first: usize, width: usize) -> (Block, Block) {
    let (mut low, mut high) = ([f64::INFINITY; COLUMNS], [f64::NEG_INFINITY; COLUMNS]);
    vectorised(
        #[inline(always)]
        || {
            for row in rows {
                let row = &row[first..first + width];
                for ((low, high), v) in low.iter_mut().zip(&mut high).zip(row) {
                    *low = if *v < *low { *v } else { *low };
                    *high = if *v > *high { *v } else { *high };
                }
            }
        },
    );
    (low, high)
}

/// Notes, column after column, which rows hold a number above that of `at`.
fn above(rows: &[&[f64]], first: usize, at: &[f64], out: &mut [u8]) {
    let n = rows.len();
    let mut held = [0u8; COLUMNS];
    for (i, row) in rows.iter().enumerate() {
        let row = &row[first..first + at.len()];
        vectorised(
            #[inline(always)]
            || {
                for ((held, v), at) in held.iter_mut().zip(row).zip(at) {
                    *held = u8::from(*v > *at);
                }
            },
        );
        for (k, held) in held[..at.len()].iter().enumerate() {
            out[k * n + i] = *held;
        }
    }
}
