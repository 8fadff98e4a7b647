//! Naive Bayes over counts or tf-idf values: one pass over the data, and the result is a linear classifier.

mod complement;
mod multinomial;

pub use complement::ComplementNb;
pub use multinomial::MultinomialNb;

use prompt_core::artifact::Catalog;
use prompt_core::{Matrix, Params};
use serde_json::json;

use crate::learners::{Entry, boxed};
use crate::linear::Problem;

/// Σ of each feature over the weighted rows of each class: feature after feature, one number for each present
/// class.
fn feature_counts(x: &Matrix, problem: &Problem) -> Vec<f64> {
    let k = problem.present.len();
    let mut counts = vec![0.0; x.cols() * k];
    for (row, &class) in problem.codes.iter().enumerate() {
        let (weight, class) = (problem.weight(row), class as usize);
        if weight > 0.0 {
            x.row(row).for_each(|j, v| counts[j * k + class] += weight * v);
        }
    }
    counts
}

/// ln of each class's share of the weight, or of 1/k.
fn log_prior(problem: &Problem, fit_prior: bool) -> Vec<f64> {
    let mass = problem.class_mass();
    let total: f64 = mass.iter().sum();
    let even = -(mass.len() as f64).ln();
    mass.iter().map(|m| if fit_prior { m.ln() - total.ln() } else { even }).collect()
}

/// The naive Bayes models by name.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: MultinomialNb::NAME,
        classifier: Some(boxed::<MultinomialNb>),
        regressor: None,
        grid: |_| vec![("alpha", vec![json!(0.01), json!(0.1), json!(0.5), json!(1.0)])],
    },
    Entry {
        name: ComplementNb::NAME,
        classifier: Some(boxed::<ComplementNb>),
        regressor: None,
        grid: |_| {
            vec![
                ("alpha", vec![json!(0.1), json!(0.5), json!(1.0)]),
                ("norm", vec![json!(false), json!(true)]),
            ]
        },
    },
];

/// The fitted models are linear classifiers, whose decoders that family brings.
pub(crate) fn register(_: &mut Catalog) {}

#[cfg(test)]
mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        crate::linear::register(&mut catalog);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        multinomial_nb: MultinomialNb::default();
        complement_nb: ComplementNb::default();
        complement_nb_norm: ComplementNb::default().norm(true),
            except class_weights_are_honoured because "norm divides out how much a class weighs";
    }
}
