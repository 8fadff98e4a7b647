//! The learners by name: what configurations, `--model` and the searches choose from.

use prompt_core::artifact::Catalog;
use prompt_core::{Error, Estimator, Params, Result};
use serde_json::{Value, json};

use crate::baseline::{self, Baseline, Majority, Stratified};
use crate::bayes::{ComplementNb, MultinomialNb};
use crate::linear::{self, LinearClassifier, LinearSvm, LogisticRegression};

/// The names of all learners.
pub const NAMES: [&str; 6] = [
    LogisticRegression::NAME,
    LinearSvm::NAME,
    MultinomialNb::NAME,
    ComplementNb::NAME,
    Majority::NAME,
    Stratified::NAME,
];

/// The learner of this name, with its defaults.
///
/// ```
/// let svm = prompt_models::learners::estimator("linear_svm").unwrap();
/// assert_eq!(svm.params()["c"], 1.0);
/// let error = prompt_models::learners::estimator("linear_svc").unwrap_err().to_string();
/// assert!(error.starts_with("unknown model `linear_svc`; known: logistic_regression, linear_svm"));
/// ```
///
/// # Errors
/// [`Error::Unknown`] with the known names.
pub fn estimator(name: &str) -> Result<Box<dyn Estimator>> {
    Ok(match name {
        LogisticRegression::NAME => Box::new(LogisticRegression::default()),
        LinearSvm::NAME => Box::new(LinearSvm::default()),
        MultinomialNb::NAME => Box::new(MultinomialNb::default()),
        ComplementNb::NAME => Box::new(ComplementNb::default()),
        Majority::NAME => Box::new(Majority::default()),
        Stratified::NAME => Box::new(Stratified::default()),
        _ => return Err(Error::unknown("model", name, NAMES)),
    })
}

/// The values that a search tries when a configuration names none: for each parameter its values. Empty for
/// learners with nothing to tune.
///
/// # Errors
/// [`Error::Unknown`] with the known names.
pub fn builtin_grid(name: &str) -> Result<Vec<(&'static str, Vec<Value>)>> {
    Ok(match name {
        LogisticRegression::NAME => vec![("c", vec![json!(1.0), json!(4.0), json!(16.0), json!(64.0)])],
        LinearSvm::NAME => vec![("c", vec![json!(0.25), json!(0.5), json!(1.0), json!(2.0)])],
        MultinomialNb::NAME => vec![("alpha", vec![json!(0.01), json!(0.1), json!(0.5), json!(1.0)])],
        ComplementNb::NAME => vec![
            ("alpha", vec![json!(0.1), json!(0.5), json!(1.0)]),
            ("norm", vec![json!(false), json!(true)]),
        ],
        Majority::NAME | Stratified::NAME => vec![],
        _ => return Err(Error::unknown("model", name, NAMES)),
    })
}

/// Teaches a catalog to read every model of this crate's learners.
pub fn register(catalog: &mut Catalog) {
    for kind in linear::KINDS {
        catalog.model::<LinearClassifier>(kind);
    }
    catalog.model::<Baseline>(baseline::KIND);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_learner_and_a_legal_grid() {
        for name in NAMES {
            let learner = estimator(name).unwrap();
            assert_eq!(learner.name(), name);
            for (param, values) in builtin_grid(name).unwrap() {
                assert!(values.len() > 1);
                for value in values {
                    assert_eq!(learner.with_param(param, &value).unwrap().params()[param], value);
                }
            }
        }
        assert!(builtin_grid("nothing").is_err());
    }
}

#[cfg(test)]
mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        register(&mut catalog);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        logistic_regression: LogisticRegression::default();
        logistic_regression_plain: LogisticRegression::default().fit_intercept(false).c(10.0);
        linear_svm: LinearSvm::default();
        linear_svm_hinge: LinearSvm::default().loss(linear::Loss::Hinge).calibration(linear::Calibration::Platt);
        multinomial_nb: MultinomialNb::default();
        complement_nb: ComplementNb::default();
        complement_nb_norm: ComplementNb::default().norm(true),
            except class_weights_are_honoured because "norm divides out how much a class weighs";
        majority: Majority::default(), except it_learns because "it looks at the target alone";
        stratified: Stratified::default(), except it_learns because "it looks at the target alone";
    }
}
