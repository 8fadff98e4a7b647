//! How far raters agree: weighted kappa of two, Krippendorff's alpha of any number.

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Confusion;

/// How much worse a distant class is than a near one, for ordered classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KappaWeights {
    /// Every disagreement counts alike: plain kappa.
    Unweighted,
    /// |i − j|.
    Linear,
    /// (i − j)².
    Quadratic,
}

impl KappaWeights {
    fn cost(self, i: usize, j: usize) -> f64 {
        let distance = i.abs_diff(j) as f64;
        match self {
            Self::Unweighted => f64::from(u8::from(i != j)),
            Self::Linear => distance,
            Self::Quadratic => distance * distance,
        }
    }
}

impl Confusion {
    /// Cohen's kappa with weights for ordered classes, in [−1, 1] (`cohen_kappa_score(weights=…)`):
    /// 1 − Σ wᵢⱼ·Oᵢⱼ / Σ wᵢⱼ·Eᵢⱼ, E the counts expected by chance.
    ///
    /// `None` where chance alone agrees always (one class only), which scikit-learn 1.9.1 calls NaN.
    ///
    /// ```
    /// use prompt_metrics::{Confusion, KappaWeights};
    /// let near = Confusion::new(&[0, 1, 2, 2], &[0, 1, 2, 1], 3, None)?;
    /// let far = Confusion::new(&[0, 1, 2, 2], &[0, 1, 2, 0], 3, None)?;
    /// let kappa = |c: &Confusion| c.cohen_kappa_weighted(KappaWeights::Quadratic).unwrap_or(f64::NAN);
    /// assert!(kappa(&near) > kappa(&far));
    /// # Ok::<(), prompt_metrics::Error>(())
    /// ```
    pub fn cohen_kappa_weighted(&self, weights: KappaWeights) -> Option<f64> {
        let (k, n) = (self.n_classes(), self.total());
        let (truth, predicted): (Vec<f64>, Vec<f64>) =
            (0..k).map(|c| (self.support(c), self.predicted(c))).unzip();
        let (mut observed, mut expected) = (0.0, 0.0);
        for i in 0..k {
            for j in 0..k {
                let cost = weights.cost(i, j);
                observed += cost * self.count(i, j);
                expected += cost * truth[i] * predicted[j] / n;
            }
        }
        (expected > n * f64::EPSILON).then(|| 1.0 - observed / expected)
    }
}

/// What the difference of two ratings means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// Names: equal or not.
    Nominal,
    /// Ranks: by how many ratings lie between.
    Ordinal,
    /// Numbers whose differences mean something.
    Interval,
    /// Numbers with a true zero: (a − b)² / (a + b)².
    Ratio,
}

