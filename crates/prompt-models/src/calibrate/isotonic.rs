//! Isotonic regression.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The rising function closest to given points in weighted squares (pool adjacent violators), between the points
/// linear and beyond them constant, as scikit-learn's `IsotonicRegression(out_of_bounds="clip")`.
///
/// ```
/// use prompt_models::calibrate::Isotonic;
/// let fit = Isotonic::fit(&[(1.0, 0.0, 1.0), (2.0, 1.0, 1.0), (3.0, 0.0, 1.0), (4.0, 1.0, 1.0)]).unwrap();
/// assert_eq!(fit.value(1.0), 0.0);
/// assert_eq!(fit.value(2.5), 0.5);
/// assert_eq!(fit.value(3.5), 0.75);
/// assert_eq!(fit.value(9.0), 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isotonic {
    /// Rising in both coordinates.
    points: Vec<(f64, f64)>,
}

impl Isotonic {
    /// Fits points `(x, y, weight)`. Equal x are averaged first.
    ///
    /// # Errors
    /// [`Error::Input`] without points of positive weight, or for numbers that are not finite.
    pub fn fit(points: &[(f64, f64, f64)]) -> Result<Self> {
        if let Some(at) =
            points.iter().position(|(x, y, w)| !(x.is_finite() && y.is_finite() && w.is_finite()))
        {
            return Err(Error::input(
                format!("isotonic regression: point {at} is not finite"),
                "remove it or mend its numbers",
            ));
        }
        let mut sorted: Vec<(f64, f64, f64)> = points.iter().copied().filter(|p| p.2 > 0.0).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::with_capacity(sorted.len());
        for (x, y, weight) in sorted {
            match blocks.last_mut() {
                Some(last) if last.high == x => last.take(x, y, weight),
                _ => blocks.push(Block { low: x, high: x, mean: y, weight }),
            }
        }
        let mut pooled: Vec<Block> = Vec::with_capacity(blocks.len());
        for mut block in blocks {
            while let Some(last) = pooled.pop_if(|last| last.mean >= block.mean) {
                let mut merged = last;
                merged.take(block.high, block.mean, block.weight);
                block = merged;
            }
            pooled.push(block);
        }
        if pooled.is_empty() {
            return Err(Error::input(
                "isotonic regression: no points of positive weight",
                "give it at least one",
            ));
        }
        let mut points = Vec::with_capacity(2 * pooled.len());
        for block in pooled {
            points.push((block.low, block.mean));
            if block.high > block.low {
                points.push((block.high, block.mean));
            }
        }
        Ok(Self { points })
    }

    /// The function at `x`.
    pub fn value(&self, x: f64) -> f64 {
        let after = self.points.partition_point(|p| p.0 < x);
        match (after.checked_sub(1).and_then(|at| self.points.get(at)), self.points.get(after)) {
            (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
            (Some(only), None) | (None, Some(only)) => only.1,
            (None, None) => 0.0,
        }
    }

    /// The corners of the function, rising.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

struct Block {
    low: f64,
    high: f64,
    mean: f64,
    weight: f64,
}

impl Block {
    fn take(&mut self, high: f64, mean: f64, weight: f64) {
        self.mean = (self.mean * self.weight + mean * weight) / (self.weight + weight);
        self.weight += weight;
        self.high = high;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violators_are_pooled_by_weight() {
        let fit = Isotonic::fit(&[(1.0, 3.0, 3.0), (2.0, 1.0, 1.0), (3.0, 4.0, 1.0)]).unwrap();
        assert_eq!(fit.points(), [(1.0, 2.5), (2.0, 2.5), (3.0, 4.0)]);
        assert!(Isotonic::fit(&[(1.0, 1.0, 0.0)]).is_err());
        assert!(Isotonic::fit(&[(f64::NAN, 1.0, 1.0)]).is_err());
    }
}
