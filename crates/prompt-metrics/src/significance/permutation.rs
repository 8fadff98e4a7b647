//! What a difference would be if the two models' names were dealt out by chance, row by row.

use prompt_core::{Error, FitContext, Result};
use serde::{Deserialize, Serialize};

use crate::check;

/// Rows up to which every one of the 2ⁿ exchanges is tried.
const EXACT_ROWS: usize = 14;

/// The answer of a permutation test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PermutationTest {
    /// The statistic as observed.
    pub observed: f64,
    /// Two-sided: the share of exchanges whose statistic is at least as far from 0; drawn ones count the observed rows
    /// once, so that it is never 0.
    pub p_value: f64,
    /// Exchanges tried.
    pub exchanges: usize,
    /// Whether these were all there are.
    pub exact: bool,
}

/// The paired permutation test of any statistic: `statistic` is told for each row whether the two models' predictions are
/// exchanged, and answers their difference (0 where they are alike).
///
/// Up to 14 rows all exchanges are tried, else `draws` of them; the same seed gives the same answer for any number of
/// threads.
///
/// ```
/// use prompt_metrics::{FitContext, significance::permutation_test};
/// let (truth, a, b) = ([1, 0, 1, 1, 0, 1], [1, 0, 1, 1, 0, 1], [0, 1, 1, 0, 0, 1]);
/// let accuracy = |swapped: &[bool]| {
///     let hits = |of_a: bool| {
///         (0..6).filter(|&i| truth[i] == if of_a != swapped[i] { a[i] } else { b[i] }).count() as f64
///     };
///     Ok((hits(true) - hits(false)) / 6.0)
/// };
/// let test = permutation_test(6, accuracy, 999, &FitContext::new(1))?;
/// assert_eq!((test.observed, test.p_value, test.exact), (0.5, 0.25, true));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No rows, no draws, a statistic that fails or is not finite, a context that stops.
pub fn permutation_test(
    rows: usize,
    statistic: impl Fn(&[bool]) -> Result<f64> + Sync + Send,
    draws: usize,
    ctx: &FitContext,
) -> Result<PermutationTest> {
    check::not_empty(rows)?;
    if draws == 0 {
        return Err(Error::param("permutation_test", "draws", "a whole number ≥ 1", draws));
    }
    let measured = |swapped: &[bool]| {
        let value = statistic(swapped)?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(Error::input(format!("the statistic of an exchange is {value}"), "it must be finite on any rows"))
    };
    let observed = measured(&vec![false; rows])?;
    // Statistics that are equal up to rounding are equal.
    let bar = observed.abs() * (1.0 - 1e-14);
    let exact = rows <= EXACT_ROWS;
    let exchanges = if exact { 1 << rows } else { draws };
    let as_far = ctx.try_map(exchanges, |e| {
        ctx.check()?;
        let swapped: Vec<bool> = if exact {
            (0..rows).map(|i| e >> i & 1 == 1).collect()
        } else {
            flips(ctx.seed().derive("permutation", e as u64), rows)
        };
        Ok(measured(&swapped)?.abs() >= bar)
    })?;
    let hits = as_far.into_iter().filter(|&far| far).count() as f64;
    let p_value = if exact { hits / exchanges as f64 } else { (hits + 1.0) / (exchanges as f64 + 1.0) };
    Ok(PermutationTest { observed, p_value, exchanges, exact })
}

fn flips(seed: prompt_core::Seed, rows: usize) -> Vec<bool> {
    let mut rng = seed.rng();
    let mut flips = Vec::with_capacity(rows + 63);
    while flips.len() < rows {
        let word = rng.next_u64();
        flips.extend((0..64).map(|bit| word >> bit & 1 == 1));
    }
    flips.truncate(rows);
    flips
}

/// The paired permutation test of the mean of a − b.
///
/// Reference: SciPy 1.17.1 `permutation_test(…, permutation_type="samples")` on the mean of the differences.
///
/// # Errors
/// As [`permutation_test`]; lengths that differ, numbers that are not finite.
pub fn paired_permutation(a: &[f64], b: &[f64], draws: usize, ctx: &FitContext) -> Result<PermutationTest> {
    check::same_length("the second model's numbers", a.len(), b.len())?;
    check::finite("the first model's numbers", a)?;
    check::finite("the second model's numbers", b)?;
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let mean = |swapped: &[bool]| {
        Ok(d.iter().zip(swapped).map(|(d, &s)| if s { -d } else { *d }).sum::<f64>() / d.len() as f64)
    };
    permutation_test(d.len(), mean, draws, ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_answer_for_any_number_of_threads() {
        let (a, b): (Vec<f64>, Vec<f64>) = (0..40).map(|i| (f64::from(i % 7), f64::from(i % 5))).unzip();
        let run = |threads| paired_permutation(&a, &b, 500, &FitContext::new(3).threads(threads)).unwrap();
        assert_eq!(run(1), run(4));
        assert!(!run(1).exact && run(1).p_value > 1.0 / 501.0);
    }

    #[test]
    fn bad_input_says_which() {
        let ctx = FitContext::new(1);
        let message = |r: Result<PermutationTest>| r.unwrap_err().to_string();
        assert!(message(paired_permutation(&[], &[], 9, &ctx)).contains("no rows"));
        assert!(message(paired_permutation(&[1.0], &[1.0, 2.0], 9, &ctx)).contains("expected 1, got 2"));
        assert!(message(paired_permutation(&[1.0], &[f64::NAN], 9, &ctx)).contains("holds NaN"));
        assert!(message(permutation_test(2, |_| Ok(0.0), 0, &ctx)).contains("`draws`"));
        assert!(message(permutation_test(2, |_| Ok(f64::NAN), 9, &ctx)).contains("is NaN"));
    }
}
