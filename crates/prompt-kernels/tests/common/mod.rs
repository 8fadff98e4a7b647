//! What the tests share: seeded numbers, the levels of this machine, and how results are compared.
#![allow(dead_code, clippy::panic, reason = "each test file uses its part; an unequal result ends the test")]

use prompt_kernels::Level;

/// How many of something a test goes through: few under Miri, which is thousands of times slower.
pub(crate) fn cases(n: usize) -> usize {
    if cfg!(miri) { n.div_ceil(50) } else { n }
}

/// The largest of sizes that are drawn: smaller under Miri, whose blocks are smaller too.
pub(crate) fn most(n: usize) -> usize {
    if cfg!(miri) { n.div_ceil(6) } else { n }
}

/// How many threads a pool has, one after another.
pub(crate) fn pools() -> &'static [usize] {
    if cfg!(miri) { &[2] } else { &[2, 3, 16] }
}

/// The levels of this processor. Says which of all levels it does not have.
pub(crate) fn levels() -> Vec<Level> {
    for name in Level::NAMES {
        if Level::from_name(name).is_none() {
            eprintln!("SKIPPED: no {name} on this processor");
        }
    }
    Level::available()
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() - 1)]
    }

    /// Numbers evenly from −1 to 1.
    pub(crate) fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
    }
}

/// Fails unless every number is within `tolerance`, relative to `scale` or 1, whichever is larger.
pub(crate) fn close(what: &str, found: &[f32], expected: &[f64], scale: f64, tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&f, &e)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(f) - e).abs();
        assert!(off <= tolerance * scale.max(1.0), "{what}: number {i} is {f}, expected {e}, off by {off:e}");
    }
}

/// Fails unless two results have the same bits.
pub(crate) fn same_bits(what: &str, a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!(x.to_bits() == y.to_bits(), "{what}: number {i} is {x:e} in one and {y:e} in the other");
    }
}

/// A rayon pool of so many threads.
pub(crate) fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// erf by its series and its continued fraction, to about 1e-15.
pub(crate) fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..80 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let mut fraction = 0.0;
        for n in (1..80).rev() {
            fraction = f64::from(n) / 2.0 / (a + fraction);
        }
        1.0 - (-a * a).exp() / ((a + fraction) * std::f64::consts::PI.sqrt())
    };
    value.copysign(x)
}
