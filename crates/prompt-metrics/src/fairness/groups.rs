//! A metric group by group.

use prompt_core::{Error, FitContext, Result};
use serde::{Deserialize, Serialize};

use super::spread;
use crate::check;
use crate::interval::{Bootstrap, Design, Interval};

/// Which group each row belongs to.
///
/// ```
/// use prompt_metrics::fairness::Groups;
/// let groups = Groups::new(&["en", "de", "en"])?;
/// assert_eq!((groups.names(), groups.rows_of(1)), (&["de".to_owned(), "en".to_owned()][..], vec![0, 2]));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    names: Vec<String>,
    of_row: Vec<u32>,
}

impl Groups {
    /// One name for each row; the groups are sorted by name.
    ///
    /// # Errors
    /// No rows.
    pub fn new<S: AsRef<str>>(of_row: &[S]) -> Result<Self> {
        check::not_empty(of_row.len())?;
        let mut names: Vec<String> = of_row.iter().map(|s| s.as_ref().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let of_row =
            of_row.iter().map(|s| names.partition_point(|name| name.as_str() < s.as_ref()) as u32).collect();
        Ok(Self { names, of_row })
    }

    /// The groups' names, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The group of each row, an index into the names.
    pub fn of_row(&self) -> &[u32] {
        &self.of_row
    }

    /// The rows of one group.
    pub fn rows_of(&self, group: usize) -> Vec<usize> {
        (0..self.of_row.len()).filter(|&i| self.of_row[i] as usize == group).collect()
    }
}

/// A group's metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupScore {
    /// The group.
    pub group: String,
    /// Its rows.
    pub rows: usize,
    /// The metric on these rows; `None` where it is undefined on them.
    pub value: Option<f64>,
    /// Its bootstrap interval, where one can be had.
    pub interval: Option<Interval>,
}

/// A metric by group, and how far the groups lie apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// The metric on all rows.
    pub overall: f64,
    /// Every group, by name.
    pub groups: Vec<GroupScore>,
    /// Largest less smallest value of a group, with the interval of the difference of these two groups.
    pub difference: Interval,
    /// Smallest over largest; `None` where the largest is not above 0.
    pub ratio: Option<f64>,
    /// The group with the largest value.
    pub highest: String,
    /// The group with the smallest value.
    pub lowest: String,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

/// Measures any metric for each group. `metric` gets the indices of rows, some of them more than once.
///
/// Intervals are bootstrap intervals within the group; that of the difference draws both groups again, keeping their
/// sizes. Reference for values, difference and ratio: fairlearn 0.15.0 `MetricFrame`.
///
/// ```
/// use prompt_metrics::{Bootstrap, FitContext, fairness::{Groups, by_group}};
/// let language: Vec<&str> = (0..80).map(|i| if i % 2 == 0 { "de" } else { "en" }).collect();
/// let right = |i: usize| i % 2 == 1 || i % 8 == 0; // every English row, a quarter of the German ones
/// let accuracy = |rows: &[usize]| Ok(rows.iter().filter(|&&i| right(i)).count() as f64 / rows.len() as f64);
/// let boot = Bootstrap::default().resamples(200);
/// let report = by_group(&Groups::new(&language)?, accuracy, &boot, &FitContext::new(1))?;
/// assert_eq!((report.difference.estimate, report.ratio, report.lowest.as_str()), (0.75, Some(0.25), "de"));
/// assert!(report.difference.low > 0.5);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// Settings of the bootstrap out of range, a metric that fails on all rows or in fewer than two groups, a context that
/// stops.
pub fn by_group(
    groups: &Groups,
    metric: impl Fn(&[usize]) -> Result<f64> + Sync + Send,
    bootstrap: &Bootstrap,
    ctx: &FitContext,
) -> Result<GroupReport> {
    let all: Vec<usize> = (0..groups.of_row.len()).collect();
    let overall = metric(&all)?;
    let (mut scores, mut notes) = (Vec::new(), Vec::new());
    let mut rows_of = Vec::new();
    for (g, name) in groups.names.iter().enumerate() {
        let rows = groups.rows_of(g);
        let (mut value, mut interval) = (None, None);
        match metric(&rows).and_then(finite) {
            Ok(found) => {
                value = Some(found);
                let pick = |drawn: &[usize]| {
                    let rows: Vec<usize> = drawn.iter().map(|&i| rows[i]).collect();
                    metric(&rows)
                };
                match bootstrap.of_rows(rows.len(), pick, &ctx.part("group", g as u64)) {
                    Ok(found) => interval = Some(found.interval),
                    Err(e) if e.is_stop() || matches!(e, Error::Param { .. }) => return Err(e),
                    Err(e) => notes.push(format!("group `{name}` has no interval: {e}")),
                }
            }
            Err(e) if e.is_stop() => return Err(e),
            Err(e) => notes.push(format!("group `{name}`: {e}")),
        }
        scores.push(GroupScore { group: name.clone(), rows: rows.len(), value, interval });
        rows_of.push(rows);
    }
    let defined = || scores.iter().enumerate().filter_map(|(g, s)| s.value.map(|v| (g, v)));
    let highest = defined().reduce(|a, b| if b.1 > a.1 { b } else { a });
    let lowest = defined().reduce(|a, b| if b.1 < a.1 { b } else { a });
    let (Some((high, _)), Some((low, _)), true) = (highest, lowest, defined().count() > 1) else {
        return Err(Error::input(
            format!("the metric is defined in {} of {} groups", defined().count(), scores.len()),
            "groups are compared where it is defined in two or more: give more rows, or merge groups",
        ));
    };
    let (largest, ratio) = spread(defined().map(|d| d.1)).unwrap_or((f64::NAN, None));
    let difference = difference(&metric, &rows_of[high], &rows_of[low], bootstrap, ctx).or_else(|e| {
        if e.is_stop() {
            return Err(e);
        }
        notes.push(format!("the difference has no interval: {e}"));
        Ok(Interval { estimate: largest, low: f64::NAN, high: f64::NAN, level: bootstrap.confidence() })
    })?;
    Ok(GroupReport {
        overall,
        difference,
        ratio,
        highest: scores[high].group.clone(),
        lowest: scores[low].group.clone(),
        groups: scores,
        notes,
    })
}

