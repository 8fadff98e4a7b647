//! Blocks of the 8-bit product.
#![allow(unsafe_code, reason = "threads write disjoint tiles of one output; tiles are read through pointers")]

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::PackedI8;
use super::dot::Words;
use super::quantise::{self, Scale};
use crate::level::WordKernel;
use crate::linear::{Epilogue, Finish, PANEL_VECTORS, Split, tile_rows};
use crate::output::Out;
use crate::rows::{Rows, RowsMut};
use crate::simd::{MAX_LANES, Simd};
use crate::{scratch, threads};

/// Rows of a block: quantised, they stay in the second-level cache while all panels pass by.
const ROW_BLOCK: usize = if cfg!(miri) { 8 } else { 128 };
/// Rows that one task quantises where all tasks of the product read them.
const QUANTISED: usize = 8;

/// The whole product; shapes were checked.
pub(super) fn product(
    layer: &PackedI8,
    x: Rows<'_>,
    out: &mut RowsMut<'_>,
    epilogue: Epilogue<'_>,
    threads: usize,
) {
    let level = layer.level;
    let threads = threads::worth(threads, x.rows().saturating_mul(layer.k.saturating_mul(layer.n)));
    let split = Split::new(x.rows(), layer.n.div_ceil(layer.width), level.tile_rows(), ROW_BLOCK, threads);
    let out = Out::new(out);
    let quantise = |rows: Range<usize>, words: &mut [u32], scales: &mut [Scale]| {
        level.run_words(layer.bits, Quantise { layer, x, rows, words, scales });
    };
    let compute = |(rows, panels): (Range<usize>, Range<usize>), words: &[u32], scales: &[Scale]| {
        level.run_words(layer.bits, Block { layer, words, scales, out, epilogue, rows, panels });
    };
    if split.shares_rows() {
        // Several tasks read the same rows: quantised once, before.
        scratch::words(x.rows() * layer.steps, |words| {
            let mut scales = vec![Scale::default(); x.rows()];
            let each = (QUANTISED * layer.steps).max(1);
            let parts: Vec<_> =
                words.chunks_mut(each).zip(scales.chunks_mut(QUANTISED)).map(Mutex::new).collect();
            // A row takes about ten operations for each number.
            let few = threads::worth(threads, x.rows().saturating_mul(layer.k.saturating_mul(10)));
            threads::for_each(few, parts.len(), |i| {
                let mut part = parts[i].lock().unwrap_or_else(PoisonError::into_inner);
                let first = i * QUANTISED;
                let (words, scales) = &mut *part;
                quantise(first..first + scales.len(), words, scales);
            });
            drop(parts);
            threads::for_each(threads, split.tasks(), |i| {
                let (rows, panels) = split.task(i);
                let (words, scales) = (&words[rows.start * layer.steps..], &scales[rows.clone()]);
                compute((rows, panels), words, scales);
            });
        });
    } else {
        threads::for_each(threads, split.tasks(), |i| {
            let (rows, panels) = split.task(i);
            scratch::words(rows.len() * layer.steps, |words| {
                let mut scales = vec![Scale::default(); rows.len()];
                quantise(rows.clone(), words, &mut scales);
                compute((rows, panels), words, &scales);
            });
        });
    }
}

/// Quantises some rows.
struct Quantise<'a> {
    layer: &'a PackedI8,
    x: Rows<'a>,
    rows: Range<usize>,
    words: &'a mut [u32],
    scales: &'a mut [Scale],
}

impl WordKernel for Quantise<'_> {
    type Out = ();

    #[inline(always)]
    fn run<W: Words>(self, w: W) {
        let steps = self.layer.steps;
        for i in 0..self.scales.len() {
            let words = &mut self.words[i * steps..][..steps];
            self.scales[i] = quantise::row(w, self.x.row(self.rows.start + i), words);
        }
    }
}

/// A rectangle of the output; words and scales are those of its rows.
struct Block<'a> {
    layer: &'a PackedI8,
    words: &'a [u32],
    scales: &'a [Scale],
    out: Out,
    epilogue: Epilogue<'a>,
    rows: Range<usize>,
    panels: Range<usize>,
}

