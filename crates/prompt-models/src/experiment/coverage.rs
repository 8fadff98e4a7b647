//! Which classes a division of the rows leaves out, and which rows stand on both sides, in words.

use std::collections::{BTreeSet, HashSet};

use prompt_core::{Classes, Error, Result};
use prompt_data::dedup::normalise;
use prompt_data::split::Fold;

/// Refuses a class that has rows, but fewer than `least`.
pub(super) fn needs(classes: &Classes, codes: &[u32], least: usize, what_for: &str) -> Result<()> {
    for class in 0..classes.len() {
        let rows = codes.iter().filter(|&&code| code as usize == class).count();
        if rows > 0 && rows < least {
            return Err(Error::input(
                format!(
                    "class `{}` has {rows} {}, fewer than the {least} that it needs {what_for}",
                    classes.name(class as u32),
                    if rows == 1 { "row" } else { "rows" }
                ),
                "add rows of that class, or leave it out",
            ));
        }
    }
    Ok(())
}

/// What divided the rows.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// The data's own split.
    Data,
    /// A hold-out that keeps these groups of near-duplicates whole, where there are some.
    Groups(Option<&'a [u32]>),
}

/// A note for each class that is not among the training, validation or test rows, where there are such rows.
pub(super) fn of_parts(classes: &Classes, codes: &[u32], by: By<'_>, parts: [&[usize]; 3]) -> Vec<String> {
    let mut notes = Vec::new();
    for (part, rows) in ["training", "validation", "test"].into_iter().zip(parts) {
        let there: BTreeSet<u32> = rows.iter().map(|&row| codes[row]).collect();
        let all: BTreeSet<u32> = codes.iter().copied().collect();
        if rows.is_empty() {
            continue;
        }
        for &class in all.difference(&there) {
            let why = match by {
                By::Data => ": the split that the data gives puts none there".to_owned(),
                By::Groups(groups) => why(class, codes, groups),
            };
            notes.push(format!("No {part} row is of class `{}`{why}.", classes.name(class)));
        }
    }
    notes
}

/// A note for each class that some folds do not hold out, or do not learn from.
pub(super) fn of_folds(
    classes: &Classes,
    codes: &[u32],
    groups: Option<&[u32]>,
    folds: &[Fold],
) -> Vec<String> {
    let missing: Vec<_> = folds.iter().map(|fold| fold.missing(codes)).collect();
    let mut notes = Vec::new();
    // A class that is nowhere among these rows is no matter of the folds.
    for class in (0..classes.len() as u32).filter(|class| codes.contains(class)) {
        let lacking = |in_train: bool| -> Vec<String> {
            missing
                .iter()
                .zip(1..)
                .filter(|(m, _)| (if in_train { &m.train } else { &m.test }).contains(&class))
                .map(|(_, number)| number.to_string())
                .collect()
        };
        for (folds_lacking, what) in [(lacking(true), "learn from"), (lacking(false), "hold out")] {
            if folds_lacking.is_empty() {
                continue;
            }
            notes.push(format!(
                "Of {} folds, {} {what} no row of class `{}`{}.",
                folds.len(),
                folds_lacking.join(", "),
                classes.name(class),
                why(class, codes, groups)
            ));
        }
    }
    notes
}

/// How a class came to be left out, where groups are why.
fn why(class: u32, codes: &[u32], groups: Option<&[u32]>) -> String {
    let Some(groups) = groups else { return String::new() };
    let of: BTreeSet<u32> = codes.iter().zip(groups).filter(|(c, _)| **c == class).map(|(_, g)| *g).collect();
    match of.len() {
        1 => ": all its rows are near-duplicates of each other, which stay together".to_owned(),
        n => format!(": its rows form {n} groups of near-duplicates, which stay together"),
    }
}

/// A complaint about too few or too large groups, with what makes them.
pub(super) fn blame_groups(error: Error) -> Error {
    match error {
        Error::Input { what, help } => Error::input(
            format!("{what} (groups are near-duplicates, which stay together)"),
            format!("{help}, or set `split.keep_near_duplicates_together = false`"),
        ),
        other => other,
    }
}

/// How many of the blind texts are training texts too (case, punctuation and spaces aside).
pub(super) fn repeated(train: &[String], blind: &[String]) -> usize {
    let blind: HashSet<String> = blind.iter().map(|text| normalise(text)).collect();
    let seen: HashSet<String> = train.iter().map(|t| normalise(t)).filter(|t| blind.contains(t)).collect();
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_named_with_its_class_and_why() {
        let classes = Classes::new(["a", "b"]).unwrap();
        let (codes, groups) = ([0, 0, 1, 1], [0, 1, 2, 2]);
        assert_eq!(
            of_parts(&classes, &codes, By::Groups(Some(&groups)), [&[0, 2, 3], &[], &[1]]),
            [
                "No test row is of class `b`: all its rows are near-duplicates of each other, which stay together."
            ]
        );
        assert_eq!(
            of_parts(&classes, &codes, By::Groups(None), [&[0, 2], &[1, 3], &[1]]),
            ["No test row is of class `b`."]
        );
        assert_eq!(
            of_parts(&classes, &codes, By::Data, [&[0, 1], &[], &[2, 3]]),
            [
                "No training row is of class `b`: the split that the data gives puts none there.",
                "No test row is of class `a`: the split that the data gives puts none there."
            ]
        );
        let folds =
            [Fold { train: vec![1, 2, 3], test: vec![0] }, Fold { train: vec![0], test: vec![1, 2, 3] }];
        let notes = of_folds(&classes, &codes, Some(&groups), &folds);
        assert!(
            notes[0].starts_with("Of 2 folds, 2 learn from no row of class `b`: all its rows"),
            "{notes:?}"
        );
        assert!(notes[1].starts_with("Of 2 folds, 1 hold out no row of class `b`"), "{notes:?}");
        let error = needs(&classes, &[0, 0, 1], 2, "here").unwrap_err().to_string();
        assert!(error.starts_with("class `b` has 1 row, fewer than the 2 that it needs here"), "{error}");
        assert_eq!(
            repeated(&["One two!".into(), "x".into(), "x".into()], &["one, TWO".into(), "y".into()]),
            1
        );
    }
}