fn finite(value: f64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::input(format!("the metric is {value} there"), "give the group rows on which it is defined"))
}

/// The metric of the first rows less that of the second, both drawn again.
fn difference(
    metric: &(impl Fn(&[usize]) -> Result<f64> + Sync + Send),
    a: &[usize],
    b: &[usize],
    bootstrap: &Bootstrap,
    ctx: &FitContext,
) -> Result<Interval> {
    let strata: Vec<u32> = [vec![0; a.len()], vec![1; b.len()]].concat();
    let of_both = |drawn: &[usize]| {
        let first: Vec<usize> = drawn.iter().filter(|&&i| i < a.len()).map(|&i| a[i]).collect();
        let second: Vec<usize> = drawn.iter().filter(|&&i| i >= a.len()).map(|&i| b[i - a.len()]).collect();
        Ok(metric(&first)? - metric(&second)?)
    };
    Ok(bootstrap.of_design(&Design::Stratified(&strata), of_both, &ctx.part("group difference", 0))?.interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_a_value_is_noted_and_left_out() {
        let groups = Groups::new(&["a", "b", "c", "a", "b", "c"]).unwrap();
        let metric = |rows: &[usize]| {
            if rows.contains(&2) && rows.len() < 6 {
                return Err(Error::input("no positives", "give some"));
            }
            Ok(rows.iter().filter(|&&i| i % 3 == 0).count() as f64 / rows.len() as f64)
        };
        let boot = Bootstrap::default().resamples(20);
        let report = by_group(&groups, metric, &boot, &FitContext::new(1)).unwrap();
        assert_eq!(
            (report.groups[2].value, report.highest.as_str(), report.lowest.as_str()),
            (None, "a", "b")
        );
        assert!(report.notes[0].starts_with("group `c`: no positives"), "{:?}", report.notes);
        assert_eq!((report.difference.estimate, report.ratio), (1.0, Some(0.0)));
    }

    #[test]
    fn one_group_is_nothing_to_compare() {
        let groups = Groups::new(&["a", "a"]).unwrap();
        let boot = Bootstrap::default().resamples(5);
        let found = by_group(&groups, |_| Ok(1.0), &boot, &FitContext::new(1)).unwrap_err().to_string();
        assert!(found.contains("defined in 1 of 1 groups"), "{found}");
        assert!(Groups::new::<&str>(&[]).unwrap_err().to_string().contains("no rows"));
    }
}
