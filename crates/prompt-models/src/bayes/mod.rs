//! Naive Bayes: features are taken for independent within a class, so that one or two passes over the data do.
//!
//! All learn from sums that parts of the data add up to: see [`BayesAccumulator`].
//!
//! [`MultinomialNb`] and [`ComplementNb`] are for counts and tf-idf values and become linear classifiers,
//! [`BernoulliNb`] for features that are there or not, [`GaussianNb`] for measured numbers.

mod bernoulli;
mod complement;
mod counts;
mod gaussian;
mod multinomial;

pub use bernoulli::{BernoulliModel, BernoulliNb};
pub use complement::ComplementNb;
pub use counts::{BayesAccumulator, ClassRow};
pub use gaussian::{GaussianModel, GaussianNb};
pub use multinomial::MultinomialNb;

use prompt_core::Params;
use prompt_core::artifact::Catalog;
use serde_json::json;

use crate::learners::{Entry, boxed};

/// ln of each class's share of the weight, or of 1/k.
fn log_prior(mass: &[f64], fit_prior: bool) -> Vec<f64> {
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
    Entry {
        name: BernoulliNb::NAME,
        classifier: Some(boxed::<BernoulliNb>),
        regressor: None,
        grid: |_| vec![("alpha", vec![json!(0.01), json!(0.1), json!(1.0)])],
    },
    Entry {
        name: GaussianNb::NAME,
        classifier: Some(boxed::<GaussianNb>),
        regressor: None,
        grid: |_| vec![("var_smoothing", vec![json!(1e-9), json!(1e-6), json!(1e-3)])],
    },
];

/// Teaches a catalog to read the fitted models that are no linear classifiers (whose decoders that family brings).
pub(crate) fn register(catalog: &mut Catalog) {
    catalog.model::<BernoulliModel>(bernoulli::KIND).model::<GaussianModel>(gaussian::KIND);
}

#[cfg(test)]
mod examination {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new();
        crate::linear::register(&mut catalog);
        register(&mut catalog);
        catalog
    }

    prompt_core::estimator_checks! {
        catalog: catalog();
        multinomial_nb: MultinomialNb::default();
        complement_nb: ComplementNb::default();
        complement_nb_norm: ComplementNb::default().norm(true),
            except class_weights_are_honoured because "norm divides out how much a class weighs";
        bernoulli_nb: BernoulliNb::default();
        gaussian_nb: GaussianNb::default();
    }
}
