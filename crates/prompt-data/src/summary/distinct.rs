//! How many distinct values there are, and which is the most frequent, in bounded memory.
//!
//! Values are known by 64-bit hashes. Up to [`EXACT`] distinct ones are counted; beyond, HyperLogLog estimates how many
//! there are (Flajolet and others, 2007, with Ertl's estimator of 2017; standard error 1.6%), and the frequent ones are found
//! by Misra and Gries' algorithm, whose counts are at most too low by a known number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Distinct values that are counted exactly.
pub(super) const EXACT: usize = 10_000;
/// Distinct values that a block counts.
const OF_BLOCK: usize = 2048;
/// Bits of the hash that choose a register.
const REGISTERS: u32 = 12;
/// Bytes of a value that are shown.
const SHOWN: usize = 100;

/// A hash of bytes, the same everywhere.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = mix(state, u64::from_le_bytes(word));
    }
    let rest = chunks.remainder().iter().rev().fold(0, |word, b| word << 8 | u64::from(*b));
    mix(mix(state, rest), 0x2545_f491_4f6c_dd1d)
}

/// A hash of a number.
pub(super) fn hash_number(value: f64) -> u64 {
    mix(mix(0x51_7cc1_b727_220a, (value + 0.0).to_bits()), 0x2545_f491_4f6c_dd1d)
}

/// Multiplies two words and folds the product's halves.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(b ^ 0x8bb8_4b93_962e_acc9);
    product as u64 ^ (product >> 64) as u64
}

#[derive(Debug, Clone)]
pub(super) struct HyperLogLog(Vec<u8>);

impl Default for HyperLogLog {
    fn default() -> Self {
        Self(vec![0; 1 << REGISTERS])
    }
}

impl HyperLogLog {
    pub(super) fn push(&mut self, hash: u64) {
        let register = &mut self.0[(hash >> (64 - REGISTERS)) as usize];
        let zeros = ((hash << REGISTERS) | 1 << (REGISTERS - 1)).leading_zeros() as u8 + 1;
        *register = (*register).max(zeros);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a = (*a).max(*b));
    }

    pub(super) fn estimate(&self) -> f64 {
        let m = f64::from(1_u32 << REGISTERS);
        let q = 64 - REGISTERS as usize;
        let mut counts = vec![0.0; q + 2];
        self.0.iter().for_each(|r| counts[usize::from(*r)] += 1.0);
        let mut z = m * tau(1.0 - counts[q + 1] / m);
        for count in counts[1..=q].iter().rev() {
            z = 0.5 * (z + count);
        }
        z += m * sigma(counts[0] / m);
        m * m / (2.0 * std::f64::consts::LN_2 * z)
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// The counted values of a block, in an open table of hashes.
#[derive(Debug)]
pub(super) struct BlockCounts {
    /// Hash, count, and where the value first stands in the block; a count of 0 is a free place.
    slots: Vec<(u64, u32, u32)>,
    used: usize,
    /// How much the counts may be too low; 0 when they are exact.
    missed: u32,
}

impl Default for BlockCounts {
    fn default() -> Self {
        Self { slots: vec![(0, 0, 0); 64], used: 0, missed: 0 }
    }
}

impl BlockCounts {
    pub(super) fn push(&mut self, hash: u64, place: u32) {
        self.add(hash, 1, place);
    }

    fn add(&mut self, hash: u64, n: u32, place: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = &mut self.slots[at];
            if slot.1 == 0 {
                *slot = (hash, n, place);
                self.used += 1;
                break;
            }
            if slot.0 == hash {
                slot.1 += n;
                return;
            }
            at = (at + 1) & mask;
        }
        if self.used * 2 > self.slots.len() {
            if self.slots.len() < 2 * OF_BLOCK { self.rebuilt(self.slots.len() * 2, 0) } else { self.prune() }
        }
    }

    fn rebuilt(&mut self, size: usize, less: u32) {
        let old = std::mem::replace(&mut self.slots, vec![(0, 0, 0); size]);
        self.used = 0;
        for (hash, n, place) in old {
            if n > less {
                self.add(hash, n - less, place);
            }
        }
    }

    /// Takes the median count from all, so that at least half of the places are free again.
    fn prune(&mut self) {
        let mut counts: Vec<u32> = self.slots.iter().filter(|s| s.1 > 0).map(|s| s.1).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        self.missed += median;
        self.rebuilt(self.slots.len(), median);
    }
}

