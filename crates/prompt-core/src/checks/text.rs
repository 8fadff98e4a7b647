//! Checks of stages from text to numbers.

use std::ops::Range;
use std::sync::Arc;

use super::{Outcome, damage_is_refused, ensure, text_of, with_saved};
use crate::artifact::{Bundle, Catalog, Loaded};
use crate::context::FitContext;
use crate::matrix::{Matrix, SparseRow};
use crate::scratch::Scratch;
use crate::text::{Featurizer, TextEstimator};

/// A check of one estimator.
pub type Check = fn(&dyn TextEstimator, &Catalog) -> Outcome;

/// Every check by name.
pub const ALL: &[(&str, Check)] = &[
    ("fit_is_repeatable", fit_is_repeatable),
    ("threads_do_not_change_a_bit", threads_do_not_change_a_bit),
    ("one_row_is_a_row_of_the_batch", one_row_is_a_row_of_the_batch),
    ("ugly_texts_are_scored", ugly_texts_are_scored),
    ("spans_are_pieces_of_the_text", spans_are_pieces_of_the_text),
    ("bad_parameters_name_themselves", bad_parameters_name_themselves),
    ("saving_keeps_every_bit", saving_keeps_every_bit),
    ("damage_is_refused", a_damaged_artifact_is_refused),
];

/// Runs a check by name.
///
/// # Panics
/// As a test does, when the outcome is not what the exceptions let expect or there is no such check.
#[track_caller]
pub fn run(check: &str, estimator: &dyn TextEstimator, catalog: &Catalog, exceptions: &[(&str, &str)]) {
    super::run_one(ALL, check, (estimator.name(), estimator), catalog, exceptions);
}

/// One test for each stage and check; written like [`estimator_checks!`](crate::estimator_checks).
#[macro_export]
macro_rules! text_estimator_checks {
    (catalog: $catalog:expr; $($name:ident: $estimator:expr $(, except $check:ident because $reason:literal)*;)+) => {
        $(mod $name {
            #[allow(unused_imports, reason = "the estimator may need none of the surrounding names")]
            use super::*;
            const EXCEPTIONS: &[(&str, &str)] = &[$((stringify!($check), $reason)),*];
            $crate::text_estimator_checks!(@tests $catalog, $estimator;
                fit_is_repeatable threads_do_not_change_a_bit one_row_is_a_row_of_the_batch ugly_texts_are_scored
                spans_are_pieces_of_the_text bad_parameters_name_themselves saving_keeps_every_bit damage_is_refused);
        })+
    };
    (@tests $catalog:expr, $estimator:expr; $($check:ident)+) => {
        $(
            #[test]
            fn $check() {
                $crate::checks::text::run(stringify!($check), &$estimator, &$catalog, EXCEPTIONS);
            }
        )+
        #[test]
        fn every_check_is_run() {
            let run = [$(stringify!($check)),+];
            let all: Vec<&str> = $crate::checks::text::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(run.as_slice(), all.as_slice());
        }
    };
}

