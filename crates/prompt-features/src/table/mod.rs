//! The two hash tables that vectorisers live on, and the counter of columns.

mod columns;
mod hash;
mod key_map;
mod murmur;
mod strings;

pub(crate) use columns::ColumnCounter;
pub(crate) use hash::hash_u64;
pub(crate) use key_map::KeyMap;
pub(crate) use murmur::murmur3;
pub(crate) use strings::{Key, Strings, unpacked};
