//! An output that several threads write.
#![allow(unsafe_code, reason = "tasks write disjoint parts of one slice, which a borrow cannot say")]

use crate::rows::RowsMut;

/// Where the output lies. Threads write disjoint parts of it.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    data: *mut f32,
    stride: usize,
}

// SAFETY: tasks write disjoint rectangles of the output (see `Split`), and its owner waits for them.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

impl Out {
    pub(crate) fn new(out: &mut RowsMut<'_>) -> Self {
        Self { stride: out.stride(), data: out.as_mut_ptr() }
    }

    /// The same where the first column of the output counts as column `first`.
    pub(crate) fn without_columns(self, first: usize) -> Self {
        Self { data: self.data.wrapping_sub(first), ..self }
    }

    /// Where row `i`, column `j` lies, if the output has such a number.
    #[inline(always)]
    pub(crate) fn at(self, i: usize, j: usize) -> *mut f32 {
        self.data.wrapping_add(i * self.stride + j)
    }

    /// Numbers `j..j + len` of row `i`.
    ///
    /// # Safety
    /// The output has them, and nothing else reads or writes them while the slice lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the caller promises that the rectangle is its own")]
    pub(crate) unsafe fn slice<'a>(self, i: usize, j: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(i, j), len) }
    }
}
