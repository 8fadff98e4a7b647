//! What a search may choose from.

use std::collections::BTreeMap;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Params;

/// The values of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Domain {
    /// Real numbers from `low` to `high`.
    Float {
        /// The smallest.
        low: f64,
        /// The largest; with a step, the last one at most this large.
        high: f64,
        /// Whether ratios count, not differences.
        #[serde(default)]
        log: bool,
        /// Only `low`, `low + step`, …; not together with `log`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<f64>,
    },
    /// Whole numbers from `low` to `high`.
    Int {
        /// The smallest.
        low: i64,
        /// The largest.
        high: i64,
        /// Whether ratios count, not differences.
        #[serde(default)]
        log: bool,
        /// Only `low`, `low + step`, …; 1 together with `log`.
        #[serde(default = "one")]
        step: i64,
    },
    /// One of these values, without an order.
    Choice {
        /// The values.
        values: Vec<Value>,
    },
}

fn one() -> i64 {
    1
}

/// A parameter that is chosen only where another has one of some values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The other parameter, which comes before.
    pub param: String,
    /// Its values.
    pub is: Vec<Value>,
}

/// A parameter of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dimension {
    /// The parameter's name.
    pub name: String,
    /// Its values.
    #[serde(flatten)]
    pub domain: Domain,
    /// Where it is chosen at all; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// Parameters in order; one that depends on another comes after it.
///
/// ```
/// use prompt_models::select::Space;
/// let space = Space::new()
///     .choice("kernel", ["linear", "rbf"])
///     .log_float("c", 1e-3, 1e3)
///     .log_float("gamma", 1e-4, 1.0)
///     .when("kernel", ["rbf"]);
/// space.validate()?;
/// let impossible = Space::new().int("max_depth", 8, 2).validate().unwrap_err().to_string();
/// assert_eq!(impossible, "search space: parameter `max_depth` must be a range with low ≤ high, got [8, 2]");
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(Vec<Dimension>);

impl Space {
    /// Nothing to choose yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// These parameters.
    pub fn of(dimensions: Vec<Dimension>) -> Self {
        Self(dimensions)
    }

