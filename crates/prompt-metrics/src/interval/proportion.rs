//! Intervals of a proportion: `successes` out of `n` independent trials.

use prompt_core::{Error, Result};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;

use super::Interval;
use crate::check;

/// The exact two-sided interval of Clopper and Pearson (1934): never less sure than `level`.
///
/// Bounds are the (1 − level)/2 and (1 + level)/2 quantiles of Beta(k, n − k + 1) and Beta(k + 1, n − k); 0 and 1
/// at the ends. Reference: SciPy 1.17.1 `binomtest(k, n).proportion_ci(level, method="exact")`.
///
/// ```
/// use prompt_metrics::clopper_pearson;
/// let never = clopper_pearson(0, 3000, 0.95)?;
/// assert_eq!((never.estimate, never.low), (0.0, 0.0));
/// assert!((never.high - 0.001228870902).abs() < 1e-10);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No trials, more successes than trials, a level that is not strictly between 0 and 1.
pub fn clopper_pearson(successes: u64, n: u64, level: f64) -> Result<Interval> {
    check_trials(successes, n, level)?;
    let tail = (1.0 - level) / 2.0;
    Ok(Interval {
        estimate: successes as f64 / n as f64,
        low: if successes == 0 { 0.0 } else { 1.0 - upper_bound(n - successes, n, tail) },
        high: upper_bound(successes, n, tail),
        level,
    })
}

/// The exact one-sided upper bound of a proportion: with confidence `level` it is not higher.
///
/// Reference: SciPy 1.17.1 `binomtest(k, n, alternative="less").proportion_ci(level, method="exact").high`.
///
/// # Errors
/// As [`clopper_pearson`].
pub fn clopper_pearson_upper(successes: u64, n: u64, level: f64) -> Result<f64> {
    check_trials(successes, n, level)?;
    Ok(upper_bound(successes, n, 1.0 - level))
}

/// The score interval of Wilson (1927): shorter than Clopper and Pearson's, right on average only.
///
/// Reference: SciPy 1.17.1 `binomtest(k, n).proportion_ci(level, method="wilson")`.
///
/// ```
/// let interval = prompt_metrics::wilson(8, 10, 0.95)?;
/// assert!((interval.low - 0.4901624715).abs() < 1e-9 && (interval.high - 0.9433178485).abs() < 1e-9);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// As [`clopper_pearson`].
pub fn wilson(successes: u64, n: u64, level: f64) -> Result<Interval> {
    check_trials(successes, n, level)?;
    let z = Normal::standard().inverse_cdf(0.5 + level / 2.0);
    let (p, trials) = (successes as f64 / n as f64, n as f64);
    let scale = 1.0 + z * z / trials;
    let centre = (p + z * z / (2.0 * trials)) / scale;
    let half = z / scale * (p * (1.0 - p) / trials + z * z / (4.0 * trials * trials)).sqrt();
    Ok(Interval {
        estimate: p,
        // The algebra gives exactly 0 and 1 here; rounding does not.
        low: if successes == 0 { 0.0 } else { centre - half },
        high: if successes == n { 1.0 } else { centre + half },
        level,
    })
}

fn check_trials(successes: u64, n: u64, level: f64) -> Result<()> {
    check::level("interval of a proportion", level)?;
    if n == 0 {
        return Err(Error::input("a proportion of no trials is undefined", "give at least one trial"));
    }
    if successes > n {
        return Err(Error::input(
            format!("{successes} successes in {n} trials"),
            "there are at most as many successes as trials",
        ));
    }
    Ok(())
}

/// The p at which `successes` or fewer out of `n` have probability `tail`: P(X ≤ k | p) = I_{1−p}(n − k, k + 1).
///
/// Bisection on the incomplete beta function: some fifty steps, and right where the library's own inverse is not. It is
/// as exact as that function: 1e-10 up to some 100,000 trials, about 1e-6 for tails near one half at a million.
fn upper_bound(successes: u64, n: u64, tail: f64) -> f64 {
    if successes == n {
        return 1.0;
    }
    let (a, b) = ((n - successes) as f64, successes as f64 + 1.0);
    // In q = 1 − p, P(X ≤ k) = I_q(a, b) rises from 0 to 1.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if beta_reg(a, b, middle) < tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    1.0 - 0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_counts_say_what_is_wrong() {
        assert!(
            clopper_pearson(0, 0, 0.95).unwrap_err().to_string().starts_with("a proportion of no trials")
        );
        assert!(wilson(3, 2, 0.95).unwrap_err().to_string().starts_with("3 successes in 2 trials"));
        assert!(clopper_pearson(1, 2, 1.0).unwrap_err().to_string().contains("`level`"));
    }
}
