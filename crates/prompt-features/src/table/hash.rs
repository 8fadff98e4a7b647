//! One hash for everything: the two halves of a 128-bit product, folded. Two or three cycles, well mixed.

pub(crate) const K0: u64 = 0x9E37_79B9_7F4A_7C15;
pub(crate) const K1: u64 = 0xD6E8_FEB8_6659_FD93;

/// The high and the low half of `a·b`, xored.
#[inline]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a 64-bit key.
#[inline]
pub(crate) fn hash_u64(key: u64) -> u64 {
    fold(key ^ K1, K0)
}
