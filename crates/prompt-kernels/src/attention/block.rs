//! One head of one sequence for a few queries.
#![allow(
    unsafe_code,
    reason = "threads write disjoint parts of one output; tiles read matrices through pointers"
)]

use std::ops::Range;

use super::{Attention, KEYS, QUERIES};
use crate::level::Kernel;
use crate::linear::{PANEL_VECTORS as VECTORS, tile, tile_rows};
use crate::math;
use crate::output::Out;
use crate::simd::{MAX_LANES, Simd};

/// Floats in a cache line.
const LINE: usize = 16;
/// The most rows of a tile, at any level.
const MAX_ROWS: usize = 8;

/// Floats that a task works in: keys, values, scores, and the maximum and sum of each query.
pub(super) fn scratch(lanes: usize, size: usize) -> usize {
    let width = VECTORS * lanes;
    KEYS * size + KEYS * size.next_multiple_of(width) + MAX_ROWS * KEYS + 2 * QUERIES
}

/// Up to [`QUERIES`] queries of one head of one sequence, from query `first` on.
pub(super) struct Block<'a> {
    pub(super) work: &'a Attention<'a>,
    pub(super) out: Out,
    pub(super) size: usize,
    pub(super) sequence: usize,
    pub(super) head: usize,
    pub(super) first: usize,
    pub(super) scratch: &'a mut [f32],
}

/// The packed keys and values of one block.
struct Packed<'a> {
    /// Positions in the sequence.
    keys: Range<usize>,
    k: &'a [f32],
    v: &'a [f32],
}

impl Kernel for Block<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (start, end) = (self.work.offsets[self.sequence], self.work.offsets[self.sequence + 1]);
        let n = end - start;
        let queries = self.first..(self.first + QUERIES).min(n);
        let width = VECTORS * S::LANES;
        let scratch = std::mem::take(&mut self.scratch);
        let (k, rest) = scratch.split_at_mut(KEYS * self.size);
        let (v, rest) = rest.split_at_mut(KEYS * self.size.next_multiple_of(width));
        let (scores, rest) = rest.split_at_mut(MAX_ROWS * KEYS);
        let (top, total) = rest.split_at_mut(QUERIES);
        let window = self.work.window.unwrap_or(n);
        let reach = queries.start.saturating_sub(window)..queries.end.saturating_add(window).min(n);
        // The keys of block i of KEYS.
        let keys_of = |i: usize| (i * KEYS).max(reach.start)..((i + 1) * KEYS).min(reach.end);
        self.fetch(s, start, keys_of(reach.start / KEYS), queries.clone());
        top.fill(f32::NEG_INFINITY);
        total.fill(0.0);

        for block in reach.start / KEYS..reach.end.div_ceil(KEYS) {
            let keys = keys_of(block);
            self.pack_keys(s, start, keys.clone(), k);
            self.pack_values(s, start, keys.clone(), v);
            if keys.end < reach.end {
                self.fetch(s, start, keys_of(block + 1), 0..0);
            }
            let packed = Packed { keys, k, v };
            let mut i = queries.start;
            while i < queries.end {
                let rows = tile_rows(queries.end - i, S::TILE_ROWS);
                let at = i - queries.start..i - queries.start + rows;
                let state = (&mut top[at.clone()], &mut total[at]);
                macro_rules! arms {
                    ($($r:literal)*) => {
                        match rows {
                            $($r if $r <= S::TILE_ROWS => self.tile::<S, $r>(s, start, i, &packed, scores, state),)*
                            _ => {}
                        }
                    };
                }
                arms!(1 2 3 4 5 6 7 8);
                i += rows;
            }
        }
    }
}

