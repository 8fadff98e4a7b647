//! Learners and calibrators against scikit-learn, from `tests/reference/models` (made by its `make.py`).

use std::collections::BTreeMap;

use prompt_core::artifact::Persist;
use prompt_core::{Fit, FitContext, Learner, Matrix, Target};
use prompt_models::bayes::{ComplementNb, MultinomialNb};
use prompt_models::calibrate::{Isotonic, Margins, fit_platt};
use prompt_models::linear::{LinearClassifier, LinearSvm, LogisticRegression};
use serde::Deserialize;
use serde_json::Value;

use crate::fixture::{self, sparse, with};

#[derive(Deserialize)]
struct Fixture {
    data: BTreeMap<String, Data>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Data {
    x: Vec<Vec<f64>>,
    y: Vec<u32>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    learner: String,
    classes: usize,
    params: BTreeMap<String, Value>,
    weighted: bool,
    objective: Option<f64>,
    expect: Vec<Vec<f64>>,
}

impl Data {
    fn target(&self, weighted: bool) -> Target {
        let y = Target::labels(self.y.iter().map(|c| ["a", "b", "c", "d", "e"][*c as usize]));
        if weighted { y.with_weights(self.weights.clone()).unwrap() } else { y }
    }
}

fn fit<L: Learner<Fitted = LinearClassifier>>(case: &Case, x: &Matrix, y: &Target) -> LinearClassifier {
    with::<L>(&case.params).fit(x, y, &FitContext::new(3)).unwrap()
}

/// Runs all cases of a learner and checks the largest difference in what it gives and, where there is one, in the
/// relative objective.
fn check<L: Learner<Fitted = LinearClassifier>>(count: usize, tolerance: f64, margins: bool) {
    let fixture: Fixture = fixture::read("models/learners.json");
    let cases: Vec<&Case> = fixture.cases.iter().filter(|c| c.learner == L::NAME).collect();
    assert_eq!(cases.len(), count);
    for case in cases {
        let data = &fixture.data[&case.classes.to_string()];
        let (x, y) = (sparse(&data.x), data.target(case.weighted));
        let model = fit::<L>(case, &x, &y);
        let about =
            format!("{} {:?} {} classes, weighted: {}", L::NAME, case.params, case.classes, case.weighted);
        if let Some(expected) = case.objective {
            let summary = model.summary().unwrap();
            assert!(summary.converged, "{about}");
            let off = (summary.objective - expected) / expected;
            assert!(off.abs() < 1e-9, "{about}: objective {} instead of {expected}", summary.objective);
        }
        for (i, expected) in case.expect.iter().enumerate() {
            let mut found = vec![0.0; if margins { model.margins() } else { case.classes }];
            if margins {
                model.margins_of(x.row(i), &mut found);
            } else {
                prompt_core::Model::score_row(&model, x.row(i), &mut prompt_core::Scratch::new(), &mut found);
            }
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() < tolerance,
                    "{about}: row {i}: {found} instead of {expected}"
                );
            }
        }
        assert_eq!(model.kind(), L::NAME);
    }
}

#[test]
fn logistic_regression_reaches_the_same_minimum() {
    check::<LogisticRegression>(15, 1e-6, false);
}

#[test]
fn linear_svm_reaches_the_same_minimum() {
    check::<LinearSvm>(18, 1e-5, true);
}

#[test]
fn multinomial_naive_bayes_gives_the_same_probabilities() {
    check::<MultinomialNb>(9, 1e-10, false);
}

#[test]
fn complement_naive_bayes_gives_the_same_probabilities() {
    check::<ComplementNb>(12, 1e-10, false);
}

#[derive(Deserialize)]
struct Calibrators {
    z: Vec<f64>,
    y: Vec<u32>,
    platt: Vec<Platt>,
    weights: Vec<f64>,
    at: Vec<f64>,
    isotonic: Vec<f64>,
}

#[derive(Deserialize)]
struct Platt {
    weights: Option<Vec<f64>>,
    slope: f64,
    offset: f64,
}

#[test]
fn platt_lines_are_the_same() {
    let fixture: Calibrators = fixture::read("models/calibration.json");
    for case in fixture.platt {
        let margins = Margins { z: &fixture.z, k: 1, codes: &fixture.y, weights: case.weights.as_deref() };
        let (slope, offset) = fit_platt(&margins)[0];
        assert!((slope - case.slope).abs() < 1e-4, "{slope} instead of {}", case.slope);
        assert!((offset - case.offset).abs() < 1e-4, "{offset} instead of {}", case.offset);
    }
}

#[test]
fn isotonic_functions_are_the_same() {
    let fixture: Calibrators = fixture::read("models/calibration.json");
    let points: Vec<(f64, f64, f64)> =
        (0..fixture.z.len()).map(|i| (fixture.z[i], f64::from(fixture.y[i]), fixture.weights[i])).collect();
    let fit = Isotonic::fit(&points).unwrap();
    for (x, expected) in fixture.at.iter().zip(&fixture.isotonic) {
        assert!((fit.value(*x) - expected).abs() < 1e-10, "at {x}");
    }
}
