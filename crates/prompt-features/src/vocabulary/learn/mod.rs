//! Which terms there are in many texts, and how often each occurs.

mod grams;
mod words;

use prompt_core::{FitContext, Result, Texts};

use super::corpus::Corpus;
use crate::text::{Analysis, Analyzer};

/// Which terms are worth keeping as they are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// Terms that occur less often go.
    pub(crate) floor: u64,
    /// Only so many stay: the most frequent, and of equally frequent ones the first in order.
    pub(crate) top: Option<usize>,
}

impl Keep {
    /// Raises the floor to the count of the last term that would stay. Whatever occurs less often, and whatever
    /// contains it, cannot stay.
    fn raise(&mut self, counts: &mut [u64]) {
        let Some(top) = self.top.filter(|top| (1..=counts.len()).contains(top)) else { return };
        let (_, last, _) = counts.select_nth_unstable_by(top - 1, |a, b| b.cmp(a));
        self.floor = self.floor.max(*last);
    }
}

/// The terms to keep, in order, and the words that the texts were read into.
pub(crate) fn learn(
    analysis: &Analysis,
    texts: &dyn Texts,
    keep: Keep,
    ctx: &FitContext,
) -> Result<(Vec<String>, Option<Corpus>)> {
    if analysis.analyzer == Analyzer::Char {
        return Ok((grams::of_texts(analysis, texts, keep, ctx)?, None));
    }
    let corpus = Corpus::read(analysis, texts, ctx);
    ctx.check()?;
    let terms = if analysis.analyzer == Analyzer::Word {
        words::learn(&corpus, analysis.ngram_range, keep, ctx)?
    } else {
        grams::of_words(&corpus, analysis, keep, ctx)?
    };
    Ok((terms, Some(corpus)))
}

/// Of terms that reach the floor, those that stay, in order.
fn select(mut terms: Vec<(String, u64)>, top: Option<usize>) -> Vec<String> {
    let by_count = |a: &(String, u64), b: &(String, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0));
    if let Some(top) = top.filter(|&top| top < terms.len()) {
        terms.select_nth_unstable_by(top, by_count);
        terms.truncate(top);
    }
    let mut terms: Vec<String> = terms.into_iter().map(|(term, _)| term).collect();
    terms.sort_unstable();
    terms
}