/// Krippendorff's alpha, at most 1: 1 is agreement, 0 what chance gives, below 0 disagreement by system.
///
/// `ratings` has one slice for each rater, all of the same units in the same order; `None` is a rating that is missing.
/// A unit with fewer than two ratings says nothing and is left out. α = 1 − D_observed / D_expected over the
/// coincidences of values (Krippendorff, 2011).
///
/// ```
/// use prompt_metrics::{Measurement, krippendorff_alpha};
/// let first = [Some(1.0), Some(2.0), Some(3.0), None];
/// let second = [Some(1.0), Some(2.0), Some(3.0), Some(1.0)];
/// assert_eq!(krippendorff_alpha(&[&first, &second], Measurement::Nominal)?, 1.0);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Fewer than two raters, lengths that differ, ratings that are not finite (or negative, for `Ratio`), no unit with two
/// ratings, all ratings alike (there is then nothing to disagree about).
pub fn krippendorff_alpha(ratings: &[&[Option<f64>]], measurement: Measurement) -> Result<f64> {
    let [first, others @ ..] = ratings else {
        return Err(Error::input("there are no raters", "give the ratings of two or more"));
    };
    if others.is_empty() {
        return Err(Error::input("there is one rater alone", "agreement takes two or more"));
    }
    for rater in others {
        crate::check::same_length("a rater's ratings", first.len(), rater.len())?;
    }
    for (r, rater) in ratings.iter().enumerate() {
        let is_bad = |v: &f64| !v.is_finite() || (measurement == Measurement::Ratio && *v < 0.0);
        if let Some((unit, value)) =
            rater.iter().enumerate().find_map(|(u, v)| v.filter(is_bad).map(|v| (u, v)))
        {
            return Err(Error::input(
                format!("rater {r} gave {value} to unit {unit}"),
                "ratings are finite numbers (not negative on a ratio scale), None where one is missing",
            ));
        }
    }
    let units: Vec<Vec<f64>> = (0..first.len())
        .map(|u| ratings.iter().filter_map(|rater| rater[u]).map(|v| v + 0.0).collect::<Vec<f64>>())
        .filter(|unit| unit.len() > 1)
        .collect();
    let mut values: Vec<f64> = units.concat();
    if values.is_empty() {
        return Err(Error::input("no unit has two ratings", "give units that two raters judged"));
    }
    values.sort_by(f64::total_cmp);
    values.dedup();
    let k = values.len();
    let code = |v: f64| values.partition_point(|&x| x < v);
    let mut coincidences = vec![0.0; k * k];
    for unit in &units {
        let weight = 1.0 / (unit.len() as f64 - 1.0);
        for (i, &a) in unit.iter().enumerate() {
            for (j, &b) in unit.iter().enumerate() {
                if i != j {
                    coincidences[code(a) * k + code(b)] += weight;
                }
            }
        }
    }
    let marginal: Vec<f64> = coincidences.chunks(k).map(|row| row.iter().sum()).collect();
    let n: f64 = marginal.iter().sum();
    let distance = |a: usize, b: usize| -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        match measurement {
            Measurement::Nominal => f64::from(u8::from(a != b)),
            Measurement::Ordinal => {
                let between: f64 = marginal[low..=high].iter().sum();
                (between - (marginal[low] + marginal[high]) / 2.0).powi(2)
            }
            Measurement::Interval => (values[a] - values[b]).powi(2),
            Measurement::Ratio if a == b => 0.0,
            Measurement::Ratio => ((values[a] - values[b]) / (values[a] + values[b])).powi(2),
        }
    };
    let (mut observed, mut expected) = (0.0, 0.0);
    for a in 0..k {
        for b in 0..k {
            observed += coincidences[a * k + b] * distance(a, b);
            expected += marginal[a] * marginal[b] * distance(a, b);
        }
    }
    if expected == 0.0 {
        return Err(Error::input(
            "Krippendorff's alpha is undefined: all ratings are alike",
            "give units that raters judged differently",
        ));
    }
    Ok(1.0 - (n - 1.0) * observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_ratings_say_which() {
        let message = |ratings: &[&[Option<f64>]], m| krippendorff_alpha(ratings, m).unwrap_err().to_string();
        let one: [Option<f64>; 2] = [Some(1.0), Some(-2.0)];
        assert!(message(&[], Measurement::Nominal).contains("no raters"));
        assert!(message(&[&one], Measurement::Nominal).contains("one rater alone"));
        assert!(message(&[&one, &one[..1]], Measurement::Nominal).contains("expected 2, got 1"));
        assert!(message(&[&one, &one], Measurement::Ratio).contains("rater 0 gave -2 to unit 1"));
        assert!(
            message(&[&[Some(1.0)], &[Some(f64::NAN)]], Measurement::Interval).contains("rater 1 gave NaN")
        );
        assert!(message(&[&[Some(1.0)], &[None]], Measurement::Interval).contains("no unit has two"));
        assert!(
            message(&[&[Some(1.0)], &[Some(1.0)]], Measurement::Interval).contains("all ratings are alike")
        );
    }

    #[test]
    fn one_class_has_no_weighted_kappa() {
        let c = Confusion::new(&[1, 1], &[1, 1], 2, None).unwrap();
        assert_eq!(c.cohen_kappa_weighted(KappaWeights::Linear), None);
        let c = Confusion::new(&[0, 1, 2], &[0, 2, 2], 3, None).unwrap();
        let plain = c.cohen_kappa_weighted(KappaWeights::Unweighted).unwrap();
        assert!((plain - c.cohen_kappa().unwrap()).abs() < 1e-12);
    }
}
