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

const BITS: usize = 11;
const DIGITS: usize = 64_usize.div_ceil(BITS);
const SIZE: usize = 1 << BITS;

/// Sorts keys. Digits that are the same for all cost nothing, so numbers that came from `f32` take four passes.
pub(super) fn sort(keys: &mut Vec<u64>) {
    if keys.len() < 512 {
        keys.sort_unstable();
        return;
    }
    let digit = |key: u64, d: usize| (key >> (d * BITS)) as usize & (SIZE - 1);
    let mut counts = vec![[0u32; SIZE]; DIGITS];
    for &k in keys.iter() {
        for (d, counts) in counts.iter_mut().enumerate() {
            counts[digit(k, d)] += 1;
        }
    }
    let n = keys.len() as u32;
    let mut other = vec![0u64; keys.len()];
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
        for n in [0, 1, 100, 5000] {
            let mut numbers: Vec<f64> = (0..n).map(|i| rng.normal() * 10f64.powi(i % 7 - 3)).collect();
            numbers.extend([0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::MIN]);
            let mut keys: Vec<u64> = numbers.iter().map(|v| key(*v)).collect();
            sort(&mut keys);
            numbers.sort_by(f64::total_cmp);
            assert!(keys.iter().map(|k| value(*k)).eq(numbers.iter().map(|v| v + 0.0)));
        }
    }
}
