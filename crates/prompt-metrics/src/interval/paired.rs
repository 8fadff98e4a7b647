//! Whether two models that judged the same rows differ.

use prompt_core::Result;
use serde::{Deserialize, Serialize};
use statrs::function::beta::beta_reg;

use crate::check;

/// McNemar's test of two classifiers on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Rows that only the first model got right.
    pub only_a: u64,
    /// Rows that only the second model got right.
    pub only_b: u64,
    /// Two-sided p-value; 1 where the models never disagree in being right.
    pub p_value: f64,
}

/// McNemar's exact test: do two models make equally many mistakes that the other does not?
///
/// The two-sided binomial test of `only_a` successes in `only_a + only_b` trials of probability ½.
/// Reference: SciPy 1.17.1 `binomtest(only_a, only_a + only_b, 0.5).pvalue` (statsmodels' `mcnemar(exact=True)`).
///
/// ```
/// use prompt_metrics::mcnemar_exact;
/// let truth = [1, 1, 1, 1, 1, 1, 0];
/// let test = mcnemar_exact(&truth, &[1, 1, 1, 1, 1, 1, 1], &[0, 0, 0, 0, 0, 0, 0])?;
/// assert_eq!((test.only_a, test.only_b), (6, 1));
/// assert!((test.p_value - 0.125).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
///
/// # Errors
/// No rows, or lengths that differ.
pub fn mcnemar_exact(y_true: &[u32], pred_a: &[u32], pred_b: &[u32]) -> Result<McNemar> {
    check::not_empty(y_true.len())?;
    check::same_length("the first model's predictions", y_true.len(), pred_a.len())?;
    check::same_length("the second model's predictions", y_true.len(), pred_b.len())?;
    let (mut only_a, mut only_b) = (0, 0);
    for ((t, a), b) in y_true.iter().zip(pred_a).zip(pred_b) {
        match (a == t, b == t) {
            (true, false) => only_a += 1,
            (false, true) => only_b += 1,
            _ => {}
        }
    }
    Ok(McNemar { only_a, only_b, p_value: two_sided_sign_test(only_a, only_b) })
}

/// 2·P(X ≤ min) for X ~ Binomial(a + b, ½), at most 1.
fn two_sided_sign_test(a: u64, b: u64) -> f64 {
    let (few, many) = (a.min(b), a.max(b));
    if few == many {
        return 1.0;
    }
    (2.0 * beta_reg(many as f64, few as f64 + 1.0, 0.5)).min(1.0)
}
