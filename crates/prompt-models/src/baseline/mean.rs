//! One number for every row: what a regression must beat.

use prompt_core::artifact::{Artifact, Catalog, Node, Persist};
use prompt_core::{
    Error, FitContext, Learner, Legal, Matrix, Model, Output, Result, RowView, Scratch, Tags, Target, params,
};
use serde::{Deserialize, Serialize};

use crate::linear::one_value;

params! {
    /// Always the mean of the targets, or their median, as scikit-learn's `DummyRegressor`.
    ///
    /// ```
    /// use prompt_core::{Dense, Fit, FitContext, Matrix, Predict, Target};
    /// use prompt_models::baseline::Mean;
    ///
    /// let x = Matrix::from(Dense::from_rows(&[[0.0], [1.0], [2.0]]));
    /// let y = Target::regression(vec![1.0, 2.0, 9.0]).unwrap();
    /// let mean = Mean::default().fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(mean.predict(&x).unwrap().values().unwrap(), [4.0; 3]);
    /// let median = Mean::default().strategy("median".into()).fit(&x, &y, &FitContext::new(0)).unwrap();
    /// assert_eq!(median.predict(&x).unwrap().values().unwrap(), [2.0; 3]);
    /// ```
    pub struct Mean named "mean" {
        /// `mean`, or `median`: the middle number by weight, the mean of the middle two where they weigh alike.
        strategy: String = "mean".to_owned(), Legal::OneOf(&["mean", "median"]);
    }
}

/// The artifact kind.
pub(crate) const KIND: &str = "constant";

impl Learner for Mean {
    type Fitted = Constant;

    const TAGS: Tags =
        Tags { missing: true, min_rows: 1, categorical: true, scale_free: true, ..Tags::REGRESSOR };

    fn learn(&self, x: &Matrix, y: &Target, _: &FitContext) -> Result<Constant> {
        let values = y.as_regression()?;
        let weight = |row: usize| y.weights().map_or(1.0, |w| w[row]);
        let total: f64 = (0..values.len()).map(weight).sum();
        let value = if self.strategy == "median" {
            let mut rows: Vec<(f64, f64)> =
                values.iter().enumerate().map(|(i, v)| (*v, weight(i))).filter(|r| r.1 > 0.0).collect();
            rows.sort_by(|a, b| a.0.total_cmp(&b.0));
            middle(&rows, total)
        } else {
            values.iter().enumerate().map(|(i, v)| weight(i) / total * v).sum()
        };
        Ok(Constant { output: one_value(), features: x.cols(), value })
    }
}

/// The value below and above which half of the weight lies.
fn middle(rows: &[(f64, f64)], total: f64) -> f64 {
    let mut below = 0.0;
    for (at, (value, weight)) in rows.iter().enumerate() {
        below += weight;
        let reached = below - 0.5 * total;
        if reached.abs() <= 1e-12 * total {
            let next = rows.get(at + 1).map_or(*value, |r| r.0);
            return 0.5 * value + 0.5 * next;
        }
        if reached > 0.0 {
            return *value;
        }
    }
    rows.last().map_or(0.0, |r| r.0)
}

/// A fitted [`Mean`].
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    output: Output,
    features: usize,
    value: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    features: usize,
}

impl Model for Constant {
    fn output(&self) -> &Output {
        &self.output
    }

    fn n_features(&self) -> usize {
        self.features
    }

    fn score_row(&self, _: RowView<'_>, _: &mut Scratch, out: &mut [f64]) {
        out.fill(self.value);
    }
}

impl Persist for Constant {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn encode(&self) -> Result<Node> {
        Ok(Node::new(KIND, 1).meta(&Facts { features: self.features })?.f64s("value", vec![self.value]))
    }
}

impl Artifact for Constant {
    fn decode(node: &Node, _: &Catalog) -> Result<Self> {
        node.expect(KIND, 1)?;
        let facts: Facts = node.get_meta()?;
        let value = node.get_f64s("value", Some(1))?[0];
        if value.is_infinite() {
            return Err(Error::artifact(
                KIND,
                "the value is infinite",
                "the file is damaged; save the model again",
            ));
        }
        Ok(Self { output: one_value(), features: facts.features, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_goes_by_weight() {
        let of = |rows: &[(f64, f64)]| middle(rows, rows.iter().map(|r| r.1).sum());
        assert_eq!(of(&[(1.0, 1.0), (2.0, 1.0), (5.0, 1.0), (9.0, 1.0)]), 3.5);
        assert_eq!(of(&[(1.0, 5.0), (2.0, 1.0), (5.0, 1.0)]), 1.0);
        assert_eq!(of(&[(1.0, 0.5), (2.0, 0.25), (5.0, 1.0)]), 5.0);
    }
}
