//! Observe, merge, finish: what lets the same code learn from a list, a stream and a cluster.

use std::borrow::Borrow;

use crate::context::FitContext;
use crate::error::{Error, Result};

/// Something that is learned piece by piece.
///
/// `merge` must give what one accumulator would have given that observed the pieces of `self` and then those of
/// `other`; for floating-point sums that holds up to rounding, so parallel code merges in a fixed order over
/// fixed blocks ([`accumulate`]).
///
/// ```
/// use prompt_core::{Accumulate, FitContext, Result, accumulate};
/// #[derive(Default)]
/// struct Mean { sum: f64, n: u64 }
/// impl Accumulate<f64> for Mean {
///     type Output = f64;
///     fn observe(&mut self, x: &f64) -> Result<()> { self.sum += x; self.n += 1; Ok(()) }
///     fn merge(&mut self, other: Self) -> Result<()> { self.sum += other.sum; self.n += other.n; Ok(()) }
///     fn finish(self) -> Result<f64> { Ok(self.sum / self.n as f64) }
/// }
/// let mean = accumulate(&[1.0, 2.0, 6.0], Mean::default, &FitContext::new(0)).unwrap();
/// assert_eq!(mean, 3.0);
/// ```
pub trait Accumulate<X: ?Sized>: Sized {
    /// What it comes to.
    type Output;

    /// Takes one more piece in.
    ///
    /// # Errors
    /// A piece that cannot be used; the accumulator stays as it was.
    fn observe(&mut self, x: &X) -> Result<()>;

    /// Takes in everything that another observed after this one. One that observed nothing changes nothing.
    ///
    /// # Errors
    /// A part that learns something else (other columns, classes, parameters); this one stays as it was.
    fn merge(&mut self, other: Self) -> Result<()>;

    /// The result.
    ///
    /// # Errors
    /// When too little was observed.
    fn finish(self) -> Result<Self::Output>;
}

/// Accumulates a slice in parallel: fixed blocks, merged in order, so that the result is the same for any number
/// of threads.
///
/// # Errors
/// The first error in order of the items.
pub fn accumulate<X: ?Sized, I: Borrow<X> + Sync, A: Accumulate<X> + Send>(
    items: &[I],
    new: impl Fn() -> A + Sync + Send,
    ctx: &FitContext,
) -> Result<A::Output> {
    const BLOCK: usize = 4096;
    let parts = ctx.try_map(items.len().div_ceil(BLOCK), |block| {
        let mut part = new();
        for item in items.iter().skip(block * BLOCK).take(BLOCK) {
            part.observe(item.borrow())?;
        }
        Ok(part)
    })?;
    let mut parts = parts.into_iter();
    let mut all =
        parts.next().ok_or_else(|| Error::input("nothing to learn from", "give at least one item"))?;
    for part in parts {
        all.merge(part)?;
    }
    all.finish()
}

/// Weight, mean and variance of numbers, learned piece by piece.
///
/// ```text
/// of parts a and b, d = mean_b − mean_a:
/// mass = m_a + m_b      mean = mean_a + d·m_b / mass      Σw(x − mean)² = S_a + S_b + d²·m_a·m_b / mass
/// ```
///
/// That is stable where Σx² − (Σx)²/n is not (Chan, Golub & LeVeque, 1979). A piece is a value and its weight.
///
/// ```
/// use prompt_core::{Accumulate, Moments};
/// let (mut all, mut rest) = (Moments::default(), Moments::default());
/// all.observe(&(1.0, 1.0)).unwrap();
/// rest.observe(&(3.0, 1.0)).unwrap();
/// all.merge(rest).unwrap();
/// assert_eq!((all.mass(), all.mean(), all.variance()), (2.0, 2.0, 1.0));
/// ```
///
/// Numbers up to the largest `f64` have moments: where one beyond 2⁴⁰⁰ is seen, all are kept in units of 2⁶⁰⁰.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    mass: f64,
    /// In units.
    mean: f64,
    /// Σ w·(x − mean)², in units squared.
    squares: f64,
    /// Whether the unit is [`LARGE_UNIT`] in place of 1.
    large: bool,
}

/// Beyond it a number is counted in [`LARGE_UNIT`]s: squares, times any mass, stay far from the largest `f64`.
const LARGE: f64 = power_of_two(400);

/// A power of two, so that a change of units rounds nothing (but what is nothing beside [`LARGE`]).
const LARGE_UNIT: f64 = power_of_two(600);

const fn power_of_two(exponent: u64) -> f64 {
    f64::from_bits((exponent + 1023) << 52)
}

impl Moments {
    /// `value` with all of `mass`.
    pub fn of(value: f64, mass: f64) -> Self {
        let large = value.abs() > LARGE;
        Self { mass, mean: if large { value / LARGE_UNIT } else { value }, squares: 0.0, large }
    }

