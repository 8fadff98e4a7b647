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
            let mut counts: Vec<usize> = Vec::new();
            for &code in codes {
                let code = code as usize;
                if counts.len() <= code {
                    counts.resize(code + 1, 0);
                }
                counts[code] += 1;
            }
            counts.into_iter().filter(|n| *n > 0).min().unwrap_or(0)
        }
        None => y.len(),
    };
    if smallest < 2 {
        return Err(Error::input(
            format!("{who}: {smallest} row(s) of the rarest class cannot be learned from and held out"),
            "give at least two rows of every class",
        ));
    }
    KFold::default().folds(k.min(smallest)).split(y.len(), strata, None, ctx.seed())
}

/// One part of the rows to learn from, another to hold out: `share` of the rows, of every class alike.
///
/// # Errors
/// As [`held_out_folds`].
pub(crate) fn stratified_part(who: &str, y: &Target, share: f64, ctx: &FitContext) -> Result<Fold> {
    // One fold out of k holds out 1/k of the rows; several together come to any share.
    let k = if share <= 0.5 { (1.0 / share).round() } else { (1.0 / (1.0 - share)).round() };
    let mut folds = held_out_folds(who, y, (k as usize).max(2), ctx)?;
    let first = folds.swap_remove(0);
    Ok(if share <= 0.5 { first } else { Fold { train: first.test, test: first.train } })
}
