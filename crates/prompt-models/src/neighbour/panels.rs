//! A quick look at all rows in `f32`, which leaves a few candidates for exact distances.
//!
//! ½‖x − q‖² = ½‖x‖² − x·q + ½‖q‖²: the products are a small matrix product of many rows with several queries. Its
//! rounding has a bound, and a row is a candidate unless the bound rules it out; so which rows are nearest never
//! depends on `f32`.

use std::ops::Range;

use prompt_core::Dense;

use crate::simd::vectorised;

/// Rows of a panel.
const WIDE: usize = 16;
/// Queries at once.
pub(crate) const QUERIES: usize = 4;
/// Bytes of panels that several queries go over while they are near.
const NEAR: usize = 128 * 1024;
/// Scaled numbers beyond this could overflow.
const LARGEST: f64 = 1e15;

/// The rows about their means, scaled to lengths of at most one, sixteen at a time: column after column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panels {
    rows: usize,
    means: Vec<f64>,
    scale: f64,
    /// For each panel its columns, each of `WIDE` numbers.
    columns: Vec<f32>,
    /// ½‖x‖²; for the places after the last row a number that no candidate has.
    halves: Vec<f32>,
}

impl Panels {
    /// `None` when the numbers are too large or too small to be scaled.
    pub(crate) fn new(x: &Dense) -> Option<Self> {
        let (n, p) = (x.rows(), x.cols());
        let mut means = vec![0.0; p];
        for i in 0..n {
            means.iter_mut().zip(x.row(i)).for_each(|(m, v)| *m += v / n as f64);
        }
        let norm = |i: usize| x.row(i).iter().zip(&means).map(|(v, m)| (v - m) * (v - m)).sum::<f64>();
        let longest = (0..n).map(norm).fold(0.0, f64::max).sqrt();
        let scale = 1.0 / longest;
        if !(longest.is_finite() && scale.is_finite() && longest > 0.0) {
            return None;
        }
        let panels = n.div_ceil(WIDE);
        let mut columns = vec![0.0; panels * WIDE * p];
        let mut halves = vec![f32::MAX; panels * WIDE];
        for i in 0..n {
            let start = (i / WIDE) * WIDE * p + i % WIDE;
            let mut half = 0.0;
            for (j, (v, m)) in x.row(i).iter().zip(&means).enumerate() {
                let v = scale * (v - m);
                columns[start + j * WIDE] = v as f32;
                half += 0.5 * v * v;
            }
            halves[i] = half as f32;
        }
        Some(Self { rows: n, means, scale, columns, halves })
    }

    /// Panels that several queries go over while they are near, as ranges for [`scan`](Self::scan).
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Range<usize>> {
        let panels = self.halves.len() / WIDE;
        let near = (NEAR / (4 * WIDE * self.means.len().max(1))).max(1);
        (0..panels).step_by(near).map(move |first| first..panels.min(first + near))
    }

    /// Queries, given with all their numbers, as `scan` takes them; `None` when they are too large to be scaled.
    pub(crate) fn quad(&self, queries: [&[f64]; QUERIES]) -> Option<Quad> {
        let p = self.means.len();
        let mut turned = vec![[0f32; QUERIES]; p];
        let (mut norms, mut slack) = ([0.0; QUERIES], [0.0; QUERIES]);
        for (at, query) in queries.iter().enumerate() {
            for (j, (v, m)) in query.iter().zip(&self.means).enumerate() {
                let v = self.scale * (v - m);
                norms[at] += v * v;
                turned[j][at] = v as f32;
            }
            let length = norms[at].sqrt();
            if length.is_nan() || length > LARGEST {
                return None;
            }
            // Rounding of p products and sums of numbers whose lengths are at most one and ‖q‖, thrice over.
            let unit = f64::from(f32::EPSILON);
            slack[at] = 1.5 * (p as f64 + 8.0) * unit * (length + 1.0) + 1e-30;
        }
        Some(Quad { turned, norms, slack, limits: [f32::MAX.next_down(); QUERIES] })
    }

    /// Calls `found(query, row)` for every row of these panels that may be nearer to a query than its limit, which
    /// `found` gives back as the square of a distance.
    pub(crate) fn scan(
        &self,
        panels: Range<usize>,
        quad: &mut Quad,
        mut found: impl FnMut(usize, usize) -> f64,
    ) {
        let p = self.means.len();
        vectorised(
            #[inline(always)]
            || {
                for panel in panels {
                    let columns = &self.columns[panel * WIDE * p..(panel + 1) * WIDE * p];
                    let mut sums = [[0f32; WIDE]; QUERIES];
                    for (column, q) in columns.as_chunks::<WIDE>().0.iter().zip(&quad.turned) {
                        for at in 0..QUERIES {
                            for lane in 0..WIDE {
                                sums[at][lane] += column[lane] * q[at];
                            }
                        }
                    }
                    let halves = &self.halves[panel * WIDE..(panel + 1) * WIDE];
                    for at in 0..QUERIES {
                        let mut any = false;
                        for lane in 0..WIDE {
                            any |= halves[lane] - sums[at][lane] <= quad.limits[at];
                        }
                        if any {
                            for lane in 0..WIDE {
                                let row = panel * WIDE + lane;
                                if row < self.rows && halves[lane] - sums[at][lane] <= quad.limits[at] {
                                    quad.limits[at] = self.limit(quad, at, found(at, row));
                                }
                            }
                        }
                    }
                }
            },
        );
    }

    /// The largest ½‖x‖² − x·q that may belong to a square distance of at most `square`.
    fn limit(&self, quad: &Quad, at: usize, square: f64) -> f32 {
        let half = 0.5 * (square * self.scale * self.scale - quad.norms[at]);
        // Rounded up; the places after the last row are beyond any limit.
        ((half + quad.slack[at]) as f32).next_up().min(f32::MAX.next_down())
    }
}

/// Several queries.
pub(crate) struct Quad {
    /// Column after column the numbers of all queries, about the means and scaled.
    turned: Vec<[f32; QUERIES]>,
    norms: [f64; QUERIES],
    slack: [f64; QUERIES],
    limits: [f32; QUERIES],
}
