//! Sets of classes from probabilities.

use prompt_core::{Classes, Dense, Error, Result};
use serde::{Deserialize, Serialize};

use super::conformal_quantile;

/// Which classes cannot be ruled out, learned on probabilities of rows that the model did not learn from.
///
/// A class c is in a row's set when its score is at most the quantile of the calibration rows' scores of their true
/// class (with `per_class`, of the rows of class c):
///
/// | score | formula |
/// |---|---|
/// | `lac` | 1 − p_c: the smallest sets on average (Sadinle, Lei and Wasserman, 2019) |
/// | `aps` | p_c + Σ{p_j : p_j > p_c}: sets that grow with the row's difficulty (Romano, Sesia and Candès, 2020, without randomising) |
///
/// ```
/// use prompt_core::{Classes, Dense};
/// use prompt_models::conformal::PredictionSets;
/// let classes = Classes::sorted(["benign", "malicious"]);
/// let p = Dense::from_rows(&[[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]]);
/// let sets = PredictionSets::calibrate(&classes, &p, &[0, 0, 0, 1, 1], None, 0.2, "lac", false)?;
/// assert_eq!(sets.of(&[0.95, 0.05]), [0]);
/// assert_eq!(sets.of(&[0.62, 0.38]), [0]);
/// assert!(sets.of(&[0.55, 0.45]).is_empty()); // stranger than any calibration row
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionSets {
    alpha: f64,
    aps: bool,
    /// The quantile of each class; absent where there were too few rows, so that the class is in every set.
    quantiles: Vec<Option<f64>>,
}

/// What sets came to on labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Share of rows whose set holds the truth.
    pub coverage: f64,
    /// The same for the rows of each class; absent for a class without rows.
    pub per_class: Vec<Option<f64>>,
    /// Mean number of classes in a set.
    pub mean_size: f64,
    /// Share of rows whose set is one class.
    pub single: f64,
    /// Share of rows whose set is empty.
    pub empty: f64,
}

impl PredictionSets {
    /// Learns from probabilities and true classes, with row weights where rows count differently.
    ///
    /// # Errors
    /// [`Error::Param`] unless 0 < α < 1; [`Error::Shape`] when lengths differ; [`Error::Input`] without rows or for a class
    /// beyond the last.
    pub fn calibrate(
        classes: &Classes,
        p: &Dense,
        truth: &[u32],
        weights: Option<&[f64]>,
        alpha: f64,
        score: &str,
        per_class: bool,
    ) -> Result<Self> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(Error::param("prediction sets", "alpha", "a number in (0, 1)", alpha));
        }
        let aps = match score {
            "lac" => false,
            "aps" => true,
            other => return Err(Error::unknown("conformal score", other, ["lac", "aps"])),
        };
        if p.rows() != truth.len() || weights.is_some_and(|w| w.len() != truth.len()) {
            return Err(Error::shape("classes for the calibration rows", p.rows(), truth.len()));
        }
        if p.cols() != classes.len() {
            return Err(Error::shape("columns of probabilities", classes.len(), p.cols()));
        }
        if truth.is_empty() || truth.iter().any(|c| *c as usize >= classes.len()) {
            return Err(Error::input(
                "no calibration rows, or a class beyond the last",
                "give labelled rows that the model did not learn from",
            ));
        }
        let scored = |row: usize| {
            let class = truth[row] as usize;
            (nonconformity(p.row(row), class, aps), weights.map_or(1.0, |w| w[row]))
        };
        let quantile = |rows: &mut dyn Iterator<Item = usize>| {
            let scores: Vec<(f64, f64)> = rows.map(scored).collect();
            Some(conformal_quantile(&scores, alpha)).filter(|q| q.is_finite())
        };
        let quantiles = if per_class {
            (0..classes.len())
                .map(|c| quantile(&mut (0..truth.len()).filter(|&i| truth[i] as usize == c)))
                .collect()
        } else {
            vec![quantile(&mut (0..truth.len())); classes.len()]
        };
        Ok(Self { alpha, aps, quantiles })
    }

    /// The share of rows whose set may miss the truth.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Classes for which there were too few rows (fewer than ⌈1/α⌉ − 1): they are in every set.
    pub fn too_few(&self) -> impl Iterator<Item = u32> {
        self.quantiles.iter().enumerate().filter(|(_, q)| q.is_none()).map(|(c, _)| c as u32)
    }

    /// The classes that cannot be ruled out for a row with these probabilities, rising.
    pub fn of(&self, p: &[f64]) -> Vec<u32> {
        (0..p.len()).filter(|&c| self.holds(p, c)).map(|c| c as u32).collect()
    }

    /// Whether a class is in the set of a row.
    pub fn holds(&self, p: &[f64], class: usize) -> bool {
        match self.quantiles.get(class) {
            Some(Some(quantile)) => nonconformity(p, class, self.aps) <= *quantile,
            _ => true,
        }
    }

    /// The one class of a row's set; `None` when there are several or none.
    pub fn single(&self, p: &[f64]) -> Option<u32> {
        let mut held = (0..p.len()).filter(|&c| self.holds(p, c));
        let first = held.next()?;
        held.next().is_none().then_some(first as u32)
    }

    /// What the sets come to on labelled rows.
    ///
    /// # Errors
    /// [`Error::Shape`] when lengths differ or there are no rows.
    pub fn coverage(&self, p: &Dense, truth: &[u32]) -> Result<Coverage> {
        if p.rows() != truth.len() || truth.is_empty() {
            return Err(Error::shape("classes for the rows", p.rows().max(1), truth.len()));
        }
        let (mut rows, mut hits) = (vec![0_u32; p.cols()], vec![0_u32; p.cols()]);
        let (mut size, mut single, mut empty) = (0_usize, 0_usize, 0_usize);
        for (i, &class) in truth.iter().enumerate() {
            let held = self.of(p.row(i));
            size += held.len();
            single += usize::from(held.len() == 1);
            empty += usize::from(held.is_empty());
            if let Some(n) = rows.get_mut(class as usize) {
                *n += 1;
                hits[class as usize] += u32::from(held.contains(&class));
            }
        }
        let n = truth.len() as f64;
        let share = |(n, hits): (&u32, &u32)| (*n > 0).then(|| f64::from(*hits) / f64::from(*n));
        Ok(Coverage {
            coverage: f64::from(hits.iter().sum::<u32>()) / n,
            per_class: rows.iter().zip(&hits).map(share).collect(),
            mean_size: size as f64 / n,
            single: single as f64 / n,
            empty: empty as f64 / n,
        })
    }

    /// Whether it is for so many classes.
    pub(super) fn fits(&self, classes: usize) -> bool {
        self.quantiles.len() == classes && self.alpha > 0.0 && self.alpha < 1.0
    }
}

/// How strange a class is for a row.
fn nonconformity(p: &[f64], class: usize, aps: bool) -> f64 {
    let own = p[class];
    if aps { own + p.iter().filter(|v| **v > own).sum::<f64>() } else { 1.0 - own }
}
