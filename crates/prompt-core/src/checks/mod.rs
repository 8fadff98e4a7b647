//! The examination that every estimator sits (feature `checks`, for tests).
//!
//! One named test for each estimator and check. A check that an estimator cannot pass is excepted with a reason,
//! and the exception fails as soon as it is no longer needed.
//!
//! ```
//! # mod shrink {
//! # pub fn catalog() -> prompt_core::artifact::Catalog { prompt_core::artifact::Catalog::new() }
//! # }
//! // In a crate's tests:
//! // prompt_core::estimator_checks! {
//! //     catalog: crate::catalog();
//! //     logistic_regression: LogisticRegression::default();
//! //     my_learner: MyLearner::default(), except sparse_and_dense_agree because "bins differ";
//! // }
//! assert!(prompt_core::checks::learner::ALL.iter().any(|(name, _)| *name == "fit_is_repeatable"));
//! ```

pub mod accumulate;
pub mod learner;
pub mod text;

use serde_json::Value;

use crate::artifact::{Bundle, Catalog, Manifest, Persist};
use crate::error::Error;
use crate::param::ParamSpec;

/// What a check found.
pub type Outcome = Result<(), String>;

/// Panics, as a test does, unless the outcome is what the exceptions let expect.
#[track_caller]
pub fn expect(estimator: &str, check: &str, exceptions: &[(&str, &str)], outcome: Outcome) {
    let exception = exceptions.iter().find(|(name, _)| *name == check);
    match (outcome, exception) {
        (Ok(()), None) => {}
        (Err(_), Some((_, reason))) => {
            assert!(!reason.is_empty(), "{estimator}: {check}: the exception gives no reason");
        }
        (Err(found), None) => unmet(&format!("{estimator} fails {check}: {found}")),
        (Ok(()), Some(_)) => unmet(&format!("{estimator} passes {check} now: remove the exception")),
    }
}

#[track_caller]
fn unmet(message: &str) {
    assert!(message.is_empty(), "{message}");
}

/// A check of one estimator.
type Check<E> = fn(&E, &Catalog) -> Outcome;

/// Runs the check of this name out of a list.
#[track_caller]
fn run_one<E: ?Sized>(
    all: &[(&str, Check<E>)],
    check: &str,
    (name, estimator): (&str, &E),
    catalog: &Catalog,
    exceptions: &[(&str, &str)],
) {
    let outcome = match all.iter().find(|(name, _)| *name == check) {
        Some((_, f)) => f(estimator, catalog),
        None => Err("there is no such check".to_owned()),
    };
    expect(name, check, exceptions, outcome);
}

/// Every default is legal and every parameter is documented and refuses a bad example by its own name.
fn parameters_name_themselves(
    specs: &[ParamSpec],
    set: impl Fn(&str, &Value) -> crate::Result<()>,
) -> Outcome {
    for spec in specs {
        ensure(spec.legal.allows(&spec.default), || format!("the default of `{}` is illegal", spec.name))?;
        ensure(!spec.doc.is_empty(), || format!("`{}` has no documentation", spec.name))?;
        let Some(bad) = spec.legal.illegal_example() else { continue };
        match set(spec.name, &bad) {
            Err(error @ Error::Param { .. }) if error.to_string().contains(spec.name) => {}
            Err(other) => return Err(format!("`{}` = {bad} gives another error: {other}", spec.name)),
            Ok(()) => return Err(format!("`{}` = {bad} is accepted", spec.name)),
        }
    }
    Ok(())
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn text_of<T>(result: crate::Result<T>) -> Result<T, String> {
    result.map_err(|e| e.to_string())
}

/// Saves into a folder of its own, hands the folder to `look`, and removes it.
fn with_saved(thing: &dyn Persist, look: impl FnOnce(&std::path::Path) -> Outcome) -> Outcome {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("prompt-check-{}-{unique}", std::process::id()));
    let outcome = text_of(crate::artifact::save(&dir, thing, Manifest::default())).and_then(|_| look(&dir));
    let _ = std::fs::remove_dir_all(&dir);
    outcome
}

/// Every file of the folder in turn is cut short, then changed in one byte; the folder must be refused each time.
fn damage_is_refused(dir: &std::path::Path, catalog: &Catalog) -> Outcome {
    let entries = std::fs::read_dir(dir).map_err(|e| e.to_string())?;
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        let whole = std::fs::read(&path).map_err(|e| e.to_string())?;
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        if let Some(byte) = flipped.get_mut(middle) {
            *byte ^= 1;
        }
        let half = whole.get(..middle).unwrap_or_default().to_vec();
        for (what, bytes) in [("one byte changed", flipped), ("cut in half", half), ("empty", Vec::new())] {
            std::fs::write(&path, &bytes).map_err(|e| e.to_string())?;
            let opened = Bundle::open(dir).and_then(|b| catalog.decode(&b.root).map(|_| ()));
            ensure(opened.is_err(), || format!("{} with {what} was opened", path.display()))?;
        }
        std::fs::write(&path, &whole).map_err(|e| e.to_string())?;
    }
    Ok(())
}
