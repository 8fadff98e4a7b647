//! One part to learn from, one held out.

use prompt_core::{Error, Legal, Params, Result, Seed, params};

use super::assign::{apportion, class_totals, units};
use super::{Fold, Parts, given, group_codes};
use crate::dataset::Dataset;

params! {
    /// Holds out a share of the rows.
    ///
    /// ```
    /// use prompt_core::Seed;
    /// use prompt_data::split::HoldOut;
    /// let classes = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
    /// let fold = HoldOut::default().test_share(0.5).split(10, Some(&classes), None, Seed::new(1)).unwrap();
    /// assert_eq!(fold.test.iter().filter(|&&row| classes[row] == 1).count(), 2);
    /// assert_eq!(fold.test.len(), 5);
    /// ```
    pub struct HoldOut named "hold_out" {
        /// Share of the rows to hold out; the number of rows is rounded up, as in scikit-learn.
        test_share: f64 = 0.2, Legal::Real { low: 0.0, high: 1.0, low_open: true, high_open: true };
    }
}

impl HoldOut {
    /// Splits rows `0..rows`.
    ///
    /// With `strata` (a class for every row) each class is held out in its share, within one row. With `groups` (a
    /// group for every row; for instance [`near-duplicates`](crate::dedup)) a group is never torn: whole groups are
    /// held out while they bring the held-out classes closer to their shares, so the share is met as well as the
    /// sizes of the groups allow.
    ///
    /// # Errors
    /// A share out of range; fewer than two rows or two groups; a stratified class with one row; `strata` or
    /// `groups` of another length.
    pub fn split(
        &self,
        rows: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Fold> {
        self.validate()?;
        let units = units(rows, strata, groups, seed.derive("hold_out", 0))?;
        let kind = if groups.is_some() { "groups" } else { "rows" };
        if units.len() < 2 {
            return Err(Error::input(
                format!("{} {kind} cannot be split into two parts", units.len()),
                "give more data",
            ));
        }
        let totals = class_totals(&units);
        if strata.is_some()
            && groups.is_none()
            && let Some(class) = totals.iter().position(|&n| n == 1)
        {
            return Err(Error::input(
                format!("class {class} has one row, which cannot be on both sides of a stratified split"),
                "add rows of that class, remove it, or do not stratify",
            ));
        }
        // Rounding up a share such as 0.1 · 10 must not be led astray by its binary neighbour.
        let wanted = (self.test_share * rows as f64 - 1e-9).ceil() as usize;
        let quota = apportion(wanted.clamp(1, rows - 1), &totals);
        let mut held = vec![0_usize; quota.len()];
        let mut marks = vec![false; rows];
        let (mut held_units, last) = (0, units.len() - 1);
        for (i, unit) in units.iter().enumerate() {
            // How far the held-out classes are from their quotas, without and with this unit.
            let distance = |with: usize| -> usize {
                (0..quota.len()).map(|c| quota[c].abs_diff(held[c] + with * unit.classes[c])).sum()
            };
            let must = i == last && held_units == 0;
            let may = held_units < last;
            if must || (may && distance(1) < distance(0)) {
                held_units += 1;
                for (held, count) in held.iter_mut().zip(&unit.classes) {
                    *held += count;
                }
                for &row in &unit.rows {
                    marks[row] = true;
                }
            }
        }
        Ok(Fold::from_marks(&marks))
    }

    /// The parts of a data set: those that its file names, where it does ([`given`]), else a hold-out stratified by
    /// label (when every row has one) with no validation rows.
    ///
    /// # Errors
    /// As [`given`] and [`split`](Self::split).
    pub fn parts(&self, data: &Dataset, groups: Option<&[u32]>, seed: Seed) -> Result<Parts> {
        if let Some(parts) = given(data)? {
            return Ok(parts);
        }
        let strata = data.labels().ok().map(group_codes);
        let Fold { train, test } = self.split(data.len(), strata.as_deref(), groups, seed)?;
        Ok(Parts { train, validation: Vec::new(), test })
    }
}
