//! Sorting numbers by their bits: several times as fast as comparing them.

/// Keys below which comparing is quicker.
const FEW: usize = 2048;

/// Bits of a digit: its counters stay in the first-level cache.
const DIGIT: u32 = 11;
const DIGITS: usize = 6;
const VALUES: usize = 1 << DIGIT;

/// A finite number as an integer that falls as the number rises. −0.0 and 0.0 are one.
pub(crate) fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    // Positive numbers rise with their bits, negative ones fall.
    if bits >> 63 == 0 { !bits & (u64::MAX >> 1) } else { bits }
}

/// The number of a key.
pub(crate) fn from_descending(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 0 { !key & (u64::MAX >> 1) } else { key })
}

/// Sorts keys, lowest first: a radix sort from the last digit, without the digits that all keys share.
pub(crate) fn sort_keys(keys: &mut Vec<u64>) {
    if keys.len() < FEW {
        keys.sort_unstable();
        return;
    }
    let mut counts = vec![[0u32; VALUES]; DIGITS];
    let digit = |key: u64, d: usize| (key >> (DIGIT * d as u32)) as usize & (VALUES - 1);
    // Counters hold 2³² keys; nobody has more rows in memory than that many.
    for &key in keys.iter() {
        for (d, counts) in counts.iter_mut().enumerate() {
            counts[digit(key, d)] += 1;
        }
    }
    let mut other = vec![0u64; keys.len()];
    for (d, counts) in counts.iter_mut().enumerate() {
        if counts[digit(keys[0], d)] as usize == keys.len() {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            (*count, start) = (start, start + *count);
        }
        for &key in keys.iter() {
            let place = &mut counts[digit(key, d)];
            other[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keys, &mut other);
    }
}

/// Finite numbers, lowest first.
pub(crate) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut keys: Vec<u64> = values.map(descending).collect();
    sort_keys(&mut keys);
    keys.into_iter().rev().map(from_descending).collect()
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    #[test]
    fn keys_fall_as_scores_rise() {
        let rising = [-1e300, -2.0, -1e-310, 0.0, 1e-310, 0.5, 0.75, 1e300];
        assert!(rising.windows(2).all(|pair| descending(pair[0]) > descending(pair[1])));
        assert_eq!(descending(-0.0), descending(0.0));
        assert!(rising.iter().all(|&x| from_descending(descending(x)) == x));
    }

    #[test]
    fn many_keys_come_out_as_by_comparing() {
        let mut rng = Seed::new(4).rng();
        for n in [0, 1, 2047, 2048, 20_000] {
            for spread in [1.0, 1e-9, 1e200] {
                let values: Vec<f64> = (0..n).map(|_| spread * rng.normal()).collect();
                let mut expected = values.clone();
                expected.sort_by(f64::total_cmp);
                assert_eq!(sorted(values.into_iter()), expected);
            }
        }
        assert_eq!(sorted(vec![0.25; 5000].into_iter()), vec![0.25; 5000]);
    }
}
