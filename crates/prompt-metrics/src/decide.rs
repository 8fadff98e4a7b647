//! Decisions from probabilities: what mistakes cost, when to abstain, and what abstaining buys.

use prompt_core::{Dense, Error, Result};
use serde::{Deserialize, Serialize};

use crate::check::{self, Weights};
use crate::stats::argmax;

/// What each decision costs, and perhaps what it costs to hand a row to a person instead.
///
/// ```
/// use prompt_metrics::{Dense, decide::Costs};
/// // Missing an attack (row 1, column 0) costs ten times a false alarm; asking a person costs half of one.
/// let costs = Costs::new(Dense::from_rows(&[[0.0, 1.0], [10.0, 0.0]]), Some(0.5))?;
/// let p = Dense::from_rows(&[[0.99, 0.01], [0.85, 0.15], [0.1, 0.9]]);
/// assert_eq!(costs.decide(&p)?, [Some(0), None, Some(1)]);
/// let found = costs.expected_cost(&[0, 1, 1], &p, None)?;
/// assert!((found.mean_cost - 0.5 / 3.0).abs() < 1e-12);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// True class × decided class.
    matrix: Dense,
    abstain: Option<f64>,
}

/// What decisions by least expected cost come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExpectedCost {
    /// The mean cost of a row, abstentions included.
    pub mean_cost: f64,
    /// The same with the most probable class decided always.
    pub mean_cost_of_first_choice: f64,
    /// The share of rows on which a class was decided.
    pub coverage: f64,
    /// The share of wrong classes among these; `None` where every row was abstained on.
    pub error_rate: Option<f64>,
}

impl Costs {
    /// `matrix` is true class × decided class; `abstain` the cost of not deciding, where that is allowed.
    ///
    /// # Errors
    /// Unless the matrix is square with two or more classes, and all costs are finite.
    pub fn new(matrix: Dense, abstain: Option<f64>) -> Result<Self> {
        if matrix.rows() != matrix.cols() || matrix.cols() < 2 {
            return Err(Error::input(
                format!("the cost matrix has {} rows and {} columns", matrix.rows(), matrix.cols()),
                "give one row and one column for each class, at least two",
            ));
        }
        check::finite("the cost matrix", matrix.data())?;
        check::finite("the cost of abstaining", abstain.as_slice())?;
        Ok(Self { matrix, abstain })
    }

    /// The decision with the least expected cost Σ_t p(t)·cost(t, d), the first of several; `None` where abstaining is
    /// cheaper still.
    ///
    /// # Errors
    /// Unless every row holds probabilities of as many classes as the matrix.
    pub fn decide(&self, proba: &Dense) -> Result<Vec<Option<u32>>> {
        check::probabilities(&vec![0; proba.rows()], proba)?;
        self.same_classes(proba)?;
        Ok((0..proba.rows()).map(|i| self.best(proba.row(i))).collect())
    }

    fn same_classes(&self, proba: &Dense) -> Result<()> {
        if proba.cols() == self.matrix.cols() {
            return Ok(());
        }
        Err(Error::shape("columns of probabilities", self.matrix.cols(), proba.cols()))
    }

    fn best(&self, p: &[f64]) -> Option<u32> {
        let expected = |d: usize| p.iter().enumerate().map(|(t, p)| p * self.matrix.row(t)[d]).sum::<f64>();
        let mut best = (0, expected(0));
        for d in 1..self.matrix.cols() {
            let cost = expected(d);
            if cost < best.1 {
                best = (d, cost);
            }
        }
        self.abstain.is_none_or(|a| best.1 <= a).then_some(best.0 as u32)
    }

    /// What these decisions cost on rows whose truth is known.
    ///
    /// # Errors
    /// No rows, lengths that differ, labels beyond the columns, rows that are not probabilities, bad weights.
    pub fn expected_cost(
        &self,
        y_true: &[u32],
        proba: &Dense,
        weights: Option<&[f64]>,
    ) -> Result<ExpectedCost> {
        check::probabilities(y_true, proba)?;
        self.same_classes(proba)?;
        let weights = Weights::new(weights, y_true.len())?;
        let (mut total, mut cost, mut first, mut decided, mut wrong) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, &truth) in y_true.iter().enumerate() {
            let (w, costs) = (weights.get(i), self.matrix.row(truth as usize));
            total += w;
            first += w * costs[argmax(proba.row(i))];
            match self.best(proba.row(i)) {
                Some(class) => {
                    cost += w * costs[class as usize];
                    decided += w;
                    wrong += if class == truth { 0.0 } else { w };
                }
                None => cost += w * self.abstain.unwrap_or(0.0),
            }
        }
        Ok(ExpectedCost {
            mean_cost: cost / total,
            mean_cost_of_first_choice: first / total,
            coverage: decided / total,
            error_rate: (decided > 0.0).then(|| wrong / decided),
        })
    }
}

