//! Every row held out once.

use prompt_core::{Error, Legal, Params, Result, Seed, params};

use super::Fold;
use super::assign::{class_totals, units};

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
    /// fold that keeps the class counts of the folds most even (without `strata`: to the smallest fold).
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
        let kind = if groups.is_some() { "groups" } else { "rows" };
        if units.len() < k {
            return Err(Error::input(
                format!("{} {kind} are fewer than {k} folds", units.len()),
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
            deal_groups(&units, &totals, k, &mut fold_of);
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

/// Each group to the fold where the shares of the classes become most even.
fn deal_groups(units: &[super::assign::Unit], totals: &[usize], k: usize, fold_of: &mut [usize]) {
    let mut counts = vec![vec![0_usize; totals.len()]; k];
    for unit in units {
        // The sum of squares grows least where the classes of this group are scarcest; each class counts alike.
        let growth = |fold: usize| -> f64 {
            (0..totals.len())
                .filter(|&c| totals[c] > 0)
                .map(|c| {
                    let share = |n: usize| n as f64 / totals[c] as f64;
                    share(counts[fold][c] + unit.classes[c]).powi(2) - share(counts[fold][c]).powi(2)
                })
                .sum()
        };
        // A class's first group grows every fold alike: then the smallest fold takes it.
        let size = |fold: usize| counts[fold].iter().sum::<usize>();
        let best = (0..k)
            .min_by(|&a, &b| growth(a).total_cmp(&growth(b)).then_with(|| size(a).cmp(&size(b))))
            .unwrap_or(0);
        for (count, more) in counts[best].iter_mut().zip(&unit.classes) {
            *count += more;
        }
        for &row in &unit.rows {
            fold_of[row] = best;
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
