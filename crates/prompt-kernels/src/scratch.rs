//! Working memory that each thread keeps, so that a kernel allocates little once it has run.

use std::cell::RefCell;
use std::thread::LocalKey;

thread_local! {
    static FLOATS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static WORDS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `len` floats of whatever was left in them. A call inside another's `f` gets memory of its own.
pub(crate) fn floats<T>(len: usize, f: impl FnOnce(&mut [f32]) -> T) -> T {
    borrow(&FLOATS, len, f)
}

/// The same with words.
pub(crate) fn words<T>(len: usize, f: impl FnOnce(&mut [u32]) -> T) -> T {
    borrow(&WORDS, len, f)
}

fn borrow<N: Default + Clone, T>(
    kept: &'static LocalKey<RefCell<Vec<N>>>,
    len: usize,
    f: impl FnOnce(&mut [N]) -> T,
) -> T {
    let mut buffer = kept.take();
    if buffer.len() < len {
        buffer.resize(len, N::default());
    }
    let result = f(&mut buffer[..len]);
    kept.replace(buffer);
    result
}
