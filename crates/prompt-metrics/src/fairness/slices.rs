//! The parts of the data on which a model is worse than elsewhere, found by looking at all of them.

use std::collections::BTreeMap;

use prompt_core::{Error, Result};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::gamma::ln_gamma;

use crate::check;
use crate::significance::holm;
use crate::stats::quantile;

/// A property of the rows: language, source, topic, length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceColumn {
    /// The property.
    pub name: String,
    /// Its value in each row.
    pub of_row: Vec<String>,
}

/// What is looked at.
///
/// | setting | default | legal |
/// |---|---|---|
/// | `min_rows` | 20 | ≥ 2 |
/// | `pairs` | true | also the slices of two properties |
/// | `alpha` | 0.05 | strictly between 0 and 1 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SliceSearch {
    /// Slices with fewer rows are not looked at.
    pub min_rows: usize,
    /// Whether slices of two properties are looked at too.
    pub pairs: bool,
    /// Below this adjusted p-value a slice counts as worse.
    pub alpha: f64,
}

impl Default for SliceSearch {
    fn default() -> Self {
        Self { min_rows: 20, pairs: true, alpha: 0.05 }
    }
}

/// A slice of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Property and value, one or two of them.
    pub conditions: Vec<(String, String)>,
    /// Its rows.
    pub rows: usize,
    /// Their mean loss.
    pub loss: f64,
    /// The mean loss of all other rows.
    pub loss_elsewhere: f64,
    /// One-sided: the chance of a slice at least this much worse where it is as good as the rest.
    pub p_value: f64,
    /// The same, paid for by Holm's method over all slices that were looked at.
    pub adjusted_p_value: f64,
    /// Whether `adjusted_p_value` is below α.
    pub significant: bool,
}

impl std::fmt::Display for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name: Vec<String> = self.conditions.iter().map(|(c, v)| format!("{c} = {v}")).collect();
        write!(
            f,
            "{}: loss {:.4} on {} rows, {:.4} elsewhere (p = {:.4} after correction)",
            name.join(", "),
            self.loss,
            self.rows,
            self.loss_elsewhere,
            self.adjusted_p_value
        )
    }
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceReport {
    /// All slices that were looked at, the surest finding first.
    pub slices: Vec<Slice>,
    /// The mean loss of all rows.
    pub loss: f64,
}

impl SliceReport {
    /// The slices that are worse beyond chance.
    pub fn worse(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(|s| s.significant)
    }
}

/// Looks at every slice of one property, and of two, for a mean `loss` above that of the other rows.
///
/// `loss` is 1 for a wrong row and 0 for a right one, or any number (an absolute error). 0 and 1 are judged by Fisher's exact
/// test, other losses by Welch's t-test, both one-sided; Holm's method pays for all looks together. References: SciPy 1.17.1
/// `fisher_exact`, `ttest_ind(equal_var=False)`, both with `alternative="greater"`.
///
/// ```
/// use prompt_metrics::fairness::{SliceColumn, SliceSearch, worst_slices};
/// let language: Vec<String> = (0..200).map(|i| if i % 4 == 0 { "de" } else { "en" }.to_owned()).collect();
/// let wrong: Vec<f64> = (0..200).map(|i| f64::from(u8::from(i % 8 == 0 || i % 50 == 1))).collect();
/// let columns = [SliceColumn { name: "language".into(), of_row: language }];
/// let found = worst_slices(&wrong, &columns, &SliceSearch::default())?;
/// let worst = found.worse().next().ok_or("none is worse").unwrap();
/// assert_eq!((worst.conditions[0].1.as_str(), worst.rows, worst.loss), ("de", 50, 0.5));
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No rows, no columns, lengths that differ, losses that are not finite, settings out of range.
pub fn worst_slices(loss: &[f64], columns: &[SliceColumn], search: &SliceSearch) -> Result<SliceReport> {
    check::not_empty(loss.len())?;
    check::finite("loss", loss)?;
    if search.min_rows < 2 {
        return Err(Error::param("worst_slices", "min_rows", "a whole number ≥ 2", search.min_rows));
    }
    check::level("worst_slices (alpha)", search.alpha)?;
    if columns.is_empty() {
        return Err(Error::input(
            "there are no columns to slice by",
            "give at least one property of the rows",
        ));
    }
    for column in columns {
        check::same_length(&format!("column `{}`", column.name), loss.len(), column.of_row.len())?;
    }
    let whole = loss.iter().fold(Part::default(), |part, &l| part.with(l));
    let is_binary = loss.iter().all(|&l| l == 0.0 || l == 1.0);
    let mut slices = Vec::new();
    let mut add = |parts: BTreeMap<Vec<&str>, Part>, names: &[&str]| {
        for (values, part) in parts {
            // A slice of all rows is no slice.
            if part.rows < search.min_rows as f64 || part.rows + 2.0 > whole.rows {
                continue;
            }
            let rest = whole.without(part);
            let p_value = if is_binary { fisher(part, rest) } else { welch(part, rest) };
            let conditions = names.iter().zip(values).map(|(n, v)| ((*n).to_owned(), v.to_owned())).collect();
            slices.push(Slice {
                conditions,
                rows: part.rows as usize,
                loss: part.mean(),
                loss_elsewhere: rest.mean(),
                p_value,
                adjusted_p_value: p_value,
                significant: false,
            });
        }
    };
    for (c, first) in columns.iter().enumerate() {
        add(parts(loss, |i| vec![first.of_row[i].as_str()]), &[&first.name]);
        for second in columns[c + 1..].iter().filter(|_| search.pairs) {
            let both = parts(loss, |i| vec![first.of_row[i].as_str(), second.of_row[i].as_str()]);
            add(both, &[&first.name, &second.name]);
        }
    }
    let adjusted = holm(&slices.iter().map(|s| s.p_value).collect::<Vec<_>>())?;
    for (slice, p) in slices.iter_mut().zip(adjusted) {
        slice.adjusted_p_value = p;
        slice.significant = p < search.alpha;
    }
    slices.sort_by(|a, b| a.p_value.total_cmp(&b.p_value).then(b.loss.total_cmp(&a.loss)));
    Ok(SliceReport { slices, loss: whole.mean() })
}

