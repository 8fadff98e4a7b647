//! From the scores of a head to what a caller reads.

use prompt_core::softmax;

use crate::loss::sigmoid;

/// Class probabilities from scores: softmax, or for thresholds the differences of P(level > step), which are made to
/// fall first (thresholds that are still being learned may cross).
pub(crate) fn probabilities(scores: &[f32], ordinal: bool, out: &mut [f64]) {
    if !ordinal {
        for (p, &z) in out.iter_mut().zip(scores) {
            *p = f64::from(z);
        }
        softmax(out);
        return;
    }
    let mut above = 1.0f64;
    for (p, &z) in out.iter_mut().zip(scores) {
        let next = sigmoid(f64::from(z)).min(above);
        *p = above - next;
        above = next;
    }
    if let Some(last) = out.last_mut() {
        *last = above;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_probabilities_even_when_thresholds_cross() {
        let mut p = [0.0; 3];
        probabilities(&[1.0, -1.0], true, &mut p);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((p[2] - sigmoid(-1.0)).abs() < 1e-12);
        probabilities(&[-1.0, 1.0], true, &mut p);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.iter().all(|v| *v >= 0.0), "{p:?}");
    }

    #[test]
    fn classes_are_a_softmax() {
        let mut p = [0.0; 2];
        probabilities(&[0.0, 3f32.ln()], false, &mut p);
        assert!((p[1] - 0.75).abs() < 1e-6, "{p:?}");
    }
}