impl Block<'_> {
    /// This head's part of a token's output.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "this part of the output is this task's alone")]
    fn row(&self, token: usize) -> &mut [f32] {
        // SAFETY: the output has the shape of q, which was checked; only this task writes this head of these tokens, and
        // one such slice lives at a time.
        unsafe { self.out.slice(token, self.head * self.size, self.size) }
    }

    /// Brings this head's part of some keys, their values and some queries nearer: rows lie too far apart for the processor to
    /// guess which lines come next.
    #[inline(always)]
    fn fetch<S: Simd>(&self, s: S, start: usize, keys: Range<usize>, queries: Range<usize>) {
        let Attention { q, k, v, .. } = self.work;
        for (matrix, rows) in [(k, &keys), (v, &keys), (q, &queries)] {
            for row in rows.clone() {
                let part = &matrix.row(start + row)[self.head * self.size..][..self.size];
                let mut at = 0;
                while at < part.len() {
                    s.prefetch(part.as_ptr().wrapping_add(at));
                    at += LINE;
                }
                s.prefetch(part.as_ptr().wrapping_add(part.len() - 1));
            }
        }
    }

    /// Panels of keys, transposed and scaled: `k[panel][number][key]`, zeros beyond the last key.
    #[inline(always)]
    fn pack_keys<S: Simd>(&self, _: S, start: usize, keys: Range<usize>, k: &mut [f32]) {
        let (width, size) = (VECTORS * S::LANES, self.size);
        for (panel, first) in k.chunks_exact_mut(width * size).zip(keys.clone().step_by(width)) {
            let last = (first + width).min(keys.end);
            if last < first + width {
                panel.fill(0.0);
            }
            for (c, key) in (first..last).enumerate() {
                let row = &self.work.k.row(start + key)[self.head * size..][..size];
                for (to, &from) in panel[c..].iter_mut().step_by(width).zip(row) {
                    *to = from * self.work.scale;
                }
            }
        }
    }

    /// Panels of the head's numbers: `v[panel][key][number]`, zeros beyond the head's last number.
    #[inline(always)]
    fn pack_values<S: Simd>(&self, _: S, start: usize, keys: Range<usize>, v: &mut [f32]) {
        let (width, size) = (VECTORS * S::LANES, self.size);
        for (panel, first) in v.chunks_exact_mut(width * KEYS).zip((0..size).step_by(width)) {
            let numbers = (size - first).min(width);
            for (to, key) in panel.chunks_exact_mut(width).zip(keys.clone()) {
                let row = &self.work.v.row(start + key)[self.head * size + first..][..numbers];
                to[..numbers].copy_from_slice(row);
                to[numbers..].fill(0.0);
            }
        }
    }

    /// `R` queries from query `i` on with one block of keys.
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(
        &self,
        s: S,
        start: usize,
        i: usize,
        packed: &Packed<'_>,
        scores: &mut [f32],
        (top, total): (&mut [f32], &mut [f32]),
    ) {
        let (width, size) = (VECTORS * S::LANES, self.size);
        let window = self.work.window.unwrap_or(usize::MAX);
        let n = self.work.offsets[self.sequence + 1] - start;
        // Whether these queries see their first key in this block, and their last.
        let begins = i.saturating_sub(window) / KEYS == packed.keys.start / KEYS;
        let ends = packed.keys.contains(&(i + R - 1).saturating_add(window).min(n - 1));
        // The keys that query q reaches, counted from the block's first.
        let reach = |q: usize| {
            let low = q.saturating_sub(window).clamp(packed.keys.start, packed.keys.end);
            let high = q.saturating_add(window).saturating_add(1).clamp(low, packed.keys.end);
            low - packed.keys.start..high - packed.keys.start
        };
        let all = reach(i).start..reach(i + R - 1).end;
        if all.is_empty() {
            return;
        }
        let offset: [usize; VECTORS] = std::array::from_fn(|v| v * S::LANES);

        for panel in all.start / width..all.end.div_ceil(width) {
            let zero = [[s.splat(0.0); VECTORS]; R];
            // SAFETY: q has rows up to `start + i + R` and this head's numbers; the packed keys hold this panel for each of
            // them.
            let acc = unsafe {
                let q = self.work.q.as_ptr().add((start + i) * self.work.q.stride() + self.head * size);
                let k = packed.k[panel * width * size..][..width * size].as_ptr();
                tile(s, size, (q, self.work.q.stride()), (k, width, offset), zero)
            };
            for (row, acc) in scores.chunks_exact_mut(KEYS).zip(acc) {
                for v in 0..VECTORS {
                    s.store(&mut row[panel * width + v * S::LANES..], acc[v]);
                }
            }
        }

        // Whole vectors, from the first that a query reaches to the last; what a query does not reach weighs nothing.
        let vectors = all.start / S::LANES..all.end.div_ceil(S::LANES);
        let mut rescale = [0.0; R];
        for r in 0..R {
            let row = &mut scores[r * KEYS..][..vectors.end * S::LANES];
            let own = reach(i + r);
            if let Some(bias) = self.work.bias {
                bias.add(
                    self.sequence,
                    self.head,
                    i + r,
                    packed.keys.start + own.start,
                    &mut row[own.clone()],
                );
            }
            row[vectors.start * S::LANES..own.start].fill(f32::NEG_INFINITY);
            row[own.end..].fill(f32::NEG_INFINITY);
            let row = &mut row[vectors.start * S::LANES..];
            let new = largest(s, row);
            let new = if top[r] > new { top[r] } else { new };
            // Nothing but −∞ so far: any shift will do, but −∞ itself.
            let shift = if new == f32::NEG_INFINITY { 0.0 } else { new };
            let sum = exponentials(s, row, shift);
            if begins {
                total[r] = sum;
            } else {
                let mut factor = [0.0; MAX_LANES];
                s.store(&mut factor, math::exp_below_zero(s, s.splat(top[r] - shift)));
                rescale[r] = factor[0];
                total[r] = total[r] * factor[0] + sum;
            }
            top[r] = new;
        }

        for (panel, first) in (0..size).step_by(width).enumerate() {
            let numbers = (size - first).min(width);
            let mut wide = [0.0; VECTORS * MAX_LANES];
            let mut acc = [[s.splat(0.0); VECTORS]; R];
            if !begins {
                for r in 0..R {
                    let part = &self.row(start + i + r)[first..][..numbers];
                    let factor = s.splat(rescale[r]);
                    let from = if numbers == width {
                        part
                    } else {
                        wide[..numbers].copy_from_slice(part);
                        &wide[..]
                    };
                    for v in 0..VECTORS {
                        acc[r][v] = s.mul(factor, s.load(&from[v * S::LANES..]));
                    }
                }
            }
            // SAFETY: each of the R rows of scores holds the keys in `all`, and so does the panel of packed values.
            let acc = unsafe {
                let p = scores[..R * KEYS].as_ptr().add(all.start);
                let v = packed.v[panel * width * KEYS..][..width * KEYS].as_ptr().add(all.start * width);
                tile(s, all.len(), (p, KEYS), (v, width, offset), acc)
            };
            for r in 0..R {
                let part = &mut self.row(start + i + r)[first..][..numbers];
                let to = if numbers == width { &mut *part } else { &mut wide[..] };
                let scale = s.splat(if ends { 1.0 / total[r] } else { 1.0 });
                for v in 0..VECTORS {
                    s.store(&mut to[v * S::LANES..], s.mul(acc[r][v], scale));
                }
                if numbers < width {
                    part.copy_from_slice(&wide[..numbers]);
                }
            }
        }
    }
}

/// The largest number of whole vectors; a NaN may be passed over, and then shows in the sum of the exponentials.
#[inline(always)]
fn largest<S: Simd>(s: S, row: &[f32]) -> f32 {
    let mut parts = [s.splat(f32::NEG_INFINITY); 2];
    for i in 0..row.len() / S::LANES {
        parts[i % 2] = s.max(parts[i % 2], s.load(&row[i * S::LANES..]));
    }
    s.max_lane(s.max(parts[0], parts[1]))
}

/// Each number of whole vectors becomes e to its power less `shift`; returns the sum.
#[inline(always)]
fn exponentials<S: Simd>(s: S, row: &mut [f32], shift: f32) -> f32 {
    let shift = s.splat(shift);
    let mut parts = [s.splat(0.0); 2];
    for i in 0..row.len() / S::LANES {
        let part = &mut row[i * S::LANES..][..S::LANES];
        let e = math::exp_below_zero(s, s.sub(s.load(part), shift));
        s.store(part, e);
        parts[i % 2] = s.add(parts[i % 2], e);
    }
    s.sum(s.add(parts[0], parts[1]))
}
