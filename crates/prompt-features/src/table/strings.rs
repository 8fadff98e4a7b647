//! Byte strings → ids 0, 1, 2, … in the order they were first seen.

use super::hash::{K0, K1, fold};

/// `MASKS[n]` keeps the first `n` bytes of a little-endian word.
static MASKS: [u64; 9] = {
    let mut masks = [u64::MAX; 9];
    let mut n = 0;
    while n < 8 {
        masks[n] = (1 << (8 * n)) - 1;
        n += 1;
    }
    masks
};

/// A byte string with its first 16 bytes in two words, so that short strings compare without touching memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    bytes: &'a [u8],
    low: u64,
    high: u64,
}

impl<'a> Key<'a> {
    /// `buffer[start..end]`; fastest where the buffer goes on for 16 bytes after `start`.
    #[inline]
    pub(crate) fn at(buffer: &'a [u8], start: usize, end: usize) -> Self {
        let bytes = &buffer[start..end];
        match buffer[start..].first_chunk::<16>() {
            Some(chunk) => {
                let both = u128::from_le_bytes(*chunk);
                let low = both as u64 & MASKS[bytes.len().min(8)];
                let high = (both >> 64) as u64 & MASKS[bytes.len().saturating_sub(8).min(8)];
                Self { bytes, low, high }
            }
            None => Self::of(bytes),
        }
    }

    /// `bytes`, wherever they lie.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let mut chunk = [0u8; 16];
        let head = bytes.len().min(16);
        chunk[..head].copy_from_slice(&bytes[..head]);
        let both = u128::from_le_bytes(chunk);
        Self { bytes, low: both as u64, high: (both >> 64) as u64 }
    }

    /// Up to seven bytes and their number as one key.
    #[inline]
    pub(crate) fn packed(&self) -> Option<u64> {
        (self.bytes.len() < 8).then_some(self.low | (self.bytes.len() as u64) << 56)
    }

    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        let hash = fold(self.low ^ K0, self.high ^ K1 ^ self.bytes.len() as u64);
        if self.bytes.len() <= 16 { hash } else { long_hash(hash, &self.bytes[16..]) }
    }
}

/// Undoes [`Key::packed`].
pub(crate) fn unpacked(packed: u64) -> Vec<u8> {
    packed.to_le_bytes()[..(packed >> 56) as usize].to_vec()
}

#[inline(never)]
fn long_hash(mut hash: u64, rest: &[u8]) -> u64 {
    for chunk in rest.chunks(16) {
        let Key { low, high, .. } = Key::of(chunk);
        hash = fold(hash ^ low ^ K0, high ^ K1);
    }
    hash
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    low: u64,
    high: u64,
    start: usize,
    len: usize,
}

/// An interner of byte strings.
#[derive(Debug, Clone)]
pub(crate) struct Strings {
    /// 0 for an empty slot, else the upper half of the hash over the id plus one.
    slots: Vec<u64>,
    mask: usize,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { slots: vec![0; 16], mask: 15, entries: Vec::new(), bytes: Vec::new() }
    }
}

impl Strings {
    /// How many strings there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// String `id`; empty beyond the last.
    pub(crate) fn get(&self, id: u32) -> &[u8] {
        self.entries.get(id as usize).map_or(&[], |e| &self.bytes[e.start..e.start + e.len])
    }

    /// All strings by id, which are text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        (0..self.entries.len() as u32).map(|id| String::from_utf8_lossy(self.get(id)))
    }

    /// Forgets the strings and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
        self.entries.clear();
        self.bytes.clear();
    }

    /// The id of a string that was inserted.
    #[inline]
    pub(crate) fn find(&self, key: Key<'_>) -> Option<u32> {
        let hash = key.hash();
        let mut at = hash as usize & self.mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            let id = slot as u32 - 1;
            if slot >> 32 == hash >> 32 && self.holds(id, &key) {
                return Some(id);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// The id of a string, new or not.
    #[inline]
    pub(crate) fn insert(&mut self, key: Key<'_>) -> u32 {
        let hash = key.hash();
        let mut at = hash as usize & self.mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return self.add(key, hash, at);
            }
            let id = slot as u32 - 1;
            if slot >> 32 == hash >> 32 && self.holds(id, &key) {
                return id;
            }
            at = (at + 1) & self.mask;
        }
    }

    #[inline]
    fn holds(&self, id: u32, key: &Key<'_>) -> bool {
        let entry = &self.entries[id as usize];
        entry.low == key.low
            && entry.high == key.high
            && entry.len == key.bytes.len()
            && (entry.len <= 16 || self.get(id) == key.bytes)
    }

    #[inline(never)]
    fn add(&mut self, key: Key<'_>, hash: u64, at: usize) -> u32 {
        let id = self.entries.len() as u32;
        self.slots[at] = (hash >> 32) << 32 | u64::from(id + 1);
        let (start, len) = (self.bytes.len(), key.bytes.len());
        self.entries.push(Entry { low: key.low, high: key.high, start, len });
        self.bytes.extend_from_slice(key.bytes);
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        id
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        self.mask = slots - 1;
        self.slots.clear();
        self.slots.resize(slots, 0);
        for id in 0..self.entries.len() {
            let entry = self.entries[id];
            let bytes = &self.bytes[entry.start..entry.start + entry.len];
            let hash = Key { bytes, low: entry.low, high: entry.high }.hash();
            let mut at = hash as usize & self.mask;
            while self.slots[at] != 0 {
                at = (at + 1) & self.mask;
            }
            self.slots[at] = (hash >> 32) << 32 | (id as u64 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_every_length_are_told_apart() {
        let mut strings = Strings::default();
        let text = "a\0b".repeat(200);
        let all: Vec<&[u8]> = (0..text.len()).map(|n| &text.as_bytes()[..n]).collect();
        for (id, s) in all.iter().enumerate() {
            assert_eq!(strings.insert(Key::of(s)), id as u32);
        }
        for (id, s) in all.iter().enumerate() {
            assert_eq!(strings.find(Key::at(text.as_bytes(), 0, s.len())), Some(id as u32));
            assert_eq!(strings.get(id as u32), *s);
        }
        assert_eq!(strings.find(Key::of(b"b")), None);
        assert_eq!(strings.len(), 600);
    }

    #[test]
    fn short_strings_pack_and_unpack() {
        for s in ["", "a", "\0", "\0\0", "sieben7"] {
            assert_eq!(unpacked(Key::of(s.as_bytes()).packed().unwrap()), s.as_bytes());
        }
        assert_eq!(Key::of(b"achtacht").packed(), None);
        assert_ne!(Key::of(b"").packed(), Key::of(b"\0").packed());
    }
}
