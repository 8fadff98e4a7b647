//! Kernels at the width of the processor that runs them.
//!
//! The build is for any x86-64; what is passed to [`vectorised`] is also compiled for AVX2 and chosen at run time.
//! No kernel here lets the compiler reorder a sum, so that both ways give the same bits.

/// Runs `f`, compiled for the widest instructions there are. Everything that `f` calls must be inlined into it.
#[inline]
pub(crate) fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    struct Run<F>(F);
    impl<R, F: FnOnce() -> R> pulp::WithSimd for Run<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Run(f))
}

/// Lanes of a sum.
const LANES: usize = 4;

/// Σ a_i·b_i for every pair of a column of `a` and one of `b`, all of one length; each sum in four interleaved
/// chains.
#[inline(always)]
pub(crate) fn dots<const A: usize, const B: usize>(a: [&[f64]; A], b: [&[f64]; B]) -> [[f64; B]; A] {
    let n = a[0].len();
    let a = a.map(|column| column[..n].as_chunks::<LANES>());
    let b = b.map(|column| column[..n].as_chunks::<LANES>());
    let mut sums = [[[0.0; LANES]; B]; A];
    for at in 0..n / LANES {
        for i in 0..A {
            for j in 0..B {
                for lane in 0..LANES {
                    sums[i][j][lane] += a[i].0[at][lane] * b[j].0[at][lane];
                }
            }
        }
    }
    let mut out = [[0.0; B]; A];
    for i in 0..A {
        for j in 0..B {
            let s = sums[i][j];
            let rest: f64 = a[i].1.iter().zip(b[j].1).map(|(a, b)| a * b).sum();
            out[i][j] = (s[0] + s[1]) + (s[2] + s[3]) + rest;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition_at_any_length() {
        for n in [0, 1, 3, 4, 9] {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            let b: Vec<f64> = (0..n).map(|i| f64::from(2 * i + 1)).collect();
            let expected = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let [[aa, ab], [ba, bb]] = vectorised(|| dots([&a, &b], [&a, &b]));
            assert_eq!(
                [aa, ab, ba, bb],
                [expected(&a, &a), expected(&a, &b), expected(&b, &a), expected(&b, &b)]
            );
        }
    }
}
