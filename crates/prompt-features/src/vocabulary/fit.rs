//! From texts to a vocabulary and the texts' counts.

use prompt_core::{Error, FitContext, Result, Texts};

use super::corpus::REMEMBERED;
use super::learn::{Keep, learn};
use super::limits::FREQUENCY;
use super::{Counts, Limits, Vocabulary};
use crate::text::Analysis;

/// Learns the terms of `texts` within `limits`, and counts them. `owner` names the estimator in errors.
///
/// Terms are counted in passes that drop early what cannot stay. Where only total counts decide, the terms are
/// known before any row is; where document frequencies decide, the rows of all candidates are counted and then
/// cut down.
///
/// # Errors
/// No texts, no terms, or limits that leave none.
pub(crate) fn fit(
    owner: &str,
    analysis: &Analysis,
    limits: &Limits,
    texts: &dyn Texts,
    ctx: &FitContext,
) -> Result<(Vocabulary, Counts)> {
    let n = texts.count();
    if n == 0 {
        return Err(no_texts(owner));
    }
    if let Some(terms) = &limits.vocabulary {
        let vocabulary = Vocabulary::new(analysis, terms.clone())?;
        let counts = Counts::of_texts(&vocabulary, texts, ctx);
        return Ok((vocabulary, counts));
    }
    let (low, high) = bounds(owner, limits, n)?;
    let prunes = prunes((low, high), n);
    let ranks_by_df = limits.binary && limits.max_features.is_some();
    let top = limits.max_features.filter(|_| !prunes && !ranks_by_df);
    let (terms, corpus) = learn(analysis, texts, Keep { floor: low.ceil().max(1.0) as u64, top }, ctx)?;
    ctx.check()?;
    if terms.is_empty() {
        return Err(if prunes {
            nothing_left(owner, (low, high), n)
        } else {
            nothing_found(owner, analysis)
        });
    }
    let mut vocabulary = Vocabulary::new(analysis, terms)?;
    let mut counts = match &corpus {
        Some(corpus) => Counts::of_corpus(&vocabulary, corpus, ctx),
        None => Counts::of_texts(&vocabulary, texts, ctx),
    };
    if prunes || ranks_by_df {
        let columns = choose(limits, (low, high), &counts.df, || counts.totals());
        if columns.is_empty() {
            return Err(nothing_left(owner, (low, high), n));
        }
        if columns.len() < counts.df.len() {
            counts.select(&columns, ctx);
            let kept = columns.iter().map(|&c| vocabulary.names().get(c as usize).into_owned()).collect();
            vocabulary = Vocabulary::new(analysis, kept)?;
        }
    }
    if let Some(corpus) = &corpus {
        vocabulary.remember(corpus.frequent(REMEMBERED), ctx);
    }
    Ok((vocabulary, counts))
}

/// The least and the largest number of the `n` texts that a term may occur in.
pub(super) fn bounds(owner: &str, limits: &Limits, n: usize) -> Result<(f64, f64)> {
    let (low, high) = (limits.min_df.of(n), limits.max_df.of(n));
    if low <= high {
        return Ok((low, high));
    }
    Err(Error::param(
        owner,
        "max_df",
        format!("{FREQUENCY} that is at least min_df ({low} of {n} documents)"),
        limits.max_df,
    ))
}

/// Whether such bounds leave any term out.
pub(super) fn prunes((low, high): (f64, f64), n: usize) -> bool {
    low > 1.0 || high < n as f64
}

/// The columns within the bounds, and of them the most frequent; rising. Columns are in the order of their terms.
pub(super) fn choose(
    limits: &Limits,
    (low, high): (f64, f64),
    df: &[u64],
    totals: impl FnOnce() -> Vec<u64>,
) -> Vec<u32> {
    let inside = |df: u64| df as f64 >= low && df as f64 <= high;
    let mut columns: Vec<u32> =
        (0..).zip(df).filter(|(_, df)| inside(**df)).map(|(column, _)| column).collect();
    if let Some(top) = limits.max_features.filter(|&top| top < columns.len()) {
        let totals = if limits.binary { df.to_vec() } else { totals() };
        // Stable, so that equal totals fall to the first term.
        columns.sort_by_key(|&column| std::cmp::Reverse(totals[column as usize]));
        columns.truncate(top);
        columns.sort_unstable();
    }
    columns
}

pub(super) fn no_texts(owner: &str) -> Error {
    Error::input(format!("{owner}: no texts to learn from"), "give at least one text")
}

pub(super) fn nothing_found(owner: &str, analysis: &Analysis) -> Error {
    let (what, help) = match analysis.analyzer {
        crate::text::Analyzer::Word => (
            "the texts hold no word that the token pattern takes and that is not a stop word",
            "check the texts, use fewer stop words, or set analyzer to char_wb",
        ),
        _ => (
            "the texts hold no n-gram of the asked lengths",
            "check the texts (are they empty?) or lower ngram_range",
        ),
    };
    Error::input(format!("{owner}: empty vocabulary: {what}"), help)
}

pub(super) fn nothing_left(owner: &str, (low, high): (f64, f64), n: usize) -> Error {
    Error::input(
        format!("{owner}: no term occurs in between {low} and {high} of the {n} documents"),
        "lower min_df or raise max_df",
    )
}
