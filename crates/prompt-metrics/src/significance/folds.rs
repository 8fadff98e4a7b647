//! Tests of two learners over folds, whose training rows overlap: a plain t-test is far too sure there.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::check;
use crate::interval::Interval;

/// A t-test over folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FoldTest {
    /// The mean of a − b, with its interval.
    pub difference: Interval,
    /// The t statistic.
    pub t: f64,
    /// Degrees of freedom.
    pub degrees_of_freedom: f64,
    /// Two-sided p-value.
    pub p_value: f64,
    /// Mean difference over its standard deviation between folds (Cohen's d of pairs); 0 where both are 0.
    pub effect_size: f64,
}

/// Nadeau and Bengio's (2003) corrected resampled t-test: scores of learners a and b on the same folds or repeated
/// hold-outs. `test_share` is test rows / training rows: 1/(k − 1) for k folds.
///
/// t = mean(d) / √((1/n + test_share)·var(d)), n − 1 degrees of freedom.
///
/// ```
/// use prompt_metrics::significance::corrected_resampled_t;
/// let a = [0.91, 0.92, 0.90, 0.93, 0.92];
/// let b = [0.90, 0.90, 0.89, 0.91, 0.89];
/// let test = corrected_resampled_t(&a, &b, 0.25, 0.95)?;
/// assert!(test.difference.estimate > 0.017 && test.p_value > 0.01); // a plain t-test says 0.009
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Fewer than two scores, lengths that differ, scores that are not finite, a `test_share` that is not positive, a level
/// that is not strictly between 0 and 1, differences that are all alike but not 0.
pub fn corrected_resampled_t(a: &[f64], b: &[f64], test_share: f64, level: f64) -> Result<FoldTest> {
    if !(test_share.is_finite() && test_share > 0.0) {
        return Err(Error::param("corrected_resampled_t", "test_share", "a number above 0", test_share));
    }
    let d = differences(a, b)?;
    let n = d.len() as f64;
    let mean = d.iter().sum::<f64>() / n;
    let variance = d.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    answer(mean, mean, ((1.0 / n + test_share) * variance).sqrt(), n - 1.0, variance.sqrt(), level)
}

/// Dietterich's (1998) 5×2cv paired t-test: five repetitions of two-fold cross-validation, `a[2i]` and `a[2i + 1]` the
/// scores of repetition i.
///
/// t = d₁₁ / √(⅕·Σ sᵢ²), 5 degrees of freedom. The interval is about the first difference, as the statistic is.
///
/// # Errors
/// Unless there are ten finite scores on each side; otherwise as [`corrected_resampled_t`].
pub fn five_by_two_cv(a: &[f64], b: &[f64], level: f64) -> Result<FoldTest> {
    let d = differences(a, b)?;
    if d.len() != 10 {
        return Err(Error::shape("scores of five repetitions of two folds", 10, d.len()));
    }
    let variance = d.chunks(2).map(|pair| (pair[0] - pair[1]).powi(2) / 2.0).sum::<f64>() / 5.0;
    let mean = d.iter().sum::<f64>() / 10.0;
    answer(d[0], mean, variance.sqrt(), 5.0, variance.sqrt(), level)
}

fn differences(a: &[f64], b: &[f64]) -> Result<Vec<f64>> {
    check::same_length("the second learner's scores", a.len(), b.len())?;
    check::finite("the first learner's scores", a)?;
    check::finite("the second learner's scores", b)?;
    if a.len() < 2 {
        return Err(Error::input(
            format!("a test over {} fold(s) is undefined", a.len()),
            "give the scores of at least two folds",
        ));
    }
    Ok(a.iter().zip(b).map(|(a, b)| a - b).collect())
}

fn answer(estimate: f64, mean: f64, se: f64, df: f64, deviation: f64, level: f64) -> Result<FoldTest> {
    check::level("a test over folds", level)?;
    // The same difference in every fold leaves rounding dust.
    let is_constant = se <= estimate.abs().max(mean.abs()) * 1e-12;
    if is_constant && estimate != 0.0 {
        return Err(Error::input(
            format!("the learners differ by {estimate} in every fold alike"),
            "the test judges by the spread between folds: give more folds, or finer scores",
        ));
    }
    let student = StudentsT::new(0.0, 1.0, df).map_err(|e| {
        Error::input(format!("no t distribution with {df} degrees of freedom: {e}"), "give more folds")
    })?;
    let t = if is_constant { 0.0 } else { estimate / se };
    let half = student.inverse_cdf(0.5 + level / 2.0) * se;
    Ok(FoldTest {
        difference: Interval { estimate, low: estimate - half, high: estimate + half, level },
        t,
        degrees_of_freedom: df,
        p_value: if is_constant { 1.0 } else { (2.0 * student.sf(t.abs())).min(1.0) },
        effect_size: if is_constant { 0.0 } else { mean / deviation },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_folds_say_which() {
        let message = |r: Result<FoldTest>| r.unwrap_err().to_string();
        assert!(message(corrected_resampled_t(&[0.5], &[0.5], 0.1, 0.95)).contains("1 fold(s)"));
        assert!(
            message(corrected_resampled_t(&[0.5; 2], &[0.5; 3], 0.1, 0.95)).contains("expected 2, got 3")
        );
        assert!(message(corrected_resampled_t(&[0.5; 2], &[0.5; 2], 0.0, 0.95)).contains("`test_share`"));
        assert!(
            message(corrected_resampled_t(&[0.75; 2], &[0.5; 2], 0.1, 0.95)).contains("in every fold alike")
        );
        assert!(message(five_by_two_cv(&[0.5; 4], &[0.4; 4], 0.95)).contains("expected 10, got 4"));
        assert!(message(five_by_two_cv(&[f64::NAN; 10], &[0.4; 10], 0.95)).contains("holds NaN"));
        let same = corrected_resampled_t(&[0.5; 3], &[0.5; 3], 0.5, 0.95).unwrap();
        assert_eq!((same.t, same.p_value, same.effect_size), (0.0, 1.0, 0.0));
    }
}
