//! The exponential function of many numbers.

/// eˣ to within 2 units in the last place, and 0 for x < −700, with nothing but sums and products, so that a loop
/// over it uses the whole width of the processor and gives the same bits everywhere.
///
/// x is at most 700.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // Adding 1.5·2⁵² rounds to a whole number, which then stands in the last bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let inside = if x < -700.0 { -700.0 } else { x };
    let shifted = inside * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (inside - n * LN2_HIGH) - n * LN2_LOW;
    // Taylor's series on |r| ≤ ½·ln 2: the first term left out is below 10⁻¹⁷.
    let mut p = 1.0 / 6_227_020_800.0;
    p = p * r + 1.0 / 479_001_600.0;
    p = p * r + 1.0 / 39_916_800.0;
    p = p * r + 1.0 / 3_628_800.0;
    p = p * r + 1.0 / 362_880.0;
    p = p * r + 1.0 / 40_320.0;
    p = p * r + 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    let scaled = f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52));
    if x < -700.0 { 0.0 } else { scaled }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        for i in -7000..=7000 {
            let x = f64::from(i) * 0.1;
            let (found, expected) = (exp(x), x.exp());
            assert!((found / expected - 1.0).abs() < 5e-16, "e^{x}: {found} instead of {expected}");
        }
        assert_eq!((exp(-701.0), exp(0.0), exp(f64::NEG_INFINITY)), (0.0, 1.0, 0.0));
    }
}
