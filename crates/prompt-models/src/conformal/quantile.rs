//! The quantile of calibration scores that keeps the promise for the next row.

/// The smallest score q with Σ{wᵢ : sᵢ ≤ q} ≥ (1 − α)·(W + w̄), where W is the sum of the weights and w̄ their mean over the
/// rows that weigh something; for equal weights the ⌈(1 − α)(n + 1)⌉-th smallest score. Infinite where there are too few
/// rows: then nothing can be left out.
///
/// ```
/// use prompt_models::conformal::conformal_quantile;
/// let scores: Vec<(f64, f64)> = (1..=19).map(|i| (f64::from(i), 1.0)).collect();
/// assert_eq!(conformal_quantile(&scores, 0.1), 18.0); // ⌈0.9 · 20⌉
/// assert_eq!(conformal_quantile(&scores[..8], 0.1), f64::INFINITY); // it takes nine
/// ```
pub fn conformal_quantile(scores: &[(f64, f64)], alpha: f64) -> f64 {
    let mut sorted: Vec<(f64, f64)> = scores.iter().copied().filter(|(_, w)| *w > 0.0).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = sorted.iter().map(|(_, w)| w).sum();
    let wanted = (1.0 - alpha) * (total + total / sorted.len().max(1) as f64);
    let mut sum = 0.0;
    for (score, weight) in sorted {
        sum += weight;
        // 0.9 · 20 comes to a little more than 18.
        if sum >= wanted * (1.0 - 1e-12) {
            return score;
        }
    }
    f64::INFINITY
}

/// The fewest calibration rows that can rule anything out: ⌈1/α⌉ − 1.
pub(crate) fn rows_needed(alpha: f64) -> f64 {
    // 1/0.1 and its like may come out a little above the whole number.
    (1.0 / alpha - 1e-9).ceil() - 1.0
}
