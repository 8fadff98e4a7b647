//! Element by element, what lies between matrix products: one pass over memory instead of one per operation, compiled
//! for the widest instructions there are. Sums go in sixteen lanes and fixed blocks of rows, so that neither the
//! instructions nor the number of threads change a bit.

mod attention;
mod columns;
mod elements;
mod norm;

pub(crate) use attention::{join_heads, softmax, softmax_back};
pub(crate) use columns::{column_sums, multiply_and_sum};
pub(crate) use elements::{add, add_bias, gelu, gelu_alone, multiply};
pub(crate) use norm::{Added, Normed, add_and_norm, layer_norm_back};

/// Rows that one task takes.
const ROWS: usize = 32;
const LANES: usize = 16;

/// Runs `f`, compiled for the widest instructions there are. Everything that `f` calls must be inlined into it.
#[inline]
fn vectorised<R>(f: impl FnOnce() -> R) -> R {
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

/// Σ f(x, y) over two rows of one length.
#[inline(always)]
fn sum(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    let mut total = 0.0;
    for lane in lanes {
        total += lane;
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        total += f(*x, *y);
    }
    total
}

/// eˣ to about 2 units in the last place, 0 far below (Cody and Waite's reduction, a polynomial of degree 6).
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³: adding it rounds to a whole number
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.0
        + r * (1.0
            + r * (0.5 + r * (0.166_666_66 + r * (0.041_666_66 + r * (0.008_333_36 + r * 0.001_394_3)))));
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

/// The error function to 10⁻⁷: a quotient of polynomials on [−4, 4], beyond which it is ±1.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let p = -1.609_603_3e-2
        + s * (-2.954_598e-3
            + s * (-7.349_906e-4
                + s * (-5.692_506_5e-5 + s * (-2.101_024e-6 + s * (2.770_681_4e-8 + s * -2.726_142_3e-10)))));
    let q = -1.426_473_9e-2
        + s * (-7.373_329_3e-3 + s * (-1.682_827e-3 + s * (-2.133_740_6e-4 + s * -1.456_607_2e-5)));
    x * p / q
}

#[cfg(test)]
mod tests;
