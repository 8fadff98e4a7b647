//! The bins of one column.

use super::BinOptions;
use super::cuts::{between, ranges};
use super::sort::{key, sort, value};

/// The bins of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnBins {
    kind: Kind,
    missing: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// Smallest and largest number of every bin, and the cut after every bin but the last.
    Numeric { ends: Vec<(f64, f64)>, cuts: Vec<f64> },
    /// The bin of every level; levels that were not seen have the code of missing.
    Categorical { bin_of: Vec<u32>, bins: usize },
}

impl ColumnBins {
    /// Number of bins, without the code for missing.
    pub fn bins(&self) -> usize {
        match &self.kind {
            Kind::Numeric { ends, .. } => ends.len(),
            Kind::Categorical { bins, .. } => *bins,
        }
    }

    /// The code of missing numbers: the one after the last bin.
    pub fn missing_code(&self) -> usize {
        self.bins()
    }

    /// Whether a number was missing among the rows of the fit.
    pub fn has_missing(&self) -> bool {
        self.missing
    }

    /// Whether the column holds categories.
    pub fn is_categorical(&self) -> bool {
        matches!(self.kind, Kind::Categorical { .. })
    }

    /// The cut after every bin but the last, rising; empty for categories.
    pub fn cuts(&self) -> &[f64] {
        match &self.kind {
            Kind::Numeric { cuts, .. } => cuts,
            Kind::Categorical { .. } => &[],
        }
    }

    /// The smallest and the largest number in a numeric bin; the bin itself for categories.
    pub fn range(&self, bin: usize) -> (f64, f64) {
        match &self.kind {
            Kind::Numeric { ends, .. } => ends[bin],
            Kind::Categorical { .. } => (bin as f64, bin as f64),
        }
    }

    /// The number that parts bins up to `left` from bins from `right` on, where no row lies between them: halfway
    /// between their nearest numbers.
    pub fn threshold(&self, left: usize, right: usize) -> f64 {
        between(self.range(left).1, self.range(right).0)
    }

    /// The code of a number.
    pub fn code(&self, v: f64) -> usize {
        if v.is_nan() {
            return self.missing_code();
        }
        match &self.kind {
            Kind::Numeric { cuts, .. } => cuts.partition_point(|cut| *cut < v),
            Kind::Categorical { bin_of, bins } => {
                let level = if v >= 0.0 { bin_of.get(v as usize) } else { None };
                level.map_or(*bins, |b| *b as usize)
            }
        }
    }

    /// The levels of a categorical column whose bins go left, as bits: bit `l % 64` of word `l / 64`. Levels that were
    /// not seen go where missing ones go.
    pub fn level_set(&self, goes_left: impl Fn(usize) -> bool, missing_left: bool) -> Vec<u64> {
        let Kind::Categorical { bin_of, bins } = &self.kind else { return Vec::new() };
        let mut set = vec![0u64; bin_of.len().div_ceil(64)];
        for (level, &bin) in bin_of.iter().enumerate() {
            let bin = bin as usize;
            if if bin == *bins { missing_left } else { goes_left(bin) } {
                set[level / 64] |= 1 << (level % 64);
            }
        }
        set
    }
}

/// Collects the numbers of a column and their weights.
pub(super) struct Distinct {
    keys: Vec<u64>,
    /// Beside `keys`, where rows are weighted.
    weights: Option<Vec<f64>>,
    zeros: f64,
    missing: bool,
}

impl Distinct {
    pub(super) fn new(weighted: bool) -> Self {
        Self { keys: Vec::new(), weights: weighted.then(Vec::new), zeros: 0.0, missing: false }
    }

    /// About so many numbers will come.
    pub(super) fn expect(&mut self, numbers: usize) {
        self.keys.reserve(numbers);
    }

    pub(super) fn add(&mut self, v: f64, weight: f64) {
        if v.is_nan() {
            self.missing = true;
            return;
        }
        self.keys.push(key(v));
        if let Some(weights) = &mut self.weights {
            weights.push(weight);
        }
    }

    /// Zeros that are not stored weigh this much together.
    pub(super) fn add_zeros(&mut self, weight: f64) {
        self.zeros = weight;
    }

    /// Distinct values in rising order, and the weight of each.
    fn sorted(mut self) -> (Vec<f64>, Vec<f64>) {
        let (mut values, mut mass) = (Vec::new(), Vec::<f64>::new());
        let mut last = None;
        let mut take = |k: u64, weight: f64| {
            if last == Some(k) {
                if let Some(m) = mass.last_mut() {
                    *m += weight;
                }
            } else {
                values.push(value(k));
                mass.push(weight);
                last = Some(k);
            }
        };
        let zero = key(0.0);
        let mut zeros = self.zeros;
        let mut with_zeros = |k: u64, weight: f64| {
            if zeros > 0.0 && k >= zero {
                take(zero, zeros);
                zeros = 0.0;
            }
            take(k, weight);
        };
        match self.weights {
            None => {
                sort(&mut self.keys);
                self.keys.iter().for_each(|k| with_zeros(*k, 1.0));
            }
            Some(weights) => {
                let mut pairs: Vec<(u64, f64)> = self.keys.into_iter().zip(weights).collect();
                pairs.sort_by_key(|p| p.0);
                pairs.into_iter().for_each(|(k, w)| with_zeros(k, w));
            }
        }
        if zeros > 0.0 {
            take(zero, zeros);
        }
        (values, mass)
    }

    /// The bins; `levels` is 0 for a column of plain numbers.
    pub(super) fn bins(self, levels: u32, options: BinOptions) -> ColumnBins {
        let missing = self.missing;
        let (values, mass) = self.sorted();
        if levels > 0 {
            let kind = categories(&values, &mass, levels as usize, options.max_bins.max(2));
            return ColumnBins { kind, missing };
        }
        let (low, high) = ranges(&values, &mass, options);
        let cuts = high.iter().zip(low.iter().skip(1)).map(|(h, l)| between(*h, *l)).collect();
        let ends = low.into_iter().zip(high).collect();
        ColumnBins { kind: Kind::Numeric { ends, cuts }, missing }
    }
}

/// Levels by falling weight, ties by code. Where there are more than bins, the rarest share the last bin.
fn categories(codes: &[f64], mass: &[f64], levels: usize, most: usize) -> Kind {
    let mut order: Vec<usize> = (0..codes.len()).collect();
    order.sort_by(|&a, &b| mass[b].total_cmp(&mass[a]));
    let bins = order.len().min(most);
    let mut bin_of = vec![bins as u32; levels];
    for (rank, &at) in order.iter().enumerate() {
        if let Some(bin) = bin_of.get_mut(codes[at] as usize) {
            *bin = rank.min(most - 1) as u32;
        }
    }
    Kind::Categorical { bin_of, bins }
}
