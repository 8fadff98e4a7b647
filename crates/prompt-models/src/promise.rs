//! Thresholds that keep a promise: "false alarms ≤ 0.1% on this traffic".
//!
//! What is given are scores of records that should pass. What comes back is a threshold, how sure it is, and whether there
//! is enough traffic to promise anything.

use std::fmt;

use prompt_core::{Error, Result};
use prompt_metrics::{Interval, clopper_pearson, clopper_pearson_upper};
use serde::Serialize;

/// A threshold for a promised rate of false alarms.
///
/// With n scores of records that should pass and k(t) of them at or above t:
///
/// | field | formula |
/// |---|---|
/// | `threshold` | the lowest t with k(t) ≤ rate · n |
/// | `interval` | the thresholds t for which the Clopper–Pearson interval of k(t) of n holds `rate`: where the threshold for this rate would lie on endless traffic |
/// | `safe_threshold` | the lowest t whose one-sided Clopper–Pearson bound is ≤ `rate`: keeps the promise with that confidence |
/// | `records_needed` | ⌈ln(1 − level) / ln(1 − rate)⌉: with fewer, not even zero false alarms support the promise |
///
/// ```
/// use prompt_models::promise::false_alarms_at_most;
/// let scores: Vec<f64> = (0..10_000).map(|i| f64::from(i) / 10_000.0).collect();
/// let promise = false_alarms_at_most(&scores, 0.01, 0.95)?;
/// assert_eq!(promise.threshold, 0.99);
/// assert!(promise.interval[0] < 0.99 && 0.99 < promise.interval[1]);
/// assert!(promise.safe_threshold.unwrap() > 0.99);
/// let few = false_alarms_at_most(&scores[..100], 0.001, 0.95)?;
/// assert!(few.safe_threshold.is_none() && few.records_needed == 2995);
/// assert!(few.to_string().contains("too little to promise"));
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promise {
    /// The promised rate of false alarms.
    pub rate: f64,
    /// The confidence of the interval and of the safe threshold.
    pub level: f64,
    /// Records that should pass.
    pub records: u64,
    /// Records at or above it are alarms.
    pub threshold: f64,
    /// Where the threshold may lie; the upper end is infinite when the traffic does not bound it.
    pub interval: [f64; 2],
    /// The share of these records at or above the threshold, with its interval.
    pub false_alarms: Interval,
    /// The threshold that keeps the promise with confidence `level`, where there is one.
    pub safe_threshold: Option<f64>,
    /// Records without a single alarm that it takes to promise the rate.
    pub records_needed: u64,
}

