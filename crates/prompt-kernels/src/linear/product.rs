//! The product's blocks: which tile is computed when, and by which thread.
#![allow(unsafe_code, reason = "threads write disjoint tiles of one output; tiles are read and written through pointers")]

use std::ops::Range;

use super::epilogue::{Epilogue, finish};
use super::tile::tile;
use super::{PANEL_VECTORS, PackedF32};
use crate::level::Kernel;
use crate::output::Out;
use crate::rows::{Rows, RowsMut};
use crate::simd::{MAX_LANES, Simd};
use crate::threads;

/// Steps of k that a panel is read for at a time: so much of it stays in the first-level cache while all rows of a block
/// pass by. The partial sums rest in the output.
const K_INNER: usize = 256;
/// Steps of k after which the next panel has its turn: so much of a block of rows stays in the second-level cache.
const K_OUTER: usize = 768;
/// Rows of a block.
const ROW_BLOCK: usize = 128;

/// A product cut into rectangles of rows × panels that nothing else writes.
pub(crate) struct Split {
    rows: usize,
    row_blocks: usize,
    tile_rows: usize,
    panels: usize,
    panel_blocks: usize,
}

impl Split {
    /// Blocks of at most `block` rows (whole tiles, of even size); where those are too few to keep the threads busy, the
    /// panels are divided as well.
    pub(crate) fn new(rows: usize, panels: usize, tile_rows: usize, block: usize, threads: usize) -> Self {
        let row_blocks = rows.div_ceil(block);
        let wanted = if threads <= 1 { 1 } else { (threads * 4).div_ceil(row_blocks.max(1)) };
        let panel_blocks = if row_blocks >= threads * 4 { 1 } else { wanted.min(panels).max(1) };
        Self { rows, row_blocks, tile_rows, panels, panel_blocks }
    }

    pub(crate) fn tasks(&self) -> usize {
        if self.rows == 0 { 0 } else { self.row_blocks * self.panel_blocks }
    }

    /// Whether several tasks read the same rows.
    pub(crate) fn shares_rows(&self) -> bool {
        self.panel_blocks > 1
    }

    /// Rows and panels of one task.
    pub(crate) fn task(&self, i: usize) -> (Range<usize>, Range<usize>) {
        let tiles = self.rows.div_ceil(self.tile_rows);
        let row = |block: usize| (tiles * block / self.row_blocks * self.tile_rows).min(self.rows);
        let panel = |block: usize| self.panels * block / self.panel_blocks;
        let (r, p) = (i / self.panel_blocks, i % self.panel_blocks);
        (row(r)..row(r + 1), panel(p)..panel(p + 1))
    }
}

/// The whole product; shapes were checked.
pub(super) fn product(
    layer: &PackedF32,
    x: Rows<'_>,
    out: &mut RowsMut<'_>,
    epilogue: Epilogue<'_>,
    threads: usize,
) {
    let level = layer.level;
    let threads = threads::worth(threads, x.rows().saturating_mul(layer.k.saturating_mul(2 * layer.n)));
    let split = Split::new(x.rows(), layer.n.div_ceil(layer.width), level.tile_rows(), ROW_BLOCK, threads);
    let out = Out::new(out);
    threads::for_each(threads, split.tasks(), |i| {
        let (rows, panels) = split.task(i);
        level.run(Block { layer, x, out, epilogue, rows, panels });
    });
}

/// How many blocks of at most `most` steps; one, where there are no steps at all.
#[inline(always)]
fn blocks(steps: Range<usize>, most: usize) -> usize {
    steps.len().div_ceil(most).max(1)
}

/// One of so many blocks of even size: 384 steps are 2 × 192, not 256 + 128.
#[inline(always)]
fn part(steps: Range<usize>, i: usize, blocks: usize) -> Range<usize> {
    let at = |i: usize| steps.start + steps.len() * i / blocks;
    at(i)..at(i + 1)
}

/// A rectangle of the output.
struct Block<'a> {
    layer: &'a PackedF32,
    x: Rows<'a>,
    out: Out,
    epilogue: Epilogue<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
}

impl Kernel for Block<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.rows.len() {
            // One or two rows fill the pipeline only with several panels at once.
            1 => self.few_rows::<S, 1, 12>(s),
            2 => self.few_rows::<S, 2, 6>(s),
            _ => self.many_rows(s),
        }
    }
}

