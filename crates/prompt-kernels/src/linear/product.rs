//! The product's blocks: which tile is computed when, and by which thread.
#![allow(
    unsafe_code,
    reason = "threads write disjoint tiles of one output; tiles are read and written through pointers"
)]

use std::ops::Range;

use super::epilogue::{Epilogue, Finish};
use super::tile::{tile, tile_rows};
use super::{PANEL_VECTORS, PackedF32};
use crate::level::Kernel;
use crate::output::Out;
use crate::rows::{Rows, RowsMut};
use crate::simd::{MAX_LANES, Simd};
use crate::{scratch, threads};

/// Steps of k that a panel is read for at a time: so much of it stays in the first-level cache while all rows of a block
/// pass by. The partial sums rest in the output.
const K_INNER: usize = if cfg!(miri) { 6 } else { 256 };
/// Steps of k after which the next panel has its turn: so much of a block of rows stays in the second-level cache.
const K_OUTER: usize = if cfg!(miri) { 18 } else { 768 };
/// Rows of a block.
const ROW_BLOCK: usize = if cfg!(miri) { 8 } else { 128 };

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

/// The product for some columns, which begin and end where panels do; shapes were checked.
pub(super) fn product(
    layer: &PackedF32,
    x: Rows<'_>,
    out: &mut RowsMut<'_>,
    epilogue: Epilogue<'_>,
    columns: Range<usize>,
    threads: usize,
) {
    let level = layer.level;
    let threads = threads::worth(threads, x.rows().saturating_mul(layer.k.saturating_mul(2 * columns.len())));
    let first = columns.start / layer.width;
    let panels = columns.end.div_ceil(layer.width) - first;
    let split = Split::new(x.rows(), panels, level.tile_rows(), ROW_BLOCK, threads);
    let out = Out::new(out).without_columns(columns.start);
    threads::for_each(threads, split.tasks(), |i| {
        let (rows, panels) = split.task(i);
        let panels = first + panels.start..first + panels.end;
        scratch::floats(copied(x, rows.len(), layer.k), |copy| {
            level.run(Block { layer, x, out, epilogue, rows, panels, copy });
        });
    });
}

/// Floats between the rows of a copied block beside its steps of k.
const GAP: usize = 16;

/// Floats for a copy of a block of x, or none where x is read as it lies.
///
/// Rows a multiple of 2 KiB apart fall into the same few sets of the first-level cache and drive out one another and the
/// panel; a copy with other distances does not.
fn copied(x: Rows<'_>, rows: usize, k: usize) -> usize {
    let collide = rows > 2 && (x.stride() * size_of::<f32>()).is_multiple_of(2048);
    if collide { rows * (k.min(K_OUTER) + GAP) } else { 0 }
}

/// The blocks of k: large ones, each in small ones, of even sizes (384 steps are 2 × 192, not 256 + 128).
///
/// They are computed once for a layer: computed where they are used, the compiler moves their divisions into the innermost
/// loop.
pub(super) fn steps(k: usize) -> Vec<Vec<Range<usize>>> {
    let even = |steps: Range<usize>, most: usize| {
        let blocks = steps.len().div_ceil(most).max(1);
        let at = move |i: usize| steps.start + steps.len() * i / blocks;
        (0..blocks).map(move |i| at(i)..at(i + 1))
    };
    even(0..k, K_OUTER).map(|large| even(large, K_INNER).collect()).collect()
}

/// A rectangle of the output.
struct Block<'a> {
    layer: &'a PackedF32,
    x: Rows<'a>,
    out: Out,
    epilogue: Epilogue<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
    /// Room for a copy of some steps of the rows, or empty.
    copy: &'a mut [f32],
}

impl Kernel for Block<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        match self.rows.len() {
            // One or two rows fill the pipeline only with several panels at once.
            1 => self.few_rows::<S, 1, 8>(s),
            2 => self.few_rows::<S, 2, 6>(s),
            _ => self.many_rows(s),
        }
    }
}

/// Where the rows of a block are read: its first row's first step in turn, and floats from row to row.
#[derive(Clone, Copy)]
struct Left {
    data: *const f32,
    stride: usize,
}

impl Left {
    /// The same rows some steps on.
    #[inline(always)]
    fn skip(self, steps: usize) -> Self {
        Self { data: self.data.wrapping_add(steps), ..self }
    }
}

