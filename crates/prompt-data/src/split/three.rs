//! Rows to learn from, rows to choose by, rows to measure on.

use prompt_core::{Error, Legal, Params, Result, Seed, params};

use super::{HoldOut, Parts};

params! {
    /// Holds out test rows, then validation rows from what is left, both as [`HoldOut`] does.
    ///
    /// ```
    /// use prompt_core::Seed;
    /// use prompt_data::split::ThreeWay;
    /// let parts = ThreeWay::default().split(100, None, None, Seed::new(1)).unwrap();
    /// assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (70, 10, 20));
    /// ```
    pub struct ThreeWay named "three_way" checked by ThreeWay::agree {
        /// Share of all rows to measure on.
        test_share: f64 = 0.2, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
        /// Share of all rows to choose by; 0 for none.
        validation_share: f64 = 0.1, Legal::Real { low: 0.0, high: 1.0, low_open: false, high_open: true };
    }
}

impl ThreeWay {
    fn agree(&self) -> Result<()> {
        let left = 1.0 - self.test_share;
        if self.validation_share < left {
            return Ok(());
        }
        let legal = format!("a number below {left}, so that rows to learn from are left");
        Err(Error::param("three_way", "validation_share", legal, self.validation_share))
    }

    /// Splits rows `0..rows`; `strata` and `groups` as for [`HoldOut::split`]. All parts rise.
    ///
    /// # Errors
    /// As [`HoldOut::split`].
    pub fn split(
        &self,
        rows: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Parts> {
        self.validate()?;
        let first = HoldOut { test_share: self.test_share }.split(rows, strata, groups, seed)?;
        if self.validation_share == 0.0 {
            return Ok(Parts { train: first.train, validation: Vec::new(), test: first.test });
        }
        let of =
            |codes: Option<&[u32]>| codes.map(|c| first.train.iter().map(|&i| c[i]).collect::<Vec<u32>>());
        let (strata, groups) = (of(strata), of(groups));
        let share = self.validation_share / (1.0 - self.test_share);
        let second = HoldOut { test_share: share }.split(
            first.train.len(),
            strata.as_deref(),
            groups.as_deref(),
            seed.derive("validation", 0),
        )?;
        let back = |rows: Vec<usize>| rows.into_iter().map(|i| first.train[i]).collect();
        Ok(Parts { train: back(second.train), validation: back(second.test), test: first.test })
    }
}