fn parts<'a>(loss: &[f64], key: impl Fn(usize) -> Vec<&'a str>) -> BTreeMap<Vec<&'a str>, Part> {
    let mut parts = BTreeMap::new();
    for (i, &l) in loss.iter().enumerate() {
        let part: &mut Part = parts.entry(key(i)).or_default();
        *part = part.with(l);
    }
    parts
}

/// Rows, sum and sum of squares of a part's losses.
#[derive(Clone, Copy, Default)]
struct Part {
    rows: f64,
    sum: f64,
    squares: f64,
}

impl Part {
    fn with(self, loss: f64) -> Self {
        Self { rows: self.rows + 1.0, sum: self.sum + loss, squares: self.squares + loss * loss }
    }

    fn without(self, part: Self) -> Self {
        Self { rows: self.rows - part.rows, sum: self.sum - part.sum, squares: self.squares - part.squares }
    }

    fn mean(self) -> f64 {
        self.sum / self.rows
    }

    /// Variance of the mean.
    fn variance(self) -> f64 {
        ((self.squares - self.sum * self.mean()) / (self.rows - 1.0)).max(0.0) / self.rows
    }
}

/// P(at least as many ones inside), the total of ones being what it is.
fn fisher(inside: Part, outside: Part) -> f64 {
    let (ones, rows, all) = (inside.sum + outside.sum, inside.rows, inside.rows + outside.rows);
    let choose = |n: f64, k: f64| ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let mut term =
        (choose(ones, inside.sum) + choose(all - ones, rows - inside.sum) - choose(all, rows)).exp();
    let (mut sum, mut k) = (0.0, inside.sum);
    while k <= rows.min(ones) && term > sum * 1e-17 {
        sum += term;
        term *= (ones - k) * (rows - k) / ((k + 1.0) * (all - ones - rows + k + 1.0));
        k += 1.0;
    }
    sum.min(1.0)
}

fn welch(inside: Part, outside: Part) -> f64 {
    let (a, b) = (inside.variance(), outside.variance());
    let difference = inside.mean() - outside.mean();
    if a + b <= 0.0 {
        // Losses that are constant on both sides: as sure as can be, or no difference.
        return if difference > 0.0 { 0.0 } else { 1.0 };
    }
    let df = (a + b).powi(2) / (a * a / (inside.rows - 1.0) + b * b / (outside.rows - 1.0));
    StudentsT::new(0.0, 1.0, df).map_or(1.0, |t| t.sf(difference / (a + b).sqrt()))
}