    /// With one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, domain: Domain) -> Self {
        self.0.push(Dimension { name: name.to_owned(), domain, when: None });
        self
    }

    /// With a real number in [low, high].
    #[must_use]
    pub fn float(self, name: &str, low: f64, high: f64) -> Self {
        self.with(name, Domain::Float { low, high, log: false, step: None })
    }

    /// With a real number in [low, high] of which ratios count.
    #[must_use]
    pub fn log_float(self, name: &str, low: f64, high: f64) -> Self {
        self.with(name, Domain::Float { low, high, log: true, step: None })
    }

    /// With one of `low`, `low + step`, … up to `high`.
    #[must_use]
    pub fn stepped(self, name: &str, low: f64, high: f64, step: f64) -> Self {
        self.with(name, Domain::Float { low, high, log: false, step: Some(step) })
    }

    /// With a whole number in [low, high].
    #[must_use]
    pub fn int(self, name: &str, low: i64, high: i64) -> Self {
        self.with(name, Domain::Int { low, high, log: false, step: 1 })
    }

    /// With a whole number in [low, high] of which ratios count.
    #[must_use]
    pub fn log_int(self, name: &str, low: i64, high: i64) -> Self {
        self.with(name, Domain::Int { low, high, log: true, step: 1 })
    }

    /// With one of some values.
    #[must_use]
    pub fn choice<V: Into<Value>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.with(name, Domain::Choice { values: values.into_iter().map(Into::into).collect() })
    }

    /// The parameter added last is chosen only where `param` has one of these values.
    #[must_use]
    pub fn when<V: Into<Value>>(mut self, param: &str, is: impl IntoIterator<Item = V>) -> Self {
        if let Some(last) = self.0.last_mut() {
            let is = is.into_iter().map(Into::into).collect();
            last.when = Some(When { param: param.to_owned(), is });
        }
        self
    }

    /// The values of a grid as choices.
    pub fn of_grid<'a>(grid: impl IntoIterator<Item = (&'a str, &'a [Value])>) -> Self {
        grid.into_iter().fold(Self::new(), |space, (name, values)| space.choice(name, values.iter().cloned()))
    }

    /// The parameters.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.0
    }

    /// Whether there is nothing to choose.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Without the parameters of these names, nor those that depend on them.
    #[must_use]
    pub fn without(mut self, names: &[String]) -> Self {
        let mut gone: Vec<String> = names.to_vec();
        self.0.retain(|d| {
            let goes = gone.contains(&d.name) || d.when.as_ref().is_some_and(|w| gone.contains(&w.param));
            if goes {
                gone.push(d.name.clone());
            }
            !goes
        });
        self
    }

    /// Checks every range, and that parents come first.
    ///
    /// # Errors
    /// [`Error::Param`] naming the parameter, what was expected and what was given.
    pub fn validate(&self) -> Result<()> {
        let bad = |name: &str, expected: &str, given: String| {
            Err(Error::param("search space", name, expected, given))
        };
        for (at, Dimension { name, domain, when }) in self.0.iter().enumerate() {
            if self.0[..at].iter().any(|d| d.name == *name) {
                return bad(name, "named once", "the name twice".to_owned());
            }
            match domain {
                Domain::Float { low, high, log, step } => {
                    if !(low.is_finite() && high.is_finite() && low <= high) {
                        return bad(name, "a range with low ≤ high", format!("[{low}, {high}]"));
                    }
                    if *log && *low <= 0.0 {
                        return bad(
                            name,
                            "a range above 0, because its logarithm is searched",
                            format!("[{low}, {high}]"),
                        );
                    }
                    if let Some(step) = step
                        && (*log || !(step.is_finite() && *step > 0.0))
                    {
                        return bad(name, "a range with a step > 0 and no logarithm", format!("step {step}"));
                    }
                }
                Domain::Int { low, high, log, step } => {
                    if low > high {
                        return bad(name, "a range with low ≤ high", format!("[{low}, {high}]"));
                    }
                    if *log && *low < 1 {
                        return bad(
                            name,
                            "a range from 1, because its logarithm is searched",
                            format!("[{low}, {high}]"),
                        );
                    }
                    if *step < 1 || (*log && *step != 1) {
                        return bad(
                            name,
                            "a range with a step ≥ 1 (1 with a logarithm)",
                            format!("step {step}"),
                        );
                    }
                }
                Domain::Choice { values } if values.is_empty() => {
                    return bad(name, "at least one value", "none".to_owned());
                }
                Domain::Choice { .. } => {}
            }
            if let Some(When { param, is }) = when
                && (is.is_empty() || !self.0[..at].iter().any(|d| d.name == *param))
            {
                return bad(
                    name,
                    "dependent on some value of a parameter that comes before it",
                    format!("`{param}`"),
                );
            }
        }
        Ok(())
    }

    /// Whether a parameter is chosen where `chosen` was chosen before it.
    pub(crate) fn is_active(&self, at: usize, chosen: &Params) -> bool {
        self.0[at].when.as_ref().is_none_or(|w| chosen.get(&w.param).is_some_and(|v| w.is.contains(v)))
    }

    /// Every combination, the last parameter fastest; `None` where some range has no end of values.
    pub(crate) fn points(&self) -> Option<Vec<Params>> {
        let mut points = vec![BTreeMap::new()];
        for (at, dimension) in self.0.iter().enumerate() {
            let values = dimension.domain.values()?;
            points = points
                .into_iter()
                .flat_map(|point| {
                    if !self.is_active(at, &point) {
                        return vec![point];
                    }
                    let with = |value: &Value| {
                        let mut point = point.clone();
                        point.insert(dimension.name.clone(), value.clone());
                        point
                    };
                    values.iter().map(with).collect()
                })
                .collect();
        }
        Some(points)
    }
}

/// A domain as a sampler sees it: an interval, in logarithms where ratios count, or numbered choices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Axis {
    /// From `low` to `high`; with a step, the middles of cells of that width.
    Interval { low: f64, high: f64, step: Option<f64> },
    /// `0 … n − 1`.
    Choices(usize),
}

impl Domain {
    /// The values at its ends: what a learner takes of these it takes of all between them.
    #[cfg(test)]
    pub(crate) fn ends(&self) -> Vec<Value> {
        match self {
            Self::Float { low, high, .. } => vec![(*low).into(), (*high).into()],
            Self::Int { low, high, .. } => vec![(*low).into(), (*high).into()],
            Self::Choice { values } => values.clone(),
        }
    }

    pub(crate) fn axis(&self) -> Axis {
        match self {
            Self::Float { low, high, log: true, .. } => {
                Axis::Interval { low: low.ln(), high: high.ln(), step: None }
            }
            Self::Float { low, high, step: None, .. } => {
                Axis::Interval { low: *low, high: *high, step: None }
            }
            Self::Float { low, high, step: Some(step), .. } => {
                let last = low + ((high - low) / step + 1e-9).floor() * step;
                Axis::Interval { low: low - step / 2.0, high: last + step / 2.0, step: Some(*step) }
            }
            Self::Int { low, high, log: true, .. } => {
                Axis::Interval { low: (*low as f64 - 0.5).ln(), high: (*high as f64 + 0.5).ln(), step: None }
            }
            Self::Int { low, high, step, .. } => {
                let last = low + (high - low) / step * step;
                let half = *step as f64 / 2.0;
                Axis::Interval { low: *low as f64 - half, high: last as f64 + half, step: Some(*step as f64) }
            }
            Self::Choice { values } => Axis::Choices(values.len()),
        }
    }

