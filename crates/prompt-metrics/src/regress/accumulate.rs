//! Errors and correlation of predictions that come in pieces.

use prompt_core::{Accumulate, Error, Moments, Result};

use super::error::explained;
use crate::check;

/// What a regression's errors and linear correlation are made of, observed row by row: memory for a handful of numbers,
/// however many rows. A row is (truth, prediction, weight).
///
/// The results are those of the functions of this module up to rounding. Medians, quantile losses and ranks need all rows
/// and have no such form.
///
/// ```
/// use prompt_core::Accumulate;
/// use prompt_metrics::regress::RegressionSums;
/// let (mut first, mut second) = (RegressionSums::default(), RegressionSums::default());
/// first.observe(&(3.0, 2.5, 1.0))?;
/// first.observe(&(-0.5, 0.0, 1.0))?;
/// second.observe(&(2.0, 2.0, 1.0))?;
/// second.observe(&(7.0, 8.0, 1.0))?;
/// first.merge(second)?;
/// let all = first.finish()?;
/// assert_eq!((all.mae(), all.mse()), (0.5, 0.375));
/// assert!((all.r2()? - 0.9486081370449679).abs() < 1e-12);
/// # Ok::<(), prompt_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RegressionSums {
    rows: u64,
    truth: Moments,
    predicted: Moments,
    /// Of truth − prediction.
    error: Moments,
    /// Σ w·(y − ȳ)(ŷ − mean ŷ).
    product: f64,
    /// Σ w·|y − ŷ| and Σ w·(y − ŷ)².
    absolute: f64,
    squared: f64,
}

impl RegressionSums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        let (a, b) = (self.truth.mass(), other.truth.mass());
        if b <= 0.0 {
            return;
        }
        let apart = |a: &Moments, b: &Moments| b.mean() - a.mean();
        let distances = apart(&self.truth, &other.truth) * apart(&self.predicted, &other.predicted);
        self.product += other.product + distances * a * b / (a + b);
        self.truth.add(other.truth);
        self.predicted.add(other.predicted);
        self.error.add(other.error);
        self.absolute += other.absolute;
        self.squared += other.squared;
    }
}

impl Accumulate<(f64, f64, f64)> for RegressionSums {
    type Output = RegressionErrors;

    fn observe(&mut self, &(truth, predicted, weight): &(f64, f64, f64)) -> Result<()> {
        check::finite_at("y_true", truth, self.rows)?;
        check::finite_at("y_pred", predicted, self.rows)?;
        check::weight_at(weight, self.rows)?;
        let error = truth - predicted;
        self.add(&Self {
            rows: 1,
            truth: Moments::of(truth, weight),
            predicted: Moments::of(predicted, weight),
            error: Moments::of(error, weight),
            product: 0.0,
            absolute: weight * error.abs(),
            squared: weight * error * error,
        });
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.add(&other);
        Ok(())
    }

    fn finish(self) -> Result<RegressionErrors> {
        check::not_empty(usize::try_from(self.rows).unwrap_or(usize::MAX))?;
        if self.truth.mass() <= 0.0 {
            return Err(check::no_weight());
        }
        Ok(RegressionErrors(self))
    }
}

/// What [`RegressionSums`] came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegressionErrors(RegressionSums);

impl RegressionErrors {
    /// Number of rows, those of weight 0 among them.
    pub fn rows(&self) -> u64 {
        self.0.rows
    }

    /// As [`mae`](super::mae()).
    pub fn mae(&self) -> f64 {
        self.0.absolute / self.0.truth.mass()
    }

    /// As [`mse`](super::mse()).
    pub fn mse(&self) -> f64 {
        self.0.squared / self.0.truth.mass()
    }

    /// As [`rmse`](super::rmse()).
    pub fn rmse(&self) -> f64 {
        self.mse().sqrt()
    }

    /// As [`r2`](super::r2()).
    ///
    /// # Errors
    /// Fewer than two rows.
    pub fn r2(&self) -> Result<f64> {
        self.at_least_two("R²")?;
        Ok(explained(self.mse(), self.0.truth.variance()))
    }

    /// As [`explained_variance`](super::explained_variance()).
    pub fn explained_variance(&self) -> f64 {
        explained(self.0.error.variance(), self.0.truth.variance())
    }

