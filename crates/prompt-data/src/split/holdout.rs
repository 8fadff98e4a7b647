//! One part to learn from, one held out.

use prompt_core::{Error, Legal, Params, Result, Seed, params};

use super::assign::{Unit, apportion, class_totals, units, units_with};
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
    /// sizes of the groups allow. Then groups change sides until every class that lies in several groups is on both
    /// sides, as far as that can be had; a class that lies in one group stays with the rows to learn from.
    /// [`Fold::missing`] tells what could not be had.
    ///
    /// # Errors
    /// A share out of range; fewer than two rows or two groups; a stratified class with one row; groups of which each
    /// holds the only rows of a class; `strata` or `groups` of another length.
    pub fn split(
        &self,
        rows: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Fold> {
        self.validate()?;
        let units = units(rows, strata, groups, seed.derive("hold_out", 0))?;
        let kind = match (groups.is_some(), units.len()) {
            (true, 1) => "group",
            (true, _) => "groups",
            (false, 1) => "row",
            (false, _) => "rows",
        };
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
        let mut sides = Sides::new(&units, totals, quota);
        if !sides.hold_out() {
            return Err(Error::input(
                "every group holds the only rows of some class, so that none can be held out",
                "add rows that are less alike, or let groups be divided",
            ));
        }
        sides.repair();
        let mut marks = vec![false; rows];
        for (unit, _) in units.iter().zip(&sides.held).filter(|(_, held)| **held) {
            for &row in &unit.rows {
                marks[row] = true;
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

/// Which units are held out, and what that makes of the classes.
struct Sides<'a> {
    units: &'a [Unit],
    held: Vec<bool>,
    /// Rows held out, of each class.
    counts: Vec<usize>,
    totals: Vec<usize>,
    quota: Vec<usize>,
    /// In how many units each class is.
    with: Vec<usize>,
}

impl<'a> Sides<'a> {
    fn new(units: &'a [Unit], totals: Vec<usize>, quota: Vec<usize>) -> Self {
        let counts = vec![0; quota.len()];
        Self { units, held: vec![false; units.len()], counts, totals, quota, with: units_with(units) }
    }

    /// Holds out what brings the classes closer to their quotas; `false` when nothing may be held out.
    fn hold_out(&mut self) -> bool {
        let free: Vec<usize> = (0..self.units.len())
            .filter(|&i| (0..self.totals.len()).all(|c| self.units[i].classes[c] == 0 || self.with[c] > 1))
            .collect();
        let mut left = self.units.len();
        for &i in &free {
            if left > 1 && self.distance_with(i) < self.distance() {
                self.swap(i);
                left -= 1;
            }
        }
        if left == self.units.len() {
            let nearest = free.iter().copied().min_by_key(|&i| self.distance_with(i));
            nearest.map(|i| self.swap(i)).is_some()
        } else {
            true
        }
    }

    /// Moves units until every class that is in several of them is on both sides, as far as that can be had.
    fn repair(&mut self) {
        let mut classes: Vec<usize> = (0..self.totals.len()).filter(|&c| self.with[c] > 1).collect();
        classes.sort_by_key(|&c| (self.with[c], c));
        // A move takes no class from the side that it leaves, so each round that moves something helps.
        for _ in 0..=classes.len() {
            let mut moved = false;
            for &class in &classes {
                let held = self.counts[class];
                if held > 0 && held < self.totals[class] {
                    continue;
                }
                let best = (0..self.units.len())
                    .filter(|&i| self.units[i].classes[class] > 0 && self.loses(i) == 0)
                    .min_by_key(|&i| self.distance_with(i));
                if let Some(i) = best {
                    self.swap(i);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// How many classes would vanish from the side that unit `i` would leave.
    fn loses(&self, i: usize) -> usize {
        let there = |c: usize| if self.held[i] { self.counts[c] } else { self.totals[c] - self.counts[c] };
        let classes = &self.units[i].classes;
        (0..classes.len()).filter(|&c| classes[c] > 0 && there(c) == classes[c]).count()
    }

    /// How far the held-out classes are from their quotas.
    fn distance(&self) -> usize {
        self.quota.iter().zip(&self.counts).map(|(quota, held)| quota.abs_diff(*held)).sum()
    }

    /// The same with unit `i` on the other side.
    fn distance_with(&self, i: usize) -> usize {
        let after = |c: usize| {
            let count = self.units[i].classes[c];
            if self.held[i] { self.counts[c] - count } else { self.counts[c] + count }
        };
        (0..self.quota.len()).map(|c| self.quota[c].abs_diff(after(c))).sum()
    }

    fn swap(&mut self, i: usize) {
        for (held, count) in self.counts.iter_mut().zip(&self.units[i].classes) {
            if self.held[i] {
                *held -= count;
            } else {
                *held += count;
            }
        }
        self.held[i] = !self.held[i];
    }
}
