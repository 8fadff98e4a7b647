//! Scores of both classes, highest first, divided into parts that are gone through side by side.
//!
//! Without weights rows of one score are alike. So the keys of the scores are dealt into buckets by value, and each
//! bucket is sorted by itself, its positives apart from its negatives; merging those two gives the cuts. Buckets are
//! dealt in one pass, and whoever goes through a part knows from the buckets' counts what came before it.

use std::ops::Range;

use prompt_core::FitContext;

use super::curve::Cut;
use crate::sort::{descending, from_descending, sort_keys};

/// Rows from which buckets and threads pay.
const MANY: usize = 50_000;
/// Buckets of the scores' range: as many places as can be written to in turn without missing the page table's cache.
const BUCKETS: usize = 1024;
/// Parts of the work. Their number does not depend on that of the threads, so that sums over parts have the same bits.
const PARTS: usize = 64;

/// The keys of a block of rows, dealt into buckets: those of bucket b's negatives, then those of its positives.
struct Dealt {
    keys: Vec<u64>,
    /// Where the keys of bucket b and class c begin: at 2·b + c.
    starts: Vec<usize>,
}

impl Dealt {
    fn keys(&self, bucket: usize, positive: bool) -> &[u64] {
        let at = 2 * bucket + usize::from(positive);
        &self.keys[self.starts[at]..self.starts[at + 1]]
    }
}

/// Scores in buckets, and the parts into which the buckets are grouped.
pub(super) struct Scan {
    blocks: Vec<Dealt>,
    parts: Vec<Part>,
}

/// Some buckets, and how many rows come before them.
struct Part {
    buckets: Range<usize>,
    rows: usize,
    tp: usize,
    fp: usize,
}

impl Scan {
    /// Deals finite scores.
    pub(super) fn new(is_positive: &[bool], scores: &[f64]) -> Self {
        let n = scores.len();
        let is_small = n < MANY;
        let ctx = context(n);
        let range = scores.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &s| (l.min(s), h.max(s)));
        let buckets = if is_small { 1 } else { BUCKETS };
        let n_blocks = if is_small { 1 } else { ctx.thread_budget().clamp(1, 8) };
        let block = |b: usize| {
            let rows = b * n / n_blocks..(b + 1) * n / n_blocks;
            deal(&is_positive[rows.clone()], &scores[rows], range, buckets)
        };
        let blocks = ctx.map(n_blocks, block);
        let parts = parts(&blocks, buckets, n);
        Self { blocks, parts }
    }

    /// What `of` makes of each part, in order: it is told the rows of the part and the positives and negatives before
    /// it, and handed a way to see the part's cuts.
    pub(super) fn map<R: Send>(&self, of: impl Fn(PartView<'_>) -> R + Sync + Send) -> Vec<R> {
        let rows = self.parts.iter().map(|part| part.rows).sum();
        context(rows).map(self.parts.len(), |i| of(PartView { scan: self, part: &self.parts[i] }))
    }
}

fn context(rows: usize) -> FitContext {
    let ctx = FitContext::default();
    if rows < MANY { ctx.serial() } else { ctx }
}

/// One part of a scan.
pub(super) struct PartView<'a> {
    scan: &'a Scan,
    part: &'a Part,
}

impl PartView<'_> {
    /// Rows of this part: at least as many as it has cuts.
    pub(super) fn rows(&self) -> usize {
        self.part.rows
    }

    /// Positives and negatives that score higher than this part.
    pub(super) fn before(&self) -> (f64, f64) {
        (self.part.tp as f64, self.part.fp as f64)
    }

    /// Shows the cuts of this part, highest score first.
    pub(super) fn each(&self, mut see: impl FnMut(Cut)) {
        let (mut tp_before, mut fp_before) = (self.part.tp, self.part.fp);
        let (mut negative, mut positive) = (Vec::new(), Vec::new());
        for bucket in self.part.buckets.clone() {
            for (keys, class) in [(&mut negative, false), (&mut positive, true)] {
                keys.clear();
                self.scan.blocks.iter().for_each(|b| keys.extend_from_slice(b.keys(bucket, class)));
                sort_keys(keys);
            }
            let (mut tp, mut fp) = (0, 0);
            loop {
                let key = match (positive.get(tp), negative.get(fp)) {
                    (Some(&p), Some(&n)) => p.min(n),
                    (Some(&key), None) | (None, Some(&key)) => key,
                    (None, None) => break,
                };
                while positive.get(tp) == Some(&key) {
                    tp += 1;
                }
                while negative.get(fp) == Some(&key) {
                    fp += 1;
                }
                see(Cut {
                    threshold: from_descending(key),
                    tp: (tp_before + tp) as f64,
                    fp: (fp_before + fp) as f64,
                });
            }
            tp_before += tp;
            fp_before += fp;
        }
    }
}

