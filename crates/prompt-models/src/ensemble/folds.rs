//! Rows that are held out from a member.

use std::borrow::Cow;

use prompt_core::{Error, FitContext, Matrix, Result, Target};
use prompt_data::split::{Fold, KFold};

/// The rows that weigh something: a row of weight zero is as if it were not there, also for draws and folds.
pub(crate) fn counted<'a>(x: &'a Matrix, y: &'a Target) -> (Cow<'a, Matrix>, Cow<'a, Target>) {
    match y.weights() {
        Some(weights) if weights.contains(&0.0) => {
            let rows: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
            (Cow::Owned(x.select_rows(&rows)), Cow::Owned(y.select(&rows)))
        }
        _ => (Cow::Borrowed(x), Cow::Borrowed(y)),
    }
}

/// Up to `k` folds of the target's rows, stratified by class where it has classes; fewer where a class has fewer rows.
///
/// # Errors
/// Fewer than two rows, or a class with a single one.
pub(crate) fn held_out_folds(who: &str, y: &Target, k: usize, ctx: &FitContext) -> Result<Vec<Fold>> {
    let strata = y.as_classes().ok().map(|(codes, _)| codes);
    let smallest = match strata {
        Some(codes) => {
            let of_classes = rows_by_class(codes);
            of_classes.iter().map(Vec::len).filter(|n| *n > 0).min().unwrap_or(0)
        }
        None => y.len(),
    };
    if smallest < 2 {
        return Err(too_few(who, smallest));
    }
    KFold::default().folds(k.min(smallest)).split(y.len(), strata, None, ctx.seed())
}

/// One part of the rows to learn from, another to hold out: `share` of the rows of every class, to within one row; at least
/// one row of each class on either side.
///
/// # Errors
/// Fewer than two rows, or a class with a single one.
pub(crate) fn stratified_part(who: &str, y: &Target, share: f64, ctx: &FitContext) -> Result<Fold> {
    let strata = match y.as_classes() {
        Ok((codes, _)) => rows_by_class(codes),
        Err(_) => vec![(0..y.len()).collect()],
    };
    let strata: Vec<Vec<usize>> = strata.into_iter().filter(|rows| !rows.is_empty()).collect();
    let smallest = strata.iter().map(Vec::len).min().unwrap_or(0);
    if smallest < 2 {
        return Err(too_few(who, smallest));
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (class, mut rows) in strata.into_iter().enumerate() {
        ctx.seed().derive("held_out", class as u64).rng().shuffle(&mut rows);
        let held_out = (share * rows.len() as f64).round().clamp(1.0, rows.len() as f64 - 1.0);
        let (held_out, learned) = rows.split_at(held_out as usize);
        test.extend_from_slice(held_out);
        train.extend_from_slice(learned);
    }
    train.sort_unstable();
    test.sort_unstable();
    Ok(Fold { train, test })
}

fn rows_by_class(codes: &[u32]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (row, &code) in codes.iter().enumerate() {
        let code = code as usize;
        if rows.len() <= code {
            rows.resize(code + 1, Vec::new());
        }
        rows[code].push(row);
    }
    rows
}

fn too_few(who: &str, smallest: usize) -> Error {
    Error::input(
        format!("{who}: {smallest} row(s) of the rarest class cannot be learned from and held out"),
        "give at least two rows of every class",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_every_class_is_held_out_to_within_a_row() {
        let y = Target::labels((0..1010).map(|i| if i < 1000 { "usual" } else { "rare" }));
        let (codes, _) = y.as_classes().unwrap();
        for share in [0.05, 0.3, 0.4, 0.45, 0.62, 0.9] {
            let Fold { train, test } = stratified_part("it", &y, share, &FitContext::new(1)).unwrap();
            let all: std::collections::BTreeSet<usize> = train.iter().chain(&test).copied().collect();
            assert_eq!((all.len(), train.len() + test.len()), (1010, 1010));
            for (class, rows) in [(0, 10.0), (1, 1000.0)] {
                let held = test.iter().filter(|&&row| codes[row] == class).count() as f64;
                assert!((held - share * rows).abs() <= 1.0, "{share}: {held} of {rows}");
            }
            let numbers = Target::regression((0..50).map(f64::from).collect()).unwrap();
            let part = stratified_part("it", &numbers, share, &FitContext::new(1)).unwrap();
            assert!((part.test.len() as f64 - share * 50.0).abs() <= 1.0, "{share}");
            assert_eq!(part.test, stratified_part("it", &numbers, share, &FitContext::new(1)).unwrap().test);
        }
        let single = Target::labels(["a", "a", "b"]);
        let error = stratified_part("it", &single, 0.5, &FitContext::new(1)).unwrap_err().to_string();
        assert!(error.starts_with("it: 1 row(s) of the rarest class"), "{error}");
    }
}
