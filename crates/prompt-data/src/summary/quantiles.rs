//! Quantiles of a stream in bounded memory.
//!
//! Few numbers are kept. More are counted in bins: a bin is a sign, an exponent and the first eleven bits of the
//! mantissa, so that a quantile is off by at most 1/2048 of its value, and whole numbers up to 4096 are exact (a sketch with
//! relative error, as in Masson, Rim and Lee, 2019). Counts add up, so that the order of blocks does not matter.

/// Numbers that are kept as they are.
const FEW: usize = 1024;
const MANTISSA: u32 = 11;
const BINS: usize = 1 << MANTISSA;
const SHIFT: u32 = 52 - MANTISSA;

#[derive(Debug, Clone, Default)]
pub(super) struct Quantiles {
    few: Vec<f64>,
    /// Where the page of each sign and exponent is, plus one; empty as long as the numbers are few.
    places: Vec<u16>,
    /// The bins of one sign and exponent, by the first twelve bits of the key.
    pages: Vec<(u16, Box<[u32]>)>,
    count: u64,
}

/// The bits of a number, in the order of the numbers.
fn key(value: f64) -> u64 {
    // −0 and 0 are one number.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The number of a bin that is nearest to zero.
fn value(page: u16, bin: usize) -> f64 {
    let key = u64::from(page) << 52 | (bin as u64) << SHIFT;
    let bits = if key >> 63 == 1 { key & !(1 << 63) } else { !(key | ((1 << SHIFT) - 1)) };
    f64::from_bits(bits)
}

impl Quantiles {
    pub(super) fn push(&mut self, value: f64) {
        self.count += 1;
        if self.places.is_empty() {
            if self.few.len() < FEW {
                self.few.push(value);
                return;
            }
            self.spill();
        }
        self.add(key(value), 1);
    }

    fn spill(&mut self) {
        if self.places.is_empty() {
            self.places = vec![0; 4096];
        }
        for value in std::mem::take(&mut self.few) {
            self.add(key(value), 1);
        }
    }

    fn add(&mut self, key: u64, n: u32) {
        let page = (key >> 52) as u16;
        let bins = self.page(page);
        let bin = &mut bins[(key >> SHIFT) as usize & (BINS - 1)];
        *bin = bin.saturating_add(n);
    }

    fn page(&mut self, page: u16) -> &mut [u32] {
        let place = &mut self.places[usize::from(page)];
        if *place == 0 {
            self.pages.push((page, vec![0; BINS].into()));
            *place = self.pages.len() as u16;
        }
        &mut self.pages[usize::from(*place) - 1].1
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        if self.places.is_empty() && other.places.is_empty() && self.few.len() + other.few.len() <= FEW {
            self.few.extend(other.few);
            return;
        }
        self.spill();
        for (page, bins) in other.pages {
            let own = self.page(page);
            own.iter_mut().zip(&bins).for_each(|(own, n)| *own = own.saturating_add(*n));
        }
        other.few.into_iter().for_each(|value| self.add(key(value), 1));
    }

    /// Makes the quantiles ready to be asked for, and says whether they are exact.
    pub(super) fn finish(mut self) -> Sorted {
        self.few.sort_unstable_by(f64::total_cmp);
        self.pages.sort_unstable_by_key(|(page, _)| *page);
        Sorted { few: self.few, pages: self.pages, count: self.count }
    }
}

pub(super) struct Sorted {
    few: Vec<f64>,
    pages: Vec<(u16, Box<[u32]>)>,
    count: u64,
}

impl Sorted {
    /// Quantile `q`, linear between neighbours.
    pub(super) fn at(&self, q: f64) -> Option<f64> {
        let rank = q * self.count.checked_sub(1)? as f64;
        let (a, b) = (self.of_rank(rank.floor() as u64)?, self.of_rank(rank.ceil() as u64)?);
        Some(a + (b - a) * rank.fract())
    }

    fn of_rank(&self, rank: u64) -> Option<f64> {
        if self.pages.is_empty() {
            return self.few.get(rank as usize).copied();
        }
        let mut below = 0;
        for (page, bins) in &self.pages {
            for (bin, n) in bins.iter().enumerate() {
                below += u64::from(*n);
                if below > rank {
                    return Some(value(*page, bin));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = f64> + Clone, parts: usize) -> Sorted {
        let all: Vec<f64> = values.collect();
        let mut whole = Quantiles::default();
        for part in all.chunks(all.len().div_ceil(parts)) {
            let mut sketch = Quantiles::default();
            part.iter().for_each(|v| sketch.push(*v));
            whole.merge(sketch);
        }
        whole.finish()
    }

    #[test]
    fn few_numbers_and_whole_ones_are_exact_others_nearly_so() {
        let few = of([3.0, -1.5, 2.25, 7.0].into_iter(), 2);
        assert_eq!([few.at(0.0), few.at(0.5), few.at(0.75)], [Some(-1.5), Some(2.625), Some(4.0)]);
        let whole = of((0..8000).map(|i| f64::from(i * 37 % 8000 - 4000)), 3);
        assert_eq!([whole.at(0.25), whole.at(0.5)], [Some(-2000.25), Some(-0.5)]);
        for scale in [1e-12, 1.0, 1e200] {
            let sketch = of((0..10_000).map(|i| f64::from(i * 7919 % 10_000) * 0.731 * scale), 4);
            for q in [0.01, 0.25, 0.5, 0.9] {
                let (found, exact) = (sketch.at(q).unwrap(), q * 9999.0 * 0.731 * scale);
                assert!((found / exact - 1.0).abs() < 1.0 / 2048.0 + 1e-9, "{q}: {found} for {exact}");
            }
        }
        assert_eq!(of([0.0, -0.0].into_iter(), 1).at(1.0), Some(0.0));
    }

    #[test]
    fn parts_in_any_number_make_the_same_sketch() {
        let values = || (0..5000).map(|i| f64::from(i * 31 % 977) - 0.37);
        let quartiles = |parts| [0.25, 0.5, 0.75].map(|q| of(values(), parts).at(q).map(f64::to_bits));
        assert_eq!(quartiles(1), quartiles(5));
        assert_eq!(quartiles(1), quartiles(50));
    }
}
