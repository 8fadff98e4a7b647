//! Rows drawn with replacement.

use prompt_core::Seed;

/// Rows handed over at once: they stay in the first-level cache.
const BLOCK: usize = 1024;

/// Draws `n` of the rows 0, …, n − 1 with replacement and hands them to `take` in blocks.
///
/// Each half of a random word gives one row without bias (Lemire, 2019). The draws depend on `seed` and `n` alone.
pub(super) fn draw(seed: Seed, n: u32, mut take: impl FnMut(&[u32])) {
    let mut rng = seed.rng();
    let mut block = [0u32; BLOCK];
    let mut filled = 0;
    let mut left = n as usize;
    let threshold = if n == 0 { 0 } else { n.wrapping_neg() % n };
    while left > 0 {
        let word = rng.next_u64();
        for half in [word as u32, (word >> 32) as u32] {
            let wide = u64::from(half) * u64::from(n);
            if (wide as u32) >= threshold && left > 0 {
                block[filled] = (wide >> 32) as u32;
                filled += 1;
                left -= 1;
                if filled == BLOCK {
                    take(&block);
                    filled = 0;
                }
            }
        }
    }
    take(&block[..filled]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, n: u32) -> Vec<u32> {
        let mut rows = Vec::new();
        draw(Seed::new(seed), n, |block| rows.extend_from_slice(block));
        rows
    }

    #[test]
    fn as_many_rows_as_there_are_and_each_about_once() {
        for n in [0, 1, 2, 1023, 1024, 1025, 5000] {
            let rows = drawn(3, n);
            assert_eq!(rows.len(), n as usize);
            assert!(rows.iter().all(|&row| row < n));
        }
        let mut hits = [0u32; 7];
        for seed in 0..10_000 {
            drawn(seed, 7).iter().for_each(|&row| hits[row as usize] += 1);
        }
        assert!(hits.iter().all(|&h| (9_600..10_400).contains(&h)), "{hits:?}");
    }

    #[test]
    fn the_stream_is_frozen() {
        // Written down once: other draws would move every interval that was ever published.
        assert_eq!(drawn(42, 10), [2, 8, 3, 3, 0, 9, 0, 7, 4, 7]);
    }
}
