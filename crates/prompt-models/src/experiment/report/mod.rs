//! `report.html`: the whole experiment as one page that opens without a network.
//!
//! ```text
//! head, banners → data → models → winner → pictures → blind set → worst errors → validation → notes → reproduce
//!                 └──────── every section writes `Html`, which escapes whatever is not this program's ────────┘
//! ```
//!
//! Style and script are part of the page, and its content-security policy allows nothing to be fetched. Without
//! scripts all is there but sorting and filtering. The same results give the same bytes: the page holds no date.

mod blind;
mod data;
mod errors;
mod markup;
mod models;
mod notes;
mod page;
mod pictures;
mod runs;
mod table;
mod validation;
mod winner;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wellformed;

pub use runs::{runs_html, runs_svg};

use prompt_core::Result;

use super::config::Evaluation;
use super::result::ExperimentResults;
use markup::Html;

/// The page.
///
/// What was measured is described, what was not is said: a run whose every model failed, or that has no blind set,
/// has its page too.
///
/// # Errors
/// [`Unsupported`](prompt_core::Error::Unsupported) when the winner predicts no classes.
pub fn html(results: &ExperimentResults, evaluation: &Evaluation) -> Result<String> {
    let mut h = Html::new();
    page::open(results, &mut h);
    data::section(results, &mut h);
    models::section(results, evaluation, &mut h);
    if let Some(best) = results.best() {
        winner::section(results, best, &mut h);
        pictures::section(results, best, &mut h)?;
        blind::section(results, best, evaluation, &mut h)?;
        errors::section(results, best, evaluation, &mut h)?;
    }
    validation::section(results, &mut h);
    notes::sections(results, evaluation, &mut h);
    page::close(&mut h);
    Ok(h.into_string())
}
