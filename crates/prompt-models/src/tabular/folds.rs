//! How the rows of a table are dealt into folds.

use prompt_core::{Error, Result, Seed, Target};
use prompt_data::split::{Fold, KFold, TimeSeries};
use prompt_data::table::LoadedTable;
use serde::{Deserialize, Serialize};

/// What rows of a fold have in common. Without either, rows are dealt at random, those of each class alike.
///
/// ```
/// use prompt_models::tabular::Folding;
/// let folding = Folding { time: Some("day".into()), ..Folding::default() };
/// assert!(folding.validate().is_ok());
/// assert!(Folding { group: Some("shop".into()), ..folding }.validate().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Folding {
    /// The column whose values are never divided: all rows of one are in one fold.
    pub group: Option<String>,
    /// The column of times: every fold learns from what lies before its test rows.
    pub time: Option<String>,
}

impl Folding {
    /// Checks that at most one way is asked for.
    ///
    /// # Errors
    /// [`Error::Input`] where groups and times are both given.
    pub fn validate(&self) -> Result<()> {
        match (&self.group, &self.time) {
            (Some(group), Some(time)) => Err(Error::input(
                format!("folds by the group `{group}` and by the time `{time}`"),
                "name one of the two",
            )),
            _ => Ok(()),
        }
    }

    /// The folds of these rows, and what a person should know of them.
    ///
    /// # Errors
    /// A column that is not there or has no order, fewer rows or groups than folds.
    pub(crate) fn folds(
        &self,
        (data, y): (&LoadedTable, &Target),
        rows: &[usize],
        k: usize,
        seed: Seed,
    ) -> Result<(Vec<Fold>, Vec<String>)> {
        self.validate()?;
        let (mut folds, notes) = if let Some(time) = &self.time {
            let times = data.times_of(time)?;
            let times: Vec<f64> = rows.iter().map(|&row| times[row]).collect();
            (TimeSeries::default().folds(k).split(&times)?, vec![format!("folds in the order of `{time}`")])
        } else {
            let groups = self.group.as_deref().map(|name| data.codes_of(name)).transpose()?;
            let groups: Option<Vec<u32>> = groups.map(|codes| rows.iter().map(|&row| codes[row]).collect());
            let (strata, mut notes) = strata(&y.select(rows), k);
            notes.extend(self.group.iter().map(|group| format!("no value of `{group}` is in two folds")));
            let folds = KFold::default().folds(k);
            (folds.split(rows.len(), strata.as_deref(), groups.as_deref(), seed)?, notes)
        };
        for fold in &mut folds {
            fold.train.iter_mut().chain(&mut fold.test).for_each(|row| *row = rows[*row]);
        }
        Ok((folds, notes))
    }
}

/// The classes by which folds are dealt, and what to say of them: those with fewer rows than folds are dealt together, so
/// that some folds learn without one of them or have none to test.
fn strata(y: &Target, folds: usize) -> (Option<Vec<u32>>, Vec<String>) {
    let Ok((codes, classes)) = y.as_classes() else { return (None, Vec::new()) };
    let mut counts = vec![0_usize; classes.len()];
    codes.iter().for_each(|&c| counts[c as usize] += 1);
    let rare: Vec<usize> = (0..counts.len()).filter(|&c| (1..folds).contains(&counts[c])).collect();
    let Some(&first) = rare.first() else { return (Some(codes.to_vec()), Vec::new()) };
    const SHOWN: usize = 5;
    let mut named: Vec<String> =
        rare.iter().take(SHOWN).map(|&c| format!("`{}` ({})", classes.name(c as u32), counts[c])).collect();
    if rare.len() > SHOWN {
        named.push(format!("{} more", rare.len() - SHOWN));
    }
    let note = format!(
        "{} of {} classes have fewer rows than the {folds} folds: {}. They are dealt together, so that some folds learn \
         nothing of them",
        rare.len(),
        counts.iter().filter(|n| **n > 0).count(),
        named.join(", ")
    );
    // Together they may still be fewer than the folds: then they go with the most frequent class.
    let together: usize = rare.iter().map(|&c| counts[c]).sum();
    let most = (0..counts.len()).max_by_key(|&c| counts[c]).unwrap_or(first);
    let home = if together < folds { most } else { first } as u32;
    let moved = codes.iter().map(|&c| if rare.contains(&(c as usize)) { home } else { c });
    (Some(moved.collect()), vec![note])
}
