//! MurmurHash3_x86_32 with seed 0 (Austin Appleby, public domain), the hash of scikit-learn's hashing vectoriser.

const C1: u32 = 0xCC9E_2D51;
const C2: u32 = 0x1B87_3593;

/// The hash of `bytes`.
#[inline]
pub(crate) fn murmur3(bytes: &[u8]) -> u32 {
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mix = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let mut h = blocks.iter().fold(0u32, |h, block| {
        (h ^ mix(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xE654_6B64)
    });
    if !tail.is_empty() {
        h ^= mix(tail.iter().rev().fold(0, |k, &b| k << 8 | u32::from(b)));
    }
    h ^= bytes.len() as u32;
    h = (h ^ h >> 16).wrapping_mul(0x85EB_CA6B);
    h = (h ^ h >> 13).wrapping_mul(0xC2B2_AE35);
    h ^ h >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_published_ones() {
        assert_eq!(murmur3(b""), 0);
        assert_eq!(murmur3(b"test"), 0xBA6B_D213);
        assert_eq!(murmur3(b"Hello, world!"), 0xC036_3E43);
        assert_eq!(murmur3(b"The quick brown fox jumps over the lazy dog"), 0x2E4F_F723);
    }
}
