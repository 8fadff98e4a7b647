//! MurmurHash3_x86_32 with seed 0 (Austin Appleby, public domain), the hash of scikit-learn's hashing vectoriser.

const C1: u32 = 0xCC9E_2D51;
const C2: u32 = 0x1B87_3593;

/// `MASKS[n]` keeps the first `n` bytes of a little-endian word.
const MASKS: [u32; 4] = [0, 0xFF, 0xFFFF, 0xFF_FFFF];

/// The hash of `buffer[start..end]`; fastest where the buffer goes on for 4 bytes after `end`.
#[inline]
pub(crate) fn murmur3(buffer: &[u8], start: usize, end: usize) -> u32 {
    let bytes = &buffer[start..end];
    let mix = |k: u32| k.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut h = blocks.iter().fold(0u32, |h, block| {
        (h ^ mix(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xE654_6B64)
    });
    // The last bytes are read as a whole word and masked, so that their number costs no branch.
    let last = match buffer[end - tail.len()..].first_chunk::<4>() {
        Some(word) => u32::from_le_bytes(*word) & MASKS[tail.len()],
        None => tail.iter().rev().fold(0, |k, &b| k << 8 | u32::from(b)),
    };
    h ^= mix(last) ^ bytes.len() as u32;
    h = (h ^ h >> 16).wrapping_mul(0x85EB_CA6B);
    h = (h ^ h >> 13).wrapping_mul(0xC2B2_AE35);
    h ^ h >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_published_ones() {
        for (text, expected) in [
            ("", 0),
            ("test", 0xBA6B_D213),
            ("Hello, world!", 0xC036_3E43),
            ("The quick brown fox jumps over the lazy dog", 0x2E4F_F723),
        ] {
            assert_eq!(murmur3(text.as_bytes(), 0, text.len()), expected);
            let inside = format!("+{text}++++");
            assert_eq!(murmur3(inside.as_bytes(), 1, 1 + text.len()), expected);
        }
    }
}