/// A point of the risk–coverage curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskPoint {
    /// Rows with at least this confidence are decided.
    pub threshold: f64,
    /// The share of rows that are decided.
    pub coverage: f64,
    /// The mean loss of these.
    pub risk: f64,
}

/// The mean loss of the rows that are decided, for every threshold on the confidence, most confident first.
///
/// `loss` is any cost of a row, 1 for a wrong class and 0 for a right one as a rule. Rows of equal confidence are decided
/// together.
///
/// ```
/// use prompt_metrics::decide::{aurc, risk_coverage};
/// let (loss, confidence) = ([0.0, 1.0, 0.0, 0.0], [0.9, 0.5, 0.8, 0.7]);
/// let curve = risk_coverage(&loss, &confidence, None)?;
/// assert_eq!((curve[2].coverage, curve[2].risk), (0.75, 0.0));
/// assert_eq!(aurc(&loss, &confidence, None)?, 0.0625);
/// # Ok::<(), prompt_metrics::Error>(())
/// ```
///
/// # Errors
/// No rows, lengths that differ, numbers that are not finite, bad weights.
pub fn risk_coverage(loss: &[f64], confidence: &[f64], weights: Option<&[f64]>) -> Result<Vec<RiskPoint>> {
    check::not_empty(loss.len())?;
    check::same_length("confidence", loss.len(), confidence.len())?;
    check::finite("loss", loss)?;
    check::finite("confidence", confidence)?;
    let weights = Weights::new(weights, loss.len())?;
    let mut order: Vec<usize> = (0..loss.len()).filter(|&i| weights.get(i) > 0.0).collect();
    order.sort_by(|&a, &b| confidence[b].total_cmp(&confidence[a]));
    let total: f64 = order.iter().map(|&i| weights.get(i)).sum();
    let (mut decided, mut lost) = (0.0, 0.0);
    Ok(order
        .chunk_by(|&a, &b| confidence[a] == confidence[b])
        .map(|tied| {
            for &i in tied {
                decided += weights.get(i);
                lost += weights.get(i) * loss[i];
            }
            RiskPoint { threshold: confidence[tied[0]], coverage: decided / total, risk: lost / decided }
        })
        .collect())
}

/// The area under the risk–coverage curve: the mean of [`risk_coverage`]'s risk over coverage, each step taken at its
/// right end. Smaller is better; a ranking that knows nothing gives the mean loss.
///
/// Reference (without ties): the mean of `cumsum(loss) / arange(1, n + 1)` with rows sorted by confidence.
///
/// # Errors
/// As [`risk_coverage`].
pub fn aurc(loss: &[f64], confidence: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let mut before = 0.0;
    Ok(risk_coverage(loss, confidence, weights)?
        .iter()
        .map(|point| {
            let step = (point.coverage - before) * point.risk;
            before = point.coverage;
            step
        })
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_says_which() {
        let square = || Dense::from_rows(&[[0.0, 1.0], [1.0, 0.0]]);
        assert!(
            Costs::new(Dense::zeros(2, 3), None).unwrap_err().to_string().contains("2 rows and 3 columns")
        );
        assert!(
            Costs::new(square(), Some(f64::NAN)).unwrap_err().to_string().contains("abstaining holds NaN")
        );
        let costs = Costs::new(square(), None).unwrap();
        let three = Dense::from_rows(&[[0.2, 0.3, 0.5]]);
        assert!(costs.decide(&three).unwrap_err().to_string().contains("expected 2, got 3"));
        assert!(
            costs.expected_cost(&[], &Dense::zeros(0, 2), None).unwrap_err().to_string().contains("no rows")
        );
        assert!(
            risk_coverage(&[0.0], &[0.1, 0.2], None).unwrap_err().to_string().contains("expected 1, got 2")
        );
        assert!(aurc(&[0.0], &[f64::NAN], None).unwrap_err().to_string().contains("confidence holds NaN"));
        assert!(aurc(&[0.0], &[1.0], Some(&[0.0])).unwrap_err().to_string().contains("all sample weights"));
    }

    #[test]
    fn where_everything_is_left_to_people_there_is_no_error_rate() {
        let costs = Costs::new(Dense::from_rows(&[[0.0, 1.0], [1.0, 0.0]]), Some(0.1)).unwrap();
        let found = costs.expected_cost(&[0], &Dense::from_rows(&[[0.6, 0.4]]), None).unwrap();
        assert_eq!((found.coverage, found.error_rate, found.mean_cost), (0.0, None, 0.1));
    }
}
