//! Binomial draws: how many rows of a kind a resample holds, without drawing the rows.

use prompt_core::Rng;

/// Expected successes below which counting down is quicker than rejecting.
const FEW: f64 = 10.0;

/// A draw of the number of successes in `n` trials of probability `p`, exact for any `n`.
///
/// Few successes by inversion, many by transformed rejection (Hörmann, 1993, algorithm BTRS).
pub(super) fn binomial(rng: &mut Rng, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if p > 0.5 {
        return n - binomial(rng, n, 1.0 - p);
    }
    if n as f64 * p < FEW { by_inversion(rng, n, p) } else { by_rejection(rng, n as f64, p) }
}

fn by_inversion(rng: &mut Rng, n: u64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let none = (n as f64 * (-p).ln_1p()).exp();
    loop {
        let (mut u, mut share) = (rng.unit(), none);
        // Beyond a hundred the shares are below what a random number can resolve.
        for k in 0..=n.min(110) {
            if u < share {
                return k;
            }
            u -= share;
            share *= odds * (n - k) as f64 / (k + 1) as f64;
        }
    }
}

fn by_rejection(rng: &mut Rng, n: f64, p: f64) -> u64 {
    let deviation = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let centre = n * p + 0.5;
    let inner = 0.92 - 4.2 / b;
    let odds = p / (1.0 - p);
    let alpha = (2.83 + 5.1 / b) * deviation;
    let mode = ((n + 1.0) * p).floor();
    loop {
        let u = rng.unit() - 0.5;
        let v = rng.unit();
        let edge = 0.5 - u.abs();
        let k = ((2.0 * a / edge + b) * u + centre).floor();
        if edge >= 0.07 && v <= inner {
            return k as u64;
        }
        if !(0.0..=n).contains(&k) {
            continue;
        }
        let height = (v * alpha / (a / (edge * edge) + b)).ln();
        let limit = (mode + 0.5) * ((mode + 1.0) / (odds * (n - mode + 1.0))).ln()
            + (n + 1.0) * ((n - mode + 1.0) / (n - k + 1.0)).ln()
            + (k + 0.5) * (odds * (n - k + 1.0) / (k + 1.0)).ln()
            + stirling(mode)
            + stirling(n - mode)
            - stirling(k)
            - stirling(n - k);
        if height <= limit {
            return k as u64;
        }
    }
}

/// What Stirling's formula for ln k! leaves out.
fn stirling(k: f64) -> f64 {
    const SMALL: [f64; 10] = [
        0.081_061_466_795_327_26,
        0.041_340_695_955_409_29,
        0.027_677_925_684_998_34,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_19,
        0.013_876_128_823_070_75,
        0.011_896_709_945_891_77,
        0.010_411_265_261_972_09,
        0.009_255_462_182_712_733,
        0.008_330_563_433_362_87,
    ];
    if let Some(value) = SMALL.get(k as usize) {
        return *value;
    }
    let x = k + 1.0;
    let square = x * x;
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / x
}

#[cfg(test)]
mod tests {
    use prompt_core::Seed;

    use super::*;

    /// Draws against the exact shares, by χ² with a wide margin.
    #[test]
    fn draws_have_the_binomial_shares() {
        for (n, p) in [(12, 0.3), (50, 0.02), (60, 0.4), (400, 0.75), (1_000, 0.013)] {
            let mut rng = Seed::new(n + 7).rng();
            let draws = 40_000;
            let mut seen = vec![0.0; n as usize + 1];
            for _ in 0..draws {
                seen[binomial(&mut rng, n, p) as usize] += 1.0;
            }
            let mut share = ((1.0 - p).ln() * n as f64).exp();
            let (mut chi, mut cells) = (0.0, 0.0);
            for (k, &count) in seen.iter().enumerate() {
                let expected = share * f64::from(draws);
                if expected > 5.0 {
                    chi += (count - expected).powi(2) / expected;
                    cells += 1.0;
                }
                share *= p / (1.0 - p) * (n as f64 - k as f64) / (k as f64 + 1.0);
            }
            assert!(chi < cells + 5.0 * f64::sqrt(2.0 * cells), "n {n}, p {p}: χ² {chi} over {cells} cells");
        }
    }

    #[test]
    fn the_ends_are_certain() {
        let mut rng = Seed::new(1).rng();
        assert_eq!(
            [binomial(&mut rng, 9, 0.0), binomial(&mut rng, 9, 1.0), binomial(&mut rng, 0, 0.5)],
            [0, 9, 0]
        );
    }
}
