//! Every row held out once.

use prompt_core::{Error, Legal, Params, Result, Seed, params};

use super::Fold;
use super::assign::{Unit, class_totals, units, units_with};

params! {
    /// Divides the rows into folds; each is held out once while the others are learned from.
    ///
    /// ```
    /// use prompt_core::Seed;
    /// use prompt_data::split::KFold;
    /// let folds = KFold::default().folds(3).split(7, None, None, Seed::new(1)).unwrap();
    /// assert_eq!(folds.iter().map(|f| f.test.len()).collect::<Vec<_>>(), [3, 2, 2]);
    /// ```
    pub struct KFold named "k_fold" {
        /// Number of folds.
        folds: usize = 5, Legal::at_least(2);
    }
}

impl KFold {
    /// Splits rows `0..rows`.
    ///
    /// Without `groups`, the sizes of folds differ by one row at most; with `strata` (a class for every row), so do the
    /// rows of each class. With `groups` a group is never torn: groups are dealt out from the largest, each to the
    /// fold that keeps the class counts of the folds most even (without `strata`: to the smallest fold). Then groups
    /// change folds until every class is in as many folds as it has groups, as far as that can be had;
    /// [`Fold::missing`] tells what could not be had.
    ///
    /// # Errors
    /// Fewer rows (or groups) than folds; a stratified class with fewer rows than folds (a class that some fold
    /// would lack; scikit-learn refuses this only when *all* classes are that small); `strata` or `groups` of another
    /// length.
    pub fn split(
        &self,
        rows: usize,
        strata: Option<&[u32]>,
        groups: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Vec<Fold>> {
        self.validate()?;
        let k = self.folds;
        let units = units(rows, strata, groups, seed.derive("k_fold", 0))?;
        let kind = match (groups.is_some(), units.len()) {
            (true, 1) => "group is",
            (true, _) => "groups are",
            (false, 1) => "row is",
            (false, _) => "rows are",
        };
        if units.len() < k {
            return Err(Error::input(
                format!("{} {kind} fewer than {k} folds", units.len()),
                "take fewer folds, or give more data",
            ));
        }
        let totals = class_totals(&units);
        if strata.is_some()
            && let Some(class) = totals.iter().position(|&n| n > 0 && n < k)
        {
            return Err(Error::input(
                format!("class {class} has {} rows, fewer than {k} folds", totals[class]),
                "take fewer folds, add rows of that class, or do not stratify",
            ));
        }
        let mut fold_of = vec![0; rows];
        if groups.is_some() {
            let mut dealt = Dealt::new(&units, &totals, k);
            dealt.deal();
            dealt.repair();
            for (unit, fold) in units.iter().zip(&dealt.fold_of) {
                for &row in &unit.rows {
                    fold_of[row] = *fold;
                }
            }
            if let Some(fold) = (0..k).find(|fold| !fold_of.contains(fold)) {
                return Err(Error::input(
                    format!("fold {} of {k} would hold out no row: the groups are too large", fold + 1),
                    "take fewer folds, give more data, or let groups be divided",
                ));
            }
        } else {
            // One card after the other, class by class: the next class goes on where the last one stopped, so that
            // the folds differ by one row in every class and in all.
            let mut next = 0;
            for class in 0..totals.len() {
                for unit in units.iter().filter(|u| u.classes[class] > 0) {
                    for &row in &unit.rows {
                        fold_of[row] = next % k;
                    }
                    next += 1;
                }
            }
        }
        Ok(folds(&fold_of, k))
    }
}

/// Which fold each group is in, and what that makes of the classes.
struct Dealt<'a> {
    units: &'a [Unit],
    totals: &'a [usize],
    fold_of: Vec<usize>,
    /// For each fold the rows of each class, and the groups that have some.
    rows: Vec<Vec<usize>>,
    groups: Vec<Vec<usize>>,
}

impl<'a> Dealt<'a> {
    fn new(units: &'a [Unit], totals: &'a [usize], k: usize) -> Self {
        let none = || vec![vec![0; totals.len()]; k];
        Self { units, totals, fold_of: vec![0; units.len()], rows: none(), groups: none() }
    }

    /// Each group to the fold where the shares of the classes become most even.
    fn deal(&mut self) {
        for i in 0..self.units.len() {
            // A class's first group grows every fold alike: then the smallest fold takes it.
            let size = |fold: usize| self.rows[fold].iter().sum::<usize>();
            let best = (0..self.rows.len())
                .min_by(|&a, &b| {
                    self.growth(i, a).total_cmp(&self.growth(i, b)).then_with(|| size(a).cmp(&size(b)))
                })
                .unwrap_or(0);
            self.put(i, best);
        }
    }

    /// Moves groups of classes that some fold lacks, from folds that have several, without taking another class's last
    /// group from there.
    fn repair(&mut self) {
        let with = units_with(self.units);
        let k = self.rows.len();
        let mut classes: Vec<usize> = (0..with.len()).filter(|&c| with[c] > 1).collect();
        classes.sort_by_key(|&c| (with[c], c));
        for class in classes {
            while let Some(lacking) = (0..k).find(|&fold| self.groups[fold][class] == 0) {
                let spare = |i: &usize| {
                    let (classes, there) = (&self.units[*i].classes, &self.groups[self.fold_of[*i]]);
                    classes[class] > 0 && (0..classes.len()).all(|c| classes[c] == 0 || there[c] > 1)
                };
                let best = (0..self.units.len())
                    .filter(spare)
                    .min_by(|&a, &b| self.growth(a, lacking).total_cmp(&self.growth(b, lacking)));
                let Some(i) = best else { break };
                let from = self.fold_of[i];
                for (c, count) in self.units[i].classes.iter().enumerate() {
                    self.rows[from][c] -= count;
                    self.groups[from][c] -= usize::from(*count > 0);
                }
                self.put(i, lacking);
            }
        }
    }

    /// How much less even the classes become with a group in a fold: the sum of squared shares grows least where the
    /// classes of the group are scarcest; each class counts alike.
    fn growth(&self, i: usize, fold: usize) -> f64 {
        (0..self.totals.len())
            .filter(|&c| self.totals[c] > 0)
            .map(|c| {
                let share = |n: usize| n as f64 / self.totals[c] as f64;
                let there = self.rows[fold][c];
                share(there + self.units[i].classes[c]).powi(2) - share(there).powi(2)
            })
            .sum()
    }

    fn put(&mut self, i: usize, fold: usize) {
        self.fold_of[i] = fold;
        for (c, count) in self.units[i].classes.iter().enumerate() {
            self.rows[fold][c] += count;
            self.groups[fold][c] += usize::from(*count > 0);
        }
    }
}

fn folds(fold_of: &[usize], k: usize) -> Vec<Fold> {
    (0..k).map(|fold| Fold::from_marks(&fold_of.iter().map(|&f| f == fold).collect::<Vec<_>>())).collect()
}

/// Each group held out once, in the order of the group numbers. Gives the group with its fold.
///
/// # Errors
/// [`Error::Input`] for fewer than two groups.
pub fn leave_one_group_out(groups: &[u32]) -> Result<Vec<(u32, Fold)>> {
    let names: std::collections::BTreeSet<u32> = groups.iter().copied().collect();
    if names.len() < 2 {
        return Err(Error::input(
            format!("{} groups; at least two are needed to leave one out", names.len()),
            "group the rows by another field",
        ));
    }
    Ok(names
        .into_iter()
        .map(|name| (name, Fold::from_marks(&groups.iter().map(|&g| g == name).collect::<Vec<_>>())))
        .collect())
}
