//! Sorting numbers by their bits: a few passes over the digits that differ, faster than comparing.

/// A key that sorts as the number does; −0 is 0, NaN must not come.
pub(super) fn key(v: f64) -> u64 {
    let bits = (v + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The number of a key.
pub(super) fn value(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// Bits of a digit.
const BITS: usize = 11;
const SIZE: usize = 1 << BITS;
/// Digits of 64 and of 32 bits.
const WIDE: usize = 64_usize.div_ceil(BITS);
const NARROW: usize = 32_usize.div_ceil(BITS);

/// Sorts keys. Digits that are the same for all cost nothing; numbers that came from `f32` are sorted as such, in half
/// the passes over half the memory.
pub(super) fn sort(keys: &mut Vec<u64>) {
    if keys.len() < 512 {
        keys.sort_unstable();
        return;
    }
    if keys.iter().all(|k| f64::from(value(*k) as f32) == value(*k)) {
        let mut narrow: Vec<u32> = keys.iter().map(|k| narrow_key(value(*k) as f32)).collect();
        by_digits::<u32, NARROW>(&mut narrow, |key, d| (key >> (d * BITS)) as usize & (SIZE - 1));
        keys.iter_mut().zip(narrow).for_each(|(k, n)| *k = key(f64::from(narrow_value(n))));
    } else {
        by_digits::<u64, WIDE>(keys, |key, d| (key >> (d * BITS)) as usize & (SIZE - 1));
    }
}

fn narrow_key(v: f32) -> u32 {
    let bits = v.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

fn narrow_value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

fn by_digits<K: Copy + Default, const DIGITS: usize>(keys: &mut Vec<K>, digit: impl Fn(K, usize) -> usize) {
    let mut counts = vec![[0u32; SIZE]; DIGITS];
    for &k in keys.iter() {
        for (d, counts) in counts.iter_mut().enumerate() {
            counts[digit(k, d)] += 1;
        }
    }
    let n = keys.len() as u32;
    let mut other = vec![K::default(); keys.len()];
    for (d, counts) in counts.iter_mut().enumerate() {
        if keys.first().is_none_or(|&k| counts[digit(k, d)] == n) {
            continue;
        }
        let mut next = 0;
        for count in counts.iter_mut() {
            (next, *count) = (next + *count, next);
        }
        for &k in keys.iter() {
            let at = &mut counts[digit(k, d)];
            other[*at as usize] = k;
            *at += 1;
        }
        std::mem::swap(keys, &mut other);
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    #[test]
    fn keys_sort_as_numbers_do() {
        let mut rng = Seed::new(1).rng();
        for (n, narrow) in [(0, false), (1, false), (100, true), (5000, false), (5000, true)] {
            let mut numbers: Vec<f64> = (0..n).map(|i| rng.normal() * 10f64.powi(i % 7 - 3)).collect();
            if narrow {
                numbers.iter_mut().for_each(|v| *v = f64::from(*v as f32));
                numbers.extend([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY]);
            } else {
                numbers.extend([0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::MIN]);
            }
            let mut keys: Vec<u64> = numbers.iter().map(|v| key(*v)).collect();
            sort(&mut keys);
            numbers.sort_by(f64::total_cmp);
            assert!(keys.iter().map(|k| value(*k)).eq(numbers.iter().map(|v| v + 0.0)));
        }
    }
}
