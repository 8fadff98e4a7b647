//! The check of what is learned piece by piece.

use std::borrow::Borrow;

use super::{Outcome, ensure, text_of};
use crate::accumulate::Accumulate;

/// Whether parts, merged in order, come to what one accumulator comes to that observed everything.
///
/// For 1, 2 and 7 parts of uneven length, each time with parts before, between and behind them that observed
/// nothing. `same` says when two results agree: exactly where counts are added, up to rounding where sums are.
///
/// ```
/// use prompt_core::Moments;
/// use prompt_core::checks::accumulate::accumulator_check;
/// let items = [(1.0, 1.0), (2.0, 0.5), (4.0, 1.0)];
/// let same = |a: &Moments, b: &Moments| (a.mean() - b.mean()).abs() < 1e-12;
/// assert_eq!(accumulator_check(Moments::default, &items, same), Ok(()));
/// ```
///
/// # Errors
/// Says for how many parts the results differ, or what an accumulator refused.
pub fn accumulator_check<X: ?Sized, I: Borrow<X>, A: Accumulate<X>>(
    new: impl Fn() -> A,
    items: &[I],
    same: impl Fn(&A::Output, &A::Output) -> bool,
) -> Outcome {
    let observe = |items: &[I]| {
        let mut part = new();
        items.iter().try_for_each(|item| part.observe(item.borrow())).map(|()| part)
    };
    let whole = text_of(observe(items).and_then(A::finish))?;
    for parts in [1, 2, 7] {
        let mut merged = new();
        for i in 0..parts {
            // Ends grow as squares, so that no two parts are of one length.
            let end = |i: usize| items.len() * i * i / (parts * parts);
            let part = items.get(end(i)..end(i + 1)).unwrap_or_default();
            text_of(observe(part).and_then(|part| merged.merge(part)))?;
            text_of(merged.merge(new()))?;
        }
        let merged = text_of(merged.finish())?;
        ensure(same(&whole, &merged), || format!("{parts} part(s) merged differ from the whole"))?;
    }
    Ok(())
}
