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

/// What a block and a whole column count alike.
#[derive(Debug)]
struct Tally {
    missing: u64,
    numbers: u64,
    codes: u64,
    /// Cells that are dates with the day first, with the month first, and those in which that makes a difference.
    by_day: u64,
    by_month: u64,
    differ: u64,
    others: u64,
    low: f64,
    high: f64,
    /// The first and the last date, read with the day first and with the month first.
    earliest: [i64; 2],
    latest: [i64; 2],
    quantiles: Quantiles,
    distinct: HyperLogLog,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            missing: 0,
            numbers: 0,
            codes: 0,
            by_day: 0,
            by_month: 0,
            differ: 0,
            others: 0,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            earliest: [i64::MAX; 2],
            latest: [i64::MIN; 2],
            quantiles: Quantiles::default(),
            distinct: HyperLogLog::default(),
        }
    }
}

impl Tally {
    /// Cells with a value.
    fn values(&self) -> u64 {
        self.numbers + self.codes + self.by_day.max(self.by_month) + self.others
    }

    fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        self.numbers += other.numbers;
        self.codes += other.codes;
        self.by_day += other.by_day;
        self.by_month += other.by_month;
        self.differ += other.differ;
        self.others += other.others;
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        for i in 0..2 {
            self.earliest[i] = self.earliest[i].min(other.earliest[i]);
            self.latest[i] = self.latest[i].max(other.latest[i]);
        }
        self.quantiles.merge(other.quantiles);
        self.distinct.merge(&other.distinct);
    }
}

/// A column in one block.
#[derive(Debug, Default)]
pub(super) struct BlockColumn {
    tally: Tally,
    moments: Moments,
    counts: BlockCounts,
}

impl BlockColumn {
    /// Takes a trimmed cell that stands at `place`.
    pub(super) fn push(&mut self, bytes: &[u8], place: u32, missing: &[String]) {
        let hash = match Cell::of(bytes, missing) {
            Cell::Missing => {
                self.tally.missing += 1;
                return;
            }
            Cell::Number(value) => {
                self.tally.numbers += 1;
                self.moments.push(value);
                self.tally.low = self.tally.low.min(value);
                self.tally.high = self.tally.high.max(value);
                self.tally.quantiles.push(value);
                hash_number(value)
            }
            Cell::Code => {
                self.tally.codes += 1;
                hash(bytes)
            }
            Cell::Time { day, month } => {
                self.tally.by_day += u64::from(day.is_some());
                self.tally.by_month += u64::from(month.is_some());
                self.tally.differ += u64::from(day != month);
                for (i, at) in [day, month].into_iter().enumerate().filter_map(|(i, at)| Some((i, at?))) {
                    self.tally.earliest[i] = self.tally.earliest[i].min(at);
                    self.tally.latest[i] = self.tally.latest[i].max(at);
                }
                hash(bytes)
            }
            Cell::Other => {
                self.tally.others += 1;
                hash(bytes)
            }
        };
        self.tally.distinct.push(hash);
        self.counts.push(hash, place);
    }
}

/// A column over all blocks.
#[derive(Debug, Default)]
pub(super) struct WholeColumn {
    tally: Tally,
    n: f64,
    mean: f64,
    squares: f64,
    counts: Counts,
}

impl WholeColumn {
    /// Adds the next block; `text` gives the cell that stands at a place in it.
    pub(super) fn merge(&mut self, block: BlockColumn, text: impl Fn(u32) -> String) {
        if block.moments.n > 0 {
            // Chan, Golub and LeVeque (1979).
            let (n, mean, squares) = block.moments.totals();
            let (all, apart) = (self.n + n, mean - self.mean);
            self.squares += squares + apart * apart * self.n * n / all;
            self.mean += apart * n / all;
            self.n = all;
        }
        self.counts.merge(block.counts, block.tally.values(), text);
        self.tally.merge(block.tally);
    }

    /// Cells without a value.
    pub(super) fn missing(&self) -> u64 {
        self.tally.missing
    }

    /// Cells that are numbers.
    pub(super) fn numbers(&self) -> u64 {
        self.tally.numbers
    }

    /// Cells of digits that are names, such as those with leading zeros.
    pub(super) fn codes(&self) -> u64 {
        self.tally.codes
    }

    /// The first and last point in time, where all values are points in time in one reading.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let tally = &self.tally;
        if tally.numbers + tally.codes + tally.others > 0 || tally.by_day + tally.by_month == 0 {
            return None;
        }
        let reading = match tally.by_day.cmp(&tally.by_month) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal if tally.differ == 0 => 0,
            std::cmp::Ordering::Equal => return None,
        };
        Some((tally.earliest[reading], tally.latest[reading]))
    }

    /// Mean and sample standard deviation.
    pub(super) fn moments(&self) -> (f64, f64) {
        (self.mean, (self.squares / (self.n - 1.0)).sqrt())
    }

    pub(super) fn ends(&self) -> (f64, f64) {
        (self.tally.low, self.tally.high)
    }

    pub(super) fn quartiles(&mut self) -> [Option<f64>; 3] {
        let (low, high) = self.ends();
        let sorted = std::mem::take(&mut self.tally.quantiles).finish();
        [0.25, 0.5, 0.75].map(|q| sorted.at(q).map(|v| v.clamp(low, high)))
    }

    /// How many distinct values, and whether that is exact.
    pub(super) fn distinct(&self) -> (u64, bool) {
        match self.counts.distinct() {
            Some(n) => (n as u64, true),
            None => (self.tally.distinct.estimate().round() as u64, false),
        }
    }

    pub(super) fn most_frequent(&self) -> Option<(&str, u64, bool)> {
        self.counts.most_frequent()
    }
}