/// Keys in buckets of equal width between the range's ends, the highest scores in the first.
fn deal(is_positive: &[bool], scores: &[f64], (low, high): (f64, f64), buckets: usize) -> Dealt {
    // Rounding keeps the order: a higher score is never in a later bucket. A range beyond the largest number has the
    // scale 0 and ends up in one bucket.
    let scale = (buckets as f64 / (high - low)).min(f64::MAX);
    let last = buckets - 1;
    let bucket = |score: f64| (((high - score) * scale) as usize).min(last);
    let place = |score: f64, positive: bool| 2 * bucket(score) + usize::from(positive);
    let mut starts = vec![0usize; 2 * buckets + 1];
    for (&score, &positive) in scores.iter().zip(is_positive) {
        starts[place(score, positive) + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut keys = vec![0u64; scores.len()];
    for (&score, &positive) in scores.iter().zip(is_positive) {
        let at = &mut next[place(score, positive)];
        keys[*at] = descending(score);
        *at += 1;
    }
    Dealt { keys, starts }
}

fn parts(blocks: &[Dealt], buckets: usize, n: usize) -> Vec<Part> {
    let enough = n.div_ceil(PARTS);
    let empty = |from, tp, fp| Part { buckets: from..from, rows: 0, tp, fp };
    let (mut parts, mut part) = (Vec::new(), empty(0, 0, 0));
    let (mut tp, mut fp) = (0, 0);
    for bucket in 0..buckets {
        let count = |class| blocks.iter().map(|b| b.keys(bucket, class).len()).sum::<usize>();
        let (positives, negatives) = (count(true), count(false));
        tp += positives;
        fp += negatives;
        part.buckets.end = bucket + 1;
        part.rows += positives + negatives;
        if part.rows >= enough {
            parts.push(std::mem::replace(&mut part, empty(bucket + 1, tp, fp)));
        }
    }
    if part.rows > 0 {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    fn cuts(is_positive: &[bool], scores: &[f64]) -> Vec<Cut> {
        let view = |part: PartView<'_>| {
            let mut cuts = Vec::new();
            part.each(|cut| cuts.push(cut));
            cuts
        };
        Scan::new(is_positive, scores).map(view).concat()
    }

    /// By sorting the rows and going through them one by one.
    fn plainly(is_positive: &[bool], scores: &[f64]) -> Vec<Cut> {
        let mut rows: Vec<usize> = (0..scores.len()).collect();
        rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let (mut tp, mut fp) = (0.0, 0.0);
        let mut cuts: Vec<Cut> = Vec::new();
        for row in rows {
            *if is_positive[row] { &mut tp } else { &mut fp } += 1.0;
            let cut = Cut { threshold: scores[row], tp, fp };
            match cuts.last_mut().filter(|last| last.threshold == cut.threshold) {
                Some(last) => *last = cut,
                None => cuts.push(cut),
            }
        }
        cuts
    }

    #[test]
    fn any_scores_are_cut_as_by_sorting_the_rows() {
        let mut rng = Seed::new(3).rng();
        let mut made = |n: usize, score: &mut dyn FnMut(f64) -> f64| -> (Vec<bool>, Vec<f64>) {
            (0..n).map(|_| (rng.chance(0.3), score(rng.normal()))).unzip()
        };
        let n = MANY + 7;
        let cases = [
            made(100, &mut |z| z),
            made(n, &mut |z| 1.0 / (1.0 + (-z).exp())),
            made(n, &mut |z| (10.0 * z).round() / 10.0 + 0.0),
            made(n, &mut |z| (40.0 * z).exp()),
            made(n, &mut |z| {
                if z > 2.0 {
                    f64::MAX
                } else if z < -2.0 {
                    -f64::MAX
                } else {
                    z
                }
            }),
            made(n, &mut |_| 0.25),
            made(n, &mut |z| if z > 0.0 { 1e-310 } else { 2e-310 }),
        ];
        for (is_positive, scores) in cases {
            assert!(cuts(&is_positive, &scores) == plainly(&is_positive, &scores), "{:?}", &scores[..5]);
        }
    }
}