    /// Where a value lies on the axis; `None` for what is no value of the domain.
    pub(crate) fn place(&self, value: &Value) -> Option<f64> {
        match self {
            Self::Float { log, .. } => value.as_f64().map(|v| if *log { v.ln() } else { v }),
            Self::Int { log, .. } => value.as_f64().map(|v| if *log { v.ln() } else { v }),
            Self::Choice { values } => values.iter().position(|v| v == value).map(|at| at as f64),
        }
    }

    /// The value at a place of the axis.
    pub(crate) fn value(&self, place: f64) -> Value {
        match self {
            Self::Float { low, high, log: true, .. } => place.exp().clamp(*low, *high).into(),
            Self::Float { low, high, step: None, .. } => place.clamp(*low, *high).into(),
            Self::Float { low, high, step: Some(step), .. } => {
                let last = ((high - low) / step + 1e-9).floor();
                (low + ((place - low) / step).round().clamp(0.0, last) * step).into()
            }
            Self::Int { low, high, log: true, .. } => (place.exp().round() as i64).clamp(*low, *high).into(),
            Self::Int { low, high, step, .. } => {
                let at = ((place - *low as f64) / *step as f64).round() as i64;
                (low + at.clamp(0, (high - low) / step) * step).into()
            }
            Self::Choice { values } => {
                values.get((place as usize).min(values.len().saturating_sub(1))).cloned().unwrap_or_default()
            }
        }
    }

    /// All values; `None` where they have no end.
    fn values(&self) -> Option<Vec<Value>> {
        match self {
            Self::Float { low, high, step, .. } => {
                if low == high {
                    return Some(vec![(*low).into()]);
                }
                let step = (*step)?;
                let n = ((high - low) / step + 1e-9).floor();
                (n < 1e6).then(|| (0..=n as usize).map(|i| (low + i as f64 * step).into()).collect())
            }
            Self::Int { low, high, step, .. } => {
                let n = (high.checked_sub(*low)?) / step;
                (n < 1_000_000).then(|| (0..=n).map(|i| (low + i * step).into()).collect())
            }
            Self::Choice { values } => Some(values.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_ranges_are_refused_by_name() {
        for (space, word) in [
            (Space::new().float("a", 1.0, f64::NAN), "low ≤ high"),
            (Space::new().log_float("a", 0.0, 1.0), "above 0"),
            (Space::new().stepped("a", 0.0, 1.0, 0.0), "step > 0"),
            (Space::new().log_int("a", 0, 9), "from 1"),
            (Space::new().choice::<i64>("a", []), "at least one value"),
            (Space::new().int("a", 1, 2).int("a", 1, 2), "named once"),
            (Space::new().int("a", 1, 2).when("b", [1]), "comes before"),
        ] {
            let error = space.validate().unwrap_err().to_string();
            assert!(error.contains("`a`") && error.contains(word), "{error}");
        }
    }

    #[test]
    fn values_and_places_lead_to_each_other() {
        let space = Space::new()
            .float("a", -1.0, 2.0)
            .log_float("b", 1e-3, 10.0)
            .stepped("c", 0.0, 1.0, 0.3)
            .int("d", 3, 11)
            .log_int("e", 1, 300)
            .choice("f", ["x", "y"]);
        for d in space.dimensions() {
            let (low, high) = match d.domain.axis() {
                Axis::Interval { low, high, .. } => (low, high),
                Axis::Choices(n) => (0.0, n as f64 - 1e-9),
            };
            for i in 0..=50 {
                let value = d.domain.value(low + (high - low) * f64::from(i) / 50.0);
                let again = d.domain.value(d.domain.place(&value).unwrap());
                match (value.as_f64(), again.as_f64()) {
                    (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12, "{}: {a} {b}", d.name),
                    _ => assert_eq!(value, again),
                }
            }
        }
        let last = space.dimensions()[2].domain.value(9.0).as_f64().unwrap();
        assert!((last - 0.9).abs() < 1e-12, "a step ends at or below the range's end: {last}");
    }

    #[test]
    fn a_grid_leaves_out_what_is_not_chosen() {
        let space =
            Space::new().choice("kernel", ["linear", "rbf"]).int("degree", 1, 3).when("kernel", ["rbf"]);
        let points = space.points().unwrap();
        assert_eq!(points.len(), 4);
        assert!(!points[0].contains_key("degree"));
        assert_eq!(points[3]["degree"], 3);
        assert!(Space::new().float("a", 0.0, 1.0).points().is_none());
        assert_eq!(space.clone().without(&["kernel".to_owned()]), Space::new());
    }
}