fn texts() -> Vec<String> {
    let words = [
        "Summarize",
        "this",
        "the",
        "report",
        "größe",
        "naïve",
        "東京",
        "42",
        "please",
        "🙂",
        "don't",
        "A_b",
        "İstanbul'da",
        "ΟΔΟΣ",
        "cre\u{300}me",
        "Straße,",
        "写一个例子。",
        "\u{3000}\"a_very_long_identifier_of_more_than_sixteen_bytes\"",
        "now — the",
    ];
    (0..600)
        .map(|i: usize| {
            (0..3 + i % 9).map(|j| words[(i * 7 + j * j) % words.len()]).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn ugly() -> Vec<String> {
    vec![
        String::new(),
        " \t\n".into(),
        "🙂🙃🙂".into(),
        "\u{0}\u{200b}\u{202e}".into(),
        "a".repeat(200_000),
        "e\u{301}".repeat(1000),
        "İSTANBUL ǅ ß ﬁ Σ".into(),
    ]
}

type Fitted = (Arc<dyn Featurizer>, Matrix);

fn fit(e: &dyn TextEstimator, ctx: &FitContext) -> Result<Fitted, String> {
    text_of(e.fit_texts(&texts(), ctx))
}

fn bits(x: &Matrix) -> Vec<(usize, u64)> {
    let mut out = Vec::new();
    for i in 0..x.rows() {
        x.row(i).for_each(|j, v| out.push((i * x.cols() + j, v.to_bits())));
    }
    out
}

fn fit_is_repeatable(e: &dyn TextEstimator, _: &Catalog) -> Outcome {
    let (a, b) = (fit(e, &FitContext::new(7))?, fit(e, &FitContext::new(7))?);
    ensure(a.0.names() == b.0.names(), || "two fits have other columns".into())?;
    ensure(bits(&a.1) == bits(&b.1), || "two fits give other numbers".into())
}

fn threads_do_not_change_a_bit(e: &dyn TextEstimator, _: &Catalog) -> Outcome {
    let first = fit(e, &FitContext::new(7).threads(1))?;
    for threads in [2, 16] {
        let other = fit(e, &FitContext::new(7).threads(threads))?;
        ensure(first.0.names() == other.0.names() && bits(&first.1) == bits(&other.1), || {
            format!("{threads} threads give other columns or numbers than one")
        })?;
    }
    Ok(())
}

fn one_row_is_a_row_of_the_batch(e: &dyn TextEstimator, _: &Catalog) -> Outcome {
    let (fitted, learned) = fit(e, &FitContext::new(7))?;
    let texts = texts();
    let batch = text_of(fitted.featurize(&texts))?;
    ensure(bits(&batch) == bits(&learned), || "fit_transform differs from fit, then transform".into())?;
    ensure(batch.cols() == fitted.width(), || "the batch has another width".into())?;
    let (mut scratch, mut row) = (Scratch::new(), SparseRow::default());
    for (i, text) in texts.iter().enumerate() {
        row.clear();
        fitted.append_row(text, 3, &mut scratch, &mut row);
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        row.view().for_each(|j, v| alone.push((j, v.to_bits())));
        batch.row(i).for_each(|j, v| together.push((j + 3, v.to_bits())));
        ensure(row.indices.windows(2).all(|w| w[0] < w[1]), || format!("row {i} is not sorted"))?;
        ensure(alone == together, || format!("row {i} alone differs from the batch"))?;
    }
    Ok(())
}

fn ugly_texts_are_scored(e: &dyn TextEstimator, _: &Catalog) -> Outcome {
    let (fitted, _) = fit(e, &FitContext::new(7))?;
    let x = text_of(fitted.featurize(&ugly()))?;
    ensure(x.rows() == ugly().len(), || "a text was lost".into())?;
    ensure(x.first_not_finite().is_none(), || "a number is not finite".into())
}

fn spans_are_pieces_of_the_text(e: &dyn TextEstimator, _: &Catalog) -> Outcome {
    let (fitted, _) = fit(e, &FitContext::new(7))?;
    for text in texts().iter().take(50).chain(&ugly()) {
        let mut wrong: Option<(u32, Range<usize>)> = None;
        fitted.visit_spans(text, &mut |column, range| {
            if column as usize >= fitted.width() || text.get(range.clone()).is_none_or(str::is_empty) {
                wrong = Some((column, range));
            }
        });
        ensure(wrong.is_none(), || {
            format!("span {wrong:?} is no piece of {:?}", text.get(..40).unwrap_or(text))
        })?;
    }
    Ok(())
}

fn bad_parameters_name_themselves(e: &dyn TextEstimator, _: &Catalog) -> Outcome {
    super::parameters_name_themselves(&e.specs(), |name, value| e.with_param(name, value).map(|_| ()))
}

fn saving_keeps_every_bit(e: &dyn TextEstimator, catalog: &Catalog) -> Outcome {
    let (fitted, before) = fit(e, &FitContext::new(7))?;
    with_saved(&*fitted, |dir| {
        let bundle = text_of(Bundle::open(dir))?;
        let Loaded::Features(back) = text_of(catalog.decode(&bundle.root))? else {
            return Err("what was saved as features is not read as such".into());
        };
        ensure(back.names() == fitted.names(), || "the columns have other names".into())?;
        ensure(bits(&text_of(back.featurize(&texts()))?) == bits(&before), || "other numbers".into())
    })
}

fn a_damaged_artifact_is_refused(e: &dyn TextEstimator, catalog: &Catalog) -> Outcome {
    let (fitted, _) = fit(e, &FitContext::new(7))?;
    with_saved(&*fitted, |dir| damage_is_refused(dir, catalog))
}
