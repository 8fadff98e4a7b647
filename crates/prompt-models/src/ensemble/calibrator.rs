//! What a model's probabilities come to.

use prompt_core::{Dense, Error, Result, softmax};
use serde::{Deserialize, Serialize};

use crate::calibrate::{Isotonic, Margins, fit_platt, fit_temperature};
use crate::linear::sigmoid;

/// Probabilities nearer to 0 or 1 than this are as good as there: ln of it is the largest margin.
const EDGE: f64 = 1e-12;

/// From a model's probabilities to calibrated ones.
///
/// | kind | formula |
/// |---|---|
/// | temperature | softmax(s · ln p): the order of the classes stays as it was |
/// | lines | σ(a_c · logit p_c + b_c) for each class, then divided by their sum (Platt) |
/// | isotonic | a rising step function of p_c for each class, then divided by their sum |
///
/// With two classes there is one line or function, that of the second class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibrator {
    /// The inverse temperature s.
    Temperature(f64),
    /// (a, b) of each class.
    Lines(Vec<(f64, f64)>),
    /// The rising function of each class.
    Isotonic(Vec<Isotonic>),
}

fn logit(p: f64) -> f64 {
    let p = p.clamp(EDGE, 1.0 - EDGE);
    (p / (1.0 - p)).ln()
}

impl Calibrator {
    /// Fits `method` (`sigmoid` or `platt`, `isotonic`, `temperature`) on probabilities of rows that the model did not learn from.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a code and a weight for every row; [`Error::Unknown`] for another method.
    pub fn fit(method: &str, p: &Dense, codes: &[u32], weights: Option<&[f64]>) -> Result<Self> {
        if p.rows() != codes.len() || weights.is_some_and(|w| w.len() != codes.len()) {
            return Err(Error::shape("classes for the rows to calibrate on", p.rows(), codes.len()));
        }
        let k = p.cols();
        match method {
            "temperature" => {
                let z: Vec<f64> = p.data().iter().map(|p| p.max(EDGE).ln()).collect();
                Ok(Self::Temperature(fit_temperature(&Margins { z: &z, k, codes, weights })))
            }
            "sigmoid" | "platt" => {
                let columns = if k == 2 { 1 } else { k };
                let z: Vec<f64> =
                    (0..p.rows()).flat_map(|i| p.row(i)[k - columns..].iter().map(|p| logit(*p))).collect();
                Ok(Self::Lines(fit_platt(&Margins { z: &z, k: columns, codes, weights })))
            }
            "isotonic" => {
                let columns = if k == 2 { 1..2 } else { 0..k };
                let functions = columns.map(|c| {
                    let point = |(i, &code): (usize, &u32)| {
                        let hit = f64::from(u8::from(code as usize == c));
                        (p.row(i)[c], hit, weights.map_or(1.0, |w| w[i]))
                    };
                    let points: Vec<(f64, f64, f64)> = codes.iter().enumerate().map(point).collect();
                    Isotonic::fit(&points)
                });
                Ok(Self::Isotonic(functions.collect::<Result<_>>()?))
            }
            other => {
                Err(Error::unknown("calibration", other, ["sigmoid", "platt", "isotonic", "temperature"]))
            }
        }
    }

    /// Calibrates one row of probabilities in place.
    pub fn apply(&self, p: &mut [f64]) {
        match self {
            Self::Temperature(s) => {
                p.iter_mut().for_each(|v| *v = s * v.max(EDGE).ln());
                softmax(p);
            }
            Self::Lines(lines) => match lines.as_slice() {
                [(a, b)] if p.len() == 2 => {
                    let second = sigmoid(a * logit(p[1]) + b);
                    p.copy_from_slice(&[1.0 - second, second]);
                }
                lines => {
                    p.iter_mut().zip(lines).for_each(|(v, (a, b))| *v = sigmoid(a * logit(*v) + b));
                    shares(p);
                }
            },
            Self::Isotonic(functions) => match functions.as_slice() {
                [function] if p.len() == 2 => {
                    let second = function.value(p[1]).clamp(0.0, 1.0);
                    p.copy_from_slice(&[1.0 - second, second]);
                }
                functions => {
                    p.iter_mut().zip(functions).for_each(|(v, f)| *v = f.value(*v).clamp(0.0, 1.0));
                    shares(p);
                }
            },
        }
    }

    /// Whether it is for so many classes.
    pub(super) fn fits(&self, classes: usize) -> bool {
        let columns = if classes == 2 { 1 } else { classes };
        match self {
            Self::Temperature(s) => s.is_finite() && *s > 0.0,
            Self::Lines(lines) => {
                lines.len() == columns && lines.iter().all(|(a, b)| a.is_finite() && b.is_finite())
            }
            Self::Isotonic(functions) => {
                functions.len() == columns
                    && functions.iter().all(|f| {
                        let points = f.points();
                        !points.is_empty() && points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1)
                    })
            }
        }
    }
}

/// Each number's share of their sum; even shares where the sum is zero.
fn shares(p: &mut [f64]) {
    let sum: f64 = p.iter().sum();
    let even = 1.0 / p.len() as f64;
    p.iter_mut().for_each(|v| *v = if sum > 0.0 { *v / sum } else { even });
}
