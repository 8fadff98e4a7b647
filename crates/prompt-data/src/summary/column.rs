//! What is known of a column, block by block.

use super::cell::Cell;
use super::distinct::{BlockCounts, Counts, HyperLogLog, hash, hash_number};
use super::quantiles::Quantiles;

/// Mean and spread of numbers, added up from a first number so that little is lost.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: u64,
    origin: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn push(&mut self, value: f64) {
        if self.n == 0 {
            self.origin = value;
        }
        let d = value - self.origin;
        self.n += 1;
        self.sum += d;
        self.squares += d * d;
    }

    /// n, mean, Σ (x − mean)².
    fn totals(&self) -> (f64, f64, f64) {
        let n = self.n as f64;
        (n, self.origin + self.sum / n, (self.squares - self.sum * self.sum / n).max(0.0))
    }
}

/// A column in one block.
#[derive(Debug, Default)]
pub(super) struct BlockColumn {
    missing: u64,
    numbers: u64,
    codes: u64,
    /// Cells that are dates with the day first, with the month first, and those in which that makes a difference.
    by_day: u64,
    by_month: u64,
    differ: u64,
    others: u64,
    moments: Moments,
    low: f64,
    high: f64,
    earliest: [i64; 2],
    latest: [i64; 2],
    quantiles: Quantiles,
    distinct: HyperLogLog,
    counts: BlockCounts,
}

impl BlockColumn {
    pub(super) fn new() -> Self {
        Self {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            earliest: [i64::MAX; 2],
            latest: [i64::MIN; 2],
            ..Self::default()
        }
    }

    /// Takes a trimmed cell that stands at `place`.
    pub(super) fn push(&mut self, bytes: &[u8], place: u32, missing: &[String]) {
        let hash = match Cell::of(bytes, missing) {
            Cell::Missing => {
                self.missing += 1;
                return;
            }
            Cell::Number(value) => {
                self.numbers += 1;
                self.moments.push(value);
                self.low = self.low.min(value);
                self.high = self.high.max(value);
                self.quantiles.push(value);
                hash_number(value)
            }
            Cell::Code => {
                self.codes += 1;
                hash(bytes)
            }
            Cell::Time { day, month } => {
                self.by_day += u64::from(day.is_some());
                self.by_month += u64::from(month.is_some());
                self.differ += u64::from(day != month);
                for (i, at) in [day, month].into_iter().enumerate().filter_map(|(i, at)| Some((i, at?))) {
                    self.earliest[i] = self.earliest[i].min(at);
                    self.latest[i] = self.latest[i].max(at);
                }
                hash(bytes)
            }
            Cell::Other => {
                self.others += 1;
                hash(bytes)
            }
        };
        self.distinct.push(hash);
        self.counts.push(hash, place);
    }
}

/// A column over all blocks.
#[derive(Debug, Default)]
pub(super) struct WholeColumn {
    pub(super) missing: u64,
    pub(super) numbers: u64,
    pub(super) codes: u64,
    by_day: u64,
    by_month: u64,
    differ: u64,
    others: u64,
    n: f64,
    mean: f64,
    squares: f64,
    low: f64,
    high: f64,
    earliest: [i64; 2],
    latest: [i64; 2],
    quantiles: Quantiles,
    distinct: HyperLogLog,
    counts: Counts,
}

impl WholeColumn {
    pub(super) fn new() -> Self {
        Self {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            earliest: [i64::MAX; 2],
            latest: [i64::MIN; 2],
            ..Self::default()
        }
    }

    /// Adds the next block; `text` gives the cell that stands at a place in it.
    pub(super) fn merge(&mut self, block: BlockColumn, text: impl Fn(u32) -> String) {
        let times = block.by_day.max(block.by_month);
        let values = block.numbers + block.codes + times + block.others;
        self.missing += block.missing;
        self.numbers += block.numbers;
        self.codes += block.codes;
        self.by_day += block.by_day;
        self.by_month += block.by_month;
        self.differ += block.differ;
        self.others += block.others;
        if block.moments.n > 0 {
            // Chan, Golub and LeVeque (1979).
            let (n, mean, squares) = block.moments.totals();
            let (all, apart) = (self.n + n, mean - self.mean);
            self.squares += squares + apart * apart * self.n * n / all;
            self.mean += apart * n / all;
            self.n = all;
        }
        self.low = self.low.min(block.low);
        self.high = self.high.max(block.high);
        for i in 0..2 {
            self.earliest[i] = self.earliest[i].min(block.earliest[i]);
            self.latest[i] = self.latest[i].max(block.latest[i]);
        }
        self.quantiles.merge(block.quantiles);
        self.distinct.merge(&block.distinct);
        self.counts.merge(block.counts, values, text);
    }

    /// The first and last point in time, where all values are points in time in one reading.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        if self.numbers + self.codes + self.others > 0 || self.by_day + self.by_month == 0 {
            return None;
        }
        let reading = match self.by_day.cmp(&self.by_month) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal if self.differ == 0 => 0,
            std::cmp::Ordering::Equal => return None,
        };
        Some((self.earliest[reading], self.latest[reading]))
    }

    /// Mean and sample standard deviation.
    pub(super) fn moments(&self) -> (f64, f64) {
        (self.mean, (self.squares / (self.n - 1.0)).sqrt())
    }

    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    pub(super) fn quartiles(&mut self) -> [Option<f64>; 3] {
        let (low, high) = self.ends();
        let sorted = std::mem::take(&mut self.quantiles).finish();
        [0.25, 0.5, 0.75].map(|q| sorted.at(q).map(|v| v.clamp(low, high)))
    }

    /// How many distinct values, and whether that is exact.
    pub(super) fn distinct(&self) -> (u64, bool) {
        match self.counts.distinct() {
            Some(n) => (n as u64, true),
            None => (self.distinct.estimate().round() as u64, false),
        }
    }

    pub(super) fn most_frequent(&self) -> Option<(&str, u64, bool)> {
        self.counts.most_frequent()
    }
}
