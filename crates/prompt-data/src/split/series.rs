//! Rows in time: what is learned from always lies before what is held out.

use prompt_core::{Error, Legal, Params, Result, params};

use super::{Fold, Parts};

params! {
    /// Folds whose test rows follow their training rows in time, as scikit-learn's `TimeSeriesSplit`: the window of
    /// training rows grows from fold to fold, or has `max_train` rows at most.
    ///
    /// Rows may come in any order: they are put in the order of their times first. Rows of one time are never on both
    /// sides; where that would happen, they are held out.
    ///
    /// ```
    /// use prompt_data::split::TimeSeries;
    /// let times: Vec<f64> = (0..12).map(f64::from).collect();
    /// let folds = TimeSeries::default().folds(3).test_rows(Some(2)).gap(2).split(&times).unwrap();
    /// assert_eq!(folds[0].train, [0, 1, 2, 3]);
    /// assert_eq!(folds[0].test, [6, 7]);
    /// assert_eq!(folds[2].train, [0, 1, 2, 3, 4, 5, 6, 7]);
    /// assert_eq!(folds[2].test, [10, 11]);
    /// ```
    pub struct TimeSeries named "time_series" {
        /// Number of folds.
        folds: usize = 5, Legal::at_least(2);
        /// Rows between training and test rows that are in neither.
        gap: usize = 0, Legal::at_least(0);
        /// Test rows of each fold; none for rows / (folds + 1).
        test_rows: Option<usize> = None, Legal::at_least(1).or_none();
        /// Most training rows, the latest; none for all.
        max_train: Option<usize> = None, Legal::at_least(1).or_none();
    }
}

/// The rows in the order of their times.
fn in_order(times: &[f64]) -> Result<Vec<usize>> {
    if let Some(row) = times.iter().position(|t| t.is_nan()) {
        return Err(Error::input(
            format!("row {row} has no time, so that its place in the series is unknown"),
            "give every row a time, or leave the row out",
        ));
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
    Ok(order)
}

fn rising(rows: &[usize]) -> Vec<usize> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows
}

impl TimeSeries {
    /// Splits rows by their times.
    ///
    /// # Errors
    /// A row without a time; fewer rows than folds, test rows and gap need.
    pub fn split(&self, times: &[f64]) -> Result<Vec<Fold>> {
        self.validate()?;
        let order = in_order(times)?;
        let (n, k) = (order.len(), self.folds);
        let size = self.test_rows.unwrap_or(n / (k + 1)).max(1);
        let Some(first) = size.checked_mul(k).and_then(|held| n.checked_sub(held)).filter(|f| *f > self.gap)
        else {
            return Err(Error::input(
                format!("{n} rows are too few for {k} folds of {size} test rows with a gap of {}", self.gap),
                "take fewer folds, a smaller gap, or give more data",
            ));
        };
        let fold = |i: usize| {
            let start = first + i * size;
            let test = &order[start..start + size];
            let mut end = start - self.gap;
            // Rows of the time at which the test begins are not of the past.
            while end > 0 && times[order[end - 1]] >= times[order[start]] {
                end -= 1;
            }
            let from = self.max_train.map_or(0, |most| end.saturating_sub(most));
            if end == 0 {
                return Err(Error::input(
                    format!("fold {} has no row before its test rows: they are of one time", i + 1),
                    "take fewer folds, or a finer time",
                ));
            }
            Ok(Fold { train: rising(&order[from..end]), test: rising(test) })
        };
        (0..k).map(fold).collect()
    }

    /// The earliest rows to learn from, later ones to choose by, the last ones to measure on. Rows of one time stay
    /// together, so that the shares are met as well as the times allow.
    ///
    /// # Errors
    /// A row without a time, shares that leave nothing to learn from.
    pub fn parts(times: &[f64], validation_share: f64, test_share: f64) -> Result<Parts> {
        let order = in_order(times)?;
        let n = order.len();
        let cut = |share: f64| {
            let mut at = n - ((share * n as f64 - 1e-9).ceil() as usize).min(n);
            // Back to the first row of its time.
            while at > 0 && at < n && times[order[at - 1]] == times[order[at]] {
                at -= 1;
            }
            at
        };
        let (test, validation) = (cut(test_share), cut(test_share + validation_share));
        if validation == 0 {
            return Err(Error::input(
                format!("no row of {n} lies before the held-out ones"),
                "hold out smaller shares, or give a finer time",
            ));
        }
        Ok(Parts {
            train: rising(&order[..validation]),
            validation: rising(&order[validation..test]),
            test: rising(&order[test..]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_out_of_order_are_put_in_order_and_the_past_stays_the_past() {
        let times: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 60)).collect();
        for params in [TimeSeries::default(), TimeSeries::default().gap(3).max_train(Some(7)).folds(4)] {
            let folds = params.split(&times).unwrap();
            assert_eq!(folds.len(), params.folds);
            for fold in &folds {
                let last = fold.train.iter().map(|&i| times[i]).fold(f64::MIN, f64::max);
                let first = fold.test.iter().map(|&i| times[i]).fold(f64::MAX, f64::min);
                assert!(last + params.gap as f64 + 1.0 == first, "{last} {first}");
                assert!(fold.train.len() <= params.max_train.unwrap_or(60));
            }
        }
        let parts = TimeSeries::parts(&times, 0.1, 0.2).unwrap();
        assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (42, 6, 12));
        assert!(parts.test.iter().all(|&i| times[i] >= 48.0));
    }

    #[test]
    fn rows_of_one_time_are_never_on_both_sides() {
        let times = [1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0];
        for fold in TimeSeries::default().folds(2).test_rows(Some(3)).split(&times).unwrap() {
            let last = fold.train.iter().map(|&i| times[i]).fold(f64::MIN, f64::max);
            assert!(fold.test.iter().all(|&i| times[i] > last), "{fold:?}");
        }
        let parts = TimeSeries::parts(&times, 0.2, 0.2).unwrap();
        assert_eq!((parts.validation, parts.test), (vec![5, 6, 7], vec![8, 9]));
    }

    #[test]
    fn what_cannot_be_split_says_why() {
        let error = TimeSeries::default().split(&[1.0, f64::NAN]).unwrap_err().to_string();
        assert!(error.contains("row 1 has no time"), "{error}");
        let error = TimeSeries::default().split(&[1.0, 2.0, 3.0]).unwrap_err().to_string();
        assert!(error.contains("3 rows are too few"), "{error}");
        let error = TimeSeries::default().folds(2).split(&[5.0; 9]).unwrap_err().to_string();
        assert!(error.contains("of one time"), "{error}");
        assert!(TimeSeries::parts(&[5.0; 9], 0.1, 0.2).is_err());
    }
}
