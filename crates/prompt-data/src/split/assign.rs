//! Dealing out units (rows, or groups of rows) so that every part gets its share of every class.

use std::collections::BTreeMap;

use prompt_core::{Error, Result, Seed};

/// A row or a group of rows, dealt out as a whole.
pub(super) struct Unit {
    pub(super) rows: Vec<usize>,
    /// How many rows of each class; one class for all when nothing is stratified.
    pub(super) classes: Vec<usize>,
}

/// The units of `rows` rows, in an order shuffled by `seed`; large groups first when there are groups, because
/// they are the hardest to place.
pub(super) fn units(
    rows: usize,
    strata: Option<&[u32]>,
    groups: Option<&[u32]>,
    seed: Seed,
) -> Result<Vec<Unit>> {
    for (what, given) in [("classes", strata), ("groups", groups)] {
        if let Some(given) = given
            && given.len() != rows
        {
            return Err(Error::shape(format!("{what} of the rows to split"), rows, given.len()));
        }
    }
    let classes = strata.map_or(1, |s| s.iter().max().map_or(1, |m| *m as usize + 1));
    let class_of = |row: usize| strata.map_or(0, |s| s[row] as usize);
    let mut members: Vec<Vec<usize>> = match groups {
        None => (0..rows).map(|row| vec![row]).collect(),
        Some(groups) => {
            let mut by_group: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for (row, group) in groups.iter().enumerate() {
                by_group.entry(*group).or_default().push(row);
            }
            by_group.into_values().collect()
        }
    };
    seed.rng().shuffle(&mut members);
    if groups.is_some() {
        members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    }
    Ok(members
        .into_iter()
        .map(|rows| {
            let mut counts = vec![0; classes];
            for &row in &rows {
                counts[class_of(row)] += 1;
            }
            Unit { rows, classes: counts }
        })
        .collect())
}

/// How many rows of each class there are.
pub(super) fn class_totals(units: &[Unit]) -> Vec<usize> {
    let mut totals = vec![0; units.first().map_or(0, |u| u.classes.len())];
    for unit in units {
        for (total, count) in totals.iter_mut().zip(&unit.classes) {
            *total += count;
        }
    }
    totals
}

/// In how many units each class is.
pub(super) fn units_with(units: &[Unit]) -> Vec<usize> {
    let mut with = vec![0; units.first().map_or(0, |u| u.classes.len())];
    for unit in units {
        for (with, count) in with.iter_mut().zip(&unit.classes) {
            *with += usize::from(*count > 0);
        }
    }
    with
}

/// Splits `total` into shares of `weights`, whole numbers that add up (largest remainder; ties to the first).
pub(super) fn apportion(total: usize, weights: &[usize]) -> Vec<usize> {
    let sum: usize = weights.iter().sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let mut shares: Vec<usize> = weights.iter().map(|w| total * w / sum).collect();
    let mut rest: Vec<usize> = (0..weights.len()).collect();
    rest.sort_by_key(|&i| (std::cmp::Reverse(total * weights[i] % sum), i));
    let missing = total - shares.iter().sum::<usize>();
    for &i in rest.iter().take(missing) {
        shares[i] += 1;
    }
    shares
}