impl Block<'_> {
    /// The rows of this block as they lie in x, from a step of k on.
    #[inline(always)]
    fn x(&self, step: usize) -> Left {
        let first = self.rows.start * self.x.stride() + step;
        Left { data: self.x.as_ptr().wrapping_add(first), stride: self.x.stride() }
    }

    /// Some steps of the rows of this block, copied.
    #[inline(always)]
    fn copy_rows(&self, steps: Range<usize>, to: &mut [f32]) -> Left {
        let stride = steps.len() + GAP;
        for (to, i) in to.chunks_exact_mut(stride).zip(self.rows.clone()) {
            to[..steps.len()].copy_from_slice(&self.x.row(i)[steps.clone()]);
        }
        Left { data: to.as_ptr(), stride }
    }

    /// All steps of k at once, `V` vectors of columns beside one another.
    #[inline(always)]
    fn few_rows<S: Simd, const R: usize, const V: usize>(&self, s: S) {
        let mut panel = self.panels.start;
        while panel < self.panels.end {
            let steps = 0..self.layer.k;
            let wide = V / PANEL_VECTORS;
            let done = if panel + wide <= self.panels.end {
                self.strip::<S, R, V>(s, self.x(0), self.rows.start, panel, steps);
                wide
            } else {
                self.strip::<S, R, PANEL_VECTORS>(s, self.x(0), self.rows.start, panel, steps);
                1
            };
            panel += done;
        }
    }

    /// Large blocks of k; in each, every panel meets all rows, small block of k by small block.
    #[inline(always)]
    fn many_rows<S: Simd>(&mut self, s: S) {
        let copy = std::mem::take(&mut self.copy);
        let layer = self.layer;
        let all = 0..layer.k;
        for (outer, large) in layer.steps.iter().enumerate() {
            let steps = large[0].start..large[large.len() - 1].end;
            let lies =
                if copy.is_empty() { self.x(steps.start) } else { self.copy_rows(steps.clone(), copy) };
            for panel in self.panels.clone() {
                // Partial sums cannot rest in the output where a panel is wider than what is left of it.
                let whole = (panel + 1) * layer.width <= layer.n;
                let (x, small) = match (whole, outer) {
                    (true, _) => (lies, large.as_slice()),
                    (false, 0) => (self.x(0), std::slice::from_ref(&all)),
                    (false, _) => (lies, &[][..]),
                };
                for part in small {
                    self.rows(s, x.skip(part.start - small[0].start), panel, part.clone());
                }
            }
        }
    }

    /// One panel, some steps of k, all rows, tile by tile.
    #[inline(always)]
    fn rows<S: Simd>(&self, s: S, x: Left, panel: usize, steps: Range<usize>) {
        let mut row = self.rows.start;
        while row < self.rows.end {
            let rows = tile_rows(self.rows.end - row, S::TILE_ROWS);
            macro_rules! arms {
                ($($r:literal)*) => {
                    match rows {
                        $($r if $r <= S::TILE_ROWS => {
                            self.strip::<S, $r, PANEL_VECTORS>(s, x, row, panel, steps.clone());
                        })*
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
        x: Left,
        row: usize,
        panel: usize,
        steps: Range<usize>,
    ) {
        let Self { layer, out, .. } = self;
        let (k, n, width) = (layer.k, layer.n, layer.width);
        let col = panel * width;
        debug_assert!(row + R <= self.rows.end && (panel * width + V * S::LANES) <= layer.bias.len());
        let offset = std::array::from_fn(|v| v / PANEL_VECTORS * width * k + v % PANEL_VECTORS * S::LANES);
        // SAFETY: rows `row..row + R` and panels up to `V / PANEL_VECTORS` from `panel` on are in this task's rectangle,
        // which lies in x (or its copy), the panels, the bias (whole panels long) and the output, whose shapes were checked; steps end
        // at k. The partial sums are only read, and whole vectors only written, where the output has all their columns.
        let acc = unsafe {
            // Loops and no closures: a closure might be compiled apart, without the level's instructions.
            let mut start = [[s.splat(0.0); V]; R];
            for v in 0..V {
                let at = col + v * S::LANES;
                let bias = s.load_ptr(layer.bias.as_ptr().add(at));
                for r in 0..R {
                    start[r][v] = if steps.start == 0 { bias } else { s.load_ptr(out.at(row + r, at)) };
                }
            }
            let a = x.data.add((row - self.rows.start) * x.stride);
            let b = layer.panels.as_ptr().add(col * k + steps.start * width);
            tile(s, steps.len(), (a, x.stride), (b, width, offset), start)
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
        if steps.end == k {
            self.finish(row..row + R, col..(col + V * S::LANES).min(n));
        }
    }

    /// Activation and combination of one tile, while it is in the first-level cache.
    fn finish(&self, rows: Range<usize>, cols: Range<usize>) {
        let (layer, out, epilogue) = (self.layer, self.out, self.epilogue);
        if !epilogue.is_empty() {
            layer.level.run(Finish { out, epilogue, rows, cols });
        }
    }
}
