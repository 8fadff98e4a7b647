//! Blocks of the 8-bit product.
#![allow(unsafe_code, reason = "threads write disjoint tiles of one output; tiles are read through pointers")]

use std::ops::Range;

use super::PackedI8;
use super::dot::Words;
use super::quantise::{self, Scale};
use crate::level::WordKernel;
use crate::linear::{Epilogue, PANEL_VECTORS, Split, finish};
use crate::output::Out;
use crate::rows::{Rows, RowsMut};
use crate::simd::{MAX_LANES, Simd};
use crate::{scratch, threads};

/// Rows of a block: quantised, they stay in the second-level cache while all panels pass by.
const ROW_BLOCK: usize = 128;

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
    let quantised = |rows: Range<usize>, f: &dyn Fn(&[u32], &[Scale])| {
        scratch::words(rows.len() * layer.steps, |words| {
            let mut scales = vec![Scale::default(); rows.len()];
            level.run_words(Quantise { layer, x, rows: rows.clone(), words, scales: &mut scales });
            f(words, &scales);
        });
    };
    let compute = |(rows, panels): (Range<usize>, Range<usize>), words: &[u32], scales: &[Scale]| {
        level.run_words(Block { layer, words, scales, out, epilogue, rows, panels });
    };
    if split.shares_rows() {
        // Several tasks read the same rows: quantised once, before.
        quantised(0..x.rows(), &|words, scales| {
            threads::for_each(threads, split.tasks(), |i| {
                let (rows, panels) = split.task(i);
                let (words, scales) = (&words[rows.start * layer.steps..], &scales[rows.clone()]);
                compute((rows, panels), words, scales);
            });
        });
    } else {
        threads::for_each(threads, split.tasks(), |i| {
            let (rows, panels) = split.task(i);
            quantised(rows.clone(), &|words, scales| compute((rows.clone(), panels.clone()), words, scales));
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
        for (i, (row, scale)) in self.rows.zip(self.scales).enumerate() {
            *scale = quantise::row(w, self.x.row(row), &mut self.words[i * steps..][..steps]);
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
            let done = match self.rows.len() {
                1 if left >= 4 => {
                    self.strip::<W, 1, 12>(w, 0, panel);
                    4
                }
                2 if left >= 2 => {
                    self.strip::<W, 2, 6>(w, 0, panel);
                    2
                }
                _ => {
                    self.panel(w, panel);
                    1
                }
            };
            self.finish(w.float(), panel, done);
            panel += done;
        }
    }
}

impl Block<'_> {
    /// One panel, all rows, tile by tile.
    #[inline(always)]
    fn panel<W: Words>(&self, w: W, panel: usize) {
        let mut row = 0;
        while row < self.rows.len() {
            let rows = (self.rows.len() - row).min(<W::Float as Simd>::TILE_ROWS);
            macro_rules! arms {
                ($($r:literal)*) => {
                    match rows {
                        $($r if $r <= <W::Float as Simd>::TILE_ROWS => {
                            self.strip::<W, $r, PANEL_VECTORS>(w, row, panel);
                        })*
                        _ => {}
                    }
                };
            }
            arms!(1 2 3 4 5 6 7 8);
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
                    acc[r][v] =
                        unsafe { w.dot(acc[r][v], x, panels.as_ptr().add(step * width + offset[v])) };
                }
            }
        }
        let col = panel * width;
        let cols = (layer.n - col).min(V * lanes);
        let (scales, bias, sums) = (&layer.scales[col..], &layer.bias[col..], &layer.sums[col..]);
        for r in 0..R {
            let mut exact = [0i32; 4 * PANEL_VECTORS * MAX_LANES];
            for v in 0..V {
                w.store(&mut exact[v * lanes..], acc[r][v]);
            }
            let Scale { scale, zero } = self.scales[row + r];
            // SAFETY: columns of a row of this task's rectangle; one such slice lives at a time.
            let out = unsafe { self.out.slice(self.rows.start + row + r, col, cols) };
            for (c, y) in out.iter_mut().enumerate() {
                *y = (exact[c] - zero * sums[c]) as f32 * (scale * scales[c]) + bias[c];
            }
        }
    }

    /// Activation and combination of some panels.
    #[inline(always)]
    fn finish<S: Simd>(&self, s: S, panel: usize, panels: usize) {
        let col = panel * self.layer.width;
        let cols = (panels * self.layer.width).min(self.layer.n - col);
        for i in self.rows.clone() {
            // SAFETY: columns of a row of this task's rectangle; one such slice lives at a time.
            finish(s, self.epilogue, i, col, unsafe { self.out.slice(i, col, cols) });
        }
    }
}
