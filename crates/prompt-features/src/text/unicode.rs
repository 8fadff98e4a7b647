//! Python's classes of characters.

use super::word_table::{LEAVES, PAGES};

/// Python's `\w` for text: `str.isalnum()` or an underscore. Combining marks are not word characters.
#[inline]
pub fn is_word(c: char) -> bool {
    let c = c as usize;
    LEAVES[usize::from(PAGES[c >> 8])][c >> 6 & 3] >> (c & 63) & 1 == 1
}

/// [`is_word`] of an ASCII byte; false for the others.
#[inline]
pub(crate) fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Python's `str.isspace()` and `\s` for text, which has four separators (U+001C to U+001F) more than Unicode's
/// `White_Space`.
#[inline]
pub fn is_space(c: char) -> bool {
    match c {
        '\0'..='\x7f' => is_space_byte(c as u8),
        _ => c.is_whitespace(),
    }
}

/// [`is_space`] of an ASCII byte; false for the others.
#[inline]
pub(crate) fn is_space_byte(b: u8) -> bool {
    b == b' ' || b.wrapping_sub(9) < 5 || b.wrapping_sub(0x1C) < 4
}