    /// The same in large units.
    fn in_large_units(self) -> Self {
        if self.large {
            return self;
        }
        let (mean, squares) = (self.mean / LARGE_UNIT, self.squares / LARGE_UNIT / LARGE_UNIT);
        Self { mean, squares, large: true, ..self }
    }

    /// Takes `other` in, without asking whether its numbers are finite.
    pub fn add(&mut self, other: Self) {
        // What weighs nothing is not there, whatever its value.
        if other.mass <= 0.0 {
            return;
        }
        if self.large != other.large {
            *self = self.in_large_units();
            return self.add(other.in_large_units());
        }
        let mass = self.mass + other.mass;
        let distance = other.mean - self.mean;
        self.mean += distance * other.mass / mass;
        self.squares += other.squares + distance * distance * self.mass * other.mass / mass;
        self.mass = mass;
    }

    /// The summed weight.
    pub fn mass(&self) -> f64 {
        self.mass
    }

    /// The weighted mean; 0 where nothing weighs.
    pub fn mean(&self) -> f64 {
        self.mean * self.unit()
    }

    /// The population's variance; 0 where nothing weighs, infinite where it is beyond `f64`.
    pub fn variance(&self) -> f64 {
        self.in_units() * self.unit() * self.unit()
    }

    /// The population's standard deviation: √variance, finite also where the variance is not.
    pub fn deviation(&self) -> f64 {
        self.in_units().sqrt() * self.unit()
    }

    /// Whether the variance is no more than what rounding leaves of a constant's.
    pub fn is_constant(&self) -> bool {
        let variance = self.in_units();
        let rounding = self.mass * variance * f64::EPSILON + (self.mass * self.mean * f64::EPSILON).powi(2);
        variance <= rounding
    }

    /// The variance in units squared.
    fn in_units(&self) -> f64 {
        if self.mass > 0.0 { self.squares / self.mass } else { 0.0 }
    }

    fn unit(&self) -> f64 {
        if self.large { LARGE_UNIT } else { 1.0 }
    }
}

impl Accumulate<(f64, f64)> for Moments {
    type Output = Self;

    fn observe(&mut self, &(value, weight): &(f64, f64)) -> Result<()> {
        if !value.is_finite() || !weight.is_finite() || weight < 0.0 {
            return Err(Error::input(
                format!("a value of {value} with weight {weight}"),
                "give finite values and weights that are finite and not negative",
            ));
        }
        self.add(Self::of(value, weight));
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.add(other);
        Ok(())
    }

    fn finish(self) -> Result<Self> {
        if self.mass > 0.0 {
            return Ok(self);
        }
        Err(Error::input("no values to learn from", "give at least one value of positive weight"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::accumulate::accumulator_check;

    #[test]
    fn moments_of_parts_are_those_of_the_whole() {
        let items: Vec<(f64, f64)> =
            (0..50).map(|i| (1e3 + f64::from(i * i % 17), f64::from(i % 4))).collect();
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(1.0);
        let same = |a: &Moments, b: &Moments| {
            a.mass == b.mass && near(a.mean, b.mean) && near(a.variance(), b.variance())
        };
        assert_eq!(accumulator_check(Moments::default, &items, same), Ok(()));
        let mut moments = Moments::of(2.0, 1.0);
        assert!(moments.observe(&(f64::NAN, 1.0)).is_err() && moments.observe(&(1.0, -1.0)).is_err());
        assert_eq!(moments, Moments::of(2.0, 1.0), "what is refused changes nothing");
        assert!(Moments::default().finish().is_err());
    }

    #[test]
    fn numbers_near_the_largest_have_moments() {
        let of = |values: &[f64]| {
            let mut moments = Moments::default();
            values.iter().for_each(|&value| moments.observe(&(value, 1.0)).unwrap());
            moments
        };
        let wide = of(&[f64::MAX, -f64::MAX, 1.0]);
        let expected = f64::MAX * (2.0f64 / 3.0).sqrt();
        assert!((wide.deviation() / expected - 1.0).abs() < 1e-12 && !wide.is_constant());
        assert!(wide.mean().abs() <= f64::MAX * 1e-15 && wide.variance().is_infinite());
        let far = of(&[1e308; 7]);
        assert!(far.is_constant() && (far.mean() / 1e308 - 1.0).abs() < 1e-15);
        let mut both = of(&[2.0, 4.0]);
        both.merge(of(&[1e130])).unwrap();
        assert!((both.mean() / (1e130 / 3.0) - 1.0).abs() < 1e-12, "{both:?}");
    }

    #[test]
    fn blocks_are_merged_in_order() {
        let items: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i).sqrt(), 1.0)).collect();
        let of =
            |threads| accumulate(&items, Moments::default, &FitContext::new(0).threads(threads)).unwrap();
        assert_eq!(of(1), of(3));
        assert_eq!(of(1).mass(), 10_000.0);
    }
}
