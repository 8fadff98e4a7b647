//! Many p-values at once: one in twenty is below 0.05 by chance alone.

use prompt_core::{Error, Result};

/// Holm's (1979) adjusted p-values, in the order given: below α, the chance of even one false finding is at most α.
///
/// Reference: statsmodels 0.15.0 `multipletests(method="holm")`.
///
/// ```
/// use prompt_metrics::significance::holm;
/// assert_eq!(holm(&[0.01, 0.5, 0.0])?, [0.02, 0.5, 0.0]);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Numbers outside [0, 1].
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut highest = 0.0_f64;
    for (place, &i) in order.iter().enumerate() {
        highest = highest.max(p_values[i] * (order.len() - place) as f64).min(1.0);
        adjusted[i] = highest;
    }
    Ok(adjusted)
}

/// Benjamini and Hochberg's (1995) adjusted p-values, in the order given: of the findings below α, a share of at most α is
/// false on average.
///
/// Reference: statsmodels 0.15.0 `multipletests(method="fdr_bh")`.
///
/// # Errors
/// As [`holm`].
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>> {
    let order = ascending(p_values)?;
    let n = order.len() as f64;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut lowest = 1.0_f64;
    for (place, &i) in order.iter().enumerate().rev() {
        lowest = lowest.min(p_values[i] * n / (place as f64 + 1.0));
        adjusted[i] = lowest;
    }
    Ok(adjusted)
}

fn ascending(p_values: &[f64]) -> Result<Vec<usize>> {
    if let Some(i) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::input(format!("p-value {} at place {i}", p_values[i]), "p-values lie in [0, 1]"));
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_p_value_is_refused() {
        assert!(holm(&[0.1, f64::NAN]).unwrap_err().to_string().contains("NaN at place 1"));
        assert!(benjamini_hochberg(&[1.5]).unwrap_err().to_string().contains("1.5 at place 0"));
        assert!(holm(&[]).unwrap().is_empty());
    }
}