/// Bins of equal mass for lengths, named by their range: a column for [`worst_slices`].
///
/// # Errors
/// No rows, no bins.
pub fn length_bins(lengths: &[usize], n_bins: usize) -> Result<SliceColumn> {
    check::not_empty(lengths.len())?;
    if n_bins == 0 {
        return Err(Error::param("length_bins", "n_bins", "a whole number ≥ 1", n_bins));
    }
    let mut sorted: Vec<f64> = lengths.iter().map(|&l| l as f64).collect();
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<usize> =
        (1..=n_bins).map(|k| quantile(&sorted, k as f64 / n_bins as f64).floor() as usize).collect();
    edges.dedup();
    let name = |l: usize| {
        let bin = edges.partition_point(|&edge| edge < l);
        let low = bin.checked_sub(1).map_or(sorted[0] as usize, |b| edges[b] + 1);
        format!("{low} to {}", edges.get(bin).copied().unwrap_or(l))
    };
    Ok(SliceColumn { name: "length".to_owned(), of_row: lengths.iter().map(|&l| name(l)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(name: &str) -> Vec<serde_json::Value> {
        let path = format!("{}/../../tests/reference/metrics/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let fixture: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        fixture["cases"].as_array().unwrap().clone()
    }

    #[test]
    fn one_sided_tests_equal_scipy() {
        for case in cases("fisher") {
            let part = |key: &str| Part {
                rows: case[key][1].as_f64().unwrap(),
                sum: case[key][0].as_f64().unwrap(),
                squares: 0.0,
            };
            let (found, expected) =
                (fisher(part("inside"), part("outside")), case["p_value"].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-10, "{}: {found} {expected}", case["name"]);
        }
        for case in cases("welch") {
            let part = |key: &str| {
                let numbers = case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
                numbers.fold(Part::default(), Part::with)
            };
            let (found, expected) = (welch(part("a"), part("b")), case["p_value"].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-10, "{}: {found} {expected}", case["name"]);
        }
    }

    #[test]
    fn a_planted_slice_is_found_and_chance_is_not() {
        let n = 2000;
        let column = |name: &str, f: fn(usize) -> usize| SliceColumn {
            name: name.to_owned(),
            of_row: (0..n).map(|i| format!("v{}", f(i))).collect(),
        };
        let columns =
            [column("source", |i| i % 7), column("topic", |i| i / 7 % 5), column("hash", |i| i * 37 % 11)];
        let loss: Vec<f64> = (0..n)
            .map(|i| f64::from(u8::from(i * 7919 % 100 < if i % 7 == 3 && i / 7 % 5 == 2 { 60 } else { 10 })))
            .collect();
        let report = worst_slices(&loss, &columns, &SliceSearch::default()).unwrap();
        let first = &report.slices[0];
        assert_eq!(first.conditions, [("source".into(), "v3".into()), ("topic".into(), "v2".into())]);
        assert!(
            first.significant && first.to_string().starts_with("source = v3, topic = v2: loss 0."),
            "{first}"
        );
        assert!(report.worse().all(|s| s.conditions.iter().any(|c| c.1 == "v3" || c.1 == "v2")));
        let singles = SliceSearch { pairs: false, ..SliceSearch::default() };
        assert_eq!(worst_slices(&loss, &columns, &singles).unwrap().slices.len(), 7 + 5 + 11);
    }

    #[test]
    fn lengths_are_binned_by_mass() {
        let bins = length_bins(&[1, 2, 3, 4, 5, 6, 7, 100], 2).unwrap();
        assert_eq!((bins.of_row[0].as_str(), bins.of_row[7].as_str()), ("1 to 4", "5 to 100"));
        assert_eq!(length_bins(&[5; 4], 3).unwrap().of_row, ["5 to 5"; 4]);
        assert!(length_bins(&[], 3).is_err() && length_bins(&[1], 0).is_err());
    }

    #[test]
    fn bad_input_says_which() {
        let column = SliceColumn { name: "a".into(), of_row: vec!["x".into()] };
        let message = |loss: &[f64], columns: &[SliceColumn], s: &SliceSearch| {
            worst_slices(loss, columns, s).unwrap_err().to_string()
        };
        let s = SliceSearch::default();
        assert!(message(&[], &[], &s).contains("no rows"));
        assert!(message(&[0.0], &[], &s).contains("no columns"));
        assert!(
            message(&[0.0, 1.0], std::slice::from_ref(&column), &s).contains("column `a`: expected 2, got 1")
        );
        assert!(message(&[f64::NAN], std::slice::from_ref(&column), &s).contains("loss holds NaN"));
        assert!(message(&[0.0], &[column], &SliceSearch { min_rows: 0, ..s }).contains("`min_rows`"));
    }
}
