//! The innermost loop: a few rows times a few vectors of columns, kept in registers.
#![allow(unsafe_code, reason = "reads matrices through pointers: the bounds are checked once, not in the innermost loop")]

use crate::simd::Simd;

/// `acc[r][v] += Σₖ a[r][k] · b[v][k]`, where row `r` of `a` begins at `a + r · a_stride` and vector `v` of step `k` of `b`
/// at `b + k · b_step + offset[v]`.
///
/// # Safety
/// `a` is readable for `k` floats of each of the `R` rows, `b` for a vector at each of the `V` offsets of each of the `k`
/// steps.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    s: S,
    k: usize,
    (a, a_stride): (*const f32, usize),
    (b, b_step, offset): (*const f32, usize, [usize; V]),
    mut acc: [[S::V; V]; R],
) -> [[S::V; V]; R] {
    for step in 0..k {
        // SAFETY: `step` < k, and the caller's promise.
        unsafe {
            let row = b.add(step * b_step);
            let columns: [S::V; V] = std::array::from_fn(|v| s.load_ptr(row.add(offset[v])));
            for r in 0..R {
                let x = s.splat(*a.add(r * a_stride + step));
                for v in 0..V {
                    acc[r][v] = s.mul_add(x, columns[v], acc[r][v]);
                }
            }
        }
    }
    acc
}