/// The hashes are well mixed already.
#[derive(Debug, Default)]
pub(super) struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// The counted values of all blocks.
#[derive(Debug, Default)]
pub(super) struct Counts {
    values: HashMap<u64, (u64, String), BuildHasherDefault<Given>>,
    /// How much the counts may be too low; 0 when they are exact.
    missed: u64,
}

impl Counts {
    /// Adds a block of so many values; `text` gives the value that stands at a place.
    pub(super) fn merge(&mut self, block: BlockCounts, values: u64, text: impl Fn(u32) -> String) {
        // What is rare in a block that holds too many values is not worth keeping.
        let rare = if block.missed > 0 { values / 1024 } else { 0 };
        self.missed += u64::from(block.missed) + rare;
        for (hash, n, place) in block.slots {
            if u64::from(n) > rare && n > 0 {
                self.values.entry(hash).or_insert_with(|| (0, shown(&text(place)))).0 += u64::from(n);
            }
        }
        if self.values.len() > EXACT {
            let mut counts: Vec<u64> = self.values.values().map(|(n, _)| *n).collect();
            let at = counts.len() - OF_BLOCK;
            let less = *counts.select_nth_unstable(at).1;
            self.missed += less;
            self.values.retain(|_, (n, _)| {
                *n = n.saturating_sub(less);
                *n > 0
            });
        }
    }

    /// How many distinct values there are, where they were all counted.
    pub(super) fn distinct(&self) -> Option<usize> {
        (self.missed == 0).then_some(self.values.len())
    }

    /// The most frequent value, its count, and whether the count is exact (otherwise it is at least that); the first
    /// by name of equals. `None` where it may be any.
    pub(super) fn most_frequent(&self) -> Option<(&str, u64, bool)> {
        let (n, text) = self.values.values().max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)))?;
        (self.missed == 0 || *n > self.missed).then_some((text.as_str(), *n, self.missed == 0))
    }
}

fn shown(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_owned();
    }
    let end = (0..=SHOWN).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_a_few_percent_and_hashes_do_not_meet() {
        for n in [10_u64, 1000, 50_000, 400_000] {
            let mut sketch = HyperLogLog::default();
            (0..n).for_each(|i| sketch.push(hash(i.to_string().as_bytes())));
            let ratio = sketch.estimate() / n as f64;
            assert!((0.94..1.06).contains(&ratio), "{n}: {ratio}");
        }
        let hashes: std::collections::HashSet<u64> =
            (0..100_000).map(|i| hash(format!("value {i}").as_bytes())).collect();
        assert_eq!(hashes.len(), 100_000);
        assert_eq!(hash_number(0.0), hash_number(-0.0));
    }

    #[test]
    fn few_values_are_counted_exactly_and_a_frequent_one_is_found_among_many() {
        let count = |values: &[u32], blocks: usize| {
            let mut all = Counts::default();
            for block in values.chunks(values.len().div_ceil(blocks)) {
                let mut counts = BlockCounts::default();
                block.iter().for_each(|v| counts.push(hash(&v.to_le_bytes()), *v));
                all.merge(counts, block.len() as u64, |place| place.to_string());
            }
            all
        };
        let few: Vec<u32> = (0..30_000).map(|i| i % 7 * u32::from(i % 3 > 0)).collect();
        let counts = count(&few, 4);
        assert_eq!((counts.distinct(), counts.most_frequent()), (Some(7), Some(("0", 12_857, true))));
        // A tenth of the rows is one value, the others are all distinct.
        let many: Vec<u32> = (0..100_000).map(|i| if i % 10 == 0 { 7 } else { 1000 + i }).collect();
        let counts = count(&many, 5);
        let (text, n, exact) = counts.most_frequent().unwrap();
        assert_eq!((counts.distinct(), text, exact), (None, "7", false));
        assert!((9000..=10_000).contains(&n), "{n}");
        let unique: Vec<u32> = (0..100_000).collect();
        assert_eq!(count(&unique, 5).most_frequent(), None);
    }
}
