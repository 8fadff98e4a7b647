//! How many thresholds lie below a number: a guess, and a look at eight thresholds from there on.
//!
//! ```text
//! bucket   ⌊(x − low)·scale⌋, as many as thresholds: never falls as x rises
//! guide    for each bucket how many thresholds lie in lower ones, which are therefore below x; those in higher ones
//!          are not, so that only those of the same bucket are compared
//! ```

/// Thresholds that are compared at once.
const WINDOW: usize = 8;

/// Rising thresholds of one column.
#[derive(Debug, Clone)]
pub(super) struct Ranks {
    /// With [`WINDOW`] infinities behind them, which lie below no number.
    thresholds: Vec<f64>,
    low: f64,
    scale: f64,
    /// One number more than there are buckets; none where some bucket has more thresholds than the window.
    guide: Vec<u16>,
}

impl Ranks {
    /// `None` where one is no number, or there are more than a `u16` counts.
    pub(super) fn new(mut thresholds: Vec<f64>) -> Option<Self> {
        let n = thresholds.len();
        if n >= usize::from(u16::MAX) || thresholds.iter().any(|t| t.is_nan()) {
            return None;
        }
        let finite = || thresholds.iter().copied().filter(|t| t.is_finite());
        let low = finite().next().unwrap_or(0.0);
        let width = finite().next_back().unwrap_or(0.0) - low;
        let scale = if width > 0.0 { n as f64 / width } else { 0.0 };
        let scale = if scale.is_finite() { scale } else { 0.0 };
        let mut ranks = Self { thresholds: Vec::new(), low, scale, guide: vec![0; n + 2] };
        for t in &thresholds {
            let bucket = ranks.bucket(*t);
            ranks.guide[bucket + 1] += 1;
        }
        if ranks.guide.iter().any(|count| usize::from(*count) > WINDOW) {
            ranks.guide = Vec::new();
        } else {
            (1..n + 2).for_each(|at| ranks.guide[at] += ranks.guide[at - 1]);
        }
        thresholds.extend([f64::INFINITY; WINDOW]);
        ranks.thresholds = thresholds;
        Some(ranks)
    }

    #[inline(always)]
    fn bucket(&self, x: f64) -> usize {
        const ONES: f64 = (1u64 << 52) as f64;
        let last = (self.guide.len() - 2) as f64;
        let at = ((x - self.low) * self.scale).max(0.0).min(last);
        // The bits of a number whose last bit counts one.
        usize::from((at + ONES).to_bits() as u16)
    }

    /// How many thresholds lie below a number that is one.
    #[inline(always)]
    pub(super) fn rank(&self, x: f64) -> u16 {
        if self.guide.is_empty() {
            let n = self.thresholds.len() - WINDOW;
            return self.thresholds[..n].partition_point(|t| *t < x) as u16;
        }
        let below = self.guide[self.bucket(x)];
        let Some(window) = self.thresholds[usize::from(below)..].first_chunk::<WINDOW>() else {
            return below;
        };
        window.iter().fold(below, |rank, t| rank + u16::from(*t < x))
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    #[test]
    fn ranks_are_counts_of_lower_thresholds() {
        let mut rng = Seed::new(5).rng();
        let spread: [fn(f64) -> f64; 4] = [|z| z, |z| (9.0 * z).exp(), |z| z.round(), |z| z * 1e308];
        for n in [0, 1, 2, 30, 3000] {
            for of in spread {
                let mut thresholds: Vec<f64> = (0..n).map(|_| of(rng.normal())).collect();
                if n == 30 {
                    thresholds.extend([f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]);
                }
                thresholds.sort_by(f64::total_cmp);
                let ranks = Ranks::new(thresholds.clone()).unwrap();
                let near = thresholds.iter().flat_map(|t| [*t, t.next_up(), t.next_down()]);
                let others = (0..200).map(|_| of(rng.normal()));
                let ends = [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MAX, f64::MIN];
                for x in near.chain(others).chain(ends).filter(|x| !x.is_nan()) {
                    let below = thresholds.iter().filter(|t| **t < x).count();
                    assert_eq!(usize::from(ranks.rank(x)), below, "{x} among {n}");
                }
            }
        }
        assert!(Ranks::new(vec![f64::NAN]).is_none());
        assert!(Ranks::new(vec![0.0; 70_000]).is_none());
    }
}
