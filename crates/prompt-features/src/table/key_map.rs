//! `u64` → two `u32`: open addressing with linear probing, at most half full.

use super::hash::hash_u64;

/// No key of ours: n-gram keys are pairs of ids below `u32::MAX`, packed strings carry a length below 8 on top.
const EMPTY: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    values: (u32, u32),
}

/// A map from keys other than `u64::MAX` to a pair of small numbers.
#[derive(Debug, Clone)]
pub(crate) struct KeyMap {
    slots: Vec<Slot>,
    mask: usize,
    len: usize,
}

impl Default for KeyMap {
    fn default() -> Self {
        Self::with_capacity(8)
    }
}

impl KeyMap {
    /// An empty map with room for `keys`.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        let slots = (keys.max(8) * 2).next_power_of_two();
        Self { slots: vec![Slot { key: EMPTY, values: (0, 0) }; slots], mask: slots - 1, len: 0 }
    }

    /// The values of `key`.
    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<(u32, u32)> {
        let mut at = hash_u64(key) as usize & self.mask;
        loop {
            let slot = &self.slots[at];
            if slot.key == key {
                return Some(slot.values);
            }
            if slot.key == EMPTY {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// The values of `key`, which starts at (0, 0).
    #[inline]
    pub(crate) fn entry(&mut self, key: u64) -> &mut (u32, u32) {
        if self.len * 2 >= self.slots.len() {
            self.grow();
        }
        let mut at = hash_u64(key) as usize & self.mask;
        while self.slots[at].key != key {
            if self.slots[at].key == EMPTY {
                self.slots[at].key = key;
                self.len += 1;
                break;
            }
            at = (at + 1) & self.mask;
        }
        &mut self.slots[at].values
    }

    /// Keys and values, in an order that depends on the keys and the order of their insertion alone.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, (u32, u32))> {
        self.slots.iter().filter(|s| s.key != EMPTY).map(|s| (s.key, s.values))
    }

    /// The same with values that can be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut (u32, u32))> {
        self.slots.iter_mut().filter(|s| s.key != EMPTY).map(|s| (s.key, &mut s.values))
    }

    fn grow(&mut self) {
        let mut larger = Self::with_capacity(self.slots.len());
        for (key, values) in self.iter() {
            *larger.entry(key) = values;
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_gives_back_what_it_was_given() {
        let mut map = KeyMap::default();
        for key in 0..5000u64 {
            map.entry(key * key).0 += key as u32;
            map.entry(key * key).1 = 1;
        }
        assert_eq!(map.iter().count(), 5000);
        assert_eq!(map.get(49), Some((7, 1)));
        assert_eq!(map.get(50), None);
        assert_eq!(map.iter().map(|(_, v)| u64::from(v.0)).sum::<u64>(), 4999 * 5000 / 2);
    }
}