/// The threshold at which at most `rate` of records like these are alarms.
///
/// # Errors
/// [`Error::Param`] unless 0 < rate < 1 and 0 < level < 1; [`Error::Input`] without scores, or for a score that is not finite.
pub fn false_alarms_at_most(scores: &[f64], rate: f64, level: f64) -> Result<Promise> {
    let inside = |v: f64| v > 0.0 && v < 1.0;
    if !inside(rate) {
        return Err(Error::param("promise", "rate", "a number in (0, 1)", rate));
    }
    if !inside(level) {
        return Err(Error::param("promise", "level", "a number in (0, 1)", level));
    }
    if let Some(at) = scores.iter().position(|s| !s.is_finite()) {
        return Err(Error::input(format!("score {at} is {}", scores[at]), "give finite scores"));
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let n = sorted.len() as u64;
    if n == 0 {
        return Err(Error::input("no records to set a threshold on", "give some that should pass"));
    }
    // Every distinct score as a threshold with its alarms, from the highest; before them the number above all.
    let mut cuts: Vec<(f64, u64)> = vec![(sorted[0].next_up(), 0)];
    for (i, score) in sorted.iter().enumerate() {
        if sorted.get(i + 1) != Some(score) {
            cuts.push((*score, i as u64 + 1));
        }
    }
    // Alarms grow along the cuts, and with them every bound.
    let last =
        |keeps: &dyn Fn(u64) -> bool| cuts.partition_point(|(_, alarms)| keeps(*alarms)).checked_sub(1);
    let at = |i: usize| cuts.get(i).map_or(f64::INFINITY, |c| c.0);
    let chosen = last(&|alarms| alarms as f64 <= rate * n as f64).unwrap_or(0);
    let bounds = |alarms: u64| clopper_pearson(alarms, n, level);
    let low_end = last(&|alarms| bounds(alarms).is_ok_and(|b| b.low <= rate)).unwrap_or(0);
    // The first cut whose interval reaches up to the rate; when even no alarm at all does, nothing bounds it from above.
    let high = cuts.partition_point(|(_, alarms)| bounds(*alarms).is_ok_and(|b| b.high < rate));
    let high_end = if high == 0 { f64::INFINITY } else { at(high) };
    let safe = last(&|alarms| clopper_pearson_upper(alarms, n, level).is_ok_and(|b| b <= rate));
    Ok(Promise {
        rate,
        level,
        records: n,
        threshold: at(chosen),
        interval: [at(low_end), high_end],
        false_alarms: clopper_pearson(cuts[chosen].1, n, level)?,
        safe_threshold: safe.map(at),
        records_needed: ((1.0 - level).ln() / (1.0 - rate).ln()).ceil() as u64,
    })
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |v: f64| format!("{:.4}%", 100.0 * v);
        writeln!(
            f,
            "threshold {} keeps false alarms at {} of {} records ({}% interval {} to {})",
            self.threshold,
            percent(self.false_alarms.estimate),
            self.records,
            100.0 * self.level,
            percent(self.false_alarms.low),
            percent(self.false_alarms.high)
        )?;
        let high = if self.interval[1].is_finite() {
            self.interval[1].to_string()
        } else {
            "beyond all scores".into()
        };
        writeln!(
            f,
            "on endless traffic of this kind the threshold for {} lies between {} and {high}",
            percent(self.rate),
            self.interval[0]
        )?;
        match self.safe_threshold {
            Some(safe) => writeln!(
                f,
                "threshold {safe} keeps at most {} false alarms with {}% confidence",
                percent(self.rate),
                100.0 * self.level
            ),
            None => writeln!(
                f,
                "{} records are too little to promise {}: it takes {} without a single alarm",
                self.records,
                percent(self.rate),
                self.records_needed
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_the_lowest_that_keeps_the_rate() {
        let scores = [0.1, 0.2, 0.2, 0.3, 0.9, 0.9, 0.9, 0.95, 0.97, 0.99];
        let promise = false_alarms_at_most(&scores, 0.3, 0.9).unwrap();
        assert_eq!((promise.threshold, promise.false_alarms.estimate), (0.95, 0.3));
        // Ties all alarm together: 0.9 would let six of ten alarm.
        let promise = false_alarms_at_most(&scores, 0.5, 0.9).unwrap();
        assert_eq!(promise.threshold, 0.95);
        let promise = false_alarms_at_most(&scores, 0.05, 0.9).unwrap();
        assert_eq!((promise.threshold, promise.false_alarms.estimate), (0.99_f64.next_up(), 0.0));
        assert_eq!(promise.interval[1], f64::INFINITY);
    }

    #[test]
    fn a_safe_threshold_keeps_its_word_on_new_traffic() {
        // Of many draws of 2,000 uniform scores, about 5% may break a promise made with 95% confidence.
        let broken = (0..200_u64)
            .filter(|draw| {
                let mut rng = prompt_core::Seed::new(*draw).rng();
                let scores: Vec<f64> = (0..2000).map(|_| rng.unit()).collect();
                let safe = false_alarms_at_most(&scores, 0.02, 0.95).unwrap().safe_threshold.unwrap();
                1.0 - safe > 0.02
            })
            .count();
        assert!((1..=20).contains(&broken), "{broken} of 200");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(false_alarms_at_most(&[], 0.1, 0.9).is_err());
        assert!(false_alarms_at_most(&[f64::NAN], 0.1, 0.9).is_err());
        assert!(false_alarms_at_most(&[0.1], 0.0, 0.9).is_err());
        assert!(false_alarms_at_most(&[0.1], 0.1, 1.0).is_err());
    }
}