impl Block<'_> {
    /// All steps of k at once, `V` vectors of columns beside one another.
    #[inline(always)]
    fn few_rows<S: Simd, const R: usize, const V: usize>(&self, s: S) {
        let mut panel = self.panels.start;
        while panel < self.panels.end {
            let steps = 0..self.layer.k;
            let wide = V / PANEL_VECTORS;
            let done = if panel + wide <= self.panels.end {
                self.strip::<S, R, V>(s, self.rows.start, panel, steps);
                wide
            } else {
                self.strip::<S, R, PANEL_VECTORS>(s, self.rows.start, panel, steps);
                1
            };
            self.finish(s, panel, done);
            panel += done;
        }
    }

    /// Large blocks of k; in each, every panel meets all rows, small block of k by small block.
    #[inline(always)]
    fn many_rows<S: Simd>(&self, s: S) {
        let k = self.layer.k;
        let large = blocks(0..k, K_OUTER);
        for outer in 0..large {
            let steps = part(0..k, outer, large);
            let small = blocks(steps.clone(), K_INNER);
            for panel in self.panels.clone() {
                // Partial sums cannot rest in the output where a panel is wider than what is left of it.
                if (panel + 1) * self.layer.width <= self.layer.n {
                    for inner in 0..small {
                        self.rows(s, panel, part(steps.clone(), inner, small));
                    }
                } else if outer == 0 {
                    self.rows(s, panel, 0..k);
                }
                if outer + 1 == large {
                    self.finish(s, panel, 1);
                }
            }
        }
    }

    /// One panel, some steps of k, all rows, tile by tile.
    #[inline(always)]
    fn rows<S: Simd>(&self, s: S, panel: usize, steps: Range<usize>) {
        let mut row = self.rows.start;
        while row < self.rows.end {
            let rows = (self.rows.end - row).min(S::TILE_ROWS);
            macro_rules! arms {
                ($($r:literal)*) => {
                    match rows {
                        $($r if $r <= S::TILE_ROWS => self.strip::<S, $r, PANEL_VECTORS>(s, row, panel, steps.clone()),)*
                        _ => {}
                    }
                };
            }
            arms!(1 2 3 4 5 6 7 8);
            row += rows;
        }
    }

    /// `R` rows times `V` vectors of columns from a panel on: the start (bias or partial sums), the steps, the result.
    #[inline(always)]
    fn strip<S: Simd, const R: usize, const V: usize>(
        &self,
        s: S,
        row: usize,
        panel: usize,
        steps: Range<usize>,
    ) {
        let Self { layer, x, out, .. } = self;
        let (k, n, width) = (layer.k, layer.n, layer.width);
        let col = panel * width;
        debug_assert!(row + R <= x.rows() && (panel * width + V * S::LANES) <= layer.bias.len());
        let offset = std::array::from_fn(|v| v / PANEL_VECTORS * width * k + v % PANEL_VECTORS * S::LANES);
        // SAFETY: rows `row..row + R` and panels up to `V / PANEL_VECTORS` from `panel` on are in this task's rectangle,
        // which lies in `x`, the panels, the bias (whole panels long) and the output, whose shapes were checked; steps end
        // at k. The partial sums are only read, and whole vectors only written, where the output has all their columns.
        let acc: [[S::V; V]; R] = unsafe {
            let start = if steps.start == 0 {
                let bias: [S::V; V] = std::array::from_fn(|v| s.load_ptr(layer.bias.as_ptr().add(col + v * S::LANES)));
                [bias; R]
            } else {
                std::array::from_fn(|r| std::array::from_fn(|v| s.load_ptr(out.at(row + r, col + v * S::LANES))))
            };
            let a = x.as_ptr().add(row * x.stride() + steps.start);
            let b = layer.panels.as_ptr().add(col * k + steps.start * width);
            tile(s, steps.len(), (a, x.stride()), (b, width, offset), start)
        };
        let whole = col + V * S::LANES <= n;
        for r in 0..R {
            if whole {
                for v in 0..V {
                    // SAFETY: as above; the output has `col + V · LANES` columns.
                    unsafe { s.store_ptr(out.at(row + r, col + v * S::LANES), acc[r][v]) };
                }
            } else {
                let mut wide = [0.0; 4 * PANEL_VECTORS * MAX_LANES];
                for v in 0..V {
                    s.store(&mut wide[v * S::LANES..], acc[r][v]);
                }
                // SAFETY: columns `col..n` of a row of this task's rectangle.
                unsafe { out.slice(row + r, col, n - col) }.copy_from_slice(&wide[..n - col]);
            }
        }
    }

    /// Activation and combination of some panels.
    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, panel: usize, panels: usize) {
        let col = panel * self.layer.width;
        let cols = (panels * self.layer.width).min(self.layer.n - col);
        for i in self.rows.clone() {
            // SAFETY: columns of a row of this task's rectangle.
            finish(s, self.epilogue, i, col, unsafe { self.out.slice(i, col, cols) });
        }
    }
}
