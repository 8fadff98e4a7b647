//! Working memory that each thread keeps, so that a kernel allocates nothing once it has run.

use std::cell::RefCell;

thread_local! {
    static FLOATS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `len` numbers of whatever was left in them. A call inside another's `f` gets memory of its own.
pub(crate) fn floats<T>(len: usize, f: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut buffer = FLOATS.take();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = f(&mut buffer[..len]);
    FLOATS.replace(buffer);
    result
}