    /// As [`pearson`](super::pearson()), which knows no weights; here they count.
    ///
    /// # Errors
    /// Fewer than two rows, a side that is constant.
    pub fn pearson(&self) -> Result<f64> {
        self.at_least_two("Pearson's correlation")?;
        for (what, side) in [("y_true", &self.0.truth), ("y_pred", &self.0.predicted)] {
            if side.variance() <= 0.0 {
                return Err(Error::input(
                    format!("Pearson's correlation is undefined: {what} is constant"),
                    "evaluate on rows that differ",
                ));
            }
        }
        let spread = self.0.truth.variance().sqrt() * self.0.predicted.variance().sqrt();
        Ok((self.0.product / self.0.truth.mass() / spread).clamp(-1.0, 1.0))
    }

    fn at_least_two(&self, metric: &str) -> Result<()> {
        if self.0.rows >= 2 {
            return Ok(());
        }
        Err(Error::input(format!("{metric} of one row is undefined"), "give at least two rows"))
    }
}

#[cfg(test)]
mod tests {
    use prompt_core::checks::accumulate::accumulator_check;

    use super::*;
    use crate::regress::{explained_variance, mae, mse, pearson, r2};

    fn rows() -> Vec<(f64, f64, f64)> {
        (0..60_u32)
            .map(|i| {
                let truth = 1000.0 + f64::from(i * 37 % 101) / 7.0;
                (truth, truth + f64::from(i * 13 % 11) / 3.0 - 1.0, f64::from(i % 3) / 2.0)
            })
            .collect()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-11
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let same = |a: &RegressionErrors, b: &RegressionErrors| {
            near(a.mae(), b.mae())
                && near(a.mse(), b.mse())
                && near(a.explained_variance(), b.explained_variance())
                && near(a.r2().unwrap(), b.r2().unwrap())
                && near(a.pearson().unwrap(), b.pearson().unwrap())
                && a.rows() == b.rows()
        };
        assert_eq!(accumulator_check(RegressionSums::default, &rows(), same), Ok(()));
    }

    #[test]
    fn sums_tell_what_all_rows_tell() {
        let of = |rows: &[(f64, f64, f64)]| {
            let mut sums = RegressionSums::default();
            rows.iter().for_each(|row| sums.observe(row).unwrap());
            sums.finish().unwrap()
        };
        let (y, p, w) = rows().into_iter().fold((vec![], vec![], vec![]), |(mut y, mut p, mut w), row| {
            y.push(row.0);
            p.push(row.1);
            w.push(row.2);
            (y, p, w)
        });
        let sums = of(&rows());
        assert!(near(sums.mae(), mae(&y, &p, Some(&w)).unwrap()));
        assert!(near(sums.mse(), mse(&y, &p, Some(&w)).unwrap()));
        assert!(near(sums.r2().unwrap(), r2(&y, &p, Some(&w)).unwrap()));
        assert!(near(sums.explained_variance(), explained_variance(&y, &p, Some(&w)).unwrap()));
        let even: Vec<_> = rows().into_iter().map(|(y, p, _)| (y, p, 1.0)).collect();
        assert!(near(of(&even).pearson().unwrap(), pearson(&y, &p).unwrap()));
    }

    #[test]
    fn bad_rows_are_named_and_left_out() {
        let mut sums = RegressionSums::default();
        sums.observe(&(1.0, 1.0, 1.0)).unwrap();
        let before = sums;
        let refused = |mut sums: RegressionSums, row| {
            let error = sums.observe(&row).unwrap_err().to_string();
            assert_eq!(sums, before);
            error
        };
        assert!(refused(sums, (1.0, f64::NAN, 1.0)).contains("y_pred holds NaN at row 1"));
        assert!(refused(sums, (1.0, 1.0, -1.0)).contains("weight -1 at row 1"));
        let one = sums.finish().unwrap();
        assert!(one.r2().unwrap_err().to_string().contains("one row"));
        assert!(RegressionSums::default().finish().unwrap_err().to_string().contains("no rows"));
        let mut nothing = RegressionSums::default();
        nothing.observe(&(1.0, 1.0, 0.0)).unwrap();
        assert!(nothing.finish().unwrap_err().to_string().contains("weights are zero"));
        sums.observe(&(1.0, 2.0, 1.0)).unwrap();
        assert!(sums.finish().unwrap().pearson().unwrap_err().to_string().contains("y_true is constant"));
    }
}