impl WordKernel for Block<'_> {
    type Out = ();

    #[inline(always)]
    fn run<W: Words>(self, w: W) {
        let mut panel = self.panels.start;
        while panel < self.panels.end {
            let left = self.panels.end - panel;
            // One or two rows fill the pipeline only with several panels at once.
            panel += match self.rows.len() {
                1 if left >= 4 => {
                    self.strip::<W, 1, 8>(w, 0, panel);
                    4
                }
                2 if left >= 2 => {
                    self.strip::<W, 2, 4>(w, 0, panel);
                    2
                }
                _ => {
                    self.panel(w, panel);
                    1
                }
            };
        }
    }
}

impl Block<'_> {
    /// One panel, all rows, tile by tile.
    #[inline(always)]
    fn panel<W: Words>(&self, w: W, panel: usize) {
        let mut row = 0;
        while row < self.rows.len() {
            let rows = tile_rows(self.rows.len() - row, W::TILE_ROWS);
            macro_rules! arms {
                ($($r:literal)*) => {
                    match rows {
                        $($r if $r <= W::TILE_ROWS => {
                            self.strip::<W, $r, PANEL_VECTORS>(w, row, panel);
                        })*
                        _ => {}
                    }
                };
            }
            arms!(1 2 3 4 5 6 7 8 9 10 11 12);
            row += rows;
        }
    }

    /// `R` rows times `V` vectors of columns from a panel on.
    #[inline(always)]
    fn strip<W: Words, const R: usize, const V: usize>(&self, w: W, row: usize, panel: usize) {
        let layer = self.layer;
        let (steps, width, lanes) = (layer.steps, layer.width, <W::Float as Simd>::LANES);
        let offset: [usize; V] =
            std::array::from_fn(|v| v / PANEL_VECTORS * width * steps + v % PANEL_VECTORS * lanes);
        let words = &self.words[row * steps..][..R * steps];
        let panels = &layer.panels[panel * width * steps..][..V / PANEL_VECTORS * width * steps];
        let mut acc = [[w.zero(); V]; R];
        for step in 0..steps {
            for r in 0..R {
                // SAFETY: `words` holds R rows of `steps` words.
                let x = unsafe { *words.get_unchecked(r * steps + step) };
                for v in 0..V {
                    // SAFETY: `panels` holds whole panels of `steps` rows of `width` words; vector v lies in one of them.
                    acc[r][v] = unsafe { w.dot(acc[r][v], x, panels.as_ptr().add(step * width + offset[v])) };
                }
            }
        }
        let (s, col) = (w.float(), panel * width);
        let cols = (layer.n - col).min(V * lanes);
        debug_assert!(col + V * lanes <= layer.bias.len() && row + R <= self.scales.len());
        for r in 0..R {
            let Scale { scale, zero } = self.scales[row + r];
            let mut y = [s.splat(0.0); V];
            for v in 0..V {
                let at = col + v * lanes;
                // SAFETY: sums, scales and bias are whole panels long, and these panels are among them.
                unsafe {
                    let rest = w.rest(acc[r][v], zero, layer.sums.as_ptr().add(at));
                    let scales = s.mul(s.splat(scale), s.load_ptr(layer.scales.as_ptr().add(at)));
                    y[v] = s.add(s.mul(rest, scales), s.load_ptr(layer.bias.as_ptr().add(at)));
                }
            }
            // SAFETY: columns of a row of this task's rectangle; one such slice lives at a time.
            let out = unsafe { self.out.slice(self.rows.start + row + r, col, cols) };
            if cols == V * lanes {
                for v in 0..V {
                    // SAFETY: the slice is `V` vectors long.
                    unsafe { s.store_ptr(out.as_mut_ptr().add(v * lanes), y[v]) };
                }
            } else {
                let mut wide = [0.0; 4 * PANEL_VECTORS * MAX_LANES];
                for v in 0..V {
                    s.store(&mut wide[v * lanes..], y[v]);
                }
                out.copy_from_slice(&wide[..cols]);
            }
        }
        self.finish(row..row + R, col..col + cols);
    }

    /// Activation and combination of one tile, while it is in the first-level cache.
    fn finish(&self, rows: Range<usize>, cols: Range<usize>) {
        let (layer, out, epilogue) = (self.layer, self.out, self.epilogue);
        if !epilogue.is_empty() {
            let rows = self.rows.start + rows.start..self.rows.start + rows.end;
            layer.level.run(Finish { out, epilogue, rows, cols });
        }
    }
}
