//! Naive Bayes over counts or tf-idf values: one pass over the data, and the result is a linear classifier.

mod complement;
mod multinomial;

pub use complement::ComplementNb;
pub use multinomial::MultinomialNb;

use prompt_core::Matrix;

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
